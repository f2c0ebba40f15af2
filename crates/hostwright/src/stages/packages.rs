//! A fleet with its pinned packages: evaluates with `debian.lock`, and pins packages when one is missing there.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use debian::{
    Fetch, Freshness, Index, Keyring, Lock, Repository, RepositoryOptions, Requests, Sources, make_lock,
    universe_json,
};
use download::{BlockingDownloader, Cancellation, Url};
use nix_expr::{ErrorKind, EvalError, ValueRef};
use nix_flake::FlakeReference;

use super::evaluate::{self, DerivationGraph, host_names, system_build};
use super::flake::{Flake, ReadyFlake, write_atomically};
use super::hive_file::HiveFile;
use super::requests::{Root, gather};
use crate::commands::Session;
use crate::failure::Failure;

/// The suite that the base is made for.
const SUITE: &str = "trixie";

/// All components that a base's module may take a package from.
const COMPONENTS: [&str; 3] = ["main", "contrib", "non-free-firmware"];

/// The architectures of hosts and of the machines that people sit at. Both are looked at whoever locks, so that the lock
/// does not depend on who did.
const ARCHITECTURES: [&str; 2] = ["amd64", "arm64"];

/// Nix's names of the same.
const SYSTEMS: [&str; 2] = ["x86_64-linux", "aarch64-linux"];

/// What the base says of a package that the lock lacks.
const NOT_LOCKED: &str = "is not in debian.lock";

/// A flake whose packages are pinned when they need to be.
pub struct Fleet {
    source: Source,
    /// The text of the package lock in force.
    lock: RefCell<Option<String>>,
}

/// Where hosts are declared.
enum Source {
    Flake(Box<Flake>),
    Hive(HiveFile),
}

impl Source {
    fn debian_lock_file(&self) -> PathBuf {
        match self {
            Source::Flake(flake) => flake.debian_lock_file(),
            Source::Hive(hive) => hive.debian_lock_file(),
        }
    }

    fn resolve(&self, session: &Session, debian_lock: Option<&[u8]>) -> Result<ReadyFlake, Failure> {
        match self {
            Source::Flake(flake) => flake.resolve(session, debian_lock),
            Source::Hive(hive) => hive.resolve(session, debian_lock),
        }
    }

    fn is_working_directory(&self) -> bool {
        match self {
            Source::Flake(flake) => flake.is_working_directory(),
            Source::Hive(_) => true,
        }
    }
}

/// What pinning did.
#[derive(Debug)]
pub struct Locked {
    /// Where the lock belongs.
    pub file: PathBuf,
    /// Whether it is there now.
    pub written: bool,
    /// The lock.
    pub lock: Lock,
}

/// A lock that is not in force yet.
#[derive(Debug)]
pub struct Resolved {
    /// The lock.
    pub lock: Lock,
    /// What each host asks for, by architecture.
    pub hosts: BTreeMap<String, BTreeMap<String, Requests>>,
}

impl Fleet {
    /// Opens the flake and reads the `debian.lock` beside it.
    pub fn open(session: &Session, reference: &FlakeReference) -> Result<Self, Failure> {
        let flake =
            session.progress.stage("read", "Reading the flake", || Flake::open(session, reference))?;
        Self::of(Source::Flake(Box::new(flake)))
    }

    /// Opens the hive in a file and reads the `debian.lock` beside it.
    pub fn of_hive(file: &Path) -> Result<Self, Failure> {
        Self::of(Source::Hive(HiveFile::open(file)?))
    }

