//! The walk over all inputs.

use std::collections::{BTreeMap, BTreeSet};

use super::LockOptions;
use super::graph::{Draft, DraftEdge, DraftTree, Graph, Pin, inside, leaves_the_tree};
use crate::declaration::{DeclaredInput, Origin};
use crate::error::Error;
use crate::fetch::Fetched;
use crate::input_path::InputPath;
use crate::lock_file::{Edge, LockFile, Node};
use crate::reference::{FlakeReference, Source};
use crate::sources::{OpenedFlake, Sources};

/// Flakes of flakes of flakes…: real fleets have five levels.
const MAXIMUM_DEPTH: usize = 50;

/// What an input is to be.
#[derive(Clone, Debug)]
enum Target {
    Reference(FlakeReference),
    /// By the path from the root.
    Follows(InputPath),
}

/// An input of a flake: as its `flake.nix` declares it, or as a lock file remembers it.
#[derive(Clone, Debug)]
struct Input {
    target: Target,
    is_flake: bool,
}

/// What somebody further out says of an input.
#[derive(Clone, Debug)]
struct Override {
    target: Target,
    /// Whose word it is: relative paths are relative to that flake. `None` for the command line's.
    place: Option<Place>,
    /// The same, as lock files have it.
    parent: Option<InputPath>,
}

/// The flake that a relative path is relative to.
#[derive(Clone, Debug)]
struct Place {
    fetched: Fetched,
    directory: String,
}

/// A node of a lock file.
#[derive(Clone, Copy)]
struct OldNode<'a> {
    lock: &'a LockFile,
    node: &'a Node,
}

impl<'a> OldNode<'a> {
    fn root(lock: &'a LockFile) -> Option<Self> {
        lock.nodes.get(&lock.root).map(|node| OldNode { lock, node })
    }

    fn child(self, name: &str) -> Option<Self> {
        match self.node.inputs.get(name)? {
            Edge::Node(key) => Some(OldNode { lock: self.lock, node: self.lock.nodes.get(key)? }),
            Edge::Follows(_) => None,
        }
    }
}

struct Walk<'a> {
    sources: &'a Sources<'a>,
    options: &'a LockOptions,
    graph: Graph,
    overrides: BTreeMap<InputPath, Override>,
    used_overrides: BTreeSet<InputPath>,
    used_updates: BTreeSet<InputPath>,
    /// Flakes that are being locked, from the root inwards.
    open: Vec<FlakeReference>,
}

/// Where the walk is.
struct At<'a> {
    /// The node whose inputs are looked at.
    node: usize,
    path: InputPath,
    old: Option<OldNode<'a>>,
    /// What `follows` in the old lock file are relative to: the flake that the lock file is of.
    follows_prefix: InputPath,
    place: Option<Place>,
    /// The inputs are as the lock file has them, which is to be believed.
    trusted: bool,
}

pub(super) fn compute(
    sources: &Sources<'_>,
    flake: &OpenedFlake,
    old: &LockFile,
    options: &LockOptions,
) -> Result<Graph, Error> {
    let root_directory = flake.fetched.reference.directory.trim_matches('/').to_owned();
    let root = Draft {
        path: InputPath::default(),
        inputs: BTreeMap::new(),
        tree: DraftTree::Here(Box::new(flake.fetched.clone())),
        is_flake: true,
        pin: None,
    };
    let place = Place { fetched: flake.fetched.clone(), directory: root_directory.clone() };
    let overrides = options.overrides.iter().map(|(path, reference)| {
        let target = Target::Reference(reference.clone());
        (path.clone(), Override { target, place: Some(place.clone()), parent: None })
    });
    let mut walk = Walk {
        sources,
        options,
        overrides: overrides.collect(),
        graph: Graph { drafts: vec![root], warnings: Vec::new(), root_directory },
        used_overrides: BTreeSet::new(),
        used_updates: BTreeSet::new(),
        open: vec![flake.resolved.clone()],
    };
    let inputs = walk.declared(&flake.declaration.inputs, &InputPath::default(), &place);
    let at = At {
        node: 0,
        path: InputPath::default(),
        old: if options.recreate { None } else { OldNode::root(old) },
        follows_prefix: InputPath::default(),
        place: Some(place),
        trusted: false,
    };
    walk.inputs(&inputs, &at)?;
    if let Some(unknown) = options.overrides.keys().find(|path| !walk.used_overrides.contains(*path)) {
        let known = walk.graph.known_inputs();
        return Err(Error::UnknownOverride { input: unknown.to_string(), known });
    }
    if let Some(unknown) = options.updates.iter().find(|path| !walk.used_updates.contains(*path)) {
        let known = walk.graph.known_inputs();
        return Err(Error::UnknownInput { input: unknown.to_string(), known });
    }
    Ok(walk.graph)
}

