//! The hosts of a fleet that are meant, and the ways to them.

use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use deploy::inventory::OPTIONS;
use deploy::{Connection, Deployment, Host, Privilege, Selector, SshAddress, SshSettings};
use nix_expr::EvalError;
use nix_flake::{AttributePath, FlakeReference, Installable};
use nix_store::Hash;
use rayon::prelude::*;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::evaluate::{self, Evaluation, host_names};
use super::flake::ReadyFlake;
use super::packages::Fleet;
use crate::arguments::HostsArguments;
use crate::commands::Session;
use crate::failure::Failure;

/// A host that is meant.
#[derive(Debug, Clone)]
pub struct FleetHost {
    /// Its name: the attribute of `nixosConfigurations`.
    pub name: String,
    /// How it is deployed to.
    pub deployment: Deployment,
}

/// The hosts of a fleet that are meant, and the ways to them.
pub struct Hosts {
    /// The hosts, by name.
    pub hosts: Vec<FleetHost>,
    /// The fleet's directory.
    pub directory: PathBuf,
    settings: SshSettings,
    password: Option<Zeroizing<String>>,
    is_local: bool,
    parallel: usize,
}

/// `FLAKE`, or `FLAKE#HOST`.
pub fn flake_and_host(session: &Session, text: &str) -> Result<(FlakeReference, Option<String>), Failure> {
    let installable = Installable::parse(text, &session.configuration.working_directory)?;
    let AttributePath(parts) = installable.attribute_path;
    let host = match parts.as_slice() {
        [] => None,
        [name] => Some(name.clone()),
        [outputs, name] if outputs == "nixosConfigurations" => Some(name.clone()),
        _ => return Err(Failure::Usage(format!("'{text}' does not name a host; name it as in FLAKE#HOST"))),
    };
    Ok((installable.flake, host))
}

impl Hosts {
    /// Finds out which hosts are meant. `only` is the one that the flake's reference names.
    ///
    /// # Errors
    /// The fleet does not evaluate, or what was asked for selects nothing.
    pub fn find(
        session: &Session,
        fleet: &Fleet,
        only: Option<&str>,
        arguments: &HostsArguments,
    ) -> Result<Self, Failure> {
        let (mut hosts, flake) = fleet.with_packages(session, |flake| {
            session.progress.stage("evaluate", "Looking at the hosts", || {
                selected(session, flake, only, arguments.on.as_deref())
            })
        })?;
        if let Some(address) = &arguments.target_host {
            let address: SshAddress = address.parse()?;
            let [host] = hosts.as_mut_slice() else {
                return Err(Failure::Usage(format!(
                    "--target-host is for one host, and {} are meant; name one with --on",
                    hosts.len()
                )));
            };
            host.deployment.target_host = Some(address.host);
            host.deployment.target_user = address.user.or_else(|| host.deployment.target_user.take());
            host.deployment.target_port = address.port.or(host.deployment.target_port);
        }
        if arguments.local {
            let [host] = hosts.as_slice() else {
                return Err(Failure::Usage("--local is for one host; name it with --on".to_owned()));
            };
            if !host.deployment.allow_local_deployment {
                return Err(Failure::Usage(format!(
                    "'{}' does not allow it: set deployment.allowLocalDeployment = true",
                    host.name
                )));
            }
        }
        let password = if arguments.ask_sudo_password { Some(ask_password()?) } else { None };
        let directory = flake.directory.clone();
        let place = state_directory(session, &directory);
        std::fs::create_dir_all(&place).map_err(|source| Failure::File {
            action: "make",
            path: place.clone(),
            source,
        })?;
        let settings = SshSettings {
            known_hosts: place.join("known_hosts"),
            more_known_hosts: Some(directory.join("known_hosts"))
                .filter(|file| file.is_file())
                .into_iter()
                .collect(),
            may_ask: hosts.len() == 1 && std::io::stderr().is_terminal(),
            patience: Duration::from_secs(arguments.connect_timeout.max(1)),
            options: std::env::var("NIX_SSHOPTS")
                .map(|options| options.split_whitespace().map(str::to_owned).collect())
                .unwrap_or_default(),
        };
        let parallel = if arguments.parallel == 0 { hosts.len() } else { arguments.parallel };
        Ok(Hosts {
            hosts,
            directory,
            settings,
            password,
            is_local: arguments.local,
            parallel: parallel.max(1),
        })
    }

    /// Connects to a host.
    ///
    /// # Errors
    /// Why it cannot be reached.
    pub fn connect(&self, host: &FleetHost) -> deploy::Result<Host> {
        let command = || host.deployment.privilege_escalation_command.clone();
        let privilege = |is_root: bool| Privilege {
            command: if is_root { Vec::new() } else { command() },
            password: self.password.clone(),
        };
        if self.is_local {
            return Ok(Host::here(&host.name, privilege(rustix::process::geteuid().is_root())));
        }
        let address = self.address(host)?;
        let is_root = address.is_root(&self.settings);
        let connection = Connection::open(&address, &self.settings)?;
        Ok(Host::over(&host.name, connection, privilege(is_root)))
    }

    /// Where a host is.
    ///
    /// # Errors
    /// It has no address.
    pub fn address(&self, host: &FleetHost) -> deploy::Result<SshAddress> {
        SshAddress::of(&host.name, &host.deployment)
    }

    /// What the connections have in common.
    pub fn ssh_settings(&self) -> &SshSettings {
        &self.settings
    }

