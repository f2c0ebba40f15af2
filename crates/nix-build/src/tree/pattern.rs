//! Patterns of `include` and `exclude`.

use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::error::{Error, Result};
use crate::tree::TreePath;

/// A set of shell patterns over paths in a tree. `*` and `?` stay within one name, `**` crosses directories,
/// `[a-z]` and `{a,b}` are as usual. A pattern that matches a directory covers everything below it.
#[derive(Debug, Clone)]
pub struct Patterns {
    set: GlobSet,
}

impl Patterns {
    /// Reads patterns; a leading slash is tolerated.
    ///
    /// # Errors
    /// [`Error::InvalidPattern`].
    pub fn new<Text: AsRef<str>>(patterns: &[Text]) -> Result<Self> {
        let mut set = GlobSetBuilder::new();
        for pattern in patterns {
            let pattern = pattern.as_ref();
            let glob = GlobBuilder::new(pattern.trim_start_matches('/').trim_end_matches('/'))
                .literal_separator(true)
                .backslash_escape(true)
                .build()
                .map_err(|source| Error::InvalidPattern { pattern: pattern.to_owned(), source })?;
            set.add(glob);
        }
        let set =
            set.build().map_err(|source| Error::InvalidPattern { pattern: String::from("(all)"), source })?;
        Ok(Patterns { set })
    }

    /// Whether there are no patterns.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    /// Whether a pattern matches exactly this path.
    pub fn is_match(&self, path: &Path) -> bool {
        self.set.is_match(path)
    }

    /// Whether a pattern matches this path or a directory above it.
    pub fn covers(&self, path: &TreePath) -> bool {
        let mut prefix = PathBuf::new();
        path.names().iter().any(|name| {
            prefix.push(name);
            self.set.is_match(&prefix)
        })
    }
}

/// What of a directory is taken: everything that `include` covers (all if there is no `include`) and `exclude`
/// does not.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    include: Option<Patterns>,
    exclude: Option<Patterns>,
}

impl Selection {
    /// A selection by two lists of patterns; no include list means everything.
    pub fn new(include: Option<&[String]>, exclude: &[String]) -> Result<Self> {
        Ok(Selection {
            include: include.map(Patterns::new).transpose()?,
            exclude: if exclude.is_empty() { None } else { Some(Patterns::new(exclude)?) },
        })
    }

    /// Whether everything is taken, so that nobody need ask for single paths.
    pub fn is_everything(&self) -> bool {
        self.include.is_none() && self.exclude.is_none()
    }

    /// Whether `path` or something above it is excluded.
    pub(crate) fn excludes(&self, path: &Path) -> bool {
        self.exclude.as_ref().is_some_and(|patterns| patterns.is_match(path))
    }

    /// Whether `path` is named by `include`; everything below it is then taken too.
    pub(crate) fn includes(&self, path: &Path) -> bool {
        self.include.as_ref().is_none_or(|patterns| patterns.is_match(path))
    }

    /// Whether a path is taken, directories above it considered.
    pub fn takes(&self, path: &TreePath) -> bool {
        self.include.as_ref().is_none_or(|patterns| patterns.covers(path))
            && !self.exclude.as_ref().is_some_and(|patterns| patterns.covers(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> TreePath {
        TreePath::parse(text).unwrap()
    }

    #[test]
    fn a_star_stays_within_one_name_and_covers_what_is_below() {
        let patterns = Patterns::new(&["share/doc/*", "/lib/**/*.a", "share/man"]).unwrap();
        assert!(patterns.covers(&path("share/doc/bash/copyright")));
        assert!(!patterns.covers(&path("share/doc")));
        assert!(patterns.covers(&path("share/man/man1/ls.1.gz")));
        assert!(patterns.covers(&path("lib/x86_64-linux-gnu/libc.a")));
        assert!(!patterns.covers(&path("lib/x86_64-linux-gnu/libc.so")));
    }

    #[test]
    fn exclusion_wins_over_inclusion() {
        let selection = Selection::new(Some(&[String::from("a/**")]), &[String::from("a/b")]).unwrap();
        assert!(selection.takes(&path("a/c")));
        assert!(!selection.takes(&path("a/b/c")));
        assert!(!selection.takes(&path("z")));
    }

    #[test]
    fn a_malformed_pattern_is_named() {
        let error = Patterns::new(&["a[".to_owned()]).unwrap_err();
        assert_eq!(error.to_string(), "pattern 'a[' is malformed");
    }
}
