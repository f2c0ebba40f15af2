//! Debian archives: indices, signatures, dependency resolution, the package lock, unpacking.
//!
//! The way of a package, from the archive to a tree of files:
//!
//! 1. [`archive`]: [`Sources`] says where mirrors are; [`Repository`] gets a suite's signed release and its indices.
//! 2. [`index`]: the paragraphs of `Packages` files become an [`Index`] of what is offered for an architecture.
//! 3. [`mod@solve`]: an [`Environment`] of names becomes a set of packages that go together.
//! 4. [`locking`] makes the [`Lock`] of all environments of a fleet; [`lock`] is its file format.
//! 5. [`mod@changes`] says what another lock would change on a host.
//! 6. [`deb`]: a downloaded package becomes a directory.
//! 7. [`scripts`] reads what the package's scripts, which never run, would have done.

pub mod archive;
pub mod changes;
pub mod control;
pub mod deb;
pub mod dependency;
mod error;
mod explain;
mod hex;
pub mod index;
pub mod lock;
pub mod locking;
mod provider;
pub mod scripts;
pub mod solve;
mod suggest;
pub mod version;

pub use archive::{Archive, Fetch, Freshness, Keyring, Release, Repository, RepositoryOptions, Sources};
pub use changes::{PackageChange, SECURITY, changes};
pub use deb::{DebError, UnpackOptions, UnpackedDeb, unpack, unpack_file};
pub use error::{Error, Result};
pub use index::{Index, IndexBuilder, Package};
pub use lock::{Lock, LockedPackage, LockedRelease, universe_json};
pub use locking::{Origin, Requests, make_lock};
pub use scripts::{ScriptCommand, ScriptKind};
pub use solve::{Environment, PackageRequest, Solution, Versions, solve};
pub use version::Version;