    /// Where the host answers, as health checks find it.
    pub fn network_name(&self, host: &FleetHost) -> String {
        match self.address(host) {
            Ok(address) if !self.is_local => address.host,
            _ => "127.0.0.1".to_owned(),
        }
    }

    /// Where what hosts print is kept.
    pub fn log_directory(&self, session: &Session) -> PathBuf {
        state_directory(session, &self.directory).join("logs")
    }

    /// Does something with each host, as many at once as was asked for; results are in the hosts' order.
    pub fn each<T: Send>(&self, work: impl Fn(&FleetHost) -> T + Sync) -> Vec<T> {
        let next = AtomicUsize::new(0);
        let results: Vec<Mutex<Option<T>>> = self.hosts.iter().map(|_| Mutex::new(None)).collect();
        thread::scope(|scope| {
            for _ in 0..self.parallel.min(self.hosts.len()) {
                scope.spawn(|| {
                    while let Some((host, result)) = {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        self.hosts.get(at).zip(results.get(at))
                    } {
                        let done = work(host);
                        *result.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(done);
                    }
                });
            }
        });
        let taken = results.into_iter().map(|result| result.into_inner());
        taken.filter_map(|result| result.unwrap_or_else(std::sync::PoisonError::into_inner)).collect()
    }
}

/// Each fleet's hosts have their own pinned keys and logs.
fn state_directory(session: &Session, flake: &Path) -> PathBuf {
    let digest = Hash::sha256(flake.as_os_str().as_encoded_bytes()).to_base32();
    let name = flake.file_name().unwrap_or_default().to_string_lossy();
    let place = session.configuration.state_directory.join("deploy");
    place.join(format!("{name}-{}", digest.get(..8).unwrap_or(&digest)))
}

/// The hosts that are meant, with their options.
fn selected(
    session: &Session,
    flake: &ReadyFlake,
    only: Option<&str>,
    on: Option<&str>,
) -> Result<Vec<FleetHost>, Failure> {
    let selector = on.map(str::parse::<Selector>).transpose()?;
    let names = match only {
        Some(name) => vec![name.to_owned()],
        None => evaluate::value(session, flake, Some("host names".to_owned()), host_names)?,
    };
    let chosen = match &selector {
        Some(selector) if !selector.asks_for_tags() => {
            selector.select(names.iter().map(|name| (name.as_str(), &[][..])))?
        }
        _ => names,
    };
    let hosts: Vec<Result<FleetHost, Failure>> = chosen
        .par_iter()
        .map(|name| {
            let key = Some(format!("deployment of {name}"));
            let options = evaluate::value(session, flake, key, |evaluation, value| {
                deployment_options(evaluation, value, name)
            })?;
            let options: Map<String, Value> = options
                .into_iter()
                .filter_map(|(option, text)| Some((option, serde_json::from_str(&text).ok()?)))
                .collect();
            Ok(FleetHost { name: name.clone(), deployment: Deployment::read(name, &options)? })
        })
        .collect();
    let hosts = hosts.into_iter().collect::<Result<Vec<_>, _>>()?;
    let Some(selector) = selector.filter(Selector::asks_for_tags) else { return Ok(hosts) };
    let tagged = hosts.iter().map(|host| (host.name.as_str(), host.deployment.tags.as_slice()));
    let chosen = selector.select(tagged)?;
    Ok(hosts.into_iter().filter(|host| chosen.contains(&host.name)).collect())
}

/// The options `deployment.*` of a host as JSON, as far as it has them: hosts of somebody else's modules have none.
fn deployment_options<'a>(
    evaluation: &Evaluation<'a>,
    flake: nix_expr::ValueRef<'a>,
    name: &str,
) -> Result<Vec<(String, String)>, EvalError> {
    let config = evaluate::of_host(evaluation, flake, name, &["config"])?;
    let Some(deployment) = evaluation.attribute(config, "deployment")? else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for option in OPTIONS {
        if let Some(value) = evaluation.attribute(deployment, option)? {
            found.push((option.to_owned(), evaluation.to_json(value)?.text));
        }
    }
    Ok(found)
}

/// Asks for a password; nothing of it is shown where it is typed.
fn ask_password() -> Result<Zeroizing<String>, Failure> {
    use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
    let failed = |source| Failure::File { action: "read the password from", path: "/dev/tty".into(), source };
    let read = |mut input: Box<dyn BufRead>| -> Result<Zeroizing<String>, Failure> {
        let mut line = Zeroizing::new(String::new());
        input.read_line(&mut line).map_err(failed)?;
        Ok(Zeroizing::new(line.trim_end_matches(['\n', '\r']).to_owned()))
    };
    let terminal = std::fs::OpenOptions::new().read(true).write(true).open("/dev/tty");
    // Without a terminal, it comes on standard input, as for sudo -S.
    let Ok(mut terminal) = terminal else { return read(Box::new(std::io::stdin().lock())) };
    let before = tcgetattr(&terminal).map_err(|error| failed(error.into()))?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&terminal, OptionalActions::Flush, &silent).map_err(|error| failed(error.into()))?;
    let asked = write!(terminal, "Password of the hosts: ").and_then(|()| terminal.flush()).map_err(failed);
    let input = terminal.try_clone().map_err(failed);
    let password = asked.and(input).and_then(|input| read(Box::new(std::io::BufReader::new(input))));
    tcsetattr(&terminal, OptionalActions::Flush, &before).map_err(|error| failed(error.into()))?;
    // The key that ended it was not shown either.
    let _ = writeln!(terminal);
    password
}
