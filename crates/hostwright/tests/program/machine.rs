//! A host that runs in QEMU under `hostwright vm`, reached with OpenSSH's client.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::ops::Deref;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::fleet::Fleet;
use crate::shell::Shell;

/// Long enough for an emulated aarch64 machine on two busy processors.
const BOOT_TIMEOUT: Duration = Duration::from_secs(900);

/// Two emulated machines at once on two processors would only make both slow enough to miss their time-outs.
pub static ONE_MACHINE: Mutex<()> = Mutex::new(());

/// A running host.
pub struct Machine {
    program: Child,
    pub port: String,
    pub identity_file: PathBuf,
    shell: Shell,
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
        fs::create_dir_all(state).unwrap();
        let said = state.join("said");
        let mut program = fleet
            .command()
            .args(["vm", &fleet.installable(host), "--fresh", "--json", "--boot-timeout", &timeout])
            .arg("--state")
            .arg(state)
            .args(arguments)
            // Whatever this machine has, the emulator is to come out of the fleet's pinned packages.
            .env("PATH", "")
            .stdout(Stdio::piped())
            .stderr(fs::File::create(&said).unwrap())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(program.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Ok(reached) = serde_json::from_str::<Value>(&line) else {
            let _ = program.kill();
            let status = program.wait().unwrap();
            panic!(
                "hostwright vm did not reach {host}: {status}, it printed {line:?} and said:\n{}",
                fs::read_to_string(&said).unwrap()
            );
        };
        let port = reached["port"].to_string();
        let identity_file = PathBuf::from(reached["identityFile"].as_str().unwrap());
        let shell = login(&port, &identity_file);
        Machine { program, port, identity_file, shell, state: state.to_owned() }
    }

    /// A machine that an emulator runs already; whatever port it forwards leads to SSH.
    pub fn of(program: Child, identity_file: &Path, state: &Path) -> Machine {
        let question =
            json!({ "execute": "human-monitor-command", "arguments": { "command-line": "info usernet" } });
        let connections = control(state, &[question]);
        let forwarded =
            connections["return"].as_str().unwrap().lines().find(|line| line.contains("HOST_FORWARD"));
        let port = forwarded.map_or("0", |line| line.split_whitespace().nth(3).unwrap()).to_owned();
        let (identity_file, state) = (identity_file.to_owned(), state.to_owned());
        let shell = login(&port, &identity_file);
        Machine { program, port, identity_file, shell, state }
    }

    /// Takes the power away.
    pub fn kill(&mut self) {
        self.program.kill().unwrap();
        self.program.wait().unwrap();
    }

    /// Uses another key from now on.
    pub fn with_key(mut self, identity_file: &Path) -> Machine {
        self.identity_file = identity_file.to_owned();
        self.shell = login(&self.port, identity_file);
        self
    }

    /// Waits until SSH answers.
    pub fn wait(&self) {
        let begun = Instant::now();
        while !self.output("true").status.success() {
            assert!(begun.elapsed() < BOOT_TIMEOUT, "the host did not come up");
            sleep(Duration::from_secs(2));
        }
    }

    /// A login without a key must be refused, with the server offering no other way than keys.
    pub fn assert_password_is_refused(&self) {
        let methods = "PreferredAuthentications=none,password,keyboard-interactive";
        let client = client(&self.port);
        let output = Command::new(&client[0])
            .args(&client[1..])
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
        self.output("systemctl reboot");
        self.wait_for_another_boot(&boot);
    }

    /// Presses the reset button: the host loses whatever is not on its disk.
    pub fn reset(&self) {
        let boot = self.boot();
        self.press_reset();
        self.wait_for_another_boot(&boot);
    }

    /// The same, at whatever moment of a boot, and without waiting.
    pub fn press_reset(&self) {
        control(&self.state, &[json!({ "execute": "system_reset" })]);
    }

