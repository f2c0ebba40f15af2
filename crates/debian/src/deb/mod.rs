//! Binary packages: the container, and unpacking it into a directory.
//!
//! Format: deb(5). An `ar` archive with the members `debian-binary`, `control.tar*` and `data.tar*`, in this order. It is
//! read in one pass, without a temporary copy, so it may come from a file or straight from a download.

mod ar;
mod destination;
mod member;
mod path;
mod unpack;

pub use path::MemberPath;
pub use unpack::{ModeException, UnpackOptions, UnpackedDeb, unpack, unpack_file};

/// What is wrong with a `.deb`, or with the place it is unpacked to.
#[derive(Debug, thiserror::Error)]
pub enum DebError {
    /// The file ends early, or cannot be read.
    #[error("its content cannot be read")]
    Read(#[source] std::io::Error),
    /// Not an `ar` archive, or not the members of a Debian package.
    #[error("{0}")]
    Container(String),
    /// A compression that the archive does not use.
    #[error("member {0} has a compression that is not supported")]
    Compression(String),
    /// A member's path leads out of the tree, or cannot be a path.
    #[error("its member `{path}` {problem}")]
    Path {
        /// The path as it stands there.
        path: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A link that leads out of the tree.
    #[error("its member `{path}` is a link to `{target}`, {problem}")]
    Link {
        /// The link.
        path: String,
        /// Where it leads.
        target: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A device, a pipe, or a kind of member that no Debian package has.
    #[error("its member `{path}` is {kind}, which a package must not contain")]
    Kind {
        /// The member.
        path: String,
        /// What it is.
        kind: String,
    },
    /// The control file cannot be read.
    #[error("its control file cannot be used: {0}")]
    Control(String),
    /// More content than any package has.
    #[error("it unpacks to more than {limit} bytes")]
    TooLarge {
        /// The limit that it exceeds.
        limit: u64,
    },
    /// A file could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file or directory.
        path: std::path::PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
}
