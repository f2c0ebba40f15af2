//! Cards for single machines: flashed, personalised, and what belongs to an image.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::fleet::{Fleet, Run};
use crate::image;
use crate::machine::{Machine, ONE_MACHINE};

const SECRET: &str = "a passphrase nobody else knows";

/// A new key pair; the private half's file.
fn key(place: &Path, name: &str) -> std::path::PathBuf {
    let file = place.join(name);
    let status = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"])
        .arg(&file)
        .status();
    assert!(status.unwrap().success());
    file
}

/// One image for two machines, of which each has its own; the host takes it up at its first start and keeps it.
#[test]
fn copies_of_an_image_become_machines_of_their_own() {
    let fleet = Fleet::first_light();
    let place = tempfile::tempdir().unwrap();
    let (person, host) = (key(place.path(), "person"), key(place.path(), "host"));
    let shown = |path: &Path| path.to_str().unwrap().to_owned();
    let public = format!("{}.pub", shown(&person));
    let installable = fleet.installable("alpha");
    let mut command = fleet.command();
    command.current_dir(place.path()).args(["image", &installable, "--no-link", "--for", "kitchen"]);
    command.args(["--authorized-key", &public, "--host-key", &shown(&host)]);
    let run = Run::of(command);
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    let copy = place.path().join("kitchen.img");
    assert_eq!(run.stdout, format!("{}\n", copy.display()));
    image::check_file_systems(&copy);

    // Another name, in less than the second that it may take.
    let begun = Instant::now();
    let changed = fleet.hostwright(&[
        "image",
        "--patch",
        &shown(&copy),
        "--hostname",
        "cellar",
        "--authorized-key",
        &public,
        "--host-key",
        &shown(&host),
    ]);
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!(changed.trim(), shown(&copy));

    let _turn = ONE_MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let state = place.path().join("state");
    let mut machine =
        Machine::start_with(&fleet, "alpha", &state, &["--image", &shown(&copy)]).with_key(&person);
    machine.assert_healthy();
    assert_eq!(machine.run("hostname; cat /etc/hostname"), "cellar\ncellar");
    let expected = fs::read_to_string(format!("{}.pub", shown(&host))).unwrap();
    let key = |text: &str| text.split_whitespace().nth(1).unwrap().to_owned();
    assert_eq!(key(&machine.run("cat /etc/ssh/ssh_host_ed25519_key.pub")), key(&expected));
    assert_eq!(machine.run("ssh-keygen -y -f /etc/ssh/ssh_host_ed25519_key | cut -d' ' -f2"), key(&expected));
    assert_eq!(
        machine.run("stat -c %a /etc/ssh/ssh_host_ed25519_key /root/.ssh/authorized_keys"),
        "600\n600"
    );
    // Nothing of it waits before the first partition any more.
    let place_of_it = "dd if=/dev/vda bs=512 skip=1921 count=127 status=none | tr -d '\\0' | wc -c";
    assert_eq!(machine.run(place_of_it), "0");
    machine.reboot();
    assert_eq!(machine.run("hostname"), "cellar");
    machine.stop();
}

/// What is secret is not in the store, not shown, and not in what others may read.
#[test]
fn what_an_image_does_not_take_is_refused_without_a_word_of_it() {
    let fleet = Fleet::first_light();
    let place = tempfile::tempdir().unwrap();
    let wifi = place.path().join("wifi");
    fs::write(&wifi, format!("{SECRET}\n")).unwrap();
    let mut command = fleet.command();
    command.current_dir(place.path()).args([
        "image",
        &fleet.installable("alpha"),
        "--no-link",
        "--for",
        "kitchen",
    ]);
    command.args(["--wifi", &format!("home:{}", wifi.display())]);
    let run = Run::of(command);
    run.fails_with(2, &["its host does not take up wifi", "networking.wireless.enable"]);
    assert!(!run.stderr.contains(SECRET), "{}", run.stderr);
    assert!(!place.path().join("kitchen.img").exists());

    let stored = fleet.image("alpha");
    fleet
        .run(&["image", "--patch", stored.to_str().unwrap(), "--hostname", "kitchen"])
        .fails_with(2, &["is in the store, whose files nobody changes"]);
    fleet
        .run(&["image", &fleet.installable("alpha"), "--hostname", "kitchen"])
        .fails_with(2, &["say --for NAME"]);
}

