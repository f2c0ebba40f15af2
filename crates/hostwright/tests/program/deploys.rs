//! A host that runs is changed over SSH, and comes back by itself whenever the change was bad.

use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::PoisonError;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::cards::key;
use crate::fleet::{Fleet, Run};
use crate::machine::{Machine, ONE_MACHINE};
use crate::namespaces::NamespacedHost;
use crate::shell::Shell;

/// Long enough for an emulated machine on a busy processor to go there and back.
const PATIENCE: Duration = Duration::from_secs(900);

/// Made by mkpasswd from "first light".
const PASSWORD: &str =
    "$6$firstlight$lWDV/PVcTYBvclEwVnWKZxBMeL2l41dLObt7G5by9y0HM2TWO6PTGVwq56jMX1DmSUWuCqo6tQcUVm95k3usk1";

/// A host of a fleet, wherever it runs, and what it is to become.
struct Deployed<H> {
    fleet: Fleet,
    machine: H,
    port: String,
    identity_file: PathBuf,
    state: tempfile::TempDir,
}

impl Deployed<Machine> {
    fn in_qemu(place: &Path) -> Self {
        let fleet = Fleet::first_light().with_mistake(place, "{ }");
        let machine = Machine::start(&fleet, "alpha");
        let (port, identity_file) = (machine.port.clone(), machine.identity_file.clone());
        let state = tempfile::tempdir().unwrap();
        Deployed { fleet, machine, port, identity_file, state }
    }
}

impl Deployed<NamespacedHost> {
    fn in_namespaces(place: &Path) -> Self {
        let fleet = Fleet::switching().with_module(place, "host", "{ }");
        let machine = NamespacedHost::start(&fleet, "switcher");
        let (port, identity_file) = (machine.port().to_string(), machine.identity_file());
        let state = tempfile::tempdir().unwrap();
        Deployed { fleet, machine, port, identity_file, state }
    }
}

impl<H: Deref<Target = Shell>> Deployed<H> {
    /// Gives the host's configuration one more definition.
    fn define(&self, definition: &str) {
        let module = format!(
            "{{ lib, ... }}: {{
              deployment = {{
                targetHost = \"127.0.0.1\";
                targetPort = {};
                tags = [ \"deployed\" ];
                sshOptions = [ \"-F\" \"none\" \"-i\" \"{}\" \"-o\" \"IdentitiesOnly=yes\" ];
              }};
              {definition}
            }}",
            self.port,
            self.identity_file.display()
        );
        fs::write(self.fleet.directory.join("mistake.nix"), module).unwrap();
    }

    fn command(&self, verb: &[&str], arguments: &[&str]) -> Command {
        let mut command = self.fleet.command();
        command.args(verb).arg(self.fleet.reference()).args(arguments);
        // Logins of an emulated machine take longer than those of others.
        command.args(["--on", "@deployed", "--connect-timeout", "60"]);
        command.env("XDG_STATE_HOME", self.state.path());
        command
    }

    fn run(&self, verb: &[&str], arguments: &[&str]) -> (Run, Value) {
        let run = Run::of(self.command(verb, arguments));
        let line = run.stdout.lines().next().unwrap_or_default().to_owned();
        let report = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line:?}\n{}", run.stderr));
        (run, report)
    }

    fn apply(&self, arguments: &[&str]) -> (Run, Value) {
        let (run, report) = self.run(&["apply", "switch"], &[&["--json"], arguments].concat());
        eprintln!("{report}");
        if report["outcome"] != "applied" {
            eprintln!(
                "{}",
                fs::read_to_string(report["log"].as_str().unwrap_or_default()).unwrap_or_default()
            );
        }
        (run, report)
    }

    /// What runs, what boots, and what the host has of the last definition.
    fn generation(&self) -> (String, String, String) {
        let read = |command: &str| self.machine.run(command);
        (
            read("readlink -f /run/current-system"),
            read("readlink -f /nix/var/nix/profiles/system"),
            read("cat /etc/deployed 2>/dev/null || true"),
        )
    }

    fn assert_rolled_back(&self, before: &(String, String, String), run: &Run, report: &Value, why: &str) {
        assert_eq!(run.status, Some(9), "{}", run.stderr);
        assert_eq!(report["outcome"], "rolled-back", "{report}");
        assert!(report["reason"].as_str().unwrap().contains(why), "{report}");
        assert_eq!(self.generation(), *before);
        self.machine.assert_healthy();
    }
}

