//! Boards whose nodes are flashed through a management controller: the Turing Pi 2 with bmcd.
//!
//! The interface is bmcd's own (github.com/turing-machines/bmcd, `src/api/legacy.rs`, version 2.3): questions are GET
//! requests on `/api/bmc`, an image goes to `/api/bmc/upload/HANDLE` as a form. The controller unpacks `.xz` and nothing
//! else, writes the node's storage over USB, and reads it back itself. Its certificate is its own, so it is known by its
//! fingerprint.
//!
//! Nodes are called 1 to 4 as on the board; the interface counts them from 0 except where it switches them on.

mod address;
mod certificate;
mod client;
mod console;
mod flashing;

pub use address::BmcAddress;
pub use certificate::{Fingerprint, fingerprint};
pub use client::{Bmc, Credentials};
pub use console::{Console, Started};
pub use flashing::{UploadPhase, UploadProgress, prepare};
