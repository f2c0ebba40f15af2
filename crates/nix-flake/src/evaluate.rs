//! Flakes and the evaluator: reading declarations, and where the trees of a locked flake lie.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use nix_expr::{FileSystemIo, FileSystemOptions, Settings, SourceMapping, evaluate};
use nix_store::StoreDir;

use crate::declaration::{DECLARATION_EXPRESSION, Declaration, DeclarationPlace};
use crate::error::Error;
use crate::lock::{FlakeNode, NodeTree};
use crate::sources::ReadDeclaration;
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
        let inside = Path::new(directory).join("flake.nix");
        let logical = PathBuf::from(self.store_dir.display(&tree.store_path)).join(&inside);
        let json = evaluate(&settings, &io, |session| {
            let read = session.evaluate_text(DECLARATION_EXPRESSION, "«declaration»", Path::new("/"))?;
            let flake = session.evaluate_file(&logical)?;
            Ok(session.to_json(session.call(read, &[flake])?)?.text)
        })?;
        let file = tree.directory.join(inside);
        let value = serde_json::from_str(&json)
            .map_err(|error| Error::InvalidFlake { file: file.clone(), reason: error.to_string() })?;
        let logical = logical.parent().unwrap_or(&logical);
        Declaration::from_json(&value, DeclarationPlace { file: &file, logical })
    }
}

/// Shows the evaluator every tree of a locked flake that is here at its store path, wherever it lies.
pub fn mappings(nodes: &[FlakeNode], store_dir: &StoreDir) -> Vec<SourceMapping> {
    let unique: BTreeMap<PathBuf, SourceMapping> = nodes
        .iter()
        .filter_map(|node| match &node.tree {
            NodeTree::Here(fetched) => Some(mapping(&fetched.tree, store_dir)),
            NodeTree::Pinned(_) | NodeTree::Of(_) => None,
        })
        .map(|mapping| (mapping.logical.clone(), mapping))
        .collect();
    unique.into_values().collect()
}

fn mapping(tree: &SourceTree, store_dir: &StoreDir) -> SourceMapping {
    SourceMapping {
        logical: store_dir.display(&tree.store_path).into(),
        real: tree.directory.clone(),
        visible: tree.visible.as_ref().map(|visible| visible.as_ref().clone()),
    }
}
