//! Hashes and the four ways in which Nix writes them: base-16, its own base-32, base-64, and the
//! Subresource Integrity form `ALGORITHM-BASE64` (W3C SRI, section 3.5).

use std::fmt;
use std::io::{self, Read, Write};
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::Digest;

use crate::base32;
use crate::error::{Error, HashTextProblem, Result};

/// The longest hash there is, SHA-512's.
const LONGEST: usize = 64;

/// Fills `bytes` from base-64 digits as Nix reads them: what follows the first `=` does not count, whatever it is, so
/// padding is optional; line feeds are skipped, and bits after the last byte dropped. nixpkgs has hashes that need this.
fn decode_base64(digits: &[u8], bytes: &mut [u8]) -> std::result::Result<(), HashTextProblem> {
    let mut pending = 0_u32;
    let mut bits = 0;
    let mut count = 0;
    for digit in digits.iter().take_while(|digit| **digit != b'=').filter(|digit| **digit != b'\n') {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return Err(HashTextProblem::Character),
        };
        pending = pending << 6 & 0xffff | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            *bytes.get_mut(count).ok_or(HashTextProblem::Length)? = (pending >> bits) as u8;
            count += 1;
        }
    }
    if count == bytes.len() { Ok(()) } else { Err(HashTextProblem::Length) }
}

/// A hash algorithm that Nix knows without experimental features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HashAlgorithm {
    /// 16 bytes.
    Md5,
    /// 20 bytes.
    Sha1,
    /// 32 bytes.
    Sha256,
    /// 64 bytes.
    Sha512,
}

impl HashAlgorithm {
    /// The name as Nix writes it.
    pub const fn name(self) -> &'static str {
        match self {
            HashAlgorithm::Md5 => "md5",
            HashAlgorithm::Sha1 => "sha1",
            HashAlgorithm::Sha256 => "sha256",
            HashAlgorithm::Sha512 => "sha512",
        }
    }

    /// The number of bytes of a digest.
    pub const fn size(self) -> usize {
        match self {
            HashAlgorithm::Md5 => 16,
            HashAlgorithm::Sha1 => 20,
            HashAlgorithm::Sha256 => 32,
            HashAlgorithm::Sha512 => 64,
        }
    }
}

impl fmt::Display for HashAlgorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for HashAlgorithm {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "md5" => Ok(HashAlgorithm::Md5),
            "sha1" => Ok(HashAlgorithm::Sha1),
            "sha256" => Ok(HashAlgorithm::Sha256),
            "sha512" => Ok(HashAlgorithm::Sha512),
            _ => Err(Error::UnknownHashAlgorithm { name: name.to_owned() }),
        }
    }
}

/// A digest and the algorithm that made it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash {
    algorithm: HashAlgorithm,
    /// Zero after the algorithm's size.
    bytes: [u8; LONGEST],
}

impl Hash {
    /// The digest of `data`.
    pub fn digest(algorithm: HashAlgorithm, data: &[u8]) -> Self {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(data);
        hasher.finish()
    }

    /// The SHA-256 digest of `data`.
    pub fn sha256(data: &[u8]) -> Self {
        Self::digest(HashAlgorithm::Sha256, data)
    }

    /// A hash from its bytes; `None` when their number is not the algorithm's.
    pub fn from_bytes(algorithm: HashAlgorithm, digest: &[u8]) -> Option<Self> {
        let mut bytes = [0; LONGEST];
        bytes.get_mut(..algorithm.size())?;
        if digest.len() != algorithm.size() {
            return None;
        }
        bytes[..digest.len()].copy_from_slice(digest);
        Some(Hash { algorithm, bytes })
    }

    /// The hash whose bytes are all zero: what Nix takes an empty `outputHash` for.
    pub const fn zero(algorithm: HashAlgorithm) -> Self {
        Hash { algorithm, bytes: [0; LONGEST] }
    }

    /// Which algorithm.
    pub const fn algorithm(&self) -> HashAlgorithm {
        self.algorithm
    }

