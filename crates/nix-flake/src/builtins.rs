//! What evaluations ask of fetchers: `fetchTree` and its kin, `getFlake`, `parseFlakeRef`, `flakeRefToString`.

use std::collections::BTreeMap;
use std::sync::Arc;

use nix_expr::{
    AddMethod, AddedContent, AddedPath, Fetch, FetchAttribute, FetchRequest, FetchedContent, FlakeExpression,
    IoError,
};
use nix_store::{ContentAddressMethod, Hash, HashAlgorithm, References};

use crate::attributes::{Attribute, Attributes};
use crate::call::call_expression;
use crate::error::Error;
use crate::evaluate::EvaluatedDeclarations;
use crate::fetch::{Fetched, Fetcher};
use crate::lock::{LockOptions, NodeTree, lock};
use crate::lock_file::LockFile;
use crate::reference::{FlakeReference, repaired_git_url};
use crate::registry::RegistryScope;
use crate::source_info::source_info;
use crate::sources::{NothingBundled, Sources};
use crate::tree::{SourceTree, TREE_NAME};

/// What an evaluation fetches with. It may be shared between evaluations, which then share what was fetched.
#[derive(Clone, Debug)]
pub struct EvaluationFetcher {
    fetcher: Arc<Fetcher>,
}

impl EvaluationFetcher {
    /// Fetches with this fetcher.
    pub fn new(fetcher: Arc<Fetcher>) -> Self {
        EvaluationFetcher { fetcher }
    }

    /// `fetchTree`, `fetchGit`, and the trees that lock files pin.
    fn tree(&self, request: &FetchRequest) -> Result<FetchedContent, Error> {
        let is_git = request.builtin == "fetchGit";
        let mut attributes = to_attributes(&request.attributes)?;
        let is_final = attributes.0.remove("__final").is_some();
        let reference = match (is_git, attributes.text("type").is_some()) {
            (true, true) => {
                return Err(Error::InvalidReference {
                    reference: request.builtin.to_owned(),
                    reason: "it takes no attribute 'type'".to_owned(),
                });
            }
            (true, false) => git_reference(attributes)?,
            (false, true) => {
                if attributes.0.contains_key("name") && !is_final {
                    return Err(Error::InvalidReference {
                        reference: request.builtin.to_owned(),
                        reason: "it takes no attribute 'name'".to_owned(),
                    });
                }
                if attributes.text("type") == Some("git") && !is_final {
                    let shallow = Attribute::Boolean(true);
                    attributes.0.entry("shallow".to_owned()).or_insert(shallow);
                }
                FlakeReference::from_attributes(&attributes)?
            }
            (false, false) => match attributes.text("url") {
                Some(url) if attributes.0.len() == 1 => FlakeReference::parse(url, true)?,
                _ => {
                    return Err(Error::InvalidReference {
                        reference: request.builtin.to_owned(),
                        reason: "it needs an attribute 'type'".to_owned(),
                    });
                }
            },
        };
        let scope = if request.pure { RegistryScope::Nothing } else { RegistryScope::Everything };
        let reference = self.fetcher.resolve(&reference.tree(), scope)?;
        if request.pure && !reference.is_locked() && !(is_final && reference.nar_hash().is_some()) {
            return Err(Error::NotLocked { reference: reference.to_string() });
        }
        let Fetched { reference, tree } = match is_final {
            true => self.fetcher.fetch_locked(&reference)?,
            false => self.fetcher.fetch(&reference)?,
        };
        let name = reference.other.text("name").unwrap_or(TREE_NAME);
        let store_dir = &self.fetcher.settings().store_dir;
        let named = SourceTree { store_path: store_dir.make_source_path(name, &tree.nar_hash)?, ..tree };
        let attributes = source_info(&reference, is_git);
        let added = named.added();
        let fetched = nix_expr::Fetched { path: added.path.clone(), attributes };
        Ok(FetchedContent { fetched, added })
    }

    /// `fetchTarball`
    fn tarball(&self, request: &FetchRequest) -> Result<FetchedContent, Error> {
        let (url, expected) = (self.url(request)?, expected(request)?);
        let name = text(request, "name").unwrap_or(TREE_NAME);
        let known = expected.as_ref().and_then(|hash| Some((*hash, self.fetcher.cache.find(hash)?)));
        let (hash, place) = match known {
            Some(known) => known,
            None => {
                let delivered = self.fetcher.deliver(&url, true)?;
                (delivered.nar_hash, delivered.place)
            }
        };
        check(&url, expected.as_ref(), &hash)?;
        let tree = SourceTree::new(&self.fetcher.settings().store_dir, name, hash, place)?;
        Ok(content(tree.added()))
    }

