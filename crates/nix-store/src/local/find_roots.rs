//! Finding the roots: what may not be removed from a store, where Nix looks for it.

use std::fs::{self, FileType};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::store::LocalStore;
use super::temporary_roots;
use crate::error::{Error, Result};
use crate::store_path::{HASH_PART_LENGTH, LONGEST_NAME, StorePath};

/// Why a path may not be removed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum RootSource {
    /// A link (or a file with the path's name) below `gcroots` or `profiles`, or one elsewhere that such a link leads to.
    Link(PathBuf),
    /// A running process uses the path; the file below `/proc` that shows it.
    Process(PathBuf),
    /// A running process said that it needs the path; its file in `temproots`.
    Temporary(PathBuf),
}

impl RootSource {
    /// The file that is, or shows, the root.
    pub fn path(&self) -> &Path {
        match self {
            RootSource::Link(path) | RootSource::Process(path) | RootSource::Temporary(path) => path,
        }
    }
}

/// A path that may not be removed, with everything that it needs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Root {
    /// The path. A temporary root need not be valid.
    pub path: StorePath,
    /// Why.
    pub source: RootSource,
}

impl LocalStore {
    /// All roots of the store, sorted.
    ///
    /// # Errors
    /// Those of the file system. What of other users' processes cannot be seen is left out.
    pub fn find_roots(&self) -> Result<Vec<Root>> {
        let mut roots = self.find_temporary_roots(false)?;
        roots.extend(self.find_lasting_roots(false)?);
        roots.sort();
        roots.dedup();
        Ok(roots)
    }

    pub(super) fn find_temporary_roots(&self, remove_stale: bool) -> Result<Vec<Root>> {
        let found = temporary_roots::read_all(self.root(), self.directory(), remove_stale)?;
        Ok(found.into_iter().map(|(file, path)| Root { path, source: RootSource::Temporary(file) }).collect())
    }

    /// The roots that need no process to say so: links, and what running processes have open. Links in `gcroots/auto` to
    /// what is gone are removed if `remove_stale`.
    pub(super) fn find_lasting_roots(&self, remove_stale: bool) -> Result<Vec<Root>> {
        let mut search = Search { store: self, remove_stale, roots: Vec::new() };
        search.links(&self.root().roots_directory())?;
        search.links(&self.root().profiles_directory())?;
        search.processes()?;
        // What the kernel starts by itself.
        for name in ["modprobe", "fbsplash", "poweroff_cmd"] {
            search.text_file(&Path::new("/proc/sys/kernel").join(name));
        }
        let mut valid = Vec::new();
        for root in search.roots {
            if self.is_valid(&root.path)? {
                valid.push(root);
            }
        }
        Ok(valid)
    }

    /// The store path that the absolute path `target` lies in: as the store's paths are written, or where they
    /// really lie.
    pub fn path_of_target(&self, target: &Path) -> Option<StorePath> {
        if let Ok((path, _)) = self.directory().split(target.as_os_str().as_bytes()) {
            return Some(path);
        }
        let inside = target.strip_prefix(self.root().store_directory()).ok()?;
        StorePath::from_base_name(inside.components().next()?.as_os_str().to_str()?).ok()
    }
}

struct Search<'store> {
    store: &'store LocalStore,
    remove_stale: bool,
    roots: Vec<Root>,
}

/// Whether a place that may hold a root cannot be looked at, now or ever: then it holds none.
fn is_nothing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::PermissionDenied
    )
}

