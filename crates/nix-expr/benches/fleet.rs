//! A fleet, beside Nix: `cargo bench -p nix-expr --bench fleet -- --nix NIX-INSTANTIATE FILE…`
//!
//! Each file is a host: an expression whose value is a string, such as the `drvPath` of a system's toplevel. Ours are
//! evaluated each by itself, on one processor and on all of them; Nix gets all in one list, which is how one process of it
//! evaluates a fleet. Everything runs in processes of their own, in turns, three times; medians are shown. The strings
//! must be the same.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed benchmark has no figures"
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use measure::{Usage, measure_printed, median};
use nix_expr::{EvaluationPool, FileSystemIo, FileSystemOptions, Settings, evaluate_in};

const ROUNDS: usize = 3;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.split_first() {
        Some((mode, rest)) if mode == "--threads" => {
            let threads = rest[0].parse().unwrap();
            let files: Vec<PathBuf> = rest[1..].iter().map(PathBuf::from).collect();
            println!("{}", hosts(threads, &files).join("\n"));
        }
        Some((mode, rest)) if mode == "--nix" && rest.len() > 1 => compare(&rest[0], &rest[1..]),
        _ => println!("cargo bench -p nix-expr --bench fleet -- --nix NIX-INSTANTIATE FILE…"),
    }
}

/// The values of all files; `threads` are evaluated at once.
fn hosts(threads: usize, files: &[PathBuf]) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let pool = EvaluationPool::default();
    let mut found: Vec<(usize, String)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut found = Vec::new();
                    while let index = next.fetch_add(1, Ordering::Relaxed)
                        && let Some(file) = files.get(index)
                    {
                        found.push((index, host(&pool, file)));
                    }
                    found
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    found.sort();
    found.into_iter().map(|(_, text)| text).collect()
}

fn host(pool: &EvaluationPool, file: &Path) -> String {
    let io = FileSystemIo::new(FileSystemOptions { memory: pool.files(), ..FileSystemOptions::default() });
    let text = evaluate_in(pool, &Settings::default(), &io, |session| {
        let value = session.evaluate_file(file)?;
        Ok(session.to_text(value)?.text)
    });
    text.unwrap()
}

fn compare(nix: &str, files: &[String]) {
    let processors = std::thread::available_parallelism().unwrap().get();
    let ours = |threads: usize| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--threads", &threads.to_string()]).args(files);
        measure_printed(&mut command)
    };
    let store = tempfile::tempdir().unwrap();
    let theirs = || {
        let hosts: Vec<String> = files.iter().map(|file| format!("(import {file})")).collect();
        let expression = format!("builtins.concatStringsSep \"\\n\" [ {} ]", hosts.join(" "));
        let mut command = Command::new(nix);
        command.args(["--eval", "--json", "--store", &format!("local?root={}", store.path().display())]);
        command.args(["--expr", &expression]);
        measure_printed(&mut command)
    };
    let (mut all, mut one, mut nix) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        all.push(ours(processors));
        one.push(ours(1));
        nix.push(theirs());
    }
    let wanted: Vec<String> =
        serde_json::from_str::<String>(&nix[0].0).unwrap().lines().map(str::to_owned).collect();
    for (printed, _) in all.iter().chain(&one) {
        assert_eq!(printed.lines().collect::<Vec<_>>(), wanted, "other strings than Nix's");
    }
    let (all, one, nix) = (median(usages(all)), median(usages(one)), median(usages(nix)));
    println!("{} hosts, {processors} processors", files.len());
    for (name, run) in [("ours, all processors", &all), ("ours, one processor", &one), ("Nix", &nix)] {
        println!("{name:22} {run}");
    }
    println!(
        "Nix's wall time is {:.2} of ours on all processors, its user time {:.2}, its memory {:.2}",
        nix.seconds / all.seconds,
        nix.user / all.user,
        nix.mebibytes / all.mebibytes
    );
    println!("one processor takes {:.2} of the wall time of all", one.seconds / all.seconds);
}

fn usages(runs: Vec<(String, Usage)>) -> Vec<Usage> {
    runs.into_iter().map(|(_, usage)| usage).collect()
}
