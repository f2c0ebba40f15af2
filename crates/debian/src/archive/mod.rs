//! Archives: where they are, whether what they say is signed, and what they offer.
//!
//! Trust goes one way: a [`Keyring`] verifies an [`UnverifiedRelease`], the [`Release`] that comes of it vouches for
//! `Packages` files by length and SHA-256, and these for every `.deb`.

mod keyring;
mod release;
mod repository;
mod sources;

pub use keyring::Keyring;
pub use release::{IndexFile, Release, UnverifiedRelease, Verification};
pub use repository::{Fetch, Freshness, Repository, RepositoryOptions};
pub use sources::{Archive, Sources};
