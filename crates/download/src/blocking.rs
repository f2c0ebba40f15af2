//! Downloads for callers without a runtime.

use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};

use crate::{
    cancellation::Cancellation,
    client::Settings,
    downloader::Downloader,
    error::{Error, Result},
    progress::Progress,
    request::Request,
};

/// A [`Downloader`] with a runtime of its own. May be used from several threads at once; must not be used from within an
/// asynchronous task.
#[derive(Debug)]
pub struct BlockingDownloader {
    runtime: Runtime,
    downloader: Downloader,
}

impl BlockingDownloader {
    /// Sets up client and runtime.
    ///
    /// # Errors
    /// [`Error::Client`].
    pub fn new(settings: Settings) -> Result<Self> {
        let runtime = Builder::new_multi_thread()
            // Hashing is the work here, and it is faster than networks are.
            .worker_threads(2)
            .thread_name("download")
            .enable_all()
            .build()
            .map_err(|error| Error::Client { source: error.into() })?;
        Ok(BlockingDownloader { runtime, downloader: Downloader::new(settings)? })
    }

    /// See [`Downloader::fetch`].
    ///
    /// # Errors
    /// As there.
    pub fn fetch(
        &self,
        request: &Request,
        progress: &dyn Progress,
        cancellation: &Cancellation,
    ) -> Result<()> {
        self.runtime.block_on(self.downloader.fetch(request, progress, cancellation))
    }

    /// See [`Downloader::fetch_all`].
    ///
    /// # Errors
    /// As there.
    pub fn fetch_all(
        &self,
        requests: impl IntoIterator<Item = Request>,
        progress: Arc<dyn Progress>,
        cancellation: &Cancellation,
    ) -> Result<()> {
        self.runtime.block_on(self.downloader.fetch_all(requests, progress, cancellation))
    }
}
