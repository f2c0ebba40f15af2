//! The builders that run inside the process, one file each.
//!
//! A builder is a function of a typed specification (the derivation's structured attributes), a [`Context`] and the place
//! of the output. All are deterministic: no clock, no random numbers, nothing of the machine; what they read
//! is declared as an input, and what they write lies at the output's place.

mod attributes;
mod buildenv;
mod concat_files;
mod context;
mod disk_image;
mod entry;
mod fetchurl;
mod image_hash;
mod image_manifest;
mod image_tree;
mod licenses;
mod make_initrd;
mod make_tree;
mod merge_debs;
mod mirrors;
mod unpack_deb;
mod write_file;

pub use attributes::{Attributes, parse_attributes};
pub use buildenv::BuildEnv;
pub use concat_files::{ConcatFiles, ConcatSource, SuffixedFiles};
pub use context::{Context, Log, Network, Silent};
pub use disk_image::{
    Compression, DiskImage, FileSystemName, ImageFormat, Partition, PartitionTable, Purpose,
};
pub use entry::Entry;
pub use fetchurl::FetchUrl;
pub use make_initrd::{Compressor, KernelModules, MakeInitrd};
pub use make_tree::MakeTree;
pub use merge_debs::{MergeDebs, Subtree};
pub use mirrors::Mirrors;
pub use unpack_deb::UnpackDeb;
pub use write_file::WriteFile;
