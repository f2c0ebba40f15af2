use crate::error::{Error, Result};
use std::ops::ControlFlow;

/// How far writing has come, in bytes of file content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes written.
    pub done: u64,
    /// Bytes that there are to write.
    pub total: u64,
}

/// Counts what is written and tells the caller now and then.
pub(crate) struct Meter<'a> {
    progress: Progress,
    reported: u64,
    report: &'a mut dyn FnMut(Progress) -> ControlFlow<()>,
}

impl<'a> Meter<'a> {
    pub(crate) fn new(total: u64, report: &'a mut dyn FnMut(Progress) -> ControlFlow<()>) -> Self {
        Self { progress: Progress { done: 0, total }, reported: 0, report }
    }

    /// Counts `bytes`; the caller hears of each full mebibyte and of the end.
    pub(crate) fn advance(&mut self, bytes: u64) -> Result<()> {
        const STEP: u64 = 1 << 20;
        self.progress.done += bytes;
        if self.progress.done < self.reported + STEP && self.progress.done != self.progress.total {
            return Ok(());
        }
        self.reported = self.progress.done;
        match (self.report)(self.progress) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Error::Cancelled),
        }
    }
}
