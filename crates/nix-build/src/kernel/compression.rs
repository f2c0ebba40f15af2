//! Compressed modules.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;
use liblzma::read::XzDecoder;
use liblzma::stream::{CONCATENATED, Stream};

/// The largest module after decompression that is accepted; the largest of Debian's has about 20 MiB.
const LARGEST_MODULE: u64 = 512 << 20;

/// What decompressing may take: xz's strongest preset needs 65 MiB.
const XZ_MEMORY: u64 = 300 << 20;

/// The bytes of a module by its file name: `.ko`, or `.ko` with `.xz`, `.zst` or `.gz`.
///
/// # Errors
/// Malformed compressed data, or more than 512 MiB of it.
pub fn decompress(file_name: &str, bytes: &[u8]) -> io::Result<Vec<u8>> {
    if file_name.ends_with(".xz") {
        let stream = Stream::new_stream_decoder(XZ_MEMORY, CONCATENATED)?;
        read_all(XzDecoder::new_stream(bytes, stream), bytes.len())
    } else if file_name.ends_with(".zst") {
        read_all(zstd::Decoder::with_buffer(bytes)?, bytes.len())
    } else if file_name.ends_with(".gz") {
        read_all(MultiGzDecoder::new(bytes), bytes.len())
    } else {
        Ok(bytes.to_vec())
    }
}

fn read_all(decoder: impl Read, compressed: usize) -> io::Result<Vec<u8>> {
    let mut content = Vec::with_capacity(compressed.saturating_mul(4));
    decoder.take(LARGEST_MODULE + 1).read_to_end(&mut content)?;
    if content.len() as u64 > LARGEST_MODULE {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "it is larger than 512 MiB when decompressed",
        ));
    }
    Ok(content)
}
