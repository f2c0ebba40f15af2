//! Partition tables and file systems written without root: a closure to bootable bytes.
//!
//! An image is described ([`DiskImage`]: partitions, each with a [`Tree`]), planned ([`ImagePlan`]: every byte has its
//! place, and the plan can be printed and compared), and written in one pass from the first byte to the last. No loop
//! device, mount, root, or copy of the tree is needed. The same description gives the same bytes: all identifiers come
//! from a [`Seed`], all times from the caller, all orders from the names.
//!
//! - [`tree`]: what goes into a file system.
//! - [`gpt`], [`mbr`], [`ext4`], [`fat`]: what is written; [`qcow2`]: another form for the disk; [`cpio`]: archives for the
//!   kernel's first root.
//! - [`personal`]: a place for what one copy of an image has of its own.

pub mod cpio;
pub mod error;
pub mod ext4;
pub mod fat;
pub mod gpt;
pub mod image;
pub mod mbr;
pub mod personal;
pub mod qcow2;
pub mod seed;
mod target;
pub mod tree;

pub use error::{Error, Result};
pub use gpt::PartitionType;
pub use image::{
    DiskImage, FileSystem, ImagePlan, Partition, PartitionTable, Progress, SizePolicy, TableKind, VolumeId,
};
pub use seed::{Seed, Uuid};
pub use target::ByteObserver;
pub use tree::{Attributes, FileContent, HostPolicy, NodeKind, Tree};
