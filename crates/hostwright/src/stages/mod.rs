//! The stages that verbs share, in the order in which a host passes through them.

pub mod base;
mod building;
pub mod caches;
pub mod daemon;
pub mod downloads;
pub mod evaluate;
mod evaluation_cache;
pub mod flake;
mod flake_settings;
pub mod hive_file;
pub mod hosts;
pub mod image;
pub mod jobs;
pub mod lint;
pub mod option_reference;
pub mod packages;
pub mod realise;
mod requests;
pub mod search;
pub mod stored_card;
mod substituter;
pub mod systems;
pub mod world;
