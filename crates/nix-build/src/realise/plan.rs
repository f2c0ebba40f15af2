//! Deciding what has to be built.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use nix_store::{Derivation, LocalStore, StorePath};
use serde::{Serialize, Serializer};

use crate::error::{Error, Result};
use crate::realise::builder::Builder;
use crate::realise::offers::Offers;
use crate::realise::substituter::Means;
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
    Named(Arc<BTreeSet<String>>),
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
    /// Whether the outputs are valid already, and are made once more to be compared with.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_check: bool,
    /// The derivation itself.
    #[serde(skip)]
    pub derivation: Derivation,
}

/// One store path that a substituter has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedSubstitution {
    /// The path.
    #[serde(serialize_with = "serialize_path")]
    pub path: StorePath,
    /// Its size in the store, in bytes.
    pub nar_size: u64,
    /// How many bytes have to be transferred, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub download_size: Option<u64>,
    /// The substitutions that must be finished before, by their places.
    pub waits_for: Vec<usize>,
}

/// What has to be had from elsewhere and what has to be built, each after what it waits for, in this order. A value: it can be
/// shown, compared, and carried out.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// What is fetched from a substituter.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub substitutions: Vec<PlannedSubstitution>,
    /// The builds.
    pub builds: Vec<PlannedBuild>,
    /// The outputs that are wanted in the end, by derivation, valid already or not.
    #[serde(skip)]
    pub wanted: Vec<(StorePath, BTreeMap<String, StorePath>)>,
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.builds.is_empty() && self.substitutions.is_empty()
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
        list(fetched, "file", "fetched")?;
        match self.substitutions.len() {
            0 => return Ok(()),
            1 => write!(formatter, "this path will be fetched")?,
            count => write!(formatter, "these {count} paths will be fetched")?,
        }
        let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let download: u64 = self.substitutions.iter().filter_map(|path| path.download_size).sum();
        let size: u64 = self.substitutions.iter().map(|path| path.nar_size).sum();
        writeln!(
            formatter,
            " ({:.2} MiB to download, {:.2} MiB unpacked):",
            mebibytes(download),
            mebibytes(size)
        )?;
        self.substitutions.iter().try_for_each(|path| writeln!(formatter, "  {}", path.path))
    }
}

/// Decides what has to be built so that the wanted outputs are valid. Derivations below a valid output are not looked at.
///
/// # Errors
/// [`Error::CannotBuild`] for a derivation that would have to be built and cannot be; a derivation that is not there or
/// malformed; [`Error::NoSuchOutput`].
pub fn plan(store: &LocalStore, wanted: &[Wanted]) -> Result<Plan> {
    plan_by(&Means::default(), store, wanted)
}

/// Decides by what `means` the wanted outputs can become valid: what is not valid and can be had from the substituter is, and
/// what cannot is built. What somebody else has is asked for in few questions, a level of the derivations' graph each.
///
/// # Errors
/// As for [`plan`].
pub fn plan_by(means: &Means, store: &LocalStore, wanted: &[Wanted]) -> Result<Plan> {
    plan_without(&BTreeSet::new(), means, store, wanted)
}

