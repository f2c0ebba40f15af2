//! Telling the caller how far downloads are.

use std::time::Duration;

use crate::request::Request;

/// Is told what happens to each file. Calls come from several threads at once, and often: they must return quickly.
pub trait Progress: Send + Sync {
    /// A file is begun. `total` is its length, if known; `have` is what lies there already from an earlier run.
    fn started(&self, request: &Request, total: Option<u64>, have: u64) {
        let _ = (request, total, have);
    }

    /// `bytes` more have arrived.
    fn advanced(&self, request: &Request, bytes: u64) {
        let _ = (request, bytes);
    }

    /// What had arrived, `bytes` in all, cannot be used: the file begins anew.
    fn restarted(&self, request: &Request, bytes: u64) {
        let _ = (request, bytes);
    }

    /// Something failed and is tried again after `wait`. `reason` is a message for people.
    fn retrying(&self, request: &Request, reason: &str, wait: Duration) {
        let _ = (request, reason, wait);
    }

    /// The file is complete and in its place.
    fn finished(&self, request: &Request) {
        let _ = request;
    }
}

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {}
