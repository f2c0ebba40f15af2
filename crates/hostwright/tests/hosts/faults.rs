//! What can go wrong ends in the old generation, which works and can be reached, and is said.

use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::fleet::{Fleet, Run};

/// A host that runs its first generation.
fn deployed() -> Fleet {
    let fleet = Fleet::start(&["web"]);
    fleet.apply_well(&[]);
    fleet
}

fn assert_old(fleet: &Fleet, generation: &str) {
    let host = fleet.host("web");
    assert_eq!(host.link("run/current-system"), generation);
    assert_eq!(host.profile(), generation);
    assert_eq!(host.deployed(), "first");
    // It is reached, and does what it is told.
    let run = fleet.run(&["status", "--json"]);
    assert_eq!((run.status, &run.reports()["web"]["drifted"]), (Some(0), &json!(false)), "{}", run.stderr);
}

fn fails(fleet: &Fleet, arguments: &[&str], outcome: &str, why: &str) -> Value {
    let (run, reports) = fleet.apply(arguments);
    assert_eq!(run.status, Some(9), "{}", run.stderr);
    let report = reports["web"].clone();
    assert_eq!(report["outcome"], outcome, "{}", run.stderr);
    let reason = report["reason"].as_str().unwrap();
    assert!(reason.contains(why), "{reason}");
    report
}

#[test]
fn a_bad_generation_is_taken_back() {
    let mut fleet = deployed();
    let first = fleet.host("web").profile();
    fleet.set("web", "deployed", json!("bad"));

    fleet.set("web", "scripts", json!({ "activation": "echo broken >&2; exit 2" }));
    fails(&fleet, &[], "rolled-back", "the activation failed with status 2");
    assert_old(&fleet, &first);

    fleet.set("web", "scripts", json!({}));
    fleet.set("web", "failed", json!("app.service\n"));
    fails(&fleet, &[], "rolled-back", "units failed: app.service");
    assert_old(&fleet, &first);

    fleet.set("web", "failed", json!(""));
    // It works as far as systemd knows, and a check says that it does not, of whichever side.
    for (name, from) in [("page", "host"), ("door", "client")] {
        let checks = json!({ "command": { name: { "command": "echo no answer >&2; exit 1", "from": from } }, "timeout": 2 });
        fleet.deployment("web", "healthChecks", checks);
        fails(&fleet, &[], "rolled-back", name);
        assert_old(&fleet, &first);
    }
    fleet.deployment("web", "healthChecks", json!({}));

    fleet.set("web", "scripts", json!({ "activation": "sleep 30" }));
    fails(&fleet, &["--activation-timeout", "2"], "rolled-back", "the activation took longer than 2 s");
    assert_old(&fleet, &first);

    // Whatever was written of the boot menu, the profile is the old one again.
    fleet.set("web", "scripts", json!({ "boot": "exit 1" }));
    fails(&fleet, &[], "rolled-back", "the boot entries could not be written");
    assert_old(&fleet, &first);

    // What people asked for is done, whatever it is.
    fleet.set("web", "scripts", json!({}));
    fleet.set("web", "failed", json!("app.service\n"));
    fails(&fleet, &["--no-rollback"], "failed", "units failed: app.service");
    assert_eq!(fleet.host("web").deployed(), "bad");
}

/// Nobody is let in any more, as after a firewall that drops SSH, or a server that was stopped.
#[test]
fn who_is_locked_out_is_let_in_again() {
    let mut fleet = deployed();
    let first = fleet.host("web").profile();
    let key = "/run/authorized_keys";
    // The old generation lets them in again, when it is activated once more.
    let restore = format!("[ ! -e {key}.gone ] || mv {key}.gone {key}");
    fleet.set("web", "scripts", json!({ "activation": restore }));
    fleet.apply_well(&[]);
    let with_restore = fleet.host("web").profile();
    assert_ne!(first, with_restore);
    fleet.set("web", "deployed", json!("locked"));
    fleet.set("web", "scripts", json!({ "activation": format!("mv {key} {key}.gone") }));
    fails(&fleet, &["--confirm-timeout", "4"], "rolled-back", "nobody confirmed it within 4 s");
    assert_old(&fleet, &with_restore);
}

