//! An image onto a card, a disk, or the node of a board: found, planned, written, verified.
//!
//! - [`bmc`]: nodes of boards that are flashed through a management controller.
//! - [`device`]: which disks there are, what is on them, and who uses them.
//! - [`source`]: the bytes of an image, compressed or not, with what is empty told apart.
//! - [`personal`]: what one machine of several with the same image has of its own.
//! - [`flash`]: a plan that can be shown, and its execution: past the page cache, only what is in use, read back
//!   afterwards.
//!
//! Nothing is written before a [`flash::FlashPlan`] exists, which names the disk, what will be lost, and what is refused.

pub mod bmc;
pub mod device;
mod error;
pub mod flash;
pub mod personal;
pub mod source;

pub use error::{Error, Result};
