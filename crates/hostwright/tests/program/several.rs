//! Hosts in QEMU that are changed together, one of them dead.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::PoisonError;
use std::thread;

use serde_json::Value;

use crate::fleet::{Fleet, Run};
use crate::machine::{Machine, ONE_MACHINE};

const HOSTS: [&str; 3] = ["one", "two", "three"];

/// Hosts that began as one image and are to have names of their own.
const FLAKE: &str = r#"{
  inputs.nixpkgs.url = "hostwright:debian";
  outputs = { nixpkgs, ... }: {
    nixosConfigurations = builtins.mapAttrs (name: change: nixpkgs.lib.nixosSystem {
      modules = [
        ./host.nix
        ./units.nix
        ./specialisations.nix
        ({ lib, ... }: {
          networking.hostName = lib.mkForce name;
          deployment.targetHost = "127.0.0.1";
          deployment.tags = [ "rack" ];
        })
        change
      ];
    }) (import ./changes.nix);
  };
}"#;

struct Rack {
    fleet: Fleet,
    machines: BTreeMap<&'static str, Machine>,
}

impl Rack {
    fn start(place: &Path) -> Rack {
        let shared = Fleet::switching();
        shared.image("switcher");
        let started = HOSTS.map(|name| {
            let (shared, state) = (shared.clone(), place.join(name));
            thread::spawn(move || Machine::start_with(&shared, "switcher", &state, &[]))
        });
        let started = started.map(|machine| machine.join().unwrap());
        let fleet = shared.alone_in(place);
        let fleet = Fleet { store: shared.store, cache: None, ..fleet };
        fs::write(fleet.directory.join("flake.nix"), FLAKE).unwrap();
        Rack { fleet, machines: HOSTS.into_iter().zip(started).collect() }
    }

    /// Gives each host its definitions, and all of them to the hosts.
    fn apply(&self, changes: &[(&str, &str)], state: &Path) -> (Run, BTreeMap<String, Value>) {
        let hosts = HOSTS.map(|name| {
            let change = changes.iter().find(|(host, _)| *host == name).map_or("", |(_, change)| change);
            let Machine { port, identity_file, .. } = &self.machines[name];
            let key = identity_file.display();
            let options = format!("[ \"-F\" \"none\" \"-i\" \"{key}\" \"-o\" \"IdentitiesOnly=yes\" ]");
            format!(
                "{name} = {{ deployment.targetPort = {port}; deployment.sshOptions = {options}; {change} }};"
            )
        });
        fs::write(self.fleet.directory.join("changes.nix"), format!("{{ {} }}", hosts.concat())).unwrap();
        let mut command = self.fleet.command();
        command.args(["apply", "switch", &self.fleet.reference(), "--on", "@rack", "--json"]);
        command.args(["--connect-timeout", "60"]).env("XDG_STATE_HOME", state);
        let run = Run::of(command);
        let reports = run.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let reports = reports.map(|report| (report["host"].as_str().unwrap().to_owned(), report)).collect();
        (run, reports)
    }
}

#[test]
fn a_host_that_is_dead_or_goes_back_holds_up_no_other() {
    let _turn = ONE_MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let state = place.path().join("state");
    let mut rack = Rack::start(place.path());
    rack.machines.get_mut("three").unwrap().kill();

    let breaks = "systemd.services.breaks = {
        wantedBy = [ \"multi-user.target\" ];
        serviceConfig.ExecStart = \"/bin/false\";
      };";
    let (run, reports) = rack.apply(&[("two", breaks)], &state);
    eprintln!("{}", run.stderr);
    assert_eq!(run.status, Some(9));
    let outcomes = HOSTS.map(|name| reports[name]["outcome"].as_str().unwrap());
    assert_eq!(outcomes, ["applied", "rolled-back", "unreachable"]);
    for (name, hostname) in [("one", "one"), ("two", "switcher")] {
        assert_eq!(rack.machines[name].run("hostname"), hostname);
        rack.machines[name].assert_healthy();
    }
}
