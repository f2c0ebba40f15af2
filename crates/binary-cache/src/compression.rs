//! Compressions of archives, by the names that narinfos and Nix's setting `compression` have.

use std::fmt;
use std::io::{self, Read, Write};
use std::str::FromStr;

use bzip2::read::MultiBzDecoder;
use flate2::read::MultiGzDecoder;
use liblzma::read::XzDecoder;
use liblzma::stream::{Check, MtStreamBuilder, Stream};

use crate::error::{Error, Result};

/// The most memory that unpacking one xz stream may take: its dictionary is chosen by who packed it, 64 MiB at most with
/// the presets of xz(1).
const XZ_MEMORY: u64 = 80 << 20;

/// The largest window of zstd that is taken, as a power of two: 128 MiB, the limit of zstd(1).
const ZSTD_WINDOW: u32 = 27;

/// Bytes that brotli's decoder reads at a time.
const BROTLI_BUFFER: usize = 64 << 10;

/// A compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// As it is.
    None,
    /// LZMA2 in xz's container.
    Xz,
    /// Zstandard (RFC 8878).
    Zstd,
    /// Gzip (RFC 1952).
    Gzip,
    /// Bzip2.
    Bzip2,
    /// Brotli (RFC 7932).
    Brotli,
}

impl Compression {
    /// The name in narinfos.
    pub const fn name(self) -> &'static str {
        match self {
            Compression::None => "none",
            Compression::Xz => "xz",
            Compression::Zstd => "zstd",
            Compression::Gzip => "gzip",
            Compression::Bzip2 => "bzip2",
            Compression::Brotli => "br",
        }
    }

    /// What archives' names end in.
    pub const fn suffix(self) -> &'static str {
        match self {
            Compression::None => "",
            Compression::Xz => ".xz",
            Compression::Zstd => ".zst",
            Compression::Gzip => ".gz",
            Compression::Bzip2 => ".bz2",
            Compression::Brotli => ".br",
        }
    }

    /// Reads what is compressed in `reader`.
    ///
    /// # Errors
    /// Those of setting the decoder up.
    pub fn decoder<'reader>(
        self,
        reader: impl Read + Send + 'reader,
    ) -> io::Result<Box<dyn Read + Send + 'reader>> {
        Ok(match self {
            Compression::None => Box::new(reader),
            Compression::Xz => {
                let concatenated = liblzma::stream::CONCATENATED;
                let stream = Stream::new_stream_decoder(XZ_MEMORY, concatenated).map_err(io::Error::other)?;
                Box::new(XzDecoder::new_stream(reader, stream))
            }
            Compression::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::new(reader)?;
                decoder.window_log_max(ZSTD_WINDOW)?;
                Box::new(decoder)
            }
            Compression::Gzip => Box::new(MultiGzDecoder::new(reader)),
            Compression::Bzip2 => Box::new(MultiBzDecoder::new(reader)),
            Compression::Brotli => Box::new(brotli_decompressor::Decompressor::new(reader, BROTLI_BUFFER)),
        })
    }

    /// Compresses what is written into `writer`; [`Encoder::finish`] ends it.
    ///
    /// # Errors
    /// [`Error::CannotCompress`] for brotli; those of setting the encoder up, for a level that it does not have.
    pub fn encoder<W: Write>(self, writer: W, level: Level, parallel: bool) -> Result<Encoder<W>> {
        let failed =
            |problem: String| Error::InvalidAddress { url: format!("compression={}", self.name()), problem };
        let workers = match parallel {
            true => std::thread::available_parallelism().map_or(1, |count| count.get() as u32),
            false => 1,
        };
        Ok(match self {
            Compression::None => Encoder::None(writer),
            Compression::Xz => {
                let preset = level.0.unwrap_or(6).min(9);
                let stream = match workers {
                    1 => Stream::new_easy_encoder(preset, Check::Crc64),
                    _ => MtStreamBuilder::new().threads(workers).preset(preset).check(Check::Crc64).encoder(),
                };
                let stream = stream.map_err(|error| failed(error.to_string()))?;
                Encoder::Xz(liblzma::write::XzEncoder::new_stream(writer, stream))
            }
            Compression::Zstd => {
                let level = level.0.map_or(0, |level| level as i32);
                let encoder = zstd::stream::write::Encoder::new(writer, level).and_then(|mut encoder| {
                    encoder.include_checksum(true)?;
                    if workers > 1 {
                        encoder.multithread(workers)?;
                    }
                    Ok(encoder)
                });
                Encoder::Zstd(encoder.map_err(|error| failed(error.to_string()))?)
            }
            Compression::Gzip => {
                let level = flate2::Compression::new(level.0.unwrap_or(6).min(9));
                Encoder::Gzip(flate2::write::GzEncoder::new(writer, level))
            }
            Compression::Bzip2 => {
                let level = bzip2::Compression::new(level.0.unwrap_or(9).clamp(1, 9));
                Encoder::Bzip2(bzip2::write::BzEncoder::new(writer, level))
            }
            Compression::Brotli => return Err(Error::CannotCompress { name: self.name().to_owned() }),
        })
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Compression {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        use Compression::{Brotli, Bzip2, Gzip, None, Xz, Zstd};
        [None, Xz, Zstd, Gzip, Bzip2, Brotli]
            .into_iter()
            .find(|compression| compression.name() == name)
            .ok_or_else(|| Error::UnknownCompression { name: name.to_owned() })
    }
}

