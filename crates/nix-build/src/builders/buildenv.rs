//! `builtin:buildenv`: a user environment of symlinks, as Nix's builder of this name makes it for profiles.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::Path;

use crate::builders::attributes::Attributes;
use crate::builders::context::Context;
use crate::error::{Error, IoContext, Result};
use crate::inputs::Inputs;
use crate::tree::{Directory, Node, Tree, write};

/// Priority of the first package that comes in because another one propagates it.
const FIRST_PROPAGATED: i64 = 1000;

/// A package of the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Package {
    path: String,
    priority: i64,
}

/// The attributes of `builtin:buildenv`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildEnv {
    packages: Vec<Package>,
    /// The file that `manifest.nix` links to, if there is one.
    manifest: Option<String>,
}

/// A place in the environment: a link that somebody may still turn into a directory, or a directory.
enum Place {
    Link { source: String, priority: i64 },
    Directory(BTreeMap<OsString, Place>),
}

impl BuildEnv {
    /// Reads `derivations` (for each package: whether it is active, its priority, the number of its outputs, their paths)
    /// and `manifest`.
    pub fn new(attributes: &Attributes) -> Result<Self> {
        let text =
            attributes.text("derivations").ok_or_else(|| Error::attribute("derivations", "it is missing"))?;
        let mut words = text.split_whitespace();
        let mut packages = Vec::new();
        while let Some(active) = words.next() {
            let malformed = || Error::attribute("derivations", "it ends within a package");
            let priority = words.next().ok_or_else(malformed)?;
            let priority = priority
                .parse()
                .map_err(|_| Error::attribute("derivations", format!("'{priority}' is no priority")))?;
            let count = words.next().ok_or_else(malformed)?;
            let count: usize = count
                .parse()
                .map_err(|_| Error::attribute("derivations", format!("'{count}' is no number of outputs")))?;
            for _ in 0..count {
                let path = words.next().ok_or_else(malformed)?.to_owned();
                if active != "false" {
                    packages.push(Package { path, priority });
                }
            }
        }
        packages.sort_by(|one, other| (one.priority, &one.path).cmp(&(other.priority, &other.path)));
        Ok(BuildEnv { packages, manifest: attributes.text("manifest").filter(|path| !path.is_empty()) })
    }

    /// Writes the environment.
    ///
    /// # Errors
    /// [`Error::EnvironmentCollision`], [`Error::EnvironmentMismatch`].
    pub fn build(&self, context: &Context<'_>, output: &Path) -> Result<()> {
        let mut environment = Environment { inputs: context.inputs, root: BTreeMap::new() };
        let mut done: BTreeSet<String> = BTreeSet::new();
        let mut propagated: BTreeSet<String> = BTreeSet::new();
        for package in &self.packages {
            if done.insert(package.path.clone()) {
                environment.add(&package.path, package.priority)?;
                propagated.extend(propagated_by(&package.path, context.inputs)?);
            }
        }
        let mut priority = FIRST_PROPAGATED;
        while !propagated.is_empty() {
            context.cancellation.check()?;
            for path in std::mem::take(&mut propagated) {
                if done.insert(path.clone()) {
                    environment.add(&path, priority)?;
                    propagated.extend(propagated_by(&path, context.inputs)?);
                }
                priority += 1;
            }
        }
        let mut root = directory_of(environment.root);
        if let Some(manifest) = &self.manifest {
            root.children.insert(OsString::from("manifest.nix"), Node::symlink(manifest));
        }
        write(&Tree { root }, output, context.cancellation)
    }
}

struct Environment<'inputs> {
    inputs: &'inputs Inputs,
    root: BTreeMap<OsString, Place>,
}

impl Environment<'_> {
    fn add(&mut self, package: &str, priority: i64) -> Result<()> {
        let resolved = self.inputs.require(package)?;
        // Packages that are one file have no place in an environment.
        if resolved.metadata.is_dir() { link(&mut self.root, package, priority, self.inputs) } else { Ok(()) }
    }
}

