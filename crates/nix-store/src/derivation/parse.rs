//! Reading ATerm. Input is not trusted: anything unexpected is an error.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Derivation, DerivationOutput};
use crate::content_address::ContentAddressMethod;
use crate::error::{Error, Result};
use crate::hash::Hash;
use crate::store_path::{StoreDir, StorePath};

impl Derivation {
    /// Reads the text of the derivation called `name` (that of its path, without `.drv`).
    ///
    /// # Errors
    /// [`Error::InvalidDerivation`] with the byte at which the text stops making sense: bad syntax, paths
    /// outside the store, repeated names, or anything behind the end.
    pub fn parse(directory: &StoreDir, name: &str, text: &[u8]) -> Result<Self> {
        let mut reader = Reader { text, offset: 0, directory, name };
        let derivation = reader.derivation()?;
        if reader.offset != text.len() {
            return Err(reader.error("the end of the text was expected"));
        }
        Ok(derivation)
    }
}

struct Reader<'text> {
    text: &'text [u8],
    offset: usize,
    directory: &'text StoreDir,
    name: &'text str,
}

impl Reader<'_> {
    fn error(&self, problem: &'static str) -> Error {
        Error::InvalidDerivation { name: self.name.to_owned(), problem, offset: self.offset }
    }

    fn expect(&mut self, token: &[u8], problem: &'static str) -> Result<()> {
        if !self.text[self.offset..].starts_with(token) {
            return Err(self.error(problem));
        }
        self.offset += token.len();
        Ok(())
    }

    fn derivation(&mut self) -> Result<Derivation> {
        let mut derivation = Derivation::new(self.name);
        self.expect(b"Derive(", "'Derive(' was expected")?;
        self.list(|reader| {
            let (name, output) = reader.output()?;
            reader.insert(&mut derivation.outputs, name, output)
        })?;
        self.comma()?;
        self.list(|reader| {
            reader.open()?;
            let path = reader.path()?;
            reader.comma()?;
            let mut outputs = BTreeSet::new();
            reader.list(|reader| {
                let name = reader.utf8()?;
                if outputs.insert(name) { Ok(()) } else { Err(reader.error("a name occurs twice")) }
            })?;
            reader.close()?;
            reader.insert(&mut derivation.input_drvs, path, Arc::new(outputs))
        })?;
        self.comma()?;
        self.list(|reader| {
            let path = reader.path()?;
            if derivation.input_srcs.insert(path) { Ok(()) } else { Err(reader.error("a path occurs twice")) }
        })?;
        self.comma()?;
        derivation.system = self.string()?;
        self.comma()?;
        derivation.builder = self.string()?;
        self.comma()?;
        self.list(|reader| {
            derivation.args.push(reader.string()?);
            Ok(())
        })?;
        self.comma()?;
        // A text may have them in any order, and many of them.
        let mut env = BTreeMap::new();
        self.list(|reader| {
            reader.open()?;
            let name = reader.string()?;
            reader.comma()?;
            let value = reader.string()?;
            reader.close()?;
            reader.insert(&mut env, name, value)
        })?;
        derivation.env = env.into_iter().collect();
        self.close()?;
        Ok(derivation)
    }

    fn insert<K: Ord, V>(&self, map: &mut BTreeMap<K, V>, key: K, value: V) -> Result<()> {
        match map.insert(key, value) {
            None => Ok(()),
            Some(_) => Err(self.error("a name occurs twice")),
        }
    }

    fn open(&mut self) -> Result<()> {
        self.expect(b"(", "'(' was expected")
    }

    fn comma(&mut self) -> Result<()> {
        self.expect(b",", "',' was expected")
    }

    fn close(&mut self) -> Result<()> {
        self.expect(b")", "')' was expected")
    }

    fn list(&mut self, mut item: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        self.expect(b"[", "'[' was expected")?;
        if self.text.get(self.offset) == Some(&b']') {
            self.offset += 1;
            return Ok(());
        }
        loop {
            item(self)?;
            match self.text.get(self.offset) {
                Some(b',') => self.offset += 1,
                Some(b']') => {
                    self.offset += 1;
                    return Ok(());
                }
                _ => return Err(self.error("',' or ']' was expected")),
            }
        }
    }

    fn string(&mut self) -> Result<Vec<u8>> {
        self.expect(b"\"", "'\"' was expected")?;
        let mut string = Vec::new();
        loop {
            // Nearly all strings have no escape and are copied at once.
            let rest = &self.text[self.offset..];
            let Some(end) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\')) else {
                return Err(self.error("the string has no end"));
            };
            string.extend_from_slice(&rest[..end]);
            self.offset += end + 1;
            if rest[end] == b'"' {
                return Ok(string);
            }
            match rest.get(end + 1) {
                Some(b'n') => string.push(b'\n'),
                Some(b'r') => string.push(b'\r'),
                Some(b't') => string.push(b'\t'),
                Some(other) => string.push(*other),
                None => return Err(self.error("the string has no end")),
            }
            self.offset += 1;
        }
    }

    fn utf8(&mut self) -> Result<String> {
        let string = self.string()?;
        String::from_utf8(string).map_err(|_| self.error("the text before is not UTF-8"))
    }

    fn path(&mut self) -> Result<StorePath> {
        let string = self.string()?;
        self.path_of(&string)
    }

    fn path_of(&self, string: &[u8]) -> Result<StorePath> {
        self.directory.parse(string).map_err(|_| self.error("the string before is not a store path"))
    }

    fn output(&mut self) -> Result<(String, DerivationOutput)> {
        self.open()?;
        let name = self.utf8()?;
        self.comma()?;
        let path = self.string()?;
        self.comma()?;
        let algorithm = self.utf8()?;
        self.comma()?;
        let hash = self.utf8()?;
        self.close()?;
        let output = match (path.is_empty(), algorithm.is_empty(), hash.is_empty()) {
            (true, true, true) => DerivationOutput::Deferred,
            (false, true, true) => DerivationOutput::InputAddressed { path: self.path_of(&path)? },
            (_, false, empty) => {
                let (method, algorithm) = ContentAddressMethod::parse_with_algorithm(&algorithm)
                    .map_err(|_| self.error("the output before has an unknown hash algorithm"))?;
                match (path.is_empty(), empty) {
                    (true, true) => DerivationOutput::Floating { method, algorithm },
                    (false, false) => DerivationOutput::Fixed {
                        path: self.path_of(&path)?,
                        method,
                        hash: Hash::parse(&hash, Some(algorithm))
                            .map_err(|_| self.error("the output before has an invalid hash"))?,
                    },
                    _ => return Err(self.error("the output before has a path or a hash, but not both")),
                }
            }
            (_, true, false) => return Err(self.error("the output before has a hash without algorithm")),
        };
        Ok((name, output))
    }
}