    /// `fetchurl`
    fn file(&self, request: &FetchRequest) -> Result<FetchedContent, Error> {
        let (url, expected) = (self.url(request)?, expected(request)?);
        let last = url.rsplit('/').next().unwrap_or_default();
        let name = text(request, "name").unwrap_or(last);
        let known = expected.as_ref().and_then(|hash| Some((*hash, self.fetcher.known_file(hash)?)));
        let (hash, real) = match known {
            Some(known) => known,
            None => {
                let delivered = self.fetcher.deliver(&url, false)?;
                (self.fetcher.file_hash(&delivered)?, delivered.place)
            }
        };
        check(&url, expected.as_ref(), &hash)?;
        let path = self.fetcher.settings().store_dir.make_fixed_output_path(
            name,
            ContentAddressMethod::Flat,
            &hash,
            References::default(),
        )?;
        let content_of = AddedContent::Tree { real, method: AddMethod::Flat, kept: None };
        Ok(content(AddedPath { path, content: content_of, references: Vec::new() }))
    }

    /// The address asked for; `channel:NAME` is that of a channel's expressions.
    fn url(&self, request: &FetchRequest) -> Result<String, Error> {
        let url = text(request, "url").ok_or_else(|| Error::InvalidReference {
            reference: request.builtin.to_owned(),
            reason: "its 'url' must be a string".to_owned(),
        })?;
        Ok(match url.strip_prefix("channel:") {
            Some(channel) => format!("https://channels.nixos.org/{channel}/nixexprs.tar.xz"),
            None => url.to_owned(),
        })
    }

    fn locked_flake(&self, reference: &str, pure: bool) -> Result<FlakeExpression, Error> {
        let parsed = absolute(reference)?;
        if pure && !parsed.is_locked() {
            return Err(Error::NotLocked { reference: reference.to_owned() });
        }
        let store_dir = &self.fetcher.settings().store_dir;
        let declarations = EvaluatedDeclarations::new(store_dir.clone());
        let sources = Sources {
            store_dir,
            fetcher: &self.fetcher,
            bundled: &NothingBundled,
            declarations: &declarations,
        };
        let scope = |asked| if pure { RegistryScope::Nothing } else { asked };
        let flake = sources.open(&parsed, scope(RegistryScope::Everything))?;
        let old = LockFile::read(&flake.place().join("flake.lock"))?;
        let options = LockOptions {
            registries: scope(RegistryScope::Global),
            allow_unlocked: !pure,
            ..LockOptions::default()
        };
        let locked = lock(&sources, &flake, old.as_ref(), &options)?;
        let trees = locked.nodes.iter().filter_map(|node| match &node.tree {
            NodeTree::Here(fetched) => Some(fetched.tree.added()),
            NodeTree::Pinned(_) | NodeTree::Of(_) => None,
        });
        Ok(FlakeExpression { text: call_expression(&locked.nodes, store_dir, None), trees: trees.collect() })
    }
}

impl Fetch for EvaluationFetcher {
    fn fetch(&self, request: &FetchRequest) -> Result<FetchedContent, IoError> {
        match request.builtin {
            "fetchTarball" => self.tarball(request),
            "fetchurl" => self.file(request),
            "fetchMercurial" => Err(Error::Unsupported {
                reference: text(request, "url").unwrap_or_default().to_owned(),
                reason: "Mercurial repositories are not supported; use its archive or a git mirror",
            }),
            _ => self.tree(request),
        }
        .map_err(io_error)
    }

    fn parse_reference(&self, text: &str) -> Result<BTreeMap<String, FetchAttribute>, IoError> {
        let reference = absolute(text).map_err(io_error)?;
        let attributes = reference.to_attributes().0.into_iter().map(|(name, value)| {
            let value = match value {
                Attribute::Boolean(value) => FetchAttribute::Bool(value),
                Attribute::Integer(value) => FetchAttribute::Int(i64::try_from(value).unwrap_or(i64::MAX)),
                Attribute::Text(value) => FetchAttribute::String(value),
            };
            (name, value)
        });
        Ok(attributes.collect())
    }

    fn print_reference(&self, attributes: &BTreeMap<String, FetchAttribute>) -> Result<String, IoError> {
        let reference =
            to_attributes(attributes).and_then(|attributes| FlakeReference::from_attributes(&attributes));
        Ok(reference.map_err(io_error)?.to_string())
    }

