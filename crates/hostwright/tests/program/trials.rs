//! Generations that boot once, and power that is lost, on a machine with firmware and a disk.

use std::process::Command;
use std::sync::PoisonError;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;

use crate::fleet::Fleet;
use crate::machine::{Machine, ONE_MACHINE};
use crate::namespaces::NamespacedHost;
use crate::switching::{generation, switch_well};

#[test]
fn a_host_survives_what_does_not_boot() {
    let fleet = Fleet::switching();
    let _turn = ONE_MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut host = Host { machine: Machine::start_with(&fleet, "switcher", place.path(), &[]) };
    host.machine.assert_healthy();

    host.a_power_cut_leaves_a_host_that_boots();
    host.a_power_cut_at_any_moment_loses_nothing();
    // Where variables of the firmware cannot be had, the kernel that runs starts the other one.
    host.machine.run("umount /sys/firmware/efi/efivars");
    host.a_trial_boots_once_and_is_kept_when_it_is_confirmed("", "changed", "kexec");
    host.a_trial_that_panics_ends_in_the_old_generation();
    host.a_trial_boots_once_and_is_kept_when_it_is_confirmed("changed", "", "one-shot");

    host.machine.stop();
}

struct Host {
    machine: Machine,
}

impl Host {
    fn a_power_cut_leaves_a_host_that_boots(&self) {
        self.machine.attempt(&format!(
            "systemd-run --quiet {}/bin/switch-to-configuration switch",
            generation("changed")
        ));
        sleep(Duration::from_secs(3));
        self.machine.reset();
        self.machine.assert_healthy();
        switch_well(&self.machine, "changed", "switch");
        self.machine.run("hello && systemctl is-active added.service");
        switch_well(&self.machine, "", "boot");
    }

    /// The disk is kept at moments that lie all over switches there and back; then each of these disks is one that a machine
    /// lost its power with. A host starts from it as the menu says, and is switched.
    fn a_power_cut_at_any_moment_loses_nothing(&self) {
        let count: usize = std::env::var("HOSTWRIGHT_POWER_CUTS").map_or(4, |count| count.parse().unwrap());
        let mut random = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64 | 1;
        let mut kept = Vec::new();
        let mut variants = ["", "changed"].iter().cycle();
        while kept.len() < count {
            let variant = variants.next().unwrap();
            let program = generation(variant);
            // The profile is set first, as whoever switches a host does.
            self.machine.run(&format!(
                "ln -sfn $(readlink -f {program}) /nix/var/nix/profiles/system-7-link; \
                 ln -sfn system-7-link /nix/var/nix/profiles/system; \
                 systemd-run --quiet --collect --unit=cut {program}/bin/switch-to-configuration switch"
            ));
            let begun = Instant::now();
            while self.machine.output("systemctl is-active --quiet cut").status.success() {
                // Marsaglia's xorshift: any spread of moments will do.
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                sleep(Duration::from_millis(random % 3000));
                if kept.len() < count {
                    kept.push((self.machine.keep_disk(kept.len()), *variant, begun.elapsed()));
                }
            }
            assert!(begun.elapsed() < Duration::from_secs(600));
        }
        let systems: Vec<Value> = ["changed", ""].iter().map(|variant| self.system(variant)).collect();
        for (disk, variant, moment) in kept {
            let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
            let raw = place.path().join("raw");
            let convert = ["convert", "-O", "raw"];
            let made =
                Command::new("qemu-img").args(convert).arg("-U").arg(&disk).arg(&raw).output().unwrap();
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
            let mut host = NamespacedHost::of_image(&raw);
            host.switch_on();
            let booted = host.run("readlink -f /run/current-system");
            eprintln!("power cut after {moment:?} of a switch to {variant:?}: {booted}");
            assert!(systems.contains(&Value::from(booted.as_str())), "{booted}");
            host.assert_healthy();
            switch_well(&host, "changed", "switch");
            host.run("hello && id newcomer && systemctl is-active added.service");
            assert_eq!(host.run("readlink -f /run/current-system"), systems[0].as_str().unwrap());
            host.cut_power();
            host.switch_on();
            host.run("hello && systemctl is-active added.service");
            host.assert_healthy();
        }
        switch_well(&self.machine, "", "switch");
        self.machine.run(
            "ln -sfn system-1-link /nix/var/nix/profiles/system; rm /nix/var/nix/profiles/system-7-link",
        );
        switch_well(&self.machine, "", "switch");
    }

    fn trial(&self, variant: &str, verb: &str) -> (i32, String) {
        self.machine.attempt(&format!("{}/bin/trial-boot {verb}", generation(variant)))
    }

    fn status(&self) -> Value {
        let (status, said) = self.trial("", "status");
        assert_eq!(status, 0, "{said}");
        serde_json::from_str(&said).unwrap()
    }

    fn system(&self, variant: &str) -> Value {
        Value::from(self.machine.run(&format!("readlink -f {}", generation(variant))))
    }

    fn a_trial_boots_once_and_is_kept_when_it_is_confirmed(&self, old: &str, new: &str, method: &str) {
        assert_eq!(self.status()["trial"], Value::Null);
        let (status, said) = self.trial(new, "set");
        assert_eq!(status, 0, "{said}");
        let before = self.status();
        assert_eq!(before["trial"]["state"], "pending", "{before}");
        assert_eq!(before["trial"]["method"], method, "{before}");
        assert_eq!(before["default"], self.system(old));
        let (status, said) = self.trial(new, "confirm");
        assert!(status == 1 && said.contains("has not booted yet"), "{said}");

        self.machine.reboot();
        let during = self.status();
        assert_eq!(during["trial"]["state"], "succeeded", "{during}");
        assert_eq!(during["booted"], self.system(new));
        assert_eq!(during["default"], self.system(old), "the default must stay what it was");

        for _ in 0..2 {
            let (status, said) = self.trial(new, "confirm");
            assert_eq!(status, 0, "{said}");
        }
        let after = self.status();
        assert_eq!(after["trial"], Value::Null);
        assert_eq!(after["default"], self.system(new));
        assert_eq!(
            self.machine.run("readlink -f /nix/var/nix/profiles/system"),
            after["default"].as_str().unwrap()
        );
        assert!(!self.entries().contains("trial"), "{}", self.entries());
    }

    fn a_trial_that_panics_ends_in_the_old_generation(&self) {
        let (status, said) = self.trial("panics", "set");
        assert_eq!(status, 0, "{said}");
        self.machine.reboot();
        let after = self.status();
        assert_eq!(after["trial"]["state"], "failed", "{after}");
        assert_eq!(after["booted"], self.system("changed"));
        let (status, said) = self.trial("panics", "confirm");
        assert!(status == 1 && said.contains("failed"), "{said}");
        let (status, said) = self.trial("panics", "cancel");
        assert_eq!(status, 0, "{said}");
        assert_eq!(self.status()["trial"], Value::Null);
        self.machine.assert_healthy();
    }

    /// The entries of the menu, without the variants of a generation.
    fn entries(&self) -> String {
        let listed = self.machine.run("cd /boot/loader/entries; ls | grep -v specialisation");
        listed.replace(".conf", "").replace('\n', " ")
    }
}
