//! Calling off work that is under way.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, Result};

/// A flag that every long-running step looks at. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Cancellation(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    cancelled: AtomicBool,
    /// The flag of the work that this one is a part of.
    parent: Option<Cancellation>,
    /// Downloads under way, which do not look at the flag but are told.
    downloads: Mutex<Vec<(u64, download::Cancellation)>>,
}

/// As long as it lives, a download is cancelled together with the work that it belongs to.
#[derive(Debug)]
pub(crate) struct Forward<'flag> {
    flag: &'flag Cancellation,
    number: u64,
}

impl Cancellation {
    /// A flag that is not set.
    pub fn new() -> Self {
        Self::default()
    }

    /// A flag for a part of the work: it is set by itself or with this one.
    pub fn child(&self) -> Self {
        Cancellation(Arc::new(Shared { parent: Some(self.clone()), ..Shared::default() }))
    }

    /// Asks all work that holds this flag, or a child of it, to stop.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::SeqCst);
        let downloads = self.0.downloads.lock().unwrap_or_else(PoisonError::into_inner);
        downloads.iter().for_each(|(_, download)| download.cancel());
    }

    /// Whether the work was called off.
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::SeqCst)
            || self.0.parent.as_ref().is_some_and(Cancellation::is_cancelled)
    }

    /// # Errors
    /// [`Error::Cancelled`] once the work was called off.
    pub fn check(&self) -> Result<()> {
        if self.is_cancelled() { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// Cancels `download` too when the work is called off, or if it already was.
    pub(crate) fn forward_to(&self, download: &download::Cancellation) -> Forward<'_> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        for flag in self.lineage() {
            let mut downloads = flag.0.downloads.lock().unwrap_or_else(PoisonError::into_inner);
            downloads.push((number, download.clone()));
        }
        if self.is_cancelled() {
            download.cancel();
        }
        Forward { flag: self, number }
    }

    /// This flag and those that it is a part of.
    fn lineage(&self) -> impl Iterator<Item = &Cancellation> {
        std::iter::successors(Some(self), |flag| flag.0.parent.as_ref())
    }
}

impl Drop for Forward<'_> {
    fn drop(&mut self) {
        for flag in self.flag.lineage() {
            let mut downloads = flag.0.downloads.lock().unwrap_or_else(PoisonError::into_inner);
            downloads.retain(|(number, _)| *number != self.number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_stops_with_its_parent_but_not_the_other_way() {
        let parent = Cancellation::new();
        let (one, other) = (parent.child(), parent.child());
        let download = download::Cancellation::new();
        let _forward = other.forward_to(&download);
        one.cancel();
        assert!(one.is_cancelled() && !parent.is_cancelled() && !download.is_cancelled());
        parent.cancel();
        assert!(other.is_cancelled() && download.is_cancelled());
    }
}
