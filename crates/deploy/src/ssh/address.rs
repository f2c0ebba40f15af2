//! Where a host is, and how `ssh` is told.

use std::path::PathBuf;
use std::process::Command;
use std::str::FromStr;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::inventory::Deployment;

/// What all connections of a fleet have in common.
#[derive(Debug, Clone)]
pub struct SshSettings {
    /// The fleet's file with the keys of its hosts. A key that nobody knows yet is written here.
    pub known_hosts: PathBuf,
    /// Further files with keys, only read.
    pub more_known_hosts: Vec<PathBuf>,
    /// Whether `ssh` may ask people for passphrases and passwords.
    pub may_ask: bool,
    /// How long a connection may take to be made.
    pub patience: Duration,
    /// Further arguments for all hosts (`NIX_SSHOPTS`).
    pub options: Vec<String>,
}

/// Where a host is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshAddress {
    /// The name or number that `ssh` is given.
    pub host: String,
    /// Who logs in; `None` leaves it to `ssh`.
    pub user: Option<String>,
    /// `None` leaves it to `ssh`.
    pub port: Option<u16>,
    /// Further arguments.
    pub options: Vec<String>,
}

impl FromStr for SshAddress {
    type Err = Error;

    /// Reads `[USER@]HOST[:PORT]`, an address of IPv6 with a port in brackets.
    fn from_str(text: &str) -> Result<Self> {
        let (user, place) = match text.rsplit_once('@') {
            Some((user, place)) => (Some(user.to_owned()), place),
            None => (None, text),
        };
        let numbered = place.rsplit_once(':').filter(|(host, _)| !host.contains(':') || host.ends_with(']'));
        let (host, port) = match numbered.map(|(host, port)| (host, port.parse())) {
            Some((host, Ok(port))) => (host, Some(port)),
            _ => (place, None),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() || host.starts_with('-') || user.as_ref().is_some_and(|user| user.starts_with('-'))
        {
            return Err(Error::NoAddress { host: text.to_owned() });
        }
        Ok(SshAddress { host: host.to_owned(), user, port, options: Vec::new() })
    }
}

impl SshAddress {
    /// The address of a host of the fleet.
    ///
    /// # Errors
    /// [`Error::NoAddress`] if it has none, or one that `ssh` would take for an option.
    pub fn of(name: &str, deployment: &Deployment) -> Result<Self> {
        let host = deployment.target_host.clone().filter(|host| !host.is_empty() && !host.starts_with('-'));
        let (user, host) = match host {
            None => return Err(Error::NoAddress { host: name.to_owned() }),
            Some(host) => match host.rsplit_once('@') {
                Some((user, host)) => (Some(user.to_owned()), host.to_owned()),
                None => (deployment.target_user.clone(), host),
            },
        };
        Ok(SshAddress { host, user, port: deployment.target_port, options: deployment.ssh_options.clone() })
    }

    /// As people write it: `root@web:2222`.
    pub fn display(&self) -> String {
        let user = self.user.as_deref().map(|user| format!("{user}@")).unwrap_or_default();
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{user}{}{port}", self.host)
    }

    /// `ssh` with everything but what concerns the connection's sharing, the host and the command. What is said first holds
    /// (ssh_config(5)), so that the host's own options are stronger than what is usual.
    pub fn command(&self, settings: &SshSettings) -> Command {
        let mut command = Command::new("ssh");
        command.args(self.arguments(settings));
        command
    }