    fn of(source: Source) -> Result<Self, Failure> {
        let file = source.debian_lock_file();
        let lock = match std::fs::read_to_string(&file) {
            Ok(text) => {
                // Read by the evaluator alone; a broken one is to be named as such before that.
                Lock::parse(&text, &file.display().to_string())?;
                Some(text)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(source) => return Err(Failure::File { action: "read", path: file, source }),
        };
        Ok(Fleet { source, lock: RefCell::new(lock) })
    }

    /// The flake, if it is one.
    pub fn flake(&self) -> Option<&Flake> {
        match &self.source {
            Source::Flake(flake) => Some(flake.as_ref()),
            Source::Hive(_) => None,
        }
    }

    /// Where its packages are pinned.
    pub fn debian_lock_file(&self) -> PathBuf {
        self.source.debian_lock_file()
    }

    /// Runs `body` with the flake. If it fails in a way that a missing package can cause, pins packages and runs it again.
    /// Returns the flake that it ran with beside the result.
    pub fn with_packages<T>(
        &self,
        session: &Session,
        body: impl Fn(&ReadyFlake) -> Result<T, Failure>,
    ) -> Result<(T, ReadyFlake), Failure> {
        let ready = self.ready(session)?;
        let failure = match body(&ready) {
            Ok(result) => return Ok((result, ready)),
            Err(failure)
                if ready.uses_debian() && failure.evaluation_error().is_some_and(may_be_missing_package) =>
            {
                failure
            }
            Err(failure) => return Err(failure),
        };
        let certain = failure.evaluation_error().is_some_and(says_missing_package);
        if certain {
            session.progress.say(match self.lock.borrow().is_some() {
                true => "A package is not in debian.lock: pinning packages.",
                false => "There is no debian.lock yet: pinning packages.",
            });
        }
        match self.lock(session) {
            Ok(_) => {}
            Err(error) if certain || error.is_about_configuration() => return Err(error),
            // The archive could not be asked: then the mistake as it was found first says more.
            Err(_) => return Err(failure),
        }
        let ready = self.ready(session)?;
        Ok((body(&ready)?, ready))
    }

    /// Runs `body` with the packages that are pinned, whatever it makes of them.
    pub fn with_pinned<T>(
        &self,
        session: &Session,
        body: impl FnOnce(&ReadyFlake) -> T,
    ) -> Result<(T, ReadyFlake), Failure> {
        let ready = self.ready(session)?;
        Ok((body(&ready), ready))
    }

    fn ready(&self, session: &Session) -> Result<ReadyFlake, Failure> {
        let lock = self.lock.borrow();
        session.progress.stage("read", "Reading the flake", || {
            self.source.resolve(session, lock.as_ref().map(|text| text.as_bytes()))
        })
    }

    /// Pins the packages of all hosts, keeping the versions that are pinned already where they fit. Writes `debian.lock`.
    pub fn lock(&self, session: &Session) -> Result<Locked, Failure> {
        let resolved = self.resolve(session, |_, previous| previous)?;
        Ok(self.adopt(session, resolved.lock))
    }

    /// The lock in force.
    pub fn current(&self) -> Result<Option<Lock>, Failure> {
        match &*self.lock.borrow() {
            Some(text) => Ok(Some(Lock::parse(text, "debian.lock")?)),
            None => Ok(None),
        }
    }

    /// Makes the lock of all hosts, and writes nothing. `keep` says which versions stay where they fit, out of those in force.
    pub fn resolve(
        &self,
        session: &Session,
        keep: impl FnOnce(&[Index], Option<Lock>) -> Option<Lock>,
    ) -> Result<Resolved, Failure> {
        let archive = Archive::open(session)?;
        let universe = universe_json(&archive.indices.iter().collect::<Vec<_>>());
        let ready = session
            .progress
            .stage("lock", "Reading the flake", || self.source.resolve(session, Some(universe.as_bytes())))?;
        if !ready.uses_debian() {
            return Err(Failure::NothingToLock { flake: ready.directory });
        }
        let previous = keep(&archive.indices, self.current()?);
        session.progress.stage("lock", "Resolving packages", || {
            let (graph, roots) = everything(session, &ready)?;
            let requests = gather(&graph, &roots)?;
            let asked: Vec<(&Index, Requests)> = archive
                .indices
                .iter()
                .filter_map(|index| Some((index, requests.get(index.architecture())?.clone())))
                .collect();
            let lock = make_lock(&asked, archive.repository.origin(), previous.as_ref())?;
            let hosts = evaluate::value(session, &ready, None, host_names)?;
            let hosts = roots.iter().filter(|root| hosts.contains(&root.name));
            let hosts = hosts
                .map(|root| Ok((root.name.clone(), gather(&graph, std::slice::from_ref(root))?)))
                .collect::<Result<_, Failure>>()?;
            Ok(Resolved { lock, hosts })
        })
    }

    /// Takes a lock into force, and writes it.
    pub fn adopt(&self, session: &Session, lock: Lock) -> Locked {
        let text = lock.to_text();
        let file = self.source.debian_lock_file();
        let unchanged = self.lock.borrow().as_ref() == Some(&text);
        let written = unchanged || self.write(session, &file, &text);
        *self.lock.borrow_mut() = Some(text);
        Locked { file, written, lock }
    }

    /// A flake that cannot be written to is used with the lock in memory.
    fn write(&self, session: &Session, file: &std::path::Path, text: &str) -> bool {
        if !session.configuration.write_lock_files {
            session.progress.detail("debian.lock is not written, as was asked for.");
            return false;
        }
        if !self.source.is_working_directory() {
            session
                .progress
                .detail("debian.lock is not written: the flake is not a directory of this machine.");
            return false;
        }
        match write_atomically(file, text.as_bytes()) {
            Ok(()) => {
                session.progress.say(&format!("Wrote {}.", file.display()));
                true
            }
            Err(error) => {
                session.progress.warn(&format!(
                    "cannot write {}: {error}; the packages are pinned for this run only",
                    file.display()
                ));
                false
            }
        }
    }
}

/// Whether an error says that a package is not locked.
pub fn says_missing_package(error: &EvalError) -> bool {
    error.message.contains(NOT_LOCKED)
}

/// Whether a package that is not locked can be the reason: `pkgs.NAME` is then an attribute that does not exist.
pub fn may_be_missing_package(error: &EvalError) -> bool {
    says_missing_package(error)
        || matches!(error.kind, ErrorKind::MissingAttribute | ErrorKind::UndefinedVariable)
            && error.location.as_ref().is_some_and(|place| place.is_file)
}

/// The derivations of all hosts and of the tools to run them, and which belong together.
fn everything(session: &Session, flake: &ReadyFlake) -> Result<(DerivationGraph, Vec<Root>), Failure> {
    let hosts = evaluate::value(session, flake, None, host_names)?;
    let (evaluated, _) = evaluate::derivations(
        session,
        flake,
        &hosts,
        |_| None,
        |host| Some(host.clone()),
        |evaluation, value, host| {
            let mut wanted = vec![(host.clone(), system_build(evaluation, value, host, &["toplevel"])?)];
            let images = system_build(evaluation, value, host, &["images"])?;
            for variant in evaluation.attribute_names(images)? {
                match image(evaluation, images, &variant) {
                    Ok(image) => wanted.extend(image.map(|image| (host.clone(), image))),
                    Err(error) if says_not_in_archive(&error) => return Err(error),
                    // A variant that does not fit the host is none of its images, and says so to whoever asks for it.
                    Err(_) => {}
                }
            }
            Ok((wanted, ()))
        },
    )
    .map_err(missing_in_archive)?;
    let mut graph = evaluated.graph;
    let mut roots: Vec<Root> = hosts.into_iter().map(|name| Root { name, derivations: Vec::new() }).collect();
    for target in evaluated.targets {
        let root = roots.iter_mut().find(|root| root.name == target.name);
        root.into_iter().for_each(|root| root.derivations.push(target.derivation.clone()));
    }
    let packages = evaluate::value(session, flake, None, |evaluation, value| {
        evaluate::package_names(evaluation, value, &SYSTEMS)
    })?;
    let (evaluated, _) = evaluate::derivations(
        session,
        flake,
        &packages,
        |_| None,
        |_| None,
        |evaluation, value, (system, name)| {
            let package = evaluation.select_parts(value, &["packages", system, name], &[])?;
            Ok((vec![(format!("package '{name}' for {system}"), package)], ()))
        },
    )
    .map_err(missing_in_archive)?;
    graph.extend(evaluated.graph);
    let packages = evaluated.targets.into_iter();
    roots.extend(packages.map(|target| Root { name: target.name, derivations: vec![target.derivation] }));
    if let Some(base) = &flake.debian {
        let (evaluated, _) = evaluate::derivations(
            session,
            flake,
            &SYSTEMS,
            |_| None,
            |_| None,
            |evaluation, _, system| {
                let qemu = evaluate::vm_tools(evaluation, evaluation.store_path(&base.store_path), system)?;
                let mut wanted = Vec::new();
                for guest in evaluation.attribute_names(qemu)? {
                    let tools = evaluation.select_parts(qemu, &[&guest], &[])?;
                    wanted.push((format!("qemu-{guest} on {system}"), tools));
                }
                Ok((wanted, ()))
            },
        )?;
        graph.extend(evaluated.graph);
        let tools = evaluated.targets.into_iter();
        roots.extend(tools.map(|target| Root { name: target.name, derivations: vec![target.derivation] }));
    }
    Ok((graph, roots))
}

/// A variant of a host's image, if it is one.
fn image<'a>(
    evaluation: &evaluate::Evaluation<'a>,
    images: ValueRef<'a>,
    variant: &str,
) -> Result<Option<ValueRef<'a>>, EvalError> {
    let image = evaluation.select_parts(images, &[variant], &[])?;
    if !evaluation.is_derivation(image)? {
        return Ok(None);
    }
    evaluation.derivation_path(image)?;
    Ok(Some(image))
}

