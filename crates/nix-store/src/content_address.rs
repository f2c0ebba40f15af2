//! Store paths that follow from content, and the paths of derivation outputs. The rules are those of the
//! Nix manual, "Store Path Specification".

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::hash::{Hash, HashAlgorithm, compress_hash};
use crate::store_path::{StoreDir, StorePath, check_name};

/// What of a file system object is hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContentAddressMethod {
    /// The bytes of a single, not executable file.
    Flat,
    /// The NAR of the object (`recursive` in older texts).
    Recursive,
    /// The bytes of a file that may refer to other store paths: `builtins.toFile` and derivations.
    Text,
}

impl ContentAddressMethod {
    /// What stands before the algorithm in a derivation's output, `r:` for [`Self::Recursive`].
    pub const fn prefix(self) -> &'static str {
        match self {
            ContentAddressMethod::Flat => "",
            ContentAddressMethod::Recursive => "r:",
            ContentAddressMethod::Text => "text:",
        }
    }

    /// Splits `r:sha256` and its like.
    pub fn parse_with_algorithm(text: &str) -> Result<(Self, HashAlgorithm)> {
        let (method, algorithm) = if let Some(rest) = text.strip_prefix("r:") {
            (ContentAddressMethod::Recursive, rest)
        } else if let Some(rest) = text.strip_prefix("text:") {
            (ContentAddressMethod::Text, rest)
        } else {
            (ContentAddressMethod::Flat, text)
        };
        Ok((method, algorithm.parse()?))
    }
}

/// The content address of a store path, as the database's `ca` column and `.narinfo` files have it:
/// `text:sha256:BASE32`, `fixed:ALGORITHM:BASE32` or `fixed:r:ALGORITHM:BASE32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContentAddress {
    /// What was hashed.
    pub method: ContentAddressMethod,
    /// Its hash.
    pub hash: Hash,
}

impl fmt::Display for ContentAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.method {
            ContentAddressMethod::Text => "text:",
            ContentAddressMethod::Flat => "fixed:",
            ContentAddressMethod::Recursive => "fixed:r:",
        };
        write!(formatter, "{kind}{}", self.hash.to_prefixed_base32())
    }
}

impl FromStr for ContentAddress {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let invalid = || Error::InvalidContentAddress { text: text.to_owned() };
        let (method, hash) = if let Some(rest) = text.strip_prefix("text:") {
            (ContentAddressMethod::Text, rest)
        } else if let Some(rest) = text.strip_prefix("fixed:r:") {
            (ContentAddressMethod::Recursive, rest)
        } else if let Some(rest) = text.strip_prefix("fixed:") {
            (ContentAddressMethod::Flat, rest)
        } else {
            return Err(invalid());
        };
        let (algorithm, digits) = hash.split_once(':').ok_or_else(invalid)?;
        let hash = Hash::parse(digits, Some(algorithm.parse()?))?;
        if method == ContentAddressMethod::Text && hash.algorithm() != HashAlgorithm::Sha256 {
            return Err(invalid());
        }
        Ok(ContentAddress { method, hash })
    }
}

/// The references of a content-addressed path: other paths, and whether it refers to itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct References<'paths> {
    /// Other paths, sorted and without duplicates.
    pub others: &'paths [StorePath],
    /// Whether the path refers to itself.
    pub itself: bool,
}

impl References<'_> {
    fn is_empty(&self) -> bool {
        self.others.is_empty() && !self.itself
    }
}

impl StoreDir {
    /// The path of a text with the given references (sorted, without duplicates): what `builtins.toFile`
    /// and `.drv` files get.
    pub fn make_text_path(&self, name: &str, content: &[u8], references: &[StorePath]) -> Result<StorePath> {
        self.make_text_path_of_hash(name, &Hash::sha256(content), references)
    }

    /// As [`Self::make_text_path`], when the SHA-256 of the content is known.
    pub fn make_text_path_of_hash(
        &self,
        name: &str,
        hash: &Hash,
        references: &[StorePath],
    ) -> Result<StorePath> {
        if hash.algorithm() != HashAlgorithm::Sha256 {
            return Err(Error::TextHashAlgorithm { name: name.to_owned() });
        }
        self.make_path_with_references("text", References { others: references, itself: false }, hash, name)
    }

    /// The path of a source tree: recursive SHA-256 without references.
    pub fn make_source_path(&self, name: &str, nar_hash: &Hash) -> Result<StorePath> {
        self.make_fixed_output_path(name, ContentAddressMethod::Recursive, nar_hash, References::default())
    }

