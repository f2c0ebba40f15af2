use std::fmt;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// What a disk or partition holds, by the marks that its first blocks bear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// `ext4`, `vfat`, `gpt`, `mbr`… as blkid(8) calls them.
    pub kind: &'static str,
    /// The file system's label, if it has one.
    pub label: Option<String>,
}

impl fmt::Display for Contents {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.label {
            Some(label) => write!(formatter, "{} '{label}'", self.kind),
            None => formatter.write_str(self.kind),
        }
    }
}

/// A mark: the kind, where its bytes lie, the bytes, and where the label lies.
type Mark = (&'static str, usize, &'static [u8], Option<(usize, usize)>);

/// In the order in which they are asked: what is more particular goes first. From each format's own description.
const MARKS: &[Mark] = &[
    ("crypto_LUKS", 0, b"LUKS\xba\xbe", None),
    ("xfs", 0, b"XFSB", Some((108, 12))),
    ("squashfs", 0, b"hsqs", None),
    ("ntfs", 3, b"NTFS    ", None),
    ("exfat", 3, b"EXFAT   ", None),
    ("LVM2_member", 512, b"LABELONE", None),
    ("swap", 4086, b"SWAPSPACE2", Some((1052, 16))),
    ("erofs", 1024, b"\xe2\xe1\xf5\xe0", Some((1088, 16))),
    ("f2fs", 1024, b"\x10\x20\xf5\xf2", None),
    ("ext4", 1080, b"\x53\xef", Some((1144, 16))),
    ("iso9660", 32769, b"CD001", Some((32808, 32))),
    ("btrfs", 65600, b"_BHRfS_M", Some((65835, 256))),
    ("vfat", 82, b"FAT32   ", Some((71, 11))),
    ("vfat", 54, b"FAT1", Some((43, 11))),
    ("gpt", 512, b"EFI PART", None),
    ("mbr", 510, b"\x55\xaa", None),
];

/// What is in a file or device; `None` if nothing known is, or it may not be read.
pub fn contents(path: &Path) -> Option<Contents> {
    let file = File::open(path).ok()?;
    let at = |offset: usize, length: usize| {
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, offset as u64).ok().map(|()| bytes)
    };
    let (kind, _, _, label) =
        MARKS.iter().find(|(_, offset, mark, _)| at(*offset, mark.len()).as_deref() == Some(*mark))?;
    let label = label.and_then(|(offset, length)| at(offset, length)).and_then(|bytes| {
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_end_matches(['\0', ' ']);
        // What FAT says that has none.
        (!text.is_empty() && text != "NO NAME" && !text.contains(char::is_control)).then(|| text.to_owned())
    });
    Some(Contents { kind, label })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_and_labels_are_found() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("disk");
        let mut bytes = vec![0; 70_000];
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(contents(&path), None);
        bytes[510..512].copy_from_slice(b"\x55\xaa");
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(contents(&path).unwrap().to_string(), "mbr");
        bytes[1080..1082].copy_from_slice(b"\x53\xef");
        bytes[1144..1152].copy_from_slice(b"NIXOS_SD");
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(contents(&path).unwrap().to_string(), "ext4 'NIXOS_SD'");
        std::fs::write(&path, b"short").unwrap();
        assert_eq!(contents(&path), None);
    }
}
