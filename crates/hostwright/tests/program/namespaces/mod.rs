//! A host of the base whose systemd is PID 1 in namespaces of this machine: its kernel is this machine's, and it has no
//! firmware and no disk, but all else is as on a machine, ten times as fast as an emulated one.
//!
//! It takes root (users of the host are this machine's numbers), user namespaces, a cgroup2 hierarchy wherever it is
//! mounted, the programs of util-linux and iproute2, and a kernel with veth and nftables. It has no capability over this
//! machine, and sees nothing of it but some device nodes and what `/proc` shows to all.
//!
//! What boots is what its boot menu says: the default entry of `/boot/loader`, else the system profile.

mod disk;
mod wire;

use std::fs;
use std::io::Write;
use std::ops::Deref;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::fleet::Fleet;
use crate::shell::Shell;

const PATIENCE: Duration = Duration::from_secs(120);

/// The first-stage script, beside this file.
const FIRST_STAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/program/namespaces/first-stage.sh");

/// A host that runs.
pub struct NamespacedHost {
    // It ends before its disk does.
    running: Option<Running>,
    _mounted: Option<disk::Mounted>,
    place: tempfile::TempDir,
}

/// One boot of it.
struct Running {
    /// `unshare`, with which everything ends.
    process: Child,
    shell: Shell,
    cgroup: PathBuf,
    wire: wire::Wire,
}

impl Deref for NamespacedHost {
    type Target = Shell;

    fn deref(&self) -> &Shell {
        &self.running.as_ref().expect("the host is switched off").shell
    }
}

impl NamespacedHost {
    /// Boots a host of a fleet from a root that has nothing but the store with its closure.
    pub fn start(fleet: &Fleet, host: &str) -> NamespacedHost {
        let mut booted = NamespacedHost::installed(fleet, host);
        booted.switch_on();
        booted
    }

