//! A hive that is a file and no flake (`hive.nix`), evaluated as colmena does it: impurely, with `<nixpkgs>` from where
//! Nix looks for it. Where there is none, the Debian base is it, pinned by the `debian.lock` beside the file.

use std::path::{Path, PathBuf};

use nix_expr::{SearchPathEntry, SourceMapping};
use nix_flake::{BundledTrees, nix_string};
use nix_store::StoreDir;

use super::flake::{DEBIAN_LOCK, ReadyFlake, SOURCE_INFO};
use crate::commands::Session;
use crate::failure::Failure;

/// The name of a hive's file.
pub const HIVE_FILE: &str = "hive.nix";

/// What `<nixpkgs>` is looked up by.
const NIXPKGS: &str = "nixpkgs";

/// A hive that is a file.
#[derive(Debug)]
pub struct HiveFile {
    file: PathBuf,
}

impl HiveFile {
    /// The hive in `file`, or in the directory's `hive.nix`.
    ///
    /// # Errors
    /// It is not there.
    pub fn open(place: &Path) -> Result<Self, Failure> {
        let file = if place.is_dir() { place.join(HIVE_FILE) } else { place.to_owned() };
        let failed = |source| Failure::File { action: "read the hive", path: file.clone(), source };
        let file = file.canonicalize().map_err(failed)?;
        Ok(HiveFile { file })
    }

    /// Where the packages of its hosts are pinned.
    pub fn debian_lock_file(&self) -> PathBuf {
        self.directory().join(DEBIAN_LOCK)
    }

    fn directory(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new("/"))
    }

    /// The hive as the output `colmena` of a flake without inputs.
    pub fn resolve(&self, session: &Session, debian_lock: Option<&[u8]>) -> Result<ReadyFlake, Failure> {
        let configured = &session.configuration.evaluation.search_path;
        let directory = self.directory().to_owned();
        let has_nixpkgs = configured.iter().any(|entry| {
            entry.prefix == NIXPKGS
                || (entry.prefix.is_empty() && Path::new(&entry.path).join(NIXPKGS).exists())
        });
        let debian = match has_nixpkgs {
            true => None,
            false => session.bundled(debian_lock.map(<[u8]>::to_vec)).tree("debian")?,
        };
        let logical = debian.as_ref().map(|tree| StoreDir::default().display(&tree.store_path));
        let search_path = logical
            .iter()
            .map(|path| SearchPathEntry { prefix: NIXPKGS.to_owned(), path: path.clone() })
            .collect();
        let mappings = logical
            .iter()
            .zip(&debian)
            .map(|(logical, tree)| SourceMapping {
                logical: logical.into(),
                real: tree.directory.clone(),
                visible: None,
            })
            .collect();
        let file = nix_string(&self.file.to_string_lossy());
        Ok(ReadyFlake {
            expression: format!(
                "{{ colmena = let hive = import (/. + {file}); in if builtins.isFunction hive then hive {{ }} else hive; }}"
            ),
            source_info: (directory.join(SOURCE_INFO), String::new()),
            here: directory.clone(),
            directory,
            mappings,
            trees: debian.iter().cloned().collect(),
            debian,
            is_pure: false,
            search_path,
        })
    }
}
