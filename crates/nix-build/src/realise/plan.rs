//! Deciding what has to be built.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use nix_store::{Derivation, LocalStore, StorePath};
use serde::{Serialize, Serializer};

use crate::error::{Error, Result};
use crate::realise::builder::Builder;
use crate::realise::machine::Machine;
use crate::realise::valid_paths::ValidPaths;

/// A derivation and those of its outputs that somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The derivation's path; its file must be in the store.
    pub derivation: StorePath,
    /// Which outputs.
    pub outputs: WantedOutputs,
}

/// Which outputs of a derivation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WantedOutputs {
    /// All that it has.
    All,
    /// Those of these names.
    Named(BTreeSet<String>),
}

impl Wanted {
    /// All outputs of a derivation.
    pub fn all(derivation: StorePath) -> Self {
        Wanted { derivation, outputs: WantedOutputs::All }
    }
}

/// A build's place in its plan.
pub type BuildId = usize;

/// One derivation that has to be built.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedBuild {
    /// The derivation's path.
    #[serde(serialize_with = "serialize_path")]
    pub derivation_path: StorePath,
    /// Its name.
    pub name: String,
    /// What builds it.
    #[serde(serialize_with = "serialize_builder")]
    pub builder: Builder,
    /// Its outputs by name.
    #[serde(serialize_with = "serialize_outputs")]
    pub outputs: BTreeMap<String, StorePath>,
    /// For a download: where it comes from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// The builds that must be finished before.
    pub waits_for: Vec<BuildId>,
    /// The derivation itself.
    #[serde(skip)]
    pub derivation: Derivation,
}

/// What has to be built, each after what it waits for. A value: it can be shown, compared, and carried out.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The builds.
    pub builds: Vec<PlannedBuild>,
    /// The outputs that are wanted in the end, by derivation, valid already or not.
    #[serde(skip)]
    pub wanted: Vec<(StorePath, BTreeMap<String, StorePath>)>,
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.builds.is_empty()
    }

    /// The downloads.
    pub fn fetches(&self) -> impl Iterator<Item = &PlannedBuild> {
        self.builds.iter().filter(|build| build.builder.is_fetch())
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (fetched, built): (Vec<_>, Vec<_>) =
            self.builds.iter().partition(|build| build.builder.is_fetch());
        let mut list = |builds: Vec<&PlannedBuild>, what: &str, done: &str| {
            match builds.len() {
                0 => return Ok(()),
                1 => writeln!(formatter, "this {what} will be {done}:")?,
                count => writeln!(formatter, "these {count} {what}s will be {done}:")?,
            }
            builds
                .into_iter()
                .try_for_each(|build| writeln!(formatter, "  {}", build.derivation_path.base_name()))
        };
        list(built, "derivation", "built")?;
        list(fetched, "file", "fetched")
    }
}

/// Decides what has to be built so that the wanted outputs are valid. Derivations below a valid output are not looked at.
///
/// # Errors
/// [`Error::CannotBuild`] for a derivation that would have to be built and cannot be; a derivation that is not there or
/// malformed; [`Error::NoSuchOutput`].
pub fn plan(store: &LocalStore, wanted: &[Wanted]) -> Result<Plan> {
    plan_on(&Machine::this(), store, wanted)
}

/// As [`plan`], for what `machine` can build.
///
/// # Errors
/// As for [`plan`].
pub fn plan_on(machine: &Machine, store: &LocalStore, wanted: &[Wanted]) -> Result<Plan> {
    let mut planner = Planner {
        machine,
        store,
        valid: ValidPaths::new(store),
        derivations: HashMap::new(),
        places: HashMap::new(),
        builds: Vec::new(),
    };
    let mut outputs_wanted = Vec::new();
    for Wanted { derivation: path, outputs } in wanted {
        let derivation = planner.derivation(path)?.clone();
        let names = match outputs {
            WantedOutputs::All => derivation.outputs.keys().cloned().collect(),
            WantedOutputs::Named(names) => names.clone(),
        };
        planner.visit(path, &names)?;
        outputs_wanted.push((path.clone(), output_paths(path, &derivation, &names)?));
    }
    Ok(Plan { builds: planner.builds, wanted: outputs_wanted })
}

struct Planner<'store> {
    machine: &'store Machine,
    store: &'store LocalStore,
    valid: ValidPaths<'store>,
    derivations: HashMap<StorePath, Derivation>,
    /// Finished visits: the build's place, or none if nothing is to be built.
    places: HashMap<StorePath, Option<BuildId>>,
    builds: Vec<PlannedBuild>,
}

