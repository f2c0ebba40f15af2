//! Extended attributes, in the inode where they fit, else in a block (kernel documentation, filesystems/ext4,
//! "Extended Attributes").

use super::checksum::Checksum;
use super::geometry::BLOCK;
use crate::tree::Xattrs;

const BLOCK_SIZE: usize = BLOCK as usize;
const MAGIC: u32 = 0xea02_0000;

/// Bytes of an inode after its fields.
pub(super) const IN_INODE: usize = 256 - 128 - 32;

const BLOCK_HEADER: usize = 32;
const ENTRY_HEADER: usize = 16;

/// Prefixes of names and the numbers that stand for them, longest first.
const PREFIXES: [(&[u8], u8); 6] = [
    (b"system.posix_acl_access", 2),
    (b"system.posix_acl_default", 3),
    (b"security.", 6),
    (b"trusted.", 4),
    (b"system.", 7),
    (b"user.", 1),
];

/// An attribute as it is stored. The order of the fields is the order in which a block has them sorted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Stored {
    prefix: u8,
    name_length: usize,
    name: Vec<u8>,
    value: Vec<u8>,
}

/// The attributes of a node in stored form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StoredXattrs(Vec<Stored>);

/// Where a node's attributes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Nowhere,
    Inode,
    Block,
}

impl StoredXattrs {
    pub(super) fn empty() -> Self {
        Self(Vec::new())
    }

    /// Translates names and access control lists; says what cannot be stored.
    pub(super) fn new(xattrs: &Xattrs) -> Result<Self, String> {
        let mut stored = Vec::with_capacity(xattrs.len());
        for (full, value) in xattrs {
            let shown = full.escape_ascii();
            let (text, prefix) = PREFIXES
                .iter()
                .find(|(text, prefix)| match prefix {
                    2 | 3 => full == text,
                    _ => full.starts_with(text) && full.len() > text.len(),
                })
                .ok_or_else(|| format!("it has the extended attribute `{shown}` of an unknown name space"))?;
            let name = full[text.len()..].to_owned();
            if name.len() > 255 || name.contains(&0) {
                return Err(format!("the name of its extended attribute `{shown}` is too long or has a NUL"));
            }
            let value = match prefix {
                2 | 3 => compact_acl(value)
                    .ok_or_else(|| format!("its access control list `{shown}` is not one"))?,
                _ => value.clone(),
            };
            stored.push(Stored { prefix: *prefix, name_length: name.len(), name, value });
        }
        stored.sort();
        let stored = Self(stored);
        if stored.size() + 4 > BLOCK_SIZE - BLOCK_HEADER {
            return Err("its extended attributes do not fit in a block of 4096 bytes".to_owned());
        }
        Ok(stored)
    }

    /// Where they fit.
    pub(super) fn place(&self) -> Place {
        match self.size() {
            0 => Place::Nowhere,
            // Magic before, four zero bytes after the entries.
            size if size + 8 <= IN_INODE => Place::Inode,
            _ => Place::Block,
        }
    }

    fn size(&self) -> usize {
        self.0
            .iter()
            .map(|stored| {
                ENTRY_HEADER + stored.name.len().next_multiple_of(4) + stored.value.len().next_multiple_of(4)
            })
            .sum()
    }

    /// The end of the inode.
    pub(super) fn encode_in_inode(&self) -> [u8; IN_INODE] {
        let mut bytes = [0; IN_INODE];
        bytes[0..4].copy_from_slice(&MAGIC.to_le_bytes());
        // In the inode values are counted from the first entry.
        self.encode_entries(&mut bytes[4..], 0);
        bytes
    }

    /// The block at `place` on the disk.
    pub(super) fn encode_block(&self, place: u64, file_system: Checksum) -> Vec<u8> {
        let mut block = vec![0; BLOCK_SIZE];
        block[0..4].copy_from_slice(&MAGIC.to_le_bytes());
        block[4..8].copy_from_slice(&1_u32.to_le_bytes());
        block[8..12].copy_from_slice(&1_u32.to_le_bytes());
        // In a block values are counted from its start.
        let hash = self.encode_entries(&mut block[BLOCK_HEADER..], BLOCK_HEADER);
        block[12..16].copy_from_slice(&hash.to_le_bytes());
        let checksum = file_system.update(&place.to_le_bytes()).update(&block);
        block[16..20].copy_from_slice(&checksum.to_le_bytes());
        block
    }

