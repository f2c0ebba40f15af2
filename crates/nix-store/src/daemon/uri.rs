//! Addresses of stores that a daemon serves: `daemon`, `unix://SOCKET` and `ssh-ng://[USER@]HOST[:PORT]`, with Nix's parameters.

use std::collections::BTreeMap;
use std::env;
use std::path::PathBuf;
use std::process::Command;
use std::str::FromStr;

use percent_encoding::percent_decode_str;

use super::transport::Transport;
use crate::error::{Error, Result};

/// Where a daemon of this machine listens (`daemonSocketFile` of Nix).
const SOCKET: &str = "/nix/var/nix/daemon-socket/socket";

/// The address of a store that a daemon serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreUri {
    /// The daemon of this machine: at `$NIX_DAEMON_SOCKET_PATH`, or in `/nix/var/nix`.
    Daemon,
    /// A daemon at another socket.
    Unix(PathBuf),
    /// One at the other end of an SSH connection.
    Ssh(SshAddress),
}

/// A host that runs `nix-daemon --stdio` for whoever logs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshAddress {
    /// `HOST` or `USER@HOST`, as `ssh` understands it.
    pub host: String,
    /// Another port than the one that `ssh` is configured for.
    pub port: Option<u16>,
    /// A file with a private key (`ssh-key`).
    pub key: Option<PathBuf>,
    /// Whether SSH compresses (`compress`).
    pub compress: bool,
    /// Which store the daemon opens there (`remote-store`).
    pub remote_store: Option<String>,
    /// The daemon's program there (`remote-program`).
    pub remote_program: String,
    /// Parameters that say nothing about the connection.
    pub other: BTreeMap<String, String>,
}

impl FromStr for StoreUri {
    type Err = Error;

    fn from_str(uri: &str) -> Result<Self> {
        let invalid =
            |problem: &str| Error::InvalidStoreUri { uri: uri.to_owned(), problem: problem.to_owned() };
        let (address, query) = uri.split_once('?').unwrap_or((uri, ""));
        let decode = |text: &str| {
            let text = percent_decode_str(text).decode_utf8();
            text.map(std::borrow::Cow::into_owned).map_err(|_| invalid("it is not text"))
        };
        let mut parameters = BTreeMap::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or_else(|| invalid("a parameter has no value"))?;
            parameters.insert(decode(name)?, decode(value)?);
        }
        if address == "daemon" {
            return Ok(StoreUri::Daemon);
        }
        if let Some(path) = address.strip_prefix("unix://") {
            let path = decode(path)?;
            return match path.starts_with('/') {
                true => Ok(StoreUri::Unix(PathBuf::from(path))),
                false => Err(invalid("the socket's path is not absolute")),
            };
        }
        let Some(authority) = address.strip_prefix("ssh-ng://") else {
            return Err(invalid("only 'daemon', 'unix://' and 'ssh-ng://' are known"));
        };
        let authority = decode(authority)?;
        let (host, port) = split_port(authority.trim_end_matches('/'));
        let port =
            port.map(|port| port.parse().map_err(|_| invalid("the port is not a number"))).transpose()?;
        // Such a host would be an option to ssh.
        if host.is_empty()
            || host.starts_with('-')
            || host.contains(|byte: char| byte.is_whitespace() || byte == '/')
        {
            return Err(invalid("no host can have this name"));
        }
        let compress = match parameters.remove("compress").as_deref() {
            None | Some("false" | "0" | "no") => false,
            Some("true" | "1" | "yes") => true,
            Some(_) => return Err(invalid("'compress' is neither true nor false")),
        };
        Ok(StoreUri::Ssh(SshAddress {
            host: host.to_owned(),
            port,
            key: parameters.remove("ssh-key").filter(|key| !key.is_empty()).map(PathBuf::from),
            compress,
            remote_store: parameters.remove("remote-store").filter(|store| !store.is_empty()),
            remote_program: parameters.remove("remote-program").unwrap_or_else(|| "nix-daemon".to_owned()),
            other: parameters,
        }))
    }
}

