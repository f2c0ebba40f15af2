use crate::error::{Error, Result};

/// The longest name that the file systems written here can hold (ext4: `EXT4_NAME_LEN`).
const LONGEST_NAME: usize = 255;

/// The names in a path, which may begin with `/`; the root itself has none.
///
/// # Errors
///
/// [`Error::InvalidPath`] for empty names, `.`, `..`, NUL bytes and names over 255 bytes.
pub(super) fn split(path: &[u8]) -> Result<Vec<&[u8]>> {
    let relative = path.strip_prefix(b"/").unwrap_or(path);
    if relative.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<&[u8]> = relative.split(|byte| *byte == b'/').collect();
    for name in &names {
        check_name(name).map_err(|reason| Error::InvalidPath { path: display_path(path), reason })?;
    }
    Ok(names)
}

/// Says what is wrong with one name.
pub(super) fn check_name(name: &[u8]) -> std::result::Result<(), &'static str> {
    match name {
        b"" => Err("it has an empty name"),
        b"." | b".." => Err("`.` and `..` are not names"),
        _ if name.contains(&0) => Err("a name has a NUL byte"),
        _ if name.contains(&b'/') => Err("a name has a slash"),
        _ if name.len() > LONGEST_NAME => Err("a name is longer than 255 bytes"),
        _ => Ok(()),
    }
}

/// A path for messages: bytes that are not UTF-8 are escaped.
pub(crate) fn display_path(path: &[u8]) -> String {
    match std::str::from_utf8(path) {
        Ok(text) => text.to_owned(),
        Err(_) => path.escape_ascii().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_a_file_system_accepts() {
        assert_eq!(split(b"/").unwrap(), Vec::<&[u8]>::new());
        assert_eq!(split(b"usr/bin").unwrap(), [&b"usr"[..], b"bin"]);
        assert_eq!(split(b"/usr/\xff").unwrap(), [&b"usr"[..], b"\xff"]);
        assert!(split(&[b'a'; 255]).is_ok());
    }

    #[test]
    fn refuses_what_leads_outside_or_cannot_be_named() {
        for path in [&b"../x"[..], b"a/../b", b"a//b", b"a/", b"./a", b"a\0b", &[b'a'; 256]] {
            assert!(matches!(split(path), Err(Error::InvalidPath { .. })), "{}", display_path(path));
        }
    }
}
