//! The real Nix, with a store of its own in a temporary directory.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use nix_store::StorePath;
use tempfile::TempDir;

pub struct Nix {
    place: TempDir,
}

impl Nix {
    pub fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("home")).unwrap();
        Nix { place }
    }

    /// A path beside the store.
    pub fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// The directory in which the store's `nix/store` lies.
    pub fn root(&self) -> PathBuf {
        self.path("root")
    }

    pub fn real_path(&self, path: &StorePath) -> PathBuf {
        self.root().join("nix/store").join(path.base_name())
    }

    /// Runs a program of Nix on the store and returns what it prints.
    pub fn run(&self, program: &str, arguments: &[&str]) -> Vec<u8> {
        let output = Command::new(program)
            .args(arguments)
            .env("NIX_REMOTE", format!("local?root={}", self.root().display()))
            .env("NIX_CONFIG", "experimental-features = nix-command")
            .env("HOME", self.path("home"))
            .env_remove("NIX_PATH")
            .output()
            .unwrap_or_else(|error| {
                panic!("cannot run {program} (Debian's package nix-bin has it): {error}")
            });
        assert!(
            output.status.success(),
            "{program} {arguments:?} failed:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        output.stdout
    }

    /// As [`Self::run`], for text.
    pub fn text(&self, program: &str, arguments: &[&str]) -> String {
        String::from_utf8(self.run(program, arguments)).unwrap().trim_end().to_owned()
    }

    /// Writes the derivations of an expression to the store; the path of the last one's `.drv`.
    pub fn instantiate(&self, expression: &str) -> String {
        self.text("nix-instantiate", &["-E", expression])
    }

    /// Evaluates an expression; the value as Nix prints it.
    pub fn eval(&self, expression: &str) -> String {
        self.text("nix-instantiate", &["--eval", "--strict", "-E", expression])
    }
}
