//! Why an environment cannot be solved, in sentences.

use std::collections::{BTreeMap, BTreeSet};

use resolvo::{
    Requirement, SolvableId,
    conflict::{ConflictCause, ConflictEdge, ConflictGraph, ConflictNode},
};

use crate::{index::Package, provider::Provider, solve::Environment};

/// Who asks for something, for sorting: the environment's own requests come first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Asker {
    Environment,
    Package(SolvableId),
}

/// The sentences, each one fact of the contradiction: what is asked for, what that needs, what cannot be had or cannot
/// stand beside something else.
pub(crate) fn explain(
    graph: &ConflictGraph<SolvableId>,
    provider: &Provider<'_>,
    environment: &Environment,
) -> Vec<String> {
    let mut needs: BTreeMap<(Asker, Requirement), BTreeSet<SolvableId>> = BTreeMap::new();
    let mut contradictions: BTreeSet<String> = BTreeSet::new();
    let graph = &graph.graph;
    for edge in graph.edge_indices() {
        let Some((from, to)) = graph.edge_endpoints(edge) else { continue };
        let asker = match graph[from] {
            ConflictNode::Root => Asker::Environment,
            ConflictNode::Solvable(solvable) => Asker::Package(solvable),
            ConflictNode::UnresolvedDependency | ConflictNode::Excluded(_) => continue,
        };
        match &graph[edge] {
            ConflictEdge::Requires(requirement) => {
                let candidates = needs.entry((asker, *requirement)).or_default();
                if let ConflictNode::Solvable(candidate) = graph[to] {
                    candidates.insert(candidate);
                }
            }
            ConflictEdge::Conflict(cause) => {
                let ConflictNode::Solvable(other) = graph[to] else { continue };
                contradictions.insert(contradiction(provider, asker, provider.package(other), cause));
            }
        }
    }
    let mut sentences = Vec::new();
    for ((asker, requirement), candidates) in needs {
        sentences.push(need(provider, environment, asker, requirement, &candidates));
    }
    sentences.extend(contradictions);
    sentences
}

fn need(
    provider: &Provider<'_>,
    environment: &Environment,
    asker: Asker,
    requirement: Requirement,
    candidates: &BTreeSet<SolvableId>,
) -> String {
    let text = provider.requirement_text(requirement);
    let subject = match asker {
        Asker::Environment => format!("{} asks for {text}", environment.name),
        Asker::Package(solvable) => format!("{} needs {text}", title(provider.package(solvable))),
    };
    if candidates.is_empty() {
        return format!("{subject}, {}", absence(provider, &text));
    }
    let packages: Vec<Package<'_>> = candidates.iter().map(|id| provider.package(*id)).collect();
    // Saying again which package it is only helps where a choice or a provided name is behind it.
    let names: BTreeSet<&str> = packages.iter().map(|package| package.name()).collect();
    if names.len() == 1 && names.first().is_some_and(|name| text.split(' ').next() == Some(name)) {
        return subject;
    }
    let titles: Vec<String> = packages.iter().map(|package| title(*package)).collect();
    format!("{subject}, which only {} could be", titles.join(" or "))
}

/// What there is instead of a package that nothing offers.
fn absence(provider: &Provider<'_>, text: &str) -> String {
    let groups = crate::dependency::parse_groups(text).unwrap_or_default();
    let offered: Vec<String> = groups
        .iter()
        .flatten()
        .flat_map(|dependency| provider.index.versions(dependency.name))
        .map(title)
        .collect();
    if offered.is_empty() {
        "which no package of the archive is or provides".to_owned()
    } else {
        format!("but the archive has only {}", offered.join(", "))
    }
}

fn contradiction(
    provider: &Provider<'_>,
    asker: Asker,
    other: Package<'_>,
    cause: &ConflictCause<SolvableId>,
) -> String {
    let other = title(other);
    match (cause, asker) {
        (ConflictCause::Constrains(set), Asker::Package(solvable)) => {
            let origin = provider.set_text(*set);
            format!("{} does not go together with {other} ({origin})", title(provider.package(solvable)))
        }
        (ConflictCause::Constrains(set), Asker::Environment) => {
            format!("another environment of the same lock has {} instead of {other}", provider.set_text(*set))
        }
        (ConflictCause::ForbidMultipleInstances, Asker::Package(solvable)) => {
            format!("{other} and {} cannot be there at once", title(provider.package(solvable)))
        }
        (ConflictCause::Excluded, _) => format!("the fields of {other} cannot be read"),
        (ConflictCause::ForbidMultipleInstances | ConflictCause::Locked(_), _) => {
            format!("{other} cannot be chosen")
        }
    }
}

fn title(package: Package<'_>) -> String {
    format!("{} {}", package.name(), package.version())
}
