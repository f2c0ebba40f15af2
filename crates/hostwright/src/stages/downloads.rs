//! Downloads, as people see them.

use std::time::Duration;

use download::Request;
use indicatif::ProgressBar;

use crate::progress::Progress;

/// One bar for all downloads of a stage.
pub struct Bars {
    bar: ProgressBar,
}

impl Bars {
    /// A bar that grows with what is found to be downloaded.
    pub fn new(progress: &Progress, what: &str) -> Self {
        Bars { bar: progress.bytes(what, 0) }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl download::Progress for Bars {
    fn started(&self, _request: &Request, total: Option<u64>, have: u64) {
        self.bar.inc_length(total.unwrap_or(0));
        self.bar.inc(have);
    }

    fn advanced(&self, _request: &Request, bytes: u64) {
        self.bar.inc(bytes);
    }

    fn restarted(&self, _request: &Request, bytes: u64) {
        self.bar.set_position(self.bar.position().saturating_sub(bytes));
    }

    fn retrying(&self, request: &Request, reason: &str, wait: Duration) {
        self.bar.println(format!(
            "{}: {reason}; trying again in {:.0} s",
            request.name(),
            wait.as_secs_f64()
        ));
    }
}
