//! Ctrl-C and SIGTERM.
//!
//! Every stage survives a kill at any moment, so stopping needs no ceremony where nothing is held that outlives the
//! process: the program ends at once with status 130. Where something is (a virtual machine, temporary files of
//! builders), the stage holds a [`Guard`]; then its cancellation is asked for, and a second signal ends the program.

use std::sync::{Arc, Mutex, PoisonError, mpsc};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The exit status of an interrupted program: 128 + SIGINT.
pub const INTERRUPTED_STATUS: i32 = 130;

type Cancel = Box<dyn Fn() + Send>;

#[derive(Default)]
struct State {
    next: usize,
    guards: Vec<Entry>,
    interrupted: bool,
}

struct Entry {
    id: usize,
    cancel: Cancel,
    /// Whether it is there for Ctrl-C only: other signals end the program.
    interruption_only: bool,
}

/// Watches for signals from the time that it is made.
#[derive(Clone, Default)]
pub struct Interrupts {
    state: Arc<Mutex<State>>,
}

/// While this lives, a signal calls a function instead of ending the program.
pub struct Guard {
    state: Arc<Mutex<State>>,
    id: usize,
}

impl Interrupts {
    /// Begins to watch. If the system refuses, signals end the program without a word, as they do by default.
    pub fn watch() -> Self {
        let interrupts = Self::default();
        let state = Arc::clone(&interrupts.state);
        let (watches, is_watched) = mpsc::channel::<()>();
        std::thread::spawn(move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_io().build() else {
                return;
            };
            runtime.block_on(async move {
                let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
                let mut signals: Vec<Signal> =
                    kinds.into_iter().filter_map(|kind| signal(kind).ok()).collect();
                let [interrupt, terminate, hangup] = signals.as_mut_slice() else { return };
                drop(watches);
                loop {
                    let is_interruption = tokio::select! {
                        _ = interrupt.recv() => true,
                        _ = terminate.recv() => false,
                        _ = hangup.recv() => false,
                    };
                    on_signal(&state, is_interruption);
                }
            });
        });
        // Nothing is sent: the other end is dropped when the thread watches, or when it cannot.
        let _ = is_watched.recv();
        interrupts
    }

    /// Has a signal call `cancel` (on another thread) until the guard is dropped. If a signal came before, `cancel` is
    /// called now.
    pub fn guard(&self, cancel: impl Fn() + Send + 'static) -> Guard {
        self.add(Box::new(cancel), false)
    }

    /// As [`Self::guard`], but for Ctrl-C only, after which the program goes on: see [`Self::clear`].
    pub fn guard_interruption(&self, cancel: impl Fn() + Send + 'static) -> Guard {
        self.add(Box::new(cancel), true)
    }

    fn add(&self, cancel: Cancel, interruption_only: bool) -> Guard {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.interrupted {
            cancel();
        }
        let id = state.next;
        state.next += 1;
        state.guards.push(Entry { id, cancel, interruption_only });
        Guard { state: Arc::clone(&self.state), id }
    }

    /// Forgets the signal that came: what it stopped has stopped, and the program goes on.
    pub fn clear(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).interrupted = false;
    }

    /// Whether a signal came.
    pub fn interrupted(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).interrupted
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.guards.retain(|entry| entry.id != self.id);
    }
}

fn on_signal(state: &Mutex<State>, is_interruption: bool) {
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    let held = state.guards.iter().any(|entry| is_interruption || !entry.interruption_only);
    if state.interrupted || !held {
        std::process::exit(INTERRUPTED_STATUS);
    }
    state.interrupted = true;
    for entry in &state.guards {
        (entry.cancel)();
    }
}
