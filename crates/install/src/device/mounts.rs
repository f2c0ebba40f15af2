use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use super::Places;

/// A line of `/proc/self/mountinfo` (proc_pid_mountinfo(5)).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mount {
    /// `major:minor` of the device.
    pub device: String,
    /// Where it is mounted.
    pub at: PathBuf,
    /// What it was mounted from. File systems over several devices have only this.
    pub source: PathBuf,
}

/// All mounts that this process sees; none where there is no such file.
pub(super) fn mounts(places: &Places) -> Vec<Mount> {
    let text = fs::read_to_string(places.proc.join("self/mountinfo")).unwrap_or_default();
    text.lines().filter_map(mount).collect()
}

fn mount(line: &str) -> Option<Mount> {
    let mut fields = line.split(' ');
    let device = fields.nth(2)?.to_owned();
    let at = unescape(fields.nth(1)?);
    // Optional fields end with a dash; then come the type and the source.
    let source = unescape(fields.skip_while(|field| *field != "-").nth(2)?);
    Some(Mount { device, at, source })
}

/// The device nodes and files that are swapped to (proc_swaps(5)).
pub(super) fn swaps(places: &Places) -> Vec<PathBuf> {
    let text = fs::read_to_string(places.proc.join("swaps")).unwrap_or_default();
    text.lines().skip(1).filter_map(|line| line.split_whitespace().next()).map(unescape).collect()
}

/// Blanks and backslashes are written as three octal digits.
fn unescape(field: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..3).filter(|digits| digits.iter().all(|digit| (b'0'..b'8').contains(digit)));
        match (first, digits) {
            (b'\\', Some(digits)) => {
                bytes.push(digits.iter().fold(0_u8, |value, digit| (value << 3) | (digit - b'0')));
                rest = &after[3..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    OsString::from_vec(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_with_blanks_and_optional_fields_are_read() {
        let line = r"36 35 8:1 / /media/my\040card\134 rw,noatime master:1 shared:2 - ext4 /dev/sda1 rw";
        assert_eq!(
            mount(line),
            Some(Mount {
                device: "8:1".to_owned(),
                at: r"/media/my card\".into(),
                source: "/dev/sda1".into()
            })
        );
        assert_eq!(mount("36 35 8:1"), None);
    }
}