    /// A host that is switched off.
    pub fn installed(fleet: &Fleet, host: &str) -> NamespacedHost {
        // On the file system of the store, whose files it has by hard links.
        let place = tempfile::Builder::new().prefix("host-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let system = fleet.toplevel(host);
        let closure = fleet.closure_of(&system);
        let nix = place.path().join("disk/nix");
        let store = nix.join("store");
        let profiles = nix.join("var/nix/profiles");
        for directory in [&store, &profiles, &nix.join("var/nix/gcroots")] {
            fs::create_dir_all(directory).unwrap();
        }
        let mut copy = Command::new("cp");
        copy.arg("-al").args(closure.iter().map(|path| fleet.store.join(&path[1..]))).arg(&store);
        succeed(&mut copy);
        symlink(system, profiles.join("system-1-link")).unwrap();
        symlink("system-1-link", profiles.join("system")).unwrap();
        register(fleet, &closure, &place.path().join("disk"));
        let identity_file = crate::cards::key(place.path(), "identity");
        let keys = place.path().join("disk/root/.ssh");
        fs::create_dir_all(&keys).unwrap();
        fs::copy(identity_file.with_extension("pub"), keys.join("authorized_keys")).unwrap();
        NamespacedHost { running: None, _mounted: None, place }
    }

    /// The port of 127.0.0.1 behind which the host's SSH server is, across the host's only wire.
    pub fn port(&self) -> u16 {
        self.running().wire.port()
    }

    /// The private key that lets in as root.
    pub fn identity_file(&self) -> PathBuf {
        self.place.path().join("identity")
    }

    /// What the host says before its journal runs.
    pub fn console(&self) -> String {
        fs::read_to_string(self.place.path().join("console")).unwrap_or_default()
    }

    /// Boots what the host's menu says and waits until its systemd has started all.
    pub fn switch_on(&mut self) {
        assert!(self.running.is_none(), "the host is switched on already");
        let system = booted_by_default(self.place.path());
        let wire = wire::Wire::new();
        let cgroup = new_cgroup();
        let console = fs::File::create(self.place.path().join("console")).unwrap();
        let mut command = wire.command("sh");
        // From the group on, so that it is the root of all that the host sees.
        let enter = "echo $$ > \"$0/cgroup.procs\" && exec \"$@\"";
        command.arg("-c").arg(enter).arg(&cgroup).args(["setpriv", "--pdeathsig", "KILL"]);
        command.args(["unshare", "--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup"]);
        command
            .args(["--fork", "--kill-child", "sh", FIRST_STAGE])
            .arg(self.place.path())
            .arg(system)
            .arg(wire::HOST_END);
        command.stdin(Stdio::piped()).stdout(console.try_clone().unwrap()).stderr(console);
        let mut process = command.spawn().unwrap();
        let first = child_of(process.id());
        wire.plug_in(first);
        process.stdin.take().unwrap().write_all(b"\n").unwrap();
        let shell = Shell::new(entering(first));
        self.running = Some(Running { process, shell, cgroup, wire });
        self.wait_until_started();
    }

    fn wait_until_started(&mut self) {
        let begun = Instant::now();
        while !self.output("systemctl is-system-running").stdout.starts_with(b"running") {
            let state = self.output("systemctl is-system-running; systemctl --failed; systemctl list-jobs");
            let ended = self.running.as_mut().unwrap().process.try_wait().unwrap();
            assert!(
                ended.is_none() && begun.elapsed() < PATIENCE,
                "the host did not start: {ended:?}\n{}{}",
                String::from_utf8_lossy(&state.stdout),
                self.console()
            );
            sleep(Duration::from_millis(200));
        }
    }

    /// Takes the host's power away: no process of it runs one more instruction.
    pub fn cut_power(&mut self) {
        self.running = None;
    }

    fn running(&self) -> &Running {
        self.running.as_ref().expect("the host is switched off")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        // All processes of a PID namespace end with its first, some a little later.
        let begun = Instant::now();
        while remove_cgroup(&self.cgroup).is_err() && begun.elapsed() < Duration::from_secs(30) {
            sleep(Duration::from_millis(20));
        }
    }
}

/// The argument list that runs a shell command in all namespaces of a process.
fn entering(process: u32) -> Vec<String> {
    let target = process.to_string();
    let enter = ["nsenter", "--target", &target, "--all", "-S", "0", "-G", "0", "--", "/usr/bin/env", "-i"];
    let variables = ["PATH=/usr/sbin:/usr/bin:/run/current-system/sw/bin", "HOME=/root", "LC_ALL=C.UTF-8"];
    // The directory that this process is in is none of the host's.
    let shell = ["/bin/sh", "-c", "cd / && exec /bin/sh -c \"$0\""];
    enter.iter().chain(&variables).chain(&shell).map(|&part| part.to_owned()).collect()
}

/// The system of the menu's default entry, as systemd-boot finds it (the Boot Loader Specification), or of the profile.
fn booted_by_default(place: &Path) -> String {
    let value = |file: PathBuf, key: &str| {
        let text = fs::read_to_string(file).ok()?;
        text.lines().find_map(|line| line.strip_prefix(key).map(|value| value.trim().to_owned()))
    };
    let loader = place.join("root/boot/loader");
    let entry = value(loader.join("loader.conf"), "default ");
    let options = entry.and_then(|name| value(loader.join("entries").join(name), "options "));
    let init = options.and_then(|text| {
        text.split(' ').find_map(|word| Some(word.strip_prefix("init=")?.strip_suffix("/init")?.to_owned()))
    });
    init.unwrap_or_else(|| {
        let profiles = place.join("disk/nix/var/nix/profiles");
        let link = fs::read_link(profiles.join("system")).unwrap();
        fs::read_link(profiles.join(link)).unwrap().to_str().unwrap().to_owned()
    })
}

/// Enters the closure into the database of the host's Nix.
fn register(fleet: &Fleet, closure: &[String], disk: &Path) {
    let mut dump = fleet.nix_store().arg("--dump-db").args(closure).stdout(Stdio::piped()).spawn().unwrap();
    let mut load = Command::new("nix-store");
    load.args(["--store", &format!("local?root={}", disk.display()), "--load-db"]);
    succeed(load.stdin(dump.stdout.take().unwrap()));
    assert!(dump.wait().unwrap().success());
}

/// The process that `unshare` has forked.
fn child_of(process: u32) -> u32 {
    let begun = Instant::now();
    loop {
        let children =
            fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default();
        if let Ok(child) = children.trim().parse() {
            return child;
        }
        assert!(begun.elapsed() < PATIENCE, "there are no namespaces to have");
        sleep(Duration::from_millis(5));
    }
}

/// A group of its own right below the top, where groups may have processes and groups.
fn new_cgroup() -> PathBuf {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    // proc_pid_mountinfo(5): the fifth field is the place, the first after the dash the type.
    let top = mounts.lines().find_map(|line| {
        let (mount, source) = line.split_once(" - ")?;
        source.starts_with("cgroup2 ").then(|| mount.split(' ').nth(4))?
    });
    let top = Path::new(top.expect("no cgroup2 hierarchy is mounted on this machine"));
    let group = tempfile::Builder::new().prefix("hostwright-test-").tempdir_in(top).unwrap().keep();
    // Users of the host have groups of their own in it.
    fs::set_permissions(&group, fs::Permissions::from_mode(0o755)).unwrap();
    group
}

fn remove_cgroup(group: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(group)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_cgroup(&entry.path())?;
        }
    }
    fs::remove_dir(group)
}

/// What a command that must succeed prints.
fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
