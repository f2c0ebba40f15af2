//! Flake registries: what names like `nixpkgs` mean.
//!
//! The format is that of the Nix manual, `nix registry --help`. Names of the command line are looked up in the user's
//! registry, the machine's and the global one, in this order; names in a flake's inputs in the global one alone, so that
//! a flake means the same for everybody.

use std::path::Path;

use serde_json::Value;

use crate::attributes::Attributes;
use crate::error::Error;
use crate::fetch::Fetcher;
use crate::reference::{FlakeReference, Source};

/// Registries are looked through at most so often: entries that lead to each other go around for ever.
const STEPS_MOST: usize = 100;

/// Which registries are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistryScope {
    /// The user's, the machine's and the global one: names that people type.
    Everything,
    /// The global one: names in the inputs of flakes.
    Global,
    /// None: pure evaluation.
    Nothing,
}

/// One entry.
#[derive(Debug)]
struct Entry {
    from: FlakeReference,
    to: FlakeReference,
    /// The entry says in which directory the flake is.
    has_directory: bool,
    /// Only for references that are the same in all, branch and commit included.
    exact: bool,
}

/// A registry that was read.
#[derive(Debug, Default)]
struct Registry {
    entries: Vec<Entry>,
}

/// The registry that is asked last, once it is here.
#[derive(Debug)]
pub struct GlobalRegistry(Registry);

impl Registry {
    /// Reads a registry's text, version 2.
    fn parse(text: &str, file: &str) -> Result<Self, Error> {
        let invalid = |reason: String| Error::InvalidRegistry { file: file.to_owned(), reason };
        let value: Value = serde_json::from_str(text).map_err(|error| invalid(error.to_string()))?;
        match value.get("version").and_then(Value::as_u64) {
            Some(2) => {}
            Some(version) => return Err(invalid(format!("its version {version} is not known; known is 2"))),
            None => return Err(invalid("it has no version".to_owned())),
        }
        let flakes = value.get("flakes").and_then(Value::as_array).map_or(&[] as &[Value], Vec::as_slice);
        let entries = flakes.iter().map(|entry| {
            let side = |name: &str| -> Result<FlakeReference, Error> {
                let attributes = entry.get(name).cloned().unwrap_or(Value::Null);
                let attributes: Attributes = serde_json::from_value(attributes)
                    .map_err(|error| invalid(format!("'{name}' of an entry is no reference: {error}")))?;
                FlakeReference::from_attributes(&attributes)
            };
            let to = side("to")?;
            Ok(Entry {
                from: side("from")?.tree(),
                has_directory: !to.directory.is_empty(),
                to,
                exact: entry.get("exact").and_then(Value::as_bool).unwrap_or(false),
            })
        });
        Ok(Registry { entries: entries.collect::<Result<_, Error>>()? })
    }

    fn read(file: &Path) -> Result<Self, Error> {
        match std::fs::read_to_string(file) {
            Ok(text) => Self::parse(&text, &file.display().to_string()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Registry::default()),
            Err(source) => Err(Error::File { action: "read", path: file.to_owned(), source }),
        }
    }

    /// What the first entry that fits makes of a reference.
    fn lookup(&self, reference: &FlakeReference) -> Option<Result<FlakeReference, Error>> {
        let tree = reference.tree();
        let without_revision = FlakeReference { branch: None, revision: None, ..tree.clone() };
        let entry = self
            .entries
            .iter()
            .find(|entry| entry.from == tree || (!entry.exact && entry.from == without_revision))?;
        let branch = reference.branch.clone().filter(|_| !entry.exact && entry.from.branch.is_none());
        let revision = reference.revision.clone().filter(|_| !entry.exact && entry.from.revision.is_none());
        let result = overridden(&entry.to, branch, revision).map(|mut result| {
            if !entry.has_directory {
                result.directory.clone_from(&reference.directory);
            }
            result
        });
        Some(result)
    }
}

/// A registry's target with the branch and the commit that were asked for.
fn overridden(
    target: &FlakeReference,
    branch: Option<String>,
    revision: Option<String>,
) -> Result<FlakeReference, Error> {
    let mut result = target.clone();
    let refused =
        |reason: &str| Error::InvalidReference { reference: target.to_string(), reason: reason.to_owned() };
    match (&target.source, branch, revision) {
        (_, None, None) => {}
        (Source::Forge { .. }, Some(_), Some(_)) => {
            return Err(refused("a branch and a commit are asked for, and a forge takes one of them"));
        }
        (Source::Forge { .. }, branch, revision) => (result.branch, result.revision) = (branch, revision),
        (Source::Git { .. } | Source::Mercurial { .. } | Source::Indirect { .. }, branch, revision) => {
            result.branch = branch.or(result.branch);
            result.revision = revision.or(result.revision);
        }
        _ => return Err(refused("it has no branches and commits, and one is asked for")),
    }
    Ok(result)
}

impl Fetcher {
    /// What a reference means by the registries: itself if it names a place.
    ///
    /// # Errors
    /// [`Error::NotInRegistry`], [`Error::RegistryUnreachable`], [`Error::RegistryCycle`]; [`Error::IndirectReference`] if
    /// no registry may be asked.
    pub fn resolve(&self, reference: &FlakeReference, scope: RegistryScope) -> Result<FlakeReference, Error> {
        let mut current = reference.clone();
        for _ in 0..STEPS_MOST {
            if !matches!(current.source, Source::Indirect { .. }) {
                return Ok(current);
            }
            if scope == RegistryScope::Nothing {
                return Err(Error::IndirectReference { reference: reference.to_string() });
            }
            current = self.step(&current, scope)?;
        }
        Err(Error::RegistryCycle { reference: reference.to_string() })
    }

