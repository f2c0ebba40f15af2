//! A fleet, beside Nix: `cargo bench -p nix-expr --bench fleet -- --nix NIX-INSTANTIATE NIXPKGS HOSTS`
//!
//! The fleet is a set of as many NixOS systems, made by one function of their names. Ours are evaluated on one processor
//! and on all of them, hosts that are alike together; and once more each by itself, which is how hosts are evaluated that
//! differ in more than data. One process of Nix evaluates all of them. Everything runs in processes of their own, in
//! turns, three times; medians are shown. The derivations must be the same.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed benchmark has no figures"
)]

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use measure::{Usage, measure_printed, median};
use nix_expr::{
    EvalError, EvaluationPool, FileSystemIo, FileSystemOptions, Session, Settings, ValueRef, evaluate_in,
};

const ROUNDS: usize = 3;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["--threads", threads, how, file] => {
            println!("{}", hosts(threads.parse().unwrap(), how == "together", Path::new(file)).join("\n"));
        }
        ["--nix", nix, nixpkgs, count] => compare(nix, nixpkgs, count.parse().unwrap()),
        _ => println!("cargo bench -p nix-expr --bench fleet -- --nix NIX-INSTANTIATE NIXPKGS HOSTS"),
    }
}

/// A set of NixOS systems.
fn fleet(nixpkgs: &str, count: usize) -> String {
    let hosts: String =
        (1..=count).map(|number| format!("  host{number} = host \"host{number}\";\n")).collect();
    format!(
        r#"let
  host = name: import {nixpkgs}/nixos/lib/eval-config.nix {{
    system = "x86_64-linux";
    modules = [
      {{
        networking.hostName = name;
        boot.loader.grub.device = "/dev/sda";
        fileSystems."/" = {{ device = "/dev/sda1"; fsType = "ext4"; }};
        system.stateVersion = "26.05";
        services.openssh.enable = true;
        users.users.alice = {{
          isNormalUser = true;
          extraGroups = [ "wheel" ];
          openssh.authorizedKeys.keys = [ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUnAKXNFAGeDlqbP7ncgbS1xDv4VVJj9oBBWdXGEDxK alice" ];
        }};
      }}
    ];
  }};
in
{{
{hosts}}}
"#
    )
}

/// What is asked of a host.
const WANTED: &str = "config.system.build.toplevel.drvPath";

/// What is asked of all hosts; `threads` are evaluated at once, and hosts that are alike together, if `together`.
fn hosts(threads: usize, together: bool, file: &Path) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let pool = EvaluationPool::default();
    let (names, groups) = groups(&pool, file);
    let groups = if together { groups } else { (0..names.len()).map(|host| vec![host]).collect() };
    let mut found: Vec<(usize, String)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut found = Vec::new();
                    while let index = next.fetch_add(1, Ordering::Relaxed)
                        && let Some(group) = groups.get(index)
                    {
                        let wanted: Vec<&str> = group.iter().map(|host| &*names[*host]).collect();
                        found.extend(group.iter().copied().zip(alike(&pool, file, &wanted)));
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

/// Hosts of a fleet, not evaluated yet.
fn select<'a>(session: &Session<'a>, file: &Path, names: &[&str]) -> Result<Vec<ValueRef<'a>>, EvalError> {
    let fleet = session.evaluate_file(file)?;
    names.iter().map(|name| Ok(session.attribute(fleet, name)?.unwrap())).collect()
}

fn io(pool: &EvaluationPool) -> FileSystemIo {
    FileSystemIo::new(FileSystemOptions { memory: pool.files(), ..FileSystemOptions::default() })
}

/// The names of all hosts, and which are alike.
fn groups(pool: &EvaluationPool, file: &Path) -> (Vec<String>, Vec<Vec<usize>>) {
    let found = evaluate_in(pool, &Settings::default(), &io(pool), |session| {
        let names = session.attribute_names(session.evaluate_file(file)?)?;
        let wanted: Vec<&str> = names.iter().map(String::as_str).collect();
        let groups = session.groups(&select(session, file, &wanted)?);
        Ok((names, groups))
    });
    found.unwrap()
}

/// What is asked of hosts that are alike.
fn alike(pool: &EvaluationPool, file: &Path, names: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let mut together = true;
    while found.len() < names.len() {
        let rest = &names[found.len()..];
        let rest = if together { rest } else { &rest[..1] };
        let turns = evaluate_in(pool, &Settings::default(), &io(pool), |session| {
            let hosts = select(session, file, rest)?;
            Ok(session.in_turns(&hosts, |host| {
                Ok(session.to_text(session.select(hosts[host], WANTED, &[])?)?.text)
            }))
        });
        let turns = turns.unwrap();
        together = turns.useful;
        found.extend(turns.outcomes.into_iter().map(Result::unwrap));
    }
    found
}

fn compare(nix: &str, nixpkgs: &str, count: usize) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("fleet.nix");
    std::fs::write(&file, fleet(nixpkgs, count)).unwrap();
    let processors = std::thread::available_parallelism().unwrap().get();
    let ours = |threads: usize, how: &str| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--threads", &threads.to_string(), how]).arg(&file);
        measure_printed(&mut command)
    };
    let store = tempfile::tempdir().unwrap();
    let theirs = || {
        let expression = format!(
            "builtins.concatStringsSep \"\\n\" (map (host: host.{WANTED}) (builtins.attrValues (import {})))",
            file.display()
        );
        let mut command = Command::new(nix);
        command.args(["--eval", "--json", "--store", &format!("local?root={}", store.path().display())]);
        command.args(["--expr", &expression]);
        measure_printed(&mut command)
    };
    let mut ours_runs = [(processors, "together"), (1, "together"), (processors, "apart"), (1, "apart")]
        .map(|(threads, how)| (format!("ours, {how}, {threads} at once"), threads, how, Vec::new()));
    let mut nix = Vec::new();
    for _ in 0..ROUNDS {
        for (_, threads, how, runs) in &mut ours_runs {
            runs.push(ours(*threads, how));
        }
        nix.push(theirs());
    }
    let wanted: Vec<String> =
        serde_json::from_str::<String>(&nix[0].0).unwrap().lines().map(str::to_owned).collect();
    for (printed, _) in ours_runs.iter().flat_map(|(.., runs)| runs) {
        assert_eq!(printed.lines().collect::<Vec<_>>(), wanted, "other derivations than Nix's");
    }
    let nix = median(usages(nix));
    println!("{count} hosts\n{:28} {nix}", "Nix");
    for (name, _, _, runs) in ours_runs {
        let run = median(usages(runs));
        println!("{name:28} {run}");
        println!(
            "    Nix's wall time is {:.2} of it, its user time {:.2}, its memory {:.2}",
            nix.seconds / run.seconds,
            nix.user / run.user,
            nix.mebibytes / run.mebibytes
        );
    }
}

fn usages(runs: Vec<(String, Usage)>) -> Vec<Usage> {
    runs.into_iter().map(|(_, usage)| usage).collect()
}
