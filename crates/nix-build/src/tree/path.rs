//! Paths inside an output.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;

use crate::error::{Error, Result};

/// The longest file name that Linux file systems hold (`NAME_MAX`).
const LONGEST_NAME: usize = 255;

/// A path inside an output's tree: relative, normalised, without `.` and `..`; empty is the root.
/// Whoever holds one need not check again that it stays inside.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreePath(Vec<OsString>);

impl TreePath {
    /// The root of the tree.
    pub fn root() -> Self {
        TreePath(Vec::new())
    }

    /// Checks a path as it was written. A trailing slash and a leading `./` are tolerated; nothing and `.` are the root.
    ///
    /// # Errors
    /// [`Error::InvalidTreePath`] for an absolute path, `..`, an empty component, a NUL byte and for names longer
    /// than 255 bytes.
    pub fn parse(path: &str) -> Result<Self> {
        Self::from_os(OsStr::new(path))
    }

    /// As [`TreePath::parse`], for paths that need not be UTF-8.
    pub fn from_os(path: &OsStr) -> Result<Self> {
        let invalid = |problem| Error::InvalidTreePath { path: path.to_string_lossy().into_owned(), problem };
        let mut bytes = path.as_bytes();
        if bytes.first() == Some(&b'/') {
            return Err(invalid("it is absolute"));
        }
        if matches!(bytes, b"" | b"." | b"./") {
            return Ok(Self::root());
        }
        while let Some(rest) = bytes.strip_prefix(b"./") {
            bytes = rest;
        }
        let bytes = bytes.strip_suffix(b"/").unwrap_or(bytes);
        let mut names = Vec::new();
        for name in bytes.split(|byte| *byte == b'/') {
            names.push(check_name(name).map_err(invalid)?.to_os_string());
        }
        Ok(TreePath(names))
    }

    /// The path of `name` in this directory; `name` must come from a directory or a checked path.
    pub fn join(&self, name: &OsStr) -> Self {
        let mut names = self.0.clone();
        names.push(name.to_os_string());
        TreePath(names)
    }

    /// This path followed by `other`.
    pub fn append(&self, other: &TreePath) -> Self {
        TreePath(self.0.iter().chain(&other.0).cloned().collect())
    }

    /// What remains of this path below `ancestor`.
    pub fn strip_prefix(&self, ancestor: &TreePath) -> Option<TreePath> {
        self.0.strip_prefix(ancestor.0.as_slice()).map(|rest| TreePath(rest.to_vec()))
    }

    /// The names from the root downwards.
    pub fn names(&self) -> &[OsString] {
        &self.0
    }

    /// Whether this is the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The path as one string, `.` for the root.
    pub fn to_os_string(&self) -> OsString {
        if self.0.is_empty() { OsString::from(".") } else { self.0.join(OsStr::new("/")) }
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.to_os_string().to_string_lossy())
    }
}

/// Checks one component; the error says what is wrong.
pub(crate) fn check_name(name: &[u8]) -> Result<&OsStr, &'static str> {
    match name {
        b"" => Err("it has an empty component"),
        b"." => Err("it has a component '.'"),
        b".." => Err("it has a component '..'"),
        _ if name.len() > LONGEST_NAME => Err("it has a component of more than 255 bytes"),
        _ if name.contains(&0) => Err("it has a NUL byte"),
        _ if name.contains(&b'/') => Err("it has a slash within a name"),
        _ => Ok(OsStr::from_bytes(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keeps_ordinary_paths() {
        for (text, shown) in [("a", "a"), ("a/b/", "a/b"), ("./a", "a"), (".", "."), ("", ".")] {
            assert_eq!(TreePath::parse(text).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn refuses_ways_out() {
        for text in ["/", "/etc", "..", "a/..", "a/../b", "../a", "a//b", "a/./b", "./..", "a\0b", "a/\0"] {
            assert!(matches!(TreePath::parse(text), Err(Error::InvalidTreePath { .. })), "{text:?}");
        }
        assert!(TreePath::parse(&"x".repeat(256)).is_err());
        assert!(TreePath::parse(&"x".repeat(255)).is_ok());
    }

    proptest! {
        #[test]
        fn an_accepted_path_has_only_plain_names(text in "[a-c./\\x00]{0,12}") {
            if let Ok(path) = TreePath::parse(&text) {
                for name in path.names() {
                    prop_assert!(!name.is_empty() && name != "." && name != "..");
                    prop_assert!(!name.as_bytes().contains(&b'/') && !name.as_bytes().contains(&0));
                }
                prop_assert_eq!(TreePath::from_os(&path.to_os_string()).unwrap(), path);
            }
        }
    }
}
