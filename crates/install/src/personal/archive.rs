use tar::{Builder, EntryType, Header};
use zeroize::Zeroizing;

use super::settings::{Personal, Wifi};
use crate::error::{Error, Result};

/// The time of all files, in seconds since 1970: the same settings make the same bytes.
const TIME: u64 = 1;

impl Personal {
    /// The archive that the host unpacks: `authorized_keys/USER`, `hostname`, `ssh/ssh_host_*_key` and `.pub`,
    /// `wireless.conf` (wpa_supplicant.conf(5)), `personal.nmconnection` (nm-settings-keyfile(5)).
    pub(super) fn archive(&self) -> Result<Zeroizing<Vec<u8>>> {
        let mut archive = Archive(Builder::new(Vec::new()));
        for (user, keys) in &self.authorized_keys {
            archive.add(&format!("authorized_keys/{user}"), &(keys.join("\n") + "\n"))?;
        }
        for key in &self.host_keys {
            archive.add(&format!("ssh/{}", key.file), &key.private)?;
            archive.add(&format!("ssh/{}.pub", key.file), &format!("{}\n", key.public))?;
        }
        if let Some(name) = &self.hostname {
            archive.add("hostname", &format!("{name}\n"))?;
        }
        if let Some(wifi) = &self.wifi {
            archive.add("wireless.conf", &wifi.for_supplicant())?;
            archive.add("personal.nmconnection", &wifi.for_network_manager())?;
        }
        archive.0.into_inner().map(Zeroizing::new).map_err(unarchivable)
    }
}

struct Archive(Builder<Vec<u8>>);

impl Archive {
    fn add(&mut self, path: &str, text: &str) -> Result<()> {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0o600);
        header.set_mtime(TIME);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(text.len() as u64);
        self.0.append_data(&mut header, path, text.as_bytes()).map_err(unarchivable)
    }
}

fn unarchivable(error: std::io::Error) -> Error {
    Error::InvalidPersonal { what: "the settings of this machine".to_owned(), reason: error.to_string() }
}

impl Wifi {
    /// In hexadecimal a network's name needs no quoting; a passphrase ends with the last quote of its line.
    fn for_supplicant(&self) -> Zeroizing<String> {
        let ssid: String = self.ssid.iter().map(|byte| format!("{byte:02x}")).collect();
        let quote = if self.passphrase.len() == 64 { "" } else { "\"" };
        Zeroizing::new(format!(
            "network={{\nssid={ssid}\npsk={quote}{}{quote}\nkey_mgmt=WPA-PSK WPA-PSK-SHA256 SAE\nscan_ssid=1\n}}\n",
            *self.passphrase
        ))
    }

    /// In the escapes of key files (GLib, "Key-value file parser").
    fn for_network_manager(&self) -> Zeroizing<String> {
        let ssid: String = self.ssid.iter().map(|byte| format!("{byte};")).collect();
        let escaped = Zeroizing::new(self.passphrase.replace('\\', "\\\\"));
        let leading = escaped.len() - escaped.trim_start_matches(' ').len();
        Zeroizing::new(format!(
            "[connection]\nid=personal\ntype=wifi\n\n[wifi]\nmode=infrastructure\nssid={ssid}\nhidden=true\n\n\
             [wifi-security]\nkey-mgmt=wpa-psk\npsk={}{}\n\n[ipv4]\nmethod=auto\n\n[ipv6]\nmethod=auto\n",
            "\\s".repeat(leading),
            &escaped[leading..]
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Read;

    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti user@example.com";

    fn files(personal: &Personal) -> BTreeMap<String, String> {
        let bytes = personal.archive().unwrap();
        let mut archive = tar::Archive::new(&bytes[..]);
        let entries = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            assert_eq!(entry.header().mode().unwrap(), 0o600);
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            (entry.path().unwrap().display().to_string(), text)
        });
        entries.collect()
    }

    #[test]
    fn an_archive_has_what_was_given() {
        let mut personal = Personal::default();
        assert!(personal.is_empty());
        personal.authorize("root", "keys", &format!("# mine\n{KEY}\n\n")).unwrap();
        personal.authorize("root", "keys", &format!("command=\"a \\\" b\",no-pty {KEY}")).unwrap();
        personal.hostname = Some("card-1".parse().unwrap());
        personal.wifi = Some(Wifi::new("café", Zeroizing::new(r#" a"b\cdefg"#.to_owned())).unwrap());
        assert_eq!(personal.needed(), ["authorized-keys", "hostname", "wifi"]);
        let files = files(&personal);
        assert_eq!(files["authorized_keys/root"], format!("{KEY}\ncommand=\"a \\\" b\",no-pty {KEY}\n"));
        assert_eq!(files["hostname"], "card-1\n");
        assert!(files["wireless.conf"].contains("ssid=636166c3a9\npsk=\" a\"b\\cdefg\"\n"), "{files:?}");
        assert!(files["personal.nmconnection"].contains("psk=\\sa\"b\\\\cdefg\n"), "{files:?}");
        assert!(!format!("{personal:?}").contains("cdefg"), "{personal:?}");
    }

    #[test]
    fn a_private_key_brings_its_public_half() {
        let key = ssh_key::PrivateKey::from(ssh_key::private::Ed25519Keypair::from_seed(&[7; 32]));
        let text = key.to_openssh(ssh_key::LineEnding::LF).unwrap();
        let mut personal = Personal::default();
        personal.add_host_key("key", &text).unwrap();
        let files = files(&personal);
        assert_eq!(files["ssh/ssh_host_ed25519_key"], *text);
        assert_eq!(files["ssh/ssh_host_ed25519_key.pub"].trim(), key.public_key().to_openssh().unwrap());
        let error = personal.add_host_key("key", &text).unwrap_err().to_string();
        assert_eq!(error, "key: there is a key of its kind already");
        let error = personal.authorize("root", "key", &text).unwrap_err().to_string();
        assert!(error.contains("it is a private key"), "{error}");
        assert!(
            personal
                .add_host_key("other", KEY)
                .unwrap_err()
                .to_string()
                .starts_with("other: it is not a private key")
        );
        assert!(!format!("{personal:?}").contains("PRIVATE"), "{personal:?}");
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let mut personal = Personal::default();
        assert!(personal.authorize("root", "keys", "ssh-ed25519 AAAA nonsense").is_err());
        assert!(personal.authorize("root", "keys", "# nothing\n").is_err());
        assert!(personal.authorize("../root", "keys", KEY).is_err());
        for name in ["", "-a", "a-", "a.b", "a b", &"a".repeat(64)] {
            assert!(name.parse::<super::super::HostLabel>().is_err(), "{name}");
        }
        let wifi = |ssid: &str, passphrase: &str| Wifi::new(ssid, Zeroizing::new(passphrase.to_owned()));
        assert!(wifi("", "long enough").is_err());
        assert!(wifi(&"a".repeat(33), "long enough").is_err());
        assert!(wifi("home", "short").is_err());
        assert!(wifi("home", "with\nnewline").is_err());
        assert!(wifi("home", &"f".repeat(64)).is_ok());
        assert!(wifi("home", &"x".repeat(64)).is_err());
        let message = wifi("home", "shhhhh\u{7}").unwrap_err().to_string();
        assert!(!message.contains("shhhhh"), "{message}");
    }
}
