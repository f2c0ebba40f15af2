//! From a flake to the trees of all its inputs.
//!
//! What Nix calls locking: walk the declared inputs from the root inwards, apply `follows` and overrides (an outer flake's
//! word goes before an inner one's), take what `flake.lock` pins, fetch what it does not. The result is a graph in which
//! every input is one edge to one node, so the expression that calls the flakes needs no rules of its own.
//!
//! An input that the lock file pins but that cannot be fetched here is no error until its tree is used: a fleet
//! evaluates as long as it does not need it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use nix_store::StoreDir;

use crate::attributes::Attributes;
use crate::declaration::{Declaration, DeclaredInput, Origin};
use crate::error::Error;
use crate::input_path::InputPath;
use crate::lock_file::{Edge, LockFile, Node};
use crate::reference::{FlakeReference, Source, normalise};
use crate::tree::SourceTree;

/// The trees that are compiled into the program.
pub trait BundledTrees {
    /// The names that `hostwright:NAME` may have.
    fn names(&self) -> Vec<String>;
    /// The tree of that name, `None` for an unknown name. It is a directory when this returns.
    fn tree(&self, name: &str) -> Result<Option<SourceTree>, Error>;
}

/// Reads what the `flake.nix` in a directory of a tree declares.
pub trait ReadDeclaration {
    /// `directory` is relative to the tree; there is a `flake.nix` in it.
    fn declaration(&self, tree: &SourceTree, directory: &str) -> Result<Declaration, Error>;
}

/// What a resolution needs from outside.
pub struct Sources<'a> {
    /// Where store paths live.
    pub store_dir: &'a StoreDir,
    /// `hostwright:NAME`
    pub bundled: &'a dyn BundledTrees,
    /// The evaluator.
    pub declarations: &'a dyn ReadDeclaration,
}

/// A node of the graph of flakes.
#[derive(Debug)]
pub struct ResolvedNode {
    /// Its first path from the root.
    pub path: InputPath,
    /// The tree, or why there is none.
    pub tree: Result<SourceTree, Error>,
    /// Where in the tree the flake lies; empty for its root.
    pub directory: String,
    /// False for trees that are not evaluated.
    pub flake: bool,
    /// Its inputs: indices of nodes.
    pub inputs: BTreeMap<String, usize>,
}

/// A flake with all its inputs.
#[derive(Debug)]
pub struct ResolvedFlake {
    /// All flakes; the first is the root.
    pub nodes: Vec<ResolvedNode>,
    /// The `flake.lock` that belongs to it. `None` when inputs were overridden from outside, which is never written.
    pub lock_file: Option<LockFile>,
}

/// Flakes of flakes of flakes…: real fleets have five levels.
const MAXIMUM_DEPTH: usize = 50;

/// Fetches `reference` and resolves its inputs. `overrides` come from the command line and `hostwright.toml`; `old` is
/// the `flake.lock` in force.
pub fn resolve(
    sources: &Sources<'_>,
    root: SourceTree,
    directory: &str,
    overrides: &BTreeMap<InputPath, FlakeReference>,
    old: Option<&LockFile>,
) -> Result<ResolvedFlake, Error> {
    let declaration = sources.declaration(&root, directory)?;
    let empty = LockFile::default();
    let old = old.unwrap_or(&empty);
    let mut resolver = Resolver {
        sources,
        old,
        overrides: overrides
            .iter()
            .map(|(path, reference)| {
                let target = Target::Reference { reference: reference.clone(), external: true };
                (path.clone(), target)
            })
            .collect(),
        drafts: Vec::new(),
        used: BTreeSet::new(),
    };
    resolver.drafts.push(Draft {
        path: InputPath::default(),
        tree: Ok(root),
        directory: directory.to_owned(),
        flake: true,
        inputs: BTreeMap::new(),
        locked: None,
        original: None,
        parent: None,
    });
    resolver.inputs(0, &declaration.inputs, old.nodes.get(&old.root))?;
    if let Some(unknown) = overrides.keys().find(|path| !resolver.used.contains(*path)) {
        let known = resolver.known_inputs();
        return Err(Error::UnknownOverride { input: unknown.to_string(), known });
    }
    resolver.finish(overrides.is_empty())
}

/// Brings a reference's tree to this machine: the flake's own, named on the command line.
pub fn fetch_root(sources: &Sources<'_>, reference: &FlakeReference) -> Result<SourceTree, Error> {
    sources.fetch(reference).map_err(|error| match error {
        FetchError::Unsupported(reason) => {
            Error::FlakeNotFetchable { reference: reference.to_string(), reason: reason.to_owned() }
        }
        FetchError::Failed(error) => error,
    })
}