impl Search<'_> {
    fn add(&mut self, path: StorePath, source: RootSource) {
        self.roots.push(Root { path, source });
    }

    fn links(&mut self, path: &Path) -> Result<()> {
        match fs::symlink_metadata(path) {
            Ok(metadata) => self.links_at(path, metadata.file_type()),
            Err(error) if is_nothing(&error) => Ok(()),
            Err(error) => Err(Error::io("read", path, error)),
        }
    }

    fn links_at(&mut self, path: &Path, file_type: FileType) -> Result<()> {
        let read_error = |error| Error::io("read", path, error);
        if file_type.is_dir() {
            let entries = match fs::read_dir(path) {
                Err(error) if is_nothing(&error) => return Ok(()),
                entries => entries.map_err(read_error)?,
            };
            for entry in entries {
                let entry = entry.map_err(read_error)?;
                self.links_at(&entry.path(), entry.file_type().map_err(read_error)?)?;
            }
        } else if file_type.is_symlink() {
            let target = match fs::read_link(path) {
                Err(error) if is_nothing(&error) => return Ok(()),
                target => target.map_err(read_error)?,
            };
            match self.store.path_of_target(&target) {
                Some(found) => self.add(found, RootSource::Link(path.to_path_buf())),
                None => self.indirect(path, &path.parent().unwrap_or(path).join(target))?,
            }
        } else if file_type.is_file()
            && let Some(name) = path.file_name().and_then(|name| name.to_str())
            && let Ok(found) = StorePath::from_base_name(name)
        {
            self.add(found, RootSource::Link(path.to_path_buf()));
        }
        Ok(())
    }

    /// `link` leads to `target`, which is not in the store, but may be a link that leads there.
    fn indirect(&mut self, link: &Path, target: &Path) -> Result<()> {
        match fs::read_link(target) {
            Ok(second) => {
                if let Some(found) = self.store.path_of_target(&second) {
                    self.add(found, RootSource::Link(target.to_path_buf()));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let own = self.store.root().roots_directory().join("auto");
                if self.remove_stale && link.starts_with(own) {
                    remove_stale(link, target)?;
                }
            }
            // Not a link, or nothing that could be looked at.
            Err(_) => {}
        }
        Ok(())
    }

    /// What running processes use: their program, working directory, open and mapped files, and environment.
    fn processes(&mut self) -> Result<()> {
        let proc = Path::new("/proc");
        let Ok(entries) = fs::read_dir(proc) else { return Ok(()) };
        for entry in entries {
            let entry = entry.map_err(|error| Error::io("read", proc, error))?;
            if !entry.file_name().as_bytes().iter().all(u8::is_ascii_digit) {
                continue;
            }
            let process = entry.path();
            // A process that is another user's, or gone, shows nothing.
            self.process_link(&process.join("exe"));
            self.process_link(&process.join("cwd"));
            for file in fs::read_dir(process.join("fd")).into_iter().flatten().flatten() {
                self.process_link(&file.path());
            }
            self.mappings(&process.join("maps"));
            self.text_file(&process.join("environ"));
        }
        Ok(())
    }

    fn process_link(&mut self, link: &Path) {
        if let Ok(target) = fs::read_link(link)
            && let Some(found) = self.store.path_of_target(&target)
        {
            self.add(found, RootSource::Process(link.to_path_buf()));
        }
    }

    /// Reads a table of mappings (proc_pid_maps(5)): five columns, then the file.
    fn mappings(&mut self, path: &Path) {
        let Ok(table) = fs::read(path) else { return };
        for line in table.split(|byte| *byte == b'\n') {
            let file = line.iter().position(|byte| *byte == b'/').map(|start| &line[start..]);
            if let Some(file) = file
                && let Some(found) = self.store.path_of_target(Path::new(std::ffi::OsStr::from_bytes(file)))
            {
                self.add(found, RootSource::Process(path.to_path_buf()));
            }
        }
    }

    /// Looks for store paths anywhere in a file.
    fn text_file(&mut self, path: &Path) {
        let Ok(text) = fs::read(path) else { return };
        let real = self.store.root().store_directory();
        let logical = self.store.directory().as_str().as_bytes();
        let prefixes = [logical, real.as_os_str().as_bytes()];
        for found in prefixes.into_iter().flat_map(|prefix| paths_in(&text, prefix)) {
            self.add(found, RootSource::Process(path.to_path_buf()));
        }
    }
}

/// Removes `link` to `target`, which is not there, unless somebody makes it just then.
fn remove_stale(link: &Path, target: &Path) -> Result<()> {
    match fs::remove_file(link) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        removed => removed.map_err(|error| Error::io("remove", link, error))?,
    }
    if fs::symlink_metadata(target).is_ok() {
        match symlink(target, link) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(Error::io("write", link, error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The store paths in `text` that stand behind `directory` and a slash.
fn paths_in(text: &[u8], directory: &[u8]) -> Vec<StorePath> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest
        .windows(directory.len() + 1)
        .position(|window| window[..directory.len()] == *directory && window[directory.len()] == b'/')
    {
        rest = &rest[start + directory.len() + 1..];
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-._?=".contains(byte);
        let end = rest.iter().position(|byte| !is_name(byte)).unwrap_or(rest.len());
        let name = &rest[..end.min(HASH_PART_LENGTH + 1 + LONGEST_NAME)];
        if let Some(path) =
            std::str::from_utf8(name).ok().and_then(|name| StorePath::from_base_name(name).ok())
        {
            found.push(path);
        }
        rest = &rest[end..];
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_found_in_any_text() {
        let path = StorePath::from_parts([7; 20], "name-1.0").unwrap();
        let text = format!("PATH=/nix/store/{path}/bin:/nix/store/x:/nix/storex/{path}\0A=/nix/store/{path}");
        assert_eq!(paths_in(text.as_bytes(), b"/nix/store"), [path.clone(), path]);
        assert_eq!(paths_in(b"/nix/store", b"/nix/store"), []);
    }
}
