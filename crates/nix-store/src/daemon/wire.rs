//! The values of Nix's binary formats: numbers of 8 bytes, least first, and strings with their length before them and zeros
//! behind, up to a multiple of 8. The worker protocol and exported paths are made of them.

use std::collections::BTreeSet;
use std::io::{self, Read};

use crate::error::{Error, Result};
use crate::store_path::{StoreDir, StorePath};

/// The longest string that is read. Nothing that is sent as one comes near it but the environment of a derivation.
const LONGEST_STRING: u64 = 64 << 20;

/// The longest list that is read: more paths than any store has.
const LONGEST_LIST: u64 = 1 << 26;

/// Gathers values to be sent.
#[derive(Debug, Default)]
pub(crate) struct Message(Vec<u8>);

impl Message {
    pub fn number(&mut self, number: u64) -> &mut Self {
        self.0.extend_from_slice(&number.to_le_bytes());
        self
    }

    pub fn flag(&mut self, flag: bool) -> &mut Self {
        self.number(u64::from(flag))
    }

    pub fn string(&mut self, string: impl AsRef<[u8]>) -> &mut Self {
        let bytes = string.as_ref();
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        let padding = (8 - bytes.len() % 8) % 8;
        self.0.extend_from_slice(&[0; 8][..padding]);
        self
    }

    pub fn strings<S: AsRef<[u8]>>(&mut self, strings: impl ExactSizeIterator<Item = S>) -> &mut Self {
        self.number(strings.len() as u64);
        for string in strings {
            self.string(string);
        }
        self
    }

    pub fn path(&mut self, directory: &StoreDir, path: &StorePath) -> &mut Self {
        self.string(directory.display(path))
    }

    pub fn optional_path(&mut self, directory: &StoreDir, path: Option<&StorePath>) -> &mut Self {
        self.string(path.map(|path| directory.display(path)).unwrap_or_default())
    }

    pub fn paths<'paths>(
        &mut self,
        directory: &StoreDir,
        paths: impl ExactSizeIterator<Item = &'paths StorePath>,
    ) -> &mut Self {
        self.strings(paths.map(|path| directory.display(path)))
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

fn malformed(problem: &'static str) -> Error {
    Error::MalformedMessage { problem }
}

/// Fills `buffer`.
pub(crate) fn read_exact(reader: &mut (impl Read + ?Sized), buffer: &mut [u8]) -> Result<()> {
    reader.read_exact(buffer).map_err(|source| Error::Stream { action: "read", source })
}

pub(crate) fn read_number(reader: &mut (impl Read + ?Sized)) -> Result<u64> {
    let mut bytes = [0; 8];
    read_exact(reader, &mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

/// Anything but zero is true.
pub(crate) fn read_flag(reader: &mut (impl Read + ?Sized)) -> Result<bool> {
    Ok(read_number(reader)? != 0)
}

pub(crate) fn read_bytes(reader: &mut (impl Read + ?Sized)) -> Result<Vec<u8>> {
    let length = read_number(reader)?;
    if length > LONGEST_STRING {
        return Err(malformed("a string is too long"));
    }
    let mut bytes = Vec::new();
    // The buffer grows with what comes, not with what is claimed.
    let count = io::Read::take(&mut *reader, length)
        .read_to_end(&mut bytes)
        .map_err(|source| Error::Stream { action: "read", source })?;
    if count as u64 != length {
        return Err(Error::Stream { action: "read", source: io::ErrorKind::UnexpectedEof.into() });
    }
    let mut padding = [0; 8];
    let padding = &mut padding[..(8 - (length % 8) as usize) % 8];
    read_exact(reader, padding)?;
    if padding.iter().any(|byte| *byte != 0) {
        return Err(malformed("padding that is not zero"));
    }
    Ok(bytes)
}

/// A text for people, or one that must be ASCII anyway.
pub(crate) fn read_text(reader: &mut (impl Read + ?Sized)) -> Result<String> {
    let bytes = read_bytes(reader)?;
    Ok(String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

pub(crate) fn read_list<R: Read + ?Sized, T>(
    reader: &mut R,
    mut read: impl FnMut(&mut R) -> Result<T>,
) -> Result<Vec<T>> {
    let count = read_number(reader)?;
    if count > LONGEST_LIST {
        return Err(malformed("a list is too long"));
    }
    let mut list = Vec::new();
    for _ in 0..count {
        list.push(read(reader)?);
    }
    Ok(list)
}

pub(crate) fn read_path(reader: &mut (impl Read + ?Sized), directory: &StoreDir) -> Result<StorePath> {
    directory.parse(&read_bytes(reader)?)
}

/// A path, or an empty string.
pub(crate) fn read_optional_path(
    reader: &mut (impl Read + ?Sized),
    directory: &StoreDir,
) -> Result<Option<StorePath>> {
    let bytes = read_bytes(reader)?;
    if bytes.is_empty() { Ok(None) } else { directory.parse(&bytes).map(Some) }
}

pub(crate) fn read_paths(
    reader: &mut (impl Read + ?Sized),
    directory: &StoreDir,
) -> Result<BTreeSet<StorePath>> {
    Ok(read_list(reader, |reader| read_path(reader, directory))?.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn values_are_read_back(number: u64, flag: bool, strings: Vec<Vec<u8>>) {
            let mut message = Message::default();
            message.number(number).flag(flag).strings(strings.iter());
            let mut bytes = message.as_bytes();
            prop_assert_eq!(bytes.len() % 8, 0);
            prop_assert_eq!(read_number(&mut bytes).unwrap(), number);
            prop_assert_eq!(read_flag(&mut bytes).unwrap(), flag);
            prop_assert_eq!(read_list(&mut bytes, read_bytes).unwrap(), strings);
            prop_assert!(bytes.is_empty());
        }

        #[test]
        fn any_bytes_are_a_value_or_an_error(bytes: Vec<u8>) {
            let _ = read_list(&mut bytes.as_slice(), read_bytes);
            let _ = read_paths(&mut bytes.as_slice(), &StoreDir::default());
        }
    }

    #[test]
    fn claims_cost_nothing() {
        for claim in [u64::MAX, LONGEST_STRING, LONGEST_LIST] {
            let bytes = claim.to_le_bytes();
            assert!(read_bytes(&mut bytes.as_slice()).is_err());
            assert!(read_list(&mut bytes.as_slice(), read_number).is_err());
        }
        let padded = [1, 0, 0, 0, 0, 0, 0, 0, b'x', 1, 0, 0, 0, 0, 0, 0];
        assert!(matches!(read_bytes(&mut padded.as_slice()), Err(Error::MalformedMessage { .. })));
    }
}
