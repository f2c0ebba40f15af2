//! What resolvo is told about an index: names, versions, requirements.
//!
//! Numbers are the index's own: a solvable is a place in the index, a name is the place of its newest version. What the
//! index has no number for (sets of versions, groups of alternatives) is kept here as the solver asks for it.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    fmt::Display,
};

use resolvo::{
    Candidates, Condition, ConditionId, Dependencies, DependencyProvider, HintDependenciesAvailable,
    Interner, KnownDependencies, NameId, Requirement, SolvableId, SolverCache, StringId, VersionSetId,
    VersionSetUnionId,
};

use crate::{
    dependency::display_group,
    error::{Error, Result},
    index::{Index, Package, PackageId, Relationship},
    solve::{Versions, forbidden, name_id, satisfying},
};

/// Some versions of one package.
struct VersionSet {
    name: NameId,
    accepted: Vec<PackageId>,
    /// The text that it comes from: `Breaks: foo (<< 2)`.
    origin: String,
}

#[derive(Default)]
struct Interned {
    sets: Vec<VersionSet>,
    unions: Vec<Vec<VersionSetId>>,
    /// For each requirement (by number of its first set) what the field says.
    texts: BTreeMap<VersionSetId, String>,
}

/// The index as resolvo sees it.
pub(crate) struct Provider<'a> {
    pub(crate) index: &'a Index,
    pub(crate) versions: &'a Versions,
    interned: RefCell<Interned>,
    /// A package whose fields could not be read: resolvo can only be told that it cannot be chosen.
    failure: Cell<Option<Error>>,
}

impl<'a> Provider<'a> {
    pub(crate) fn new(index: &'a Index, versions: &'a Versions) -> Self {
        Provider { index, versions, interned: RefCell::default(), failure: Cell::new(None) }
    }

    /// A name that stands for every package that is not there. The number after the last one: resolvo keeps its tables
    /// of names in vectors as long as the largest number.
    fn nothing(&self) -> NameId {
        NameId::from_raw(self.index.len() as u32)
    }

    pub(crate) fn take_failure(&self) -> Option<Error> {
        self.failure.take()
    }

    pub(crate) fn package(&self, solvable: SolvableId) -> Package<'a> {
        self.index.package(PackageId(solvable.into_raw()))
    }

    /// The requirement that one of `candidates` is chosen, in their order. `text` is what the user or the field says.
    pub(crate) fn requirement(&self, candidates: &[Package<'_>], text: String) -> Requirement {
        let mut by_name: Vec<(NameId, Vec<PackageId>)> = Vec::new();
        for candidate in candidates {
            let name = name_id(self.index, *candidate);
            match by_name.iter_mut().find(|(known, _)| *known == name) {
                Some((_, accepted)) => accepted.push(candidate.id()),
                None => by_name.push((name, vec![candidate.id()])),
            }
        }
        if by_name.is_empty() {
            by_name.push((self.nothing(), Vec::new()));
        }
        let mut interned = self.interned.borrow_mut();
        let first = VersionSetId(interned.sets.len() as u32);
        let mut ids = Vec::with_capacity(by_name.len());
        for (name, accepted) in by_name {
            ids.push(VersionSetId(interned.sets.len() as u32));
            interned.sets.push(VersionSet { name, accepted, origin: text.clone() });
        }
        interned.texts.insert(first, text);
        if ids.len() == 1 {
            return Requirement::Single(first);
        }
        interned.unions.push(ids);
        Requirement::Union(VersionSetUnionId((interned.unions.len() - 1) as u32))
    }

    /// What the field says that a requirement was made from.
    pub(crate) fn requirement_text(&self, requirement: Requirement) -> String {
        let interned = self.interned.borrow();
        let first = match requirement {
            Requirement::Single(set) => Some(set),
            Requirement::Union(union) => {
                interned.unions.get(union.0 as usize).and_then(|sets| sets.first().copied())
            }
        };
        first.and_then(|set| interned.texts.get(&set).cloned()).unwrap_or_default()
    }

    /// What the field says that a set of versions was made from.
    pub(crate) fn set_text(&self, set: VersionSetId) -> String {
        self.interned.borrow().sets.get(set.0 as usize).map(|set| set.origin.clone()).unwrap_or_default()
    }

    /// The constraints that other environments with the same lock set.
    pub(crate) fn required_versions(&self) -> Vec<VersionSetId> {
        let mut constraints = Vec::new();
        for (name, version) in &self.versions.required {
            let Some(newest) = self.index.newest(name) else { continue };
            let accepted = self
                .index
                .versions(name)
                .filter(|package| package.version() == version)
                .map(Package::id)
                .collect();
            constraints.push(self.add_set(newest, accepted, format!("{name} (= {version})")));
        }
        constraints
    }

    fn add_set(&self, of: Package<'_>, accepted: Vec<PackageId>, origin: String) -> VersionSetId {
        let mut interned = self.interned.borrow_mut();
        interned.sets.push(VersionSet { name: name_id(self.index, of), accepted, origin });
        VersionSetId((interned.sets.len() - 1) as u32)
    }

    fn relationships(&self, package: Package<'_>) -> Result<KnownDependencies> {
        let mut known = KnownDependencies::default();
        for group in package.dependencies()? {
            let text = display_group(&group);
            known.requirements.push(self.requirement(&satisfying(self.index, &group), text).into());
        }
        for field in [Relationship::Conflicts, Relationship::Breaks] {
            for dependency in package.groups(field)?.iter().flatten() {
                let mut by_name: BTreeMap<NameId, Vec<PackageId>> = BTreeMap::new();
                for other in forbidden(self.index, package, dependency) {
                    by_name.entry(name_id(self.index, other)).or_default().push(other.id());
                }
                for (name, forbidden) in by_name {
                    let newest = self.index.package(PackageId(name.into_raw()));
                    let accepted = self
                        .index
                        .versions(newest.name())
                        .map(Package::id)
                        .filter(|id| !forbidden.contains(id))
                        .collect();
                    let origin = format!("{}: {dependency}", field.field());
                    known.constrains.push(self.add_set(newest, accepted, origin));
                }
            }
        }
        Ok(known)
    }
}

