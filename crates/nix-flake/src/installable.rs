//! Installables: `FLAKE#HOST` and `FLAKE#attribute.path`.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use crate::error::Error;
use crate::reference::FlakeReference;

/// A path of attribute names, `a.b."c.d"`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct AttributePath(pub Vec<String>);

impl FromStr for AttributePath {
    type Err = Error;

    /// Splits at dots; names with dots stand in double quotes. The empty text is the empty path.
    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = |reason: &str| Error::InvalidAttributePath {
            fragment: text.to_owned(),
            reason: reason.to_owned(),
        };
        if text.is_empty() {
            return Ok(AttributePath::default());
        }
        let mut names = Vec::new();
        let mut rest = text;
        loop {
            if let Some(quoted) = rest.strip_prefix('"') {
                let end = quoted.find('"').ok_or_else(|| invalid("a quote is not closed"))?;
                names.push(quoted[..end].to_owned());
                rest = &quoted[end + 1..];
                if !rest.is_empty() && !rest.starts_with('.') {
                    return Err(invalid("expected a dot after the quote"));
                }
            } else {
                let end = rest.find('.').unwrap_or(rest.len());
                if end == 0 {
                    return Err(invalid("a name is empty"));
                }
                if rest[..end].contains('"') {
                    return Err(invalid("a quote stands inside a name"));
                }
                names.push(rest[..end].to_owned());
                rest = &rest[end..];
            }
            match rest.strip_prefix('.') {
                Some(after) => rest = after,
                None => return Ok(AttributePath(names)),
            }
        }
    }
}

impl fmt::Display for AttributePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            if name.is_empty() || name.contains('.') { write!(f, "\"{name}\"")? } else { f.write_str(name)? }
        }
        Ok(())
    }
}

/// A flake and something in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installable {
    /// The flake.
    pub flake: FlakeReference,
    /// What stands after `#`; empty when there is none.
    pub attribute_path: AttributePath,
}

impl Installable {
    /// Parses an argument of the command line; see [`FlakeReference::parse_argument`]. The fragment may be
    /// percent-encoded, as in Nix.
    pub fn parse(text: &str, working_directory: &Path) -> Result<Self, Error> {
        let (flake, fragment) = FlakeReference::parse_argument_with_fragment(text, working_directory)?;
        Ok(Installable { flake, attribute_path: fragment.parse()? })
    }

    /// The host's name when the fragment is a single name, which may mean `nixosConfigurations.NAME`.
    pub fn host(&self) -> Option<&str> {
        match self.attribute_path.0.as_slice() {
            [name] => Some(name),
            _ => None,
        }
    }
}

impl fmt::Display for Installable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.flake)?;
        if self.attribute_path.0.is_empty() { Ok(()) } else { write!(f, "#{}", self.attribute_path) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fragments_become_attribute_paths() {
        let parse = |text: &str| text.parse::<AttributePath>().map(|path| path.0);
        assert_eq!(parse("a.\"b.c\".d").unwrap(), ["a", "b.c", "d"]);
        assert_eq!(parse("").unwrap(), Vec::<String>::new());
        for bad in ["a..b", ".a", "a.", "a.\"b", "\"a\"b", "a\"b"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        let installable = Installable::parse("/tmp#a%2eb", Path::new("/")).unwrap();
        assert_eq!(installable.attribute_path.0, ["a", "b"]);
        assert_eq!(Installable::parse("/tmp#web", Path::new("/")).unwrap().host(), Some("web"));
    }

    proptest! {
        #[test]
        fn printed_paths_read_back(names in proptest::collection::vec("[a-z.]{1,5}", 0..4)) {
            let path = AttributePath(names);
            prop_assert_eq!(path.to_string().parse::<AttributePath>().unwrap(), path);
        }
    }
}
