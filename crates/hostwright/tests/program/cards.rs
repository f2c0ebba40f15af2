//! Cards for single machines: flashed, personalised, and what belongs to an image.

use std::collections::BTreeSet;
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
pub fn key(place: &Path, name: &str) -> std::path::PathBuf {
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
    // Also as nixos-generators wants it said.
    let reference = fleet.installable("card");
    let said = ["image", "-f", "sd-aarch64", "--flake", &reference, "--no-link", "--system"];
    let again = fleet.hostwright(&[&said[..], &["aarch64-linux"]].concat());
    assert_eq!(Path::new(again.trim()), compressed);
    fleet
        .run(&[&said[..], &["x86_64-linux"]].concat())
        .fails_with(3, &["the host 'card' is of the system aarch64-linux, not of x86_64-linux"]);

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

    // Licenses: of most packages, and what is not SPDX's has its text.
    let others: BTreeSet<&str> = list["hasExtractedLicensingInfos"]
        .as_array()
        .unwrap()
        .iter()
        .inspect(|other| assert!(!other["extractedText"].as_str().unwrap().is_empty()))
        .map(|other| other["licenseId"].as_str().unwrap())
        .collect();
    assert_eq!(
        named("bash")["licenseDeclared"].as_str().map(|text| text.contains("GPL-3.0-or-later")),
        Some(true)
    );
    let debs: Vec<&Value> = packages
        .iter()
        .filter(|listed| listed["SPDXID"].as_str().unwrap().starts_with("SPDXRef-deb-"))
        .collect();
    let declared: Vec<&str> = debs
        .iter()
        .map(|listed| listed["licenseDeclared"].as_str().unwrap())
        .filter(|license| *license != "NOASSERTION")
        .collect();
    assert!(declared.len() * 2 > debs.len(), "{} of {}", declared.len(), debs.len());
    for word in declared.iter().flat_map(|license| license.split([' ', '(', ')'])) {
        assert!(!word.starts_with("LicenseRef-") || others.contains(word), "{word} has no text");
    }
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

/// A system as nixpkgs builds it: links to a kernel, an initrd and device trees, texts, and what it refers to.
const TOPLEVEL: &str = r##"{
  outputs = _: let
    tree = name: entries: derivation {
      inherit name entries;
      system = "builtin"; builder = "builtin:make-tree"; outputs = [ "out" ]; __structuredAttrs = true;
    };
    kernel = tree "linux-6.12.44" [ { path = "Image"; text = "a kernel"; } { path = "dtbs/broadcom/bcm2711-rpi-4-b.dtb"; text = "a tree"; } ];
    initrd = tree "initrd-linux-6.12.44" [ { path = "initrd"; text = "an initrd"; } ];
    etc = tree "etc" [ { path = "etc/hostname"; text = "web"; } ];
    firmware = tree "firmware" [ { path = "config.txt"; text = "arm_64bit=1"; } ];
    link = path: symlink: { inherit path symlink; };
    text = path: text: { inherit path text; };
    toplevel = tree "nixos-system-web-25.11" [
      (link "kernel" "${kernel}/Image")
      (link "dtbs" "${kernel}/dtbs")
      (link "initrd" "${initrd}/initrd")
      (link "etc" "${etc}/etc")
      (text "kernel-params" "console=ttyS0 loglevel=4")
      (text "nixos-version" "25.11.test")
      ((text "init" "#!/bin/sh\n") // { executable = true; })
    ];
  in { packages.x86_64-linux = { inherit toplevel firmware; }; };
}"##;

#[test]
fn a_system_of_any_store_becomes_a_card() {
    let place = tempfile::tempdir().unwrap();
    let fleet =
        Fleet { directory: place.path().join("flake"), store: place.path().join("store"), cache: None };
    fs::create_dir(&fleet.directory).unwrap();
    fs::write(fleet.directory.join("flake.nix"), TOPLEVEL).unwrap();
    let built = |name: &str| {
        let attribute = fleet.installable(&format!("packages.x86_64-linux.{name}"));
        fleet.hostwright(&["build", &attribute, "--no-link", "--print-out-paths"]).trim().to_owned()
    };
    let (toplevel, firmware) = (built("toplevel"), built("firmware"));
    let output = place.path().join("card");
    let make = |output: &Path, path: &str| {
        let shown = output.to_str().unwrap();
        let arguments = ["image", "--toplevel", path, "--format", "sd-card", "--compression", "none"];
        fleet.run(&[&arguments[..], &["--firmware", &firmware, "-o", shown]].concat())
    };
    let run = make(&output, &toplevel);
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    let card = Path::new(run.stdout.trim()).to_owned();
    assert_eq!(card, output.join("sd-image/nixos-system-web-25.11.img"));
    image::check_file_systems(&card);
    let table = image::table(&card);
    assert!(table.contains("label-id: 0x2178694e") && table.contains("type=83, bootable"), "{table}");
    assert_eq!(image::firmware_names(&card, 8 << 20), ["CONFIG.TXT"]);

    let root = format!("{}?offset={}", card.display(), (8 + 30) << 20);
    let show = |path: &str| {
        let output = Command::new("debugfs").args(["-R", &format!("cat {path}"), &root]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let menu = show("/boot/extlinux/extlinux.conf");
    let named = |line: &str| {
        let found = menu.lines().find_map(|candidate| candidate.strip_prefix(line));
        found.unwrap_or_else(|| panic!("no {line} in {menu}")).to_owned()
    };
    for (line, end, file, content) in [
        ("LINUX ../nixos/", "-linux-6.12.44-Image", "", "a kernel"),
        ("INITRD ../nixos/", "-initrd-linux-6.12.44-initrd", "", "an initrd"),
        ("FDTDIR ../nixos/", "-linux-6.12.44-dtbs", "/broadcom/bcm2711-rpi-4-b.dtb", "a tree"),
    ] {
        let name = named(line);
        assert!(name.ends_with(end), "{name}");
        assert_eq!(show(&format!("/boot/nixos/{name}{file}")), content);
    }
    assert_eq!(named("APPEND "), format!("init={toplevel}/init console=ttyS0 loglevel=4"));
    let registration = show("/nix-path-registration");
    assert!(registration.contains(&format!("{toplevel}\n")), "{registration}");
    assert_eq!(registration.lines().filter(|line| line.ends_with("-etc")).count(), 2, "{registration}");

    assert_eq!(show("/nix/var/nix/db/schema"), "10");

    // Again the same bytes; not over what is there; and nothing that is no system.
    let again = place.path().join("again");
    make(&again, &toplevel);
    image::assert_same_bytes(&card, &again.join("sd-image/nixos-system-web-25.11.img"));
    make(&output, &toplevel).fails_with(8, &["cannot create"]);
    let other = place.path().join("other");
    let refused = make(&other, &firmware);
    assert!(refused.stderr.contains("is no toplevel of NixOS: it has no 'init'"), "{}", refused.stderr);
    assert!(!other.exists());
}
