//! Flakes and the evaluator: reading declarations, and where the trees of a resolved flake lie.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use nix_expr::{FileSystemIo, FileSystemOptions, Settings, SourceMapping, evaluate};
use nix_store::StoreDir;

use crate::declaration::{DECLARATION_EXPRESSION, Declaration};
use crate::error::Error;
use crate::resolve::{ReadDeclaration, ResolvedFlake};
use crate::tree::SourceTree;

/// Reads declarations with the evaluator, purely and with nothing but the flake's own tree in reach.
#[derive(Debug, Clone)]
pub struct EvaluatedDeclarations {
    store_dir: StoreDir,
}

impl EvaluatedDeclarations {
    /// For trees of this store.
    pub fn new(store_dir: StoreDir) -> Self {
        EvaluatedDeclarations { store_dir }
    }
}

impl ReadDeclaration for EvaluatedDeclarations {
    fn declaration(&self, tree: &SourceTree, directory: &str) -> Result<Declaration, Error> {
        let io = FileSystemIo::new(FileSystemOptions {
            store_dir: self.store_dir.clone(),
            mappings: vec![mapping(tree, &self.store_dir)],
            pure: true,
            ..FileSystemOptions::default()
        });
        let settings = Settings { pure: true, ..Settings::default() };
        let file = Path::new(directory).join("flake.nix");
        let logical = PathBuf::from(self.store_dir.display(&tree.store_path)).join(&file);
        let json = evaluate(&settings, &io, |session| {
            let read = session.evaluate_text(DECLARATION_EXPRESSION, "«declaration»", Path::new("/"))?;
            let flake = session.evaluate_file(&logical)?;
            Ok(session.to_json(session.call(read, &[flake])?)?.text)
        })?;
        let file = tree.directory.join(file);
        let value = serde_json::from_str(&json)
            .map_err(|error| Error::InvalidFlake { file: file.clone(), reason: error.to_string() })?;
        Declaration::from_json(&value, &file)
    }
}

/// Shows the evaluator every tree of a resolved flake at its store path, wherever it lies.
pub fn mappings(flake: &ResolvedFlake, store_dir: &StoreDir) -> Vec<SourceMapping> {
    let trees = flake.nodes.iter().filter_map(|node| node.tree.as_ref().ok());
    let unique: BTreeMap<PathBuf, SourceMapping> = trees
        .map(|tree| mapping(tree, store_dir))
        .map(|mapping| (mapping.logical.clone(), mapping))
        .collect();
    unique.into_values().collect()
}

fn mapping(tree: &SourceTree, store_dir: &StoreDir) -> SourceMapping {
    SourceMapping {
        logical: store_dir.display(&tree.store_path).into(),
        real: tree.directory.clone(),
        visible: None,
    }
}
