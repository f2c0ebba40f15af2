//! Writing an image to a disk, and making sure that it is there.
//!
//! A [`FlashPlan`] says what will be written where and what will be lost, and refuses what must not be. Carrying it out
//! takes these steps, in an order that leaves no disk that starts from half an image:
//!
//! 1. File systems of the disk that are mounted are unmounted (only if the disk was named in full).
//! 2. The first part of the disk, with the partition table, is emptied, and so is its end, where an older table's copy
//!    may lie.
//! 3. The image is written past the page cache, except for its first part. What is zero in the image is not
//!    transferred: the disk is told to forget it where it then reads as zeros, else what is not zero there is overwritten.
//! 4. The first part is written.
//! 5. All of it is read back, past the page cache, and compared.
//! 6. The disk's reader is told to let go of it.

mod buffer;
mod chunks;
mod eject;
mod medium;
mod plan;
mod run;

pub use chunks::{CHUNK, Patch};
pub use plan::{FlashPlan, ImageSummary};
pub use run::{Phase, Progress, Report, RunOptions};