/// A derivation whose inputs are being visited.
struct Open {
    path: StorePath,
    inputs: std::vec::IntoIter<(StorePath, BTreeSet<String>)>,
}

impl Planner<'_> {
    fn derivation(&mut self, path: &StorePath) -> Result<&Derivation> {
        if !self.derivations.contains_key(path) {
            let derivation = self.store.read_derivation(path)?;
            self.derivations.insert(path.clone(), derivation);
        }
        Ok(&self.derivations[path])
    }

    /// Plans the build of a derivation and of what it needs, without recursion: chains of derivations can be long.
    fn visit(&mut self, path: &StorePath, names: &BTreeSet<String>) -> Result<()> {
        let mut open: Vec<Open> = Vec::new();
        self.enter(path.clone(), names, &mut open)?;
        while let Some(last) = open.last_mut() {
            match last.inputs.next() {
                Some((input, names)) => {
                    if open.iter().any(|open| open.path == input) {
                        return Err(Error::Store(nix_store::Error::DerivationCycle {
                            path: input.base_name().to_owned(),
                        }));
                    }
                    self.enter(input, &names, &mut open)?;
                }
                None => {
                    if let Some(finished) = open.pop() {
                        self.leave(finished.path)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn enter(&mut self, path: StorePath, names: &BTreeSet<String>, open: &mut Vec<Open>) -> Result<()> {
        if matches!(self.places.get(&path), Some(Some(_))) {
            return Ok(());
        }
        let derivation = self.derivation(&path)?;
        if derivation.outputs.values().any(|output| output.path().is_none()) {
            let cause = super::Unbuildable::FloatingOutputs;
            return Err(Error::CannotBuild { derivation: path.base_name().to_owned(), cause });
        }
        let outputs = output_paths(&path, derivation, names)?;
        let inputs: Vec<_> =
            derivation.input_drvs.iter().map(|(input, names)| (input.clone(), names.clone())).collect();
        let mut all_valid = true;
        for output in outputs.values() {
            all_valid = all_valid && self.valid.get(output)?.is_some();
        }
        if all_valid {
            self.places.insert(path, None);
        } else {
            open.push(Open { path, inputs: inputs.into_iter() });
        }
        Ok(())
    }

    fn leave(&mut self, path: StorePath) -> Result<()> {
        let derivation = self.derivation(&path)?.clone();
        let builder = Builder::of(&derivation, self.machine)
            .map_err(|cause| Error::CannotBuild { derivation: path.base_name().to_owned(), cause })?;
        let names: BTreeSet<String> = derivation.outputs.keys().cloned().collect();
        let outputs = output_paths(&path, &derivation, &names)?;
        let waits_for = derivation
            .input_drvs
            .keys()
            .filter_map(|input| self.places.get(input).copied().flatten())
            .collect();
        let urls = if builder.is_fetch() { urls_of(&derivation) } else { Vec::new() };
        self.places.insert(path.clone(), Some(self.builds.len()));
        self.builds.push(PlannedBuild {
            name: derivation.name.clone(),
            derivation_path: path,
            builder,
            outputs,
            urls,
            waits_for,
            derivation,
        });
        Ok(())
    }
}

/// The addresses of a download, for people; a malformed derivation shows when it is built.
fn urls_of(derivation: &Derivation) -> Vec<String> {
    let attributes = crate::builders::Attributes::of(derivation, &nix_store::StoreDir::default());
    let fetch = attributes.and_then(|attributes| crate::builders::FetchUrl::new(&attributes));
    fetch.map(|fetch| fetch.urls).unwrap_or_default()
}

/// The paths of some outputs.
pub(super) fn output_paths(
    path: &StorePath,
    derivation: &Derivation,
    names: &BTreeSet<String>,
) -> Result<BTreeMap<String, StorePath>> {
    names
        .iter()
        .map(|name| {
            let output = derivation.outputs.get(name).and_then(|output| output.path());
            let output = output.ok_or_else(|| Error::NoSuchOutput {
                derivation: path.base_name().to_owned(),
                output: name.clone(),
            })?;
            Ok((name.clone(), output.clone()))
        })
        .collect()
}

fn serialize_path<S: Serializer>(path: &StorePath, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(path.base_name())
}

fn serialize_builder<S: Serializer>(builder: &Builder, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(builder.name())
}

fn serialize_outputs<S: Serializer>(
    outputs: &BTreeMap<String, StorePath>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(outputs.iter().map(|(name, path)| (name, path.base_name())))
}
