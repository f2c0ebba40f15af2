//! The bytes of an image, in their order, with what is empty told apart.

mod checksum;
mod xz;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use checksum::{Checksum, HashedReader};
use disk_image::tree::data_ranges;
use liblzma::bufread::XzDecoder;
use liblzma::stream::{CONCATENATED, Stream};

use crate::error::{Error, Result};

/// Bytes that are handed on at once.
const PIECE: usize = 1 << 20;

/// What a decoder of .xz may use: fifteen times what files of the highest level need (xz(1), "Preset").
const MOST_MEMORY: u64 = 1 << 30;

/// How an image's file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// Zstandard (RFC 8878).
    Zstd,
    /// The .xz format, version 1.2.1.
    Xz,
}

/// What takes the bytes of an image.
pub trait Sink {
    /// The next bytes.
    ///
    /// # Errors
    ///
    /// What the taker says; the feeding ends with it.
    fn data(&mut self, bytes: &[u8]) -> Result<()>;

    /// That many zeros.
    ///
    /// # Errors
    ///
    /// As [`Sink::data`].
    fn zeros(&mut self, count: u64) -> Result<()>;
}

/// A file with an image.
#[derive(Clone, Debug)]
pub struct ImageFile {
    path: PathBuf,
    compression: Compression,
    file_size: u64,
    image_size: Option<u64>,
    checksum: Option<Checksum>,
}

impl ImageFile {
    /// Looks at a file. How it is compressed is seen from its first bytes and not from its name. A file with `.sha256`
    /// behind its name beside it is read, too.
    ///
    /// # Errors
    ///
    /// [`Error::Read`]; [`Error::InvalidImage`] for an empty file, one whose size is no multiple of 512, a damaged .xz
    /// file, and an image in the format of QEMU.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let (file, file_size) = open(&path)?;
        let mut start = [0; 64];
        let count = file.read_at(&mut start, 0).map_err(|source| Error::read(&path, source))?;
        let invalid = |reason: &str| Error::InvalidImage { path: path.clone(), reason: reason.to_owned() };
        let (compression, image_size) = match &start[..count] {
            [] => return Err(invalid("it is empty")),
            [b'Q', b'F', b'I', 0xfb, ..] => {
                return Err(invalid("it is in QEMU's format qcow2; make a raw image"));
            }
            // RFC 8878, section 3.1.1; .xz format, section 2.1.1.1.
            [0x28, 0xb5, 0x2f, 0xfd, ..] => {
                let size = zstd::zstd_safe::get_frame_content_size(&start[..count]).ok().flatten();
                (Compression::Zstd, size)
            }
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => {
                (Compression::Xz, Some(xz::uncompressed_size(&file, file_size).map_err(invalid)?))
            }
            _ => (Compression::None, Some(file_size)),
        };
        if let Some(size) = image_size
            && (size == 0 || size % 512 != 0)
        {
            return Err(invalid(&format!("{size} bytes are no whole number of sectors of 512 bytes")));
        }
        let checksum = Checksum::beside(&path)?;
        Ok(ImageFile { path, compression, file_size, image_size, checksum })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How it is compressed.
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// Bytes of the file.
    pub fn file_size(&self) -> u64 {
        self.file_size
    }

    /// Bytes of the image; `None` if a compressor was not told.
    pub fn image_size(&self) -> Option<u64> {
        self.image_size
    }

    /// Whether a checksum lies beside it.
    pub fn has_checksum(&self) -> bool {
        self.checksum.is_some()
    }

    /// Hands the image's bytes to `sink`, from the first to the last.
    ///
    /// # Errors
    ///
    /// [`Error::Read`], [`Error::InvalidImage`] for a damaged compressed file, [`Error::WrongChecksum`], and what the
    /// sink says.
    pub fn feed(&self, sink: &mut dyn Sink) -> Result<()> {
        let (file, size) = open(&self.path)?;
        if size != self.file_size {
            return Err(self.damaged("its size changed while it was read"));
        }
        if self.compression == Compression::None {
            return self.feed_raw(&file, sink);
        }
        let mut reader = HashedReader::new(BufReader::with_capacity(PIECE, file), self.checksum.is_some());
        self.feed_decoded(&mut *self.decoder(&mut reader)?, sink)?;
        reader.finish(&self.path, self.checksum.as_ref())
    }

    /// The image's bytes.
    pub(crate) fn decoded(&self) -> Result<Box<dyn Read>> {
        let (file, _) = open(&self.path)?;
        self.decoder(BufReader::with_capacity(PIECE, file))
    }

    fn decoder<'a>(&self, reader: impl BufRead + 'a) -> Result<Box<dyn Read + 'a>> {
        let failed = |error: &dyn std::fmt::Display| self.damaged(&error.to_string());
        Ok(match self.compression {
            Compression::None => Box::new(reader),
            Compression::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(reader).map_err(|error| failed(&error))?;
                // Images that were compressed with `zstd --long` have windows as large as this.
                decoder.window_log_max(31).map_err(|error| failed(&error))?;
                Box::new(decoder)
            }
            Compression::Xz => {
                let stream =
                    Stream::new_stream_decoder(MOST_MEMORY, CONCATENATED).map_err(|error| failed(&error))?;
                Box::new(XzDecoder::new_stream(reader, stream))
            }
        })
    }

    fn feed_raw(&self, file: &File, sink: &mut dyn Sink) -> Result<()> {
        let ranges = match data_ranges(&self.path, file, self.file_size)? {
            Some(ranges) => ranges,
            None => std::iter::once(0..self.file_size).collect(),
        };
        let mut hash = HashedReader::new(io::empty(), self.checksum.is_some());
        let mut buffer = vec![0; PIECE];
        let mut position = 0;
        for range in ranges {
            hash.zeros(range.start - position);
            sink.zeros(range.start - position)?;
            position = range.start;
            while position < range.end {
                let count = buffer.len().min(usize::try_from(range.end - position).unwrap_or(usize::MAX));
                let piece = &mut buffer[..count];
                file.read_exact_at(piece, position).map_err(|source| Error::read(&self.path, source))?;
                hash.data(piece);
                sink.data(piece)?;
                position += count as u64;
            }
        }
        hash.zeros(self.file_size - position);
        sink.zeros(self.file_size - position)?;
        hash.finish(&self.path, self.checksum.as_ref())
    }

    fn feed_decoded(&self, reader: &mut dyn Read, sink: &mut dyn Sink) -> Result<()> {
        let mut buffer = vec![0; PIECE];
        let mut total = 0;
        loop {
            let count = match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.damaged(&error.to_string())),
            };
            total += count as u64;
            sink.data(&buffer[..count])?;
        }
        match self.image_size {
            Some(size) if size != total => Err(self.damaged("it ends before the image does")),
            None if total == 0 || total % 512 != 0 => {
                Err(self.damaged("it holds no whole number of sectors"))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn damaged(&self, reason: &str) -> Error {
        Error::InvalidImage { path: self.path.clone(), reason: reason.to_owned() }
    }
}

fn open(path: &Path) -> Result<(File, u64)> {
    let failed = |source| Error::read(path, source);
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(failed(io::Error::other("not a regular file")));
    }
    Ok((file, metadata.len()))
}
