use std::collections::BTreeMap;

/// Extended attributes: full name (`security.capability`, `user.note`) to value.
pub type Xattrs = BTreeMap<Vec<u8>, Vec<u8>>;

/// What a node has besides its content.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Attributes {
    /// Permission bits with setuid, setgid and sticky (`0o7777`); the type of the node is not in here.
    pub mode: u16,
    /// Numeric owner.
    pub uid: u32,
    /// Numeric group.
    pub gid: u32,
    /// Modification time in seconds since 1970-01-01 UTC.
    pub mtime: i64,
    /// Extended attributes.
    pub xattrs: Xattrs,
}

impl Attributes {
    /// Owned by root, without extended attributes.
    pub fn root(mode: u16, mtime: i64) -> Self {
        Self { mode: mode & 0o7777, uid: 0, gid: 0, mtime, xattrs: Xattrs::new() }
    }

    /// The same with another owner and group.
    #[must_use]
    pub fn owned_by(mut self, uid: u32, gid: u32) -> Self {
        self.uid = uid;
        self.gid = gid;
        self
    }

    /// The same with one extended attribute more.
    #[must_use]
    pub fn with_xattr(mut self, name: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Self {
        self.xattrs.insert(name.into(), value.into());
        self
    }
}
