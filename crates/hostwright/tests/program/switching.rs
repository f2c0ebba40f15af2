//! A host that runs is switched from one generation to another and back: what becomes of its units, and that an interruption
//! or a fault at any moment loses nothing. The host is one in namespaces; what takes firmware or a kernel of its own is in
//! `trials`.
//!
//! The situations are those of nixpkgs' nixos/tests/switch-test.nix; many more of them, without a machine, are in
//! `base/tests/activation`.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use crate::fleet::Fleet;
use crate::machine::login;
use crate::namespaces::NamespacedHost;
use crate::shell::Shell;

/// The generation that the host has from the beginning.
const FIRST: &str = "/nix/var/nix/profiles/system-1-link";

/// sync(1), which the program for boot menus calls for each file. Odd moments are those before, even ones those after.
const KILLING: &str = r#"#!/bin/sh
moment() {
    done=$(($(cat /run/steps/done) + 1))
    echo $done > /run/steps/done
    [ $done != "$(cat /run/steps/last)" ] || kill -KILL $PPID
}
moment
/run/steps/sync "$@"
moment
"#;

/// Each entry has its system's own kernel and initrd, and one of them boots by default.
const WHOLE_MENU: &str = r#"set -e
cd /boot/loader
test -s entries/$(sed -n 's/^default //p' loader.conf)
for entry in entries/*.conf; do
    system=$(sed -n 's|^options init=\([^ ]*\)/init.*|\1|p' $entry)
    cmp /boot$(sed -n 's/^linux //p' $entry) $system/kernel
    cmp /boot$(sed -n 's/^initrd //p' $entry) $system/initrd
done"#;

#[test]
fn decisions_are_those_of_nixos() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../base/tests/activation/run.sh");
    let output = Command::new(script).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains(" passed, 0 failed"), "{said}");
}

#[test]
fn a_host_is_switched_while_it_runs() {
    let host = Host(NamespacedHost::start(&Fleet::switching(), "switcher"));
    host.0.assert_healthy();
    let bystander = Bystander::start();
    host.0.run("systemctl restart counting.service");
    let counting = host.0.run("systemctl show -P MainPID,InvocationID counting.service");

    host.units_become_what_the_new_generation_says();
    host.everything_else_follows();
    host.a_failure_has_its_status();
    host.a_fault_ends_where_it_began();
    host.a_network_comes_back();
    host.a_killed_switch_is_completed_by_the_next();
    host.the_menu_has_as_many_generations_as_it_may();
    host.a_full_menu_keeps_what_it_has();
    host.each_step_of_a_boot_change_leaves_a_menu_that_boots();

    assert_eq!(
        host.0.run("systemctl show -P MainPID,InvocationID counting.service"),
        counting,
        "a service that did not change must run on"
    );
    let ((longest, queued), elsewhere) = (host.longest_pause(), bystander.longest_pause());
    let said = format!(
        "the longest pause of a service that did not change: {longest:?}, and {queued:?} waiting for a processor; \
         outside the host: {elsewhere:?}"
    );
    eprintln!("{said}");
    assert!(longest < Duration::from_secs(1) + elsewhere, "{said}");
}

/// Sleeps as the service `counting` does, outside the host: what keeps it waiting is the machine, and no switch.
struct Bystander {
    has_ended: Arc<AtomicBool>,
    thread: JoinHandle<Duration>,
}

impl Bystander {
    fn start() -> Bystander {
        let has_ended = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&has_ended);
        let thread = spawn(move || {
            let (mut last, mut longest) = (Instant::now(), Duration::ZERO);
            while !ends.load(Ordering::Relaxed) {
                sleep(Duration::from_millis(10));
                longest = longest.max(last.elapsed());
                last = Instant::now();
            }
            longest
        });
        Bystander { has_ended, thread }
    }

    fn longest_pause(self) -> Duration {
        self.has_ended.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

struct Host(NamespacedHost);

impl Host {
    /// `switch-to-configuration` of a variant; an empty name is the first generation itself.
    fn switch(&self, variant: &str, action: &str) -> (i32, String) {
        switch(&self.0, variant, action)
    }

    fn switch_well(&self, variant: &str, action: &str) -> String {
        switch_well(&self.0, variant, action)
    }

    fn units_become_what_the_new_generation_says(&self) {
        self.0.run("systemctl start socketed.service && touch /var/lib/asking");
        self.wait_until("runuser -u lingers -- env XDG_RUNTIME_DIR=/run/user/1001 systemctl --user is-active personal.service");
        // systemd may learn of a mount that it did not make long after it was made: then it would be new during the switch.
        self.wait_until("systemctl is-active run-user-1001.mount");

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
        assert!(self.0.fails("systemctl is-active added.service"), "a dry run must do nothing");

        let untouched = self.0.run("systemctl show -P MainPID,InvocationID untouched.service");
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
            self.0.run("systemctl show -P MainPID,InvocationID untouched.service"),
            untouched,
            "a service that did not change must run on"
        );
        for unit in
            ["added.service", "changed.service", "instance@one.service", "requires.service", "stays.service"]
        {
            self.0.run(&format!("systemctl is-active {unit}"));
        }
        for unit in ["removed.service", "socketed.service"] {
            assert!(self.0.fails(&format!("systemctl is-active {unit}")), "{unit} still runs");
        }
        self.0.run("runuser -u lingers -- env XDG_RUNTIME_DIR=/run/user/1001 systemctl --user is-active personal.service");

        let said = self.switch_well("changed", "test");
        for begin in ["stopping", "NOT", "reloading the", "starting", "the following new units"] {
            assert!(!said.lines().any(|line| line.starts_with(begin)), "nothing had changed: {said}");
        }
    }

    fn everything_else_follows(&self) {
        let state = self.0.run(
            "hello; cat /etc/new-file; id -un newcomer; cat /proc/sys/net/ipv4/ip_default_ttl; stat -c %a /var/lib/made; \
             findmnt -no OPTIONS /mounted | grep -o size=2048k; findmnt -no OPTIONS /tabled | grep -o size=2048k; \
             findmnt -no OPTIONS /usr | grep -o ^ro",
        );
        assert_eq!(state, "Hello, world!\nnew\nnewcomer\n42\n750\nsize=2048k\nsize=2048k\nro");
        assert!(self.0.fails("mountpoint -q /going"), "a mount that is gone is still there");
        assert_eq!(self.0.run("grep -c ' /usr ' /proc/self/mountinfo"), "1", "old trees must not pile up");
        // A user's manager may outlive the user, whom later generations do not have.
        self.0.run("loginctl enable-linger newcomer");
        self.wait_until("test -e /run/user/$(id -u newcomer)/systemd/private");
    }

    fn a_failure_has_its_status(&self) {
        let (status, said) = self.switch("failing", "test");
        assert_eq!(status, 4, "{said}");
        assert_line(&said, "warning: the following units failed: fails.service");
        assert_line(&said, "the user newcomer is gone, what still runs for them is left alone");
        self.0.run("rm -r /var/lib/systemd/linger/newcomer /run/nixos/user-1000; systemctl stop user@1000");
        let (status, said) = self.switch("refused", "test");
        assert_eq!(status, 1, "{said}");
        assert_line(&said, "Pre-switch check 'never' failed");
        let held = "flock /run/nixos/switch-to-configuration.lock ";
        let (status, said) = self.0.attempt(&format!("{held} {FIRST}/bin/switch-to-configuration test"));
        assert_eq!(status, 1, "{said}");
        let (status, said) = self.switch("", "nonsense");
        assert!(status == 1 && said.contains("Usage:"), "{said}");
        self.switch_well("", "test");
        assert!(self.0.fails("test -e /usr/bin/hello"), "/usr is not that of the first generation");
    }

    /// What is broken is the new generation's; the old one can always be had back, and works.
    fn a_fault_ends_where_it_began(&self) {
        let before = self.state();
        let (status, said) = self.switch("confused", "test");
        assert_eq!(status, 2, "{said}");
        assert_line(&said, "Activation script snippet 'confused' failed (1)");
        assert_line(&said, "the activation failed");
        self.assert_back(&before);

        // Neither accounts nor /etc can be written.
        self.0.run(
            "for place in etc var/lib; do mkdir -p /run/full/$place; mount -t tmpfs -o size=32M tmpfs /run/full/$place; \
             cp -a /$place/. /run/full/$place; mount --bind /run/full/$place /$place; \
             dd if=/dev/zero of=/$place/ballast bs=4k status=none || true; done",
        );
        let (status, said) = self.switch("changed", "test");
        assert_eq!(status, 2, "{said}");
        assert!(said.contains("No space left on device"), "{said}");
        let (status, said) = self.switch("", "test");
        assert!(
            status == 2 && said.contains("snippet 'users' failed"),
            "what is left undone must be told: {said}"
        );
        assert_eq!(self.state(), before);
        self.0.assert_healthy();
        self.0.run("rm /etc/ballast /var/lib/ballast");
        self.switch_well("changed", "test");
        self.0.run("id newcomer && hello");
        self.assert_back(&before);
        self.0.run("umount /etc; umount -l /var/lib; rm -r /run/full || true");
        self.assert_back(&before);
    }

    /// Logins come over the wire, everything else does not.
    fn a_network_comes_back(&self) {
        let login = login(&self.0.port().to_string(), &self.0.identity_file());
        assert_eq!(login.run("hostname"), "switcher");
        self.switch_well("unreachable", "test");
        assert_eq!(login.output("true").status.code(), Some(255), "nobody can be reached at another address");
        self.switch_well("", "test");
        assert_eq!(login.run("hostname"), "switcher");
    }

    fn assert_back(&self, before: &str) {
        self.switch_well("", "test");
        assert_eq!(self.state(), before);
        self.0.assert_healthy();
    }

    /// The program is killed at moments that lie all over a switch, with all that it has started.
    fn a_killed_switch_is_completed_by_the_next(&self) {
        self.switch_well("changed", "test");
        let wanted = self.state();
        for tenths in [2, 6, 12, 20] {
            self.switch_well("", "test");
            self.0.attempt(&format!(
                "setsid timeout --foreground -s KILL {}.{} {}/bin/switch-to-configuration test",
                tenths / 10,
                tenths % 10,
                generation("changed")
            ));
            let said = self.switch_well("changed", "test");
            assert_eq!(self.state(), wanted, "after {tenths} tenths of a second: {said}");
        }
        self.switch_well("", "test");
    }

    /// What a switch is to bring about.
    fn state(&self) -> String {
        self.0.run(
            "readlink -f /run/current-system /etc/static; stat -c %i /usr; ls /run/nixos; \
             systemctl list-units --plain --no-legend --state=active,failed | awk '{ print $1, $3 }' \
             | grep -E '^(added|changed|described|triggered|required|removed|restarted|reloaded|kept|stays|requires|asked|instance|socketed|timed|mounted|tabled|going|coming)'",
        )
    }

    /// A limit of three, and whatever it says the default and what runs.
    fn the_menu_has_as_many_generations_as_it_may(&self) {
        let changed = generation("changed");
        self.switch_well("", "boot");
        self.0.run(&format!(
            "cd /nix/var/nix/profiles; for number in 2 3 4 5 6; do ln -s $(readlink -f {changed}) \
             system-$number-link; done; ln -sfn system-6-link system"
        ));
        self.switch_well("changed", "boot");
        assert_eq!(
            self.entries(),
            "nixos-generation-1 nixos-generation-4 nixos-generation-5 nixos-generation-6"
        );
        assert_eq!(self.default(), "nixos-generation-6.conf");
        self.0.run("rm /nix/var/nix/profiles/system-[45]-link");
        self.switch_well("changed", "boot");
        assert_eq!(
            self.entries(),
            "nixos-generation-1 nixos-generation-2 nixos-generation-3 nixos-generation-6"
        );
        self.0.run("cd /nix/var/nix/profiles; ln -sfn system-1-link system; rm system-[236]-link");
        self.switch_well("", "boot");
        assert_eq!(self.entries(), "nixos-generation-1");
        assert_eq!(self.default(), "nixos-generation-1.conf");
    }

    /// Without the variants of a generation, which are entries, too.
    fn entries(&self) -> String {
        let listed = self.0.run("cd /boot/loader/entries; ls | grep -v specialisation");
        listed.replace(".conf", "").replace('\n', " ")
    }

    fn default(&self) -> String {
        self.0.run("sed -n 's/^default //p' /boot/loader/loader.conf")
    }

    /// A kernel that has no room is not in the menu, and nothing is missing of what was.
    fn a_full_menu_keeps_what_it_has(&self) {
        self.0.run("mount -t tmpfs -o size=300M tmpfs /boot");
        self.switch_well("", "boot");
        let menu = "cd /boot; find loader EFI -type f | sort | xargs sha256sum";
        let before = self.0.run(menu);
        // Another kernel by its name, of the same size.
        self.0.run(
            "mkdir /var/tmp/other; cp -a /nix/var/nix/profiles/system/. /var/tmp/other; cd /var/tmp/other; \
             cp --remove-destination $(readlink -f kernel) kernel; \
             ln -s /var/tmp/other /nix/var/nix/profiles/system-2-link; ln -sfn system-2-link /nix/var/nix/profiles/system; \
             head -c $(($(df --output=avail -B1 /boot | tail -n 1) - 4000000)) /dev/zero > /boot/ballast",
        );
        let (status, said) = self.0.attempt("/var/tmp/other/bin/switch-to-configuration boot");
        assert_eq!(status, 1, "{said}");
        assert!(said.contains("has no room for the kernels of all generations"), "{said}");
        assert_eq!(self.0.run(menu), before);
        self.0.run(
            "rm /boot/ballast /nix/var/nix/profiles/system-2-link; \
             ln -sfn system-1-link /nix/var/nix/profiles/system; rm -r /var/tmp/other; umount /boot",
        );
    }

    /// The boot menu's program is killed before and after each time that it writes to the disk.
    fn each_step_of_a_boot_change_leaves_a_menu_that_boots(&self) {
        self.switch_well("", "boot");
        self.0.run(
            "mkdir /run/steps; cp /usr/bin/sync /run/steps/sync; cp -a /boot /run/steps/boot; \
             mkdir /var/tmp/other; cp -a /nix/var/nix/profiles/system/. /var/tmp/other; cd /var/tmp/other; \
             cp --remove-destination $(readlink -f kernel) kernel; \
             ln -s /var/tmp/other /nix/var/nix/profiles/system-2-link; ln -sfn system-2-link /nix/var/nix/profiles/system",
        );
        self.0.run(&format!("cat > /run/steps/killing <<'END'\n{KILLING}END\nchmod +x /run/steps/killing"));
        let mut steps = 0;
        for step in 1.. {
            self.0.run(&format!(
                "rm -rf /boot/*; cp -a /run/steps/boot/. /boot; echo 0 > /run/steps/done; echo {step} > /run/steps/last; \
                 mount --bind /run/steps/killing /usr/bin/sync"
            ));
            let (status, said) = self.0.attempt("/var/tmp/other/bin/switch-to-configuration boot");
            self.0.run("umount --lazy /usr/bin/sync");
            let (whole, problem) = self.0.attempt(WHOLE_MENU);
            assert_eq!(whole, 0, "after step {step}: {problem}");
            let default = self.default();
            assert!(
                default.starts_with("nixos-generation-1.") || default.starts_with("nixos-generation-2."),
                "{default}"
            );
            if status == 0 {
                steps = step - 1;
                break;
            }
            self.0.run("/var/tmp/other/bin/switch-to-configuration boot");
            assert_eq!(self.default(), "nixos-generation-2.conf", "after step {step}: {said}");
        }
        eprintln!("a boot change was interrupted at {steps} moments");
        assert!(steps > 10, "{steps}");
        self.0.run(
            "rm -r /run/steps /var/tmp/other /nix/var/nix/profiles/system-2-link; \
             ln -sfn system-1-link /nix/var/nix/profiles/system",
        );
        self.switch_well("", "boot");
    }

    /// Of a service that sleeps for a hundredth of a second at a time, and how long it waited for a processor besides.
    fn longest_pause(&self) -> (Duration, Duration) {
        let said = self.0.run("cat /run/counted");
        let numbers: Vec<f64> = said.split_whitespace().map(|number| number.parse().unwrap()).collect();
        let [times, longest, queued] = numbers[..] else { panic!("{said}") };
        assert!(times > 500.0, "{said}");
        (Duration::from_secs_f64(longest), Duration::from_secs_f64(queued))
    }

    fn wait_until(&self, command: &str) {
        for _ in 0..60 {
            if self.0.attempt(command).0 == 0 {
                return;
            }
            sleep(Duration::from_secs(1));
        }
        panic!("{command} never succeeded");
    }
}

/// `switch-to-configuration` of a variant of the first generation; an empty name is that generation itself.
pub fn switch(host: &Shell, variant: &str, action: &str) -> (i32, String) {
    host.attempt(&format!("{}/bin/switch-to-configuration {action}", generation(variant)))
}

pub fn switch_well(host: &Shell, variant: &str, action: &str) -> String {
    let (status, said) = switch(host, variant, action);
    assert_eq!(status, 0, "switching to {variant:?}: {said}");
    said
}

pub fn generation(variant: &str) -> String {
    if variant.is_empty() { FIRST.to_owned() } else { format!("{FIRST}/specialisation/{variant}") }
}

fn assert_line(said: &str, line: &str) {
    assert!(said.lines().any(|found| found == line), "no line {line:?} in:\n{said}");
}