    /// Entries from the start, values from the end; returns the hash over all.
    fn encode_entries(&self, area: &mut [u8], base: usize) -> u32 {
        let mut entry = 0;
        let mut end = area.len();
        let mut all = 0_u32;
        for stored in &self.0 {
            end -= stored.value.len().next_multiple_of(4);
            area[end..end + stored.value.len()].copy_from_slice(&stored.value);
            let hash = stored.hash();
            all = all.rotate_left(16) ^ hash;
            let place = &mut area[entry..];
            place[0] = stored.name.len() as u8;
            place[1] = stored.prefix;
            let offset = if stored.value.is_empty() { 0 } else { base + end };
            place[2..4].copy_from_slice(&(offset as u16).to_le_bytes());
            place[8..12].copy_from_slice(&(stored.value.len() as u32).to_le_bytes());
            place[12..16].copy_from_slice(&hash.to_le_bytes());
            place[ENTRY_HEADER..ENTRY_HEADER + stored.name.len()].copy_from_slice(&stored.name);
            entry += ENTRY_HEADER + stored.name.len().next_multiple_of(4);
        }
        all
    }
}

impl Stored {
    /// The hash of name and value, by which the kernel shares equal blocks.
    fn hash(&self) -> u32 {
        let name = self.name.iter().fold(0_u32, |hash, byte| hash.rotate_left(5) ^ u32::from(*byte));
        self.value.chunks(4).fold(name, |hash, bytes| {
            let mut word = [0; 4];
            word[..bytes.len()].copy_from_slice(bytes);
            hash.rotate_left(16) ^ u32::from_le_bytes(word)
        })
    }
}

/// An access control list as programs see it (version 2, every entry with an identifier) in the form on the disk
/// (version 1, an identifier only with named users and groups).
fn compact_acl(value: &[u8]) -> Option<Vec<u8>> {
    const NAMED: [u16; 2] = [0x02, 0x08];
    let entries = value.strip_prefix(&2_u32.to_le_bytes())?;
    if !entries.len().is_multiple_of(8) {
        return None;
    }
    let mut compact = 1_u32.to_le_bytes().to_vec();
    for entry in entries.chunks_exact(8) {
        let named = NAMED.contains(&u16::from_le_bytes([entry[0], entry[1]]));
        compact.extend_from_slice(if named { entry } else { &entry[..4] });
    }
    Some(compact)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_ones_go_into_the_inode() {
        let one = |length: usize| {
            let xattrs = Xattrs::from([(b"security.capability".to_vec(), vec![1; length])]);
            StoredXattrs::new(&xattrs).unwrap().place()
        };
        assert_eq!(one(20), Place::Inode);
        assert_eq!(one(60), Place::Inode);
        assert_eq!(one(61), Place::Block);
        assert_eq!(StoredXattrs::new(&Xattrs::new()).unwrap().place(), Place::Nowhere);
    }

    #[test]
    fn says_what_cannot_be_stored() {
        let refused = |name: &[u8], value: Vec<u8>| {
            StoredXattrs::new(&Xattrs::from([(name.to_vec(), value)])).unwrap_err()
        };
        assert!(refused(b"other.name", vec![]).contains("other.name"));
        assert!(refused(b"user.", vec![]).contains("user."));
        assert!(refused(b"user.big", vec![0; 4096]).contains("4096"));
        assert!(refused(b"system.posix_acl_access", vec![1, 2, 3]).contains("access control list"));
    }

    #[test]
    fn access_control_lists_lose_unused_identifiers() {
        let mut value = 2_u32.to_le_bytes().to_vec();
        value.extend_from_slice(&[1, 0, 6, 0, 0xff, 0xff, 0xff, 0xff]);
        value.extend_from_slice(&[2, 0, 4, 0, 0xe8, 3, 0, 0]);
        let compact = compact_acl(&value).unwrap();
        assert_eq!(compact, [1, 0, 0, 0, 1, 0, 6, 0, 2, 0, 4, 0, 0xe8, 3, 0, 0]);
    }
}