/// While everything that the archive has is known, a package that is missing does not exist.
fn missing_in_archive(failure: Failure) -> Failure {
    match failure {
        Failure::Evaluation { error } if says_not_in_archive(&error) => Failure::MissingPackage { error },
        other => other,
    }
}

fn says_not_in_archive(error: &EvalError) -> bool {
    error.kind == ErrorKind::Throw && error.message.contains(" has no package ")
}

/// The archive's releases and indices.
pub struct Archive {
    repository: Repository,
    /// What it has, one index an architecture.
    pub indices: Vec<Index>,
}

impl Archive {
    /// Gets the indices that are newer than those here.
    pub fn open(session: &Session) -> Result<Self, Failure> {
        let configuration = &session.configuration;
        let sources = sources(session)?;
        let keyring = Keyring::debian()?;
        let downloader = BlockingDownloader::new(download::Settings::default())?;
        let progress: Arc<dyn download::Progress> =
            Arc::new(super::downloads::Bars::new(&session.progress, "indices"));
        let cancellation = Cancellation::new();
        let stop = cancellation.clone();
        let _guard = session.interrupts.guard(move || stop.cancel());
        let fetch = Fetch { downloader: &downloader, progress: &progress, cancellation: &cancellation };
        let freshness = match (configuration.offline, configuration.refresh) {
            (true, _) => Freshness::Offline,
            (false, _) => Freshness::Refresh,
        };
        let options = RepositoryOptions {
            suite: SUITE.to_owned(),
            components: COMPONENTS.map(str::to_owned).to_vec(),
            cache: configuration.cache_directory.join("archive"),
            freshness,
            accept_expired: false,
        };
        session.progress.stage("indices", "Fetching the archive's indices", || {
            let repository = Repository::open(&sources, &keyring, options, fetch)?;
            for note in repository.notes() {
                session.progress.detail(note);
            }
            let indices = ARCHITECTURES
                .iter()
                .map(|architecture| repository.index(architecture, fetch))
                .collect::<Result<Vec<_>, _>>()?;
            Ok(Archive { repository, indices })
        })
    }
}

/// The mirrors: those chosen, else apt's.
pub fn sources(session: &Session) -> Result<Sources, Failure> {
    let mirrors = &session.configuration.mirrors;
    let security = mirrors.security.as_deref().map(mirror_url).transpose()?;
    match &mirrors.debian {
        Some(mirror) => Ok(Sources::from_mirror(&mirror_url(mirror)?, security.as_ref())),
        None => {
            let system = Sources::from_system()?;
            match security {
                None => Ok(system),
                Some(security) => match system.mirrors(debian::Archive::Debian).first() {
                    Some(first) => Ok(Sources::from_mirror(first, Some(&security))),
                    None => Ok(system),
                },
            }
        }
    }
}

/// Mirrors of other days, for pinned packages that the mirrors no longer have.
pub fn snapshots(session: &Session) -> Result<Vec<Sources>, Failure> {
    let snapshots = session.configuration.mirrors.snapshots.iter();
    snapshots.map(|text| Ok(Sources::from_mirror(&mirror_url(text)?, None))).collect()
}

fn mirror_url(text: &str) -> Result<Url, Failure> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https" | "file"));
    url.ok_or_else(|| {
        Failure::Usage(format!("'{text}' is not the address of a mirror: give an http, https or file URL"))
    })
}
