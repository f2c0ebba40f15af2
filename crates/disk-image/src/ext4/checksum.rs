use crate::seed::Uuid;

/// The checksum that ext4's `metadata_csum` uses: CRC-32C without the final inversion, so that it can be continued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Checksum(u32);

impl Checksum {
    /// The start of every checksum that does not depend on the file system.
    pub(super) const START: Checksum = Checksum(u32::MAX);

    /// The start of a file system's own checksums: its UUID.
    pub(super) fn of_file_system(uuid: Uuid) -> Self {
        Self::START.update(&uuid.0)
    }

    /// Goes on with `bytes`.
    pub(super) fn update(self, bytes: &[u8]) -> Self {
        // The library inverts at both ends; two more inversions take that back.
        Self(!crc32c::crc32c_append(!self.0, bytes))
    }

    /// The start of an inode's own checksums: its number and generation (always 0 here).
    pub(super) fn of_inode(self, inode: u32) -> Self {
        self.update(&inode.to_le_bytes()).update(&[0; 4])
    }

    pub(super) fn value(self) -> u32 {
        self.0
    }

    pub(super) fn to_le_bytes(self) -> [u8; 4] {
        self.0.to_le_bytes()
    }
}
