//! Binary caches: paths out of them, paths into them.
//!
//! A cache is a tree of files, in a directory, at a web server, or in a bucket of an S3-compatible service: `nix-cache-info`, a
//! `HASH.narinfo` for each path, and compressed archives. They are those of Nix, byte for byte, so that either program
//! uses what the other wrote.
//!
//! [`Caches`] are what paths come from. [`Caches::query`] and [`Caches::query_closure`] find out who has them,
//! [`Caches::substitute`] brings them into a store. Caches are not trusted but for what is signed, and nothing is valid
//! before its hash was seen to be right. A cache that is down, slow, or lies costs one warning; the work goes on with the
//! others.
//!
//! A [`Destination`] is what paths go to: [`Destination::push`], [`Destination::sign`], [`Destination::verify`].

pub mod aws;
mod cache;
mod caches;
pub mod compression;
pub mod error;
mod listing;
pub mod location;
mod lookup_cache;
mod netrc;
mod observer;
mod push;
mod settings;
mod sign;
mod storage;
mod substitute;
mod tasks;
mod verify;

pub use aws::AwsEnvironment;
pub use caches::{Available, Caches, Closure};
pub use download::Cancellation;
pub use error::{Error, Kind, Result};
pub use location::Location;
pub use observer::{Observer, Silent};
pub use push::{Destination, Pushed, read_key};
pub use settings::Settings;
pub use sign::{Signed, sign_store};
pub use substitute::Substituted;
pub use verify::{Fault, Verified};
