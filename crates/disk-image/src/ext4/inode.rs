use super::checksum::Checksum;
use super::geometry::INODE;
use super::xattr;

/// Inodes with a fixed meaning.
pub(super) const ROOT: u32 = 2;
pub(super) const RESIZE: u32 = 7;
pub(super) const JOURNAL: u32 = 8;
/// The first that is free for files; `lost+found` has it.
pub(super) const FIRST: u32 = 11;

/// `i_flags`.
pub(super) const INDEXED: u32 = 0x1000;
pub(super) const EXTENTS: u32 = 0x8_0000;

/// File types in `i_mode`.
pub(super) const REGULAR: u16 = 0o100_000;
pub(super) const DIRECTORY: u16 = 0o040_000;
pub(super) const SYMLINK: u16 = 0o120_000;
pub(super) const CHARACTER: u16 = 0o020_000;
pub(super) const BLOCK_DEVICE: u16 = 0o060_000;
pub(super) const FIFO: u16 = 0o010_000;
pub(super) const SOCKET: u16 = 0o140_000;

/// Times from 1901 to 2310. The 34 bits of an inode hold some more, but e2fsck takes those for mistakes of old kernels.
pub(super) const TIMES: std::ops::RangeInclusive<i64> = -(1 << 31)..=0x2_7fff_ffff;

/// Bytes of fields after the first 128.
const EXTRA: u16 = 32;

/// What an inode says.
#[derive(Clone, Debug, Default)]
pub(super) struct Inode {
    pub(super) mode: u16,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) size: u64,
    pub(super) time: i64,
    pub(super) links: u16,
    /// Blocks of 4096 bytes that belong to it.
    pub(super) blocks: u64,
    pub(super) flags: u32,
    /// `i_block`: extent tree, target of a short symbolic link, or device number.
    pub(super) content: Content,
    pub(super) xattr_block: u64,
    pub(super) xattrs: Option<[u8; xattr::IN_INODE]>,
}

/// The 60 bytes of `i_block`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Content(pub(super) [u8; 60]);

impl Default for Content {
    fn default() -> Self {
        Self([0; 60])
    }
}

impl Content {
    /// A device's numbers: the old form where they fit, else the new one (`new_encode_dev`).
    pub(super) fn device(major: u32, minor: u32) -> Self {
        let mut content = Self::default();
        if major < 256 && minor < 256 {
            content.0[0..4].copy_from_slice(&(major << 8 | minor).to_le_bytes());
        } else {
            let number = (minor & 0xff) | (major << 8) | ((minor & !0xff) << 12);
            content.0[4..8].copy_from_slice(&number.to_le_bytes());
        }
        content
    }

    /// The target of a symbolic link of less than 60 bytes.
    pub(super) fn symlink(target: &[u8]) -> Self {
        let mut content = Self::default();
        content.0[..target.len()].copy_from_slice(target);
        content
    }
}

impl Inode {
    /// The 256 bytes of inode `number`.
    pub(super) fn encode(&self, number: u32, file_system: Checksum) -> [u8; INODE] {
        let mut raw = [0; INODE];
        let mut put = |offset: usize, bytes: &[u8]| raw[offset..offset + bytes.len()].copy_from_slice(bytes);
        put(0x00, &self.mode.to_le_bytes());
        put(0x02, &(self.uid as u16).to_le_bytes());
        put(0x04, &(self.size as u32).to_le_bytes());
        // Time of access, change, modification, and (further down) creation.
        let (seconds, epoch) = encode_time(self.time);
        for offset in [0x08, 0x0c, 0x10, 0x90] {
            put(offset, &seconds);
        }
        for offset in [0x84, 0x88, 0x8c, 0x94] {
            put(offset, &epoch);
        }
        put(0x18, &(self.gid as u16).to_le_bytes());
        put(0x1a, &self.links.to_le_bytes());
        let sectors = self.blocks * 8;
        put(0x1c, &(sectors as u32).to_le_bytes());
        put(0x20, &self.flags.to_le_bytes());
        put(0x28, &self.content.0);
        put(0x68, &(self.xattr_block as u32).to_le_bytes());
        put(0x6c, &((self.size >> 32) as u32).to_le_bytes());
        put(0x74, &((sectors >> 32) as u16).to_le_bytes());
        put(0x76, &((self.xattr_block >> 32) as u16).to_le_bytes());
        put(0x78, &((self.uid >> 16) as u16).to_le_bytes());
        put(0x7a, &((self.gid >> 16) as u16).to_le_bytes());
        put(0x80, &EXTRA.to_le_bytes());
        if let Some(xattrs) = &self.xattrs {
            put(0xa0, xattrs);
        }
        let checksum = file_system.of_inode(number).update(&raw).to_le_bytes();
        raw[0x7c..0x7e].copy_from_slice(&checksum[..2]);
        raw[0x82..0x84].copy_from_slice(&checksum[2..]);
        raw
    }
}

/// Seconds as 32 bits and the two further bits of the epoch.
fn encode_time(time: i64) -> ([u8; 4], [u8; 4]) {
    let low = time as i32;
    let epoch = ((time - i64::from(low)) >> 32) as u32 & 3;
    (low.to_le_bytes(), epoch.to_le_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_after_2038_use_the_epoch_bits() {
        assert_eq!(encode_time(1), ([1, 0, 0, 0], [0; 4]));
        assert_eq!(encode_time(0x8000_0000), ([0, 0, 0, 0x80], [1, 0, 0, 0]));
        assert_eq!(encode_time(-1), ([0xff; 4], [0; 4]));
        assert_eq!(encode_time(*TIMES.end()), ([0xff, 0xff, 0xff, 0x7f], [2, 0, 0, 0]));
    }

    #[test]
    fn devices_use_the_old_form_where_it_fits() {
        assert_eq!(Content::device(5, 1).0[..8], [1, 5, 0, 0, 0, 0, 0, 0]);
        assert_eq!(Content::device(259, 0x123).0[..8], [0, 0, 0, 0, 0x23, 3, 0x11, 0]);
    }
}
