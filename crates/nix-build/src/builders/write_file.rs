//! `builtin:write-file`: a file with a given text.

use std::path::Path;

use serde::Deserialize;

use crate::builders::context::Context;
use crate::error::Result;
use crate::tree::{File, Node, Tree, TreePath, write, write_single_file};

/// The attributes of `builtin:write-file`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct WriteFile {
    /// The file's content.
    pub text: String,
    /// Whether the file is executable.
    #[serde(default)]
    pub executable: bool,
    /// Where the file lies in the output (`bin/tool`); without it the output is the file.
    pub destination: Option<String>,
}

impl WriteFile {
    /// Writes the file.
    pub fn build(&self, context: &Context<'_>, output: &Path) -> Result<()> {
        let file = File::from_bytes(self.text.as_bytes(), self.executable);
        write_at(file, self.destination.as_deref(), context, output)
    }
}

/// Writes a file as the output, or at a place within it.
pub(crate) fn write_at(
    file: File,
    destination: Option<&str>,
    context: &Context<'_>,
    output: &Path,
) -> Result<()> {
    match destination {
        None => write_single_file(&file, output),
        Some(destination) => {
            let mut tree = Tree::new();
            tree.insert(&TreePath::parse(destination)?, Node::File(file))?;
            write(&tree, output, context.cancellation)
        }
    }
}
