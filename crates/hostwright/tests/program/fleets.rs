//! The examples of whole fleets, booted: what their options came to on a running host.

use std::sync::PoisonError;

use crate::fleet::Fleet;
use crate::machine::{Machine, ONE_MACHINE};

#[test]
fn what_an_edit_does_not_name_leaves_usr_as_it_is() {
    let shared = Fleet::first_light();
    let usr = |module: &str| {
        let place = tempfile::tempdir().unwrap();
        let fleet = shared.with_mistake(place.path(), module);
        fleet.hostwright(&[
            "eval",
            &fleet.installable("nixosConfigurations.alpha.config.system.build.usr.drvPath"),
        ])
    };
    let before = usr("{ }");
    let edits = [
        "{ lib, ... }: { networking.hostName = lib.mkForce \"zeta\"; }",
        "{ systemd.services.alone = { script = \"echo alone\"; wantedBy = [ \"multi-user.target\" ]; }; }",
        "{ environment.variables.A = \"b\"; networking.firewall.allowedTCPPorts = [ 99 ]; }",
        "{ services.openssh.ports = [ 2222 ]; security.pam.loginLimits = [ { domain = \"*\"; type = \"-\"; item = \"nofile\"; value = 4; } ]; }",
    ];
    for edit in edits {
        assert_eq!(usr(edit), before, "{edit}");
    }
    let named = "{ pkgs, ... }: { systemd.services.named.script = \"${pkgs.writeShellScript \"a\" \"${pkgs.jq}/bin/jq .\"}\"; }";
    assert_ne!(usr(named), before);
}

#[test]
fn a_node_of_a_cluster_serves_with_its_firewall() {
    let fleet = Fleet::turing_pi();
    let _turn = ONE_MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut machine = Machine::start(&fleet, "node3");
    machine.assert_healthy();
    assert_eq!(
        machine.run("cat /run/k3s-arguments"),
        "server --cluster-init --token-file /var/lib/secrets/k3s-token --disable traefik"
    );
    let rules = machine.run("nft list ruleset");
    for port in ["22", "6443", "10250-10252"] {
        assert!(rules.contains(port), "{port} is not open: {rules}");
    }
    assert!(!rules.contains("2379"), "{rules}");
    assert_eq!(machine.run("getent shadow root | cut -d: -f2"), "!");
    assert_eq!(machine.run("su deploy -c 'sudo -n id -u'"), "0");
    assert!(machine.run("iscsiadm --version").contains("iscsiadm"));
    machine.power_off();
    fleet.discard_machine("node3");
}

#[test]
fn a_runner_serves_its_boards() {
    let fleet = Fleet::fpga_runners();
    let _turn = ONE_MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut machine = Machine::start(&fleet, "runner0");
    machine.assert_healthy();
    for board in ["zcu-0", "zcu-1", "zcu-2"] {
        assert_eq!(machine.run(&format!("systemctl is-active {board}")), "active");
    }
    let process = machine.run("systemctl show -P MainPID zcu-0");
    let environment = machine.run(&format!("tr '\\0' '\\n' < /proc/{process}/environ"));
    for line in ["BOARD_UART=1-1.1.3", "BOARD_TARGETS=fpga,fpga-nightly", "BOARD_NAME=runner0-zcu-0"] {
        assert!(environment.lines().any(|known| known == line), "no {line} in {environment}");
    }
    assert_eq!(machine.run("zcu-0-debug console now"), "board at 1-1.1.3, card at 1-1.1.4: console now");
    let timers = machine.run("systemctl show -P TimersCalendar fetch-images.timer remove-old-images.timer");
    for time in ["Wed *-*-* 05:00:00", "Sat *-*-* 05:00:00"] {
        assert!(timers.contains(time), "{timers}");
    }
    machine.run("udevadm verify /etc/udev/rules.d/99-local.rules");
    machine.run("test -e /usr/lib/udev/rules.d/60-usbsdmux.rules");
    assert_eq!(machine.run("loginctl show-user runner -P Linger"), "yes");
    assert_eq!(machine.run("nmcli --terse --fields STATE general"), "connected");
    assert!(
        machine.run("systemd-analyze cat-config systemd/journald.conf").contains("MaxRetentionSec=2weeks")
    );
    // After a failure it comes back, after the time that was asked for.
    machine.run("systemctl kill --signal=KILL zcu-1 && sleep 1");
    assert_eq!(machine.run("systemctl is-active zcu-1 || true"), "activating");
    machine.run("for i in $(seq 60); do systemctl is-active -q zcu-1 && exit 0; sleep 1; done; exit 1");
    machine.power_off();
    fleet.discard_machine("runner0");
}
