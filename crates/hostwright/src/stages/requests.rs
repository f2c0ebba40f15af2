//! What a fleet asks the Debian archive for.
//!
//! While a fleet is being locked, the base makes placeholder derivations in place of packages (their builder is
//! `builtin:hostwright-unlocked`), each with one request in its environment. They are found in the derivations that a
//! host needs.

use std::collections::{BTreeMap, BTreeSet};

use debian::solve::PackageRequest;
use debian::{Environment, Requests};
use nix_store::{Derivation, StorePath};
use serde::Deserialize;

use super::evaluate::{DerivationGraph, reachable};
use crate::failure::Failure;

/// The builder of placeholders, which nothing can build.
const UNLOCKED_BUILDER: &[u8] = b"builtin:hostwright-unlocked";

/// A placeholder's request.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Request {
    /// The files of a package, without what it needs.
    Deb { architecture: String, package: String },
    /// A package that a host uses by name, with what it needs.
    Package { architecture: String, package: String },
    /// Packages that are installed together.
    Environment { architecture: String, name: String, packages: Vec<String> },
}

/// A thing whose packages must go together: a host, or a virtual machine's tools.
#[derive(Debug)]
pub struct Root {
    /// For messages.
    pub name: String,
    /// All its derivations: the toplevel and the images of a host.
    pub derivations: Vec<StorePath>,
}

/// Gathers what all roots ask for, by architecture. Packages that a root uses by name are installed with its environments.
pub fn gather(graph: &DerivationGraph, roots: &[Root]) -> Result<BTreeMap<String, Requests>, Failure> {
    let mut all: BTreeMap<String, Requests> = BTreeMap::new();
    for root in roots {
        let mut by_name: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut environments: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
        for (path, derivation) in &reachable(|path| graph.get(path), &root.derivations) {
            if derivation.builder != UNLOCKED_BUILDER {
                continue;
            }
            match read(path, derivation)? {
                Request::Deb { architecture, package } => {
                    let request: PackageRequest = package.parse()?;
                    let contents = &mut all.entry(architecture).or_default().contents;
                    if !contents.contains(&request) {
                        contents.push(request);
                    }
                }
                Request::Package { architecture, package } => {
                    by_name.entry(architecture).or_default().insert(package);
                }
                Request::Environment { architecture, name, packages } => {
                    environments.entry((architecture, name)).or_default().extend(packages);
                }
            }
        }
        for (architecture, packages) in by_name {
            let mut joined = false;
            for ((_, _), environment) in
                environments.iter_mut().filter(|((known, _), _)| *known == architecture)
            {
                environment.extend(packages.iter().cloned());
                joined = true;
            }
            if !joined {
                environments.insert((architecture, root.name.clone()), packages);
            }
        }
        for ((architecture, name), packages) in environments {
            let packages = packages.iter().map(|package| package.parse()).collect::<Result<Vec<_>, _>>()?;
            let environment = Environment { name, packages };
            let known = &mut all.entry(architecture).or_default().environments;
            if !known.contains(&environment) {
                known.push(environment);
            }
        }
    }
    Ok(all)
}

fn read(path: &StorePath, derivation: &Derivation) -> Result<Request, Failure> {
    let text = derivation.env.get("request").unwrap_or_default();
    serde_json::from_slice(text)
        .map_err(|source| Failure::MalformedRequest { derivation: path.base_name().to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn placeholder(graph: &mut DerivationGraph, number: usize, request: &str) -> StorePath {
        let mut derivation = Derivation::new("placeholder");
        derivation.builder = UNLOCKED_BUILDER.to_vec();
        derivation.env.insert("request", request);
        insert(graph, number, derivation)
    }

    fn insert(graph: &mut DerivationGraph, number: usize, derivation: Derivation) -> StorePath {
        let path = StorePath::from_base_name(&format!("{}-x.drv", number.to_string().repeat(32))).unwrap();
        graph.insert(path.clone(), Arc::new(derivation));
        path
    }

    #[test]
    fn packages_of_a_host_join_its_environment() {
        let mut graph = DerivationGraph::new();
        let deb =
            placeholder(&mut graph, 1, r#"{"kind":"deb","architecture":"amd64","package":"busybox-static"}"#);
        let package =
            placeholder(&mut graph, 2, r#"{"kind":"package","architecture":"amd64","package":"hello"}"#);
        let other =
            placeholder(&mut graph, 3, r#"{"kind":"package","architecture":"arm64","package":"vim"}"#);
        let environment = placeholder(
            &mut graph,
            4,
            r#"{"kind":"environment","architecture":"amd64","name":"alpha","packages":["systemd"]}"#,
        );
        let mut toplevel = Derivation::new("toplevel");
        for input in [deb, package, other, environment] {
            toplevel.input_drvs.insert(input, Arc::default());
        }
        let toplevel = insert(&mut graph, 5, toplevel);
        // Not reachable, so not asked for.
        placeholder(&mut graph, 6, r#"{"kind":"deb","architecture":"amd64","package":"emacs"}"#);
        let roots = [Root { name: "alpha".into(), derivations: vec![toplevel.clone(), toplevel] }];
        let requests = gather(&graph, &roots).unwrap();
        let amd64 = &requests["amd64"];
        assert_eq!(amd64.contents, ["busybox-static".parse().unwrap()]);
        assert_eq!(
            amd64.environments,
            [Environment {
                name: "alpha".into(),
                packages: vec!["hello".parse().unwrap(), "systemd".parse().unwrap()],
            }]
        );
        assert_eq!(requests["arm64"].environments[0].name, "alpha");
    }

    #[test]
    fn a_request_that_cannot_be_read_names_its_derivation() {
        let mut graph = DerivationGraph::new();
        let path = placeholder(&mut graph, 1, r#"{"kind":"else"}"#);
        let roots = [Root { name: "alpha".into(), derivations: vec![path.clone()] }];
        let error = gather(&graph, &roots).unwrap_err().to_string();
        assert!(error.contains(path.base_name()), "{error}");
    }
}
