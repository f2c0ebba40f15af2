//! From derivations to valid store paths.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use debian::Archive;
use nix_build::builders::{Mirrors, Network};
use nix_build::realise::{Means, Plan, PlannedBuild, Settings, Wanted, WantedOutputs, plan_by, plan_check};
use nix_build::remote::RemoteMachine;
use nix_expr::AddedPath;
use nix_flake::SourceTree;
use nix_store::daemon::Missing;
use nix_store::local::RootTarget;
use nix_store::{ContentAddressMethod, HashAlgorithm, LocalStore, StorePath, StoreRoot};

use super::building::Building;
use super::daemon::{self, Daemon};
use super::evaluate::{Evaluated, Target};
use super::packages::{snapshots, sources};
use super::substituter;
use crate::commands::Session;
use crate::failure::Failure;

/// What was evaluated, with all its derivations in the store.
pub struct Prepared {
    /// The store.
    pub store: LocalStore,
    /// What is to be had, built or not, and the order.
    pub plan: Plan,
    /// By what it can be had.
    means: Means,
    /// The daemon whose store is used instead, if one is.
    daemon: Option<InDaemon>,
}

/// A daemon's part.
struct InDaemon {
    daemon: Daemon,
    /// What it has to do, if it builds; otherwise it gets what is built here.
    missing: Option<Missing>,
}

impl Prepared {
    /// What is going to be done, for people.
    pub fn description(&self) -> String {
        let Some(InDaemon { missing: Some(missing), .. }) = &self.daemon else {
            return self.plan.to_string();
        };
        let mut text = String::new();
        for (paths, what) in [(&missing.will_build, "built"), (&missing.will_substitute, "fetched")] {
            if !paths.is_empty() {
                text.push_str(&format!("these {} paths will be {what} by the daemon:\n", paths.len()));
                text.extend(paths.iter().map(|path| format!("  {path}\n")));
            }
        }
        text
    }

    /// Makes `link` lead to what was built, where it lies.
    pub fn link(&self, session: &Session, link: &Path, built: &Built) -> Result<(), Failure> {
        match &self.daemon {
            Some(InDaemon { daemon, .. }) => daemon.link(session, link, built.path()?),
            None => Ok(self.store.add_root(link, built.path()?, RootTarget::Real)?),
        }
    }
}

/// A target whose output is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// The target.
    pub target: Target,
    /// All outputs of its derivation that were wanted, by name.
    pub outputs: BTreeMap<String, StorePath>,
}

impl Built {
    /// The store path of the output that the target means.
    pub fn path(&self) -> Result<&StorePath, Failure> {
        self.outputs.get(&self.target.output).ok_or_else(|| Failure::NoOutput {
            name: self.target.name.clone(),
            output: self.target.output.clone(),
        })
    }
}

/// Writes the derivations and what they take in, `trees` of inputs among it, to the store, and decides what has to be built.
pub fn prepare(session: &Session, trees: &[SourceTree], evaluated: &Evaluated) -> Result<Prepared, Failure> {
    prepare_by(session, trees, evaluated, None, plan_by)
}

/// As [`prepare`], where programs run on another machine alone.
pub fn prepare_elsewhere(
    session: &Session,
    trees: &[SourceTree],
    evaluated: &Evaluated,
    machine: RemoteMachine,
) -> Result<Prepared, Failure> {
    prepare_by(session, trees, evaluated, Some(machine), plan_by)
}

/// As [`prepare`], to build what is valid once more and to compare.
pub fn prepare_check(
    session: &Session,
    trees: &[SourceTree],
    evaluated: &Evaluated,
) -> Result<Prepared, Failure> {
    prepare_by(session, trees, evaluated, None, plan_check)
}

