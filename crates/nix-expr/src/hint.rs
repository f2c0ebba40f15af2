//! Numbers that code keeps for the next time that it runs.

use std::sync::atomic::{AtomicU32, Ordering};

/// A number that was of use the last time. It can be read and set where it is shared, so that code may go from one thread to
/// the next; whoever reads it checks it.
#[derive(Debug)]
pub struct Hint(AtomicU32);

impl Hint {
    /// A hint to begin with.
    pub const fn new(number: u32) -> Self {
        Hint(AtomicU32::new(number))
    }

    /// What was set last.
    #[inline(always)]
    pub fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    /// Sets it for the next time.
    #[inline(always)]
    pub fn set(&self, number: u32) {
        self.0.store(number, Ordering::Relaxed);
    }
}
