//! A wireless network that came with a machine's copy of an image.

use std::time::Duration;

use crate::machine::Machine;

pub const SSID: &str = "Küche 2";
pub const PASSPHRASE: &str = r#" it's "quoted" \ here"#;

/// The files are the machine's secret, NetworkManager reads its own as it was meant, and wpa_supplicant joins the network: in
/// the air of Linux's simulated radios.
pub fn assert_joins(machine: &Machine) {
    let (supplicant, manager) =
        ("/var/lib/hostwright/wireless.conf", "/etc/NetworkManager/system-connections/personal.nmconnection");
    assert_eq!(machine.run(&format!("stat -c '%a %U' {supplicant} {manager}")), "600 root\n600 root");
    let read = machine.run(&format!("nmcli --offline connection modify connection.zone x < {manager}"));
    // NetworkManager writes a name beyond ASCII as its bytes (nm-settings-keyfile(5)).
    let ssid: String = SSID.bytes().map(|byte| format!("{byte};")).collect();
    for line in [&format!("ssid={ssid}"), "hidden=true", "key-mgmt=wpa-psk", "type=wifi"] {
        assert!(read.lines().any(|found| found == line), "no {line} in {read}");
    }
    let psk = read.lines().find_map(|line| line.strip_prefix("psk=")).unwrap();
    assert_eq!(psk.replace("\\s", " ").replace("\\\\", "\\"), PASSPHRASE);

    // Two radios: one in a network namespace of its own is the access point.
    machine.run("modprobe mac80211_hwsim radios=2");
    let ssid: String = SSID.bytes().map(|byte| format!("{byte:02x}")).collect();
    let network = format!(
        "network={{\nssid={ssid}\nmode=2\nfrequency=2412\nkey_mgmt=WPA-PSK\nproto=RSN\npsk=\"{PASSPHRASE}\"\n}}\n"
    );
    let hexadecimal: String = network.bytes().map(|byte| format!("\\x{byte:02x}")).collect();
    machine.run(&format!("umask 077; printf '{hexadecimal}' > /run/access-point.conf"));
    machine.run("ip netns add air && iw phy $(cat /sys/class/net/wlan1/phy80211/name) set netns name air");
    machine.run("ip netns exec air wpa_supplicant -B -i wlan1 -D nl80211 -c /run/access-point.conf");
    machine.run("systemctl restart wpa_supplicant");
    let joined = || machine.run("iw dev wlan0 link");
    let mut link = joined();
    for _ in 0..60 {
        if link.contains("Connected to") {
            break;
        }
        std::thread::sleep(Duration::from_secs(2));
        link = joined();
    }
    assert!(link.contains("Connected to"), "{link}\n{}", machine.run("journalctl -b -u wpa_supplicant"));
    // With four words of the handshake, not only in its neighbourhood.
    assert!(machine.run("iw dev wlan0 station dump").contains("authorized:\tyes"));
}
