//! Changing hosts that run, so that none is lost.
//!
//! A host is reached over SSH ([`ssh`]) and is something that scripts run on ([`Host`]). Which hosts are meant is for the
//! [`Selector`] to say, how each is reached for its [`Deployment`]. [`HostState`] is what a host is at the moment;
//! [`copy_closure`] gives it a generation, [`keys`] its secrets; [`switch()`] makes that the running one, and the host goes back by itself
//! unless [`health::check`] found it well and that was said over a new connection. [`reboot`] does the same where the change
//! needs one. What runs on hosts is in `src/host`: POSIX shell and Perl, which they have, and nothing that is
//! installed there.

pub mod copy;
pub mod error;
pub mod health;
pub mod host;
pub mod inventory;
pub mod keys;
pub mod plan;
pub mod reboot;
pub mod selector;
pub mod ssh;
pub mod state;
pub mod switch;

pub use copy::{CopyReport, CopySettings, Lacking, copy_closure};
pub use error::{Error, Result};
pub use host::{Host, Privilege, Rights, Script};
pub use inventory::Deployment;
pub use keys::{Key, Secret, UploadAt};
pub use selector::Selector;
pub use ssh::{Connection, SshAddress, SshSettings, Traffic};
pub use state::{HostState, Phase, Verdict};
pub use switch::{Surroundings, SwitchOptions, switch};
