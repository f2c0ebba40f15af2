//! All packages of a tree, beside Nix:
//! `cargo bench -p nix-expr --bench packages -- --nix NIX-INSTANTIATE NIXPKGS NAMES [MEBIBYTES]`
//!
//! NAMES is a JSON file with the attributes to ask for, none of which may fail with an error that `tryEval` does not catch:
//! Nix evaluates all of them in one process. So do we, by walking through them on one processor and on all, in evaluations
//! that grow to MEBIBYTES together: 6144, if nobody says, as `hostwright eval-jobs` has them. Everything runs in processes of their own, in turns, three times; medians are shown. What
//! is found must be the same.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed benchmark has no figures"
)]

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::process::Command;
use std::sync::Mutex;

use measure::{Usage, measure_printed, median};
use nix_expr::{
    EvalError, EvaluationPool, FileSystemIo, FileSystemOptions, Session, Settings, ValueRef, Visitor,
    WalkLimits, walk,
};

const ROUNDS: usize = 3;

/// The expressions, whose function takes the tree and the names.
const PACKAGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/packages.nix");

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["--workers", workers, nixpkgs, names, mebibytes] => {
            let found = walked(workers.parse().unwrap(), nixpkgs, names, mebibytes.parse().unwrap());
            println!("{}", serde_json::to_string(&found).unwrap());
        }
        ["--nix", nix, nixpkgs, names] => compare(nix, nixpkgs, names, "6144"),
        ["--nix", nix, nixpkgs, names, mebibytes] => compare(nix, nixpkgs, names, mebibytes),
        _ => {
            println!(
                "cargo bench -p nix-expr --bench packages -- --nix NIX-INSTANTIATE NIXPKGS NAMES [MEBIBYTES]"
            );
        }
    }
}

fn expression(nixpkgs: &str, names: &str, attribute: &str) -> String {
    format!("(import {PACKAGES} {{ nixpkgs = {nixpkgs}; names = {names}; }}).{attribute}")
}

/// What the attributes are, in the order of the names.
fn walked(workers: NonZeroUsize, nixpkgs: &str, names: &str, mebibytes: usize) -> Vec<String> {
    let pool = EvaluationPool::default();
    let io = FileSystemIo::new(FileSystemOptions { memory: pool.files(), ..FileSystemOptions::default() });
    let packages = Packages { set: expression(nixpkgs, names, "set"), found: Mutex::default() };
    let limits = WalkLimits { workers, memory: (mebibytes / workers) << 20 };
    walk(&pool, &Settings::default(), &io, limits, &packages).unwrap();
    let names: Vec<String> = serde_json::from_str(&std::fs::read_to_string(names).unwrap()).unwrap();
    let found = packages.found.into_inner().unwrap();
    names.iter().map(|name| found[name].clone()).collect()
}

struct Packages {
    set: String,
    found: Mutex<BTreeMap<String, String>>,
}

impl Packages {
    fn is(&self, path: &[String], what: &str) {
        self.found.lock().unwrap().insert(path[0].clone(), what.to_owned());
    }
}

impl Visitor for Packages {
    fn root<'a>(&self, session: &Session<'a>) -> Result<ValueRef<'a>, EvalError> {
        session.evaluate_text(&self.set, "«packages»", "/".as_ref())
    }

    fn visit<'a>(
        &self,
        session: &Session<'a>,
        path: &[String],
        value: ValueRef<'a>,
    ) -> Result<Vec<String>, EvalError> {
        if path.is_empty() {
            return session.attribute_names(value);
        }
        if session.is_derivation(value)? {
            let path_of_derivation = session.derivation_path(value)?;
            self.is(path, &format!("/nix/store/{path_of_derivation}"));
        } else {
            self.is(path, "other");
        }
        Ok(Vec::new())
    }

    fn failed(&self, path: &[String], error: EvalError) -> Result<(), EvalError> {
        if path.is_empty() {
            return Err(error);
        }
        self.is(path, "throws");
        Ok(())
    }
}

fn compare(nix: &str, nixpkgs: &str, names: &str, mebibytes: &str) {
    let processors = std::thread::available_parallelism().unwrap().get();
    let ours = |workers: usize| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--workers", &workers.to_string(), nixpkgs, names, mebibytes]);
        measure_printed(&mut command)
    };
    let store = tempfile::tempdir().unwrap();
    let theirs = || {
        let mut command = Command::new(nix);
        command.args(["--eval", "--strict", "--json"]);
        command.args(["--store", &format!("local?root={}", store.path().display())]);
        command.args(["--expr", &expression(nixpkgs, names, "list")]);
        measure_printed(&mut command)
    };
    let (mut all, mut one, mut nix) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        all.push(ours(processors));
        one.push(ours(1));
        nix.push(theirs());
    }
    let list = |text: &str| serde_json::from_str::<Vec<String>>(text).unwrap();
    let wanted = list(&nix[0].0);
    for (printed, _) in all.iter().chain(&one) {
        assert!(list(printed) == wanted, "other derivations than Nix's");
    }
    let (all, one, nix) = (median(usages(all)), median(usages(one)), median(usages(nix)));
    println!("{} attributes, {processors} processors, {mebibytes} MiB for evaluations", wanted.len());
    for (name, run) in [("ours, all processors", &all), ("ours, one processor", &one), ("Nix", &nix)] {
        println!("{name:22} {run}");
    }
    for (name, run) in [("all processors", &all), ("one processor", &one)] {
        println!(
            "on {name}, Nix's wall time is {:.2} of ours, its user time {:.2}; our memory is {:.2} of Nix's",
            nix.seconds / run.seconds,
            nix.user / run.user,
            run.mebibytes / nix.mebibytes
        );
    }
}

fn usages(runs: Vec<(String, Usage)>) -> Vec<Usage> {
    runs.into_iter().map(|(_, usage)| usage).collect()
}
