//! An image onto a card, a disk, or the node of a board: found, planned, written, verified.
//!
//! - [`device`]: which disks there are, what is on them, and who uses them.
//! - [`source`]: the bytes of an image, compressed or not, with what is empty told apart.
//! - [`flash`]: a plan that can be shown, and its execution: past the page cache, only what is in use, read back
//!   afterwards.

//!
//! Nothing is written before a [`flash::FlashPlan`] exists, which names the disk, what will be lost, and what is refused.

pub mod device;
mod error;
pub mod flash;

pub mod source;

pub use error::{Error, Result};
