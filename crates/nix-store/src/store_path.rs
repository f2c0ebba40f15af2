//! Store directories and the paths in them.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use crate::base32;
use crate::error::{Error, Result};

/// Digits of the hash part of a store path.
pub const HASH_PART_LENGTH: usize = 32;

/// Bytes that the hash part encodes.
pub const HASH_PART_BYTES: usize = 20;

/// The longest name part: a file name has 255 bytes, of which the hash part and the dash take 33, and
/// `.lock` and the like must fit behind (`libstore/path.hh` of Nix).
pub const LONGEST_NAME: usize = 211;

/// The logical directory that store paths are computed for, `/nix/store` nearly always. Where the files
/// really lie is another matter: a store may have its root anywhere.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StoreDir(Arc<str>);

impl Default for StoreDir {
    fn default() -> Self {
        StoreDir(Arc::from("/nix/store"))
    }
}

impl StoreDir {
    /// A store directory: absolute, without trailing slash, `//`, `.` or `..`.
    pub fn new(directory: &str) -> Result<Self> {
        let normal = directory.strip_prefix('/').is_some_and(|rest| {
            rest.split('/').all(|part| !matches!(part, "" | "." | "..") && !part.contains('\0'))
        });
        if normal {
            Ok(StoreDir(Arc::from(directory)))
        } else {
            Err(Error::InvalidStoreDirectory { directory: directory.to_owned() })
        }
    }

    /// The directory as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The absolute logical path of `path`.
    pub fn display(&self, path: &StorePath) -> String {
        let mut text = String::with_capacity(self.0.len() + 1 + path.base_name().len());
        text.push_str(&self.0);
        text.push('/');
        text.push_str(path.base_name());
        text
    }

    /// Reads an absolute path that lies directly in this directory.
    ///
    /// # Errors
    /// [`Error::NotInStore`] for any other place, [`Error::InvalidStorePath`] for a bad base name.
    pub fn parse(&self, path: &[u8]) -> Result<StorePath> {
        match self.strip(path) {
            Some(base_name) if !base_name.contains(&b'/') => StorePath::from_base_name_bytes(base_name),
            _ => Err(self.not_in_store(path)),
        }
    }

    /// Splits an absolute path in or below a store path into the two; the rest is empty or begins with `/`.
    ///
    /// # Errors
    /// As [`StoreDir::parse`].
    pub fn split<'path>(&self, path: &'path [u8]) -> Result<(StorePath, &'path [u8])> {
        let Some(inside) = self.strip(path) else { return Err(self.not_in_store(path)) };
        let end = inside.iter().position(|byte| *byte == b'/').unwrap_or(inside.len());
        Ok((StorePath::from_base_name_bytes(&inside[..end])?, &inside[end..]))
    }

    fn strip<'path>(&self, path: &'path [u8]) -> Option<&'path [u8]> {
        path.strip_prefix(self.0.as_bytes())?.strip_prefix(b"/")
    }

    fn not_in_store(&self, path: &[u8]) -> Error {
        Error::NotInStore {
            path: String::from_utf8_lossy(path).into_owned(),
            directory: self.0.as_ref().to_owned(),
        }
    }
}

/// The base name `HASH-NAME` of a path in a store: 32 base-32 digits, a dash, and a name of 1 to 211
/// characters out of letters, digits and `+-._?=`. Ordered by bytes; cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StorePath(Arc<str>);

impl StorePath {
    /// Checks a base name.
    pub fn from_base_name(base_name: &str) -> Result<Self> {
        Self::from_base_name_bytes(base_name.as_bytes())
    }

    fn from_base_name_bytes(base_name: &[u8]) -> Result<Self> {
        let invalid = |problem| Error::InvalidStorePath {
            name: String::from_utf8_lossy(base_name).into_owned(),
            problem,
        };
        if base_name.len() < HASH_PART_LENGTH + 2 {
            return Err(invalid("it is too short for a hash part and a name"));
        }
        let (hash_part, rest) = base_name.split_at(HASH_PART_LENGTH);
        if !hash_part.iter().all(|byte| base32::is_digit(*byte)) {
            return Err(invalid("its hash part has a character that base-32 does not have"));
        }
        if rest[0] != b'-' {
            return Err(invalid("no dash stands between its hash part and its name"));
        }
        check_name_bytes(&rest[1..])?;
        // All bytes have been checked to be ASCII.
        match std::str::from_utf8(base_name) {
            Ok(text) => Ok(StorePath(Arc::from(text))),
            Err(_) => Err(invalid("it is not text")),
        }
    }

    /// The path of a hash part (20 bytes) and a name.
    pub fn from_parts(hash_part: [u8; HASH_PART_BYTES], name: &str) -> Result<Self> {
        check_name(name)?;
        let mut base_name = base32::encode(&hash_part);
        base_name.reserve_exact(1 + name.len());
        base_name.push('-');
        base_name.push_str(name);
        Ok(StorePath(Arc::from(base_name)))
    }