fn prepare_by(
    session: &Session,
    trees: &[SourceTree],
    evaluated: &Evaluated,
    elsewhere: Option<RemoteMachine>,
    plan: impl FnOnce(&Means, &LocalStore, &[Wanted]) -> nix_build::Result<Plan>,
) -> Result<Prepared, Failure> {
    session.progress.stage("plan", "Planning", || {
        let configuration = &session.configuration;
        let store = open_store(session)?;
        write(&store, trees, evaluated)?;
        let wanted: Vec<Wanted> = evaluated
            .targets
            .iter()
            .map(|target| Wanted {
                derivation: target.derivation.clone(),
                outputs: WantedOutputs::Named(Arc::new(BTreeSet::from([target.output.clone()]))),
            })
            .collect();
        let daemon = if elsewhere.is_some() { None } else { daemon_for(session, &store, evaluated)? };
        if let Some(InDaemon { missing: Some(_), .. }) = &daemon {
            let plan = Plan { substitutions: Vec::new(), builds: Vec::new(), wanted: Vec::new() };
            return Ok(Prepared { store, plan, means: Means::default(), daemon });
        }
        let building = &configuration.building;
        let builds_here = elsewhere.is_none() && configuration.max_jobs > 0;
        let builders = match elsewhere {
            Some(machine) => {
                let systems = evaluated.graph.values().map(|derivation| &derivation.system);
                let systems = systems.map(|system| String::from_utf8_lossy(system).into_owned());
                // What no program builds is built inside this one.
                let systems = systems.filter(|system| system != "builtin").collect();
                vec![RemoteMachine { systems, ..machine }]
            }
            None if configuration.offline => Vec::new(),
            None => building.builders.clone(),
        };
        let means = Means {
            machine: building.machine.clone(),
            substituter: substituter::of_graph(session, &evaluated.graph)?,
            builders,
            builds_here,
        };
        let plan = plan(&means, &store, &wanted)?;
        Ok(Prepared { store, plan, means, daemon })
    })
}

/// Our own store, with the settings of this run.
pub fn open_store(session: &Session) -> Result<LocalStore, Failure> {
    let configuration = &session.configuration;
    let mut store = LocalStore::open(StoreRoot::new(&configuration.store_root))?;
    store.set_optimise_added(configuration.optimise_store);
    store.set_sync_before_register(configuration.sync_store_paths);
    Ok(store)
}

/// Writes derivations and what they take in, `trees` of inputs among it, to a store.
pub fn write(store: &LocalStore, trees: &[SourceTree], evaluated: &Evaluated) -> Result<(), Failure> {
    add_sources(store, trees, evaluated)?;
    store.write_derivations(evaluated.graph.values().map(|derivation| &**derivation))?;
    Ok(())
}

/// The daemon whose store is used, if it has something to do with what was evaluated.
fn daemon_for(
    session: &Session,
    store: &LocalStore,
    evaluated: &Evaluated,
) -> Result<Option<InDaemon>, Failure> {
    let Some(choice) = &session.configuration.daemon else { return Ok(None) };
    let builds = daemon::can_build(&evaluated.graph);
    if !builds && !choice.is_asked {
        return Ok(None);
    }
    let daemon = Daemon::connect(session, &choice.uri)?;
    let missing = if builds { Some(daemon.plan(session, store, evaluated)?) } else { None };
    Ok(Some(InDaemon { daemon, missing }))
}

/// Builds what was planned. All of it is valid in our own store then.
pub fn realise(session: &Session, prepared: &Prepared, evaluated: &Evaluated) -> Result<Vec<Built>, Failure> {
    match &prepared.daemon {
        Some(InDaemon { daemon, missing: Some(missing) }) => {
            let built = daemon.build(session, &prepared.store, evaluated, missing)?;
            daemon.bring(session, &prepared.store, &built)?;
            Ok(built)
        }
        _ => realise_here(session, prepared, evaluated),
    }
}

/// As [`realise`], but what cannot be built holds up nothing else: all targets that are valid then, and why others are not.
pub fn realise_what_can_be(
    session: &Session,
    prepared: &Prepared,
    evaluated: &Evaluated,
) -> Result<(Vec<Built>, Option<Failure>), Failure> {
    let failure = match &prepared.daemon {
        Some(InDaemon { missing: Some(_), .. }) => {
            return Ok((realise(session, prepared, evaluated)?, None));
        }
        _ => match realise_going_on(session, prepared, evaluated, true) {
            Ok(built) => return Ok((built, None)),
            Err(Failure::Build(error @ nix_build::Error::Failed { .. })) => Failure::Build(error),
            Err(failure) => return Err(failure),
        },
    };
    let mut built = Vec::new();
    for (target, (_, outputs)) in evaluated.targets.iter().zip(&prepared.plan.wanted) {
        let mut is_valid = true;
        for path in outputs.values() {
            is_valid &= prepared.store.is_valid(path)?;
        }
        if is_valid {
            built.push(Built { target: target.clone(), outputs: outputs.clone() });
        }
    }
    Ok((built, Some(failure)))
}

/// Builds what was planned. All of it is valid in the store that is used then, which may be a daemon's.
pub fn realise_in_place(
    session: &Session,
    prepared: &Prepared,
    evaluated: &Evaluated,
) -> Result<Vec<Built>, Failure> {
    match &prepared.daemon {
        Some(InDaemon { daemon, missing: Some(missing) }) => {
            daemon.build(session, &prepared.store, evaluated, missing)
        }
        Some(InDaemon { daemon, missing: None }) => {
            let built = realise_here(session, prepared, evaluated)?;
            daemon.take(session, &prepared.store, &built)?;
            Ok(built)
        }
        None => realise_here(session, prepared, evaluated),
    }
}