enum FetchError {
    /// There is no fetcher for it.
    Unsupported(&'static str),
    Failed(Error),
}

impl Sources<'_> {
    fn fetch(&self, reference: &FlakeReference) -> Result<SourceTree, FetchError> {
        match &reference.source {
            Source::Path { path } => {
                SourceTree::of_directory(self.store_dir, Path::new(path)).map_err(FetchError::Failed)
            }
            Source::Bundled { name } => match self.bundled.tree(name).map_err(FetchError::Failed)? {
                Some(tree) => Ok(tree),
                None => Err(FetchError::Failed(Error::UnknownBundled {
                    name: name.clone(),
                    known: self.bundled.names(),
                })),
            },
            Source::Git { .. } => Err(FetchError::Unsupported("there is no fetcher for git repositories")),
            Source::Mercurial { .. } => {
                Err(FetchError::Unsupported("there is no fetcher for Mercurial repositories"))
            }
            Source::Forge { .. } => Err(FetchError::Unsupported("there is no fetcher for code forges")),
            Source::Tarball { .. } => Err(FetchError::Unsupported("there is no fetcher for archives")),
            Source::File { .. } => Err(FetchError::Unsupported("there is no fetcher for single files")),
            Source::Indirect { .. } => {
                Err(FetchError::Unsupported("it is a name of the flake registry, which is not consulted"))
            }
        }
    }

    fn declaration(&self, tree: &SourceTree, directory: &str) -> Result<Declaration, Error> {
        let place = tree.directory.join(directory);
        if !place.join("flake.nix").is_file() {
            return Err(Error::NotAFlake { directory: place });
        }
        self.declarations.declaration(tree, directory)
    }
}

/// What an input is to be, after overrides.
#[derive(Clone)]
enum Target {
    Reference {
        reference: FlakeReference,
        external: bool,
    },
    /// An absolute path.
    Follows(InputPath),
}

enum DraftEdge {
    Node(usize),
    Follows(InputPath),
}

struct Draft {
    path: InputPath,
    tree: Result<SourceTree, Error>,
    directory: String,
    flake: bool,
    inputs: BTreeMap<String, DraftEdge>,
    locked: Option<Attributes>,
    original: Option<Attributes>,
    parent: Option<InputPath>,
}

struct Resolver<'a> {
    sources: &'a Sources<'a>,
    old: &'a LockFile,
    overrides: BTreeMap<InputPath, Target>,
    drafts: Vec<Draft>,
    /// Overrides that met an input.
    used: BTreeSet<InputPath>,
}

