//! How a tree is made out of another one.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix_store::nar::hash_file;
use nix_store::{HashAlgorithm, StoreDir, StorePath, ValidPathInfo};

use crate::error::{Error, Result};

/// The cost of a step besides the bytes of a file: its path and hash, roughly.
const STEP: u64 = 100;

/// How many trees are compared with one; each is walked whole.
const MOST_BASES: usize = 8;

/// How a tree is made out of another one that it resembles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// What changes, each directory before what lies in it.
    pub steps: Vec<Step>,
    /// Files, directories and symlinks of the tree, its root aside.
    pub entries: u64,
    /// Bytes of all its files.
    pub bytes: u64,
}

/// A change. Paths are relative to the tree's root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// What is there goes, and what lies in it.
    Remove(PathBuf),
    /// A directory.
    Directory(PathBuf),
    /// A symlink and its target.
    Symlink(PathBuf, PathBuf),
    /// A file of the new tree whose bytes are sent.
    File {
        /// Its path.
        path: PathBuf,
        /// Whether it can be run.
        executable: bool,
        /// Bytes.
        size: u64,
    },
}

impl Recipe {
    /// How the directory `new` is made out of `base`.
    ///
    /// # Errors
    /// [`Error::Io`] if one of them cannot be read.
    pub fn between(base: &Path, new: &Path) -> Result<Self> {
        let mut recipe = Recipe { steps: Vec::new(), entries: 0, bytes: 0 };
        recipe.directory(base, new, Path::new(""))?;
        Ok(recipe)
    }

    /// What sending it costs, before compression.
    pub fn cost(&self) -> u64 {
        let bytes = |step: &Step| if let Step::File { size, .. } = step { *size } else { 0 };
        self.steps.iter().map(|step| STEP + bytes(step)).sum()
    }

    fn directory(&mut self, base: &Path, new: &Path, inside: &Path) -> Result<()> {
        let before = entries(&base.join(inside))?;
        let after = entries(&new.join(inside))?;
        let removed = before.keys().filter(|name| !after.contains_key(*name));
        self.steps.extend(removed.map(|name| Step::Remove(inside.join(name))));
        for (name, metadata) in &after {
            let path = inside.join(name);
            self.entries += 1;
            let (is_directory, is_file) = (metadata.is_dir(), metadata.is_file());
            if is_file {
                self.bytes += metadata.len();
            }
            match before.get(name) {
                Some(old) if is_directory && old.is_dir() => {
                    self.directory(base, new, &path)?;
                    continue;
                }
                Some(old) if !is_directory && same(&base.join(&path), old, &new.join(&path), metadata)? => {
                    continue;
                }
                Some(_) => self.steps.push(Step::Remove(path.clone())),
                None => {}
            }
            self.add(new, &path, metadata)?;
        }
        Ok(())
    }

    /// All of something that `base` has not.
    fn add(&mut self, new: &Path, path: &Path, metadata: &Metadata) -> Result<()> {
        let real = new.join(path);
        if metadata.is_symlink() {
            let target = fs::read_link(&real).map_err(|error| Error::io("read", &real, error))?;
            self.steps.push(Step::Symlink(path.to_owned(), target));
        } else if metadata.is_file() {
            let executable = is_executable(metadata);
            self.steps.push(Step::File { path: path.to_owned(), executable, size: metadata.len() });
        } else {
            self.steps.push(Step::Directory(path.to_owned()));
            for (name, metadata) in entries(&real)? {
                self.entries += 1;
                if metadata.is_file() {
                    self.bytes += metadata.len();
                }
                self.add(new, &path.join(name), &metadata)?;
            }
        }
        Ok(())
    }

    /// Writes what `host/rebuild.pl` reads: the recipe, the bytes of files of the tree at `new`, and how it is registered.
    ///
    /// # Errors
    /// [`Error::Io`] if a file cannot be read; those of the writer name the host's end of it.
    pub fn write(&self, new: &Path, info: &ValidPathInfo, writer: &mut dyn Write) -> Result<()> {
        let failed = |source| Error::io("send", new, source);
        let field = |writer: &mut dyn Write, bytes: &[u8]| {
            writer.write_all(bytes).and_then(|()| writer.write_all(b"\0")).map_err(failed)
        };
        field(writer, self.entries.to_string().as_bytes())?;
        field(writer, self.bytes.to_string().as_bytes())?;
        for step in &self.steps {
            let (kind, path): (&[u8], _) = match step {
                Step::Remove(path) => (b"-", path),
                Step::Directory(path) => (b"d", path),
                Step::Symlink(path, _) => (b"l", path),
                Step::File { path, executable: true, .. } => (b"x", path),
                Step::File { path, executable: false, .. } => (b"f", path),
            };
            field(writer, kind)?;
            field(writer, path.as_os_str().as_bytes())?;
            match step {
                Step::Symlink(_, target) => field(writer, target.as_os_str().as_bytes())?,
                Step::File { path, size, .. } => {
                    let real = new.join(path);
                    field(writer, size.to_string().as_bytes())?;
                    field(writer, hash_file(HashAlgorithm::Sha256, &real)?.to_base16().as_bytes())?;
                    let file = File::open(&real).map_err(|error| Error::io("read", &real, error))?;
                    let sent = io::copy(&mut file.take(*size), writer).map_err(failed)?;
                    if sent != *size {
                        return Err(Error::io("read", &real, io::ErrorKind::UnexpectedEof.into()));
                    }
                }
                Step::Remove(_) | Step::Directory(_) => {}
            }
        }
        field(writer, b".")?;
        let directory = StoreDir::default();
        field(writer, info.nar_hash.to_base16().as_bytes())?;
        field(writer, info.nar_size.to_string().as_bytes())?;
        field(
            writer,
            info.deriver.as_ref().map(|path| directory.display(path)).unwrap_or_default().as_bytes(),
        )?;
        field(writer, info.references.len().to_string().as_bytes())?;
        for reference in &info.references {
            field(writer, directory.display(reference).as_bytes())?;
        }
        writer.flush().map_err(failed)
    }
}