fn realise_here(
    session: &Session,
    prepared: &Prepared,
    evaluated: &Evaluated,
) -> Result<Vec<Built>, Failure> {
    realise_going_on(session, prepared, evaluated, session.configuration.keep_going)
}

fn realise_going_on(
    session: &Session,
    prepared: &Prepared,
    evaluated: &Evaluated,
    keep_going: bool,
) -> Result<Vec<Built>, Failure> {
    let configuration = &session.configuration;
    let cancellation = nix_build::Cancellation::new();
    let stop = cancellation.clone();
    let _guard = session.interrupts.guard(move || stop.cancel());
    let settings = Settings {
        max_jobs: configuration.max_jobs,
        keep_going,
        network: network(session, &prepared.plan)?,
        means: prepared.means.clone(),
        keep: configuration.keep,
        ..configuration.building.settings()
    };
    let building = Building::new(&session.progress, configuration.print_build_logs);
    let realised = building
        .watch(|observer| {
            nix_build::realise::realise(&prepared.store, &prepared.plan, &settings, observer, &cancellation)
        })
        .map_err(
            |error| if session.interrupts.interrupted() { Failure::Interrupted } else { error.into() },
        )?;
    let built = evaluated.targets.iter().zip(realised.outputs);
    Ok(built.map(|(target, (_, outputs))| Built { target: target.clone(), outputs }).collect())
}

/// The network, if anything is to be fetched.
fn network(session: &Session, plan: &Plan) -> Result<Option<Network>, Failure> {
    if session.configuration.offline {
        // A program whose output is known in advance has the network, and most fetch something.
        let is_fixed = |build: &&PlannedBuild| build.derivation.fixed_output().is_some();
        let mut fetches = plan.builds.iter().filter(|build| build.builder.is_fetch() || is_fixed(build));
        if let Some(first) = fetches.next() {
            return Err(Failure::Offline { what: first.name.clone(), others: fetches.count() });
        }
    }
    if plan.fetches().next().is_none() {
        return Ok(None);
    }
    let mut mirrors = Mirrors::new();
    if plan.fetches().flat_map(|fetch| &fetch.urls).any(|url| url.starts_with("mirror://debian")) {
        for sources in std::iter::once(sources(session)?).chain(snapshots(session)?) {
            for archive in [Archive::Debian, Archive::Security] {
                mirrors.add(archive.name(), sources.mirrors(archive).iter().map(ToString::to_string));
            }
        }
    }
    Ok(Some(Network {
        downloader: download::BlockingDownloader::new(download::Settings::default())?,
        mirrors,
        directory: session.configuration.cache_directory.join("downloads"),
    }))
}

/// Copies what derivations take in, and is made by none, to the store: trees of inputs, files and texts.
fn add_sources(store: &LocalStore, trees: &[SourceTree], evaluated: &Evaluated) -> Result<(), Failure> {
    let added: BTreeMap<&StorePath, &AddedPath> =
        evaluated.added.iter().map(|added| (&added.path, added)).collect();
    let mut seen: BTreeSet<&StorePath> = BTreeSet::new();
    for source in evaluated.graph.values().flat_map(|derivation| &derivation.input_srcs) {
        add_source(store, trees, &added, source, &mut seen)?;
    }
    Ok(())
}

/// Adds a source after those that it refers to; only texts refer to others, each to ones that were there before it.
fn add_source<'a>(
    store: &LocalStore,
    trees: &[SourceTree],
    added: &BTreeMap<&'a StorePath, &'a AddedPath>,
    source: &'a StorePath,
    seen: &mut BTreeSet<&'a StorePath>,
) -> Result<(), Failure> {
    if !seen.insert(source) || store.is_valid(source)? {
        return Ok(());
    }
    if let Some(tree) = trees.iter().find(|tree| tree.store_path == *source) {
        store.add_path_filtered::<nix_store::Error>(
            source.name(),
            &tree.directory,
            ContentAddressMethod::Recursive,
            HashAlgorithm::Sha256,
            &mut |path, _| Ok(tree.holds(path.strip_prefix(&tree.directory).unwrap_or(path))),
        )?;
        return Ok(());
    }
    let Some(added_path) = added.get(source) else {
        return Err(nix_store::Error::NotValid { path: source.base_name().to_owned() }.into());
    };
    for reference in &added_path.references {
        add_source(store, trees, added, reference, seen)?;
    }
    added_path.add_to(store)?;
    Ok(())
}
