//! Programs packaged from source: a flake's packages, locked, built in the sandbox with Debian's compilers, and what is
//! said when that fails.
//!
//! The store below the target directory is kept between runs, so that Debian's packages are fetched once. What is built from
//! source is removed from it by giving every run sources of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what fails here fails the test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

struct Flake {
    directory: PathBuf,
    store: PathBuf,
}

/// The flake of this directory, with a greeting that no run before had, locked.
fn flake() -> &'static Flake {
    static FLAKE: OnceLock<Flake> = OnceLock::new();
    FLAKE.get_or_init(|| {
        let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("packages");
        let flake = Flake { directory: place.join("flake"), store: place.join("store") };
        if flake.directory.exists() {
            fs::remove_dir_all(&flake.directory).unwrap();
        }
        copy_tree(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/packages/flake"), &flake.directory);
        let source = flake.directory.join("hello-c/hello.c");
        let unique = format!("{}.{:?}", std::process::id(), std::time::SystemTime::now());
        let text = fs::read_to_string(&source).unwrap();
        fs::write(&source, format!("{text}/* {unique} */\n")).unwrap();
        flake.succeed(&["lock", &flake.reference("")]);
        flake
    })
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

impl Flake {
    fn reference(&self, package: &str) -> String {
        let directory = format!("path:{}", self.directory.display());
        if package.is_empty() { directory } else { format!("{directory}#{package}") }
    }

    /// Runs the program: its status, standard output, and standard error.
    fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hostwright"));
        command.arg("--store").arg(&self.store).args(arguments).stdin(Stdio::null());
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    fn succeed(&self, arguments: &[&str]) -> String {
        let (status, stdout, stderr) = self.run(arguments);
        assert_eq!(status, Some(0), "hostwright {arguments:?}:\n{stderr}");
        stdout
    }

    /// Builds a package: where its output really lies.
    fn build(&self, package: &str, options: &[&str]) -> PathBuf {
        let installable = self.reference(package);
        let mut arguments = vec!["build", &installable, "--no-link", "--print-out-paths"];
        arguments.extend(options);
        let path = self.succeed(&arguments);
        self.store.join(path.trim().trim_start_matches('/'))
    }
}

#[test]
fn programs_are_built_checked_and_run() {
    let flake = flake();
    let said = fs::read_to_string(flake.build("said", &["--cores", "3", "--max-jobs", "2"])).unwrap();
    let hello = "Hello from 1.0";
    let expected = format!(
        "{hello}\nfrom a library, zlib 1\n3\nhello from a vendored crate\n{hello}\n  two  spaces\n3\n"
    );
    assert_eq!(said, expected);
    let manual = flake.build("hello.man", &[]).join("share/man/man1/hello-c.1.gz");
    assert!(manual.exists());
    // A host that has the program gets the library with it.
    let needed = fs::read_to_string(flake.build("user", &[]).join("nix-support/debian-depends")).unwrap();
    assert!(needed.lines().count() == 1 && needed.contains("-zlib1g-"), "{needed}");
    let log = flake.succeed(&["log", &flake.reference("hello")]);
    for phase in ["unpackPhase", "patchPhase", "buildPhase", "checkPhase", "installPhase", "fixupPhase"] {
        assert!(log.contains(&format!("Running phase: {phase}\n")), "{log}");
    }
    flake.succeed(&["build", &flake.reference("user"), "--rebuild", "--no-link"]);
    let built = ["hello", "user", "counter", "greeter", "script"].map(|package| {
        let real = flake.build(package, &[]);
        Path::new("/nix/store").join(real.file_name().unwrap())
    });
    let nix = Command::new("nix-store")
        .arg("--verify-path")
        .args(&built)
        .args(["--store", &format!("local?root={}", flake.store.display())])
        .output()
        .expect("Nix is needed to check store paths: install Debian's nix-bin");
    assert!(nix.status.success(), "{}", String::from_utf8_lossy(&nix.stderr));
}

#[test]
fn programs_for_another_architecture() {
    let program = flake().build("counter-aarch64", &[]).join("bin/counter");
    let bytes = fs::read(program).unwrap();
    // e_machine of elf(5): 183 is AArch64.
    assert_eq!((&bytes[..4], bytes[18]), (&b"\x7fELF"[..], 183));
}

#[test]
fn a_failed_build_shows_the_end_of_its_log() {
    let flake = flake();
    let installable = flake.reference("failing");
    let (status, _, stderr) = flake.run(&["build", &installable, "--no-link", "--keep-failed"]);
    assert_eq!(status, Some(7), "{stderr}");
    for text in ["failed with exit code 4", "failing> 40", "the build directory is kept: "] {
        assert!(stderr.contains(text), "{text} in {stderr}");
    }
    assert!(!stderr.contains("failing> 10\n"), "{stderr}");
    let log = flake.succeed(&["log", &installable]);
    assert!(log.starts_with("gcc (Debian ") && log.contains("\n1\n2\n3\n"), "{log}");
    let (_, _, live) = flake.run(&["build", &installable, "--no-link", "-L"]);
    assert!(live.contains("failing> 10\n"), "{live}");
    let (status, _, stderr) = flake.run(&["build", &flake.reference("unquoted"), "--no-link"]);
    assert_eq!(status, Some(7));
    assert!(stderr.contains("SC2086"), "{stderr}");
}

#[test]
fn a_build_that_takes_too_long_is_ended() {
    let flake = flake();
    let installable = flake.reference("sleeping");
    for (option, said) in
        [("--timeout", "took longer than 1 seconds"), ("--max-silent-time", "printed nothing for 1 seconds")]
    {
        let (status, _, stderr) = flake.run(&["build", &installable, "--no-link", option, "1"]);
        assert_eq!(status, Some(7), "{stderr}");
        assert!(stderr.contains(said), "{stderr}");
    }
}

#[test]
fn there_is_no_log_of_what_was_not_built() {
    let (status, stdout, stderr) = flake().run(&["log", "/nix/store/00000000000000000000000000000000-x.drv"]);
    assert_ne!(status, Some(0));
    assert!(stdout.is_empty() && stderr.contains("there is no log"), "{stderr}");
}
