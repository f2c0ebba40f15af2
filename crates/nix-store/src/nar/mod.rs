//! Nix archives: the one serialisation of a file system object that store path hashes are made of. Files
//! have contents and whether they are executable, symlinks a target, directories sorted entries; nothing
//! else is kept. Described in the Nix manual, "Nix Archive (NAR) Format".

mod dump;
mod node;
mod read;
mod restore;
mod write;

pub use dump::{FileKind, Filter, dump, dump_filtered, hash_file, hash_path, hash_path_filtered};
pub use node::Node;
pub use read::{Sink, read};
pub use restore::restore;
pub use write::NarWriter;

/// The deepest nesting of directories that is read or written: a path as deep as that no longer fits in the
/// 4096 bytes that Linux allows for a path.
pub const DEEPEST: usize = 2048;

#[cfg(test)]
mod tests;