/// From the compressed image in the store to a card, with settings of its own on the way.
#[test]
fn a_card_is_flashed_and_read_back() {
    let fleet = Fleet::sd_card();
    let compressed = fleet.image_as("card", "sd-card");
    let place = tempfile::tempdir().unwrap();
    let person = key(place.path(), "person");
    let card = place.path().join("card");
    fs::File::create(&card).unwrap().set_len(4 << 30).unwrap();
    let shown = |path: &Path| path.to_str().unwrap().to_owned();
    let public = format!("{}.pub", shown(&person));
    let flash = ["flash", &shown(&compressed), "--to", &shown(&card)];
    fleet.run(&flash).fails_with(2, &["write ", "nothing known is on it", "say --yes"]);

    let settings = ["--yes", "--json", "--hostname", "kitchen", "--authorized-key", &public];
    let printed = fleet.hostwright(&[&flash[..], &settings[..]].concat());
    let report: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((&report["verified"], &report["ejected"]), (&true.into(), &false.into()), "{report}");
    image::check_file_systems(&card);
    let bytes = fs::read(&card).unwrap();
    let place_of_it = &bytes[(8 << 20) - (64 << 10)..8 << 20];
    let text = String::from_utf8_lossy(place_of_it);
    assert!(text.starts_with("hostwright personal 1\ntakes "), "{}", &text[..100]);
    assert!(text.contains("kitchen\n") && text.contains("ssh-ed25519 "));

    // The rest is the image, to the byte.
    let plain = image::decompressed(&compressed, place.path());
    let mut expected = fs::read(plain).unwrap();
    assert_eq!(report["size"], expected.len());
    expected[(8 << 20) - (64 << 10)..8 << 20].copy_from_slice(place_of_it);
    assert!(bytes[..expected.len()] == expected);
}

#[test]
fn an_image_comes_with_its_checksum_and_a_list_of_what_it_holds() {
    let fleet = Fleet::sd_card();
    let compressed = fleet.image_as("card", "sd-card");
    let directory = compressed.parent().unwrap();
    let name = compressed.file_name().unwrap().to_str().unwrap();
    let checked = Command::new("sha256sum")
        .args(["--check", "--strict", &format!("{name}.sha256")])
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(checked.status.success(), "{checked:?}");
    let list: Value =
        serde_json::from_str(&fs::read_to_string(directory.join(format!("{name}.spdx.json"))).unwrap())
            .unwrap();
    assert_eq!(list["spdxVersion"], "SPDX-2.3");
    let packages = list["packages"].as_array().unwrap();
    let named = |name: &str| {
        packages.iter().find(|package| package["name"] == name).unwrap_or_else(|| panic!("no {name}"))
    };
    let lock: Value = serde_json::from_str(&fs::read_to_string(fleet.lock_file()).unwrap()).unwrap();
    for package in ["openssh-server", "git", "vim"] {
        let listed = named(package);
        let hash = listed["checksums"][0]["checksumValue"].as_str().unwrap();
        assert!(lock.to_string().contains(hash), "{package}'s hash is not the locked one");
        assert!(lock.to_string().contains(listed["versionInfo"].as_str().unwrap()), "{listed}");
    }
    assert!(packages.len() > 200, "{}", packages.len());
}

#[test]
fn disks_are_listed_for_people_and_for_programs() {
    let fleet = Fleet::first_light();
    let disks: Value =
        serde_json::from_str(&fleet.hostwright(&["flash", "--list", "--all", "--json"])).unwrap();
    for disk in disks.as_array().unwrap() {
        assert!(
            disk["path"].as_str().unwrap().starts_with("/dev/") && disk["size"].as_u64().unwrap() > 0,
            "{disk}"
        );
    }
    fleet.hostwright(&["flash", "--list"]);
    fleet.run(&["flash", "Cargo.toml", "--to", "/dev/null"]).fails_with(2, &["there is no disk `/dev/null`"]);
}
