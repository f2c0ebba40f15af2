//! File trees as values.
//!
//! A builder first makes a [`Tree`] in memory, where paths are checked, entries override each other and packages are
//! merged; nothing is written until the whole tree is known to be sound. The tree is then written as an output of the
//! store ([`write()`]), as an archive or as a file system. A file's content stays where it is (in the store) until
//! then: a tree of 30 000 files costs a few megabytes.

mod import;
mod node;
mod path;
mod pattern;
mod write;

pub use import::{import, import_file};
pub use node::{Attributes, Content, Directory, File, Node, Symlink, Tree};
pub use path::TreePath;
pub use pattern::{Patterns, Selection};
pub use write::{write, write_single_file};
