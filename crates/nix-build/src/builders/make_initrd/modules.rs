//! The kernel modules of an initrd.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::Deserialize;

use crate::builders::context::Context;
use crate::error::{Error, IoContext, Result};
use crate::kernel::{self, ModuleSet, builtin_names, decompress, summary::Summaries};
use crate::tree::{File, Node, Selection, Tree, TreePath, import};

/// Which modules an initrd has.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct KernelModules {
    /// A tree with `lib/modules/VERSION` or `usr/lib/modules/VERSION`.
    pub tree: String,
    /// The kernel's version.
    pub version: String,
    /// Names of modules; those that they need come along.
    pub names: Vec<String>,
    /// Names among them, or besides, of which it is no error that there is no such module.
    #[serde(default)]
    pub optional_names: Vec<String>,
}

impl KernelModules {
    /// Puts the modules below `lib/modules/VERSION` (as `NAME.ko`), and beside them `load-order`: their paths, relative to that
    /// directory, in an order in which they can be loaded.
    ///
    /// # Errors
    /// [`Error::MissingModules`] for a name that is neither a module, nor built into the kernel, nor optional.
    pub(super) fn add(&self, tree: &mut Tree, context: &Context<'_>) -> Result<()> {
        let directory = TreePath::parse(&format!("lib/modules/{}", self.version))?;
        let real = self.directory(context)?;
        let source = import(&real, &Selection::default())?;
        let mut summaries = Summaries::default();
        // The package's root, if the tree is an unpacked package.
        if let Some(package) = real.ancestors().nth(4) {
            summaries.add(package)?;
        }
        let text_of = |name: &str| -> Result<String> {
            match source.children.get(std::ffi::OsStr::new(name)) {
                Some(Node::File(file)) => Ok(String::from_utf8_lossy(&file.content.read()?).into_owned()),
                _ => Ok(String::new()),
            }
        };
        let modules = kernel::read_modules(&source, &summaries, context.cancellation)?;
        let set = ModuleSet::new(modules, &text_of("modules.order")?)?;
        let names: BTreeSet<&str> = self.names.iter().map(String::as_str).collect();
        let names: Vec<&str> = names.into_iter().collect();
        let (order, missing) = set.load_order(&names);
        self.check_missing(missing, &text_of("modules.builtin")?)?;
        let files: Vec<(String, Vec<u8>)> = order
            .par_iter()
            .map(|path| {
                context.cancellation.check()?;
                let file = real.join(path);
                let bytes = std::fs::read(&file).on("read", &file)?;
                let content = decompress(path, &bytes).on("decompress", &file)?;
                Ok((uncompressed_name(path), content))
            })
            .collect::<Result<_>>()?;
        let mut load_order = String::new();
        for (path, content) in files {
            load_order.push_str(&path);
            load_order.push('\n');
            let place = directory.append(&TreePath::parse(&path)?);
            tree.insert(&place, Node::File(File::from_bytes(content, false)))?;
        }
        let list = File::from_bytes(load_order.into_bytes(), false);
        tree.insert(&directory.append(&TreePath::parse("load-order")?), Node::File(list))
    }

    /// Where the version's directory really lies.
    fn directory(&self, context: &Context<'_>) -> Result<PathBuf> {
        for prefix in ["lib/modules", "usr/lib/modules"] {
            let path = format!("{}/{prefix}/{}", self.tree, self.version);
            if let Some(resolved) = context.inputs.resolve(&path)?
                && resolved.metadata.is_dir()
            {
                return Ok(resolved.real);
            }
        }
        Err(Error::MissingSource { path: format!("{}/lib/modules/{}", self.tree, self.version) })
    }

    fn check_missing(&self, missing: Vec<String>, builtin: &str) -> Result<()> {
        if missing.is_empty() {
            return Ok(());
        }
        let normal = |name: &str| name.replace('-', "_");
        let tolerated: BTreeSet<String> =
            builtin_names(builtin).chain(self.optional_names.iter().map(|name| normal(name))).collect();
        let modules: Vec<String> =
            missing.into_iter().filter(|name| !tolerated.contains(&normal(name))).collect();
        if modules.is_empty() {
            Ok(())
        } else {
            Err(Error::MissingModules { version: self.version.clone(), modules })
        }
    }
}

fn uncompressed_name(path: &str) -> String {
    let is_compressed = Path::new(path).extension().is_some_and(|extension| extension != "ko");
    match path.rsplit_once('.') {
        Some((stem, _)) if is_compressed => stem.to_owned(),
        _ => path.to_owned(),
    }
}
