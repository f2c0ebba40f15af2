use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// A file as sha256sum(1) writes it, with the line for one other file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Checksum {
    file: PathBuf,
    /// In hexadecimal, lower case.
    digest: String,
}

impl Checksum {
    /// The checksum in `PATH.sha256`; `None` if there is no such file.
    pub(super) fn beside(path: &Path) -> Result<Option<Self>> {
        let mut name = OsString::from(path);
        name.push(".sha256");
        let file = PathBuf::from(name);
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::read(&file, source)),
        };
        let digest = text.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
        if digest.len() != 64 || !digest.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            let reason = "it does not begin with a SHA-256 in hexadecimal".to_owned();
            return Err(Error::read(&file, io::Error::new(io::ErrorKind::InvalidData, reason)));
        }
        Ok(Some(Checksum { file, digest }))
    }
}

/// Hashes what is read through it, if anybody wants to know.
pub(super) struct HashedReader<R> {
    inner: R,
    hash: Option<Sha256>,
}

impl<R> HashedReader<R> {
    pub(super) fn new(inner: R, wanted: bool) -> Self {
        HashedReader { inner, hash: wanted.then(Sha256::new) }
    }

    /// Counts bytes that were read elsewhere.
    pub(super) fn data(&mut self, bytes: &[u8]) {
        if let Some(hash) = &mut self.hash {
            hash.update(bytes);
        }
    }

    /// Counts zeros.
    pub(super) fn zeros(&mut self, mut count: u64) {
        static ZEROS: [u8; 64 << 10] = [0; 64 << 10];
        while count > 0 && self.hash.is_some() {
            let now = ZEROS.len().min(usize::try_from(count).unwrap_or(usize::MAX));
            self.data(&ZEROS[..now]);
            count -= now as u64;
        }
    }
}

impl<R: Read> HashedReader<R> {
    /// Compares, when all was read. What the decoder left behind the image's end is read here.
    pub(super) fn finish(mut self, path: &Path, checksum: Option<&Checksum>) -> Result<()> {
        let Some(Checksum { file, digest }) = checksum else { return Ok(()) };
        let mut buffer = vec![0; 64 << 10];
        loop {
            match self.inner.read(&mut buffer).map_err(|source| Error::read(path, source))? {
                0 => break,
                count => self.data(&buffer[..count]),
            }
        }
        let actual = self.hash.map(|hash| hexadecimal(&hash.finalize())).unwrap_or_default();
        if actual == *digest {
            return Ok(());
        }
        Err(Error::WrongChecksum {
            path: path.to_owned(),
            checksum: file.clone(),
            expected: digest.clone(),
            actual,
        })
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl<R: BufRead> Read for HashedReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        if let Some(hash) = &mut self.hash {
            hash.update(&buffer[..count]);
        }
        Ok(count)
    }
}

impl<R: BufRead> BufRead for HashedReader<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        if let Some(hash) = &mut self.hash {
            // What is consumed was filled before, and is there still.
            if let Ok(bytes) = self.inner.fill_buf() {
                hash.update(&bytes[..count.min(bytes.len())]);
            }
        }
        self.inner.consume(count);
    }
}
