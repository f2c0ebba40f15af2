//! The real Nix, with a store of its own in a temporary directory, and what the tests put into it.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use nix_store::local::Begin;
use nix_store::{LocalStore, StorePath, StoreRoot, ValidPathInfo};
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
        let output = self.try_run(program, arguments);
        assert!(
            output.status.success(),
            "{program} {arguments:?} failed:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        output.stdout
    }

    /// As [`Self::run`], where it may fail.
    pub fn try_run(&self, program: &str, arguments: &[&str]) -> Output {
        self.command(program)
            .args(arguments)
            .output()
            .unwrap_or_else(|error| panic!("cannot run {program} (Debian's package nix-bin has it): {error}"))
    }

    /// A program of Nix that uses the store.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("NIX_REMOTE", format!("local?root={}", self.root().display()))
            .env("NIX_CONFIG", "experimental-features = nix-command")
            .env("HOME", self.path("home"))
            .env_remove("NIX_PATH");
        command
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

pub fn open(nix: &Nix) -> LocalStore {
    LocalStore::open(StoreRoot::new(nix.root())).unwrap()
}

/// Adds an output of `name` whose file says `content`, referring to what it names among `candidates`.
pub fn add_output(store: &LocalStore, name: &str, content: &str, candidates: &[&StorePath]) -> ValidPathInfo {
    let path = store.directory().make_text_path(name, content.as_bytes(), &[]).unwrap();
    let Begin::Unfinished(mut unfinished) = store.begin(&path).unwrap() else { panic!("{path} is there") };
    fs::create_dir_all(unfinished.place().join("bin")).unwrap();
    fs::write(unfinished.place().join("bin/file"), content).unwrap();
    let info = unfinished.finish(candidates.iter().copied()).unwrap();
    store.register(std::slice::from_ref(&info)).unwrap();
    info
}
