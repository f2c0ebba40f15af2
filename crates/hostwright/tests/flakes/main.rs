//! `hostwright flake …` as people use it, on flakes in git repositories.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what fails here fails the test")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

struct World(tempfile::TempDir);

impl World {
    fn new() -> Self {
        World(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().canonicalize().unwrap().join(name)
    }

    fn repository(&self, name: &str, files: &[(&str, &str)]) -> PathBuf {
        let place = self.path(name);
        std::fs::create_dir_all(&place).unwrap();
        git(&place, &["init", "-q", "-b", "main"]);
        commit(&place, files);
        place
    }

    fn run(&self, place: &Path, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_hostwright"))
            .args(["--timings", "none"])
            .args(arguments)
            .current_dir(place)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.path("home"))
            .env("HOSTWRIGHT_STORE", self.path("store"))
            .env("NIX_CONFIG", "flake-registry =\nwarn-dirty = false")
            .output()
            .unwrap()
    }

    fn text(&self, place: &Path, arguments: &[&str]) -> String {
        let output = self.run(place, arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The exit status and standard error of what fails.
    fn failure(&self, place: &Path, arguments: &[&str]) -> (i32, String) {
        let output = self.run(place, arguments);
        assert!(!output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    }
}

fn commit(place: &Path, files: &[(&str, &str)]) {
    for (file, text) in files {
        let file = place.join(file);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }
    git(place, &["add", "-A"]);
    git(place, &["commit", "-q", "--allow-empty", "-m", "x"]);
}

fn git(place: &Path, arguments: &[&str]) -> String {
    let identity = ["-c", "user.name=a", "-c", "user.email=a@a"];
    let output = Command::new("git").current_dir(place).args(identity).args(arguments).output().unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

const LEAF: &str = "{ description = \"A leaf\"; outputs = _: { x = 1; }; }";

fn with_leaf(world: &World) -> PathBuf {
    let leaf = world.repository("leaf", &[("flake.nix", LEAF)]);
    let flake = format!(
        "{{ inputs.leaf.url = \"git+file://{}\"; outputs = {{ self, leaf }}: {{ y = leaf.x + 1; }}; }}",
        leaf.display()
    );
    world.repository("f", &[("flake.nix", &flake)])
}

#[test]
fn locking_writes_once_and_updating_again() {
    let world = World::new();
    let place = with_leaf(&world);
    world.text(&place, &["flake", "lock"]);
    let first = std::fs::read(place.join("flake.lock")).unwrap();
    let time = |place: &Path| std::fs::metadata(place.join("flake.lock")).unwrap().modified().unwrap();
    let written = time(&place);
    world.text(&place, &["flake", "lock"]);
    assert_eq!(world.text(&place, &["eval", ".#y"]).trim(), "2");
    assert_eq!(time(&place), written);
    commit(&world.path("leaf"), &[("flake.nix", "{ outputs = _: { x = 10; }; }")]);
    assert_eq!(world.text(&place, &["eval", ".#y"]).trim(), "2", "what is locked stays");
    world.text(&place, &["flake", "update"]);
    assert_ne!(std::fs::read(place.join("flake.lock")).unwrap(), first);
    assert_eq!(world.text(&place, &["eval", ".#y"]).trim(), "11");
    let (status, text) = world.failure(&place, &["flake", "update", "leef"]);
    assert!(status == 2 && text.contains("leaf"), "{status}: {text}");
}

#[test]
fn a_lock_file_with_a_wrong_hash_is_refused() {
    let world = World::new();
    let place = with_leaf(&world);
    world.text(&place, &["flake", "lock"]);
    let file = place.join("flake.lock");
    let text = std::fs::read_to_string(&file).unwrap();
    let start = text.find("sha256-").unwrap();
    let wrong = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let right = text[start..start + wrong.len()].to_owned();
    std::fs::write(&file, text.replace(&right, wrong)).unwrap();
    let (status, message) = world.failure(&place, &["eval", ".#y"]);
    assert_eq!(status, 6, "{message}");
    assert!(message.contains(wrong) && message.contains(&right), "{message}");
    std::fs::write(&file, text.replace("\"version\": 7", "\"version\": 8")).unwrap();
    let (status, message) = world.failure(&place, &["eval", ".#y"]);
    assert!(status == 3 && message.contains("version 8"), "{status}: {message}");
}

#[test]
fn lock_files_that_must_not_change_do_not() {
    let world = World::new();
    let place = with_leaf(&world);
    let (status, text) = world.failure(&place, &["eval", ".#y", "--no-update-lock-file"]);
    assert!(status == 4 && text.contains("Added input 'leaf'"), "{status}: {text}");
    world.text(&place, &["eval", ".#y", "--no-write-lock-file"]);
    assert!(!place.join("flake.lock").exists());
    let mine = world.repository("mine", &[("flake.nix", "{ outputs = _: { x = 100; }; }")]);
    let mine = mine.to_str().unwrap();
    assert_eq!(world.text(&place, &["eval", ".#y", "--override-input", "leaf", mine]).trim(), "101");
    assert!(!place.join("flake.lock").exists());
    let elsewhere = world.path("elsewhere.lock");
    world.text(&place, &["flake", "lock", "--output-lock-file", elsewhere.to_str().unwrap()]);
    assert!(elsewhere.exists() && !place.join("flake.lock").exists());
}

#[test]
fn files_that_git_does_not_track_are_named() {
    let world = World::new();
    let flake = "{ outputs = _: { x = import ./new.nix; there = builtins.pathExists ./new.nix; }; }";
    let place = world.repository("f", &[("flake.nix", flake)]);
    std::fs::write(place.join("new.nix"), "1").unwrap();
    let (status, text) = world.failure(&place, &["eval", ".#x"]);
    assert_eq!(status, 3);
    assert!(text.contains("new.nix") && text.contains("git -C") && text.contains("add new.nix"), "{text}");
    assert_eq!(world.text(&place, &["eval", ".#there"]).trim(), "false");
    git(&place, &["add", "-N", "new.nix"]);
    assert_eq!(world.text(&place, &["eval", ".#x"]).trim(), "1");
}

#[test]
fn metadata_says_where_things_come_from() {
    let world = World::new();
    let place = with_leaf(&world);
    let text = world.text(&place, &["flake", "metadata", "--json"]);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["locked"]["type"], "git");
    assert_eq!(value["original"]["url"], format!("file://{}", place.display()));
    assert_eq!(value["locks"]["version"], 7);
    assert!(value["path"].as_str().unwrap().ends_with("-source"));
    let leaf = world.text(&world.path("leaf"), &["flake", "metadata"]);
    let revision = git(&world.path("leaf"), &["rev-parse", "HEAD"]);
    assert!(
        leaf.contains("Description:   A leaf") && leaf.contains(&format!("Revision:      {revision}")),
        "{leaf}"
    );
    let lines = world.text(&place, &["flake", "metadata"]);
    assert!(lines.contains("└───leaf: git+file://"), "{lines}");
}

const OUTPUTS: &str = "{ outputs = _: {
  packages.x86_64-linux.a = derivation { name = \"a\"; system = \"x86_64-linux\"; builder = \"b\"; };
  packages.aarch64-linux.b = derivation { name = \"b\"; system = \"aarch64-linux\"; builder = \"b\"; };
  devShells.x86_64-linux = { };
  overlays.default = final: prev: { };
  templates.t = { description = \"T\"; path = ./.; };
  apps.x86_64-linux.run = { type = \"app\"; program = \"/x\"; };
  nixosModules.m = { };
  other = 1;
}; }";

#[test]
fn show_draws_what_there_is() {
    let world = World::new();
    let place = world.repository("f", &[("flake.nix", OUTPUTS)]);
    let shown = world.text(&place, &["--system", "x86_64-linux", "flake", "show"]);
    let (_, tree) = shown.split_once('\n').unwrap();
    let expected = "\
├───apps
│   └───x86_64-linux
│       └───run: app: no description
├───nixosModules
│   └───m: NixOS module
├───other: unknown
├───overlays
│   └───default: Nixpkgs overlay
├───packages
│   ├───aarch64-linux
│   │   └───b omitted (use '--all-systems' to show)
│   └───x86_64-linux
│       └───a: package 'a'
└───templates
    └───t: template: T
";
    assert_eq!(tree, expected);
    let json = world.text(&place, &["--system", "x86_64-linux", "flake", "show", "--json", "--all-systems"]);
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["packages"]["aarch64-linux"]["b"]["name"], "b");
    assert_eq!(value["other"]["type"], "unknown");
}

#[test]
fn check_names_all_that_is_wrong() {
    let world = World::new();
    let place = world.repository("good", &[("flake.nix", OUTPUTS)]);
    let good = world.run(&place, &["--system", "x86_64-linux", "flake", "check", "--no-build"]);
    let text = String::from_utf8_lossy(&good.stderr);
    assert!(good.status.success() && text.contains("aarch64-linux") && text.contains("'other'"), "{text}");
    let bad = "{ outputs = _: {
  packages.x86_64-linux.one = throw \"first mistake\";
  packages.x86_64-linux.two = 1;
  overlays.three = { };
  templates.four = { path = ./.; };
  nixosConfigurations.five = { };
}; }";
    let place = world.repository("bad", &[("flake.nix", bad)]);
    let arguments = ["--system", "x86_64-linux", "flake", "check", "--no-build"];
    let (status, text) = world.failure(&place, &arguments);
    assert!(
        status == 3 && text.contains("nixosConfigurations.five") && !text.contains("first mistake"),
        "{text}"
    );
    let (status, text) = world.failure(&place, &[&arguments[..], &["--keep-going"]].concat());
    assert_eq!(status, 3);
    for part in
        ["five", "overlays.three", "first mistake", "packages.x86_64-linux.two", "templates.four", "5 of 5"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn settings_of_a_flake_are_not_taken_silently() {
    let world = World::new();
    let flake =
        "{ nixConfig.extra-experimental-features = \"pipe-operators\"; outputs = _: import ./x.nix; }";
    let place = world.repository("f", &[("flake.nix", flake), ("x.nix", "{ y = 1 |> (x: x + 1); }")]);
    let (status, text) = world.failure(&place, &["eval", ".#y"]);
    assert!(status == 3 && text.contains("extra-experimental-features = pipe-operators"), "{text}");
    assert_eq!(world.text(&place, &["eval", ".#y", "--accept-flake-config"]).trim(), "2");
}

#[test]
fn check_builds_the_checks() {
    let world = World::new();
    let flake = |text: &str| {
        format!(
            "{{ outputs = _: {{ checks.x86_64-linux.c = derivation {{ name = \"c\"; system = \"builtin\"; \
             builder = \"builtin:write-file\"; __structuredAttrs = true; outputs = [ \"out\" ]; {text} }}; }}; }}"
        )
    };
    let place = world.repository("good", &[("flake.nix", &flake("text = \"x\";"))]);
    let output = world.run(&place, &["--system", "x86_64-linux", "flake", "check"]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 checks pass"), "{text}");
    let place = world.repository("bad", &[("flake.nix", &flake("nothing = 1;"))]);
    let (status, text) = world.failure(&place, &["--system", "x86_64-linux", "flake", "check"]);
    assert_eq!(status, 7, "{text}");
    world.text(&place, &["--system", "x86_64-linux", "flake", "check", "--no-build"]);
}