/// Plans to build the wanted derivations although their outputs are valid, and to compare (`nix build --rebuild`). What is
/// not valid yet is planned as by [`plan_by`].
///
/// # Errors
/// As for [`plan`].
pub fn plan_check(means: &Means, store: &LocalStore, wanted: &[Wanted]) -> Result<Plan> {
    let mut plan = plan_by(means, store, wanted)?;
    let valid = ValidPaths::new(store);
    for (path, outputs) in plan.wanted.clone() {
        let mut all_valid = true;
        for output in outputs.values() {
            all_valid = all_valid && valid.get(output)?.is_some();
        }
        if !all_valid || plan.builds.iter().any(|build| build.derivation_path == path) {
            continue;
        }
        let derivation = store.read_derivation(&path)?;
        let inputs: Vec<Wanted> = derivation
            .input_drvs
            .iter()
            .map(|(input, names)| Wanted {
                derivation: input.clone(),
                outputs: WantedOutputs::Named(names.clone()),
            })
            .collect();
        let below = plan_by(means, store, &inputs)?;
        if !below.is_empty() {
            return Err(Error::CheckWithoutInputs { derivation: path.base_name().to_owned() });
        }
        let builder = Builder::of(&derivation, &means.machine)
            .map_err(|cause| Error::CannotBuild { derivation: path.base_name().to_owned(), cause })?;
        let names: BTreeSet<String> = derivation.outputs.keys().cloned().collect();
        plan.builds.push(PlannedBuild {
            name: derivation.name.clone(),
            builder,
            outputs: output_paths(&path, &derivation, &names)?,
            urls: if builder.is_fetch() { urls_of(&derivation) } else { Vec::new() },
            waits_for: Vec::new(),
            is_check: true,
            derivation_path: path,
            derivation,
        });
    }
    Ok(plan)
}

/// As [`plan_by`], without the paths that turned out not to be had.
pub(super) fn plan_without(
    unavailable: &BTreeSet<StorePath>,
    means: &Means,
    store: &LocalStore,
    wanted: &[Wanted],
) -> Result<Plan> {
    let valid = ValidPaths::new(store);
    let mut planner = Planner {
        means,
        store,
        offers: Offers::new(
            means.substituter.as_deref().map(|substituter| substituter as _),
            &valid,
            unavailable,
        ),
        valid: &valid,
        derivations: HashMap::new(),
        places: HashMap::new(),
        builds: Vec::new(),
        substitutions: Vec::new(),
        substitution_places: HashMap::new(),
    };
    planner.ask(wanted)?;
    let mut outputs_wanted = Vec::new();
    for Wanted { derivation: path, outputs } in wanted {
        let derivation = planner.derivation(path)?.clone();
        let names = match outputs {
            WantedOutputs::All => Arc::new(derivation.outputs.keys().cloned().collect()),
            WantedOutputs::Named(names) => names.clone(),
        };
        planner.visit(path, &names)?;
        outputs_wanted.push((path.clone(), output_paths(path, &derivation, &names)?));
    }
    Ok(Plan { substitutions: planner.substitutions, builds: planner.builds, wanted: outputs_wanted })
}

struct Planner<'store> {
    means: &'store Means,
    store: &'store LocalStore,
    valid: &'store ValidPaths<'store>,
    offers: Offers<'store>,
    derivations: HashMap<StorePath, Derivation>,
    /// Finished visits: the build's place, or none if nothing is to be built.
    places: HashMap<StorePath, Option<BuildId>>,
    builds: Vec<PlannedBuild>,
    substitutions: Vec<PlannedSubstitution>,
    substitution_places: HashMap<StorePath, usize>,
}

/// A derivation whose inputs are being visited.
struct Open {
    path: StorePath,
    inputs: std::vec::IntoIter<(StorePath, Arc<BTreeSet<String>>)>,
}

