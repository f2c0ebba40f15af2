//! A fleet of such hosts, and the program that deploys to it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::host::{Host, Keys};

/// How a run of the program ended.
pub struct Run {
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    pub fn of(command: &mut Command) -> Run {
        let output = command.output().unwrap();
        Run {
            status: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The lines of JSON that it printed, by host.
    pub fn reports(&self) -> BTreeMap<String, Value> {
        let lines = self.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.map(|line| (line["host"].as_str().unwrap().to_owned(), line)).collect()
    }
}

/// A flake, its hosts, and where the program keeps what it knows.
pub struct Fleet {
    pub hosts: BTreeMap<String, Host>,
    pub keys: Keys,
    pub place: TempDir,
    settings: BTreeMap<String, Map<String, Value>>,
}

impl Fleet {
    /// Starts hosts of these names.
    pub fn start(names: &[&str]) -> Fleet {
        let place = tempfile::Builder::new().prefix("hosts-").tempdir().unwrap();
        let keys = Keys::make(place.path());
        let started = names.iter().enumerate();
        let hosts: BTreeMap<String, Host> = started
            .map(|(number, name)| ((*name).to_owned(), Host::start(place.path(), name, number, &keys)))
            .collect();
        let mut fleet = Fleet { hosts, keys, place, settings: BTreeMap::new() };
        fs::create_dir(fleet.directory()).unwrap();
        for (file, text) in [
            ("flake.nix", include_str!("programs/flake.nix")),
            ("switch-to-configuration", include_str!("programs/switch-to-configuration")),
        ] {
            fs::write(fleet.directory().join(file), text).unwrap();
        }
        for name in names {
            let host = &fleet.hosts[*name];
            let deployment = json!({
                "targetHost": host.address,
                "targetPort": host.port,
                "tags": ["all"],
                "sshOptions": ["-F", "none", "-i", fleet.keys.client, "-o", "IdentitiesOnly=yes"],
            });
            let settings = json!({
                "deployment": deployment, "deployed": "first", "failed": "", "version": "1.0", "seed": "", "size": 64,
                "kernel": "1", "scripts": {},
            });
            let Value::Object(settings) = settings else { unreachable!() };
            fleet.settings.insert((*name).to_owned(), settings);
        }
        fleet.write();
        fleet
    }

    /// The flake.
    pub fn directory(&self) -> PathBuf {
        self.place.path().join("fleet")
    }

    pub fn host(&self, name: &str) -> &Host {
        &self.hosts[name]
    }

    /// Sets something of a host.
    pub fn set(&mut self, host: &str, name: &str, value: Value) -> &mut Self {
        self.settings.get_mut(host).unwrap().insert(name.to_owned(), value);
        self.write();
        self
    }

    /// Sets an option of `deployment` of a host.
    pub fn deployment(&mut self, host: &str, option: &str, value: Value) -> &mut Self {
        self.settings.get_mut(host).unwrap()["deployment"][option] = value;
        self.write();
        self
    }

    /// Sets something of all hosts.
    pub fn set_all(&mut self, name: &str, value: &Value) {
        for settings in self.settings.values_mut() {
            settings.insert(name.to_owned(), value.clone());
        }
        self.write();
    }

    fn write(&self) {
        fs::write(self.directory().join("hosts.json"), serde_json::to_string(&self.settings).unwrap())
            .unwrap();
    }

    /// The program, with this fleet's store and state.
    pub fn program(&self, verb: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hostwright"));
        command.arg("--store").arg(self.place.path().join("store"));
        command.args(verb).current_dir(self.directory()).stdin(Stdio::null());
        // Nobody is asked who is not one of the hosts.
        command.env("NIX_CONFIG", "substituters =");
        command.env("XDG_STATE_HOME", self.place.path().join("state"));
        command.env("XDG_CACHE_HOME", self.place.path().join("cache"));
        command
    }

    /// Runs a verb on the fleet.
    pub fn run(&self, verb: &[&str]) -> Run {
        Run::of(&mut self.program(verb))
    }

    /// Applies, and gives what became of each host.
    pub fn apply(&self, arguments: &[&str]) -> (Run, BTreeMap<String, Value>) {
        let run = self.run(&[&["apply", "--json"], arguments].concat());
        let reports = run.reports();
        for report in reports.values() {
            eprintln!("{report}");
        }
        (run, reports)
    }

    /// Applies what must come to be everywhere.
    pub fn apply_well(&self, arguments: &[&str]) -> BTreeMap<String, Value> {
        let (run, reports) = self.apply(arguments);
        assert_eq!(run.status, Some(0), "{}", run.stderr);
        reports
    }

    /// All that the program wrote about what it did, wherever that is.
    pub fn everything_written(&self) -> Vec<u8> {
        let output = Command::new("grep")
            .args(["-r", "-h", "-a", "."])
            .arg(self.place.path().join("store"))
            .arg(self.place.path().join("state"))
            .arg(self.place.path().join("cache"))
            .output()
            .unwrap();
        output.stdout
    }
}

impl Drop for Fleet {
    /// Stores are read-only.
    fn drop(&mut self) {
        self.hosts.clear();
        let _ = Command::new("chmod").args(["-R", "u+w"]).arg(self.place.path()).status();
        let _ = fs::set_permissions(self.place.path(), fs::Permissions::from_mode(0o700));
    }
}
