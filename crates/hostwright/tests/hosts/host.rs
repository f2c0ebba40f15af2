//! Hosts that are namespaces of this machine: each has a store with the real Nix, a server for SSH, and programs that do as
//! much of systemd's work as deploying asks for. They start in a moment, so that there can be many, and all can die.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Longer than anything takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(120);

const ENTER: &str = include_str!("programs/enter.sh");

/// A host that runs until it is dropped.
pub struct Host {
    pub name: String,
    pub address: String,
    pub port: u16,
    pub directory: PathBuf,
    process: Child,
}

impl Host {
    /// Starts the host with the number `number` below `place`.
    pub fn start(place: &Path, name: &str, number: usize, keys: &Keys) -> Host {
        let directory = place.join("hosts").join(name);
        let store = ["nix/store", "nix/var/nix/db", "nix/var/nix/gcroots", "nix/var/nix/profiles"];
        for part in store.iter().chain(&["lib", "etc", "home", "run/sshd", "run/wrappers/bin"]) {
            fs::create_dir_all(directory.join(part)).unwrap();
        }
        fs::write(directory.join("etc/nix.conf"), "build-users-group =\nsandbox = false\n").unwrap();
        for (program, text) in [
            ("systemctl", include_str!("programs/systemctl")),
            ("systemd-run", include_str!("programs/systemd-run")),
        ] {
            let file = directory.join("run/wrappers/bin").join(program);
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        }
        fs::write(directory.join("boot_id"), format!("boot-1-of-{name}\n")).unwrap();
        fs::copy(keys.client.with_extension("pub"), directory.join("run/authorized_keys")).unwrap();
        // Every number below 250 and every hundredth above it has an address of its own.
        let address = format!("127.0.{}.{}", 10 + number / 250, 1 + number % 250);
        let port = free_port(&address);
        let process = Self::process(&directory, &address, port, keys);
        let host = Host { name: name.to_owned(), address, port, directory, process };
        host.wait();
        host
    }

    fn process(directory: &Path, address: &str, port: u16, keys: &Keys) -> Child {
        Command::new("unshare")
            .args(["--mount", "--pid", "--mount-proc", "--fork", "--kill-child"])
            .args(["sh", "-c", ENTER, "sh"])
            .arg(directory)
            .arg(address)
            .arg(port.to_string())
            .arg(&keys.host)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(directory.join("sshd.log")).unwrap())
            .process_group(0)
            .spawn()
            .unwrap()
    }

    fn wait(&self) {
        let begun = Instant::now();
        while TcpStream::connect((self.address.as_str(), self.port)).is_err() {
            let said = fs::read_to_string(self.directory.join("sshd.log")).unwrap();
            assert!(begun.elapsed() < PATIENCE, "the server of {} did not start: {said}", self.name);
            sleep(Duration::from_millis(20));
        }
    }

    /// Switches it off.
    pub fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        // The kernel ends all its processes with it, in a moment.
        let begun = Instant::now();
        while TcpStream::connect((self.address.as_str(), self.port)).is_ok() && begun.elapsed() < PATIENCE {
            sleep(Duration::from_millis(5));
        }
    }

    /// Switches it on again, with another host key if `keys` say so.
    pub fn restart(&mut self, keys: &Keys) {
        self.kill();
        fs::write(self.directory.join("boot_id"), format!("another boot of {}\n", self.name)).unwrap();
        self.process = Self::process(&self.directory, &self.address, self.port, keys);
        self.wait();
    }

    /// What a boot makes of what was in memory while it was off.
    pub fn boots(&self) {
        let run = self.directory.join("run");
        for gone in ["deployed", "failed", "hostwright-switch", "current-system"] {
            let _ = fs::remove_file(run.join(gone));
        }
        let _ = fs::remove_dir_all(run.join("hostwright"));
        for link in ["current-system", "booted-system"] {
            let _ = fs::remove_file(run.join(link));
            symlink(self.profile(), run.join(link)).unwrap();
        }
    }

    /// A file of the host.
    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.directory.join(file)).unwrap_or_default()
    }

    /// What the last generation that was activated has of its own.
    pub fn deployed(&self) -> String {
        self.read("run/deployed")
    }

    /// The target of a link.
    pub fn link(&self, file: &str) -> String {
        let target = fs::read_link(self.directory.join(file)).unwrap_or_default();
        target.into_os_string().into_string().unwrap()
    }

    /// The generation of the system profile.
    pub fn profile(&self) -> String {
        self.link(&format!("nix/var/nix/profiles/{}", self.link("nix/var/nix/profiles/system")))
    }

    /// Whether a switch is under way.
    pub fn is_switching(&self) -> bool {
        let lock = self.directory.join("run/hostwright-switch");
        lock.exists() && !Command::new("flock").arg("-n").arg(lock).arg("true").status().unwrap().success()
    }

    /// Waits until no switch is under way.
    pub fn settle(&self) {
        let begun = Instant::now();
        while self.is_switching() {
            assert!(begun.elapsed() < PATIENCE, "{} does not settle", self.name);
            sleep(Duration::from_millis(50));
        }
    }

    /// Runs a command inside, as who sits at its console.
    pub fn console(&self, command: &str) -> Output {
        let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", self.process.id())).unwrap();
        let inside = children.split_whitespace().next().unwrap().to_owned();
        Command::new("nsenter")
            .args(["--target", &inside, "--mount", "--pid"])
            .args(["env", "NIX_REMOTE=local"])
            .arg(format!("NIX_CONF_DIR={}", self.directory.join("etc").display()))
            .arg(format!("HOME={}", self.directory.join("home").display()))
            .args(["sh", "-c", command])
            .output()
            .unwrap()
    }

    /// As [`Host::console`] for a command that must succeed; what it printed.
    pub fn run(&self, command: &str) -> String {
        let output = self.console(command);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {command}: {said}", self.name);
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.kill();
    }
}

fn free_port(address: &str) -> u16 {
    std::net::TcpListener::bind((address, 0)).unwrap().local_addr().unwrap().port()
}

/// The client's key, and that of all hosts.
#[derive(Clone)]
pub struct Keys {
    pub client: PathBuf,
    pub host: PathBuf,
    pub other_host: PathBuf,
}

impl Keys {
    pub fn make(place: &Path) -> Keys {
        let make = |name: &str| {
            let file = place.join(name);
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(&file)
                .status()
                .unwrap();
            assert!(made.success());
            file
        };
        Keys { client: make("client-key"), host: make("host-key"), other_host: make("other-host-key") }
    }
}
