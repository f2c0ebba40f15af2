//! Memory for evaluations that follow one another.

use std::sync::{Mutex, PoisonError};

use bumpalo::Bump;

/// What a new arena sets aside, in bytes; the system gives the pages when they are touched. In one piece they all stay
/// when the arena is emptied, and a large NixOS system fits.
const PIECE: usize = 1 << 30;

/// Arenas that are empty again. The system takes long to give an evaluation its hundreds of megabytes, page by page:
/// the hosts of a fleet are evaluated in memory that other hosts were evaluated in.
///
/// As many arenas are kept as were in use at once, until the pool is dropped.
#[derive(Default)]
pub struct ArenaPool {
    empty: Mutex<Vec<Bump>>,
}

impl ArenaPool {
    /// Runs `body` with an arena that nobody else has.
    pub(crate) fn with<T>(&self, body: impl FnOnce(&Bump) -> T) -> T {
        let kept = self.empty.lock().unwrap_or_else(PoisonError::into_inner).pop();
        // A machine that does not set so much aside gives it in smaller pieces.
        let mut arena = kept.or_else(|| Bump::try_with_capacity(PIECE).ok()).unwrap_or_default();
        let result = body(&arena);
        arena.reset();
        self.empty.lock().unwrap_or_else(PoisonError::into_inner).push(arena);
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arena_is_used_again() {
        let pool = ArenaPool::default();
        let used = |pool: &ArenaPool| pool.with(|arena| std::ptr::from_ref(arena.alloc(1_u64)).addr());
        let first = used(&pool);
        assert_eq!(used(&pool), first);
        pool.with(|_| assert_ne!(used(&pool), first, "two at once have one each"));
        assert_eq!(pool.empty.into_inner().unwrap().len(), 2);
    }
}
