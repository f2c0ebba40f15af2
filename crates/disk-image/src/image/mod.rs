//! A whole disk: partition table and file systems, planned and then written.

mod partition;
mod plan;
mod progress;

pub use partition::{FileSystem, Partition, SizePolicy};
pub use plan::{DiskImage, ImagePlan, PlannedContent, PlannedPartition};
pub(crate) use progress::Meter;
pub use progress::Progress;
