//! Both hosts, from their configuration to a login; and the same bytes whenever they are built.

use std::fs;
use std::process::Stdio;
use std::sync::PoisonError;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::fleet::Fleet;
use crate::image;
use crate::machine::{Machine, ONE_MACHINE};

#[test]
fn alpha_boots_and_answers_on_ssh() {
    boots_and_answers_on_ssh("alpha", "x86_64");
}

#[test]
fn beta_boots_and_answers_on_ssh() {
    boots_and_answers_on_ssh("beta", "aarch64");
}

fn boots_and_answers_on_ssh(host: &str, machine_name: &str) {
    let fleet = Fleet::first_light();
    image::check_file_systems(&fleet.image(host));

    let _turn = ONE_MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut machine = Machine::start(&fleet, host);
    machine.assert_healthy();
    let packages: usize = machine.run("grep -c ^Package: /var/lib/dpkg/status").parse().unwrap();
    assert!(packages >= 250, "{host} has only {packages} packages");
    assert_eq!(machine.run("uname -m"), machine_name);
    assert_eq!(machine.run("hostname"), host);
    assert_eq!(machine.run("readlink /run/current-system"), machine.run("readlink /run/booted-system"));
    assert_eq!(
        machine.run("readlink -f /nix/var/nix/profiles/system"),
        machine.run("readlink -f /run/current-system")
    );
    assert!(machine.fails("touch /usr/probe"), "/usr must be read-only");
    assert!(machine.fails("touch /nix/store/probe"), "the store must be read-only");
    assert!(machine.run("nft list ruleset").contains("dport 22"), "the firewall must let SSH in");
    assert_eq!(machine.run("id -nG admin").split(' ').filter(|group| *group == "wheel").count(), 1);
    assert_eq!(machine.run("su admin -c 'sudo -n id -u'"), "0");

    assert_has_grown(&machine);

    machine.assert_password_is_refused();
    let identity = machine.identity();
    machine.reboot();
    machine.assert_healthy();
    assert_eq!(machine.identity(), identity, "host keys and machine id must survive a reboot");
    machine.stop();
}

pub fn assert_has_grown(machine: &Machine) {
    let size: u64 = machine.run("df -B1 --output=size / | tail -n 1").trim().parse().unwrap();
    assert!(size > 12 << 30, "the root file system has not grown into the 16 GiB disk: {size} bytes");
}

#[test]
fn a_card_has_what_a_board_looks_for() {
    let fleet = Fleet::sd_card();
    let compressed = fleet.image_as("card", "sd-card");
    assert!(compressed.to_str().unwrap().ends_with("-aarch64-linux.img.zst"), "{}", compressed.display());
    let place = tempfile::tempdir().unwrap();
    let card = image::decompressed(&compressed, place.path());
    image::check_file_systems(&card);
    let table = image::table(&card);
    for expected in [
        "label: dos",
        "label-id: 0x2178694e",
        "start=       16384, size=       61440, type=b",
        "type=83, bootable",
    ] {
        assert!(table.contains(expected), "no {expected} in {table}");
    }
    let firmware = image::firmware_names(&card, 8 << 20);
    for expected in ["BOOTCODE.BIN", "START4.ELF", "FIXUP4.DAT", "CONFIG.TXT"] {
        assert!(firmware.iter().any(|name| name == expected), "no {expected} in {firmware:?}");
    }
}

/// Through U-Boot and its menu, and on a disk that is larger than the image.
#[test]
fn a_card_boots_and_grows() {
    let fleet = Fleet::sd_card();
    let _turn = ONE_MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut machine = Machine::start(&fleet, "card");
    machine.assert_healthy();
    assert_eq!(machine.run("uname -m"), "aarch64");
    assert!(machine.fails("test -d /sys/firmware/efi"), "the card was not started by U-Boot");
    assert_has_grown(&machine);
    assert_eq!(machine.run("su nixos -c 'sudo -n id -u'"), "0");
    machine.assert_password_is_refused();
    machine.stop();
}

#[test]
fn an_emulator_ends_with_a_killed_program() {
    let fleet = Fleet::first_light();
    fleet.image("alpha");
    let _turn = ONE_MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let place = tempfile::tempdir().unwrap();
    let mut program = fleet
        .command()
        .args(["vm", &fleet.installable("alpha"), "--fresh"])
        .arg("--state")
        .arg(place.path())
        .env("PATH", "")
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    let emulator = loop {
        assert_eq!(program.try_wait().unwrap(), None, "the program ended before the machine began");
        assert!(begun.elapsed() < Duration::from_secs(600), "no emulator was started");
        // An emulator writes it before it has tried KVM; where that does not work, another one follows.
        let written = fs::read_to_string(place.path().join("pid")).unwrap_or_default();
        match written.trim().parse::<u32>() {
            Ok(pid) if written.ends_with('\n') && is_running(pid) => break pid,
            _ => sleep(Duration::from_millis(100)),
        }
    };
    program.kill().unwrap();
    program.wait().unwrap();
    let killed = Instant::now();
    while is_running(emulator) {
        assert!(killed.elapsed() < Duration::from_secs(10), "the emulator goes on without its program");
        sleep(Duration::from_millis(50));
    }
}

/// Whether a process is there and more than an entry that nobody has waited for.
fn is_running(pid: u32) -> bool {
    let Ok(status) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    // The state follows the name in parentheses (proc_pid_stat(5)).
    let state = status.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    !matches!(state, Some('Z' | 'X') | None)
}

#[test]
fn closure_and_image_are_the_same_bytes_in_two_stores() {
    let fleet = Fleet::first_light();
    let other = fleet.with_fresh_store();
    let first = fleet.image("alpha");
    let second = other.image("alpha");
    assert_ne!(first, second, "the images must lie in different stores");
    image::assert_same_bytes(&first, &second);
    assert_eq!(fleet.closure_hashes("alpha"), other.closure_hashes("alpha"));
    other.assert_nix_verifies_store();
}