impl Resolver<'_> {
    /// Resolves the declared inputs of node `parent`.
    fn inputs(
        &mut self,
        parent: usize,
        declared: &BTreeMap<String, DeclaredInput>,
        old: Option<&Node>,
    ) -> Result<(), Error> {
        let parent_path = self.drafts[parent].path.clone();
        if parent_path.0.len() >= MAXIMUM_DEPTH {
            return Err(Error::InputsTooDeep { input: parent_path });
        }
        for (name, input) in declared {
            self.nested_overrides(&parent_path, &parent_path.child(name), input);
        }
        for (name, input) in declared {
            let path = parent_path.child(name);
            let target = match self.overrides.get(&path) {
                Some(target) => {
                    let target = target.clone();
                    self.used.insert(path.clone());
                    target
                }
                None => match (&input.origin, input.reference(name)) {
                    (Origin::Follows(relative), _) => Target::Follows(join(&parent_path, relative)),
                    (_, Some(reference)) => Target::Reference { reference, external: false },
                    (_, None) => continue,
                },
            };
            let edge = match target {
                Target::Follows(target) => DraftEdge::Follows(target),
                Target::Reference { reference, external } => {
                    let old_child = old.and_then(|node| node.inputs.get(name)).and_then(|edge| match edge {
                        Edge::Node(key) => self.old.nodes.get(key),
                        Edge::Follows(_) => None,
                    });
                    DraftEdge::Node(self.input(
                        parent,
                        &path,
                        &reference,
                        external,
                        input.flake,
                        old_child,
                    )?)
                }
            };
            self.drafts[parent].inputs.insert(name.clone(), edge);
        }
        Ok(())
    }

    /// `inputs.a.inputs.b.…` of one flake are overrides of `a`'s inputs, unless a flake further out has spoken already.
    fn nested_overrides(&mut self, declaring: &InputPath, path: &InputPath, input: &DeclaredInput) {
        for (name, nested) in &input.inputs {
            let path = path.child(name);
            let target = match &nested.origin {
                Origin::Reference(reference) => {
                    Some(Target::Reference { reference: reference.clone(), external: false })
                }
                Origin::Follows(relative) => Some(Target::Follows(join(declaring, relative))),
                Origin::Unspecified => None,
            };
            if let Some(target) = target {
                self.overrides.entry(path.clone()).or_insert(target);
            }
            self.nested_overrides(declaring, &path, nested);
        }
    }

    fn input(
        &mut self,
        parent: usize,
        path: &InputPath,
        reference: &FlakeReference,
        external: bool,
        flake: bool,
        old: Option<&Node>,
    ) -> Result<usize, Error> {
        let original = reference.to_attributes();
        let pinned =
            old.filter(|node| !external && node.original.as_ref() == Some(&original) && node.flake == flake);
        let index = self.drafts.len();
        let mut draft = Draft {
            path: path.clone(),
            tree: Err(self.not_fetchable(path, reference, "")),
            directory: reference.directory.clone(),
            flake,
            inputs: BTreeMap::new(),
            locked: Some(original.clone()),
            original: Some(original),
            parent: None,
        };
        if reference.is_relative_path() {
            let (tree, directory) = self.relative(parent, path, reference)?;
            draft.tree = Ok(tree);
            draft.directory = directory;
            draft.parent = Some(self.drafts[parent].path.clone());
        } else {
            let (locked, wanted_hash) = match pinned.and_then(|node| node.locked.as_ref()) {
                Some(locked) => {
                    (FlakeReference::from_attributes(locked)?, locked.text("narHash").map(str::to_owned))
                }
                None => (reference.clone(), reference.other.text("narHash").map(str::to_owned)),
            };
            match self.sources.fetch(&locked) {
                Ok(tree) => {
                    let found = tree.nar_hash.to_sri();
                    if let Some(wanted) = wanted_hash.filter(|wanted| *wanted != found) {
                        return Err(Error::HashMismatch { input: path.clone(), locked: wanted, found });
                    }
                    draft.locked = Some(pin(&locked, &tree));
                    draft.tree = Ok(tree);
                }
                Err(FetchError::Unsupported(reason)) => {
                    let error = self.not_fetchable(path, reference, reason);
                    let Some(node) = pinned else { return Err(error) };
                    draft.locked = node.locked.clone();
                    draft.tree = Err(error);
                }
                Err(FetchError::Failed(error)) => return Err(error),
            }
        }
        let place = draft.tree.as_ref().ok().map(|tree| (tree.clone(), draft.directory.clone()));
        self.drafts.push(draft);
        match place {
            Some((tree, directory)) if flake => {
                let declaration = self.sources.declaration(&tree, &directory)?;
                self.inputs(index, &declaration.inputs, pinned)?;
            }
            Some(_) => {}
            // Its flake.nix cannot be read: the lock file says what it declares.
            None => {
                let declared = match pinned {
                    Some(node) => self.recorded(path, node)?,
                    None => BTreeMap::new(),
                };
                self.inputs(index, &declared, pinned)?;
            }
        }
        Ok(index)
    }

    /// The inputs that a lock file's node has, as if a `flake.nix` had declared them.
    fn recorded(&mut self, path: &InputPath, node: &Node) -> Result<BTreeMap<String, DeclaredInput>, Error> {
        let mut declared = BTreeMap::new();
        for (name, edge) in &node.inputs {
            let (origin, flake) = match edge {
                Edge::Node(key) => {
                    let Some(child) = self.old.nodes.get(key) else { continue };
                    let Some(original) = &child.original else { continue };
                    (Origin::Reference(FlakeReference::from_attributes(original)?), child.flake)
                }
                // Absolute in lock files, unlike in declarations: an override says it.
                Edge::Follows(target) => {
                    let target = Target::Follows(InputPath(target.clone()));
                    self.overrides.entry(path.child(name)).or_insert(target);
                    (Origin::Unspecified, true)
                }
            };
            declared.insert(name.clone(), DeclaredInput { origin, flake, inputs: BTreeMap::new() });
        }
        Ok(declared)
    }

    /// `path:./x` lies in the tree of the flake that names it.
    fn relative(
        &self,
        parent: usize,
        path: &InputPath,
        reference: &FlakeReference,
    ) -> Result<(SourceTree, String), Error> {
        let outside = |reason: String| Error::InvalidReference { reference: reference.to_string(), reason };
        let holder = &self.drafts[parent];
        let (Source::Path { path: relative }, Ok(tree)) = (&reference.source, &holder.tree) else {
            return Err(self.not_fetchable(path, reference, "the tree that it is relative to is not there"));
        };
        // From an imaginary root with room above it, so that `..` beyond the tree's root shows.
        let root = PathBuf::from("/tree");
        let place = normalise(&root.join(&holder.directory).join(relative).join(&reference.directory));
        let inside = place
            .strip_prefix(&root)
            .map_err(|_| outside("it leads out of the tree that it is in".to_owned()))?;
        if !tree.directory.join(inside).is_dir() {
            return Err(outside(format!(
                "there is no directory '{}' in {}",
                inside.display(),
                tree.directory.display()
            )));
        }
        Ok((tree.clone(), inside.to_string_lossy().into_owned()))
    }

    fn not_fetchable(&self, path: &InputPath, reference: &FlakeReference, reason: &str) -> Error {
        let first = path.0.last().cloned().unwrap_or_default();
        let names = self.sources.bundled.names();
        let repository = match &reference.source {
            Source::Forge { repository, .. } => repository.as_str(),
            _ => "",
        };
        let bundled = [first.as_str(), repository]
            .into_iter()
            .find(|name| names.iter().any(|known| known == name))
            .unwrap_or("debian")
            .to_owned();
        Error::NotFetchable {
            input: path.clone(),
            first,
            reference: reference.to_string(),
            reason: reason.to_owned(),
            bundled,
        }
    }

    fn known_inputs(&self) -> Vec<String> {
        let mut known = Vec::new();
        for draft in &self.drafts {
            known.extend(draft.inputs.keys().map(|name| draft.path.child(name).to_string()));
        }
        known.sort();
        known
    }

    /// The node at an absolute path, through any `follows`.
    fn find(&self, from: &InputPath, target: &InputPath, depth: usize) -> Result<usize, Error> {
        if depth > self.drafts.len() + self.overrides.len() + 1 {
            return Err(Error::FollowsCycle { input: from.clone(), target: target.clone() });
        }
        let mut node = 0;
        for name in &target.0 {
            node = match self.drafts[node].inputs.get(name) {
                Some(DraftEdge::Node(next)) => *next,
                Some(DraftEdge::Follows(next)) => self.find(from, next, depth + 1)?,
                None => return Err(Error::DanglingFollows { input: from.clone(), target: target.clone() }),
            };
        }
        Ok(node)
    }

    fn finish(self, write_lock: bool) -> Result<ResolvedFlake, Error> {
        let mut inputs = Vec::with_capacity(self.drafts.len());
        for draft in &self.drafts {
            let mut edges = BTreeMap::new();
            for (name, edge) in &draft.inputs {
                let index = match edge {
                    DraftEdge::Node(index) => *index,
                    DraftEdge::Follows(target) => self.find(&draft.path.child(name), target, 0)?,
                };
                edges.insert(name.clone(), index);
            }
            inputs.push(edges);
        }
        let lock_file = write_lock.then(|| self.lock_file());
        let nodes = self
            .drafts
            .into_iter()
            .zip(inputs)
            .map(|(draft, inputs)| ResolvedNode {
                path: draft.path,
                tree: draft.tree,
                directory: draft.directory,
                flake: draft.flake,
                inputs,
            })
            .collect();
        Ok(ResolvedFlake { nodes, lock_file })
    }

    /// Names nodes as Nix does: by the input that first leads there, with `_2`, `_3`… where the name is taken.
    fn lock_file(&self) -> LockFile {
        fn add(resolver: &Resolver<'_>, index: usize, wanted: &str, lock: &mut LockFile) -> String {
            let mut key = wanted.to_owned();
            let mut number = 2;
            while lock.nodes.contains_key(&key) {
                key = format!("{wanted}_{number}");
                number += 1;
            }
            let draft = &resolver.drafts[index];
            // The name is taken before its inputs look for theirs.
            lock.nodes.insert(key.clone(), Node::default());
            let mut inputs = BTreeMap::new();
            for (name, edge) in &draft.inputs {
                let edge = match edge {
                    DraftEdge::Node(child) => Edge::Node(add(resolver, *child, name, lock)),
                    DraftEdge::Follows(target) => Edge::Follows(target.0.clone()),
                };
                inputs.insert(name.clone(), edge);
            }
            let node = Node {
                flake: draft.flake,
                inputs,
                locked: draft.locked.clone(),
                original: draft.original.clone(),
                parent: draft.parent.as_ref().map(|path| path.0.clone()),
            };
            lock.nodes.insert(key.clone(), node);
            key
        }
        let mut lock = LockFile { nodes: BTreeMap::new(), ..LockFile::default() };
        lock.root = add(self, 0, "root", &mut lock);
        lock
    }
}

/// The reference with its content pinned. Bundled trees come with the program and change with it, so they are not.
fn pin(reference: &FlakeReference, tree: &SourceTree) -> Attributes {
    let mut attributes = reference.to_attributes();
    if !matches!(reference.source, Source::Bundled { .. }) {
        attributes.set_text("narHash", tree.nar_hash.to_sri());
        if let Some(last_modified) = tree.last_modified
            && attributes.integer("lastModified").is_none()
        {
            attributes.set_integer("lastModified", last_modified);
        }
    }
    attributes
}

fn join(base: &InputPath, relative: &InputPath) -> InputPath {
    InputPath(base.0.iter().chain(&relative.0).cloned().collect())
}
