//! The graph of flakes: under construction, as a lock file, and for the evaluator.

use std::collections::BTreeMap;
use std::path::Path;

use super::LockedFlake;
use crate::error::Error;
use crate::fetch::Fetched;
use crate::input_path::InputPath;
use crate::lock_file::{Edge, LockFile, Node};
use crate::reference::{FlakeReference, Source, normalise};

/// Where an input leads.
#[derive(Clone, Debug)]
pub(super) enum DraftEdge {
    /// To a node of its own.
    Node(usize),
    /// To where another input leads, by its path from the root.
    Follows(InputPath),
}

/// What is known of a node's tree.
#[derive(Clone, Debug)]
pub(super) enum DraftTree {
    /// It is here.
    Here(Box<Fetched>),
    /// It is what the lock file pins, and was not needed yet.
    Pinned,
    /// It is a part of the tree of the node at this path.
    Inside(InputPath),
}

/// A node under construction.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) path: InputPath,
    pub(super) inputs: BTreeMap<String, DraftEdge>,
    pub(super) tree: DraftTree,
    pub(super) is_flake: bool,
    /// What the lock file says of it; `None` for the root.
    pub(super) pin: Option<Pin>,
}

/// What a lock file says of an input.
#[derive(Clone, Debug)]
pub(super) struct Pin {
    pub(super) locked: FlakeReference,
    pub(super) original: FlakeReference,
    /// For relative paths: the input that they are relative to.
    pub(super) parent: Option<InputPath>,
}

/// All nodes; the first is the root.
#[derive(Debug)]
pub(super) struct Graph {
    pub(super) drafts: Vec<Draft>,
    pub(super) warnings: Vec<String>,
    /// Where the root's flake lies in its tree.
    pub(super) root_directory: String,
}

/// The tree of a flake, for the evaluator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeTree {
    /// It is here.
    Here(Box<Fetched>),
    /// To be fetched when it is used.
    Pinned(FlakeReference),
    /// The tree of another node, by its index.
    Of(usize),
}

/// A node of the graph of flakes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlakeNode {
    /// Its first path from the root.
    pub path: InputPath,
    /// Its tree.
    pub tree: NodeTree,
    /// Where in the tree the flake lies; empty for its root.
    pub directory: String,
    /// False for trees that are not evaluated.
    pub flake: bool,
    /// Its inputs: indices of nodes.
    pub inputs: BTreeMap<String, usize>,
}

impl Graph {
    /// The node at a path from the root, through any `follows`.
    fn find(&self, from: &InputPath, target: &InputPath, depth: usize) -> Result<usize, Error> {
        if depth > self.drafts.len() + 1 {
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

    pub(super) fn known_inputs(&self) -> Vec<String> {
        let inputs =
            self.drafts.iter().flat_map(|draft| draft.inputs.keys().map(|name| draft.path.child(name)));
        let mut known: Vec<String> = inputs.map(|path| path.to_string()).collect();
        known.sort();
        known
    }

    pub(super) fn finish(self) -> Result<LockedFlake, Error> {
        let mut nodes: Vec<FlakeNode> = Vec::with_capacity(self.drafts.len());
        for draft in &self.drafts {
            let mut inputs = BTreeMap::new();
            for (name, edge) in &draft.inputs {
                let index = match edge {
                    DraftEdge::Node(index) => *index,
                    DraftEdge::Follows(target) => self.find(&draft.path.child(name), target, 0)?,
                };
                inputs.insert(name.clone(), index);
            }
            let reference = draft.pin.as_ref().map(|pin| &pin.locked);
            let mut directory =
                reference.map_or(&self.root_directory, |reference| &reference.directory).clone();
            let tree = match &draft.tree {
                DraftTree::Here(fetched) => NodeTree::Here(fetched.clone()),
                DraftTree::Pinned => match reference {
                    Some(reference) => NodeTree::Pinned(reference.clone()),
                    None => {
                        return Err(Error::DanglingFollows {
                            input: draft.path.clone(),
                            target: draft.path.clone(),
                        });
                    }
                },
                DraftTree::Inside(parent) => {
                    let parent = self.find(&draft.path, parent, 0)?;
                    if let (Some(path), Some(holder)) =
                        (reference.and_then(|reference| reference.relative_path()), nodes.get(parent))
                    {
                        directory = inside(&holder.directory, path, &directory)
                            .ok_or_else(|| leaves_the_tree(reference))?;
                    }
                    NodeTree::Of(parent)
                }
            };
            nodes.push(FlakeNode {
                path: draft.path.clone(),
                tree,
                directory,
                flake: draft.is_flake,
                inputs,
            });
        }
        let lock_file = self.lock_file();
        Ok(LockedFlake { nodes, lock_file, warnings: self.warnings })
    }

    /// Names nodes as Nix does: by the input that first leads there, with `_2`, `_3`… where the name is taken.
    fn lock_file(&self) -> LockFile {
        let mut lock = LockFile { nodes: BTreeMap::new(), ..LockFile::default() };
        lock.root = self.name_node(0, "root", &mut lock);
        lock
    }

    fn name_node(&self, index: usize, wanted: &str, lock: &mut LockFile) -> String {
        let mut key = wanted.to_owned();
        let mut number = 2;
        while lock.nodes.contains_key(&key) {
            key = format!("{wanted}_{number}");
            number += 1;
        }
        let draft = &self.drafts[index];
        // The name is taken before its inputs look for theirs.
        lock.nodes.insert(key.clone(), Node::default());
        let mut inputs = BTreeMap::new();
        for (name, edge) in &draft.inputs {
            let edge = match edge {
                DraftEdge::Node(child) => Edge::Node(self.name_node(*child, name, lock)),
                DraftEdge::Follows(target) => Edge::Follows(target.0.clone()),
            };
            inputs.insert(name.clone(), edge);
        }
        let pin = draft.pin.as_ref();
        let node = Node::new(
            draft.is_flake,
            inputs,
            pin.map(|pin| pin.locked.to_attributes()),
            pin.map(|pin| pin.original.to_attributes()),
            pin.and_then(|pin| pin.parent.as_ref()).map(|path| path.0.clone()),
        );
        lock.nodes.insert(key.clone(), node);
        key
    }
}

/// The place of a relative path in the tree of the flake that names it; `None` if it leads out of the tree.
pub(super) fn inside(holder: &str, relative: &str, directory: &str) -> Option<String> {
    // From an imaginary root with room above it, so that `..` beyond the tree's root shows.
    let root = Path::new("/tree");
    let place = normalise(&root.join(holder).join(relative).join(directory.trim_start_matches('/')));
    Some(place.strip_prefix(root).ok()?.to_string_lossy().into_owned())
}

pub(super) fn leaves_the_tree(reference: Option<&FlakeReference>) -> Error {
    Error::InvalidReference {
        reference: reference.map(ToString::to_string).unwrap_or_default(),
        reason: "it leads out of the tree that it is in".to_owned(),
    }
}

impl FlakeNode {
    /// Whether the tree is one inside the program.
    pub fn is_bundled(&self) -> bool {
        matches!(&self.tree, NodeTree::Here(fetched) if matches!(fetched.reference.source, Source::Bundled { .. }))
    }
}
