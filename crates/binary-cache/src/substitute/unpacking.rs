//! The threads that unpack what has arrived.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender};

use nix_store::LocalStore;

use super::fetch::Content;
use super::message::Message;
use super::restore::restore;
use super::window::{Held, lock};
use crate::caches::{Available, Shared};

/// An archive to be unpacked.
pub(super) struct Unpack {
    pub(super) number: usize,
    pub(super) available: Available,
    pub(super) content: Content,
}

/// Unpacks what is there, until there will be nothing more.
pub(super) fn unpack_queued<'store>(
    store: &LocalStore,
    shared: &Shared,
    queue: &Mutex<Receiver<Unpack>>,
    held: &Held<'store>,
    messages: Sender<Message>,
) {
    loop {
        let next = lock(queue).recv();
        let Ok(unpack) = next else { return };
        unpack_one(store, shared, unpack, held, &messages);
    }
}

/// Unpacks one archive, and says what came of it.
pub(super) fn unpack_one<'store>(
    store: &LocalStore,
    shared: &Shared,
    unpack: Unpack,
    held: &Held<'store>,
    messages: &Sender<Message>,
) {
    let Unpack { number, available, content } = unpack;
    // Nobody else works on this path, so it is there.
    let Some(mut unfinished) = lock(held).remove(&number) else { return };
    let cache = &shared.caches[available.cache];
    let restored = restore(store, &mut unfinished, cache, &available.narinfo, content);
    lock(held).insert(number, unfinished);
    // Nobody listens when the caller has given up.
    let _ = messages.send(Message::Restored(number, restored.map(Box::new)));
}
