//! The trees that are compiled into the program: `hostwright:debian`, and what fleets commonly take as other inputs.
//!
//! A tree is written to a directory that its content names, so that it can be read like any other; it goes to the store
//! only when a derivation wants it there. A directory that is there already is hashed again before it is used: it may
//! be half written, or somebody may have changed it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use nix_flake::{BundledTrees, Error, SourceTree, TREE_NAME};
use nix_store::nar::{self, Node};
use nix_store::{Hash, StoreDir, StorePath};

/// A file of the table that the build script makes.
struct BundledFile {
    /// Relative to the tree's root.
    path: &'static str,
    executable: bool,
    contents: &'static [u8],
}

/// The trees by their names, sorted.
static TREES: &[(&str, &[BundledFile])] = include!(concat!(env!("OUT_DIR"), "/trees.rs"));

/// The names of the trees.
pub fn names() -> impl Iterator<Item = &'static str> {
    TREES.iter().map(|(name, _)| *name)
}

/// The name of the Debian base.
const DEBIAN: &str = "debian";

/// Where a fleet's pinned packages stand in the tree of the base.
const LOCK_FILE: &str = "debian.lock";

/// The bundled trees, with what a fleet adds to them.
#[derive(Debug)]
pub struct Bundled {
    store_dir: StoreDir,
    /// Where trees are written to.
    directory: PathBuf,
    /// The text of the fleet's `debian.lock`.
    debian_lock: Option<Vec<u8>>,
    /// The store path of the Debian base, once somebody has asked for it.
    debian_in_use: RefCell<Option<StorePath>>,
}

impl Bundled {
    /// Trees are written below `directory`; `debian_lock` becomes a file of the Debian base.
    pub fn new(store_dir: StoreDir, directory: PathBuf, debian_lock: Option<Vec<u8>>) -> Self {
        Bundled { store_dir, directory, debian_lock, debian_in_use: RefCell::default() }
    }

    /// The store path of the Debian base, if an input leads to it.
    pub fn debian_in_use(&self) -> Option<StorePath> {
        self.debian_in_use.borrow().clone()
    }

    fn node(&self, name: &str) -> Option<Node> {
        let (_, files) = TREES.iter().find(|(known, _)| *known == name)?;
        let mut root = Directory::default();
        for file in *files {
            let node = Node::Regular { executable: file.executable, contents: file.contents.to_vec() };
            root.insert(file.path, node);
        }
        if let Some(lock) = self.debian_lock.as_ref().filter(|_| name == DEBIAN) {
            root.insert(LOCK_FILE, Node::file(lock.clone()));
        }
        Some(root.into_node())
    }

    fn materialise(&self, node: &Node) -> Result<SourceTree, Error> {
        let (nar_hash, _) = node.nar_hash()?;
        let store_path = self.store_dir.make_source_path(TREE_NAME, &nar_hash)?;
        let directory = self.directory.join(store_path.base_name());
        if !is_intact(&directory, &nar_hash) {
            write_tree(node, &nar_hash, &self.directory, &directory)?;
        }
        Ok(SourceTree { store_path, nar_hash, directory, visible: None })
    }
}

impl BundledTrees for Bundled {
    fn names(&self) -> Vec<String> {
        names().map(str::to_owned).collect()
    }

    fn tree(&self, name: &str) -> Result<Option<SourceTree>, Error> {
        let Some(node) = self.node(name) else { return Ok(None) };
        let tree = self.materialise(&node)?;
        if name == DEBIAN {
            *self.debian_in_use.borrow_mut() = Some(tree.store_path.clone());
        }
        Ok(Some(tree))
    }
}

fn is_intact(directory: &Path, hash: &Hash) -> bool {
    directory.is_dir() && nar::hash_path(directory).is_ok_and(|(found, _)| found == *hash)
}