#[test]
fn a_full_disk_is_survived() {
    let mut fleet = deployed();
    let first = fleet.host("web").profile();
    let host = fleet.host("web");
    host.run("cp -a /nix /run/nix && mount -t tmpfs -o size=$(($(du -sk /nix | cut -f1) + 1024))k none /nix && cp -a /run/nix/. /nix && rm -r /run/nix");
    fleet.set("web", "deployed", json!("large"));
    fleet.set("web", "size", json!(40_000));
    let report = fails(&fleet, &[], "failed", "No space left on device");
    assert_eq!(report["new"].as_str().map(str::is_empty), Some(false));
    assert_eq!(fleet.host("web").run("readlink -f /run/current-system"), first);

    // What was copied until then need not be copied again.
    fleet.host("web").run("mount -o remount,size=64m /nix");
    fleet.set("web", "deployed", json!("first"));
    fleet.apply_well(&[]);
    let large = fleet.host("web").run("readlink -f /run/current-system");
    assert_ne!(large, first);

    // Full while it is switched: neither state nor log can be written to the disk.
    let fill = "mount -t tmpfs -o size=4k none /var/lib && mkdir -p /var/lib/hostwright/switch && \
                dd if=/dev/zero of=/var/lib/full bs=1k count=64 2>/dev/null; true";
    fleet.host("web").run(fill);
    fleet.set("web", "deployed", json!("full"));
    fleet.set("web", "scripts", json!({ "activation": "cp /proc/self/environ /var/lib/new || exit 2" }));
    fails(&fleet, &[], "rolled-back", "the activation failed with status 2");
    assert_eq!(fleet.host("web").run("readlink -f /run/current-system"), large);
    // A generation that needs no space comes all the same.
    fleet.set("web", "scripts", json!({}));
    fleet.apply_well(&[]);
    assert_eq!(fleet.host("web").deployed(), "full");
}

