use std::fmt;
use std::str::FromStr;

use ssh_key::{Algorithm, PrivateKey, PublicKey};
use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// What one machine has of its own.
#[derive(Debug, Default)]
pub struct Personal {
    /// Public keys that let in, by user; each is a line as `authorized_keys` has it.
    pub authorized_keys: Vec<(String, Vec<String>)>,
    /// The machine's name.
    pub hostname: Option<HostLabel>,
    /// Its own SSH keys.
    pub host_keys: Vec<HostKey>,
    /// A wireless network.
    pub wifi: Option<Wifi>,
}

/// A host name of one label (RFC 1123, section 2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostLabel(String);

/// A wireless network. Its passphrase is not shown.
pub struct Wifi {
    pub(super) ssid: Vec<u8>,
    pub(super) passphrase: Zeroizing<String>,
}

/// A private key with the name of its file, and its public half.
pub struct HostKey {
    pub(super) file: &'static str,
    pub(super) private: Zeroizing<String>,
    pub(super) public: String,
}

impl Personal {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.needed().is_empty()
    }

    /// What a host must take, in the words of images.
    pub fn needed(&self) -> Vec<&'static str> {
        let mut needed = Vec::new();
        let mut need = |is_there: bool, name| {
            if is_there {
                needed.push(name);
            }
        };
        need(!self.authorized_keys.is_empty(), "authorized-keys");
        need(!self.host_keys.is_empty(), "host-keys");
        need(self.hostname.is_some(), "hostname");
        need(self.wifi.is_some(), "wifi");
        needed
    }

    /// Adds the public keys of a text as `authorized_keys` has it (sshd(8)); `name` is what messages call it.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidPersonal`] for a line that is no key, a text without one, and a private key.
    pub fn authorize(&mut self, user: &str, name: &str, text: &str) -> Result<()> {
        let invalid =
            |reason: &str| Error::InvalidPersonal { what: name.to_owned(), reason: reason.to_owned() };
        if user.is_empty() || user.contains(['/', '\0', ':']) || user.starts_with(['.', '-']) {
            return Err(invalid(&format!("{user:?} is not the name of a user")));
        }
        if text.contains("PRIVATE KEY-----") {
            return Err(invalid(
                "it is a private key; its public half is in the file with .pub behind its name",
            ));
        }
        let lines: Vec<String> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(str::to_owned)
            .collect();
        if lines.is_empty() {
            return Err(invalid("there is no key in it"));
        }
        for (index, line) in lines.iter().enumerate() {
            if !is_authorization(line) {
                return Err(invalid(&format!("its key number {} is not an SSH public key", index + 1)));
            }
        }
        match self.authorized_keys.iter_mut().find(|(known, _)| known == user) {
            Some((_, keys)) => keys.extend(lines),
            None => self.authorized_keys.push((user.to_owned(), lines)),
        }
        Ok(())
    }

    /// Adds a private key that the machine shows to those who connect; `name` is what messages call it.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidPersonal`] for what is no private key of OpenSSH, one with a passphrase, one of a kind that sshd
    /// does not load by itself, and a second one of a kind.
    pub fn add_host_key(&mut self, name: &str, text: &str) -> Result<()> {
        let invalid = |reason: String| Error::InvalidPersonal { what: name.to_owned(), reason };
        let key = PrivateKey::from_openssh(text)
            .map_err(|error| invalid(format!("it is not a private key of OpenSSH: {error}")))?;
        if key.is_encrypted() {
            return Err(invalid(
                "it has a passphrase, for which nobody is there when the machine starts".to_owned(),
            ));
        }
        let file = match key.algorithm() {
            Algorithm::Ed25519 => "ssh_host_ed25519_key",
            Algorithm::Ecdsa { .. } => "ssh_host_ecdsa_key",
            Algorithm::Rsa { .. } => "ssh_host_rsa_key",
            other => return Err(invalid(format!("sshd has no host keys of the kind {other}"))),
        };
        if self.host_keys.iter().any(|known| known.file == file) {
            return Err(invalid("there is a key of its kind already".to_owned()));
        }
        let public = key.public_key().to_openssh().map_err(|error| invalid(error.to_string()))?;
        let mut private = Zeroizing::new(text.trim_end().to_owned());
        private.push('\n');
        self.host_keys.push(HostKey { file, private, public });
        Ok(())
    }
}

/// Whether a line of `authorized_keys` holds a key, with or without options before it.
fn is_authorization(line: &str) -> bool {
    if PublicKey::from_openssh(line).is_ok() {
        return true;
    }
    // Options end with the first blank that is not quoted.
    let mut quoted = false;
    let end = line.char_indices().find(|(index, character)| {
        if *character == '"' && !line[..*index].ends_with('\\') {
            quoted = !quoted;
        }
        *character == ' ' && !quoted
    });
    end.is_some_and(|(end, _)| PublicKey::from_openssh(line[end..].trim_start()).is_ok())
}

impl HostKey {
    /// The public half, as `known_hosts` has it.
    pub fn public(&self) -> &str {
        &self.public
    }
}

impl fmt::Debug for HostKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "HostKey({})", self.public)
    }
}

impl fmt::Debug for Wifi {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Wifi({})", String::from_utf8_lossy(&self.ssid))
    }
}

impl Wifi {
    /// A network by its name of 1 to 32 bytes, and its passphrase of 8 to 63 printable characters of ASCII or 64
    /// hexadecimal digits (IEEE 802.11, annex J.4).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidPersonal`].
    pub fn new(ssid: &str, passphrase: Zeroizing<String>) -> Result<Self> {
        let invalid = |reason: &str| Error::InvalidPersonal {
            what: format!("the wireless network {ssid:?}"),
            reason: reason.to_owned(),
        };
        if !(1..=32).contains(&ssid.len()) {
            return Err(invalid("its name does not have 1 to 32 bytes"));
        }
        let is_key = passphrase.len() == 64 && passphrase.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_phrase = (8..=63).contains(&passphrase.len())
            && passphrase.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if !is_key && !is_phrase {
            return Err(invalid(
                "its passphrase does not have 8 to 63 printable characters of ASCII, and is no key of 64 hexadecimal digits",
            ));
        }
        Ok(Wifi { ssid: ssid.as_bytes().to_vec(), passphrase })
    }
}

impl FromStr for HostLabel {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let is_label = (1..=63).contains(&text.len())
            && text.bytes().all(plain)
            && !text.starts_with('-')
            && !text.ends_with('-');
        if is_label {
            return Ok(HostLabel(text.to_owned()));
        }
        Err(Error::InvalidPersonal {
            what: format!("the host name {text:?}"),
            reason: "it is not 1 to 63 letters, digits and inner dashes".to_owned(),
        })
    }
}

impl fmt::Display for HostLabel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
