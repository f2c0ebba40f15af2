//! The hosts of a fleet that are meant, and the ways to them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use deploy::host::quoted;
use deploy::inventory::OPTIONS;
use deploy::{Connection, Deployment, Host, Key, Privilege, Secret, Selector, SshAddress, SshSettings};
use nix_build::remote::RemoteMachine;
use nix_expr::EvalError;
use nix_flake::{AttributePath, FlakeReference, Installable};
use nix_store::Hash;
use nix_store::daemon::{SshAddress as StoreAddress, StoreUri};
use rayon::prelude::*;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::evaluate::{self, Evaluation, host_names};
use super::flake::ReadyFlake;
use super::hive_file::HIVE_FILE;
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
    /// The names of the secrets that are brought to it (`deployment.keys`).
    pub secrets: Vec<String>,
}

/// The hosts of a fleet that are meant, and the ways to them.
pub struct Hosts {
    /// The hosts, by name.
    pub hosts: Vec<FleetHost>,
    /// Hosts that may be meant, and whose configuration does not say how they are reached, as it does not evaluate.
    pub failed: BTreeMap<String, Failure>,
    flake: ReadyFlake,
    settings: SshSettings,
    password: Option<Zeroizing<String>>,
    is_local: bool,
    build_host: Option<SshAddress>,
    parallel: usize,
}

/// Opens the fleet of `FLAKE` or `FLAKE#HOST`, and the host that is named; or the hive that is asked for, or is here and no
/// flake is.
pub fn open_fleet(
    session: &Session,
    text: &str,
    arguments: &HostsArguments,
) -> Result<(Fleet, Option<String>), Failure> {
    let here = &session.configuration.working_directory;
    let is_hive = text == "." && !here.join("flake.nix").exists() && here.join(HIVE_FILE).is_file();
    match &arguments.file {
        Some(_) if text != "." => {
            Err(Failure::Usage(format!("--file is instead of '{text}'; name hosts with --on")))
        }
        Some(file) => Ok((Fleet::of_hive(&here.join(file))?, None)),
        None if is_hive => Ok((Fleet::of_hive(here)?, None)),
        None => {
            let (reference, only) = flake_and_host(session, text)?;
            Ok((Fleet::open(session, &reference)?, only))
        }
    }
}