    /// `HASH-NAME`.
    pub fn base_name(&self) -> &str {
        &self.0
    }

    /// The 32 digits of the hash part.
    pub fn hash_part(&self) -> &str {
        &self.0[..HASH_PART_LENGTH]
    }

    /// What stands after the dash.
    pub fn name(&self) -> &str {
        &self.0[HASH_PART_LENGTH + 1..]
    }

    /// Whether this is a derivation's path, by its name.
    pub fn is_derivation(&self) -> bool {
        self.name().ends_with(".drv")
    }

    /// The name of the derivation that lies at this path: the name without `.drv`.
    pub fn derivation_name(&self) -> Option<&str> {
        self.name().strip_suffix(".drv")
    }
}

impl Borrow<str> for StorePath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for StorePath {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StorePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for StorePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Checks the name part of a store path; the rules are those of Nix 2.20 and later, where a leading dot
/// is allowed but not `.`, `..`, `.-…` and `..-…`.
pub fn check_name(name: &str) -> Result<()> {
    check_name_bytes(name.as_bytes())
}

fn check_name_bytes(name: &[u8]) -> Result<()> {
    let invalid =
        |problem| Error::InvalidStorePath { name: String::from_utf8_lossy(name).into_owned(), problem };
    if name.is_empty() {
        return Err(invalid("its name is empty"));
    }
    if name.len() > LONGEST_NAME {
        return Err(invalid("its name is longer than 211 characters"));
    }
    let after_dots = name.strip_prefix(b"..").or_else(|| name.strip_prefix(b"."));
    if after_dots.is_some_and(|rest| rest.is_empty() || rest[0] == b'-') {
        return Err(invalid("its name is or begins with '.' or '..'"));
    }
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-._?=".contains(byte);
    if !name.iter().all(allowed) {
        return Err(invalid("its name has a character other than letters, digits and '+-._?='"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HASH: &str = "00bgd045z0d4icpbc2yyz4gx48ak44la";

    #[test]
    fn parts_of_a_path() {
        let directory = StoreDir::default();
        let text = format!("/nix/store/{HASH}-net-tools-1.60_p20170221182432.drv");
        let path = directory.parse(text.as_bytes()).unwrap();
        assert_eq!(path.hash_part(), HASH);
        assert_eq!(path.derivation_name(), Some("net-tools-1.60_p20170221182432"));
        assert_eq!(directory.display(&path), text);
        let below = format!("{text}/bin/sh");
        assert_eq!(directory.split(below.as_bytes()).unwrap(), (path, b"/bin/sh".as_slice()));
    }

    #[test]
    fn bad_paths_are_errors() {
        let directory = StoreDir::default();
        for base_name in [
            "",
            HASH,
            &format!("{HASH}-"),
            &format!("{HASH}_a"),
            &format!("{HASH}-."),
            &format!("{HASH}-.."),
            &format!("{HASH}-.-a"),
            &format!("{HASH}-..-a"),
            &format!("{HASH}-a b"),
            &format!("{HASH}-a\0"),
            &format!("{HASH}-\u{e9}"),
            &format!("{HASH}-{}", "a".repeat(212)),
            "e0bgd045z0d4icpbc2yyz4gx48ak44la-a",
            &format!("{HASH}-a/b"),
        ] {
            assert!(directory.parse(format!("/nix/store/{base_name}").as_bytes()).is_err(), "{base_name}");
        }
        for path in ["/nix/store", "/nix/stor", "nix/store/x", "/nix/storex/"] {
            assert!(matches!(directory.parse(path.as_bytes()), Err(Error::NotInStore { .. })), "{path}");
        }
        for name in [".gitignore", "..a", "...", "a", &"a".repeat(211)] {
            check_name(name).unwrap();
        }
    }

    #[test]
    fn bad_store_directories_are_errors() {
        for directory in ["", "/", "nix/store", "/nix/store/", "/nix//store", "/nix/../store", "/nix/./store"]
        {
            assert!(StoreDir::new(directory).is_err(), "{directory}");
        }
        assert_eq!(StoreDir::new("/nix/store").unwrap(), StoreDir::default());
    }

    proptest! {
        #[test]
        fn parts_make_the_path_that_they_came_from(hash_part: [u8; 20], name in "[a-zA-Z0-9+_?=][a-zA-Z0-9+._?=-]{0,210}") {
            let path = StorePath::from_parts(hash_part, &name).unwrap();
            prop_assert_eq!(path.name(), &name);
            prop_assert_eq!(StorePath::from_base_name(path.base_name()).unwrap(), path);
        }

        #[test]
        fn any_bytes_are_a_path_or_an_error(bytes: Vec<u8>) {
            let _ = StorePath::from_base_name_bytes(&bytes);
            let _ = StoreDir::default().split(&bytes);
        }
    }
}
