//! Nix's own evaluator, of whatever version is installed.

use std::process::{Command, Output};

fn instantiate(arguments: &[&str]) -> Output {
    let home = tempfile::tempdir().unwrap();
    Command::new("nix-instantiate")
        .args(["--eval", "--strict", "--json"])
        .args(arguments)
        .env("HOME", home.path())
        .env_remove("NIX_PATH")
        .output()
        .expect("nix-instantiate can be run (it is in Debian's package nix-bin)")
}

/// What an expression evaluates to, as JSON.
pub fn json(expression: &str) -> String {
    // A store that can be written to, because Nix looks for the inputs of derivations there.
    let root = tempfile::tempdir().unwrap();
    let store = format!("local?root={}", root.path().display());
    let output = instantiate(&["--read-write-mode", "--store", &store, "--expr", expression]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{expression}\n{errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// None of the attributes of the file's set can be evaluated.
pub fn assert_all_fail(file: &str, names: &[String]) {
    for name in names {
        let output = instantiate(&["--store", "dummy://", file, "--attr", name]);
        let shown = String::from_utf8_lossy(&output.stdout);
        assert!(!output.status.success(), "{name} evaluates to {shown} in Nix");
    }
}
