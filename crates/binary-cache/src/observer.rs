//! Telling the caller what happens.

use nix_store::StorePath;

/// Is told what happens. Calls come from several threads at once, and often: they must return quickly.
pub trait Observer: Send + Sync {
    /// Something is wrong with a cache, and the work goes on. Each cache has at most one.
    fn warning(&self, text: &str) {
        let _ = text;
    }

    /// So many paths were looked up in a cache, of those that are asked for now.
    fn looked_up(&self, cache: &str, done: usize, total: usize) {
        let _ = (cache, done, total);
    }

    /// A path begins to be brought from, or to, a cache. `size` is that of the compressed archive, where it is known.
    fn started(&self, path: &StorePath, cache: &str, size: Option<u64>) {
        let _ = (path, cache, size);
    }

    /// `bytes` more of the path's compressed archive have been brought.
    fn advanced(&self, path: &StorePath, bytes: u64) {
        let _ = (path, bytes);
    }

    /// The path's archive is there and right.
    fn finished(&self, path: &StorePath) {
        let _ = path;
    }
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {}