/// `FLAKE`, or `FLAKE#HOST`.
fn flake_and_host(session: &Session, text: &str) -> Result<(FlakeReference, Option<String>), Failure> {
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
    /// The fleet does not evaluate, or none of the hosts that are meant, or what was asked for selects nothing.
    pub fn find(
        session: &Session,
        fleet: &Fleet,
        only: Option<&str>,
        arguments: &HostsArguments,
    ) -> Result<Self, Failure> {
        let look = |flake: &ReadyFlake| {
            session.progress.stage("evaluate", "Looking at the hosts", || {
                selected(session, flake, only, arguments.on.as_deref())
            })
        };
        // Packages are pinned if any host needs that; then each has its own mistakes.
        let strict = |flake: &ReadyFlake| {
            let (hosts, mut failed) = look(flake)?;
            match failed.pop_first() {
                Some((_, failure)) => Err(failure),
                None => Ok((hosts, failed)),
            }
        };
        let ((mut hosts, mut failed), flake) = match fleet.with_packages(session, strict) {
            Ok(found) => found,
            Err(_) => {
                let (found, flake) = fleet.with_pinned(session, look)?;
                (found?, flake)
            }
        };
        if hosts.is_empty()
            && let Some((_, failure)) = failed.pop_first()
        {
            return Err(failure);
        }
        for (name, failure) in &failed {
            session.progress.say(&format!("{name}: its configuration does not evaluate"));
            crate::report::print(failure, session.show_trace);
        }
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
        let directory = &flake.directory;
        let place = state_directory(session, directory);
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
            failed,
            flake,
            settings,
            password,
            is_local: arguments.local,
            build_host: None,
            parallel: parallel.max(1),
        })
    }

    /// Lets the hosts, or another one, build what this machine would.
    ///
    /// # Errors
    /// That is no address.
    pub fn build_at(&mut self, build_host: Option<&str>, on_target: bool) -> Result<(), Failure> {
        self.build_host = build_host.map(str::parse).transpose()?;
        for host in &mut self.hosts {
            host.deployment.build_on_target |= on_target;
        }
        Ok(())
    }

    /// Fails if something is wrong with `count` of the hosts, or if hosts do not evaluate.
    ///
    /// # Errors
    /// How many hosts are not as they should be.
    pub fn conclude(&self, count: usize) -> Result<(), Failure> {
        match count + self.failed.len() {
            0 => Ok(()),
            count => Err(Failure::Hosts { count, total: self.hosts.len() + self.failed.len() }),
        }
    }

    /// The secrets of a host, got from where they are kept. They are evaluated each time anew, as results that are remembered
    /// lie on the disk.
    ///
    /// # Errors
    /// They do not evaluate, or cannot be had.
    pub fn secrets(&self, session: &Session, host: &FleetHost) -> Result<Vec<Secret>, Failure> {
        if host.secrets.is_empty() {
            return Ok(Vec::new());
        }
        let options = evaluate::value(session, &self.flake, None, |evaluation, value| {
            key_options(evaluation, value, &host.name)
        })?;
        let mut secrets = Vec::new();
        for (name, text) in options {
            let mut key = Key::read(&host.name, &name, &Zeroizing::new(text))?;
            // A file of the flake is read where it is; the store need not have it.
            let place = key.file.as_ref().and_then(|file| {
                let mut mappings = self.flake.mappings.iter();
                mappings.find_map(|tree| Some(tree.real.join(file.strip_prefix(&tree.logical).ok()?)))
            });
            key.file = place.or(key.file);
            secrets.push(key.secret(&host.name)?);
        }
        Ok(secrets)
    }

    /// The machine that builds for a host, if not this one: the host that was asked for, or the host itself.
    ///
    /// # Errors
    /// The host has no address.
    pub fn builder(&self, host: &FleetHost, jobs: usize) -> deploy::Result<Option<RemoteMachine>> {
        let (address, is_target) = match &self.build_host {
            Some(address) => (address.clone(), false),
            None if host.deployment.build_on_target => (self.address(host)?, true),
            None => return Ok(None),
        };
        let mut program = "nix-daemon".to_owned();
        if is_target && !address.is_root(&self.settings) {
            let words = host.deployment.privilege_escalation_command.iter().map(|word| quoted(word));
            program = words.chain([program]).collect::<Vec<_>>().join(" ");
        }
        let options = address.arguments(&SshSettings { may_ask: false, ..self.settings.clone() });
        Ok(Some(RemoteMachine {
            uri: StoreUri::Ssh(StoreAddress {
                host: address.host,
                port: None,
                key: None,
                compress: false,
                remote_store: None,
                remote_program: program,
                host_key: None,
                connect_timeout: Some(self.settings.patience),
                batch: true,
                options,
                other: BTreeMap::new(),
            }),
            systems: BTreeSet::new(),
            max_jobs: jobs.max(1),
            speed_factor: 1.0,
            supported_features: ["benchmark", "big-parallel", "kvm", "nixos-test"].map(str::to_owned).into(),
            mandatory_features: BTreeSet::new(),
        }))
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
        state_directory(session, &self.flake.directory).join("logs")
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

/// Hosts, and those of which nothing is known.
type Found = (Vec<FleetHost>, BTreeMap<String, Failure>);

/// The hosts that are meant, with their options.
fn selected(
    session: &Session,
    flake: &ReadyFlake,
    only: Option<&str>,
    on: Option<&str>,
) -> Result<Found, Failure> {
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
    let results: Vec<Result<FleetHost, Failure>> =
        chosen.par_iter().map(|name| fleet_host(session, flake, name)).collect();
    let (mut hosts, mut failed) = (Vec::new(), BTreeMap::new());
    for (name, result) in chosen.into_iter().zip(results) {
        match result {
            Ok(host) => hosts.push(host),
            Err(failure) => drop(failed.insert(name, failure)),
        }
    }
    let Some(selector) = selector.filter(Selector::asks_for_tags) else { return Ok((hosts, failed)) };
    let tagged = hosts.iter().map(|host| (host.name.as_str(), host.deployment.tags.as_slice()));
    let chosen = match selector.select(tagged) {
        Ok(chosen) => chosen,
        // The tag may be one of theirs.
        Err(_) if !failed.is_empty() => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    Ok((hosts.into_iter().filter(|host| chosen.contains(&host.name)).collect(), failed))
}

fn fleet_host(session: &Session, flake: &ReadyFlake, name: &str) -> Result<FleetHost, Failure> {
    let key = Some(format!("deployment and names of secrets of {name}"));
    let (options, secrets) = evaluate::value(session, flake, key, |evaluation, value| {
        Ok((deployment_options(evaluation, value, name)?, key_names(evaluation, value, name)?))
    })?;
    let options: Map<String, Value> = options
        .into_iter()
        .filter_map(|(option, text)| Some((option, serde_json::from_str(&text).ok()?)))
        .collect();
    Ok(FleetHost { name: name.to_owned(), deployment: Deployment::read(name, &options)?, secrets })
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

/// The set `deployment.keys` of a host, if it has one.
fn keys<'a>(
    evaluation: &Evaluation<'a>,
    flake: nix_expr::ValueRef<'a>,
    name: &str,
) -> Result<Option<nix_expr::ValueRef<'a>>, EvalError> {
    let config = evaluate::of_host(evaluation, flake, name, &["config"])?;
    match evaluation.attribute(config, "deployment")? {
        Some(deployment) => evaluation.attribute(deployment, "keys"),
        None => Ok(None),
    }
}

fn key_names<'a>(
    evaluation: &Evaluation<'a>,
    flake: nix_expr::ValueRef<'a>,
    name: &str,
) -> Result<Vec<String>, EvalError> {
    match keys(evaluation, flake, name)? {
        Some(keys) => evaluation.attribute_names(keys),
        None => Ok(Vec::new()),
    }
}

/// The options of all secrets of a host as JSON.
fn key_options<'a>(
    evaluation: &Evaluation<'a>,
    flake: nix_expr::ValueRef<'a>,
    name: &str,
) -> Result<Vec<(String, String)>, EvalError> {
    let Some(keys) = keys(evaluation, flake, name)? else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for name in evaluation.attribute_names(keys)? {
        if let Some(key) = evaluation.attribute(keys, &name)? {
            found.push((name, evaluation.to_json(key)?.text));
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