    /// The path of content that is fixed by its hash.
    ///
    /// # Errors
    /// A bad name; references with a method that allows none ([`ContentAddressMethod::Flat`], or an
    /// algorithm other than SHA-256).
    pub fn make_fixed_output_path(
        &self,
        name: &str,
        method: ContentAddressMethod,
        hash: &Hash,
        references: References<'_>,
    ) -> Result<StorePath> {
        match method {
            ContentAddressMethod::Text if references.itself => {
                Err(Error::ReferencesNotAllowed { name: name.to_owned() })
            }
            ContentAddressMethod::Text => self.make_text_path_of_hash(name, hash, references.others),
            ContentAddressMethod::Recursive if hash.algorithm() == HashAlgorithm::Sha256 => {
                self.make_path_with_references("source", references, hash, name)
            }
            _ if !references.is_empty() => Err(Error::ReferencesNotAllowed { name: name.to_owned() }),
            _ => {
                let inner = format!("fixed:out:{}{}:", method.prefix(), hash.to_prefixed_base16());
                self.make_path("output:out", &Hash::sha256(inner.as_bytes()), name)
            }
        }
    }

    /// The path that `content_address` stands for.
    pub fn make_content_addressed_path(
        &self,
        name: &str,
        content_address: &ContentAddress,
        references: References<'_>,
    ) -> Result<StorePath> {
        self.make_fixed_output_path(name, content_address.method, &content_address.hash, references)
    }

    /// The path of an output of the derivation `name` whose hash modulo fixed outputs is `hash`.
    pub fn make_output_path(&self, name: &str, output: &str, hash: &Hash) -> Result<StorePath> {
        self.make_path(&format!("output:{output}"), hash, &output_path_name(name, output))
    }

    fn make_path_with_references(
        &self,
        kind: &str,
        references: References<'_>,
        hash: &Hash,
        name: &str,
    ) -> Result<StorePath> {
        let mut kind = kind.to_owned();
        for reference in references.others {
            kind.push(':');
            kind.push_str(&self.display(reference));
        }
        if references.itself {
            kind.push_str(":self");
        }
        self.make_path(&kind, hash, name)
    }

    fn make_path(&self, kind: &str, hash: &Hash, name: &str) -> Result<StorePath> {
        check_name(name)?;
        let fingerprint = format!("{kind}:{}:{}:{name}", hash.to_prefixed_base16(), self.as_str());
        StorePath::from_parts(compress_hash(Hash::sha256(fingerprint.as_bytes()).bytes()), name)
    }
}

/// The name part of an output's path: the derivation's name for `out`, else with `-OUTPUT` behind.
pub fn output_path_name(name: &str, output: &str) -> String {
    if output == "out" { name.to_owned() } else { format!("{name}-{output}") }
}

/// What stands for an output's path before it is known (`builtins.placeholder`).
pub fn output_placeholder(output: &str) -> String {
    let hash = Hash::sha256(format!("nix-output:{output}").as_bytes());
    format!("/{}", hash.to_base32())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_nix_computes() {
        let directory = StoreDir::default();
        // nix-instantiate --eval -E 'builtins.toFile "foo" "bar"'
        let text = directory.make_text_path("foo", b"bar", &[]).unwrap();
        assert_eq!(text.base_name(), "vxjiwkjkn7x4079qvh1jkl5pn05j2aw0-foo");
        // nix-instantiate --eval -E 'builtins.placeholder "out"'
        assert_eq!(output_placeholder("out"), "/1rz4g4znpzjwh1xymhjpm42vipw92pr73vdgl6xs1hycac8kf2n9");
    }

    #[test]
    fn content_addresses_are_read_back() {
        let hash = Hash::sha256(b"x");
        for method in
            [ContentAddressMethod::Flat, ContentAddressMethod::Recursive, ContentAddressMethod::Text]
        {
            let address = ContentAddress { method, hash };
            assert_eq!(address.to_string().parse::<ContentAddress>().unwrap(), address);
        }
        for text in ["", "fixed", "fixed:", "fixed:r:", "fixed:sha256", "text:sha1:x", "nar:sha256:x"] {
            assert!(text.parse::<ContentAddress>().is_err(), "{text}");
        }
        let sha1 = Hash::digest(HashAlgorithm::Sha1, b"x").to_prefixed_base32();
        assert!(format!("text:{sha1}").parse::<ContentAddress>().is_err());
    }

    #[test]
    fn flat_paths_have_no_references() {
        let directory = StoreDir::default();
        let hash = Hash::sha256(b"x");
        let itself = References { others: &[], itself: true };
        for method in [ContentAddressMethod::Flat, ContentAddressMethod::Text] {
            let result = directory.make_fixed_output_path("a", method, &hash, itself);
            assert!(matches!(result, Err(Error::ReferencesNotAllowed { .. })));
        }
        directory.make_fixed_output_path("a", ContentAddressMethod::Recursive, &hash, itself).unwrap();
    }
}
