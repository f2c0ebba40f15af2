//! A place in an image for what one copy of it has of its own: keys, a name, a wireless network.
//!
//! The place is the 64 KiB before the first partition, which no partition table and no file system uses; boards' boot
//! loaders lie before it. So a copy is made another machine's by writing a few blocks whose place follows from the
//! partition table, whatever the file systems are; and on the running host only root may read them.
//!
//! It begins with a block of 512 bytes, text that is filled up with zeros:
//!
//! ```text
//! hostwright personal 1
//! takes hostname host-keys
//! holds SHA-256 LENGTH
//! ```
//!
//! The second line names what the host understands; the third is there when the place is filled: LENGTH bytes of a tar
//! archive follow the block.

use sha2::{Digest, Sha256};

use crate::gpt::{ALIGNMENT, SECTOR};

/// Bytes of the place.
pub const PLACE_SIZE: u64 = 64 << 10;

/// Bytes from the start of a disk that [`place`] wants to see: a GUID partition table.
pub const TABLE_SIZE: usize = crate::gpt::PRIMARY_SIZE as usize;

const BLOCK: usize = SECTOR as usize;
const MAGIC: &str = "hostwright personal 1";

/// What the place of an image says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the host takes, by name.
    pub takes: Vec<String>,
    /// Whether something waits there for the host's next start.
    pub filled: bool,
}

/// The largest archive that fits.
pub const LARGEST: usize = PLACE_SIZE as usize - BLOCK;

/// The offset of the place in bytes, from the first [`TABLE_SIZE`] bytes of a disk: [`PLACE_SIZE`] bytes before the first
/// partition. `None` without a partition table (UEFI 2.10, section 5) or with a first partition that begins below
/// 1 MiB.
pub fn place(start: &[u8]) -> Option<u64> {
    let sector = start.get(..BLOCK)?;
    if sector[510..] != [0x55, 0xaa] {
        return None;
    }
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |value, byte| (value << 8) | u64::from(*byte));
    let entries = sector[446..510].chunks(16);
    let first = if start.get(BLOCK..BLOCK + 8) == Some(b"EFI PART") {
        let entries = start.get(2 * BLOCK..TABLE_SIZE)?.chunks(128);
        let used = entries.filter(|entry| entry[..16] != [0; 16]);
        used.map(|entry| number(&entry[32..40])).min()?
    } else {
        entries.filter(|entry| entry[4] != 0).map(|entry| number(&entry[8..12])).min()?
    };
    first.checked_mul(SECTOR).filter(|offset| *offset >= ALIGNMENT)?.checked_sub(PLACE_SIZE)
}

/// The first block of an empty place on an image whose host takes these things; none has a blank in its name.
pub fn empty<T: AsRef<str>>(takes: &[T]) -> Vec<u8> {
    block(takes, "")
}

/// All bytes of a filled place. `None` if the archive is larger than [`LARGEST`].
pub fn filled<T: AsRef<str>>(takes: &[T], archive: &[u8]) -> Option<Vec<u8>> {
    let digest: String = Sha256::digest(archive).iter().map(|byte| format!("{byte:02x}")).collect();
    let mut bytes = block(takes, &format!("holds {digest} {}\n", archive.len()));
    bytes.extend(archive);
    let fits = archive.len() <= LARGEST;
    bytes.resize(PLACE_SIZE as usize, 0);
    fits.then_some(bytes)
}

fn block<T: AsRef<str>>(takes: &[T], rest: &str) -> Vec<u8> {
    let mut text = format!("{MAGIC}\ntakes");
    for name in takes {
        text.push(' ');
        text.push_str(name.as_ref());
    }
    text.push('\n');
    text.push_str(rest);
    let mut bytes = text.into_bytes();
    bytes.resize(BLOCK, 0);
    bytes
}

/// Reads the first block of a place; `None` if it is none.
pub fn header(block: &[u8]) -> Option<Header> {
    let text = block.get(..BLOCK)?.split(|byte| *byte == 0).next()?;
    let mut lines = std::str::from_utf8(text).ok()?.lines();
    if lines.next() != Some(MAGIC) {
        return None;
    }
    let takes = lines.next()?.strip_prefix("takes")?.split_whitespace().map(str::to_owned).collect();
    Some(Header { takes, filled: lines.next().is_some_and(|line| line.starts_with("holds ")) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_says_what_it_takes_and_holds() {
        let takes = ["hostname", "wifi"];
        let expected = |filled| Some(Header { takes: takes.map(str::to_owned).to_vec(), filled });
        assert_eq!(header(&empty(&takes)), expected(false));
        let bytes = filled(&takes, b"archive").unwrap();
        assert_eq!(bytes.len() as u64, PLACE_SIZE);
        assert_eq!(header(&bytes), expected(true));
        assert!(bytes[512..].starts_with(b"archive\0"));
        assert!(filled(&takes, &[1; LARGEST]).is_some());
        assert!(filled(&takes, &[1; LARGEST + 1]).is_none());
        assert_eq!(header(&[0; 512]), None);
        assert_eq!(header(b"hostwright"), None);
    }

    #[test]
    fn no_table_has_no_place() {
        assert_eq!(place(&[]), None);
        assert_eq!(place(&[0; TABLE_SIZE]), None);
        let mut table = [0; TABLE_SIZE];
        table[510..512].copy_from_slice(&[0x55, 0xaa]);
        assert_eq!(place(&table), None);
        // A first partition at sector 63 leaves no room.
        table[446 + 4] = 0x83;
        table[446 + 8] = 63;
        assert_eq!(place(&table), None);
        table[446 + 8..446 + 12].copy_from_slice(&16384_u32.to_le_bytes());
        assert_eq!(place(&table), Some((8 << 20) - PLACE_SIZE));
    }
}