/// How much work is put into compressing; at first, the compression's own default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Level(Option<u32>);

impl Level {
    /// 0 to 22; what a compression does not have becomes its highest.
    pub fn of(level: i64) -> Option<Self> {
        u32::try_from(level).ok().filter(|level| *level <= 22).map(|level| Level(Some(level)))
    }
}

/// A [`Write`]r that compresses.
pub enum Encoder<W: Write> {
    /// As it is.
    None(W),
    /// xz.
    Xz(liblzma::write::XzEncoder<W>),
    /// Zstandard.
    Zstd(zstd::stream::write::Encoder<'static, W>),
    /// Gzip.
    Gzip(flate2::write::GzEncoder<W>),
    /// Bzip2.
    Bzip2(bzip2::write::BzEncoder<W>),
}

impl<W: Write> Encoder<W> {
    /// Writes the end.
    ///
    /// # Errors
    /// The writer's.
    pub fn finish(self) -> io::Result<W> {
        match self {
            Encoder::None(writer) => Ok(writer),
            Encoder::Xz(encoder) => encoder.finish(),
            Encoder::Zstd(encoder) => encoder.finish(),
            Encoder::Gzip(encoder) => encoder.finish(),
            Encoder::Bzip2(encoder) => encoder.finish(),
        }
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match self {
            Encoder::None(writer) => writer.write(data),
            Encoder::Xz(encoder) => encoder.write(data),
            Encoder::Zstd(encoder) => encoder.write(data),
            Encoder::Gzip(encoder) => encoder.write(data),
            Encoder::Bzip2(encoder) => encoder.write(data),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Encoder::None(writer) => writer.flush(),
            Encoder::Xz(encoder) => encoder.flush(),
            Encoder::Zstd(encoder) => encoder.flush(),
            Encoder::Gzip(encoder) => encoder.flush(),
            Encoder::Bzip2(encoder) => encoder.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unpack(compression: Compression, packed: &[u8]) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        compression.decoder(packed)?.read_to_end(&mut content)?;
        Ok(content)
    }

    #[test]
    fn brotli_is_read() {
        // brotli --quality=0 of "hello\n".
        let packed = [0x8b, 0x02, 0x80, 0x68, 0x65, 0x6c, 0x6c, 0x6f, 0x0a, 0x03];
        assert_eq!(unpack(Compression::Brotli, &packed).unwrap(), b"hello\n");
        assert!(Compression::Brotli.encoder(Vec::new(), Level::default(), false).is_err());
    }

    #[test]
    fn names_are_those_of_nix() {
        for name in ["none", "xz", "zstd", "gzip", "bzip2", "br"] {
            assert_eq!(name.parse::<Compression>().unwrap().name(), name);
        }
        assert!("lzma2".parse::<Compression>().is_err());
    }

    const WRITTEN: [Compression; 5] =
        [Compression::None, Compression::Xz, Compression::Zstd, Compression::Gzip, Compression::Bzip2];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn what_is_packed_is_unpacked(content: Vec<u8>, level in -1i64..=22, parallel: bool) {
            for compression in WRITTEN {
                let level = Level::of(level).unwrap_or_default();
                let mut encoder = compression.encoder(Vec::new(), level, parallel).unwrap();
                encoder.write_all(&content).unwrap();
                let packed = encoder.finish().unwrap();
                prop_assert_eq!(unpack(compression, &packed).unwrap(), &content[..]);
                // What is cut off is noticed, but for that which has no end of its own.
                if compression != Compression::None {
                    prop_assert!(unpack(compression, &packed[..packed.len() - 1]).is_err());
                }
            }
        }

        #[test]
        fn any_bytes_end(bytes: Vec<u8>) {
            for compression in WRITTEN.into_iter().chain([Compression::Brotli]) {
                let mut content = Vec::new();
                let _ = compression.decoder(bytes.as_slice()).unwrap().take(1 << 20).read_to_end(&mut content);
            }
        }
    }
}
