//! A whole disk: partition table and file systems, planned and then written.

mod partition;
mod plan;
mod progress;
mod table;

pub use partition::{FileSystem, Partition, SizePolicy, VolumeId};
pub use plan::{DiskImage, ImagePlan, PlannedContent, PlannedPartition};
pub(crate) use progress::Meter;
pub use progress::Progress;
pub use table::{PartitionTable, TableKind};
