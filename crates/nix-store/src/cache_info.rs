//! `nix-cache-info`: what a binary cache says of itself (Nix manual, "Binary Cache").

use std::fmt;

use crate::error::{Error, Result};

/// What a binary cache says of itself. What it does not say is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CacheInfo {
    /// The store directory that its paths are for.
    pub store_directory: Option<String>,
    /// Whether it may be asked for many paths that it perhaps has not.
    pub want_mass_query: Option<bool>,
    /// The lower, the earlier it is asked.
    pub priority: Option<i64>,
}

impl CacheInfo {
    /// Reads the file. Fields that are not known are left to those who know them.
    ///
    /// # Errors
    /// [`Error::InvalidCacheInfo`] for what is no list of fields (a web page, say), or if a known field has a value that
    /// it cannot have.
    pub fn parse(text: &[u8]) -> Result<Self> {
        let invalid = |problem| Error::InvalidCacheInfo { problem };
        let text = std::str::from_utf8(text).map_err(|_| invalid("it is not text"))?;
        let mut info = CacheInfo::default();
        for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
            let (name, value) = line
                .split_once(':')
                .filter(|(name, _)| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric()))
                .ok_or_else(|| invalid("'FIELD: VALUE' is expected in every line"))?;
            let value = value.trim();
            match name {
                "StoreDir" => info.store_directory = Some(value.to_owned()),
                "WantMassQuery" => info.want_mass_query = Some(value == "1"),
                "Priority" => {
                    let number = value.parse().map_err(|_| invalid("the priority is no number"))?;
                    info.priority = Some(number);
                }
                _ => {}
            }
        }
        Ok(info)
    }
}

impl fmt::Display for CacheInfo {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(directory) = &self.store_directory {
            writeln!(formatter, "StoreDir: {directory}")?;
        }
        if let Some(wanted) = self.want_mass_query {
            writeln!(formatter, "WantMassQuery: {}", u8::from(wanted))?;
        }
        if let Some(priority) = self.priority {
            writeln!(formatter, "Priority: {priority}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn that_of_the_public_cache() {
        let text = "StoreDir: /nix/store\nWantMassQuery: 1\nPriority: 40\n";
        let info = CacheInfo::parse(text.as_bytes()).unwrap();
        assert_eq!(info.priority, Some(40));
        assert_eq!(info.want_mass_query, Some(true));
        assert_eq!(info.to_string(), text);
    }

    #[test]
    fn blanks_and_unknown_fields_are_no_fault() {
        let info = CacheInfo::parse(b"StoreDir:/nix/store \r\n\nFuture: yes: no\n").unwrap();
        assert_eq!(info.store_directory.as_deref(), Some("/nix/store"));
        assert_eq!(CacheInfo::parse(b"").unwrap(), CacheInfo::default());
    }

    #[test]
    fn a_web_page_is_none() {
        for text in ["<!DOCTYPE html>\n<a href=\"x:y\">", "Not found", "a b: c", "Priority: high"] {
            assert!(CacheInfo::parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(CacheInfo::parse(b"\xff\xfe").is_err());
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(
            directory in proptest::option::of("/[a-z/]{0,20}"), wanted: Option<bool>, priority: Option<i64>,
        ) {
            let info = CacheInfo { store_directory: directory, want_mass_query: wanted, priority };
            prop_assert_eq!(CacheInfo::parse(info.to_string().as_bytes()).unwrap(), info);
        }

        #[test]
        fn any_bytes_end(bytes: Vec<u8>) {
            let _ = CacheInfo::parse(&bytes);
        }
    }
}