impl Planner<'_> {
    fn derivation(&mut self, path: &StorePath) -> Result<&Derivation> {
        if !self.derivations.contains_key(path) {
            // It is read again when it is built.
            if self.store.is_writable() {
                self.store.add_temporary_roots([path])?;
            }
            let derivation = self.store.read_derivation(path)?;
            self.derivations.insert(path.clone(), derivation);
        }
        Ok(&self.derivations[path])
    }

    /// Asks for the outputs of a level of derivations at once; those below what can be had are not looked at.
    fn ask(&mut self, wanted: &[Wanted]) -> Result<()> {
        if !self.offers.is_open() {
            return Ok(());
        }
        let mut level: Vec<(StorePath, Option<Arc<BTreeSet<String>>>)> = wanted
            .iter()
            .map(|wanted| match &wanted.outputs {
                WantedOutputs::All => (wanted.derivation.clone(), None),
                WantedOutputs::Named(names) => (wanted.derivation.clone(), Some(names.clone())),
            })
            .collect();
        let mut seen: BTreeSet<(StorePath, Option<Arc<BTreeSet<String>>>)> = BTreeSet::new();
        while !level.is_empty() {
            level.retain(|asked| seen.insert(asked.clone()));
            let mut outputs: Vec<BTreeSet<StorePath>> = Vec::new();
            let mut questions = BTreeSet::new();
            for (path, names) in &level {
                let derivation = self.derivation(path)?;
                let may_be_had = may_be_substituted(derivation);
                let is_wanted = |name: &String| names.as_ref().is_none_or(|names| names.contains(name));
                let paths: BTreeSet<StorePath> = derivation
                    .outputs
                    .iter()
                    .filter(|(name, _)| is_wanted(name))
                    .filter_map(|(_, output)| output.path().cloned())
                    .collect();
                if may_be_had {
                    questions.extend(paths.iter().cloned());
                }
                outputs.push(paths);
            }
            self.offers.ask(questions)?;
            let mut next = Vec::new();
            for ((path, _), outputs) in level.into_iter().zip(outputs) {
                let mut all = true;
                for output in &outputs {
                    all = all && (self.valid.get(output)?.is_some() || self.offers.get(output)?.is_some());
                }
                if !all {
                    let inputs = self.derivation(&path)?.input_drvs.clone();
                    next.extend(inputs.into_iter().map(|(input, names)| (input, Some(names))));
                }
            }
            level = next;
        }
        Ok(())
    }

    /// Plans to fetch a path and what it refers to, these first, unless it is valid.
    fn substitute(&mut self, path: &StorePath) -> Result<()> {
        let mut pending = vec![path.clone()];
        while let Some(next) = pending.last().cloned() {
            if self.substitution_places.contains_key(&next) || self.valid.get(&next)?.is_some() {
                pending.pop();
                continue;
            }
            let Some(offer) = self.offers.get(&next)?.cloned() else {
                return Err(nix_store::Error::NotValid { path: next.base_name().to_owned() }.into());
            };
            let mut waits_for = Vec::new();
            let mut unplanned = Vec::new();
            for reference in offer.references.into_iter().filter(|reference| *reference != next) {
                match self.substitution_places.get(&reference) {
                    Some(place) => waits_for.push(*place),
                    None if self.valid.get(&reference)?.is_some() => {}
                    None => unplanned.push(reference),
                }
            }
            if unplanned.is_empty() {
                pending.pop();
                self.substitution_places.insert(next.clone(), self.substitutions.len());
                let (nar_size, download_size) = (offer.nar_size, offer.download_size);
                self.substitutions.push(PlannedSubstitution {
                    path: next,
                    nar_size,
                    download_size,
                    waits_for,
                });
            } else {
                pending.extend(unplanned);
            }
        }
        Ok(())
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
        let may_be_had = may_be_substituted(derivation) && self.offers.is_open();
        let mut missing = Vec::new();
        for output in outputs.into_values() {
            if self.valid.get(&output)?.is_none() {
                missing.push(output);
            }
        }
        let mut can_be_had = may_be_had || missing.is_empty();
        for output in &missing {
            can_be_had = can_be_had && self.offers.get(output)?.is_some();
        }
        if can_be_had {
            missing.iter().try_for_each(|output| self.substitute(output))?;
            self.places.insert(path, None);
        } else {
            open.push(Open { path, inputs: inputs.into_iter() });
        }
        Ok(())
    }

    fn leave(&mut self, path: StorePath) -> Result<()> {
        let derivation = self.derivation(&path)?.clone();
        let builder = self
            .means
            .builder_of(&derivation)
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
            is_check: false,
            derivation,
        });
        Ok(())
    }
}

/// Whether others may have made the outputs (`allowSubstitutes`); what is quicker made than fetched says that they may not.
fn may_be_substituted(derivation: &Derivation) -> bool {
    let attributes = crate::builders::Attributes::of(derivation, &nix_store::StoreDir::default());
    let text = attributes.ok().and_then(|attributes| attributes.text("allowSubstitutes"));
    text.is_none_or(|text| text == "1")
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
