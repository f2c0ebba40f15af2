//! Each verb for hosts, on two hosts that run.

use std::io::Write;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::fleet::Fleet;

#[test]
fn every_verb_does_what_it_says() {
    let mut fleet = Fleet::start(&["one", "two"]);
    fleet.deployment("one", "tags", json!(["web"]));
    fleet.apply_well(&[]);
    for name in ["one", "two"] {
        assert_eq!(fleet.host(name).deployed(), "first");
    }

    fleet.set_all("deployed", &json!("second"));
    fleet.set("one", "version", json!("2.0"));
    diff(&fleet);
    asking(&fleet);
    let first = fleet.host("one").profile();
    let reports = fleet.apply_well(&[]);
    assert_eq!(reports["one"]["units"], json!({ "restart": ["app.service"] }));
    assert_eq!(
        reports["one"]["packages"],
        json!([{ "name": "application", "old": ["1.0"], "new": ["2.0"] }])
    );
    assert_eq!(reports["two"]["packages"], json!([]));
    let second = fleet.host("one").profile();

    generations(&fleet, &first, &second);
    rollback(&fleet, &first);
    status(&fleet);
    exec(&fleet);
    sessions(&fleet);
    boots(&mut fleet);
}

fn diff(fleet: &Fleet) {
    let run = fleet.run(&["diff"]);
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    assert!(run.stdout.contains("  application 1.0 → 2.0\n"), "{}", run.stdout);
    assert!(run.stdout.starts_with("one: /nix/store/") && run.stdout.contains("\ntwo: /nix/store/"));
    let run = fleet.run(&["diff", "--json", "--on", "@web"]);
    let report = &run.reports()["one"];
    assert_eq!(report["packages"][0]["name"], "application");
    assert_eq!(report["needsReboot"], false);
    assert_ne!(report["old"], report["new"]);
}

