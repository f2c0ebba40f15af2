//! `builtin:concat-files`: files one after the other, as for a bundle of certificates.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::builders::context::Context;
use crate::builders::write_file::write_at;
use crate::error::{Error, IoContext, Result};
use crate::tree::{Content, Directory, File, Node, Selection, import};

/// The attributes of `builtin:concat-files`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ConcatFiles {
    /// What is joined, in this order.
    pub sources: Vec<ConcatSource>,
    /// Where the file lies in the output; without it the output is the file.
    pub destination: Option<String>,
}

/// A file, or the files below a directory.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum ConcatSource {
    /// A file.
    File(String),
    /// Every file below a directory whose name ends with a suffix, sorted by path.
    Directory(SuffixedFiles),
}

/// Every file below a directory whose name ends with a suffix.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuffixedFiles {
    /// The directory.
    pub path: String,
    /// The suffix; every file without it.
    #[serde(default)]
    pub suffix: String,
}

impl ConcatFiles {
    /// Joins the files. A file that does not end a line gets a line end, so that the next begins on its own.
    pub fn build(&self, context: &Context<'_>, output: &Path) -> Result<()> {
        let mut joined = Vec::new();
        for source in &self.sources {
            context.cancellation.check()?;
            match source {
                ConcatSource::File(path) => {
                    let real = context.inputs.require_file(path)?;
                    append(&mut joined, &fs::read(&real).on("read", &real)?);
                }
                ConcatSource::Directory(files) => {
                    let real = context.inputs.require_directory(&files.path)?;
                    let before = joined.len();
                    let tree = import(&real, &Selection::default())?;
                    append_below(&mut joined, &tree, files.suffix.as_bytes())?;
                    if joined.len() == before {
                        return Err(Error::attribute(
                            "sources",
                            format!("'{}' has no file that ends with '{}'", files.path, files.suffix),
                        ));
                    }
                }
            }
        }
        write_at(File::from_bytes(joined, false), self.destination.as_deref(), context, output)
    }
}

fn append(joined: &mut Vec<u8>, content: &[u8]) {
    joined.extend_from_slice(content);
    if content.last().is_some_and(|byte| *byte != b'\n') {
        joined.push(b'\n');
    }
}

fn append_below(joined: &mut Vec<u8>, directory: &Directory, suffix: &[u8]) -> Result<()> {
    for (name, node) in &directory.children {
        match node {
            Node::Directory(child) => append_below(joined, child, suffix)?,
            Node::File(File { content: content @ Content::Stored { .. }, .. })
                if name.as_encoded_bytes().ends_with(suffix) =>
            {
                append(joined, &content.read()?);
            }
            Node::File(_) | Node::Symlink(_) => {}
        }
    }
    Ok(())
}
