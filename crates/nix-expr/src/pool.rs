//! What evaluations that follow one another use again.

use std::sync::{Arc, Mutex, PoisonError};

use bumpalo::Bump;

use crate::context::FinishedDerivations;
use crate::file_system::FileMemory;
use crate::io::EvalIo;
use crate::parse_cache::{Dialect, FileParser, SharedCode};
use crate::settings::Settings;
use crate::symbol::SymbolTable;

/// What a new arena sets aside, in bytes; the system gives the pages when they are touched. In one piece they all stay
/// when the arena is emptied, and a large NixOS system fits.
const PIECE: usize = 1 << 30;

/// What evaluations that follow one another use again: memory, the files that they parsed, the derivations that they
/// computed. The system takes long to give an evaluation its hundreds of megabytes, page by page, and hosts of a fleet have
/// most in common.
///
/// As much is kept as was in use at once, until the pool is dropped.
#[derive(Default)]
pub struct EvaluationPool {
    idle: Mutex<Vec<Place>>,
    finished: FinishedDerivations,
    files: Arc<FileMemory>,
}

/// Where one evaluation after the other happens.
struct Place {
    /// For values. It is empty between evaluations.
    values: Bump,
    dialect: Dialect,
    symbols: SymbolTable,
    code: SharedCode,
}

impl Place {
    fn new(dialect: Dialect) -> Self {
        let symbols = SymbolTable::new();
        let code = SharedCode::empty(&dialect, &symbols);
        // A machine that does not set so much aside gives it in smaller pieces.
        let values = Bump::try_with_capacity(PIECE).unwrap_or_default();
        Place { values, dialect, symbols, code }
    }

    /// The same memory, for code of another dialect.
    fn with_dialect(self, dialect: Dialect) -> Self {
        if self.dialect == dialect {
            return self;
        }
        let symbols = SymbolTable::new();
        let code = SharedCode::empty(&dialect, &symbols);
        Place { dialect, symbols, code, ..self }
    }
}

/// What an evaluation is given, and which outlives it.
#[derive(Clone, Copy)]
pub(crate) struct Given<'a> {
    /// For its values.
    pub(crate) arena: &'a Bump,
    /// The names of its code.
    pub(crate) symbols: &'a SymbolTable,
    /// The derivations of all evaluations of the pool.
    pub(crate) finished: &'a FinishedDerivations,
    pub(crate) settings: &'a Settings,
    pub(crate) io: &'a dyn EvalIo,
}

impl EvaluationPool {
    /// What evaluations of this pool are to remember of the file system.
    pub fn files(&self) -> Arc<FileMemory> {
        Arc::clone(&self.files)
    }

    /// Runs `body` with memory that nobody else has.
    pub(crate) fn with<T>(
        &self,
        settings: &Settings,
        io: &dyn EvalIo,
        body: impl for<'a> FnOnce(Given<'a>, &'a dyn FileParser<'a>) -> T,
    ) -> T {
        let dialect = Dialect::new(settings);
        let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut place = match kept {
            Some(place) => place.with_dialect(dialect),
            None => Place::new(dialect),
        };
        let given =
            Given { arena: &place.values, symbols: &place.symbols, finished: &self.finished, settings, io };
        let result = place.code.with_parser(&place.dialect, given, body);
        place.values.reset();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(place);
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file_system::FileSystemIo;

    #[test]
    fn memory_is_used_again() {
        let pool = EvaluationPool::default();
        let (settings, io) = (Settings::default(), FileSystemIo::default());
        let used = |pool: &EvaluationPool| {
            pool.with(&settings, &io, |given, _| std::ptr::from_ref(given.arena.alloc(1_u64)).addr())
        };
        let first = used(&pool);
        assert_eq!(used(&pool), first);
        pool.with(&settings, &io, |_, _| assert_ne!(used(&pool), first, "two at once have one each"));
        assert_eq!(pool.idle.into_inner().unwrap().len(), 2);
    }
}
