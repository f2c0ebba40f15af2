//! What newer packages would change, and whether a lock is what the hosts need.

use std::fs;

use serde_json::{Value, json};

use crate::fleet::Fleet;
use crate::mirror::{Answer, Mirror};

/// The fleet with a lock from another day: some packages have other versions, and one is missing.
fn fleet_of_another_day(place: &std::path::Path) -> Fleet {
    let fleet =
        Fleet { store: Fleet::first_light().store, cache: None, ..Fleet::first_light().alone_in(place) };
    let mut lock: Value = serde_json::from_str(&fs::read_to_string(fleet.lock_file()).unwrap()).unwrap();
    let packages = lock["packages"]["amd64"].as_object_mut().unwrap();
    let kernel = packages.keys().find(|name| name.starts_with("linux-image-6")).unwrap().clone();
    for name in ["jq", kernel.as_str()] {
        packages[name]["version"] = json!("0.1-1");
        packages[name]["sha256"] = json!("0".repeat(64));
    }
    fs::write(fleet.lock_file(), lock.to_string()).unwrap();
    fleet
}

#[test]
fn an_update_tells_what_changes_on_which_host() {
    let place = tempfile::tempdir().unwrap();
    let fleet = fleet_of_another_day(place.path());
    let before = fs::read_to_string(fleet.lock_file()).unwrap();
    let printed = fleet.hostwright(&["update", &fleet.reference(), "--dry-run", "--json"]);
    let told: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(told["written"], false);
    assert_eq!(fs::read_to_string(fleet.lock_file()).unwrap(), before);
    let alpha = &told["hosts"]["alpha"];
    assert_eq!((&alpha["kernel"], &alpha["reboot"]), (&json!(true), &json!(true)));
    let changes = alpha["changes"].as_array().unwrap();
    let jq = changes.iter().find(|change| change["name"] == "jq").unwrap();
    assert_eq!(jq["old"], "0.1-1");
    assert_ne!(jq["new"], "0.1-1");
    assert_eq!(told["hosts"]["beta"]["changes"], json!([]), "beta is for another processor");

    let printed = fleet.hostwright(&["update", &fleet.reference()]);
    assert!(printed.contains("alpha: 2 packages change"), "{printed}");
    assert!(printed.contains("a reboot is needed") && printed.contains("jq 0.1-1 → "), "{printed}");
    fleet.hostwright(&["lock", "--check", &fleet.reference()]);
}

#[test]
fn a_lock_that_hosts_do_not_fit_fails_the_check() {
    let place = tempfile::tempdir().unwrap();
    let fleet = fleet_of_another_day(place.path());
    fleet.run(&["lock", "--check", &fleet.reference()]).fails_with(4, &["debian.lock", "jq 0.1-1 → "]);
}

#[test]
fn an_unknown_package_is_no_update() {
    let fleet = Fleet::first_light();
    fleet
        .run(&["update", &fleet.reference(), "--package", "no-such-package", "--dry-run"])
        .fails_with(2, &["no-such-package"]);
}

#[test]
fn a_package_gone_from_the_mirror_comes_from_another_days() {
    let place = tempfile::tempdir().unwrap();
    let fleet = Fleet::first_light().alone_in(place.path());
    let gone = Mirror::start(|path| match path.contains("/jq_") {
        true => Answer::Gone,
        false => Answer::AsItIs,
    });
    let other_day = Mirror::start(|_| Answer::AsItIs);
    let package = fleet.installable("nixosConfigurations.alpha.pkgs.debs.jq");
    let mut build = vec!["build", &package, "--no-link"];
    build.extend(gone.options());
    fleet.run(&build).fails_with(5, &["jq", "hostwright update", "--snapshot-mirror"]);
    build.extend(["--snapshot-mirror", &other_day.url]);
    fleet.hostwright(&build);
}
