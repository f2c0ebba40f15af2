//! udev's hardware database: the text files of `hwdb.d` compiled into `hwdb.bin`.
//!
//! The work of systemd-hwdb(8). Formats: hwdb(7) for the sources, and the records of systemd's `hwdb-internal.h` (second
//! version, with file names and line numbers) for the compiled file.

mod binary;
mod source;

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::tree::{Directory, Node};

/// One value in the database, and where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Value {
    text: String,
    file: usize,
    line: u32,
}

/// The database: for each pattern its properties. A key has its leading space, as in the compiled file.
#[derive(Debug, Default)]
struct Database {
    /// Full paths of the sources, sorted by name: a later one's values win.
    files: Vec<String>,
    patterns: BTreeMap<Vec<u8>, BTreeMap<String, Value>>,
}

/// Compiles every `.hwdb` file of a directory. `location` is where the directory will be on the host: the compiled file
/// names it.
///
/// # Errors
/// [`Error::InvalidFormat`] naming the file and line of a malformed record; more than systemd tolerates, who
/// skips such a record, but then the record would silently be missing.
pub fn compile(directory: &Directory, location: &str) -> Result<Vec<u8>> {
    let mut database = Database::default();
    for (name, node) in &directory.children {
        let (Some(name), Node::File(file)) = (name.to_str(), node) else { continue };
        if !name.ends_with(".hwdb") {
            continue;
        }
        let path = format!("{location}/{name}");
        let content = file.content.read()?;
        source::read(&mut database, &path, &String::from_utf8_lossy(&content))
            .map_err(|problem| Error::InvalidFormat { path: path.clone().into(), problem })?;
    }
    binary::encode(&database).ok_or_else(|| Error::InvalidFormat {
        path: location.into(),
        problem: String::from("more files or lines than the compiled format can number"),
    })
}