impl Walk<'_> {
    /// The inputs that the flake at `path` declares. What it says of their inputs becomes overrides, unless a flake further
    /// out has spoken already.
    fn declared(
        &mut self,
        declared: &BTreeMap<String, DeclaredInput>,
        path: &InputPath,
        place: &Place,
    ) -> BTreeMap<String, Input> {
        let mut inputs = BTreeMap::new();
        for (name, input) in declared {
            self.nested_overrides(&input.inputs, &path.child(name), path, place);
            let target = match (&input.origin, input.reference(name)) {
                (Origin::Follows(relative), _) => Target::Follows(join(path, relative)),
                (_, Some(reference)) => Target::Reference(reference),
                (_, None) => continue,
            };
            inputs.insert(name.clone(), Input { target, is_flake: input.flake });
        }
        inputs
    }

    /// `inputs.a.inputs.b.…` of one flake are overrides of `a`'s inputs.
    fn nested_overrides(
        &mut self,
        nested: &BTreeMap<String, DeclaredInput>,
        of: &InputPath,
        declaring: &InputPath,
        place: &Place,
    ) {
        for (name, input) in nested {
            let path = of.child(name);
            let target = match &input.origin {
                Origin::Reference(reference) => Some(Target::Reference(reference.clone())),
                Origin::Follows(relative) => Some(Target::Follows(join(declaring, relative))),
                // Only something deeper in is changed.
                Origin::Unspecified => None,
            };
            if let Some(target) = target {
                let parent = Some(declaring.clone());
                let place = Some(place.clone());
                self.overrides.entry(path.clone()).or_insert(Override { target, place, parent });
            }
            self.nested_overrides(&input.inputs, &path, declaring, place);
        }
    }

    /// Locks the inputs of one node.
    fn inputs(&mut self, inputs: &BTreeMap<String, Input>, at: &At<'_>) -> Result<(), Error> {
        if at.path.0.len() >= MAXIMUM_DEPTH {
            return Err(Error::InputsTooDeep { input: at.path.clone() });
        }
        let missing: Vec<&InputPath> = self
            .overrides
            .keys()
            .filter(|path| {
                path.0
                    .split_last()
                    .is_some_and(|(last, rest)| rest == at.path.0.as_slice() && !inputs.contains_key(last))
            })
            .collect();
        for path in missing {
            if !self.options.overrides.contains_key(path) {
                let name = path.0.last().map_or("", String::as_str);
                let text = format!("the input '{}' has no input '{name}' that could be overridden", at.path);
                if !self.graph.warnings.contains(&text) {
                    self.graph.warnings.push(text);
                }
            }
        }
        for (name, input) in inputs {
            let path = at.path.child(name);
            let edge = self.input(name, &path, input, at).map_err(|error| match error {
                named
                @ (Error::Input { .. } | Error::FollowsCycle { .. } | Error::DanglingFollows { .. }) => named,
                source => Error::Input { input: path.clone(), source: Box::new(source) },
            })?;
            self.graph.drafts[at.node].inputs.insert(name.clone(), edge);
        }
        Ok(())
    }

    fn input(
        &mut self,
        name: &str,
        path: &InputPath,
        declared: &Input,
        at: &At<'_>,
    ) -> Result<DraftEdge, Error> {
        let overridden = self.overrides.get(path).cloned();
        let is_explicit = self.options.overrides.contains_key(path);
        if overridden.is_some() {
            self.used_overrides.insert(path.clone());
        }
        let target = overridden.as_ref().map_or(&declared.target, |found| &found.target);
        let reference = match target {
            Target::Follows(target) => return Ok(DraftEdge::Follows(target.clone())),
            Target::Reference(reference) => reference.clone(),
        };
        let is_relative = reference.is_relative_path();
        let parent = match (&overridden, is_relative) {
            (_, false) => None,
            (Some(found), true) => Some(found.parent.clone().unwrap_or_default()),
            (None, true) => Some(at.path.clone()),
        };
        let place = overridden.as_ref().map_or(at.place.as_ref(), |found| found.place.as_ref());
        self.used_updates.insert(path.clone());
        let old = at.old.and_then(|old| old.child(name)).filter(|_| !self.options.updates.contains(path));
        if let Some(old) = old
            && !is_explicit
            && let Some(pin) = pinned(old.node)?
            && pin.original == reference
            && pin.parent == parent
        {
            return self.keep(path, pin, old, at, place.cloned(), declared.is_flake);
        }
        // An override of the command line is locked in the place of what was declared, and stays until that changes.
        let original = match (&declared.target, is_explicit) {
            (Target::Reference(declared), true) => declared.clone(),
            _ => reference.clone(),
        };
        let place = place.cloned();
        self.add(path, &reference, original, parent, place, declared.is_flake)
    }

    /// Takes an input over from the lock file.
    fn keep(
        &mut self,
        path: &InputPath,
        pin: Pin,
        old: OldNode<'_>,
        at: &At<'_>,
        place: Option<Place>,
        is_flake: bool,
    ) -> Result<DraftEdge, Error> {
        let locked = pin.locked.clone();
        let tree = match (&pin.parent, &locked.source) {
            (Some(parent), _) if locked.is_relative_path() => DraftTree::Inside(parent.clone()),
            (None, _) if locked.is_relative_path() => DraftTree::Inside(at.path.clone()),
            // They are in the program, whichever it is.
            (_, Source::Bundled { .. }) => DraftTree::Here(Box::new(self.sources.fetch(&locked)?)),
            _ => DraftTree::Pinned,
        };
        let is_flake = if old.node.flake { is_flake } else { false };
        let node = self.push(path, tree, is_flake, Some(pin));
        // An update of something inside it needs its declaration.
        let mut must_fetch = self
            .options
            .updates
            .iter()
            .any(|update| update.0.len() > path.0.len() && update.0.starts_with(&path.0));
        let mut remembered = BTreeMap::new();
        for (name, edge) in &old.node.inputs {
            let input = match edge {
                Edge::Node(key) => {
                    let Some(child) = old.lock.nodes.get(key) else { continue };
                    let Some(child_pin) = pinned(child)? else { continue };
                    Input { target: Target::Reference(child_pin.original), is_flake: child.flake }
                }
                Edge::Follows(target) => {
                    // If no flake says it any more, the lock file may lack what the input's own declaration says.
                    if !at.trusted && !self.overrides.contains_key(&path.child(name)) {
                        must_fetch = true;
                        break;
                    }
                    let target = join(&at.follows_prefix, &InputPath(target.clone()));
                    Input { target: Target::Follows(target), is_flake: true }
                }
            };
            remembered.insert(name.clone(), input);
        }
        let follows_prefix = at.follows_prefix.clone();
        let (inputs, place, trusted) = if must_fetch && is_flake {
            let place = self.place(&locked, place.as_ref())?;
            let declaration = self.sources.declaration(&place.fetched.tree, &place.directory)?;
            if !locked.is_relative_path() {
                self.graph.drafts[node].tree = DraftTree::Here(Box::new(place.fetched.clone()));
            }
            (self.declared(&declaration.inputs, path, &place), Some(place), false)
        } else {
            (remembered, place, true)
        };
        let inner = At { node, path: path.clone(), old: Some(old), follows_prefix, place, trusted };
        self.inputs(&inputs, &inner)?;
        Ok(DraftEdge::Node(node))
    }

    /// Locks an input anew.
    fn add(
        &mut self,
        path: &InputPath,
        reference: &FlakeReference,
        original: FlakeReference,
        parent: Option<InputPath>,
        place: Option<Place>,
        is_flake: bool,
    ) -> Result<DraftEdge, Error> {
        let is_relative = reference.is_relative_path();
        if !self.options.allow_unlocked && !is_relative && !reference.is_locked() {
            return Err(Error::NotLocked { reference: reference.to_string() });
        }
        if is_flake && self.open.contains(reference) {
            return Err(Error::CircularInput { reference: reference.to_string(), input: path.clone() });
        }
        let place = self.place(reference, place.as_ref())?;
        let locked = if is_relative { reference.clone() } else { place.fetched.reference.clone() };
        let tree = match &parent {
            Some(parent) if is_relative => DraftTree::Inside(parent.clone()),
            _ => DraftTree::Here(Box::new(place.fetched.clone())),
        };
        let node = self.push(path, tree, is_flake, Some(Pin { locked, original, parent }));
        if is_flake {
            let declaration = self.sources.declaration(&place.fetched.tree, &place.directory)?;
            let inputs = self.declared(&declaration.inputs, path, &place);
            let file = place.fetched.tree.directory.join(&place.directory).join("flake.lock");
            let inside_tree = std::path::Path::new(&place.directory).join("flake.lock");
            let own = match place.fetched.tree.holds(&inside_tree) {
                true => LockFile::read(&file)?,
                false => None,
            };
            self.open.push(reference.clone());
            let at = At {
                node,
                path: path.clone(),
                old: own.as_ref().and_then(OldNode::root),
                follows_prefix: path.clone(),
                place: Some(place),
                trusted: false,
            };
            let result = self.inputs(&inputs, &at);
            self.open.pop();
            result?;
        }
        Ok(DraftEdge::Node(node))
    }

    /// The tree of an input and where in it the flake lies.
    fn place(&self, reference: &FlakeReference, holder: Option<&Place>) -> Result<Place, Error> {
        if let Some(relative) = reference.relative_path() {
            let Some(holder) = holder else { return Err(leaves_the_tree(Some(reference))) };
            let directory = inside(&holder.directory, relative, &reference.directory)
                .ok_or_else(|| leaves_the_tree(Some(reference)))?;
            return Ok(Place { fetched: holder.fetched.clone(), directory });
        }
        let resolved = self.sources.fetcher.resolve(reference, self.options.registries)?;
        let fetched = match resolved.nar_hash() {
            // What a lock file pins may be here already.
            Some(_) => self.sources.fetcher.fetch_locked(&resolved)?,
            None => self.sources.fetch(&resolved)?,
        };
        let directory = resolved.directory.trim_matches('/').to_owned();
        Ok(Place { fetched, directory })
    }

    fn push(&mut self, path: &InputPath, tree: DraftTree, is_flake: bool, pin: Option<Pin>) -> usize {
        let index = self.graph.drafts.len();
        let inputs = BTreeMap::new();
        self.graph.drafts.push(Draft { path: path.clone(), inputs, tree, is_flake, pin });
        index
    }
}

/// What a lock file's node says.
fn pinned(node: &Node) -> Result<Option<Pin>, Error> {
    let (Some(locked), Some(original)) = (&node.locked, &node.original) else { return Ok(None) };
    Ok(Some(Pin {
        locked: FlakeReference::from_attributes(locked)?,
        original: FlakeReference::from_attributes(original)?,
        parent: node.parent.clone().map(InputPath),
    }))
}

fn join(base: &InputPath, relative: &InputPath) -> InputPath {
    InputPath(base.0.iter().chain(&relative.0).cloned().collect())
}