    /// Keeps the disk as it would be if the power went now: what the host writes later goes to a new file. Gives the file
    /// that has been written until now, the files of moments before and the image beneath it.
    pub fn keep_disk(&self, number: usize) -> PathBuf {
        let file = |number: usize| match number {
            0 => self.state.join("disk.qcow2"),
            _ => self.state.join(format!("disk-{number}.qcow2")),
        };
        let arguments = json!({ "device": "disk", "snapshot-file": file(number + 1), "format": "qcow2" });
        control(&self.state, &[json!({ "execute": "blockdev-snapshot-sync", "arguments": arguments })]);
        file(number)
    }

    /// Which boot of the host this is.
    pub fn boot(&self) -> String {
        self.run("cat /proc/sys/kernel/random/boot_id")
    }

    fn wait_for_another_boot(&self, boot: &str) {
        let begun = Instant::now();
        loop {
            let output = self.output("cat /proc/sys/kernel/random/boot_id");
            let now = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            if output.status.success() && now != boot {
                return;
            }
            assert!(begun.elapsed() < BOOT_TIMEOUT, "the host did not come back after a reboot");
            sleep(Duration::from_secs(2));
        }
    }

    /// Switches the host off from within; the program ends with it. Hosts that U-Boot has started do not heed the
    /// button that the program presses, which then waits a minute and a half before it takes their power away.
    pub fn power_off(&mut self) {
        self.output("systemctl poweroff");
        self.wait_for_end();
    }

    /// Interrupts the program as Ctrl-C does; it must shut the host down and end by itself.
    pub fn stop(&mut self) {
        let pid = self.program.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        self.wait_for_end();
    }

    fn wait_for_end(&mut self) {
        let begun = Instant::now();
        while self.program.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < Duration::from_secs(180), "hostwright vm did not end");
            sleep(Duration::from_millis(200));
        }
    }
}

impl Deref for Machine {
    type Target = Shell;

    fn deref(&self) -> &Shell {
        &self.shell
    }
}

/// Has the emulator of a state directory carry out commands (QEMU's docs/interop/qmp-spec: a greeting, and an answer to
/// each command); gives the last answer.
fn control(state: &Path, commands: &[Value]) -> Value {
    let begun = Instant::now();
    let stream = loop {
        match UnixStream::connect(state.join("qmp")) {
            Ok(stream) => break stream,
            Err(error) => assert!(begun.elapsed() < Duration::from_secs(60), "no emulator: {error}"),
        }
        sleep(Duration::from_millis(100));
    };
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut reader = BufReader::new(stream);
    let mut answer = String::new();
    reader.read_line(&mut answer).unwrap();
    for command in [&[json!({ "execute": "qmp_capabilities" })], commands].concat() {
        writeln!(reader.get_mut(), "{command}").unwrap();
        answer.clear();
        // Events come in between.
        while !answer.contains("\"return\"") {
            answer.clear();
            assert!(reader.read_line(&mut answer).unwrap() > 0 && !answer.contains("\"error\""), "{answer}");
        }
    }
    serde_json::from_str(&answer).unwrap()
}

/// The client of a host that listens on a port of this machine, without the user's own settings.
pub fn client(port: &str) -> Vec<String> {
    let mut client: Vec<String> = ["ssh", "-n", "-F", "/dev/null", "-p", port].map(str::to_owned).to_vec();
    for option in [
        "BatchMode=yes",
        "IdentitiesOnly=yes",
        "StrictHostKeyChecking=no",
        "UserKnownHostsFile=/dev/null",
        "LogLevel=ERROR",
        "ConnectTimeout=30",
        "ServerAliveInterval=15",
    ] {
        client.extend(["-o".to_owned(), option.to_owned()]);
    }
    client
}

/// Root's shell behind a port.
pub fn login(port: &str, identity_file: &Path) -> Shell {
    let key = ["-i", identity_file.to_str().unwrap(), "root@127.0.0.1"].map(str::to_owned);
    Shell::new(client(port).into_iter().chain(key))
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
