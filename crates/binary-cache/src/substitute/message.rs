//! What those who work on paths tell the keeper of the books.

use nix_store::ValidPathInfo;

use super::fetch::Content;
use crate::caches::Available;
use crate::error::{Error, Result};

/// What the keeper of the books is told; the number is that of the path in the order.
pub(super) enum Message {
    /// The path's lock is taken.
    Begun(usize),
    /// Somebody else made the path.
    Valid(usize),
    /// The path's archive can be read.
    Arrived(usize, Result<Content>),
    /// The path's files are in their place.
    Restored(usize, Result<Box<ValidPathInfo>>),
    /// Another cache has it, or none.
    Elsewhere(usize, Option<Box<Available>>),
    /// A lock cannot be taken.
    Stuck(Error),
}
