//! Taking the locks of paths, not too many at a time.

use std::collections::BTreeMap;
use std::sync::mpsc::Sender;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use nix_store::local::{Begin, Unfinished};
use nix_store::{LocalStore, StorePath};

use super::message::Message;

/// Paths that are begun and not registered yet. Each has a lock, which is an open file; processes may have 1024.
const WINDOW: usize = 400;

/// Paths that are begun, by number. Who works on one takes it out.
pub(super) type Held<'store> = Mutex<BTreeMap<usize, Unfinished<'store>>>;

/// Takes a lock, whoever held it before.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes the paths' locks in their order, not too many at a time.
pub(super) fn take_locks<'store>(
    store: &'store LocalStore,
    paths: &[StorePath],
    window: &Window,
    held: &Held<'store>,
    messages: Sender<Message>,
) {
    for (number, path) in paths.iter().enumerate() {
        if !window.enter() {
            return;
        }
        let message = match store.begin(path) {
            Ok(Begin::Valid(_)) => Message::Valid(number),
            Ok(Begin::Unfinished(unfinished)) => {
                lock(held).insert(number, unfinished);
                Message::Begun(number)
            }
            Err(error) => Message::Stuck(error.into()),
        };
        if messages.send(message).is_err() {
            return;
        }
    }
}

/// A limit on paths that are begun.
#[derive(Default)]
pub(super) struct Window {
    inside: Mutex<Inside>,
    changed: Condvar,
}

#[derive(Default)]
struct Inside {
    count: usize,
    closed: bool,
}

impl Window {
    /// Waits until there is room; `false` if there will not be.
    fn enter(&self) -> bool {
        let mut inside = lock(&self.inside);
        while inside.count >= WINDOW && !inside.closed {
            inside = self.changed.wait(inside).unwrap_or_else(PoisonError::into_inner);
        }
        inside.count += 1;
        !inside.closed
    }

    /// A path is not begun any more.
    pub(super) fn leave(&self) {
        lock(&self.inside).count -= 1;
        self.changed.notify_one();
    }

    /// Nobody else may begin.
    pub(super) fn close(&self) {
        lock(&self.inside).closed = true;
        self.changed.notify_one();
    }
}
