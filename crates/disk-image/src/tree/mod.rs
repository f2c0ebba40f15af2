//! What goes into a file system: directories, files, symbolic links, device nodes and hard links, with owners, modes,
//! times and extended attributes.
//!
//! A tree is built in memory from entries and from directories of the host. File contents stay where they are: only
//! their place and size are kept, so a tree of thirty thousand files takes a few megabytes. Names are kept sorted, so
//! the same content always gives the same tree, in whatever order it was added.

mod attributes;
mod content;
mod host;
mod node;
mod path;

pub use attributes::{Attributes, Xattrs};
pub use content::{FileContent, FileSource, data_ranges};
pub(crate) use content::{HostFile, OpenContent};
pub use host::{Holes, HostPolicy, Modes, Ownership};
pub use node::{Children, Node, NodeId, NodeKind, Tree};
pub(crate) use path::display_path;
