//! What is brought to hosts: signed with the fleet's key, and from caches where the host can.

use std::fs;
use std::process::Command;

use serde_json::json;

use crate::fleet::{Fleet, Run};

#[test]
fn hosts_trust_what_the_fleet_signed_and_fetch_what_caches_have() {
    let mut fleet = Fleet::start(&["one", "two"]);
    let secret = fleet.place.path().join("fleet-key");
    let run = fleet.run(&["cache", "keygen", "fleet-1", "--secret-file", secret.to_str().unwrap()]);
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    let public = run.stdout.trim().to_owned();
    let settings = format!("substituters =\nsecret-key-files = {}", secret.display());
    let signed = |command: &mut Command| Run::of(command.env("NIX_CONFIG", &settings));

    let run = signed(&mut fleet.program(&["apply", "--json", "--on", "one"]));
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    let verify = format!(
        "nix --extra-experimental-features nix-command store verify --no-contents --sigs-needed 1 --recursive \
         --trusted-public-keys '{public}' /run/current-system"
    );
    fleet.host("one").run(&verify);

    // What the cache has does not come over SSH.
    fleet.set("two", "size", json!(20_000));
    let run = fleet.run(&["apply", "build", "--json", "--on", "two"]);
    let system = run.reports()["two"]["new"].as_str().unwrap().to_owned();
    let url = format!("file://{}", fleet.place.path().join("cache").display());
    let run = signed(&mut fleet.program(&["cache", "push", &url, &system]));
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    let file = fleet.host("two").directory.join("etc/nix.conf");
    let conf = fs::read_to_string(&file).unwrap();
    let cached = format!("{conf}substituters = {url}\ntrusted-public-keys = {public}\n");
    fs::write(&file, cached).unwrap();
    let reports = fleet.apply_well(&["--on", "two", "--substitute-on-destination"]);
    assert_eq!(reports["two"]["copied"]["paths"], 0, "{}", reports["two"]);
    assert!(reports["two"]["bytesSent"].as_u64().unwrap() < 50_000, "{}", reports["two"]);
    fleet.host("two").run(&verify);
}

/// What is sent is hardly more than what has changed, compressed.
#[test]
fn no_more_is_sent_than_has_changed() {
    let mut fleet = Fleet::start(&["web"]);
    fleet.set("web", "size", json!(20_000));
    fleet.apply_well(&[]);
    fleet.set("web", "version", json!("2.0"));
    let report = fleet.apply_well(&[])["web"].clone();
    let sent = report["bytesSent"].as_u64().unwrap();
    let host = fleet.host("web");
    let changed = "cat /run/current-system/sw/share/application/share/data | zstd -c | wc -c";
    let changed: u64 = host.run(changed).parse().unwrap();
    eprintln!("{sent} bytes sent for {changed} bytes, {} s", report["seconds"]);
    assert!(sent * 10 <= changed * 12, "{sent} bytes sent for {changed} bytes");
}

/// Programs that build run where they are to run.
#[test]
fn hosts_build_themselves_and_for_others() {
    let mut fleet = Fleet::start(&["builder", "web"]);
    let system = format!("{}-linux", std::env::consts::ARCH);
    fleet.set("web", "system", json!(system));
    fleet.apply_well(&["--on", "web", "--build-on-target"]);
    assert_eq!(fleet.host("web").run("cat /run/current-system/etc/built"), "boot-1-of-web");

    // The same derivation would not be built again.
    fleet.set("builder", "system", json!(system));
    let mut other = Fleet::start(&["web"]);
    other.set("web", "system", json!(system));
    let builder = fleet.host("builder");
    let options = format!("-F none -i {} -o IdentitiesOnly=yes", fleet.keys.client.display());
    let place = format!("root@{}:{}", builder.address, builder.port);
    let mut command = other.program(&["apply", "build", "--json", "--build-host", &place]);
    let run = Run::of(command.env("NIX_SSHOPTS", options));
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    let system = run.reports()["web"]["new"].as_str().unwrap().to_owned();
    let store = other.place.path().join("store");
    let built = fs::read_to_string(store.join(system.trim_start_matches('/')).join("etc/built")).unwrap();
    assert_eq!(built.trim(), "boot-1-of-builder");
}
