//! A host that runs is switched from one generation to another and back: what becomes of its units, that an interruption
//! at any moment loses nothing, and that what does not boot is not booted twice.
//!
//! The situations are those of nixpkgs' nixos/tests/switch-test.nix; many more of them, without a machine, are in
//! `base/tests/activation`.

use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use crate::fleet::Fleet;
use crate::machine::{Machine, ONE_MACHINE};

/// The generation that the host's image has.
const FIRST: &str = "/nix/var/nix/profiles/system-1-link";

#[test]
fn decisions_are_those_of_nixos() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../base/tests/activation/run.sh");
    let output = Command::new(script).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains(" passed, 0 failed"), "{said}");
}

#[test]
fn a_host_is_switched_and_survives_it() {
    let fleet = Fleet::switching();
    let _turn = ONE_MACHINE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut host = Host { machine: Machine::start(&fleet, "switcher") };
    host.machine.assert_healthy();

    host.units_become_what_the_new_generation_says();
    host.everything_else_follows();
    host.a_failure_has_its_status();
    host.a_killed_switch_is_completed_by_the_next();
    host.the_menu_has_as_many_generations_as_it_may();
    host.a_full_menu_keeps_what_it_has();
    host.a_power_cut_leaves_a_host_that_boots();
    host.a_trial_boots_once_and_is_kept_when_it_is_confirmed();
    host.a_trial_that_panics_ends_in_the_old_generation();

    host.machine.stop();
}

struct Host {
    machine: Machine,
}

impl Host {
    /// `switch-to-configuration` of a variant; an empty name is the first generation itself.
    fn switch(&self, variant: &str, action: &str) -> (i32, String) {
        self.machine.attempt(&format!("{}/bin/switch-to-configuration {action}", generation(variant)))
    }

    fn switch_well(&self, variant: &str, action: &str) -> String {
        let (status, said) = self.switch(variant, action);
        assert_eq!(status, 0, "switching to {variant:?}: {said}");
        said
    }

    fn units_become_what_the_new_generation_says(&self) {
        self.machine.run("systemctl start socketed.service && touch /var/lib/asking");
        self.wait_until("runuser -u lingers -- env XDG_RUNTIME_DIR=/run/user/1001 systemctl --user is-active personal.service");

        let said = self.switch_well("changed", "dry-activate");
        for line in [
            "would stop the following units: changed.service, going.mount, instance@one.service, \
             instance@two.service, removed.service, required.service, socketed.service, socketed.socket, systemd-sysctl.service",
            "would NOT stop the following changed units: kept.service",
            "would reload the following units: mounted.mount, reloaded.service, requires.service, tabled.mount, \
             triggered.service",
            "would restart the following units: asked.service, restarted.service, timed.timer",
            "would start the following units: changed.service, instance@one.service, instance@two.service, \
             required.service, socketed.socket, systemd-sysctl.service",
        ] {
            assert_line(&said, line);
        }
        assert!(self.machine.fails("systemctl is-active added.service"), "a dry run must do nothing");

        let untouched = self.machine.run("systemctl show -P MainPID,InvocationID untouched.service");
        let said = self.switch_well("changed", "test");
        for line in [
            "stopping the following units: changed.service, going.mount, instance@one.service, \
             instance@two.service, removed.service, required.service, socketed.service, socketed.socket, systemd-sysctl.service",
            "NOT restarting the following changed units: kept.service",
            "activating the configuration...",
            // What a unit that is reloaded needs was stopped, and the unit with it.
            "reloading the following units: mounted.mount, reloaded.service, tabled.mount, triggered.service",
            "restarting the following units: asked.service, restarted.service, timed.timer",
            "starting the following units: changed.service, instance@one.service, instance@two.service, \
             required.service, requires.service, socketed.socket, systemd-sysctl.service",
            "the following new units were started: added.service, coming.mount",
            "stopping the following user units: personal.service",
            "starting the following user units: personal.service",
        ] {
            assert_line(&said, line);
        }
        assert_eq!(
            self.machine.run("systemctl show -P MainPID,InvocationID untouched.service"),
            untouched,
            "a service that did not change must run on"
        );
        for unit in
            ["added.service", "changed.service", "instance@one.service", "requires.service", "stays.service"]
        {
            self.machine.run(&format!("systemctl is-active {unit}"));
        }
        for unit in ["removed.service", "socketed.service"] {
            assert!(self.machine.fails(&format!("systemctl is-active {unit}")), "{unit} still runs");
        }
        self.machine.run("runuser -u lingers -- env XDG_RUNTIME_DIR=/run/user/1001 systemctl --user is-active personal.service");

        let said = self.switch_well("changed", "test");
        for begin in ["stopping", "NOT", "reloading the", "starting", "the following new units"] {
            assert!(!said.lines().any(|line| line.starts_with(begin)), "nothing had changed: {said}");
        }
    }

