//! A host that runs in QEMU under `hostwright vm`, reached with OpenSSH's client.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::fleet::Fleet;

/// Long enough for an emulated aarch64 machine on two busy processors.
const BOOT_TIMEOUT: Duration = Duration::from_secs(900);

/// Two emulated machines at once on two processors would only make both slow enough to miss their time-outs.
pub static ONE_MACHINE: Mutex<()> = Mutex::new(());

/// A running host.
pub struct Machine {
    program: Child,
    pub port: String,
    pub identity_file: PathBuf,
    state: PathBuf,
}

impl Machine {
    /// Boots the host from an unused disk and waits until SSH answers.
    pub fn start(fleet: &Fleet, host: &str) -> Machine {
        let state = fleet.store.with_file_name(format!("vm-{host}"));
        Machine::start_with(fleet, host, &state, &[])
    }

    /// As [`Machine::start`], with a state directory and further arguments of the program.
    pub fn start_with(fleet: &Fleet, host: &str, state: &Path, arguments: &[&str]) -> Machine {
        let timeout = BOOT_TIMEOUT.as_secs().to_string();
        let mut program = fleet
            .command()
            .args(["vm", &fleet.installable(host), "--fresh", "--json", "--boot-timeout", &timeout])
            .arg("--state")
            .arg(state)
            .args(arguments)
            // Whatever this machine has, the emulator is to come out of the fleet's pinned packages.
            .env("PATH", "")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(program.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Ok(reached) = serde_json::from_str::<Value>(&line) else {
            let _ = program.kill();
            panic!("hostwright vm did not reach {host}: {:?}, it printed {line:?}", program.wait());
        };
        Machine {
            program,
            port: reached["port"].to_string(),
            identity_file: PathBuf::from(reached["identityFile"].as_str().unwrap()),
            state: state.to_owned(),
        }
    }

    /// Uses another key from now on.
    pub fn with_key(mut self, identity_file: &Path) -> Machine {
        self.identity_file = identity_file.to_owned();
        self
    }

    /// Waits until SSH answers.
    pub fn wait(&self) {
        let begun = Instant::now();
        while !self.ssh("true").status.success() {
            assert!(begun.elapsed() < BOOT_TIMEOUT, "the host did not come up");
            sleep(Duration::from_secs(2));
        }
    }

    /// systemd has finished starting and nothing has failed.
    pub fn assert_healthy(&self) {
        let state = self.ssh("systemctl is-system-running --wait");
        let failed = self.run("systemctl --failed --no-legend --plain");
        let state = String::from_utf8_lossy(&state.stdout).trim().to_owned();
        assert_eq!(
            (state.as_str(), failed.as_str()),
            ("running", ""),
            "{}",
            self.run("journalctl -b -p warning")
        );
    }

    /// Runs a command on the host, which must succeed; its output without the last newline.
    pub fn run(&self, command: &str) -> String {
        let output = self.ssh(command);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}: {}\n{errors}", output.status);
        String::from_utf8(output.stdout).unwrap().trim_end_matches('\n').to_owned()
    }

    /// Runs a command on the host, however it ends: its status, and all that it said.
    pub fn attempt(&self, command: &str) -> (i32, String) {
        let output = self.ssh(&format!("({command}) 2>&1"));
        let status = output.status.code().unwrap_or(255);
        assert_ne!(status, 255, "ssh itself failed: {}", String::from_utf8_lossy(&output.stderr));
        (status, String::from_utf8(output.stdout).unwrap())
    }

    /// Whether a command fails on the host.
    pub fn fails(&self, command: &str) -> bool {
        let status = self.ssh(command).status.code();
        assert_ne!(status, Some(255), "ssh itself failed");
        status != Some(0)
    }

    /// A login without a key must be refused, with the server offering no other way than keys.
    pub fn assert_password_is_refused(&self) {
        let methods = "PreferredAuthentications=none,password,keyboard-interactive";
        let mut command = self.client();
        let output = command
            .args(["-o", "PubkeyAuthentication=no", "-o", methods, "root@127.0.0.1", "true"])
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "a login without a key succeeded");
        assert!(errors.contains("Permission denied (publickey)"), "{errors}");
    }

    /// What must stay the same for as long as the disk lives: public host keys and the machine id.
    pub fn identity(&self) -> String {
        self.run("cat /etc/machine-id /etc/ssh/ssh_host_*_key.pub")
    }

    /// Reboots the host and waits until it answers again.
    pub fn reboot(&self) {
        let boot = self.boot();
        self.ssh("systemctl reboot");
        self.wait_for_another_boot(&boot);
    }

    /// Presses the reset button: the host loses whatever is not on its disk.
    pub fn reset(&self) {
        let boot = self.boot();
        let stream = UnixStream::connect(self.state.join("qmp")).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut reader = BufReader::new(stream);
        // QEMU's docs/interop/qmp-spec: a greeting, and an answer to each command.
        let mut answer = String::new();
        reader.read_line(&mut answer).unwrap();
        for command in ["qmp_capabilities", "system_reset"] {
            writeln!(reader.get_mut(), "{{\"execute\":\"{command}\"}}").unwrap();
            answer.clear();
            reader.read_line(&mut answer).unwrap();
            assert!(!answer.contains("error"), "{answer}");
        }
        self.wait_for_another_boot(&boot);
    }

    /// Which boot of the host this is.
    pub fn boot(&self) -> String {
        self.run("cat /proc/sys/kernel/random/boot_id")
    }

    fn wait_for_another_boot(&self, boot: &str) {
        let begun = Instant::now();
        loop {
            let output = self.ssh("cat /proc/sys/kernel/random/boot_id");
            let now = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            if output.status.success() && now != boot {
                return;
            }
            assert!(begun.elapsed() < BOOT_TIMEOUT, "the host did not come back after a reboot");
            sleep(Duration::from_secs(2));
        }
    }

    /// Interrupts the program as Ctrl-C does; it must shut the host down and end by itself.
    pub fn stop(&mut self) {
        let pid = self.program.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        let begun = Instant::now();
        while self.program.try_wait().unwrap().is_none() {
            assert!(
                begun.elapsed() < Duration::from_secs(180),
                "hostwright vm did not end after an interrupt"
            );
            sleep(Duration::from_millis(200));
        }
    }

    fn ssh(&self, command: &str) -> Output {
        self.client().arg("-i").arg(&self.identity_file).args(["root@127.0.0.1", command]).output().unwrap()
    }

    fn client(&self) -> Command {
        let mut client = Command::new("ssh");
        client.args(["-F", "/dev/null", "-p", &self.port]);
        for option in [
            "BatchMode=yes",
            "IdentitiesOnly=yes",
            "StrictHostKeyChecking=no",
            "UserKnownHostsFile=/dev/null",
            "LogLevel=ERROR",
            "ConnectTimeout=30",
            "ServerAliveInterval=15",
        ] {
            client.args(["-o", option]);
        }
        client.stdin(Stdio::null());
        client
    }
}

impl Drop for Machine {
    /// A failed assertion must not leave an emulator behind: the program ends it when it is told to end.
    fn drop(&mut self) {
        if let Ok(None) = self.program.try_wait() {
            let pid = self.program.id().to_string();
            let _ = Command::new("kill").args(["-TERM", &pid]).status();
            let begun = Instant::now();
            while matches!(self.program.try_wait(), Ok(None)) && begun.elapsed() < Duration::from_secs(60) {
                sleep(Duration::from_millis(200));
            }
            let _ = self.program.kill();
            let _ = self.program.wait();
        }
    }
}
