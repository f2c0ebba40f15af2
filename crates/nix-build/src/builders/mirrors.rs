//! Addresses of the form `mirror://NAME/PATH`, which leave to the program where a file is fetched from.

use std::collections::BTreeMap;

use download::Url;

use crate::error::{Error, Result};

/// The mirrors by name, each with the addresses to try, the first first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mirrors(BTreeMap<String, Vec<String>>);

impl Mirrors {
    /// No mirrors.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds addresses of a mirror (`debian`, `https://…/debian`), after those that it has.
    pub fn add(&mut self, name: impl Into<String>, addresses: impl IntoIterator<Item = String>) {
        self.0.entry(name.into()).or_default().extend(addresses);
    }

    /// The addresses of a file: those of the mirrors for a `mirror:` address, else the address itself.
    ///
    /// # Errors
    /// [`Error::NoMirror`], [`Error::InvalidAddress`].
    pub fn resolve(&self, url: &str) -> Result<Vec<Url>> {
        let parse = |text: &str| {
            Url::parse(text)
                .map_err(|error| Error::InvalidAddress { url: text.to_owned(), problem: error.to_string() })
        };
        let Some(inside) = url.strip_prefix("mirror://") else { return Ok(vec![parse(url)?]) };
        let (name, path) = inside.split_once('/').ok_or_else(|| Error::InvalidAddress {
            url: url.to_owned(),
            problem: String::from("no path follows the mirror's name"),
        })?;
        // A path may not climb out of the part of the server that the mirror's address names.
        if path.split('/').any(|name| matches!(name, "." | "..") || name.to_ascii_lowercase().contains("%2e"))
        {
            return Err(Error::InvalidAddress {
                url: url.to_owned(),
                problem: String::from("its path leads upwards"),
            });
        }
        let addresses = self.0.get(name).filter(|addresses| !addresses.is_empty());
        let addresses =
            addresses.ok_or_else(|| Error::NoMirror { mirror: name.to_owned(), url: url.to_owned() })?;
        addresses.iter().map(|address| parse(&format!("{}/{path}", address.trim_end_matches('/')))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_are_tried_in_order() {
        let mut mirrors = Mirrors::new();
        mirrors.add("debian", ["http://one.example/debian/".to_owned(), "http://two.example".to_owned()]);
        let urls = mirrors.resolve("mirror://debian/pool/a%3ab.deb").unwrap();
        let texts: Vec<&str> = urls.iter().map(Url::as_str).collect();
        assert_eq!(texts, ["http://one.example/debian/pool/a%3ab.deb", "http://two.example/pool/a%3ab.deb"]);
        assert_eq!(mirrors.resolve("https://x.example/y").unwrap()[0].as_str(), "https://x.example/y");
    }

    #[test]
    fn unknown_mirrors_and_hostile_paths_are_errors() {
        let mut mirrors = Mirrors::new();
        mirrors.add("debian", ["http://one.example/debian/".to_owned()]);
        assert!(matches!(mirrors.resolve("mirror://other/x"), Err(Error::NoMirror { .. })));
        for url in ["mirror://debian", "mirror://debian/../x", "mirror://debian/%2E%2e/x", "nonsense"] {
            assert!(matches!(mirrors.resolve(url), Err(Error::InvalidAddress { .. })), "{url}");
        }
    }
}
