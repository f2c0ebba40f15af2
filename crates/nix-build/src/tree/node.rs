//! The tree and what is in it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use crate::error::{Error, IoContext, Result};
use crate::tree::TreePath;

/// Mode and owner, where somebody asked for them. A store path has neither: there they only matter in so far as a
/// file is executable. An archive or a file system has both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Permission bits with setuid, setgid and sticky bit; the usual ones for the kind of node if absent.
    pub mode: Option<u16>,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// Where a file's bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Here.
    Bytes(Arc<[u8]>),
    /// In a file of the store, which can be hard-linked if its executable bit is the one that is wanted.
    Stored {
        /// The real path.
        path: Arc<Path>,
        /// Bytes.
        size: u64,
        /// Whether the stored file is executable.
        executable: bool,
    },
}

impl Content {
    /// Length in bytes.
    pub fn size(&self) -> u64 {
        match self {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::Stored { size, .. } => *size,
        }
    }

    /// All the bytes.
    pub fn read(&self) -> Result<Arc<[u8]>> {
        match self {
            Content::Bytes(bytes) => Ok(Arc::clone(bytes)),
            Content::Stored { path, .. } => Ok(Arc::from(fs::read(path).on("read", path)?)),
        }
    }
}

/// A regular file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its bytes.
    pub content: Content,
    /// Whether it may be executed.
    pub executable: bool,
    /// Mode and owner.
    pub attributes: Attributes,
}

impl File {
    /// A file with the given bytes, owned by root.
    pub fn from_bytes(bytes: impl Into<Arc<[u8]>>, executable: bool) -> Self {
        File { content: Content::Bytes(bytes.into()), executable, attributes: Attributes::default() }
    }

    /// Permission bits: those that were asked for, or 0755 and 0644.
    pub fn mode(&self) -> u16 {
        self.attributes.mode.unwrap_or(if self.executable { 0o755 } else { 0o644 })
    }
}

/// A symbolic link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symlink {
    /// Its target, as it is stored in the link.
    pub target: OsString,
    /// Mode (without meaning) and owner.
    pub attributes: Attributes,
}

/// A directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directory {
    /// What is in it, sorted by bytes.
    pub children: BTreeMap<OsString, Node>,
    /// Mode and owner.
    pub attributes: Attributes,
}

impl Directory {
    /// Permission bits: those that were asked for, or 0755.
    pub fn mode(&self) -> u16 {
        self.attributes.mode.unwrap_or(0o755)
    }
}

/// What can be at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A regular file.
    File(File),
    /// A symbolic link.
    Symlink(Symlink),
    /// A directory.
    Directory(Directory),
}

impl Node {
    /// The kind with its article, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Node::File(_) => "a file",
            Node::Symlink(_) => "a symlink",
            Node::Directory(_) => "a directory",
        }
    }

    /// A link owned by root.
    pub fn symlink(target: impl Into<OsString>) -> Self {
        Node::Symlink(Symlink { target: target.into(), attributes: Attributes::default() })
    }

    /// An empty directory, owned by root.
    pub fn directory() -> Self {
        Node::Directory(Directory::default())
    }
}

/// A tree of files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    /// Its root.
    pub root: Directory,
}

impl Tree {
    /// A tree with nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts `node` at `path`; directories above it are made. What was there before is overridden: a directory is
    /// merged into a directory, files and symlinks replace each other.
    ///
    /// # Errors
    /// [`Error::NotADirectory`] if a file or a symlink is in the way (nothing is ever written through a
    /// symlink), [`Error::WouldReplaceDirectory`] if a file or symlink would hide a directory.
    pub fn insert(&mut self, path: &TreePath, node: Node) -> Result<()> {
        let Some((name, parents)) = path.names().split_last() else {
            return match node {
                Node::Directory(directory) => merge(&mut self.root, directory, &TreePath::root()),
                other => Err(Error::WouldReplaceDirectory {
                    path: TreePath::root().to_string(),
                    kind: other.kind(),
                }),
            };
        };
        let parent = self.make_directory(parents, path)?;
        place(parent, name, node, path)
    }

    /// What is at `path`; the root is no node.
    pub fn get(&self, path: &TreePath) -> Option<&Node> {
        let (name, parents) = path.names().split_last()?;
        let mut directory = &self.root;
        for parent in parents {
            match directory.children.get(parent)? {
                Node::Directory(next) => directory = next,
                _ => return None,
            }
        }
        directory.children.get(name)
    }

    /// The directory at `path`.
    pub fn directory(&self, path: &TreePath) -> Option<&Directory> {
        if path.is_root() {
            return Some(&self.root);
        }
        match self.get(path)? {
            Node::Directory(directory) => Some(directory),
            _ => None,
        }
    }

    /// As [`Tree::directory`], to change it.
    pub fn directory_mut(&mut self, path: &TreePath) -> Option<&mut Directory> {
        let mut directory = &mut self.root;
        for name in path.names() {
            match directory.children.get_mut(name)? {
                Node::Directory(next) => directory = next,
                _ => return None,
            }
        }
        Some(directory)
    }

