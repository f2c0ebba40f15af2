use super::attributes::Attributes;
use super::content::FileContent;
use super::path::{display_path, split};
use crate::error::{Error, Result};
use std::collections::{BTreeMap, HashMap};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A node's number in its tree; two names with the same number are hard links of each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(u32);

impl NodeId {
    /// The root directory of every tree.
    pub const ROOT: NodeId = NodeId(0);

    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// The names in a directory, sorted by their bytes.
pub type Children = BTreeMap<Box<[u8]>, NodeId>;

/// What a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// A directory.
    Directory(Children),
    /// A regular file.
    File(FileContent),
    /// A symbolic link and its target.
    Symlink(Box<[u8]>),
    /// A character device.
    CharacterDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
}

/// A node: what it is and how many names it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Mode, owner, time, extended attributes.
    pub attributes: Attributes,
    /// Names that lead to the node (1 for directories).
    pub links: u32,
}

/// The content of a file system or archive.
///
/// Entries that are added later replace earlier ones of the same path; a directory is never replaced by something
/// else. Missing parent directories are made with the attributes of the root directory.
#[derive(Clone, Debug)]
pub struct Tree {
    nodes: Vec<Node>,
    pub(super) host_links: HashMap<HostLink, NodeId>,
}

/// What makes two files of the host one file on the image: the same inode with the same resulting attributes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct HostLink {
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) attributes: Attributes,
}

/// A regular file of ext4 has at most so many names (`EXT4_LINK_MAX`).
pub(super) const MOST_LINKS: u32 = 65_000;

impl Tree {
    /// An empty tree whose root directory has these attributes.
    pub fn new(root: Attributes) -> Self {
        let kind = NodeKind::Directory(Children::new());
        Self { nodes: vec![Node { kind, attributes: root, links: 1 }], host_links: HashMap::new() }
    }

    /// The node with this number.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// How many nodes there are, counting those that were replaced.
    pub(crate) fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// The names in a directory; none for anything else.
    pub fn children(&self, id: NodeId) -> impl Iterator<Item = (&[u8], NodeId)> {
        let children = match &self.nodes[id.index()].kind {
            NodeKind::Directory(children) => Some(children),
            _ => None,
        };
        children.into_iter().flatten().map(|(name, id)| (&**name, *id))
    }

    /// The node at `path`.
    pub fn find(&self, path: impl AsRef<Path>) -> Option<NodeId> {
        let names = split(path.as_ref().as_os_str().as_bytes()).ok()?;
        names.into_iter().try_fold(NodeId::ROOT, |parent, name| match &self.node(parent).kind {
            NodeKind::Directory(children) => children.get(name).copied(),
            _ => None,
        })
    }

    /// Makes a directory, or gives the one that exists these attributes.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidPath`], [`Error::NotADirectory`].
    pub fn add_directory(&mut self, path: impl AsRef<Path>, attributes: Attributes) -> Result<NodeId> {
        let names = split(path.as_ref().as_os_str().as_bytes())?;
        let id = self.make_directories(&names)?;
        self.nodes[id.index()].attributes = attributes;
        Ok(id)
    }

    /// Puts a regular file at `path`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidPath`], [`Error::NotADirectory`], [`Error::IsADirectory`].
    pub fn add_file(
        &mut self,
        path: impl AsRef<Path>,
        content: FileContent,
        attributes: Attributes,
    ) -> Result<NodeId> {
        self.add(path.as_ref(), NodeKind::File(content), attributes)
    }

    /// Puts a symbolic link at `path`; its target is kept as it is.
    ///
    /// # Errors
    ///
    /// As [`Tree::add_file`]; [`Error::Unrepresentable`] for an empty target or one with a NUL byte.
    pub fn add_symlink(
        &mut self,
        path: impl AsRef<Path>,
        target: impl AsRef<Path>,
        attributes: Attributes,
    ) -> Result<NodeId> {
        let target = target.as_ref().as_os_str().as_bytes();
        if target.is_empty() || target.contains(&0) {
            return Err(Error::Unrepresentable {
                file_system: "a file system",
                path: display_path(path.as_ref().as_os_str().as_bytes()),
                reason: "the target of the symbolic link is empty or has a NUL byte".to_owned(),
            });
        }
        self.add(path.as_ref(), NodeKind::Symlink(target.into()), attributes)
    }