    fn step(&self, reference: &FlakeReference, scope: RegistryScope) -> Result<FlakeReference, Error> {
        let mut searched = Vec::new();
        if scope == RegistryScope::Everything {
            let files =
                [self.settings.user_registry.as_deref(), Some(self.settings.system_registry.as_path())];
            for file in files.into_iter().flatten() {
                if let Some(found) = Registry::read(file)?.lookup(reference) {
                    return found;
                }
                searched.push(file.display().to_string());
            }
        }
        let global = &self.settings.flake_registry;
        if !global.is_empty() {
            if let Some(found) = self.global_registry(reference)?.0.lookup(reference) {
                return found;
            }
            searched.push(global.clone());
        }
        Err(Error::NotInRegistry { reference: reference.to_string(), searched })
    }

    fn global_registry(&self, reference: &FlakeReference) -> Result<&GlobalRegistry, Error> {
        if let Some(registry) = self.global_registry.get() {
            return Ok(registry);
        }
        let place = &self.settings.flake_registry;
        let registry = if place.starts_with('/') {
            Registry::read(Path::new(place))?
        } else {
            let text = self.text(place, &Vec::new()).map_err(|source| Error::RegistryUnreachable {
                reference: reference.to_string(),
                url: place.clone(),
                source: Box::new(source),
            })?;
            Registry::parse(&text, place)?
        };
        Ok(self.global_registry.get_or_init(|| GlobalRegistry(registry)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::FetchSettings;

    const REGISTRY: &str = r#"{ "version": 2, "flakes": [
      { "from": { "type": "indirect", "id": "nixpkgs" }, "to": { "type": "github", "owner": "NixOS", "repo": "nixpkgs", "ref": "unstable" } },
      { "from": { "type": "indirect", "id": "sub" }, "to": { "type": "git", "url": "https://h/r", "ref": "main", "dir": "x" } },
      { "from": { "type": "indirect", "id": "pkgs" }, "to": { "type": "indirect", "id": "nixpkgs" } },
      { "from": { "type": "indirect", "id": "only", "ref": "v1" }, "to": { "type": "path", "path": "/one" }, "exact": true },
      { "from": { "type": "indirect", "id": "here" }, "to": { "type": "path", "path": "/here" } },
      { "from": { "type": "indirect", "id": "a" }, "to": { "type": "indirect", "id": "b" } },
      { "from": { "type": "indirect", "id": "b" }, "to": { "type": "indirect", "id": "a" } }
    ] }"#;

    fn fetcher(directory: &Path) -> Fetcher {
        let file = directory.join("registry.json");
        std::fs::write(&file, REGISTRY).unwrap();
        let mut settings = FetchSettings::new(directory.join("cache"));
        settings.flake_registry = file.display().to_string();
        settings.user_registry = Some(directory.join("user.json"));
        settings.system_registry = directory.join("none.json");
        Fetcher::new(settings)
    }

    #[test]
    fn names_lead_to_places() {
        let directory = tempfile::tempdir().unwrap();
        let fetcher = fetcher(directory.path());
        let resolve = |name: &str, scope| {
            let reference = FlakeReference::parse(name, true).unwrap();
            fetcher
                .resolve(&reference, scope)
                .map(|found| found.to_string())
                .map_err(|error| error.to_string())
        };
        let commit = "0123456789abcdef0123456789abcdef01234567";
        for (name, expected) in [
            ("nixpkgs", "github:NixOS/nixpkgs/unstable"),
            ("pkgs/v2", "github:NixOS/nixpkgs/v2"),
            (&format!("nixpkgs/{commit}"), &format!("github:NixOS/nixpkgs/{commit}")),
            ("sub", "git+https://h/r?dir=x&ref=main"),
            (&format!("sub/{commit}"), &format!("git+https://h/r?dir=x&ref=main&rev={commit}")),
            ("only/v1", "path:/one"),
            ("flake:here?dir=y", "path:/here?dir=y"),
            ("github:a/b", "github:a/b"),
        ] {
            assert_eq!(resolve(name, RegistryScope::Everything).as_deref(), Ok(expected), "{name}");
        }
        for (name, part) in [
            ("nowhere", "no 'flake:nowhere'"),
            ("only", "no 'flake:only'"),
            ("here/main", "no branches"),
            ("a", "back to it"),
            (&format!("nixpkgs/main/{commit}"), "one of them"),
        ] {
            let message = resolve(name, RegistryScope::Everything).unwrap_err();
            assert!(message.contains(part), "{name}: {message}");
        }
        let user = r#"{ "version": 2, "flakes": [ { "from": { "type": "indirect", "id": "nixpkgs" }, "to": { "type": "path", "path": "/mine" } } ] }"#;
        std::fs::write(directory.path().join("user.json"), user).unwrap();
        assert_eq!(resolve("nixpkgs", RegistryScope::Everything).unwrap(), "path:/mine");
        assert_eq!(resolve("nixpkgs", RegistryScope::Global).unwrap(), "github:NixOS/nixpkgs/unstable");
        assert!(resolve("nixpkgs", RegistryScope::Nothing).unwrap_err().contains("pure evaluation"));
    }

    #[test]
    fn registries_that_are_none_say_so() {
        for (text, part) in [
            ("{}", "no version"),
            (r#"{ "version": 1 }"#, "version 1"),
            ("[", "EOF"),
            (r#"{ "version": 2, "flakes": [ { "from": 1 } ] }"#, "no reference"),
        ] {
            let message = Registry::parse(text, "r").unwrap_err().to_string();
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