/// Among paths that a host has, those that another likely resembles: of the same name. A host has several `/usr`s where it
/// has specialisations.
pub(super) fn bases_of<'paths>(
    path: &StorePath,
    there: &'paths BTreeSet<StorePath>,
) -> impl Iterator<Item = &'paths StorePath> {
    there.iter().filter(move |other| other.name() == path.name() && *other != path).take(MOST_BASES)
}

fn is_executable(metadata: &Metadata) -> bool {
    metadata.mode() & 0o111 != 0
}

fn entries(directory: &Path) -> Result<BTreeMap<OsString, Metadata>> {
    let failed = |error| Error::io("read", directory, error);
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        found.insert(entry.file_name(), entry.metadata().map_err(failed)?);
    }
    Ok(found)
}

/// Whether two files or symlinks are the same. Most files of trees that resemble each other are one file with two names.
fn same(old: &Path, old_metadata: &Metadata, new: &Path, new_metadata: &Metadata) -> Result<bool> {
    let identity = |metadata: &Metadata| (metadata.dev(), metadata.ino());
    if identity(old_metadata) == identity(new_metadata) {
        return Ok(true);
    }
    if old_metadata.is_symlink() && new_metadata.is_symlink() {
        let read = |path: &Path| fs::read_link(path).map_err(|error| Error::io("read", path, error));
        return Ok(read(old)? == read(new)?);
    }
    if !old_metadata.is_file()
        || !new_metadata.is_file()
        || old_metadata.len() != new_metadata.len()
        || is_executable(old_metadata) != is_executable(new_metadata)
    {
        return Ok(false);
    }
    same_bytes(old, new)
}

fn same_bytes(old: &Path, new: &Path) -> Result<bool> {
    let open = |path: &Path| File::open(path).map_err(|error| Error::io("read", path, error));
    let (mut old_file, mut new_file) = (open(old)?, open(new)?);
    let (mut left, mut right) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        let read = |file: &mut File, buffer: &mut [u8], path: &Path| {
            let mut filled = 0;
            while filled < buffer.len() {
                match file.read(&mut buffer[filled..]) {
                    Ok(0) => break,
                    Ok(count) => filled += count,
                    Err(error) => return Err(Error::io("read", path, error)),
                }
            }
            Ok(filled)
        };
        let count = read(&mut old_file, &mut left, old)?;
        if count != read(&mut new_file, &mut right, new)? || left[..count] != right[..count] {
            return Ok(false);
        }
        if count == 0 {
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_what_differs_is_a_step() {
        let place = tempfile::tempdir().unwrap();
        let (old, new) = (place.path().join("old"), place.path().join("new"));
        for tree in [&old, &new] {
            fs::create_dir_all(tree.join("bin")).unwrap();
            fs::create_dir(tree.join("lib")).unwrap();
            fs::write(tree.join("bin/same"), "same").unwrap();
            symlink("same", tree.join("bin/link")).unwrap();
        }
        fs::write(old.join("lib/gone"), "x").unwrap();
        fs::write(old.join("lib/linked"), "linked").unwrap();
        fs::hard_link(old.join("lib/linked"), new.join("lib/linked")).unwrap();
        fs::write(old.join("lib/changed"), "one").unwrap();
        fs::write(new.join("lib/changed"), "two").unwrap();
        fs::write(old.join("kind"), "x").unwrap();
        fs::create_dir(new.join("kind")).unwrap();
        symlink("../bin/same", new.join("kind/l")).unwrap();
        let recipe = Recipe::between(&old, &new).unwrap();
        assert_eq!(
            recipe.steps,
            [
                Step::Remove("kind".into()),
                Step::Directory("kind".into()),
                Step::Symlink("kind/l".into(), "../bin/same".into()),
                Step::Remove("lib/gone".into()),
                Step::Remove("lib/changed".into()),
                Step::File { path: "lib/changed".into(), executable: false, size: 3 },
            ]
        );
        assert_eq!((recipe.entries, recipe.bytes), (8, 4 + 6 + 3));
        assert_eq!(Recipe::between(&new, &new).unwrap().steps, []);
    }

    #[test]
    fn bases_have_the_same_name() {
        let path = |hash: &str, name: &str| {
            StorePath::from_base_name(&format!("{}-{name}", hash.repeat(32))).unwrap()
        };
        let there = BTreeSet::from([path("0", "usr"), path("1", "etc"), path("2", "etc")]);
        let bases = |path: &StorePath| bases_of(path, &there).cloned().collect::<Vec<_>>();
        assert_eq!(bases(&path("3", "usr")), [path("0", "usr")]);
        assert_eq!(bases(&path("2", "etc")), [path("1", "etc")]);
        assert_eq!(bases(&path("3", "etc")), [path("1", "etc"), path("2", "etc")]);
        assert_eq!(bases(&path("3", "var")), []);
    }
}
