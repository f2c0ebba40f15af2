//! Both hosts, from their configuration to a login; and the same bytes whenever they are built.

use std::fs;
use std::process::Stdio;
use std::sync::PoisonError;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::fleet::{Fleet, Run};
use crate::image;
use crate::machine::{Machine, ONE_MACHINE};
use crate::wireless;

#[test]
fn alpha_boots_and_answers_on_ssh() {
    boots(&Fleet::first_light(), "alpha", "x86_64", |_| {});
}

#[test]
fn beta_boots_and_is_switched() {
    let place = tempfile::tempdir().unwrap();
    let fleet = Fleet::first_light().with_module(place.path(), "beta", ANOTHER_BETA);
    boots(&fleet, "beta", "aarch64", |machine| {
        let untouched = machine.run("systemctl show -P MainPID,InvocationID ssh.service");
        let first = "/nix/var/nix/profiles/system-1-link";
        let said =
            machine.run(&format!("{first}/specialisation/another/bin/switch-to-configuration test 2>&1"));
        for line in [
            "stopping the following units: changed.service",
            "reloading the following units: reloaded.service",
            "restarting the following units: restarted.service",
            "starting the following units: changed.service",
            "the following new units were started: added.service",
        ] {
            assert!(said.lines().any(|found| found == line), "no line {line:?} in:\n{said}");
        }
        assert_eq!(machine.run("hello; cat /etc/new-file; id -un newcomer"), "Hello, world!\nnew\nnewcomer");
        assert_eq!(machine.run("systemctl show -P MainPID,InvocationID ssh.service"), untouched);
        machine.run(&format!("{first}/bin/switch-to-configuration test"));
        assert!(machine.fails("hello || systemctl is-active added.service"));
        machine.assert_healthy();
    });
}

/// Something of each kind that a switch changes.
const ANOTHER_BETA: &str = r#"{ lib, pkgs, ... }:
let
  oneshot = {
    wantedBy = [ "multi-user.target" ];
    serviceConfig = {
      Type = "oneshot";
      RemainAfterExit = true;
      ExecStart = "/usr/bin/true";
      ExecReload = "/usr/bin/true";
    };
  };
in
{
  systemd.services = {
    changed = oneshot;
    restarted = oneshot // { stopIfChanged = false; };
    reloaded = oneshot // { reloadIfChanged = true; };
  };
  specialisation.another.configuration = {
    systemd.services = lib.genAttrs [ "changed" "restarted" "reloaded" ] (_: { serviceConfig.X-Version = "2"; }) // {
      added = oneshot;
    };
    environment.systemPackages = [ pkgs.hello ];
    environment.etc."new-file".text = "new\n";
    users.users.newcomer.isNormalUser = true;
  };
}"#;

fn boots(fleet: &Fleet, host: &str, machine_name: &str, changes: impl FnOnce(&Machine)) {
    image::check_file_systems(&fleet.image(host));

    let _turn = ONE_MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut machine = Machine::start(fleet, host);
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

    changes(&machine);
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

/// Through U-Boot and its menu, on a disk that is larger than the image, and with a network of its own.
#[test]
fn a_card_boots_grows_and_joins_its_network() {
    let fleet = Fleet::board();
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let passphrase = place.path().join("passphrase");
    fs::write(&passphrase, format!("{}\n", wireless::PASSPHRASE)).unwrap();
    let mut command = fleet.command();
    command.current_dir(place.path()).args(["image", &fleet.installable("card"), "--format", "vm"]);
    command.args(["--no-link", "--for", "kitchen", "--wifi"]);
    command.arg(format!("{}:{}", wireless::SSID, passphrase.display()));
    let run = Run::of(command);
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    let copy = place.path().join("kitchen.img");

    let _turn = ONE_MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let image = ["--image", copy.to_str().unwrap()];
    let mut machine = Machine::start_with(&fleet, "card", &place.path().join("state"), &image);
    machine.assert_healthy();
    assert_eq!(machine.run("uname -m"), "aarch64");
    assert_eq!(machine.run("hostname"), "kitchen");
    assert!(machine.fails("test -d /sys/firmware/efi"), "the card was not started by U-Boot");
    assert_has_grown(&machine);
    assert_eq!(machine.run("su nixos -c 'sudo -n id -u'"), "0");
    machine.assert_password_is_refused();
    assert_eq!(machine.run("cat /srv/note"), "populated", "what the fleet's commands put there");
    wireless::assert_joins(&machine);
    machine.power_off();
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
    other.remove_store();
}
