//! Kernel modules: what they say of themselves, what they need, and the index files that modprobe and udev read.
//!
//! The work of depmod(8), done on files as they lie in packages: modules are decompressed and their ELF sections read,
//! never relocated or loaded. Reading 4000 compressed modules takes seconds, so a package with modules carries a
//! [`summary`] that was made when it was unpacked, and joining packages costs milliseconds.

mod builtin;
mod compression;
mod dependencies;
mod index_file;
mod module;
pub mod summary;
mod tables;

pub use builtin::module_names as builtin_names;
pub use compression::decompress;
pub use dependencies::ModuleSet;
pub use module::{Module, module_name};
pub use tables::{module_indices, read_modules};