    /// The arguments of [`Self::command`].
    pub fn arguments(&self, settings: &SshSettings) -> Vec<String> {
        let mut arguments = [self.options.as_slice(), settings.options.as_slice()].concat();
        if let Some(port) = self.port {
            arguments.extend(["-p".to_owned(), port.to_string()]);
        }
        if let Some(user) = &self.user {
            arguments.extend(["-l".to_owned(), user.clone()]);
        }
        let configured = self.configured(settings);
        let files: Vec<String> = std::iter::once(&settings.known_hosts)
            .chain(&settings.more_known_hosts)
            .map(|file| format!("\"{}\"", file.display()))
            .chain(configured.known_hosts)
            .collect();
        let mut options = vec![
            format!("UserKnownHostsFile={}", files.join(" ")),
            format!("ConnectTimeout={}", settings.patience.as_secs().max(1)),
            "ServerAliveInterval=10".to_owned(),
            "ServerAliveCountMax=3".to_owned(),
            "Compression=yes".to_owned(),
        ];
        if configured.asks_about_keys {
            options.push("StrictHostKeyChecking=accept-new".to_owned());
        }
        if !settings.may_ask {
            options.push("BatchMode=yes".to_owned());
        }
        arguments.extend(options.into_iter().flat_map(|option| ["-o".to_owned(), option]));
        arguments
    }

    /// Whether who logs in is root.
    pub fn is_root(&self, settings: &SshSettings) -> bool {
        match &self.user {
            Some(user) => user == "root",
            None => self.configured(settings).user.as_deref() == Some("root"),
        }
    }

    /// What the user's own configuration says, as `ssh -G` prints it. If that fails, so will the connection, and it says why.
    fn configured(&self, settings: &SshSettings) -> Configured {
        let mut command = Command::new("ssh");
        command.arg("-G").args(&self.options).args(&settings.options).arg("--").arg(&self.host);
        let printed = command.output().map(|output| output.stdout).unwrap_or_default();
        Configured::read(&String::from_utf8_lossy(&printed))
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Configured {
    user: Option<String>,
    known_hosts: Vec<String>,
    /// `StrictHostKeyChecking` has its default, which is of no use where nobody can be asked.
    asks_about_keys: bool,
}

impl Configured {
    fn read(printed: &str) -> Self {
        let mut found = Configured { user: None, known_hosts: Vec::new(), asks_about_keys: true };
        for line in printed.lines() {
            match line.split_once(' ') {
                Some(("user", user)) => found.user = Some(user.to_owned()),
                Some(("userknownhostsfile", files)) => {
                    found.known_hosts = files.split_whitespace().map(|file| format!("\"{file}\"")).collect();
                }
                Some(("stricthostkeychecking", value)) => found.asks_about_keys = value == "ask",
                _ => {}
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_may_name_its_user() {
        let deployment = Deployment { target_port: Some(2222), ..Deployment::of_host("ops@10.0.0.1") };
        let address = SshAddress::of("web", &deployment).unwrap();
        assert_eq!(address.display(), "ops@10.0.0.1:2222");
        assert_eq!(SshAddress::of("web", &Deployment::of_host("web")).unwrap().display(), "root@web");
    }

    #[test]
    fn addresses_are_read_as_people_write_them() {
        let read = |text: &str| {
            let address: SshAddress = text.parse().unwrap();
            (address.user.unwrap_or_default(), address.host, address.port)
        };
        assert_eq!(read("web"), (String::new(), "web".to_owned(), None));
        assert_eq!(read("me@web:22"), ("me".to_owned(), "web".to_owned(), Some(22)));
        assert_eq!(read("[::1]:22"), (String::new(), "::1".to_owned(), Some(22)));
        assert_eq!(read("::1"), (String::new(), "::1".to_owned(), None));
        assert!("-oProxyCommand=x".parse::<SshAddress>().is_err());
    }

    #[test]
    fn an_address_is_no_option() {
        for host in ["-oProxyCommand=x", ""] {
            assert!(matches!(
                SshAddress::of("web", &Deployment::of_host(host)),
                Err(Error::NoAddress { .. })
            ));
        }
    }

    #[test]
    fn what_the_user_configured_is_kept() {
        let found = Configured::read("user me\nuserknownhostsfile /a /b\nstricthostkeychecking true\n");
        assert_eq!(found.known_hosts, ["\"/a\"", "\"/b\""]);
        assert!(!found.asks_about_keys);
        assert!(Configured::read("stricthostkeychecking ask\n").asks_about_keys);
    }
}
