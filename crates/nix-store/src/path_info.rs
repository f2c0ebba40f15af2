//! What a store knows of a valid path.

use std::collections::BTreeSet;

use crate::content_address::ContentAddress;
use crate::hash::Hash;
use crate::store_path::StorePath;

/// A valid path as the database's `ValidPaths` and `Refs` describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidPathInfo {
    /// The path.
    pub path: StorePath,
    /// The derivation that made it, where known.
    pub deriver: Option<StorePath>,
    /// SHA-256 of the path's NAR.
    pub nar_hash: Hash,
    /// Bytes of the path's NAR.
    pub nar_size: u64,
    /// The paths that it refers to, itself included if it does.
    pub references: BTreeSet<StorePath>,
    /// When it became valid, in seconds since 1970. Zero: the time of registration.
    pub registration_time: i64,
    /// Whether it was built here, and so needs no signature.
    pub ultimate: bool,
    /// Signatures, `KEY:BASE64`.
    pub signatures: BTreeSet<String>,
    /// How the path follows from its content, if it does.
    pub content_address: Option<ContentAddress>,
}

impl ValidPathInfo {
    /// A path that was built here, without deriver, references or content address.
    pub fn new(path: StorePath, nar_hash: Hash, nar_size: u64) -> Self {
        ValidPathInfo {
            path,
            deriver: None,
            nar_hash,
            nar_size,
            references: BTreeSet::new(),
            registration_time: 0,
            ultimate: true,
            signatures: BTreeSet::new(),
            content_address: None,
        }
    }
}