    /// The digest, [`HashAlgorithm::size`] bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.algorithm.size()]
    }

    /// Reads `ALGORITHM:DIGITS` or the SRI form `ALGORITHM-BASE64`.
    pub fn parse_any_prefixed(text: &str) -> Result<Self> {
        Self::parse(text, None)
    }

    /// Reads a hash as Nix's `outputHash` and `--expected-hash` are read: `ALGORITHM:DIGITS`, SRI, or bare
    /// digits when `algorithm` is given. The encoding of the digits follows from their number.
    ///
    /// # Errors
    /// An unknown or different algorithm, no algorithm at all, or digits that are no hash.
    pub fn parse(text: &str, algorithm: Option<HashAlgorithm>) -> Result<Self> {
        let (named, digits, sri) = match text.find([':', '-']) {
            Some(at) => (Some(text[..at].parse()?), &text[at + 1..], text.as_bytes()[at] == b'-'),
            None => (None, text, false),
        };
        let invalid = |source| Error::InvalidHash { text: text.to_owned(), source };
        let algorithm = match (named, algorithm) {
            (Some(named), Some(expected)) if named != expected => {
                return Err(invalid(HashTextProblem::OtherAlgorithm));
            }
            (Some(named), _) => named,
            (None, Some(expected)) => expected,
            (None, None) => return Err(invalid(HashTextProblem::NoAlgorithm)),
        };
        Self::parse_digits(digits, algorithm, sri).map_err(invalid)
    }

    fn parse_digits(
        digits: &str,
        algorithm: HashAlgorithm,
        sri: bool,
    ) -> std::result::Result<Self, HashTextProblem> {
        let size = algorithm.size();
        let mut hash = Hash::zero(algorithm);
        let bytes = &mut hash.bytes[..size];
        let length = digits.len();
        if sri || length == size.div_ceil(3) * 4 {
            decode_base64(digits.as_bytes(), bytes)?;
        } else if length == size * 2 {
            decode_base16(digits.as_bytes(), bytes)?;
        } else {
            base32::decode_into(digits.as_bytes(), bytes)?;
        }
        Ok(hash)
    }

    /// Lower-case hexadecimal digits, without the algorithm.
    pub fn to_base16(&self) -> String {
        let mut text = String::with_capacity(self.algorithm.size() * 2);
        for byte in self.bytes() {
            for nibble in [byte >> 4, byte & 15] {
                text.push(HEXADECIMAL[nibble as usize] as char);
            }
        }
        text
    }

    /// Nix's base-32, without the algorithm.
    pub fn to_base32(&self) -> String {
        base32::encode(self.bytes())
    }

    /// Padded base-64, without the algorithm.
    pub fn to_base64(&self) -> String {
        BASE64.encode(self.bytes())
    }

    /// `ALGORITHM-BASE64`.
    pub fn to_sri(&self) -> String {
        format!("{}-{}", self.algorithm, self.to_base64())
    }

    /// `ALGORITHM:BASE16`, the form inside store path fingerprints and the database.
    pub fn to_prefixed_base16(&self) -> String {
        format!("{}:{}", self.algorithm, self.to_base16())
    }

    /// `ALGORITHM:BASE32`, the form in content addresses and `.narinfo` files.
    pub fn to_prefixed_base32(&self) -> String {
        format!("{}:{}", self.algorithm, self.to_base32())
    }
}

impl fmt::Display for Hash {
    /// The SRI form, as newer versions of Nix print hashes for people.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.to_sri())
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.to_prefixed_base16())
    }
}

pub(crate) const HEXADECIMAL: &[u8; 16] = b"0123456789abcdef";

fn decode_base16(digits: &[u8], bytes: &mut [u8]) -> std::result::Result<(), HashTextProblem> {
    let value = |digit: u8| (digit as char).to_digit(16).ok_or(HashTextProblem::Character);
    for (pair, byte) in digits.chunks_exact(2).zip(bytes) {
        *byte = (value(pair[0])? << 4 | value(pair[1])?) as u8;
    }
    Ok(())
}

/// Folds a digest to `size` bytes by exclusive or, as the hash part of a store path is made (20 bytes of a
/// SHA-256; Nix manual, "Store Path Specification").
pub fn compress_hash<const SIZE: usize>(digest: &[u8]) -> [u8; SIZE] {
    let mut folded = [0; SIZE];
    for (index, byte) in digest.iter().enumerate() {
        folded[index % SIZE] ^= byte;
    }
    folded
}

/// A hash in the making. Also a [`Write`]r that takes everything.
#[derive(Clone)]
pub struct Hasher(State);

#[derive(Clone)]
enum State {
    Md5(md5::Md5),
    Sha1(sha1::Sha1),
    Sha256(sha2::Sha256),
    Sha512(sha2::Sha512),
}

impl Hasher {
    /// Begins a hash.
    pub fn new(algorithm: HashAlgorithm) -> Self {
        Hasher(match algorithm {
            HashAlgorithm::Md5 => State::Md5(md5::Md5::new()),
            HashAlgorithm::Sha1 => State::Sha1(sha1::Sha1::new()),
            HashAlgorithm::Sha256 => State::Sha256(sha2::Sha256::new()),
            HashAlgorithm::Sha512 => State::Sha512(sha2::Sha512::new()),
        })
    }

    /// Takes more bytes.
    pub fn update(&mut self, data: &[u8]) {
        match &mut self.0 {
            State::Md5(state) => state.update(data),
            State::Sha1(state) => state.update(data),
            State::Sha256(state) => state.update(data),
            State::Sha512(state) => state.update(data),
        }
    }