    fn everything_else_follows(&self) {
        let state = self.machine.run(
            "hello; cat /etc/new-file; id -un newcomer; cat /proc/sys/vm/swappiness; stat -c %a /var/lib/made; \
             findmnt -no OPTIONS /mounted | grep -o size=2048k; findmnt -no OPTIONS /tabled | grep -o size=2048k; \
             findmnt -no OPTIONS /usr | grep -o ^ro",
        );
        assert_eq!(state, "Hello, world!\nnew\nnewcomer\n42\n750\nsize=2048k\nsize=2048k\nro");
        assert!(self.machine.fails("mountpoint -q /going"), "a mount that is gone is still there");
        assert_eq!(
            self.machine.run("grep -c ' /usr ' /proc/self/mountinfo"),
            "1",
            "old trees must not pile up"
        );
    }

    fn a_failure_has_its_status(&self) {
        let (status, said) = self.switch("failing", "test");
        assert_eq!(status, 4, "{said}");
        assert_line(&said, "warning: the following units failed: fails.service");
        let (status, said) = self.switch("refused", "test");
        assert_eq!(status, 1, "{said}");
        assert_line(&said, "Pre-switch check 'never' failed");
        let held = "flock /run/nixos/switch-to-configuration.lock ";
        let (status, said) =
            self.machine.attempt(&format!("{held} {FIRST}/bin/switch-to-configuration test"));
        assert_eq!(status, 1, "{said}");
        let (status, said) = self.switch("", "nonsense");
        assert!(status == 1 && said.contains("Usage:"), "{said}");
        self.switch_well("", "test");
        assert!(self.machine.fails("test -e /usr/bin/hello"), "/usr is not that of the first generation");
    }

    /// The program is killed at moments that lie all over a switch, with all that it has started.
    fn a_killed_switch_is_completed_by_the_next(&self) {
        self.switch_well("changed", "test");
        let wanted = self.state();
        for tenths in [10, 35] {
            self.switch_well("", "test");
            self.machine.attempt(&format!(
                "setsid timeout --foreground -s KILL {}.{} {}/bin/switch-to-configuration test",
                tenths / 10,
                tenths % 10,
                generation("changed")
            ));
            let said = self.switch_well("changed", "test");
            assert_eq!(self.state(), wanted, "after {tenths} tenths of a second: {said}");
        }
    }

    /// What a switch is to bring about.
    fn state(&self) -> String {
        self.machine.run(
            "readlink -f /run/current-system /etc/static; stat -c %i /usr; ls /run/nixos; \
             systemctl list-units --plain --no-legend --state=active,failed | awk '{ print $1, $3 }' \
             | grep -E '^(added|changed|described|triggered|required|removed|restarted|reloaded|kept|stays|requires|asked|instance|socketed|timed|mounted|tabled|going|coming)'",
        )
    }

    /// A limit of three, and whatever it says the default and what runs.
    fn the_menu_has_as_many_generations_as_it_may(&self) {
        let changed = generation("changed");
        self.machine.run(&format!(
            "cd /nix/var/nix/profiles; for number in 2 3 4 5 6; do ln -s $(readlink -f {changed}) \
             system-$number-link; done; ln -sfn system-6-link system"
        ));
        self.switch_well("changed", "boot");
        assert_eq!(
            self.entries(),
            "nixos-generation-1 nixos-generation-4 nixos-generation-5 nixos-generation-6"
        );
        assert_eq!(self.default(), "nixos-generation-6.conf");
        self.machine.run("rm /nix/var/nix/profiles/system-[45]-link");
        self.switch_well("changed", "boot");
        assert_eq!(
            self.entries(),
            "nixos-generation-1 nixos-generation-2 nixos-generation-3 nixos-generation-6"
        );
        self.machine.run("cd /nix/var/nix/profiles; ln -sfn system-1-link system; rm system-[236]-link");
        self.switch_well("", "boot");
        assert_eq!(self.entries(), "nixos-generation-1");
        assert_eq!(self.default(), "nixos-generation-1.conf");
    }

