//! What bytes from outside may not do.
//!
//! Each of the [`TARGETS`] takes any bytes and puts them to a part of this project that reads what others wrote. It panics
//! if a property does not hold: something was accepted that cannot be printed and read back, two ways to the same answer
//! differ, an evaluation goes on although it was told to stop. That the part itself never panics, overflows or
//! hangs is what fuzzing sees without being told.
//!
//! `fuzz/run.sh TARGET RUNS` looks for such bytes with coverage as its guide; the tests of this crate try the inputs that once
//! were found, and a fixed sequence of others.

#![allow(clippy::panic, reason = "a property that does not hold is told by a panic")]

mod daemon;
mod evaluation;
mod expressions;
mod formats;
mod input;
mod patterns;
mod source;

/// A part that reads bytes from outside, and what must hold of it.
#[derive(Clone, Copy)]
pub struct Target {
    /// The name, as `fuzz/run.sh` has it.
    pub name: &'static str,
    /// Tries some bytes; panics if they find something.
    pub run: fn(&[u8]),
    /// Inputs to begin with.
    pub seeds: &'static [&'static [u8]],
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target { name: "nix_parser", run: source::parser, seeds: source::SEEDS },
    Target { name: "nix_evaluator", run: evaluation::generated, seeds: evaluation::GENERATED_SEEDS },
    Target { name: "nix_text", run: evaluation::text, seeds: evaluation::TEXT_SEEDS },
    Target { name: "json", run: evaluation::json, seeds: evaluation::JSON_SEEDS },
    Target { name: "toml", run: evaluation::toml, seeds: evaluation::TOML_SEEDS },
    Target { name: "regex", run: patterns::regex, seeds: patterns::SEEDS },
    Target { name: "derivation", run: formats::derivation, seeds: formats::DERIVATION_SEEDS },
    Target { name: "nar", run: formats::nar, seeds: formats::NAR_SEEDS },
    Target { name: "daemon", run: daemon::daemon, seeds: daemon::SEEDS },
    Target { name: "narinfo", run: formats::narinfo, seeds: formats::NARINFO_SEEDS },
    Target { name: "store_path", run: formats::store_path, seeds: formats::STORE_PATH_SEEDS },
    Target { name: "flake_lock", run: formats::flake_lock, seeds: formats::FLAKE_LOCK_SEEDS },
    Target { name: "flake_reference", run: formats::flake_reference, seeds: formats::FLAKE_REFERENCE_SEEDS },
];

/// Tries some bytes on the target of this name.
///
/// # Panics
/// There is no such target; the bytes find something.
pub fn run(name: &str, bytes: &[u8]) {
    match TARGETS.iter().find(|target| target.name == name) {
        Some(target) => (target.run)(bytes),
        None => panic!("there is no target '{name}'"),
    }
}
