//! The threads that tasks run on, for callers that have none of their own.

use std::ops::Deref;

use download::Cancellation;
use tokio::runtime::{Builder, Runtime};

use crate::error::{Error, Result};

/// Tasks of one piece of work.
pub(crate) struct Tasks(Runtime);

impl Tasks {
    pub(crate) fn new(threads: usize) -> Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("binary-cache")
            .enable_all()
            .build()
            .map_err(|error| download::Error::Client { source: error.into() })?;
        Ok(Tasks(runtime))
    }

    /// Waits for `work`, which ends with an error when it is called off.
    pub(crate) fn wait_for<T>(
        &self,
        cancellation: &Cancellation,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        self.0.block_on(async {
            tokio::select! {
                biased;
                () = cancellation.cancelled() => Err(Error::Cancelled),
                result = work => result,
            }
        })
    }
}

impl Deref for Tasks {
    type Target = Runtime;

    fn deref(&self) -> &Runtime {
        &self.0
    }
}
