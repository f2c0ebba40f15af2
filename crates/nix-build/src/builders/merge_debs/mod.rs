//! `builtin:merge-debs`: unpacked packages merged into one tree, as dpkg would have installed them.
//!
//! The tree is made of hard links, so a generation's `/usr` costs directories and nothing else. Whether two
//! packages may share a path is decided as dpkg decides it: identical content may, `Replaces` lets one
//! package's file win, anything else is an error that names both. The order in which packages are given
//! does not matter.

mod collision;
mod package;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rayon::prelude::*;
use serde::Deserialize;

use crate::builders::context::Context;
use crate::builders::entry::{Entry, add_all, store_paths};
use crate::error::{Error, Result};
use crate::hwdb;
use crate::kernel::{self, summary::Summaries};
use crate::tree::{Attributes, Directory, File, Node, Selection, Tree, TreePath, import, write};

use collision::merge_directories;
use package::{CONTROL_FILE, Package, check_conflicts};

/// The attributes of `builtin:merge-debs`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct MergeDebs {
    /// Unpacked packages.
    #[serde(default)]
    pub debs: Vec<String>,
    /// Store paths: every unpacked package in their runtime closure is merged too.
    #[serde(default)]
    pub closure_of: Vec<String>,
    /// Which part of the packages is merged; its content lies at the root of the output.
    pub subtree: Subtree,
    /// Patterns, relative to the subtree, of what is left out.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// What is put into the tree afterwards, over what the packages have.
    #[serde(default)]
    pub entries: Vec<Entry>,
    /// Whether the indices of kernel modules are computed for each `lib/modules/VERSION`.
    #[serde(default)]
    pub depmod: bool,
    /// Whether udev's hardware database is compiled.
    #[serde(default)]
    pub hwdb: bool,
    /// Where the list of the packages goes, in the format of dpkg's own (`/var/lib/dpkg/status`, dpkg(1)).
    #[serde(default)]
    pub status_file: Option<String>,
}

/// A directory at the root of a Debian system that packages put files into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Subtree {
    /// Programs and data; `/bin`, `/sbin` and `/lib*` are here too.
    Usr,
    /// Configuration as shipped.
    Etc,
    /// State as shipped.
    Var,
}

impl Subtree {
    fn name(self) -> &'static str {
        match self {
            Subtree::Usr => "usr",
            Subtree::Etc => "etc",
            Subtree::Var => "var",
        }
    }
}

impl MergeDebs {
    /// Writes the merged tree.
    pub fn build(&self, context: &Context<'_>, output: &Path) -> Result<()> {
        write(&self.merge(context)?, output, context.cancellation)
    }

    /// The merged tree, before it is written.
    pub fn merge(&self, context: &Context<'_>) -> Result<Tree> {
        let packages = self.packages(context)?;
        check_conflicts(&packages)?;
        context.cancellation.check()?;
        let selection = Selection::new(None, &self.exclude)?;
        let trees: Vec<(&Package, Directory)> = packages
            .par_iter()
            .map(|package| {
                context.cancellation.check()?;
                Ok(self.subtree_of(package, &selection)?.map(|tree| (package, tree)))
            })
            .filter_map(Result::transpose)
            .collect::<Result<_>>()?;
        let prefix = TreePath::parse(self.subtree.name())?;
        let root = if trees.is_empty() { Directory::default() } else { merge_directories(&prefix, trees)? };
        let mut tree = Tree { root: Directory { attributes: Attributes::default(), ..root } };
        add_all(&self.entries, &mut tree, context.inputs)?;
        if self.depmod {
            index_modules(&mut tree, &packages, context)?;
        }
        if self.hwdb {
            compile_hardware_database(&mut tree)?;
        }
        if let Some(path) = &self.status_file {
            let status: String = packages.iter().map(Package::status).collect();
            let file = File::from_bytes(status.into_bytes(), false);
            tree.insert(&TreePath::parse(path)?, Node::File(file))?;
        }
        Ok(tree)
    }

    /// All the packages: those that are listed and those in the closures, each once, sorted by name.
    fn packages(&self, context: &Context<'_>) -> Result<Vec<Package>> {
        let inputs = context.inputs;
        let listed: BTreeSet<_> = store_paths(&self.debs, inputs)?.into_iter().collect();
        let mut paths = listed.clone();
        for info in inputs.closure_of(&store_paths(&self.closure_of, inputs)?)? {
            let control = inputs.real_path(&info.path)?.join(CONTROL_FILE);
            if control.is_file() {
                paths.insert(info.path.clone());
            }
        }
        let packages: Vec<Package> = paths
            .into_par_iter()
            .map(|path| Package::read(&inputs.store_dir().display(&path), &inputs.real_path(&path)?))
            .collect::<Result<_>>()?;
        let mut by_name: BTreeMap<(String, String), Package> = BTreeMap::new();
        for package in packages {
            let key = (package.name.clone(), package.architecture.clone());
            if let Some(other) = by_name.get(&key) {
                return Err(Error::DuplicatePackage {
                    package: package.name.clone(),
                    first: other.store_path.clone(),
                    second: package.store_path.clone(),
                });
            }
            by_name.insert(key, package);
        }
        Ok(by_name.into_values().collect())
    }

    fn subtree_of(&self, package: &Package, selection: &Selection) -> Result<Option<Directory>> {
        let real = package.real.join(self.subtree.name());
        match std::fs::symlink_metadata(&real) {
            Ok(metadata) if metadata.is_dir() => Ok(Some(import(&real, selection)?)),
            Ok(_) => {
                Err(Error::WrongFileType { path: real.to_string_lossy().into_owned(), wanted: "a directory" })
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("examine", &real, error)),
        }
    }
}

/// Adds `modules.dep` and the other indices to each directory of `lib/modules`.
fn index_modules(tree: &mut Tree, packages: &[Package], context: &Context<'_>) -> Result<()> {
    let modules = TreePath::parse("lib/modules")?;
    let Some(versions) = tree.directory(&modules) else { return Ok(()) };
    let mut summaries = Summaries::default();
    for package in packages {
        summaries.add(&package.real)?;
    }
    let mut indices = Vec::new();
    for (version, node) in &versions.children {
        if let Node::Directory(directory) = node {
            let files = kernel::module_indices(directory, &summaries, context.cancellation)?;
            indices.push((modules.join(version), files));
        }
    }
    for (directory, files) in indices {
        for (name, content) in files {
            let file = File::from_bytes(content, false);
            tree.insert(&directory.append(&TreePath::parse(name)?), Node::File(file))?;
        }
    }
    Ok(())
}

/// Compiles `lib/udev/hwdb.d` into `lib/udev/hwdb.bin`.
fn compile_hardware_database(tree: &mut Tree) -> Result<()> {
    let Some(sources) = tree.directory(&TreePath::parse("lib/udev/hwdb.d")?) else { return Ok(()) };
    let compiled = hwdb::compile(sources, "/usr/lib/udev/hwdb.d")?;
    let file = File::from_bytes(compiled, false);
    tree.insert(&TreePath::parse("lib/udev/hwdb.bin")?, Node::File(file))
}
