//! Modules that are built into the kernel: modprobe must know that asking for them is no error.

use crate::kernel::index_file::Index;
use crate::kernel::module::{module_name, strings};

/// The names of the modules that `modules.builtin` lists, with underscores.
pub fn module_names(builtin: &str) -> impl Iterator<Item = String> {
    builtin.lines().filter_map(|line| line.trim().rsplit('/').next().and_then(module_name))
}

/// The index of the names in `modules.builtin`.
pub(super) fn names(builtin: &str) -> Index {
    let mut index = Index::default();
    module_names(builtin).for_each(|name| index.insert(&name, "", 0));
    index
}

/// The index of the aliases in `modules.builtin.modinfo`: `NAME.alias=PATTERN` strings that end with NUL.
pub(super) fn aliases(modinfo: &[u8]) -> Index {
    let mut index = Index::default();
    for text in strings(modinfo) {
        if let Some((key, alias)) = text.split_once('=')
            && let Some(module) = key.strip_suffix(".alias")
        {
            index.insert(&super::tables::normalised(alias), &module.replace('-', "_"), 0);
        }
    }
    index
}