    fn flake(&self, reference: &str, pure: bool) -> Result<FlakeExpression, IoError> {
        self.locked_flake(reference, pure).map_err(io_error)
    }
}

/// A reference that means the same wherever it stands.
fn absolute(text: &str) -> Result<FlakeReference, Error> {
    let reference = FlakeReference::parse(text, true)?;
    if text.starts_with('.') && reference.is_relative_path() {
        let reason = "it is not an absolute path".to_owned();
        return Err(Error::InvalidReference { reference: text.to_owned(), reason });
    }
    Ok(reference)
}

/// The reference of a call of `fetchGit`, which leaves out what archives leave out.
fn git_reference(mut attributes: Attributes) -> Result<FlakeReference, Error> {
    attributes.set_text("type", "git");
    if let Some(url) = attributes.take_text("url") {
        attributes.set_text("url", repaired_git_url(&url));
    }
    let submodules = attributes.0.get("submodules") == Some(&Attribute::Boolean(true));
    if !submodules {
        attributes.0.entry("exportIgnore".to_owned()).or_insert(Attribute::Boolean(true));
    }
    FlakeReference::from_attributes(&attributes)
}

fn to_attributes(attributes: &BTreeMap<String, FetchAttribute>) -> Result<Attributes, Error> {
    let converted = attributes.iter().map(|(name, value)| {
        let value = match value {
            FetchAttribute::String(text) => Attribute::Text(text.clone()),
            FetchAttribute::Bool(truth) => Attribute::Boolean(*truth),
            FetchAttribute::Int(number) => {
                Attribute::Integer(u64::try_from(*number).map_err(|_| Error::InvalidReference {
                    reference: name.clone(),
                    reason: format!("the number {number} is negative"),
                })?)
            }
        };
        Ok((name.clone(), value))
    });
    Ok(Attributes(converted.collect::<Result<_, Error>>()?))
}

fn text<'r>(request: &'r FetchRequest, name: &str) -> Option<&'r str> {
    match request.attributes.get(name) {
        Some(FetchAttribute::String(text)) => Some(text),
        _ => None,
    }
}

fn expected(request: &FetchRequest) -> Result<Option<Hash>, Error> {
    Ok(match text(request, "sha256") {
        // People write an empty hash to be told the right one.
        Some("") => Some(Hash::zero(HashAlgorithm::Sha256)),
        Some(text) => Some(Hash::parse(text, Some(HashAlgorithm::Sha256))?),
        None => None,
    })
}

fn check(url: &str, expected: Option<&Hash>, got: &Hash) -> Result<(), Error> {
    match expected.filter(|expected| *expected != got) {
        None => Ok(()),
        Some(expected) => Err(Error::ContentMismatch {
            reference: url.to_owned(),
            expected: expected.to_prefixed_base32(),
            got: got.to_prefixed_base32(),
        }),
    }
}

fn content(added: AddedPath) -> FetchedContent {
    let fetched = nix_expr::Fetched { path: added.path.clone(), attributes: BTreeMap::new() };
    FetchedContent { fetched, added }
}

/// An error as evaluations know them, with all its causes.
fn io_error(error: Error) -> IoError {
    let mut message = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !message.ends_with(&inner_text) {
            message.push_str(&format!(": {inner_text}"));
        }
        cause = inner.source();
    }
    match error.innermost() {
        error if error.is_integrity() => IoError::Integrity { message },
        error if error.is_network() => IoError::Fetch { message },
        Error::NotLocked { .. } | Error::IndirectReference { .. } => IoError::NotPinned { message },
        Error::Untracked { file, repository, inside } => {
            IoError::Untracked { file: file.clone(), repository: repository.clone(), inside: inside.clone() }
        }
        _ => IoError::Failed { message },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_become_texts_and_back() {
        let directory = tempfile::tempdir().unwrap();
        let settings = crate::FetchSettings::new(directory.path().to_owned());
        let fetcher = EvaluationFetcher::new(Arc::new(Fetcher::new(settings)));
        let url = "github:NixOS/nixpkgs/23.05?dir=lib";
        let attributes = fetcher.parse_reference(url).unwrap();
        assert_eq!(attributes["ref"], FetchAttribute::String("23.05".into()));
        assert_eq!(fetcher.print_reference(&attributes).unwrap(), url);
        assert!(fetcher.parse_reference("./x").is_err());
        let wrong = BTreeMap::from([("type".to_owned(), FetchAttribute::Int(-1))]);
        assert!(fetcher.print_reference(&wrong).is_err());
    }
}
