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
