//! The store of a Nix daemon instead of our own, and machines that build: Nix's own daemon at a socket.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix_store::local::remove_tree;
use serde_json::Value;
use tempfile::TempDir;

use crate::fleet::Run;

/// A platform that nobody has but the daemon.
const ELSEWHERE: &str = "elsewhere-linux";

const DEBIANS: &str = "nix-daemon";

/// A daemon with a store, and a place to work in.
struct Daemon {
    process: Child,
    place: TempDir,
}

impl Daemon {
    fn start(program: &str) -> Self {
        let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let root = place.path().canonicalize().unwrap();
        fs::create_dir(root.join("home")).unwrap();
        // One that is not installed cannot start its hook; Debian's fails without one.
        let hook = if program == DEBIANS { "" } else { "build-hook =\n" };
        let settings = format!(
            "build-users-group =\n{hook}sandbox = true\nsandbox-fallback = false\nsubstituters =\n\
             extra-platforms = {ELSEWHERE}\nsandbox-paths = /bin /lib /lib64 /usr\n"
        );
        let process = Command::new(program)
            .env("NIX_REMOTE", format!("local?root={}", root.join("root").display()))
            .env("NIX_DAEMON_SOCKET_PATH", root.join("socket"))
            .env("NIX_CONFIG", settings)
            .env("HOME", root.join("home"))
            .stderr(fs::File::create(root.join("daemon.log")).unwrap())
            .stdin(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run {program} (Debian's nix-bin has it): {error}"));
        let daemon = Daemon { process, place };
        let until = Instant::now() + Duration::from_secs(20);
        while UnixStream::connect(daemon.path("socket")).is_err() {
            assert!(Instant::now() < until, "the daemon does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        daemon
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// Where a path of its store really lies.
    fn real(&self, path: &str) -> PathBuf {
        self.path("root").join(path.trim_start_matches('/'))
    }

    fn uri(&self) -> String {
        format!("unix://{}", self.path("socket").display())
    }

    fn hostwright(&self, store: &str, arguments: &[&str]) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hostwright"));
        command.args(["--store", store]).args(arguments).current_dir(self.place.path());
        command.env("HOME", self.path("home")).env("NIX_CONF_DIR", self.path("conf"));
        command.env_remove("NIX_CONFIG").env_remove("NIX_REMOTE").stdin(Stdio::null());
        Run::of(command)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        for store in ["root", "home/.local", "own"] {
            let _ = remove_tree(&self.path(store));
        }
    }
}

/// The daemons to test with: Debian's, and another that the environment names.
fn daemons() -> Vec<String> {
    let other = std::env::var("HOSTWRIGHT_OTHER_NIX_DAEMON").ok();
    [String::from(DEBIANS)].into_iter().chain(other).collect()
}

fn write_flake(place: &Path) {
    fs::create_dir(place.join("flake")).unwrap();
    let system = format!("{}-linux", std::env::consts::ARCH);
    let text = format!(
        r#"{{
  outputs = {{ self }}:
    let
      run = system: name: script: derivation {{
        inherit name system;
        builder = "/bin/sh";
        args = [ "-c" script ];
      }};
      base = run "{system}" "base" "echo base > $out";
      made = run "{system}" "made" "echo a line of it; read x < ${{base}}; echo \"$x and more\" > $out";
    in {{
      packages.{system} = {{
        default = made;
        bad = run "{system}" "bad" "echo it breaks; exit 4";
        elsewhere = run "{ELSEWHERE}" "elsewhere" "echo far away > $out";
      }};
      # What is read of a build by the evaluation.
      read = builtins.readFile made;
    }};
}}"#
    );
    fs::write(place.join("flake/flake.nix"), text).unwrap();
}

fn built(run: &Run) -> String {
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    run.stdout.trim().to_owned()
}

#[test]
fn a_daemon_builds_and_keeps() {
    for program in daemons() {
        let daemon = Daemon::start(&program);
        write_flake(daemon.place.path());
        let (uri, flake) = (daemon.uri(), format!("path:{}#default", daemon.path("flake").display()));
        let planned = daemon.hostwright(&uri, &["build", &flake, "--dry-run"]);
        assert!(planned.stdout.contains("these 2 paths will be built by the daemon"), "{}", planned.stderr);
        let run = daemon.hostwright(&uri, &["build", &flake, "-L", "--print-out-paths"]);
        let made = built(&run);
        assert!(run.stderr.contains("a line of it"), "{}", run.stderr);
        assert_eq!(fs::read_to_string(daemon.real(&made)).unwrap(), "base and more\n");
        assert_eq!(fs::read_link(daemon.path("result")).unwrap(), Path::new(&made));
        daemon
            .hostwright(&uri, &["build", &flake.replace("default", "bad"), "--no-link"])
            .fails_with(7, &["could not build everything", "exit code 4"]);
        // What evaluation reads of a build is brought here.
        let read = daemon.hostwright(&uri, &["eval", "--raw", &flake.replace("default", "read")]);
        assert_eq!(built(&read), "base and more");

        let info: Value =
            serde_json::from_str(&built(&daemon.hostwright(&uri, &["store", "info", "--json", &made])))
                .unwrap();
        assert_eq!(
            (info[0]["path"].as_str(), info[0]["ultimate"].as_bool()),
            (Some(made.as_str()), Some(true))
        );
        let roots = built(&daemon.hostwright(&uri, &["store", "roots", &made]));
        assert!(roots.contains("/result -> "), "{roots}");
        built(&daemon.hostwright(&uri, &["store", "verify"]));

        // To a store of our own, and back.
        built(&daemon.hostwright("own", &["copy", "--from", &uri, &made]));
        let own = daemon.path("own").join(made.trim_start_matches('/'));
        assert_eq!(fs::read_to_string(own).unwrap(), "base and more\n");
        built(&daemon.hostwright(&uri, &["gc"]));
        assert!(daemon.real(&made).exists());
        fs::remove_file(daemon.path("result")).unwrap();
        built(&daemon.hostwright(&uri, &["gc"]));
        assert!(!daemon.real(&made).exists());
        built(&daemon.hostwright("own", &["copy", "--to", &uri, &made]));
        assert!(daemon.real(&made).exists());
    }
}

#[test]
fn machines_of_nixs_own_configuration_build() {
    let daemon = Daemon::start("nix-daemon");
    write_flake(daemon.place.path());
    let flake = format!("path:{}#elsewhere", daemon.path("flake").display());
    daemon
        .hostwright("own", &["build", &flake, "--no-link"])
        .fails_with(7, &["needs a 'elsewhere-linux' machine"]);
    // A machine that cannot be reached, and one that can, in Nix's own file.
    fs::create_dir(daemon.path("conf")).unwrap();
    let system = format!("{}-linux", std::env::consts::ARCH);
    let machines = format!(
        "unix://{} {ELSEWHERE} - 1 9\n{} {ELSEWHERE},{system} - 2 1 # this one\n",
        daemon.path("nothing").display(),
        daemon.uri()
    );
    fs::write(daemon.path("conf/machines"), machines).unwrap();
    fs::write(
        daemon.path("conf/nix.conf"),
        "sandbox = false\nsubstituters =\nfrobnicate = true\nallowed-users = *\n",
    )
    .unwrap();
    let run = daemon.hostwright("own", &["build", &flake, "--no-link", "--print-out-paths", "-v"]);
    let path = built(&run);
    let warnings: Vec<&str> = run.stderr.lines().filter(|line| line.starts_with("warning")).collect();
    assert_eq!(warnings.len(), 2, "{}", run.stderr);
    assert!(warnings[0].starts_with("warning: unknown setting 'frobnicate' in "), "{warnings:?}");
    assert!(warnings[1].contains("/nothing cannot be used: "), "{warnings:?}");
    assert!(run.stderr.contains(&format!("elsewhere is built on {}", daemon.uri())), "{}", run.stderr);
    let own = daemon.path("own").join(path.trim_start_matches('/'));
    assert_eq!(fs::read_to_string(own).unwrap(), "far away\n");
}