impl Interner for Provider<'_> {
    type NameId = NameId;
    type SolvableId = SolvableId;

    fn display_solvable(&self, solvable: SolvableId) -> impl Display + '_ {
        let package = self.package(solvable);
        format!("{} {}", package.name(), package.version())
    }

    fn display_name(&self, name: NameId) -> impl Display + '_ {
        if name == self.nothing() {
            return "no package".to_owned();
        }
        self.index.package(PackageId(name.into_raw())).name().to_owned()
    }

    fn display_version_set(&self, version_set: VersionSetId) -> impl Display + '_ {
        self.set_text(version_set)
    }

    fn display_string(&self, _: StringId) -> impl Display + '_ {
        "its fields cannot be read"
    }

    fn version_set_name(&self, version_set: VersionSetId) -> NameId {
        self.interned.borrow().sets.get(version_set.0 as usize).map_or(self.nothing(), |set| set.name)
    }

    fn solvable_name(&self, solvable: SolvableId) -> NameId {
        name_id(self.index, self.package(solvable))
    }

    fn version_sets_in_union(&self, union: VersionSetUnionId) -> impl Iterator<Item = VersionSetId> {
        self.interned.borrow().unions.get(union.0 as usize).cloned().unwrap_or_default().into_iter()
    }

    fn resolve_condition(&self, _: ConditionId) -> Condition {
        // No requirement is made with a condition, so no number of one is ever given out.
        Condition::Requirement(VersionSetId(0))
    }
}

impl DependencyProvider for Provider<'_> {
    async fn filter_candidates(
        &self,
        candidates: &[SolvableId],
        version_set: VersionSetId,
        inverse: bool,
    ) -> Vec<SolvableId> {
        let interned = self.interned.borrow();
        let Some(set) = interned.sets.get(version_set.0 as usize) else { return Vec::new() };
        let accepted = |candidate: &SolvableId| set.accepted.contains(&PackageId(candidate.into_raw()));
        candidates.iter().copied().filter(|candidate| accepted(candidate) != inverse).collect()
    }

    async fn get_candidates(&self, name: NameId) -> Option<Candidates> {
        if name == self.nothing() {
            return None;
        }
        let newest = self.index.package(PackageId(name.into_raw()));
        let preferred = self.versions.preferred.get(newest.name());
        let mut candidates = Candidates {
            hint_dependencies_available: HintDependenciesAvailable::None,
            ..Candidates::default()
        };
        for package in self.index.versions(newest.name()) {
            let solvable = SolvableId::from_raw(package.id().0);
            if preferred.is_some_and(|version| version == package.version()) {
                candidates.favored = Some(solvable);
            }
            candidates.candidates.push(solvable);
        }
        Some(candidates)
    }

    async fn sort_candidates(&self, _: &SolverCache<Self>, solvables: &mut [SolvableId]) {
        // The index is sorted by name and then newest first.
        solvables.sort_unstable();
    }

    async fn get_dependencies(&self, solvable: SolvableId) -> Dependencies {
        match self.relationships(self.package(solvable)) {
            Ok(known) => Dependencies::Known(known),
            Err(error) => {
                self.failure.set(Some(error));
                Dependencies::Unknown(StringId(0))
            }
        }
    }
}
