//! A directory to work in, with repositories and a fetcher of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use nix_flake::{FetchSettings, Fetched, Fetcher, FlakeReference};

pub struct World {
    directory: tempfile::TempDir,
    pub settings: FetchSettings,
}

impl World {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = FetchSettings::new(directory.path().join("cache"));
        settings.flake_registry = String::new();
        settings.system_registry = directory.path().join("no-registry.json");
        settings.warn = |_| {};
        World { directory, settings }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().canonicalize().unwrap().join(name)
    }

    pub fn fetcher(&self) -> Fetcher {
        Fetcher::new(self.settings.clone())
    }

    pub fn fetch(&self, reference: &str) -> Result<Fetched, nix_flake::Error> {
        self.fetcher().fetch(&FlakeReference::parse(reference, true).unwrap())
    }

    /// Makes a repository with these files in one commit. Its times and names are always the same.
    pub fn repository(&self, name: &str, files: &[(&str, &str)]) -> PathBuf {
        let place = self.path(name);
        std::fs::create_dir_all(&place).unwrap();
        git(&place, &["init", "-q", "-b", "main"]);
        self.commit(&place, files);
        place
    }

    /// Commits files. Returns the commit.
    pub fn commit(&self, place: &Path, files: &[(&str, &str)]) -> String {
        for (file, text) in files {
            write(&place.join(file), text);
        }
        git(place, &["add", "-A"]);
        git(place, &["commit", "-q", "--allow-empty", "-m", "x"]);
        git(place, &["rev-parse", "HEAD"])
    }
}

pub fn write(file: &Path, text: &str) {
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, text).unwrap();
}

/// Runs git and returns what it prints, without the newline.
pub fn git(place: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(place)
        .args(["-c", "protocol.file.allow=always"])
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", place)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_AUTHOR_NAME", "a")
        .env("GIT_AUTHOR_EMAIL", "a@a")
        .env("GIT_COMMITTER_NAME", "a")
        .env("GIT_COMMITTER_EMAIL", "a@a")
        .env("GIT_AUTHOR_DATE", "1700000000 +0000")
        .env("GIT_COMMITTER_DATE", "1700000000 +0000")
        .output()
        .unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// The SHA-256 of a directory's NAR as Nix computes it, in SRI form; `None` where there is no Nix.
pub fn nix_hash(place: &Path) -> Option<String> {
    let output = Command::new("nix")
        .args(["--extra-experimental-features", "nix-command", "hash", "path"])
        .arg(place)
        .output()
        .ok()?;
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap().trim().to_owned())
}