    /// Without the variants of a generation, which are entries, too.
    fn entries(&self) -> String {
        let listed = self.machine.run("cd /boot/loader/entries; ls | grep -v specialisation");
        listed.replace(".conf", "").replace('\n', " ")
    }

    fn default(&self) -> String {
        self.machine.run("sed -n 's/^default //p' /boot/loader/loader.conf")
    }

    /// A kernel that has no room is not in the menu, and nothing is missing of what was.
    fn a_full_menu_keeps_what_it_has(&self) {
        let menu = "cd /boot; find loader EFI -type f | sort | xargs sha256sum";
        let before = self.machine.run(menu);
        // Another kernel by its name, of the same size.
        self.machine.run(
            "mkdir /var/tmp/other; cp -a /nix/var/nix/profiles/system/. /var/tmp/other; cd /var/tmp/other; \
             cp --remove-destination $(readlink -f kernel) kernel; \
             ln -s /var/tmp/other /nix/var/nix/profiles/system-2-link; ln -sfn system-2-link /nix/var/nix/profiles/system; \
             head -c $(($(df --output=avail -B1 /boot | tail -n 1) - 4000000)) /dev/zero > /boot/ballast",
        );
        let (status, said) = self.machine.attempt("/var/tmp/other/bin/switch-to-configuration boot");
        assert_eq!(status, 1, "{said}");
        assert!(said.contains("has no room for the kernels of all generations"), "{said}");
        assert_eq!(self.machine.run(menu), before);
        self.machine.run(
            "rm /boot/ballast /nix/var/nix/profiles/system-2-link; \
             ln -sfn system-1-link /nix/var/nix/profiles/system; rm -r /var/tmp/other",
        );
    }

    fn a_power_cut_leaves_a_host_that_boots(&self) {
        self.machine.attempt(&format!(
            "systemd-run --quiet {}/bin/switch-to-configuration switch",
            generation("changed")
        ));
        sleep(Duration::from_secs(3));
        self.machine.reset();
        self.machine.assert_healthy();
        self.switch_well("changed", "switch");
        self.machine.run("hello && systemctl is-active added.service");
        self.switch_well("", "boot");
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

    fn a_trial_boots_once_and_is_kept_when_it_is_confirmed(&self) {
        assert_eq!(self.status()["trial"], Value::Null);
        let (status, said) = self.trial("changed", "set");
        assert_eq!(status, 0, "{said}");
        let before = self.status();
        assert_eq!(before["trial"]["state"], "pending", "{before}");
        assert_eq!(before["trial"]["method"], "one-shot", "{before}");
        assert_eq!(before["default"], self.system(""));
        let (status, said) = self.trial("changed", "confirm");
        assert!(status == 1 && said.contains("has not booted yet"), "{said}");

        self.machine.reboot();
        let during = self.status();
        assert_eq!(during["trial"]["state"], "succeeded", "{during}");
        assert_eq!(during["booted"], self.system("changed"));
        assert_eq!(during["default"], self.system(""), "the default must stay what it was");

        for _ in 0..2 {
            let (status, said) = self.trial("changed", "confirm");
            assert_eq!(status, 0, "{said}");
        }
        let after = self.status();
        assert_eq!(after["trial"], Value::Null);
        assert_eq!(after["default"], self.system("changed"));
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

    fn wait_until(&self, command: &str) {
        for _ in 0..60 {
            if self.machine.attempt(command).0 == 0 {
                return;
            }
            sleep(Duration::from_secs(1));
        }
        panic!("{command} never succeeded");
    }
}

fn generation(variant: &str) -> String {
    if variant.is_empty() { FIRST.to_owned() } else { format!("{FIRST}/specialisation/{variant}") }
}

fn assert_line(said: &str, line: &str) {
    assert!(said.lines().any(|found| found == line), "no line {line:?} in:\n{said}");
}
