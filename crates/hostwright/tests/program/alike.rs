//! Hosts that one function makes from data, evaluated in one run: the same comes out as one by one.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::fleet::{Fleet, Run};

const HOSTS: [&str; 5] = ["a", "b", "c", "d", "e"];

/// Hosts that differ in their names and keys.
const BY_DATA: &str = r#"{
  inputs.nixpkgs.url = "hostwright:debian";
  outputs = { nixpkgs, ... }: {
    nixosConfigurations = builtins.mapAttrs (name: data: nixpkgs.lib.nixosSystem {
      modules = [
        ./host.nix
        ({ lib, config, ... }: {
          networking.hostName = lib.mkForce name;
          environment.etc."key".source = data.key;
          environment.etc."port".text = builtins.readFile data.port;
          environment.etc."shared".text = builtins.trace "evaluated once" "the same";
          assertions = [{ assertion = name != "c" || builtins.readFile ./c-is-wrong == ""; message = "c is wrong"; }];
        })
      ];
    }) {
      a = { key = ./keys/a; port = ./ports/a; };
      b = { key = ./keys/b; port = ./ports/b; };
      c = { key = ./keys/c; port = ./ports/c; };
      d = { key = ./keys/d; port = ./ports/d; };
      e = { key = ./keys/e; port = ./ports/e; };
    };
  };
}"#;

/// Hosts that have files of their own.
const BY_FILES: &str = r#"{
  inputs.nixpkgs.url = "hostwright:debian";
  outputs = { nixpkgs, ... }: {
    nixosConfigurations = nixpkgs.lib.genAttrs [ "a" "b" "c" "d" "e" ] (name: nixpkgs.lib.nixosSystem {
      modules = [ ./host.nix (./hosts + "/${name}.nix") ];
    });
  };
}"#;

/// A fleet of these hosts with its files, in the store that tests share, and with a cache of its own.
fn fleet(place: &Path, flake: &str) -> Fleet {
    let shared = Fleet::switching();
    let fleet = Fleet { store: shared.store.clone(), ..shared.alone_in(place) };
    let write = |name: &str, text: &str| {
        let path = fleet.directory.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("flake.nix", flake);
    write("c-is-wrong", "");
    for (index, host) in HOSTS.iter().enumerate() {
        write(&format!("keys/{host}"), host);
        write(&format!("ports/{host}"), &index.to_string());
        write(
            &format!("hosts/{host}.nix"),
            &format!(r#"{{ lib, ... }}: {{ networking.hostName = lib.mkForce "{host}"; }}"#),
        );
    }
    fleet
}

fn build(fleet: &Fleet, hosts: &[&str]) -> Run {
    let installables: Vec<String> = hosts.iter().map(|host| fleet.installable(host)).collect();
    let mut arguments = vec!["build", "--dry-run", "--json"];
    arguments.extend(installables.iter().map(String::as_str));
    fleet.run(&arguments)
}

/// The derivations of hosts, evaluated in one run.
fn derivations(fleet: &Fleet, hosts: &[&str]) -> (Vec<String>, String) {
    let run = build(fleet, hosts);
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    let plan: Value = serde_json::from_str(&run.stdout).unwrap();
    let system = |host: &&str| {
        // What others need comes before them, such as the host's specialisations.
        let prefix = format!("nixos-system-{host}-");
        let mut builds = plan["builds"].as_array().unwrap().iter().rev();
        let system = builds.find(|build| build["name"].as_str().unwrap().starts_with(&prefix)).unwrap();
        system["derivationPath"].as_str().unwrap().to_owned()
    };
    (hosts.iter().map(system).collect(), run.stderr)
}

/// The derivations of all hosts, each evaluated in a run and with a cache of its own.
fn one_by_one(fleet: &Fleet, place: &Path) -> Vec<String> {
    let alone = |host: &&str| {
        let fleet = Fleet { cache: Some(place.join(format!("cache-{host}"))), ..fleet.clone() };
        derivations(&fleet, &[*host]).0.remove(0)
    };
    HOSTS.iter().map(alone).collect()
}

/// How many results are kept.
fn kept(fleet: &Fleet) -> usize {
    let all = fleet.cache.as_ref().unwrap().join("hostwright/evaluation");
    let entries = fs::read_dir(all).unwrap().flat_map(|entry| fs::read_dir(entry.unwrap().path()).unwrap());
    entries.filter(|entry| entry.as_ref().unwrap().path().extension().is_none()).count()
}

#[test]
fn what_hosts_share_is_evaluated_once_and_each_depends_on_its_own_files() {
    let place = tempfile::tempdir().unwrap();
    let fleet = fleet(place.path(), BY_DATA);
    let (together, said) = derivations(&fleet, &HOSTS);
    assert_eq!(said.matches("evaluated once").count(), 1, "{said}");
    assert_eq!(together, one_by_one(&fleet, place.path()));
    assert_eq!(kept(&fleet), HOSTS.len());

    let (again, said) = derivations(&fleet, &HOSTS);
    assert_eq!(again, together);
    assert_eq!(said.matches("evaluated once").count(), 0, "{said}");

    let mut count = HOSTS.len();
    for (file, changed) in [("keys/a", 0), ("keys/e", 4), ("ports/b", 1)] {
        fs::write(fleet.directory.join(file), "another").unwrap();
        let (after, _) = derivations(&fleet, &HOSTS);
        count += 1;
        assert_eq!(kept(&fleet), count, "{file} was read for one host");
        for (index, host) in HOSTS.iter().enumerate() {
            assert_eq!(after[index] == again[index], index != changed, "{host} after {file}");
        }
        fs::write(fleet.directory.join(file), if file.starts_with("keys") { &file[5..] } else { "1" })
            .unwrap();
        assert_eq!(derivations(&fleet, &HOSTS).0, again);
        assert_eq!(kept(&fleet), count, "{file} is as it was");
    }
}

#[test]
fn hosts_with_files_of_their_own_are_evaluated_by_themselves() {
    let place = tempfile::tempdir().unwrap();
    let fleet = fleet(place.path(), BY_FILES);
    let (together, _) = derivations(&fleet, &HOSTS);
    assert_eq!(together, one_by_one(&fleet, place.path()));
    assert_eq!(kept(&fleet), HOSTS.len());
}

#[test]
fn an_error_is_that_of_the_host_that_has_it() {
    let place = tempfile::tempdir().unwrap();
    let fleet = fleet(place.path(), BY_DATA);
    fs::write(fleet.directory.join("c-is-wrong"), "yes").unwrap();
    build(&fleet, &HOSTS).fails_with(3, &["c is wrong"]);
    assert_eq!(kept(&fleet), HOSTS.len() - 1, "the others were evaluated all the same");
    build(&fleet, &["c"]).fails_with(3, &["c is wrong"]);
    let others = ["a", "b", "d", "e"];
    let (derivations_of_others, said) = derivations(&fleet, &others);
    assert_eq!(said.matches("evaluated once").count(), 0, "{said}");
    fs::write(fleet.directory.join("c-is-wrong"), "").unwrap();
    let all = one_by_one(&fleet, place.path());
    assert_eq!(derivations_of_others, [0, 1, 3, 4].map(|index| all[index].clone()));
}