    fn make_directory(&mut self, names: &[OsString], wanted: &TreePath) -> Result<&mut Directory> {
        let mut directory = &mut self.root;
        for (depth, name) in names.iter().enumerate() {
            let node = directory.children.entry(name.clone()).or_insert_with(Node::directory);
            directory = match node {
                Node::Directory(next) => next,
                other => {
                    return Err(Error::NotADirectory {
                        path: wanted.to_string(),
                        ancestor: names[..=depth].join(OsStr::new("/")).to_string_lossy().into_owned(),
                        kind: other.kind(),
                    });
                }
            };
        }
        Ok(directory)
    }

    /// Calls `visit` for every node below the root with its path: a directory before what is in it, names sorted.
    pub fn walk<'tree>(&'tree self, visit: &mut dyn FnMut(&TreePath, &'tree Node)) {
        walk_directory(&self.root, &TreePath::root(), visit);
    }
}

fn walk_directory<'tree>(
    directory: &'tree Directory,
    path: &TreePath,
    visit: &mut dyn FnMut(&TreePath, &'tree Node),
) {
    for (name, node) in &directory.children {
        let path = path.join(name);
        visit(&path, node);
        if let Node::Directory(directory) = node {
            walk_directory(directory, &path, visit);
        }
    }
}

/// Puts a node into a directory, over what is there.
fn place(parent: &mut Directory, name: &OsStr, node: Node, path: &TreePath) -> Result<()> {
    match parent.children.entry(name.to_os_string()) {
        Entry::Vacant(vacant) => {
            vacant.insert(node);
            Ok(())
        }
        Entry::Occupied(mut occupied) => match (occupied.get_mut(), node) {
            (Node::Directory(present), Node::Directory(new)) => merge(present, new, path),
            (Node::Directory(_), new) => {
                Err(Error::WouldReplaceDirectory { path: path.to_string(), kind: new.kind() })
            }
            (present, Node::Directory(_)) => Err(Error::NotADirectory {
                path: path.to_string(),
                ancestor: path.to_string(),
                kind: present.kind(),
            }),
            (present, new) => {
                *present = new;
                Ok(())
            }
        },
    }
}

/// Merges the content of one directory into another, the later winning.
fn merge(present: &mut Directory, new: Directory, path: &TreePath) -> Result<()> {
    if new.attributes != Attributes::default() {
        present.attributes = new.attributes;
    }
    for (name, node) in new.children {
        let path = path.join(&name);
        place(present, &name, node, &path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn path(text: &str) -> TreePath {
        TreePath::parse(text).unwrap()
    }

    fn file(text: &str) -> Node {
        Node::File(File::from_bytes(text.as_bytes(), false))
    }

    #[test]
    fn later_entries_override_earlier_ones() {
        let mut tree = Tree::new();
        tree.insert(&path("a/b"), file("1")).unwrap();
        tree.insert(&path("a/b"), Node::symlink("c")).unwrap();
        tree.insert(&path("a"), Node::directory()).unwrap();
        assert_eq!(tree.get(&path("a/b")), Some(&Node::symlink("c")));
    }

    #[test]
    fn nothing_is_put_through_a_symlink_or_a_file() {
        let mut tree = Tree::new();
        tree.insert(&path("link"), Node::symlink("/etc")).unwrap();
        tree.insert(&path("file"), file("")).unwrap();
        let error = tree.insert(&path("link/passwd"), file("x")).unwrap_err();
        assert_eq!(error.to_string(), "cannot put 'link/passwd' into the tree: 'link' is a symlink");
        assert!(matches!(tree.insert(&path("file/x"), file("x")), Err(Error::NotADirectory { .. })));
        assert!(matches!(tree.insert(&path("link"), Node::directory()), Err(Error::NotADirectory { .. })));
    }

    #[test]
    fn a_directory_is_not_replaced_by_a_file() {
        let mut tree = Tree::new();
        tree.insert(&path("a/b"), file("1")).unwrap();
        assert!(matches!(tree.insert(&path("a"), file("")), Err(Error::WouldReplaceDirectory { .. })));
        assert!(matches!(
            tree.insert(&TreePath::root(), Node::symlink("x")),
            Err(Error::WouldReplaceDirectory { .. })
        ));
    }

    proptest! {
        /// The order of entries with different paths does not matter.
        #[test]
        fn insertion_is_independent_of_order(paths in proptest::collection::btree_set("[a-c](/[a-c]){0,3}", 1..8)) {
            let insert = |paths: &mut dyn Iterator<Item = &String>| {
                let mut tree = Tree::new();
                let outcomes: Result<Vec<()>> = paths.map(|text| tree.insert(&path(text), Node::directory())).collect();
                outcomes.map(|_| tree)
            };
            prop_assert_eq!(insert(&mut paths.iter()).unwrap(), insert(&mut paths.iter().rev()).unwrap());
        }
    }
}