    /// The hash of all bytes taken.
    pub fn finish(self) -> Hash {
        fn hash(algorithm: HashAlgorithm, digest: &[u8]) -> Hash {
            let mut bytes = [0; LONGEST];
            bytes[..digest.len()].copy_from_slice(digest);
            Hash { algorithm, bytes }
        }
        match self.0 {
            State::Md5(state) => hash(HashAlgorithm::Md5, &state.finalize()),
            State::Sha1(state) => hash(HashAlgorithm::Sha1, &state.finalize()),
            State::Sha256(state) => hash(HashAlgorithm::Sha256, &state.finalize()),
            State::Sha512(state) => hash(HashAlgorithm::Sha512, &state.finalize()),
        }
    }
}

impl Write for Hasher {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.update(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Hashes and counts what passes through to `inner`.
pub struct HashingWriter<W> {
    inner: W,
    hasher: Hasher,
    count: u64,
}

impl<W: Write> HashingWriter<W> {
    /// Begins with nothing written.
    pub fn new(algorithm: HashAlgorithm, inner: W) -> Self {
        HashingWriter { inner, hasher: Hasher::new(algorithm), count: 0 }
    }

    /// The hash and the number of bytes that passed, and the writer.
    pub fn finish(self) -> (Hash, u64, W) {
        (self.hasher.finish(), self.count, self.inner)
    }
}

impl<W: Write> Write for HashingWriter<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(data)?;
        self.hasher.update(&data[..written]);
        self.count += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Hashes and counts what is read from `inner`.
pub struct HashingReader<R> {
    inner: R,
    hasher: Hasher,
    count: u64,
}

impl<R: Read> HashingReader<R> {
    /// Begins with nothing read.
    pub fn new(algorithm: HashAlgorithm, inner: R) -> Self {
        HashingReader { inner, hasher: Hasher::new(algorithm), count: 0 }
    }

    /// The hash and the number of bytes that were read, and the reader.
    pub fn finish(self) -> (Hash, u64, R) {
        (self.hasher.finish(), self.count, self.inner)
    }
}

impl<R: Read> Read for HashingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        self.count += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_algorithm() -> impl Strategy<Value = HashAlgorithm> {
        prop_oneof![
            Just(HashAlgorithm::Md5),
            Just(HashAlgorithm::Sha1),
            Just(HashAlgorithm::Sha256),
            Just(HashAlgorithm::Sha512),
        ]
    }

    #[test]
    fn the_four_encodings_of_a_known_hash() {
        // Vectors of the Nix test suite, for "abc".
        let hash = Hash::sha256(b"abc");
        assert_eq!(hash.to_base16(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(hash.to_base32(), "1b8m03r63zqhnjf7l5wnldhh7c134ap5vpj0850ymkq1iyzicy5s");
        assert_eq!(hash.to_sri(), "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
    }

    #[test]
    fn base_64_is_read_as_leniently_as_nix_reads_it() {
        let hash = Hash::sha256(b"abc");
        for text in [
            "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0",
            "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0==",
            "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=io",
            "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa1=",
            "sha256-ungWv48Bz+pBQUDeXa4iI7AD\nYaOWF3qctBD/YfIAFa0=",
        ] {
            assert_eq!(Hash::parse(text, None).unwrap(), hash, "{text}");
        }
    }

    #[test]
    fn malformed_hashes_are_errors() {
        for text in [
            "",
            "sha256:",
            "sha256-",
            "sha3:00",
            "sha256:zz",
            "sha256-ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=",
            "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFaaa",
            "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa",
            "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa-=",
            "sha256:1b8m03r63zqhnjf7l5wnldhh7c134ap5vpj0850ymkq1iyzicy5e",
            "md5:\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}",
        ] {
            assert!(Hash::parse(text, None).is_err(), "{text}");
        }
        assert!(Hash::parse(&Hash::sha256(b"").to_sri(), Some(HashAlgorithm::Sha512)).is_err());
    }

    #[test]
    fn folding_wraps_around() {
        assert_eq!(compress_hash::<2>(&[1, 2, 4, 8, 16]), [1 ^ 4 ^ 16, 2 ^ 8]);
    }

    proptest! {
        #[test]
        fn every_encoding_is_read_back(data: Vec<u8>, algorithm in any_algorithm()) {
            let hash = Hash::digest(algorithm, &data);
            for text in [hash.to_sri(), hash.to_prefixed_base16(), hash.to_prefixed_base32()] {
                prop_assert_eq!(Hash::parse(&text, None).unwrap(), hash);
            }
            for text in [hash.to_base16(), hash.to_base32(), hash.to_base64()] {
                prop_assert_eq!(Hash::parse(&text, Some(algorithm)).unwrap(), hash);
            }
        }

        #[test]
        fn any_text_is_a_hash_or_an_error(text in "\\PC*", algorithm in proptest::option::of(any_algorithm())) {
            let _ = Hash::parse(&text, algorithm);
        }
    }
}