/// Writes beside the place and moves it there when it is complete. A tree that is right stays where it is: another run
/// reads it.
fn write_tree(node: &Node, hash: &Hash, parent: &Path, place: &Path) -> Result<(), Error> {
    let file = |action, path: &Path| {
        let path = path.to_owned();
        move |source| Error::File { action, path, source }
    };
    fs::create_dir_all(parent).map_err(file("make the directory", parent))?;
    let lock = parent.join(".lock");
    let held = File::create(&lock).map_err(file("write", &lock))?;
    held.lock().map_err(file("lock", &lock))?;
    if is_intact(place, hash) {
        return Ok(());
    }
    let temporary =
        tempfile::Builder::new().prefix(".tree-").tempdir_in(parent).map_err(file("write to", parent))?;
    let written = temporary.path().join("tree");
    let mut archive = Vec::new();
    node.dump(&mut archive)?;
    nar::restore(&mut archive.as_slice(), &written)?;
    if place.exists() {
        fs::rename(place, temporary.path().join("damaged")).map_err(file("replace", place))?;
    }
    fs::rename(&written, place).map_err(file("write", place))
}

/// A directory under construction.
#[derive(Default)]
struct Directory {
    directories: BTreeMap<String, Directory>,
    files: BTreeMap<String, Node>,
}

impl Directory {
    fn insert(&mut self, path: &str, node: Node) {
        match path.split_once('/') {
            Some((first, rest)) => self.directories.entry(first.to_owned()).or_default().insert(rest, node),
            None => {
                self.files.insert(path.to_owned(), node);
            }
        }
    }

    fn into_node(self) -> Node {
        let directories = self.directories.into_iter().map(|(name, directory)| (name, directory.into_node()));
        let entries = directories.chain(self.files).map(|(name, node)| (name.into_bytes(), node));
        Node::Directory(entries.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_is_written_once_and_mended() {
        let directory = tempfile::tempdir().unwrap();
        let bundled =
            Bundled::new(StoreDir::default(), directory.path().to_owned(), Some(b"{\"version\":1}".to_vec()));
        let tree = bundled.tree("debian").unwrap().unwrap();
        assert!(tree.directory.join("debian.lock").is_file());
        assert_eq!(nar::hash_path(&tree.directory).unwrap().0, tree.nar_hash);
        let other = Bundled::new(StoreDir::default(), directory.path().to_owned(), None);
        assert_ne!(other.tree("debian").unwrap().unwrap().store_path, tree.store_path);
        fs::write(tree.directory.join("debian.lock"), "changed").unwrap();
        assert_eq!(bundled.tree("debian").unwrap().unwrap(), tree);
        assert_eq!(fs::read(tree.directory.join("debian.lock")).unwrap(), b"{\"version\":1}");
        assert_eq!(bundled.tree("nixos").unwrap(), None);
    }

    #[test]
    fn runs_at_the_same_time_take_one_another_s_tree() {
        let directory = tempfile::tempdir().unwrap();
        let inode = || {
            use std::os::unix::fs::MetadataExt;
            let bundled = Bundled::new(StoreDir::default(), directory.path().to_owned(), None);
            let tree = bundled.tree("debian").unwrap().unwrap();
            fs::metadata(tree.directory).unwrap().ino()
        };
        let inodes: Vec<u64> = std::thread::scope(|scope| {
            let runs: Vec<_> = (0..4).map(|_| scope.spawn(inode)).collect();
            runs.into_iter().map(|run| run.join().unwrap()).collect()
        });
        assert!(inodes.iter().all(|inode| *inode == inodes[0]), "{inodes:?}");
    }

    #[test]
    fn every_tree_is_a_flake_without_the_lock() {
        let directory = tempfile::tempdir().unwrap();
        let lock = Some(b"{\"version\":1}".to_vec());
        let bundled = Bundled::new(StoreDir::default(), directory.path().to_owned(), lock);
        assert!(bundled.names().contains(&"sops-nix".to_owned()));
        for name in bundled.names() {
            let tree = bundled.tree(&name).unwrap().unwrap();
            assert!(tree.directory.join("flake.nix").is_file(), "{name}");
            assert_eq!(tree.directory.join("debian.lock").exists(), name == "debian");
        }
    }
}
