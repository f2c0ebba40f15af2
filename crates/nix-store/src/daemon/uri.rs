//! Addresses of stores that a daemon serves: `daemon`, `unix://SOCKET` and `ssh-ng://[USER@]HOST[:PORT]`, with Nix's parameters.
//! `ssh://`, Nix's older protocol by `nix-store --serve`, is spoken as `ssh-ng://`: a host that has that program has `nix-daemon`, too.

use std::collections::BTreeMap;
use std::env;
use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;
use std::str::FromStr;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use percent_encoding::percent_decode_str;

use super::transport::{TemporaryFile, Transport};
use crate::base32;
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
    /// The host's public key as OpenSSH writes it, type first; no other is accepted then (`base64-ssh-public-host-key`).
    pub host_key: Option<String>,
    /// How long connecting may take, where that is not what `ssh` is configured for.
    pub connect_timeout: Option<Duration>,
    /// Whether `ssh` asks nobody anything: for connections that are made while other work goes on.
    pub batch: bool,
    /// Further arguments of `ssh`, which no address has.
    pub options: Vec<String>,
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
        let (authority, is_older) = match (address.strip_prefix("ssh-ng://"), address.strip_prefix("ssh://"))
        {
            (Some(authority), _) => (authority, false),
            (None, Some(authority)) => (authority, true),
            (None, None) => {
                return Err(invalid("only 'daemon', 'unix://', 'ssh-ng://' and 'ssh://' are known"));
            }
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
        let host_key = match parameters.remove("base64-ssh-public-host-key") {
            None => None,
            Some(key) if key.is_empty() => None,
            Some(key) => Some(decode_host_key(&key).ok_or_else(|| invalid("the host key is not base-64"))?),
        };
        let remote_program = parameters.remove("remote-program").unwrap_or_else(|| "nix-daemon".to_owned());
        // The older protocol's program lies beside the one that is needed.
        let remote_program = match remote_program.strip_suffix("nix-store") {
            Some(directory) if is_older => format!("{directory}nix-daemon"),
            _ => remote_program,
        };
        Ok(StoreUri::Ssh(SshAddress {
            host: host.to_owned(),
            port,
            key: parameters.remove("ssh-key").filter(|key| !key.is_empty()).map(PathBuf::from),
            compress,
            remote_store: parameters.remove("remote-store").filter(|store| !store.is_empty()),
            remote_program,
            host_key,
            connect_timeout: None,
            batch: false,
            options: Vec::new(),
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

/// Where the daemon of this machine listens.
fn daemon_socket() -> PathBuf {
    let path = env::var_os("NIX_DAEMON_SOCKET_PATH").filter(|path| !path.is_empty());
    path.map_or_else(|| PathBuf::from(SOCKET), PathBuf::from)
}

impl StoreUri {
    /// Whether a daemon of this machine listens there; for others this is not known before one connects.
    pub fn is_there(&self) -> bool {
        match self {
            StoreUri::Daemon => UnixStream::connect(daemon_socket()).is_ok(),
            StoreUri::Unix(path) => UnixStream::connect(path).is_ok(),
            StoreUri::Ssh(_) => false,
        }
    }

    /// Whether the daemon's store is that of this machine, so that its paths can be read where their names say.
    pub fn is_local(&self) -> bool {
        matches!(self, StoreUri::Daemon | StoreUri::Unix(_))
    }

    /// Connects.
    ///
    /// # Errors
    /// [`Error::Connect`].
    pub fn connect(&self) -> Result<Transport> {
        match self {
            StoreUri::Daemon => Transport::socket(&daemon_socket()),
            StoreUri::Unix(path) => Transport::socket(path),
            StoreUri::Ssh(address) => address.connect(),
        }
    }
}

impl fmt::Display for StoreUri {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreUri::Daemon => formatter.write_str("daemon"),
            StoreUri::Unix(path) => write!(formatter, "unix://{}", path.display()),
            StoreUri::Ssh(SshAddress { host, port: Some(port), .. }) => {
                write!(formatter, "ssh-ng://{host}:{port}")
            }
            StoreUri::Ssh(SshAddress { host, port: None, .. }) => write!(formatter, "ssh-ng://{host}"),
        }
    }
}

/// A host's public key from base-64, one line.
pub(super) fn decode_host_key(text: &str) -> Option<String> {
    let key = BASE64_STANDARD.decode(text.trim()).ok()?;
    let key = String::from_utf8(key).ok()?.trim().to_owned();
    (!key.is_empty() && !key.contains('\n')).then_some(key)
}

impl SshAddress {
    /// Connects.
    ///
    /// # Errors
    /// [`Error::Connect`].
    pub fn connect(&self) -> Result<Transport> {
        let place = format!("ssh-ng://{}", self.host);
        let mut command = self.command();
        let Some(key) = &self.host_key else { return Transport::program(place, &mut command) };
        let file = self.known_hosts(key)?;
        command = self.command_with(&[
            format!("-oUserKnownHostsFile={}", file.0.display()),
            String::from("-oGlobalKnownHostsFile=none"),
            String::from("-oStrictHostKeyChecking=yes"),
        ]);
        Ok(Transport::program(place, &mut command)?.keeping(file))
    }

    /// A file that knows this host's key and no other.
    fn known_hosts(&self, key: &str) -> Result<TemporaryFile> {
        let host = self.host.rsplit_once('@').map_or(self.host.as_str(), |(_, host)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        // A host at another port has its own entry (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT").
        let line = match self.port {
            Some(port) if port != 22 => format!("{host},[{host}]:{port} {key}\n"),
            _ => format!("{host} {key}\n"),
        };
        let mut random = [0; 12];
        getrandom::fill(&mut random)
            .map_err(|error| Error::io("write to", &env::temp_dir(), io::Error::other(error)))?;
        let path = env::temp_dir().join(format!("hostwright-known-host-{}", base32::encode(&random)));
        let write = || {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
            file.write_all(line.as_bytes())
        };
        write().map_err(|error| Error::io("write", &path, error))?;
        Ok(TemporaryFile(path))
    }

    /// The user's `ssh`, which reads the user's configuration and `NIX_SSHOPTS`.
    pub fn command(&self) -> Command {
        self.command_with(&[])
    }

    fn command_with(&self, options: &[String]) -> Command {
        let mut command = Command::new("ssh");
        // Neither a display nor the agent is of use to a daemon.
        command.args(["-x", "-a"]).args(options).args(&self.options);
        if self.batch {
            // A host that vanishes in the middle of a build is to be noticed, too.
            command.args(["-oBatchMode=yes", "-oServerAliveInterval=20", "-oServerAliveCountMax=3"]);
        }
        if let Some(timeout) = self.connect_timeout {
            command.arg(format!("-oConnectTimeout={}", timeout.as_secs().max(1)));
        }
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
        assert_eq!(ssh("ssh://host?remote-program=/opt/bin/nix-store").remote_program, "/opt/bin/nix-daemon");
        let keyed = ssh("ssh-ng://host?base64-ssh-public-host-key=c3NoLWVkMjU1MTkgQUFBQQo=");
        assert_eq!(keyed.host_key.as_deref(), Some("ssh-ed25519 AAAA"));
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
            "ssh-ng://host?base64-ssh-public-host-key=*",
            "ssh-ng://a b",
            "ssh-ng://host/path",
        ] {
            assert!(matches!(uri.parse::<StoreUri>(), Err(Error::InvalidStoreUri { .. })), "{uri}");
        }
    }
}
