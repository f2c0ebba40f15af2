//! Searches for options and packages.

use serde_json::Value;

use crate::fleet::Fleet;

fn found(arguments: &[&str]) -> Vec<Value> {
    let printed = Fleet::first_light().hostwright(arguments);
    serde_json::from_str(&printed).unwrap()
}

#[test]
fn an_option_is_found_with_all_that_is_known_of_it() {
    let options = found(&["options", "services.k3s.role", "--json"]);
    assert_eq!(options[0]["name"], "services.k3s.role");
    assert_eq!(options[0]["default"], "\"server\"");
    assert_eq!(options[0]["type"], "one of \"server\", \"agent\"");
    assert_eq!(options[0]["declarations"][0], "nixos/modules/services/cluster/rancher");
    let options = found(&["options", "firewall", "ports", "--json"]);
    assert!(options.iter().any(|option| option["name"] == "networking.firewall.allowedTCPPorts"));
    assert!(found(&["options", "no-such-word-anywhere", "--json"]).is_empty());
}

#[test]
fn a_host_has_options_of_its_own() {
    let fleet = Fleet::fpga_runners();
    let printed =
        fleet.hostwright(&["options", "boards", "--flake", &fleet.installable("runner0"), "--json"]);
    let options: Vec<Value> = serde_json::from_str(&printed).unwrap();
    let uart = options.iter().find(|option| option["name"] == "boards.<name>.uart").unwrap();
    assert_eq!(uart["declarations"][0], "modules/boards.nix");
    assert_eq!(uart["example"], "\"1-1.1.3\"");
}

#[test]
fn the_page_has_all_options() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("options.html");
    Fleet::first_light().hostwright(&["options", "--html", file.to_str().unwrap()]);
    let page = std::fs::read_to_string(file).unwrap();
    let records = page.split("id=\"records\">").nth(1).unwrap().split("</script>").next().unwrap();
    let options: Vec<Value> = serde_json::from_str(records).unwrap();
    assert!(options.len() > 1500, "{}", options.len());
    assert!(options.iter().all(|option| option["description"] != ""));
}

#[test]
fn a_package_is_found_by_its_description() {
    let packages = found(&["packages", "openssh-server", "--json"]);
    assert_eq!(packages[0]["name"], "openssh-server");
    let packages = found(&["packages", "secure", "shell", "server", "--json"]);
    assert!(packages.iter().any(|package| package["name"] == "openssh-server"));
}

#[test]
fn a_package_is_found_by_its_name_in_nixpkgs() {
    let packages = found(&["packages", "fd", "--json"]);
    assert_eq!(packages[0]["name"], "fd-find");
    assert_eq!(packages[0]["nixpkgs"], serde_json::json!(["fd"]));
    assert!(Fleet::first_light().hostwright(&["packages", "gnused"]).contains("in nixpkgs: gnused"));
}

#[test]
fn every_package_with_a_name_in_nixpkgs_is_in_the_archive() {
    let base = concat!(env!("CARGO_MANIFEST_DIR"), "/../../base");
    let table = format!(
        "builtins.concatMap (entry: entry.debs) (builtins.attrValues (import {base}/pkgs/top-level/nixpkgs-names.nix {{ lib = import {base}/lib; }}))"
    );
    let debs = found(&["eval", "--impure", "--json", "--expr", &table]);
    assert!(debs.len() > 150, "{}", debs.len());
    // What boards start from is for their architecture alone.
    let mut known = found(&["packages", "", "--json"]);
    known.extend(found(&["packages", "", "--json", "--architecture", "arm64"]));
    let known: std::collections::BTreeSet<&str> =
        known.iter().filter_map(|package| package["name"].as_str()).collect();
    let missing: Vec<_> = debs.iter().filter(|deb| !known.contains(deb.as_str().unwrap())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// The page as a browser has it when its scripts have run.
fn in_browser(address: &str) -> String {
    let profile = tempfile::tempdir().unwrap();
    let mut browser = std::process::Command::new("timeout");
    browser
        .args([
            "120",
            "chromium",
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
        ])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(["--virtual-time-budget=10000", "--dump-dom", address]);
    let output = browser.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_browser_searches_the_page() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("options.html");
    Fleet::first_light().hostwright(&["options", "--html", file.to_str().unwrap()]);
    // By the address, as a link has it.
    let page = in_browser(&format!("file://{}#services.openssh.enable", file.display()));
    let found: Vec<&str> = page.split("<article>").skip(1).collect();
    assert!(
        found[0].contains(">services.openssh.enable</a></h2><p>Whether the host answers on SSH.</p>"),
        "{}",
        found[0]
    );
    assert!(
        found[0].contains("<pre>false</pre>") && found[0].contains("networking/ssh/sshd.nix"),
        "{}",
        found[0]
    );
    assert!(page.contains(&format!("{} of ", found.len())), "the count of {} is missing", found.len());
    // By typing, as people do.
    let typing = "<script>query.value = \"firewall ports\"; query.dispatchEvent(new Event(\"input\"));</script></body>";
    let text = std::fs::read_to_string(&file).unwrap().replace("</body>", typing);
    std::fs::write(&file, text).unwrap();
    let page = in_browser(&format!("file://{}", file.display()));
    assert!(page.contains(">networking.firewall.allowedTCPPorts</a>"));
    assert!(!page.contains(">services.openssh.enable</a>"));
}