/// Splits `HOST:PORT`; the colons of an address of IPv6 count only behind its brackets.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if host.ends_with(']') || !host.contains(':') => (host, Some(port)),
        _ => (authority, None),
    }
}

impl StoreUri {
    /// Connects.
    ///
    /// # Errors
    /// [`Error::Connect`].
    pub fn connect(&self) -> Result<Transport> {
        match self {
            StoreUri::Daemon => match env::var_os("NIX_DAEMON_SOCKET_PATH").filter(|path| !path.is_empty()) {
                Some(path) => Transport::socket(path.as_ref()),
                None => Transport::socket(SOCKET.as_ref()),
            },
            StoreUri::Unix(path) => Transport::socket(path),
            StoreUri::Ssh(address) => {
                Transport::program(format!("ssh-ng://{}", address.host), &mut address.command())
            }
        }
    }
}

impl SshAddress {
    /// The user's `ssh`, which reads the user's configuration and `NIX_SSHOPTS`.
    pub fn command(&self) -> Command {
        let mut command = Command::new("ssh");
        // Neither a display nor the agent is of use to a daemon.
        command.args(["-x", "-a"]);
        if let Ok(options) = env::var("NIX_SSHOPTS") {
            command.args(options.split_whitespace());
        }
        if let Some(port) = self.port {
            command.args(["-p", &port.to_string()]);
        }
        if let Some(key) = &self.key {
            command.arg("-i").arg(key);
        }
        if self.compress {
            command.arg("-C");
        }
        command.arg("--").arg(&self.host).arg(self.remote_command());
        command
    }

    /// What the shell there runs.
    fn remote_command(&self) -> String {
        let mut command = format!("{} --stdio", self.remote_program);
        if let Some(store) = &self.remote_store {
            command.push_str(" --store ");
            command.push_str(&quoted(store));
        }
        command
    }
}

/// A word that a POSIX shell takes as it is.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ssh(uri: &str) -> SshAddress {
        match uri.parse().unwrap() {
            StoreUri::Ssh(address) => address,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn addresses_are_those_of_nix() {
        assert_eq!("daemon".parse::<StoreUri>().unwrap(), StoreUri::Daemon);
        assert_eq!("unix:///a%20b".parse::<StoreUri>().unwrap(), StoreUri::Unix("/a b".into()));
        let plain = ssh("ssh-ng://user@host");
        assert_eq!((plain.host.as_str(), plain.port, plain.compress), ("user@host", None, false));
        assert_eq!(plain.remote_command(), "nix-daemon --stdio");
        let full =
            ssh("ssh-ng://host:2222?compress=true&ssh-key=/k%3d&remote-store=local?root=/it's&priority=3");
        assert_eq!((full.host.as_str(), full.port, full.compress), ("host", Some(2222), true));
        assert_eq!(full.key, Some("/k=".into()));
        assert_eq!(full.remote_command(), r"nix-daemon --stdio --store 'local?root=/it'\''s'");
        assert_eq!(full.other, [("priority".to_owned(), "3".to_owned())].into());
        assert_eq!(ssh("ssh-ng://[::1]:22").port, Some(22));
        assert_eq!(ssh("ssh-ng://::1").host, "::1");
    }

    #[test]
    fn bad_addresses_are_errors() {
        for uri in [
            "",
            "https://host",
            "unix://relative",
            "ssh-ng://",
            "ssh-ng://-oProxyCommand=x",
            "ssh-ng://host:port",
            "ssh-ng://host?compress=perhaps",
            "ssh-ng://host?x",
            "ssh-ng://a b",
            "ssh-ng://host/path",
        ] {
            assert!(matches!(uri.parse::<StoreUri>(), Err(Error::InvalidStoreUri { .. })), "{uri}");
        }
    }
}