/// Killed at any moment: the host runs one generation or the other, the one that boots, and takes the next.
#[test]
fn a_killed_client_leaves_a_host_that_works() {
    let mut fleet = deployed();
    // How long a whole run takes depends on how busy the machine is.
    fleet.set("web", "deployed", json!("measured"));
    let begun = Instant::now();
    fleet.apply_well(&[]);
    let whole = begun.elapsed();
    let kills: u64 = std::env::var("HOSTWRIGHT_KILLS").map_or(4, |count| count.parse().unwrap());
    for number in 0..kills {
        let name = format!("killed {number}");
        fleet.set("web", "deployed", json!(name));
        let mut client = fleet
            .program(&["apply", "--confirm-timeout", "3"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let moment = whole.mul_f64(f64::from(getrandom()) / f64::from(u16::MAX));
        sleep(moment);
        client.kill().unwrap();
        client.wait().unwrap();
        // What it had begun on the host ends there by itself.
        sleep(Duration::from_millis(300));
        let host = fleet.host("web");
        host.settle();
        let current = host.link("run/current-system");
        assert_eq!(host.profile(), current, "killed after {moment:?}");
        let deployed = host.run("cat /run/current-system/etc/deployed");
        assert_eq!(host.deployed(), deployed, "killed after {moment:?}");
        let run = fleet.run(&["status", "--json"]);
        let last = &run.reports()["web"]["lastSwitch"]["outcome"];
        assert!(["applied", "rolled-back"].contains(&last.as_str().unwrap()), "{last}");
        eprintln!("killed after {moment:?} of {whole:?}: {last}, runs {deployed:?}");
    }
    fleet.set("web", "deployed", json!("after all"));
    fleet.apply_well(&[]);
    assert_eq!(fleet.host("web").deployed(), "after all");
}

fn getrandom() -> u16 {
    use std::hash::{BuildHasher, Hasher};
    std::hash::RandomState::new().build_hasher().finish() as u16
}

#[test]
fn a_host_that_loses_power_boots_the_old_generation() {
    let mut fleet = deployed();
    let first = fleet.host("web").profile();
    fleet.set("web", "deployed", json!("second"));
    let checks = json!({ "command": { "slow": { "command": "sleep 4", "from": "client" } } });
    fleet.deployment("web", "healthChecks", checks);
    let client = fleet
        .program(&[
            "apply",
            "--json",
            "--connect-timeout",
            "2",
            "--confirm-timeout",
            "5",
            "--activation-timeout",
            "5",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while fleet.host("web").deployed() != "second" {
        assert!(begun.elapsed() < crate::host::PATIENCE, "it was never activated");
        sleep(Duration::from_millis(20));
    }
    let keys = fleet.keys.clone();
    let host = fleet.hosts.get_mut("web").unwrap();
    host.kill();
    host.boots();
    host.restart(&keys);
    let output = client.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(9));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["outcome"], "rolled-back", "{report}");
    assert!(report["reason"].as_str().unwrap().contains("restarted before it was confirmed"), "{report}");
    assert_eq!(fleet.host("web").profile(), first);
}

/// Ctrl-C while a check is being made: nobody waits for the check, and the host goes back.
#[test]
fn an_interrupted_client_takes_the_change_back() {
    let mut fleet = deployed();
    let first = fleet.host("web").profile();
    fleet.set("web", "deployed", json!("second"));
    let place = tempfile::tempdir().unwrap();
    let began = place.path().join("began");
    let slow = format!("echo >{}; exec sleep 600", began.display());
    let checks = json!({ "command": { "slow": { "command": slow, "from": "client" } }, "timeout": 600 });
    fleet.deployment("web", "healthChecks", checks);
    let client = fleet
        .program(&["apply", "--json", "--confirm-timeout", "600"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while !began.exists() {
        assert!(begun.elapsed() < crate::host::PATIENCE, "the check was never made");
        sleep(Duration::from_millis(20));
    }
    assert_eq!(fleet.host("web").deployed(), "second");
    kill_process(Pid::from_child(&client), Signal::INT).unwrap();
    let begun = Instant::now();
    let output = client.wait_with_output().unwrap();
    // Ten seconds is what one attempt at a check may take.
    assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
    assert_eq!(output.status.code(), Some(130));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["outcome"], "rolled-back", "{report}");
    assert!(report["reason"].as_str().unwrap().contains("it was interrupted"), "{report}");
    assert_old(&fleet, &first);
}

/// Neither a key that is not the pinned one nor one that nobody has is overcome.
#[test]
fn another_host_in_its_place_is_not_touched() {
    let mut fleet = deployed();
    fleet.set("web", "deployed", json!("second"));
    let keys = fleet.keys.clone();
    let others = crate::host::Keys { host: keys.other_host.clone(), ..keys.clone() };
    fleet.hosts.get_mut("web").unwrap().restart(&others);
    let report = fails(&fleet, &[], "unreachable", "another host key than the one that is pinned");
    assert!(report["reason"].as_str().unwrap().contains("remove the old line from"), "{report}");
    fleet.hosts.get_mut("web").unwrap().restart(&keys);
    fleet.host("web").run("mv /run/authorized_keys /run/authorized_keys.gone");
    fails(&fleet, &[], "unreachable", "does not let us in");
    assert_eq!(fleet.host("web").deployed(), "first");
    let run = Run::of(fleet.program(&["exec", "--", "true"]).env("NIX_SSHOPTS", "-o BatchMode=yes"));
    assert_eq!(run.status, Some(9), "{}", run.stderr);
}
