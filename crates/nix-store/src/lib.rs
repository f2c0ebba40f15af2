//! Store paths, hashes, derivations, NAR, and the local Nix store.
//!
//! The pure part needs no store: [`Hash`]es and their encodings, [`StorePath`]s and how they follow from
//! content ([`content_address`]), [`Derivation`]s, [`nar`] archives, the [`ReferenceScanner`], and what
//! binary caches say of paths ([`NarInfo`], [`CacheInfo`]) with the [`Signature`]s that it is believed for.
//! The [`local`] store keeps paths on this machine, with the database of Nix; a [`daemon`] gives the use of a store
//! that belongs to somebody else.

pub mod base32;
pub mod cache_info;
pub mod content_address;
pub mod daemon;
pub mod derivation;
pub mod error;
pub mod hash;
pub mod local;
pub mod nar;
pub mod narinfo;
pub mod path_info;
pub mod references;
pub mod signature;
pub mod store_path;

pub use cache_info::CacheInfo;
pub use content_address::{
    ContentAddress, ContentAddressMethod, References, output_path_name, output_placeholder,
};
pub use daemon::DaemonStore;
pub use derivation::{
    Derivation, DerivationHash, DerivationOutput, Environment, HashModuloMemo, derivation_path,
};
pub use error::{Error, Result};
pub use hash::{Hash, HashAlgorithm, Hasher, HashingReader, HashingWriter, compress_hash};
pub use local::{LocalStore, StoreRoot};
pub use narinfo::NarInfo;
pub use path_info::ValidPathInfo;
pub use references::ReferenceScanner;
pub use signature::{PublicKey, SecretKey, Signature, TrustedKeys, fingerprint};
pub use store_path::{StoreDir, StorePath};
