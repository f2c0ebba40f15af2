//! The size of what a .xz file holds, from its index (.xz file format 1.2.1, sections 2.1.2 and 4).

use std::fs::File;
use std::os::unix::fs::FileExt;

/// Bytes of the footer and of the header of a stream.
const FOOTER: u64 = 12;

/// An index of blocks of 24 MiB for 1 PiB is smaller.
const LARGEST_INDEX: u64 = 256 << 20;

/// The bytes that a file of `size` bytes holds, decompressed; why not, if it is damaged. A file of several streams has the
/// sum of all.
pub(super) fn uncompressed_size(file: &File, size: u64) -> Result<u64, &'static str> {
    const DAMAGED: &str = "its end is damaged or missing: it was not copied whole";
    let mut end = size;
    let mut total: u64 = 0;
    while end > 0 {
        let mut footer = [0; FOOTER as usize];
        let start = end.checked_sub(FOOTER).ok_or(DAMAGED)?;
        file.read_exact_at(&mut footer, start).map_err(|_| DAMAGED)?;
        if footer[8..] == [0; 4] {
            // Padding between streams is a multiple of four zeros.
            end -= 4;
            continue;
        }
        if &footer[10..] != b"YZ" {
            return Err(DAMAGED);
        }
        let backward = u32::from_le_bytes([footer[4], footer[5], footer[6], footer[7]]);
        let length = (u64::from(backward) + 1) * 4;
        let begin = start.checked_sub(length).filter(|_| length <= LARGEST_INDEX).ok_or(DAMAGED)?;
        let mut index = vec![0; usize::try_from(length).map_err(|_| DAMAGED)?];
        file.read_exact_at(&mut index, begin).map_err(|_| DAMAGED)?;
        let mut rest = index.strip_prefix(&[0]).ok_or(DAMAGED)?;
        let records = number(&mut rest).ok_or(DAMAGED)?;
        let mut blocks: u64 = 0;
        for _ in 0..records {
            let unpadded = number(&mut rest).ok_or(DAMAGED)?;
            let uncompressed = number(&mut rest).ok_or(DAMAGED)?;
            blocks = unpadded
                .checked_next_multiple_of(4)
                .and_then(|size| blocks.checked_add(size))
                .ok_or(DAMAGED)?;
            total = total.checked_add(uncompressed).ok_or(DAMAGED)?;
        }
        end = begin.checked_sub(blocks).and_then(|end| end.checked_sub(FOOTER)).ok_or(DAMAGED)?;
    }
    Ok(total)
}

/// An integer of up to nine bytes with seven bits each (section 1.2).
fn number(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for place in 0..9 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn compressed(bytes: usize) -> Vec<u8> {
        let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 0);
        encoder.write_all(&vec![7; bytes]).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn sizes_of_streams_add_up_and_a_cut_file_is_told() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("image.xz");
        let mut bytes = compressed(300_000);
        bytes.extend([0; 8]);
        bytes.extend(compressed(5));
        std::fs::write(&path, &bytes).unwrap();
        let size = |length: u64| uncompressed_size(&File::open(&path).unwrap(), length);
        assert_eq!(size(bytes.len() as u64), Ok(300_005));
        for cut in 1..bytes.len() as u64 {
            // A file cut between two streams is a whole one.
            let whole = size(cut) == Ok(300_000);
            assert!(whole || size(cut).is_err(), "{cut}");
        }
    }
}
