//! `builtin:make-tree`: a tree out of entries.

use std::path::Path;

use serde::Deserialize;

use crate::builders::context::Context;
use crate::builders::entry::{Entry, tree_of};
use crate::error::Result;
use crate::tree::write;

/// The attributes of `builtin:make-tree`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct MakeTree {
    /// What is in the tree, the later over the earlier.
    pub entries: Vec<Entry>,
}

impl MakeTree {
    /// Writes the tree.
    pub fn build(&self, context: &Context<'_>, output: &Path) -> Result<()> {
        write(&tree_of(&self.entries, context.inputs)?, output, context.cancellation)
    }
}
