//! The whole program on `examples/first-light`: lock against the machine's mirror, build, image, boot in QEMU, log in; and
//! all that can go wrong on the way.
//!
//! Both hosts share one store below the target directory, which is kept between runs: what was downloaded and built is
//! not fetched again. The fleet is copied and locked afresh each time, as a lock outlives its packages on a mirror.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what fails here fails the test")]

mod alike;
mod archive;
mod board;
mod boots;
mod caches;
mod cards;
mod daemon;
mod deploys;
mod disk_full;
mod evaluation;
mod fleet;
mod fleets;
mod identity;
mod image;
mod interruptions;
mod jobs;
mod lint;
mod machine;
mod mirror;
mod mistakes;
mod namespaces;
mod options;
mod plan;
mod power_cuts;
mod raspberry_pi;
mod recorded_cuts;
mod recorded_disk;
mod repl;
mod several;
mod shell;
mod store;
mod switching;
mod trials;
mod unprivileged;
mod updates;
mod wireless;
