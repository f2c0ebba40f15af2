//! Where trees come from: the fetcher, the trees inside the program, and the evaluator that reads their `flake.nix`.

use std::path::Path;

use nix_store::StoreDir;

use crate::declaration::Declaration;
use crate::error::Error;
use crate::fetch::{Fetched, Fetcher};
use crate::reference::{FlakeReference, Source};
use crate::registry::RegistryScope;
use crate::tree::SourceTree;

/// The trees that are compiled into the program.
pub trait BundledTrees {
    /// The names that `hostwright:NAME` may have.
    fn names(&self) -> Vec<String>;
    /// The tree of that name, `None` for an unknown name. It is a directory when this returns.
    fn tree(&self, name: &str) -> Result<Option<SourceTree>, Error>;
}

/// No bundled trees at all.
#[derive(Clone, Copy, Debug)]
pub struct NothingBundled;

impl BundledTrees for NothingBundled {
    fn names(&self) -> Vec<String> {
        Vec::new()
    }

    fn tree(&self, _name: &str) -> Result<Option<SourceTree>, Error> {
        Ok(None)
    }
}

/// Reads what the `flake.nix` in a directory of a tree declares.
pub trait ReadDeclaration {
    /// `directory` is relative to the tree; there is a `flake.nix` in it.
    fn declaration(&self, tree: &SourceTree, directory: &str) -> Result<Declaration, Error>;
}

/// What locking needs from outside.
pub struct Sources<'a> {
    /// Where store paths live.
    pub store_dir: &'a StoreDir,
    /// Everything that is not bundled.
    pub fetcher: &'a Fetcher,
    /// `hostwright:NAME`
    pub bundled: &'a dyn BundledTrees,
    /// The evaluator.
    pub declarations: &'a dyn ReadDeclaration,
}

/// A flake whose own tree is here.
#[derive(Clone, Debug)]
pub struct OpenedFlake {
    /// The reference as it was given.
    pub original: FlakeReference,
    /// The same, looked up in the registries.
    pub resolved: FlakeReference,
    /// The tree, and the reference that pins it.
    pub fetched: Fetched,
    /// What its `flake.nix` says.
    pub declaration: Declaration,
}

impl OpenedFlake {
    /// The directory of `flake.nix` on this machine.
    pub fn place(&self) -> std::path::PathBuf {
        self.fetched.tree.directory.join(&self.fetched.reference.directory)
    }
}

impl Sources<'_> {
    /// Gets a flake's tree and reads its `flake.nix`.
    ///
    /// # Errors
    /// It cannot be had, or is no flake.
    pub fn open(&self, reference: &FlakeReference, scope: RegistryScope) -> Result<OpenedFlake, Error> {
        let resolved = self.fetcher.resolve(reference, scope)?;
        let fetched = self.fetch(&resolved)?;
        let declaration = self.declaration(&fetched.tree, &resolved.directory)?;
        Ok(OpenedFlake { original: reference.clone(), resolved, fetched, declaration })
    }

    /// Gets a tree.
    pub(crate) fn fetch(&self, reference: &FlakeReference) -> Result<Fetched, Error> {
        let Source::Bundled { name } = &reference.source else { return self.fetcher.fetch(reference) };
        match self.bundled.tree(name)? {
            // Bundled trees come with the program and change with it, so they are not pinned.
            Some(tree) => Ok(Fetched { reference: reference.clone(), tree }),
            None => Err(Error::UnknownBundled { name: name.clone(), known: self.bundled.names() }),
        }
    }

    pub(crate) fn declaration(&self, tree: &SourceTree, directory: &str) -> Result<Declaration, Error> {
        let inside = Path::new(directory.trim_matches('/')).join("flake.nix");
        let file = tree.directory.join(&inside);
        if !file.is_file() {
            return Err(Error::NotAFlake { directory: tree.directory.join(directory.trim_matches('/')) });
        }
        if !tree.holds(&inside) {
            return Err(Error::Untracked { file, repository: tree.directory.clone(), inside });
        }
        self.declarations.declaration(tree, directory.trim_matches('/'))
    }
}