    /// Puts a device node, pipe, socket, or any other node without names of its own at `path`.
    ///
    /// # Errors
    ///
    /// As [`Tree::add_file`].
    pub fn add_special(
        &mut self,
        path: impl AsRef<Path>,
        kind: NodeKind,
        attributes: Attributes,
    ) -> Result<NodeId> {
        match kind {
            NodeKind::Directory(_) => self.add_directory(path, attributes),
            kind => self.add(path.as_ref(), kind, attributes),
        }
    }

    /// Gives what is at `existing` a second name.
    ///
    /// # Errors
    ///
    /// As [`Tree::add_file`]; [`Error::NotFound`]; [`Error::Unrepresentable`] when the file has 65000 names already.
    pub fn add_hard_link(&mut self, path: impl AsRef<Path>, existing: impl AsRef<Path>) -> Result<()> {
        let shown = display_path(existing.as_ref().as_os_str().as_bytes());
        let id = self.find(existing).ok_or(Error::NotFound { path: shown.clone() })?;
        if matches!(self.node(id).kind, NodeKind::Directory(_)) {
            return Err(Error::IsADirectory { path: shown });
        }
        if self.node(id).links >= MOST_LINKS {
            return Err(Error::Unrepresentable {
                file_system: "a file system",
                path: shown,
                reason: format!("a file has at most {MOST_LINKS} names"),
            });
        }
        self.place(path.as_ref(), id)
    }

    /// Removes what is at `path` with all below it; nothing happens when there is nothing.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidPath`].
    pub fn remove(&mut self, path: impl AsRef<Path>) -> Result<()> {
        let names = split(path.as_ref().as_os_str().as_bytes())?;
        let Some((last, parents)) = names.split_last() else { return Ok(()) };
        let mut parent = NodeId::ROOT;
        for name in parents {
            match self.children_of(parent).and_then(|children| children.get(*name)) {
                Some(id) => parent = *id,
                None => return Ok(()),
            }
        }
        if let NodeKind::Directory(children) = &mut self.nodes[parent.index()].kind
            && let Some(removed) = children.remove(*last)
        {
            self.unlink(removed);
        }
        Ok(())
    }

