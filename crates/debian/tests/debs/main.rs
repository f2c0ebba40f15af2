//! Packages unpacked, and the texts that lead to them read: such as they should be, and such as somebody made to do harm.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what fails here fails the test")]

mod hostile;
mod support;
mod unpack;
