//! From derivations to valid store paths.

use std::collections::{BTreeMap, BTreeSet};

use debian::Archive;
use nix_build::builders::{Mirrors, Network};
use nix_build::realise::{Means, Plan, Settings, Wanted, WantedOutputs, plan_by, plan_check};
use nix_expr::AddedPath;
use nix_flake::SourceTree;
use nix_store::{ContentAddressMethod, HashAlgorithm, LocalStore, StorePath, StoreRoot};

use super::building::Building;
use super::evaluate::{Evaluated, Target};
use super::packages::sources;
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
    prepare_by(session, trees, evaluated, plan_by)
}

/// As [`prepare`], to build what is valid once more and to compare.
pub fn prepare_check(
    session: &Session,
    trees: &[SourceTree],
    evaluated: &Evaluated,
) -> Result<Prepared, Failure> {
    prepare_by(session, trees, evaluated, plan_check)
}

fn prepare_by(
    session: &Session,
    trees: &[SourceTree],
    evaluated: &Evaluated,
    plan: impl FnOnce(&Means, &LocalStore, &[Wanted]) -> nix_build::Result<Plan>,
) -> Result<Prepared, Failure> {
    session.progress.stage("plan", "Planning", || {
        let store = LocalStore::open(StoreRoot::new(&session.configuration.store_root))?;
        add_sources(&store, trees, evaluated)?;
        store.write_derivations(evaluated.graph.values())?;
        let wanted: Vec<Wanted> = evaluated
            .targets
            .iter()
            .map(|target| Wanted {
                derivation: target.derivation.clone(),
                outputs: WantedOutputs::Named(BTreeSet::from([target.output.clone()])),
            })
            .collect();
        let means = Means {
            machine: session.configuration.building.machine.clone(),
            substituter: substituter::of_graph(session, &evaluated.graph)?,
        };
        let plan = plan(&means, &store, &wanted)?;
        Ok(Prepared { store, plan, means })
    })
}

/// Builds what was planned.
pub fn realise(session: &Session, prepared: &Prepared, evaluated: &Evaluated) -> Result<Vec<Built>, Failure> {
    let configuration = &session.configuration;
    let cancellation = nix_build::Cancellation::new();
    let stop = cancellation.clone();
    let _guard = session.interrupts.guard(move || stop.cancel());
    let settings = Settings {
        max_jobs: configuration.max_jobs,
        keep_going: configuration.keep_going,
        network: network(session, &prepared.plan)?,
        means: prepared.means.clone(),
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
    let Some(first) = plan.fetches().next() else { return Ok(None) };
    if session.configuration.offline {
        return Err(Failure::Offline {
            what: first.name.clone(),
            others: plan.fetches().count().saturating_sub(1),
        });
    }
    let mut mirrors = Mirrors::new();
    if plan.fetches().flat_map(|fetch| &fetch.urls).any(|url| url.starts_with("mirror://debian")) {
        let sources = sources(session)?;
        for archive in [Archive::Debian, Archive::Security] {
            mirrors.add(archive.name(), sources.mirrors(archive).iter().map(ToString::to_string));
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
