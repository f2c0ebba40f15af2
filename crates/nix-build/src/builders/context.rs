//! What every builder is given beside its specification.

use std::path::{Path, PathBuf};

use download::BlockingDownloader;

use crate::builders::mirrors::Mirrors;
use crate::cancellation::Cancellation;
use crate::inputs::Inputs;

/// Where a builder's messages and its progress go.
pub trait Log: Sync {
    /// One line for the build's log, without line end.
    fn line(&self, text: &str);

    /// How far the build has come, in a unit that the builder chooses (bytes mostly).
    fn progress(&self, done: u64, total: Option<u64>);
}

/// A log that nobody reads.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Log for Silent {
    fn line(&self, _text: &str) {}
    fn progress(&self, _done: u64, _total: Option<u64>) {}
}

/// What the builder of fixed outputs needs to reach the network.
pub struct Network {
    /// Runs the downloads.
    pub downloader: BlockingDownloader,
    /// What stands behind `mirror://` addresses.
    pub mirrors: Mirrors,
    /// Where unfinished downloads lie, to be taken up by a later run.
    pub directory: PathBuf,
}

/// The surroundings of one build.
#[derive(Clone, Copy)]
pub struct Context<'build> {
    /// The store paths that may be read.
    pub inputs: &'build Inputs,
    /// An empty directory for temporary files, on the store's file system; removed after the build.
    pub scratch: &'build Path,
    /// Set when the build is to stop.
    pub cancellation: &'build Cancellation,
    /// Messages and progress.
    pub log: &'build dyn Log,
    /// The network, where builds may use it.
    pub network: Option<&'build Network>,
}
