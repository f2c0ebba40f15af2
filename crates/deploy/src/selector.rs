//! `--on NAME,GLOB,@TAG,!NOT`: which hosts are meant.

use std::str::FromStr;

use globset::{Glob, GlobMatcher};

use crate::error::{Error, Result};

/// Which hosts of a fleet are meant: those that any pattern names, without those that one behind `!` names. With nothing but
/// `!` patterns, all others.
#[derive(Debug, Clone)]
pub struct Selector {
    text: String,
    patterns: Vec<Pattern>,
}

#[derive(Debug, Clone)]
struct Pattern {
    excludes: bool,
    is_tag: bool,
    glob: GlobMatcher,
}

impl Pattern {
    fn parse(text: &str) -> Result<Self> {
        let invalid = |problem: String| Error::InvalidPattern { pattern: text.to_owned(), problem };
        let (excludes, rest) = match text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (is_tag, name) = match rest.strip_prefix('@') {
            Some(tag) => (true, tag),
            None => (false, rest),
        };
        if name.is_empty() {
            return Err(invalid("it names nothing".to_owned()));
        }
        let glob = Glob::new(name).map_err(|error| invalid(error.kind().to_string()))?;
        Ok(Pattern { excludes, is_tag, glob: glob.compile_matcher() })
    }

    fn fits(&self, name: &str, tags: &[String]) -> bool {
        if self.is_tag { tags.iter().any(|tag| self.glob.is_match(tag)) } else { self.glob.is_match(name) }
    }
}

impl FromStr for Selector {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let patterns = text.split(',').map(|part| Pattern::parse(part.trim())).collect::<Result<_>>()?;
        Ok(Selector { text: text.to_owned(), patterns })
    }
}

impl Selector {
    /// Whether tags have to be known.
    pub fn asks_for_tags(&self) -> bool {
        self.patterns.iter().any(|pattern| pattern.is_tag)
    }

    /// Whether a host is meant.
    pub fn selects(&self, name: &str, tags: &[String]) -> bool {
        let fits = |excludes: bool| {
            self.patterns
                .iter()
                .filter(move |pattern| pattern.excludes == excludes)
                .any(|p| p.fits(name, tags))
        };
        let all = self.patterns.iter().all(|pattern| pattern.excludes);
        (all || fits(false)) && !fits(true)
    }

    /// The hosts that are meant, out of all with their tags, in their order.
    ///
    /// # Errors
    /// [`Error::NothingSelected`] if none is, or if a name without wildcards is no host's: a mistyped name must not pass.
    pub fn select<'hosts>(
        &self,
        hosts: impl IntoIterator<Item = (&'hosts str, &'hosts [String])>,
    ) -> Result<Vec<String>> {
        let hosts: Vec<_> = hosts.into_iter().collect();
        let nothing = |pattern: &str| Error::NothingSelected {
            pattern: pattern.to_owned(),
            hosts: hosts.iter().map(|(name, _)| (*name).to_owned()).collect(),
        };
        for pattern in &self.patterns {
            let name = pattern.glob.glob().glob();
            let plain = !name.contains(['*', '?', '[', '{']);
            if plain && !hosts.iter().any(|(host, tags)| pattern.fits(host, tags)) {
                return Err(nothing(name));
            }
        }
        let selected: Vec<String> = hosts
            .iter()
            .filter(|(name, tags)| self.selects(name, tags))
            .map(|(name, _)| (*name).to_owned())
            .collect();
        if selected.is_empty() { Err(nothing(&self.text)) } else { Ok(selected) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn select(pattern: &str) -> Result<Vec<String>> {
        let web = ["web".to_owned(), "eu".to_owned()];
        let db = ["db".to_owned(), "eu".to_owned()];
        let hosts = [("web1", &web[..]), ("web2", &web[..1]), ("db1", &db[..]), ("lone", &[][..])];
        pattern.parse::<Selector>()?.select(hosts)
    }

    #[test]
    fn names_globs_tags_and_exceptions() {
        assert_eq!(select("web1").unwrap(), ["web1"]);
        assert_eq!(select("web*").unwrap(), ["web1", "web2"]);
        assert_eq!(select("db1,web?").unwrap(), ["web1", "web2", "db1"]);
        assert_eq!(select("@eu").unwrap(), ["web1", "db1"]);
        assert_eq!(select("@eu,lone,!@db").unwrap(), ["web1", "lone"]);
        assert_eq!(select("!@web, !lone").unwrap(), ["db1"]);
        assert_eq!(select("*").unwrap().len(), 4);
        assert!("@eu".parse::<Selector>().unwrap().asks_for_tags());
    }

    #[test]
    fn what_selects_nothing_is_an_error() {
        for pattern in ["web3", "web1,@us", "x*", "web1,!web1"] {
            assert!(matches!(select(pattern), Err(Error::NothingSelected { .. })), "{pattern}");
        }
        for pattern in ["", "!", "@", "a,,b", "[a"] {
            assert!(matches!(select(pattern), Err(Error::InvalidPattern { .. })), "{pattern}");
        }
    }
}