fn asking(fleet: &Fleet) {
    for (answer, outcome) in [("n\n", "skipped"), ("", "skipped")] {
        let mut command = fleet.program(&["apply", "--ask", "--json", "--on", "one"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(answer.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("application 1.0 → 2.0") && said.contains("Change 'one'? [y/N]"), "{said}");
        assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap()["outcome"], outcome);
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert_eq!(fleet.host("one").deployed(), "first");
    }
    let run = fleet.run(&["apply", "dry-activate", "--json", "--on", "one"]);
    assert_eq!(run.reports()["one"]["outcome"], "planned", "{}", run.stderr);
    let run = fleet.run(&["apply", "push", "--json", "--on", "one"]);
    assert_eq!(run.reports()["one"]["outcome"], "pushed", "{}", run.stderr);
    assert_eq!(fleet.host("one").deployed(), "first");
}

fn generations(fleet: &Fleet, first: &str, second: &str) {
    let run = fleet.run(&["generations", "--json"]);
    let found = &run.reports()["one"]["generations"];
    assert_eq!(found.as_array().map(Vec::len), Some(2), "{} {}", run.stdout, run.stderr);
    assert_eq!((&found[0]["path"], &found[1]["path"]), (&first.into(), &second.into()));
    assert_eq!((&found[0]["current"], &found[1]["current"]), (&false.into(), &true.into()));
    assert_eq!(found[1]["profile"], true);
    let run = fleet.run(&["generations", "--on", "two"]);
    assert!(run.stdout.starts_with("two:\n     1  20"), "{}", run.stdout);
    assert!(run.stdout.trim_end().ends_with("boots, runs"), "{}", run.stdout);
}

fn rollback(fleet: &Fleet, first: &str) {
    let run = fleet.run(&["rollback", "--json", "--on", "one"]);
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    assert_eq!(run.reports()["one"]["outcome"], "applied");
    assert_eq!(
        (fleet.host("one").profile().as_str(), fleet.host("one").deployed().as_str()),
        (first, "first")
    );
    assert_eq!(fleet.host("one").link("nix/var/nix/profiles/system"), "system-1-link");
    let run = fleet.run(&["rollback", "--json", "--on", "one"]);
    assert_eq!(run.reports()["one"]["reason"], "it has no generation before this one", "{}", run.stderr);
    let run = fleet.run(&["rollback", "--json", "--on", "one", "--to", "99"]);
    assert_eq!(run.status, Some(9));
    assert_eq!(run.reports()["one"]["reason"], "it has no generation 99");
    let run = fleet.run(&["rollback", "--json", "--on", "one", "--to", "2"]);
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    assert_eq!(fleet.host("one").deployed(), "second");
    assert_eq!(fleet.host("one").link("nix/var/nix/profiles/system"), "system-2-link");
}

fn status(fleet: &Fleet) {
    let run = fleet.run(&["status", "--json"]);
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    let report = &run.reports()["two"];
    assert_eq!((&report["reachable"], &report["drifted"]), (&true.into(), &false.into()));
    assert_eq!((&report["state"], &report["lastSwitch"]["outcome"]), (&"running".into(), &"applied".into()));
    assert!(report["diskFree"].as_u64().unwrap() > 0);
    fleet.host("two").run("echo app.service >/run/failed");
    let run = fleet.run(&["status"]);
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert!(lines[0].starts_with("HOST  GENERATION  SINCE"), "{}", run.stdout);
    assert!(lines[2].starts_with("two ") && lines[2].contains("degraded"), "{}", run.stdout);
    assert!(lines[2].contains("failed: app.service"), "{}", run.stdout);
    fleet.host("two").run("rm /run/failed");
}

fn exec(fleet: &Fleet) {
    let run = fleet.run(&["exec", "--", "cat", "/run/deployed"]);
    assert_eq!((run.status, run.stdout.as_str()), (Some(0), "one| second\ntwo| second\n"), "{}", run.stderr);
    let run = fleet.run(&["exec", "--on", "two", "--", "echo said >&2; exit 3"]);
    assert_eq!((run.status, run.stdout.as_str()), (Some(9), ""));
    assert!(run.stderr.contains("two| said\n") && run.stderr.contains("two: status 3\n"), "{}", run.stderr);
    let run = fleet.run(&["exec", "--json", "--root", "--on", "one", "--", "id -u"]);
    assert_eq!(run.reports()["one"], json!({ "host": "one", "status": 0, "output": "0\n", "error": null }));
}

/// `ssh` and `logs` become other programs, which have no terminal here.
fn sessions(fleet: &Fleet) {
    let run = fleet.run(&["ssh", "one", "cat", "/run/deployed"]);
    assert_eq!((run.status, run.stdout.as_str()), (Some(0), "second"), "{}", run.stderr);
    let run = fleet.run(&["ssh", ".#two", "exit 7"]);
    assert_eq!(run.status, Some(7));
    let run = fleet.run(&["logs", "one"]);
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    assert!(run.stdout.contains("activating the configuration..."), "{}", run.stdout);
    fleet.host("one").run("printf '#!/bin/sh\\necho \"$@\"\\n' >/run/wrappers/bin/journalctl; chmod +x /run/wrappers/bin/journalctl");
    let run = fleet.run(&["logs", "one", "-u", "app.service", "-b"]);
    assert_eq!(run.stdout, "--no-pager --boot --unit=app.service\n", "{}", run.stderr);
}

fn boots(fleet: &mut Fleet) {
    fleet.set_all("deployed", &json!("third"));
    fleet.set_all("kernel", &json!("2"));
    let reports = fleet.apply_well(&["boot"]);
    assert_eq!(reports["one"]["needsReboot"], true);
    assert_eq!(fleet.host("one").deployed(), "second", "it boots later");
    let boot = fleet.host("one").read("boot_id");
    let reports = fleet.apply_well(&["boot", "--reboot"]);
    assert_eq!(reports["one"]["outcome"], "applied");
    assert_ne!(fleet.host("one").read("boot_id"), boot);
    assert_eq!(fleet.host("one").link("run/booted-system"), fleet.host("one").profile());
    let unchanged = fleet.apply_well(&["switch", "--reboot"]);
    assert_eq!(unchanged["one"]["outcome"], "unchanged");
}

#[test]
fn what_is_wrong_with_one_host_holds_up_no_other() {
    let mut fleet = Fleet::start(&["dead", "fine", "wrong"]);
    fleet.set("wrong", "mistake", json!("nobody knows how"));
    fleet.hosts.get_mut("dead").unwrap().kill();
    let (run, reports) = fleet.apply(&["--connect-timeout", "5"]);
    assert_eq!(run.status, Some(9), "{}", run.stderr);
    assert_eq!(reports["fine"]["outcome"], "applied", "{}", run.stderr);
    assert_eq!(fleet.host("fine").deployed(), "first");
    assert_eq!(reports["dead"]["outcome"], "unreachable");
    assert_eq!(reports["wrong"]["outcome"], "failed");
    assert!(reports["wrong"]["reason"].as_str().unwrap().contains("nobody knows how"), "{}", run.stderr);
    let run = fleet.run(&["diff", "--connect-timeout", "5"]);
    assert_eq!(run.status, Some(9), "{}", run.stderr);
    assert!(run.stdout.contains("fine: runs it already"), "{}", run.stdout);
    // It alone is the configuration's mistake.
    let run = fleet.run(&["apply", "--on", "wrong"]);
    assert_eq!(run.status, Some(3), "{}", run.stderr);
    // Nor does a host whose options do not evaluate, when others are asked something.
    fleet.deployment("wrong", "targetPort", json!(70000));
    let run = fleet.run(&["exec", "--on", "@all", "--connect-timeout", "5", "--", "cat /run/deployed"]);
    assert_eq!((run.status, run.stdout.as_str()), (Some(9), "fine| first\n"), "{}", run.stderr);
    assert!(
        run.stderr.contains("the option deployment.targetPort of 'wrong' cannot be read"),
        "{}",
        run.stderr
    );
}
