//! The example fleet, copied, locked and built by the program itself.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// A copy of an example and the store that it is built in.
#[derive(Clone)]
pub struct Fleet {
    pub directory: PathBuf,
    pub store: PathBuf,
    /// Where indices and unfinished downloads are kept; the user's own place by default.
    pub cache: Option<PathBuf>,
}

/// Notes how it is called, says that it is ready, and goes on.
pub const K3S_STAND_IN: &str = r#"{ lib, pkgs, ... }: {
  services.k3s.package = lib.mkForce (pkgs.writeShellScriptBin "k3s" ''
    echo "$@" > /run/k3s-arguments
    exec systemd-notify --ready --exec \; sleep infinity
  '');
}"#;

/// How a run of the program ended.
pub struct Run {
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    pub fn of(mut command: Command) -> Run {
        let output = command.output().unwrap();
        Run {
            status: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The run must have ended with this status and said all of this on standard error, and nothing on standard output.
    pub fn fails_with(&self, status: i32, said: &[&str]) {
        assert_eq!(self.status, Some(status), "{}", self.stderr);
        for text in said {
            assert!(self.stderr.contains(text), "{text:?} is missing in:\n{}", self.stderr);
        }
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        assert_eq!(self.stdout, "");
    }
}

impl Fleet {
    /// The fleet that all tests of this run share, with a fresh `debian.lock`.
    pub fn first_light() -> Fleet {
        static SHARED: OnceLock<Fleet> = OnceLock::new();
        SHARED.get_or_init(|| Fleet::locked("first-light")).clone()
    }

    /// The example of a card for a board, with a fresh `debian.lock`, in the same store.
    pub fn sd_card() -> Fleet {
        static SHARED: OnceLock<Fleet> = OnceLock::new();
        SHARED.get_or_init(|| Fleet::locked("sd-card")).clone()
    }

    /// A host with variants of itself to switch to, in the same store.
    pub fn switching() -> Fleet {
        static SHARED: OnceLock<Fleet> = OnceLock::new();
        SHARED.get_or_init(|| Fleet::locked_in("tests/program/fleets", "switching")).clone()
    }

    /// A cluster as it is planned for NixOS, with mistakes, and without a lock.
    pub fn plan() -> Fleet {
        static SHARED: OnceLock<Fleet> = OnceLock::new();
        SHARED.get_or_init(|| Fleet::copied("tests/program/fleets", "plan")).clone()
    }

    /// The host of the example of a card, with a wireless network, and the emulator of its board; in the same store.
    pub fn board() -> Fleet {
        static SHARED: OnceLock<Fleet> = OnceLock::new();
        let make = || {
            let fleet = Fleet::copied("tests/program/fleets", "board");
            let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/sd-card");
            fs::copy(example.join("card.nix"), fleet.directory.join("card.nix")).unwrap();
            fleet.hostwright(&["lock", &fleet.reference()]);
            fleet
        };
        SHARED.get_or_init(make).clone()
    }

    fn locked(example: &str) -> Fleet {
        Fleet::locked_in("../../examples", example)
    }

    fn locked_in(collection: &str, name: &str) -> Fleet {
        let fleet = Fleet::copied(collection, name);
        fleet.hostwright(&["lock", &fleet.reference()]);
        fleet
    }

    /// The example of a cluster, whose program k3s is a stand-in: the real one cannot be fetched here.
    pub fn turing_pi() -> Fleet {
        static SHARED: OnceLock<Fleet> = OnceLock::new();
        let make = || {
            let fleet = Fleet::copied("../../examples", "turing-pi");
            fs::write(fleet.directory.join("stand-in.nix"), K3S_STAND_IN).unwrap();
            let flake = fleet.directory.join("flake.nix");
            let text = fs::read_to_string(&flake).unwrap();
            fs::write(flake, text.replace("./hosts/server.nix", "./hosts/server.nix ./stand-in.nix"))
                .unwrap();
            fleet.hostwright(&["lock", &fleet.reference()]);
            fleet
        };
        SHARED.get_or_init(make).clone()
    }

    /// The example of runners of FPGA boards.
    pub fn fpga_runners() -> Fleet {
        static SHARED: OnceLock<Fleet> = OnceLock::new();
        SHARED.get_or_init(|| Fleet::locked("fpga-runners")).clone()
    }

    fn copied(collection: &str, name: &str) -> Fleet {
        let place = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let fleet = Fleet { directory: place.join(name), store: place.join("store"), cache: None };
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join(collection).join(name);
        if fleet.directory.exists() {
            fs::remove_dir_all(&fleet.directory).unwrap();
        }
        copy_tree(&example, &fleet.directory);
        fleet
    }

    /// The same fleet with the same lock, built in a store of its own that is empty but for what was downloaded.
    pub fn with_fresh_store(&self) -> Fleet {
        let fleet = Fleet { store: self.store.with_file_name("second-store"), ..self.clone() };
        fleet.remove_store();
        fleet
    }

    /// Removes the store with all that is in it.
    pub fn remove_store(&self) {
        if self.store.exists() {
            make_writable(&self.store);
            fs::remove_dir_all(&self.store).unwrap();
        }
    }

    /// A copy of the fleet below `place`, with a store and a cache of its own that hold nothing.
    pub fn alone_in(&self, place: &Path) -> Fleet {
        let fleet = Fleet {
            directory: place.join("fleet"),
            store: place.join("store"),
            cache: Some(place.join("cache")),
        };
        copy_tree(&self.directory, &fleet.directory);
        if self.lock_file().exists() {
            fs::copy(self.lock_file(), fleet.lock_file()).unwrap();
        }
        fleet
    }

    /// A copy of the fleet below `place` whose host alpha has one more module, `mistake.nix`.
    pub fn with_mistake(&self, place: &Path, module: &str) -> Fleet {
        self.with_module(place, "alpha", module)
    }

    /// The same for any host.
    pub fn with_module(&self, place: &Path, host: &str, module: &str) -> Fleet {
        let fleet = Fleet { store: self.store.clone(), cache: None, ..self.alone_in(place) };
        fs::write(fleet.directory.join("mistake.nix"), module).unwrap();
        let flake = fleet.directory.join("flake.nix");
        let text = fs::read_to_string(&flake).unwrap();
        fs::write(flake, text.replace(&format!("./{host}.nix"), &format!("./{host}.nix ./mistake.nix")))
            .unwrap();
        fleet
    }

    /// Where the fleet's packages are pinned.
    pub fn lock_file(&self) -> PathBuf {
        self.directory.join("debian.lock")
    }

    /// The fleet as a flake reference. A plain path would be a part of the repository that the target directory is in.
    pub fn reference(&self) -> String {
        format!("path:{}", self.directory.display())
    }

    /// The `FLAKE#HOST` of a host.
    pub fn installable(&self, host: &str) -> String {
        format!("{}#{host}", self.reference())
    }

    /// The program with this fleet's store, ready to be given more arguments.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hostwright"));
        command.arg("--store").arg(&self.store).stdin(Stdio::null());
        if let Some(cache) = &self.cache {
            command.env("XDG_CACHE_HOME", cache);
        }
        command
    }

    /// Runs the program, however it ends.
    pub fn run(&self, arguments: &[&str]) -> Run {
        let mut command = self.command();
        command.args(arguments);
        Run::of(command)
    }

    /// Runs the program to its end and gives its standard output.
    pub fn hostwright(&self, arguments: &[&str]) -> String {
        let run = self.run(arguments);
        assert_eq!(run.status, Some(0), "hostwright {arguments:?}:\n{}", run.stderr);
        run.stdout
    }

    /// Makes the raw image of a host; its real path.
    pub fn image(&self, host: &str) -> PathBuf {
        self.image_as(host, "raw-efi")
    }

    /// Makes an image of a host in some format; its real path.
    pub fn image_as(&self, host: &str, format: &str) -> PathBuf {
        let installable = self.installable(host);
        let printed = self.hostwright(&["image", &installable, "--format", format, "--no-link", "--json"]);
        let printed: Value = serde_json::from_str(&printed).unwrap();
        PathBuf::from(printed["file"].as_str().unwrap())
    }

    /// Removes the image that a machine ran from: images are most of what tests leave on a disk.
    pub fn discard_machine(&self, host: &str) {
        let image = self.image_as(host, "vm");
        let inside = image.strip_prefix(&self.store).unwrap();
        let path = inside.ancestors().find(|path| path.parent() == Some(Path::new("nix/store"))).unwrap();
        self.hostwright(&["store", "delete", "--ignore-liveness", &format!("/{}", path.display())]);
        assert!(!image.exists());
    }

    /// NAR hash of each path of the host's closure, as the store has recorded it.
    pub fn closure_hashes(&self, host: &str) -> BTreeMap<String, String> {
        let paths = self.closure(host);
        let mut command = self.nix_store();
        let output = command.args(["--query", "--hash"]).args(&paths).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let hashes = String::from_utf8(output.stdout).unwrap();
        paths.into_iter().zip(hashes.lines().map(str::to_owned)).collect()
    }

    /// Lets Nix itself check every path of the store against the recorded hash.
    pub fn assert_nix_verifies_store(&self) {
        let output = self.nix_store().args(["--verify", "--check-contents"]).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        for complaint in ["error", "modified", "disappeared", "missing"] {
            assert!(!errors.contains(complaint), "{errors}");
        }
    }

    /// A mirror's directories `debian` and `debian-security` below `place`, with the packages of an architecture that this
    /// fleet's lock has and its store holds.
    pub fn pool_of(&self, place: &Path, architecture: &str) -> PathBuf {
        let lock: Value = serde_json::from_str(&fs::read_to_string(self.lock_file()).unwrap()).unwrap();
        let store = self.store.join("nix/store");
        let entries =
            fs::read_dir(&store).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        // By their names, which follow a hash of 32 characters.
        let held: BTreeMap<String, String> =
            entries.filter(|name| name.ends_with(".deb")).map(|name| (name[33..].to_owned(), name)).collect();
        let mirror = place.join("mirror");
        for package in lock["packages"][architecture].as_object().unwrap().values() {
            let file = package["file"].as_str().unwrap();
            let name = file.rsplit('/').next().unwrap().replace("%3a", "-").replace(['~', ':'], "-");
            // Packages that only tools need may never have been fetched.
            let Some(held) = held.get(&name) else { continue };
            let target = mirror.join(file);
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::hard_link(store.join(held), target).unwrap();
        }
        mirror
    }

    /// Builds a host's system; its path.
    pub fn toplevel(&self, host: &str) -> String {
        let printed = self.hostwright(&["build", &self.installable(host), "--no-link", "--print-out-paths"]);
        printed.trim().to_owned()
    }

    fn closure(&self, host: &str) -> Vec<String> {
        self.closure_of(&self.toplevel(host))
    }

    /// A path of the store and all that it refers to.
    pub fn closure_of(&self, path: &str) -> Vec<String> {
        let output = self.nix_store().args(["--query", "--requisites", path]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
    }

    /// Nix itself, on this fleet's store.
    pub fn nix_store(&self) -> Command {
        let mut command = Command::new("nix-store");
        command.args(["--store", &format!("local?root={}", self.store.display())]).stdin(Stdio::null());
        command
    }
}

/// Copies a directory, but for a `debian.lock` in it.
pub fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &target);
        } else if entry.file_name() != "debian.lock" {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn make_writable(directory: &Path) {
    assert!(Command::new("chmod").arg("-R").arg("u+w").arg(directory).status().unwrap().success());
}