    /// Changes mode, owner, time or extended attributes of what is at `path`, under all its names.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub fn set_attributes(&mut self, path: impl AsRef<Path>, attributes: Attributes) -> Result<()> {
        let shown = display_path(path.as_ref().as_os_str().as_bytes());
        let id = self.find(path).ok_or(Error::NotFound { path: shown })?;
        self.nodes[id.index()].attributes = attributes;
        Ok(())
    }

    /// The first path that leads to `id`, for messages.
    pub(crate) fn path_of(&self, id: NodeId) -> String {
        let mut found = String::from("/");
        self.walk(&mut |path, node, _| {
            if node == id && found == "/" && !path.is_empty() {
                found = format!("/{}", display_path(path));
            }
        });
        found
    }

    /// Visits every name, parents before children, sorted: its path without a leading slash (the root's is empty), its
    /// node, and whether the node is met for the first time.
    pub fn walk(&self, visit: &mut dyn FnMut(&[u8], NodeId, bool)) {
        let mut seen = vec![false; self.nodes.len()];
        seen[0] = true;
        visit(b"", NodeId::ROOT, true);
        let mut path = Vec::new();
        let mut open = Vec::new();
        if let Some(children) = self.children_of(NodeId::ROOT) {
            open.push((0, children.iter()));
        }
        while let Some((length, entries)) = open.last_mut() {
            path.truncate(*length);
            let Some((name, id)) = entries.next() else {
                open.pop();
                continue;
            };
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(name);
            visit(&path, *id, !std::mem::replace(&mut seen[id.index()], true));
            if let Some(children) = self.children_of(*id) {
                let length = path.len();
                open.push((length, children.iter()));
            }
        }
    }

    fn children_of(&self, id: NodeId) -> Option<&Children> {
        match &self.nodes[id.index()].kind {
            NodeKind::Directory(children) => Some(children),
            _ => None,
        }
    }

    fn add(&mut self, path: &Path, kind: NodeKind, attributes: Attributes) -> Result<NodeId> {
        let id = self.push(kind, attributes);
        self.place(path, id)?;
        Ok(id)
    }

    fn place(&mut self, path: &Path, id: NodeId) -> Result<()> {
        let bytes = path.as_os_str().as_bytes();
        let names = split(bytes)?;
        let Some((last, parents)) = names.split_last() else {
            return Err(Error::IsADirectory { path: "/".to_owned() });
        };
        let parent = self.make_directories(parents)?;
        self.insert(parent, last, id).map_err(|()| Error::IsADirectory { path: display_path(bytes) })
    }

    /// A node without a name yet.
    pub(super) fn push(&mut self, kind: NodeKind, attributes: Attributes) -> NodeId {
        // More than 2^32 nodes do not fit in memory, nor in any file system written here.
        let id = NodeId(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        self.nodes.push(Node { kind, attributes, links: 0 });
        id
    }

    /// Puts `id` into `parent`, in place of a file that is there; refused when a directory is there.
    pub(super) fn insert(&mut self, parent: NodeId, name: &[u8], id: NodeId) -> std::result::Result<(), ()> {
        let existing = self.children_of(parent).and_then(|children| children.get(name)).copied();
        if let Some(existing) = existing {
            if matches!(self.nodes[existing.index()].kind, NodeKind::Directory(_)) {
                return Err(());
            }
            self.unlink(existing);
        }
        if let NodeKind::Directory(children) = &mut self.nodes[parent.index()].kind {
            children.insert(name.into(), id);
        }
        self.nodes[id.index()].links += 1;
        Ok(())
    }

    /// The directory `name` in `parent`, made with `attributes` if it is not there; `None` if a file is there.
    pub(super) fn directory_in(
        &mut self,
        parent: NodeId,
        name: &[u8],
        attributes: &Attributes,
    ) -> Option<(NodeId, bool)> {
        match self.children_of(parent).and_then(|children| children.get(name)).copied() {
            Some(id) => self.children_of(id).map(|_| (id, false)),
            None => {
                let id = self.push(NodeKind::Directory(Children::new()), attributes.clone());
                self.insert(parent, name, id).ok().map(|()| (id, true))
            }
        }
    }

    pub(super) fn set(&mut self, id: NodeId, attributes: Attributes) {
        self.nodes[id.index()].attributes = attributes;
    }

    pub(super) fn make_directories(&mut self, names: &[&[u8]]) -> Result<NodeId> {
        let implied = Attributes { xattrs: BTreeMap::new(), ..self.nodes[0].attributes.clone() };
        let mut parent = NodeId::ROOT;
        for (index, name) in names.iter().enumerate() {
            parent = match self.directory_in(parent, name, &implied) {
                Some((id, _)) => id,
                None => {
                    return Err(Error::NotADirectory { path: display_path(&names[..=index].join(&b'/')) });
                }
            };
        }
        Ok(parent)
    }

    /// Takes one name from a node, and from all below it when it is a directory.
    fn unlink(&mut self, id: NodeId) {
        let mut pending = vec![id];
        while let Some(id) = pending.pop() {
            let node = &mut self.nodes[id.index()];
            node.links = node.links.saturating_sub(1);
            if let NodeKind::Directory(children) = &mut node.kind {
                pending.extend(std::mem::take(children).into_values());
            }
        }
    }
}
