//! What packages' maintainer scripts would have done, on the examples and on a host with more.

use serde_json::Value;

use crate::fleet::Fleet;

#[test]
fn the_base_does_what_the_scripts_of_the_examples_would() {
    let fleets = [
        (Fleet::first_light(), "alpha"),
        (Fleet::turing_pi(), "node3"),
        (Fleet::fpga_runners(), "runner0"),
        (Fleet::sd_card(), "card"),
    ];
    for (fleet, host) in fleets {
        let run = fleet.run(&["lint", &fleet.installable(host)]);
        assert_eq!((run.status, run.stdout.as_str()), (Some(0), ""), "{host}: {}", run.stderr);
    }
    let fleet = Fleet::first_light();
    let all = fleet.hostwright(&["lint", &fleet.installable("alpha"), "--all"]);
    // Of a script by hand, of debhelper's part of one, and of alternatives.
    for (command, instead) in [
        (
            "postinst: adduser --system --quiet --ingroup tcpdump",
            "instead: its user is made by sysusers.d(5)",
        ),
        ("postinst: deb-systemd-helper", "instead: units are enabled by the configuration"),
        (
            "postinst: update-alternatives --quiet --install /usr/bin/pager",
            "instead: /usr/bin/pager is linked",
        ),
    ] {
        let mut lines = all.lines().skip_while(|line| !line.contains(command));
        assert!(lines.next().is_some(), "no {command} in\n{all}");
        assert!(lines.next().is_some_and(|line| line.contains(instead)), "no {instead} in\n{all}");
    }
}

#[test]
fn what_nothing_takes_the_place_of_is_shown() {
    let place = tempfile::tempdir().unwrap();
    let module = |provided: &str| {
        format!(
            "{{ environment.debianPackages = [ \"tftpd-hpa\" ]; system.debian.maintainerScripts.packages = {{ {provided} }}; }}"
        )
    };
    let fleet = Fleet::first_light().with_mistake(place.path(), &module(""));
    let run = fleet.run(&["lint", &fleet.installable("alpha"), "--json"]);
    assert_eq!(run.status, Some(3), "{}", run.stderr);
    assert!(run.stderr.contains("scripts that nothing takes the place of"), "{}", run.stderr);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((&report["host"], &report["missing"]), (&"alpha".into(), &1.into()));
    let found = report["found"].as_array().unwrap();
    let package = found.iter().find(|package| package["package"] == "tftpd-hpa").unwrap();
    let missing: Vec<&Value> = package["commands"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|command| command["provided"].is_null())
        .collect();
    assert!(
        missing.iter().any(|command| command["command"].as_str().unwrap().contains("adduser")),
        "{package}"
    );

    std::fs::write(fleet.directory.join("mistake.nix"), module("tftpd-hpa = \"by hand\";")).unwrap();
    assert_eq!(fleet.run(&["lint", &fleet.installable("alpha")]).status, Some(0));
}
