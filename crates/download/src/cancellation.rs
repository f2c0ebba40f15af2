//! Giving up from outside.

use tokio::sync::watch;

/// A switch that ends downloads. Copies share one switch; it cannot be turned back.
#[derive(Clone, Debug)]
pub struct Cancellation {
    switch: watch::Sender<bool>,
}

impl Default for Cancellation {
    fn default() -> Self {
        Cancellation { switch: watch::Sender::new(false) }
    }
}

impl Cancellation {
    /// A switch that is not turned.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends all downloads that were given this switch, and those that will be.
    pub fn cancel(&self) {
        self.switch.send_replace(true);
    }

    /// Whether it was turned.
    pub fn is_cancelled(&self) -> bool {
        *self.switch.borrow()
    }

    /// Waits until it is turned.
    pub async fn cancelled(&self) {
        let mut receiver = self.switch.subscribe();
        // Fails only when every copy is gone, and one is borrowed here.
        let _ = receiver.wait_for(|cancelled| *cancelled).await;
    }
}
