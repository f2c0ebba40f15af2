//! The shared libraries of an initrd's programs.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use crate::elf::{DynamicNeeds, dynamic_needs};
use crate::error::{Error, IoContext, Result};
use crate::inputs::{Inputs, Resolved};
use crate::tree::{Node, Tree, TreePath, import_file};

/// Where Debian's loader looks when nothing else is said, with and without merged `/usr`. The names of
/// architectures are added to them.
const DIRECTORIES: [&str; 4] = ["usr/lib", "lib", "usr/lib64", "lib64"];

/// Directories of one architecture's libraries (Debian's multiarch tuples).
const TUPLES: [&str; 7] = [
    "x86_64-linux-gnu",
    "aarch64-linux-gnu",
    "i386-linux-gnu",
    "arm-linux-gnueabihf",
    "riscv64-linux-gnu",
    "powerpc64le-linux-gnu",
    "s390x-linux-gnu",
];

/// Adds the loader and the libraries of `programs`, and of those libraries, out of the trees `library_paths`. Libraries
/// keep the directory that they have in their tree.
///
/// # Errors
/// [`Error::MissingLibrary`]; a program that is not ELF.
pub(super) fn add(
    tree: &mut Tree,
    programs: &[TreePath],
    library_paths: &[String],
    inputs: &Inputs,
) -> Result<()> {
    let search = Search { library_paths, inputs };
    let mut pending: Vec<(String, String, DynamicNeeds)> = Vec::new();
    for path in programs {
        let Some(Node::File(file)) = tree.get(path) else {
            return Err(Error::WrongFileType { path: path.to_string(), wanted: "a program" });
        };
        let needs = dynamic_needs(&file.content.read()?)
            .map_err(|problem| Error::InvalidFormat { path: path.to_os_string().into(), problem })?;
        let directory =
            path.to_string().rsplit_once('/').map_or(String::new(), |(parent, _)| parent.to_owned());
        pending.push((path.to_string(), directory, needs));
    }
    let mut done: BTreeSet<String> = BTreeSet::new();
    while let Some((program, directory, needs)) = pending.pop() {
        let missing =
            |library: &str| Error::MissingLibrary { program: program.clone(), library: library.to_owned() };
        let interpreter = needs.interpreter.as_deref().map(|path| path.trim_start_matches('/').to_owned());
        let mut found = Vec::new();
        if let Some(interpreter) = interpreter
            && !done.contains(&interpreter)
        {
            let resolved = search.at(&interpreter)?.ok_or_else(|| missing(&interpreter))?;
            // The program has the loader by its path, so it lies there whatever the library's directory is.
            found.push((interpreter, resolved));
        }
        for library in &needs.libraries {
            if done.contains(library) {
                continue;
            }
            let (path, resolved) =
                search.library(library, &directory, &needs.run_path)?.ok_or_else(|| missing(library))?;
            done.insert(library.clone());
            found.push((path, resolved));
        }
        for (path, resolved) in found {
            if !done.insert(path.clone()) {
                continue;
            }
            let bytes = fs::read(&resolved.real).on("read", &resolved.real)?;
            let needs = dynamic_needs(&bytes)
                .map_err(|problem| Error::InvalidFormat { path: resolved.real.clone(), problem })?;
            let place = through_links(tree, &TreePath::parse(&path)?)?;
            if tree.get(&place).is_none() {
                tree.insert(&place, Node::File(import_file(resolved.real, &resolved.metadata)?))?;
            }
            let directory = path.rsplit_once('/').map_or(String::new(), |(parent, _)| parent.to_owned());
            pending.push((path, directory, needs));
        }
    }
    Ok(())
}

struct Search<'search> {
    library_paths: &'search [String],
    inputs: &'search Inputs,
}

impl Search<'_> {
    /// The file at a path relative to the root in the first of the trees that has it, with and without `usr`.
    fn at(&self, path: &str) -> Result<Option<Resolved>> {
        let alternative = match path.strip_prefix("usr/") {
            Some(rest) => rest.to_owned(),
            None => format!("usr/{path}"),
        };
        for tree in self.library_paths {
            for path in [path, &alternative] {
                if let Some(resolved) = self.inputs.resolve(&format!("{tree}/{path}"))?
                    && resolved.metadata.is_file()
                {
                    return Ok(Some(resolved));
                }
            }
        }
        Ok(None)
    }

    /// A library by name, and its path in the initrd.
    fn library(&self, name: &str, origin: &str, run_path: &[String]) -> Result<Option<(String, Resolved)>> {
        if name.contains('/') {
            let path = name.trim_start_matches('/');
            return Ok(self.at(path)?.map(|resolved| (path.to_owned(), resolved)));
        }
        let mut directories: Vec<String> = run_path
            .iter()
            .map(|path| path.replace("${ORIGIN}", "$ORIGIN").replace("$ORIGIN", &format!("/{origin}")))
            .map(|path| path.trim_matches('/').to_owned())
            .collect();
        for directory in DIRECTORIES {
            directories.extend(TUPLES.iter().map(|tuple| format!("{directory}/{tuple}")));
            directories.push(directory.to_owned());
        }
        for directory in directories {
            let path = format!("{directory}/{name}");
            if let Some(resolved) = self.at(&path)? {
                return Ok(Some((path, resolved)));
            }
        }
        Ok(None)
    }
}

/// The place of a path once the links that the tree has on its way (`lib64 -> usr/lib64`) are followed, so that nothing is
/// put through a link.
fn through_links(tree: &Tree, path: &TreePath) -> Result<TreePath> {
    let mut place = TreePath::root();
    for (depth, name) in path.names().iter().enumerate() {
        let next = place.join(name);
        let is_last = depth + 1 == path.names().len();
        place = match tree.get(&next) {
            Some(Node::Symlink(link)) if !is_last => {
                let target = link.target.as_bytes();
                match target.strip_prefix(b"/") {
                    Some(absolute) => TreePath::from_os(OsStr::from_bytes(absolute))?,
                    None => place.append(&TreePath::from_os(&link.target)?),
                }
            }
            _ => next,
        };
    }
    Ok(place)
}
