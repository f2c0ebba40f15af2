//! Paths of members, proven to stay within the tree.

use std::{
    ffi::OsStr,
    fmt,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use super::DebError;

/// The directories at the root that are links to their namesakes below `usr` on every Debian system since bookworm
/// (usrmerge, file-hierarchy(7)).
const MERGED: [&[u8]; 7] = [b"bin", b"sbin", b"lib", b"lib32", b"lib64", b"libo32", b"libx32"];

/// File systems that matter take no longer names.
const NAME_LIMIT: usize = 255;

/// The kernel's PATH_MAX.
const PATH_LIMIT: usize = 4096;

/// A path below the root of the unpacked tree: relative, normal, with `/bin`, `/sbin`, `/lib*` moved below `usr`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MemberPath(Vec<u8>);

impl MemberPath {
    /// Takes the path of a tar member. `./` alone, the root, becomes the empty path.
    pub(crate) fn parse(raw: &[u8]) -> Result<Self, DebError> {
        let refuse = |problem| Err(DebError::Path { path: raw.escape_ascii().to_string(), problem });
        if raw.starts_with(b"/") {
            return refuse("has an absolute path");
        }
        if raw.len() > PATH_LIMIT {
            return refuse("has a path that is too long");
        }
        let mut normal = Vec::with_capacity(raw.len() + 4);
        for name in raw.split(|byte| *byte == b'/') {
            match name {
                b"" | b"." => continue,
                b".." => return refuse("has a path that leads upwards"),
                _ if name.len() > NAME_LIMIT => return refuse("has a name that is too long"),
                _ if name.iter().any(|byte| *byte == 0 || *byte == b'\n') => {
                    return refuse("has a name with a line break or a zero in it");
                }
                _ => {}
            }
            if normal.is_empty() && MERGED.contains(&name) {
                normal.extend_from_slice(b"usr");
            }
            if !normal.is_empty() {
                normal.push(b'/');
            }
            normal.extend_from_slice(name);
        }
        Ok(MemberPath(normal))
    }

    /// The path's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The path, relative.
    pub fn as_path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.0))
    }

    /// Whether it is the root of the tree.
    pub(crate) fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The directory that it lies in; none for the root.
    pub(crate) fn parent(&self) -> Option<MemberPath> {
        if self.is_root() {
            return None;
        }
        let end = memchr::memrchr(b'/', &self.0).unwrap_or(0);
        Some(MemberPath(self.0[..end].to_vec()))
    }

    /// Where it lies below `root`.
    pub(crate) fn below(&self, root: &Path) -> PathBuf {
        root.join(self.as_path())
    }

    /// Whether a symlink here to `target` stays within the tree. An absolute target does: it starts at the root of the
    /// host that the tree becomes part of.
    pub(crate) fn link_stays_within(&self, target: &[u8]) -> bool {
        if target.starts_with(b"/") {
            return true;
        }
        let mut depth = self.0.split(|byte| *byte == b'/').count().saturating_sub(1);
        for name in target.split(|byte| *byte == b'/') {
            match name {
                b"" | b"." => {}
                b".." => match depth.checked_sub(1) {
                    Some(up) => depth = up,
                    None => return false,
                },
                _ => depth += 1,
            }
        }
        true
    }
}

impl fmt::Display for MemberPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl fmt::Debug for MemberPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// Whether a member at the root is one of the links that make a system's `/usr` merged: the tree has it as a directory
/// below `usr` already.
pub(crate) fn is_merge_link(raw: &[u8], target: &[u8]) -> bool {
    let trim = |path: &[u8]| -> Vec<u8> {
        let parts: Vec<&[u8]> =
            path.split(|byte| *byte == b'/').filter(|name| !matches!(*name, b"" | b".")).collect();
        parts.join(&b'/')
    };
    let (name, target) = (trim(raw), trim(target));
    MERGED.contains(&name.as_slice()) && target == [b"usr/", name.as_slice()].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn normal(raw: &str) -> Option<String> {
        MemberPath::parse(raw.as_bytes()).ok().map(|path| path.to_string())
    }

    #[test]
    fn paths_are_made_normal_and_merged() {
        assert_eq!(normal("./"), Some(String::new()));
        assert_eq!(normal("./usr//bin/./x"), Some("usr/bin/x".into()));
        assert_eq!(normal("./bin/sh"), Some("usr/bin/sh".into()));
        assert_eq!(normal("lib64/"), Some("usr/lib64".into()));
        assert_eq!(normal("./etc/lib/x"), Some("etc/lib/x".into()));
        assert_eq!(normal("./library"), Some("library".into()));
        assert_eq!(normal("/etc/passwd"), None);
        assert_eq!(normal("./a/../../b"), None);
        assert_eq!(normal("a\nb"), None);
    }

    #[test]
    fn links_that_lead_outside_are_seen() -> Result<(), DebError> {
        let link = MemberPath::parse(b"usr/lib/x/link")?;
        assert!(link.link_stays_within(b"../../../etc/x"));
        assert!(!link.link_stays_within(b"../../../../etc/x"));
        assert!(!link.link_stays_within(b"a/../../../../../x"));
        assert!(link.link_stays_within(b"/etc/x"));
        assert!(is_merge_link(b"./bin", b"usr/bin"));
        assert!(is_merge_link(b"lib", b"/usr/lib"));
        assert!(!is_merge_link(b"./bin", b"usr/sbin"));
        Ok(())
    }

    proptest! {
        #[test]
        fn what_is_accepted_stays_below(raw in "[a./\\PC]{0,30}") {
            if let Ok(path) = MemberPath::parse(raw.as_bytes()) {
                let path = path.as_path();
                prop_assert!(path.components().all(|part| matches!(part, std::path::Component::Normal(_))));
            }
        }
    }
}