/// Links everything in the directory `source` into `places`.
fn link(places: &mut BTreeMap<OsString, Place>, source: &str, priority: i64, inputs: &Inputs) -> Result<()> {
    let real = inputs.require_directory(source)?;
    let mut names = Vec::new();
    for entry in fs::read_dir(&real).on("list", &real)? {
        names.push(entry.on("list", &real)?.file_name());
    }
    names.sort();
    for name in names {
        let Some(text) = name.to_str() else {
            return Err(Error::InvalidTreePath {
                path: format!("{source}/{}", name.to_string_lossy()),
                problem: "its name is not UTF-8",
            });
        };
        if text.starts_with('.') {
            continue;
        }
        let source = format!("{source}/{text}");
        if is_left_out(&source) {
            continue;
        }
        // Dangling links have no place in an environment.
        let Some(resolved) = inputs.resolve(&source)? else { continue };
        place(places, &name, source, resolved.metadata.is_dir(), priority, inputs)?;
    }
    Ok(())
}

fn place(
    places: &mut BTreeMap<OsString, Place>,
    name: &OsStr,
    source: String,
    is_directory: bool,
    priority: i64,
    inputs: &Inputs,
) -> Result<()> {
    match places.get_mut(name) {
        None => {
            places.insert(name.to_os_string(), Place::Link { source, priority });
            Ok(())
        }
        Some(Place::Directory(below)) if is_directory => link(below, &source, priority, inputs),
        Some(Place::Directory(below)) => {
            let directory = first_source(below).unwrap_or_default();
            Err(Error::EnvironmentMismatch { directory, other: source })
        }
        Some(Place::Link { source: present, priority: present_priority }) => {
            let (present, present_priority) = (present.clone(), *present_priority);
            let present_is_directory = inputs.require(&present)?.metadata.is_dir();
            match (is_directory, present_is_directory) {
                (true, true) => {
                    let mut below = BTreeMap::new();
                    link(&mut below, &present, present_priority, inputs)?;
                    link(&mut below, &source, priority, inputs)?;
                    places.insert(name.to_os_string(), Place::Directory(below));
                    Ok(())
                }
                (true, false) => Err(Error::EnvironmentMismatch { directory: source, other: present }),
                (false, _) if present_priority == priority => {
                    Err(Error::EnvironmentCollision { first: present, second: source, priority })
                }
                (false, _) if present_priority < priority => Ok(()),
                (false, _) => {
                    places.insert(name.to_os_string(), Place::Link { source, priority });
                    Ok(())
                }
            }
        }
    }
}

/// Files that every package brings, and that would only collide.
fn is_left_out(source: &str) -> bool {
    const SUFFIXES: [&str; 7] = [
        "/propagated-build-inputs",
        "/nix-support",
        "/perllocal.pod",
        "/info/dir",
        "/log",
        "/manifest.nix",
        "/manifest.json",
    ];
    SUFFIXES.iter().any(|suffix| source.ends_with(suffix))
}

fn first_source(places: &BTreeMap<OsString, Place>) -> Option<String> {
    places.values().find_map(|place| match place {
        Place::Link { source, .. } => source.rsplit_once('/').map(|(directory, _)| directory.to_owned()),
        Place::Directory(below) => first_source(below),
    })
}

fn directory_of(places: BTreeMap<OsString, Place>) -> Directory {
    let children = places
        .into_iter()
        .map(|(name, place)| {
            let node = match place {
                Place::Link { source, .. } => Node::symlink(source),
                Place::Directory(below) => Node::Directory(directory_of(below)),
            };
            (name, node)
        })
        .collect();
    Directory { children, ..Directory::default() }
}

/// The packages that a package wants in every environment that it is in.
fn propagated_by(package: &str, inputs: &Inputs) -> Result<Vec<String>> {
    let list = format!("{package}/nix-support/propagated-user-env-packages");
    match inputs.resolve(&list)? {
        Some(resolved) if resolved.metadata.is_file() => {
            let text = fs::read_to_string(&resolved.real).on("read", &resolved.real)?;
            Ok(text.split_whitespace().map(str::to_owned).collect())
        }
        _ => Ok(Vec::new()),
    }
}
