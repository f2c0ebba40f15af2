//! The rootless sandbox: runs a program as the builder of a derivation, so that it sees its inputs and nothing else.
//!
//! Goals: the same surroundings on every machine, those of Nix (so that what builds there builds here, to the same bytes); no
//! privileges needed; nothing of a build outlives it, however this program ends.
//!
//! The way of one build:
//!
//! 1. [`environment`] works out what the builder is told: variables, and files in its directory.
//! 2. [`root_tree`] makes the directory that will be the builder's `/`: mount points of its inputs, `/dev`, `/etc`.
//! 3. [`supervisor`] starts this program again as the [`helper`], which alone makes namespaces (user, mount, process, network,
//!    IPC and host name): a process with several threads cannot. The supervisor says who the builder is in its user
//!    namespace ([`identity`]), reads its log, and watches the clock.
//! 4. The helper mounts ([`mounts`]) and starts the builder, whose last steps before it is one are in [`enter`]: the first
//!    process of its own process namespace, without privileges, behind a filter of system calls ([`system_calls`]).
//!
//! Builders for other architectures run by an emulator that the sandbox alone knows ([`emulation`]).
//!
//! When the supervisor closes its pipe, or dies and thereby closes it, the helper kills the builder; when the helper dies
//! the kernel does; and with the first process of a process namespace all others in it end.
//!
//! Nothing of the machine is in the sandbox but what [`SandboxSettings`] names. Nix binds a static shell at `/bin/sh` by
//! default (its setting `sandbox-paths`); here there is none unless that setting names one: whoever has the
//! settings decides. A derivation whose attribute `debianRoot` names one of its inputs gets that as its `/usr`, with
//! `/bin`, `/sbin` and the libraries' directories leading there, as on Debian.

mod description;
mod emulation;
mod enter;
mod environment;
mod helper;
mod identity;
mod loopback;
mod mounts;
mod raw;
mod references_graph;
mod root_tree;
mod settings;
mod structured_attributes;
mod supervisor;
mod system_calls;

pub use emulation::find_emulator;
pub use environment::{BuildEnvironment, BuildPlace};
pub use helper::become_helper;
pub(crate) use identity::Identity;
pub(crate) use root_tree::{BUILD_DIRECTORY, RootTree};
pub use settings::{InvalidSandboxPath, SandboxPath, SandboxSettings};
pub(crate) use supervisor::{Limits, Supervised, supervise};