#[test]
fn a_host_is_changed_while_it_runs_and_comes_back_by_itself() {
    let place = tempfile::tempdir().unwrap();
    let host = Deployed::in_namespaces(place.path());
    host.machine.assert_healthy();

    let journal = "systemctl show -P MainPID systemd-journald.service";
    let untouched = host.machine.run(journal);
    host.define("environment.etc.deployed.text = \"one\";");
    let (run, report) = host.apply(&[]);
    assert_eq!((run.status, &report["outcome"]), (Some(0), &Value::from("applied")), "{}", run.stderr);
    let first = host.generation();
    assert_eq!((&first.0, first.2.as_str()), (&first.1, "one"));
    assert_eq!(report["new"], first.0.as_str());
    assert_eq!(host.machine.run(journal), untouched, "a service that did not change was restarted");

    a_secret_is_waited_for_and_a_password_asked_once(&host);

    host.define("environment.etc.deployed.text = \"two\";");
    let (run, report) = host.apply(&[]);
    assert_eq!(report["outcome"], "applied", "{}", run.stderr);
    assert_eq!(host.generation().2, "two");
    let sent = report["bytesSent"].as_u64().unwrap();
    assert!((1..200_000).contains(&sent), "{sent} bytes for a line of text");
    let (_, report) = host.apply(&[]);
    assert_eq!(report["outcome"], "unchanged");

    let before = host.generation();
    host.define(
        "environment.etc.deployed.text = \"three\";
         systemd.services.broken = { wantedBy = [ \"multi-user.target\" ]; serviceConfig.ExecStart = \"/bin/false\"; };",
    );
    let (run, report) = host.apply(&[]);
    host.assert_rolled_back(&before, &run, &report, "broken.service");

    // Nobody can log in any more, and nobody can say so.
    host.define("environment.etc.deployed.text = \"five\"; services.openssh.enable = lib.mkForce false;");
    let (run, report) = host.apply(&["--confirm-timeout", "15"]);
    host.assert_rolled_back(&before, &run, &report, "nobody confirmed it within 15 s");
    for locking in [
        "networking.firewall.enable = lib.mkForce true; services.openssh.openFirewall = lib.mkForce false;",
        "systemd.network.networks.\"10-wire\".address = [ \"198.51.100.2/24\" ];",
    ] {
        host.define(&format!("environment.etc.deployed.text = \"locked\"; {locking}"));
        let (run, report) = host.apply(&["--confirm-timeout", "15"]);
        host.assert_rolled_back(&before, &run, &report, "nobody confirmed it within 15 s");
    }

    killed_client(&host, &before);
}

/// A service requires a secret, and who deploys is not root.
fn a_secret_is_waited_for_and_a_password_asked_once(host: &Deployed<NamespacedHost>) {
    let key = Command::new("ssh-keygen").arg("-yf").arg(&host.identity_file).output().unwrap();
    let key = String::from_utf8(key.stdout).unwrap();
    let user = format!(
        "users.users.ada = {{
           isNormalUser = true;
           extraGroups = [ \"wheel\" ];
           hashedPassword = \"{PASSWORD}\";
           openssh.authorizedKeys.keys = [ \"{}\" ];
         }};",
        key.trim()
    );
    let secret = "deployment.keys.token = { keyCommand = [ \"echo\" \"known-to-ada-alone\" ]; group = \"keys\"; };
         systemd.services.reader = {
           wantedBy = [ \"multi-user.target\" ];
           requires = [ \"token-key.service\" ];
           after = [ \"token-key.service\" ];
           serviceConfig = { Type = \"oneshot\"; RemainAfterExit = true; ExecStart = \"/bin/cp /run/keys/token /run/read\"; };
         };";
    host.define(&format!("environment.etc.deployed.text = \"seven\"; {user} {secret}"));
    let (run, report) = host.apply(&[]);
    assert_eq!(report["outcome"], "applied", "{}", run.stderr);
    assert_eq!(
        host.machine.run("cat /run/read; stat -c '%a %G' /run/keys/token"),
        "known-to-ada-alone\n600 keys"
    );
    host.machine.run("systemctl is-active token-key.service reader.service");
    assert!(
        host.machine.fails("grep -rq known-to-ada-alone /nix/store /etc"),
        "the secret is in a file of the system"
    );

    host.define(&format!(
        "environment.etc.deployed.text = \"eight\"; {user} {secret} deployment.targetUser = \"ada\";"
    ));
    let (run, report) = host.apply(&[]);
    assert_eq!(run.status, Some(9), "{}", run.stderr);
    assert!(report["reason"].as_str().unwrap().contains("cannot become root"), "{report}");
    let asks = host.command(&["apply", "switch"], &["--json", "--ask-sudo-password"]);
    // Without a terminal, the password comes on standard input.
    let mut command = Command::new("setsid");
    command.arg("--wait").arg(asks.get_program()).args(asks.get_args());
    command.envs(asks.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"first light\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(host.generation().2, "eight");
    assert!(!said.contains("first light") && host.machine.fails("pgrep -af 'first light' | grep -v pgrep"));
}

/// The other kernel's parameters are tried once; what was before is a rollback away.
#[test]
fn a_restart_is_a_trial_and_a_rollback_the_way_back() {
    let place = tempfile::tempdir().unwrap();
    let _turn = ONE_MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut host = Deployed::in_qemu(place.path());
    host.machine.assert_healthy();
    let before = host.generation();
    host.define("environment.etc.deployed.text = \"nine\"; boot.kernelParams = [ \"deployed=nine\" ];");
    let (run, report) = host.run(&["diff"], &["--json"]);
    assert_eq!((run.status, &report["needsReboot"]), (Some(0), &true.into()), "{}", run.stderr);
    let (run, report) = host.apply(&["--reboot"]);
    assert_eq!(report["outcome"], "applied", "{}", run.stderr);
    // The tree of /etc is made on the host out of the one before.
    assert!(report["bytesSent"].as_u64().unwrap() > 0, "{report}");
    assert!(report["copied"]["rebuilt"].as_u64().unwrap() >= 1, "{report}");
    host.machine.run("nix-store --verify-path $(nix-store -qR /run/current-system | grep -e -etc$)");
    host.machine.run("grep -w deployed=nine /proc/cmdline");
    let nine = host.generation();
    assert_eq!((&nine.0, nine.2.as_str()), (&nine.1, "nine"));

    let (run, report) = host.run(&["rollback"], &["--json"]);
    assert_eq!((run.status, &report["outcome"]), (Some(0), &"applied".into()), "{}", run.stderr);
    assert_eq!(host.generation(), before);
    let (_, report) = host.run(&["status"], &["--json"]);
    assert_eq!((&report["bootedOther"], &report["drifted"]), (&true.into(), &false.into()), "{report}");
    let (_, report) = host.run(&["generations"], &["--json"]);
    let all = report["generations"].as_array().unwrap();
    let marked = |mark: &str| all.iter().find(|one| one[mark] == true).unwrap()["path"].as_str().unwrap();
    assert_eq!((marked("booted"), marked("current")), (nine.0.as_str(), before.0.as_str()));

    let one = |verb: &[&str], rest: &[&str]| {
        let mut command = host.fleet.command();
        command.args(verb).args(rest).env("XDG_STATE_HOME", host.state.path());
        let run = Run::of(command);
        assert_eq!(run.status, Some(0), "{}", run.stderr);
        run.stdout
    };
    let alpha = host.fleet.installable("alpha");
    assert_eq!(one(&["ssh", &alpha], &["hostname"]), "alpha\n");
    assert!(one(&["logs", &alpha], &["-b", "-u", "hostwright-switch"]).contains("applied"));
    let mut exec = host.fleet.command();
    exec.args(["exec", "--flake", &host.fleet.reference(), "--on", "@deployed", "--root", "--", "id -u"]);
    exec.env("XDG_STATE_HOME", host.state.path());
    let run = Run::of(exec);
    assert_eq!((run.status, run.stdout.as_str()), (Some(0), "alpha| 0\n"), "{}", run.stderr);
    host.machine.stop();
}

/// A client that is gone confirms nothing.
fn killed_client(host: &Deployed<NamespacedHost>, before: &(String, String, String)) {
    host.define("environment.etc.deployed.text = \"six\"; deployment.healthChecks.command.slow = { command = \"sleep 600\"; from = \"client\"; };");
    let mut client = host
        .command(&["apply"], &["--confirm-timeout", "20"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while host.machine.fails("grep -qx phase=waiting /run/hostwright/state") {
        assert!(begun.elapsed() < PATIENCE, "the switch never waited to be confirmed");
        sleep(Duration::from_secs(1));
    }
    client.kill().unwrap();
    client.wait().unwrap();
    let killed = Instant::now();
    let last = loop {
        let (_, report) = host.run(&["status"], &["--json"]);
        if report["lastSwitch"]["outcome"] != "under-way" {
            break report;
        }
        assert!(killed.elapsed() < PATIENCE, "the host did not come back: {report}");
        sleep(Duration::from_secs(1));
    };
    assert_eq!(last["lastSwitch"]["outcome"], "rolled-back", "{last}");
    assert_eq!(host.generation(), *before);
}

/// A hive as colmena has it: tags, defaults and special arguments count, and a host that does not answer is one line.
#[test]
fn nodes_of_a_hive_are_hosts() {
    let place = tempfile::tempdir().unwrap();
    let fleet = Fleet::first_light().with_mistake(place.path(), "{ }");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let flake = format!(
        "{{
          inputs.nixpkgs.url = \"hostwright:debian\";
          outputs = {{ nixpkgs, ... }}: {{
            colmena = {{
              meta.nixpkgs = import nixpkgs {{ system = \"x86_64-linux\"; }};
              meta.specialArgs.address = \"127.0.0.1\";
              defaults = {{ name, nodes, address, ... }}: {{
                deployment.targetHost = address;
                deployment.targetPort = {port};
                deployment.tags = [ name ] ++ builtins.attrNames nodes;
                deployment.sshOptions = [ \"-F\" \"none\" ];
              }};
              web = {{ }};
              db = {{ deployment.targetUser = \"ops\"; }};
            }};
          }};
        }}"
    );
    fs::write(fleet.directory.join("flake.nix"), &flake).unwrap();
    let asked = |on: &str| {
        let mut command = fleet.command();
        command.args(["status", &fleet.reference(), "--json", "--on", on, "--connect-timeout", "5"]);
        command.env("XDG_STATE_HOME", place.path().join("state"));
        Run::of(command)
    };
    let all = asked("@db");
    assert_eq!((all.status, all.stdout.lines().count()), (Some(9), 2), "{}", all.stderr);
    let one = asked("*,!web");
    let host: Value = serde_json::from_str(&one.stdout).unwrap();
    assert_eq!((&host["host"], &host["reachable"]), (&"db".into(), &false.into()));
    let error = host["error"].as_str().unwrap();
    assert!(error.starts_with(&format!("ops@127.0.0.1:{port} does not answer")), "{error}");
    // The same hive as a file, whose <nixpkgs> is the base where nobody has another.
    let file = place.path().join("hive.nix");
    let hive =
        flake.split("colmena = ").nth(1).and_then(|rest| rest.split("};\n          };").next()).unwrap();
    let hive = hive.replace("import nixpkgs { system = \"x86_64-linux\"; }", "<nixpkgs>");
    fs::write(&file, format!("{hive}}}")).unwrap();
    fs::copy(fleet.lock_file(), place.path().join("debian.lock")).unwrap();
    let mut command = fleet.command();
    command.args(["status", "--json", "--connect-timeout", "5", "--on", "web", "-f"]).arg(&file);
    command.env("NIX_PATH", "").env("XDG_STATE_HOME", place.path().join("state"));
    let of_file = Run::of(command);
    let host: Value = serde_json::from_str(&of_file.stdout).unwrap_or_else(|_| panic!("{}", of_file.stderr));
    assert!(host["error"].as_str().unwrap().contains(&format!("127.0.0.1:{port} does not answer")), "{host}");
    let nobody = asked("nobody");
    nobody.fails_with(2, &["'nobody' selects none of the hosts db, web"]);
}

/// A key that is not the pinned one stops a host, and is explained.
#[test]
fn a_changed_host_key_stops_a_deployment() {
    let place = tempfile::tempdir().unwrap();
    let server = Sshd::start(place.path());
    let known_hosts = place.path().join("known_hosts");
    let address = |options: &[&str]| {
        let mut command = Command::new("ssh");
        command
            .args(["-F", "none", "-p", &server.port.to_string(), "-o", "BatchMode=yes"])
            .args(["-o", "StrictHostKeyChecking=accept-new", "-o", "IdentitiesOnly=yes"])
            .args(["-o", &format!("UserKnownHostsFile={}", known_hosts.display())])
            .args(options)
            .args(["127.0.0.1", "true"]);
        Run::of(command)
    };
    let first = address(&[]);
    assert!(first.stderr.contains("Permission denied"), "nobody has a key: {}", first.stderr);
    let key = fs::read_to_string(&known_hosts).unwrap();
    let other = fs::read_to_string(place.path().join("other.pub")).unwrap();
    let fields: Vec<&str> = other.split_whitespace().collect();
    let pinned = format!("{} {} {}\n", key.split_whitespace().next().unwrap(), fields[0], fields[1]);
    fs::write(&known_hosts, pinned).unwrap();

    let options = ["-F", "none"].map(str::to_owned).to_vec();
    let deployment = deploy::Deployment {
        target_port: Some(server.port),
        ssh_options: options,
        ..deploy::Deployment::of_host("127.0.0.1")
    };
    let settings = deploy::SshSettings {
        known_hosts: known_hosts.clone(),
        more_known_hosts: Vec::new(),
        may_ask: false,
        patience: Duration::from_secs(20),
        options: Vec::new(),
    };
    let address = deploy::SshAddress::of("web", &deployment).unwrap();
    match deploy::Connection::open(&address, &settings) {
        Err(error @ deploy::Error::HostKeyChanged { .. }) => {
            assert!(error.advice().unwrap().contains(&known_hosts.display().to_string()));
        }
        other => panic!("{:?}", other.map(|_| "connected")),
    }
}

/// A server that lets nobody in.
struct Sshd {
    port: u16,
    process: std::process::Child,
}

impl Sshd {
    fn start(place: &Path) -> Sshd {
        for name in ["key", "other"] {
            key(place, name);
        }
        // Where Debian's server keeps its privileges apart.
        let _ = fs::create_dir_all("/run/sshd");
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f", "/dev/null", "-o", "AuthorizedKeysFile=none", "-o", "PidFile=none"])
            .args(["-o", "ListenAddress=127.0.0.1", "-o", "PasswordAuthentication=no", "-o", "UsePAM=no"])
            .arg("-o")
            .arg(format!("HostKey={}", place.join("key").display()))
            .args(["-p", &port.to_string()])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(30), "sshd did not start");
            sleep(Duration::from_millis(50));
        }
        Sshd { port, process }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
