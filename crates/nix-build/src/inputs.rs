//! What a builder may read: the store paths that its derivation declares, and what those refer to.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use nix_store::{StoreDir, StorePath, ValidPathInfo};

use crate::error::{Error, IoContext, Result};

/// As many links as the kernel follows (`path_resolution(7)`).
const LONGEST_LINK_CHAIN: usize = 40;

/// The input closure of one derivation. Texts in a derivation and links in a store name logical paths
/// (`/nix/store/…`); the files lie below `real_store`, which may be anywhere.
#[derive(Debug, Clone)]
pub struct Inputs {
    store_dir: StoreDir,
    real_store: PathBuf,
    closure: BTreeMap<StorePath, Arc<ValidPathInfo>>,
}

/// A path of the store after all links on the way to it were followed.
#[derive(Debug)]
pub struct Resolved {
    /// Where the file really lies.
    pub real: PathBuf,
    /// What it is; never a symlink.
    pub metadata: Metadata,
}

impl Inputs {
    /// Inputs out of the store whose files lie in `real_store`.
    pub fn new(
        store_dir: StoreDir,
        real_store: PathBuf,
        closure: impl IntoIterator<Item = Arc<ValidPathInfo>>,
    ) -> Self {
        let closure = closure.into_iter().map(|info| (info.path.clone(), info)).collect();
        Inputs { store_dir, real_store, closure }
    }

    /// The logical store directory.
    pub fn store_dir(&self) -> &StoreDir {
        &self.store_dir
    }

    /// Every path that may be read, and what the store knows of it.
    pub fn closure(&self) -> impl ExactSizeIterator<Item = &Arc<ValidPathInfo>> {
        self.closure.values()
    }

    /// What the store knows of an input.
    pub(crate) fn info(&self, path: &StorePath) -> Option<&ValidPathInfo> {
        self.closure.get(path).map(|info| &**info)
    }

    /// Where an input really lies.
    ///
    /// # Errors
    /// [`Error::NotAnInput`].
    pub fn real_path(&self, path: &StorePath) -> Result<PathBuf> {
        if self.closure.contains_key(path) {
            Ok(self.real_store.join(path.base_name()))
        } else {
            Err(Error::NotAnInput { path: self.store_dir.display(path) })
        }
    }

    /// The logical path of a file of the store; `None` for one that lies elsewhere.
    pub(crate) fn logical(&self, real: &Path) -> Option<String> {
        let below = real.strip_prefix(&self.real_store).ok()?;
        Some(format!("{}/{}", self.store_dir.as_str(), below.to_str()?))
    }

    /// Reads the text of a store path (not of something below one) that must be an input.
    pub fn parse(&self, path: &str) -> Result<StorePath> {
        let parsed = self
            .store_dir
            .parse(path.as_bytes())
            .map_err(|source| Error::attribute("path", format!("'{path}' is no store path: {source}")))?;
        if !self.closure.contains_key(&parsed) {
            return Err(Error::NotAnInput { path: path.to_owned() });
        }
        Ok(parsed)
    }

    /// The closure of some inputs, sorted by path.
    ///
    /// # Errors
    /// [`Error::NotAnInput`] if a reference leads out of the inputs, which are closed in a sound store.
    pub fn closure_of<'paths>(
        &self,
        roots: impl IntoIterator<Item = &'paths StorePath>,
    ) -> Result<Vec<Arc<ValidPathInfo>>> {
        let mut seen: BTreeSet<StorePath> = BTreeSet::new();
        let mut queue: Vec<StorePath> = roots.into_iter().cloned().collect();
        while let Some(path) = queue.pop() {
            let Some(info) = self.closure.get(&path) else {
                return Err(Error::NotAnInput { path: self.store_dir.display(&path) });
            };
            if seen.insert(path) {
                queue.extend(info.references.iter().filter(|reference| !seen.contains(*reference)).cloned());
            }
        }
        Ok(seen.iter().filter_map(|path| self.closure.get(path)).cloned().collect())
    }

    /// Follows a logical path to its file; links that lead to other inputs are followed.
    /// `None` if nothing is there: a link that leads out of the store counts as dangling.
    ///
    /// # Errors
    /// [`Error::OutsideStore`] if `path` itself is not below the store, [`Error::NotAnInput`], [`Error::TooManyLinks`],
    /// I/O errors.
    pub fn resolve(&self, path: &str) -> Result<Option<Resolved>> {
        let Some(mut pending) = self.below_store(Path::new(path)) else {
            return Err(Error::OutsideStore {
                path: path.to_owned(),
                store: self.store_dir.as_str().to_owned(),
            });
        };
        // Names below the store directory; the first is a store path's.
        let mut current: Vec<OsString> = Vec::new();
        let mut links = 0;
        while let Some(name) = pending.pop_front() {
            if name == ".." {
                if current.pop().is_none() {
                    return Ok(None);
                }
                continue;
            }
            current.push(name);
            if current.len() == 1 {
                self.check_input(&current[0])?;
            }
            let real = self.real(&current);
            let metadata = match fs::symlink_metadata(&real) {
                Ok(metadata) => metadata,
                Err(error) if is_absent(&error) => return Ok(None),
                Err(error) => return Err(Error::io("examine", &real, error)),
            };
            if !metadata.is_symlink() {
                if pending.is_empty() {
                    return Ok(Some(Resolved { real, metadata }));
                }
                continue;
            }
            links += 1;
            if links > LONGEST_LINK_CHAIN {
                return Err(Error::TooManyLinks { path: path.to_owned() });
            }
            let target = fs::read_link(&real).on("read", &real)?;
            if target.is_absolute() {
                let Some(inside) = self.below_store(&target) else { return Ok(None) };
                current.clear();
                prepend(&mut pending, inside);
            } else {
                current.pop();
                prepend(&mut pending, names_of(&target));
            }
        }
        // `..` as the last name, or a link to a directory above.
        let real = self.real(&current);
        if current.is_empty() {
            return Ok(None);
        }
        match fs::symlink_metadata(&real) {
            Ok(metadata) => Ok(Some(Resolved { real, metadata })),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(Error::io("examine", &real, error)),
        }
    }

    /// As [`Inputs::resolve`], for a path that must be there.
    ///
    /// # Errors
    /// [`Error::MissingSource`].
    pub fn require(&self, path: &str) -> Result<Resolved> {
        self.resolve(path)?.ok_or_else(|| Error::MissingSource { path: path.to_owned() })
    }

    /// As [`Inputs::require`], for a directory.
    ///
    /// # Errors
    /// [`Error::WrongFileType`].
    pub fn require_directory(&self, path: &str) -> Result<PathBuf> {
        let resolved = self.require(path)?;
        if resolved.metadata.is_dir() {
            Ok(resolved.real)
        } else {
            Err(Error::WrongFileType { path: path.to_owned(), wanted: "a directory" })
        }
    }

    /// As [`Inputs::require`], for a regular file.
    ///
    /// # Errors
    /// [`Error::WrongFileType`].
    pub fn require_file(&self, path: &str) -> Result<PathBuf> {
        let resolved = self.require(path)?;
        if resolved.metadata.is_file() {
            Ok(resolved.real)
        } else {
            Err(Error::WrongFileType { path: path.to_owned(), wanted: "a regular file" })
        }
    }

    fn check_input(&self, base_name: &OsString) -> Result<()> {
        let known = base_name.to_str().is_some_and(|name| self.closure.contains_key(name));
        if known {
            Ok(())
        } else {
            let path = format!("{}/{}", self.store_dir.as_str(), base_name.to_string_lossy());
            Err(Error::NotAnInput { path })
        }
    }

    fn real(&self, names: &[OsString]) -> PathBuf {
        let mut real = self.real_store.clone();
        real.extend(names);
        real
    }

    /// The names of a path below the store directory.
    fn below_store(&self, path: &Path) -> Option<VecDeque<OsString>> {
        let inside = path.as_os_str().as_bytes().strip_prefix(self.store_dir.as_str().as_bytes())?;
        let inside = inside.strip_prefix(b"/")?;
        Some(names_of(Path::new(std::ffi::OsStr::from_bytes(inside))))
    }
}

fn is_absent(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
}

fn names_of(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_os_string()),
            Component::ParentDir => Some(OsString::from("..")),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => None,
        })
        .collect()
}

fn prepend(pending: &mut VecDeque<OsString>, names: VecDeque<OsString>) {
    for name in names.into_iter().rev() {
        pending.push_front(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix_store::Hash;
    use std::os::unix::fs::symlink;

    fn store_path(byte: u8, name: &str) -> StorePath {
        StorePath::from_parts([byte; 20], name).unwrap()
    }

    fn inputs(real: &Path, paths: &[&StorePath]) -> Inputs {
        let infos =
            paths.iter().map(|path| Arc::new(ValidPathInfo::new((*path).clone(), Hash::sha256(b""), 0)));
        Inputs::new(StoreDir::default(), real.to_path_buf(), infos)
    }

    #[test]
    fn links_between_inputs_are_followed_logically() {
        let root = tempfile::tempdir().unwrap();
        let (a, b) = (store_path(1, "a"), store_path(2, "b"));
        fs::create_dir_all(root.path().join(a.base_name()).join("usr/bin")).unwrap();
        fs::write(root.path().join(a.base_name()).join("usr/bin/tool"), "x").unwrap();
        fs::create_dir(root.path().join(b.base_name())).unwrap();
        let link = |target: String, name: &str| {
            symlink(target, root.path().join(b.base_name()).join(name)).unwrap();
        };
        link(format!("/nix/store/{a}/usr/bin"), "bin");
        link(format!("../{a}/usr"), "relative");
        link("loop".to_owned(), "loop");
        link("/etc/passwd".to_owned(), "outside");
        link("../../../../etc/passwd".to_owned(), "upwards");
        let inputs = inputs(root.path(), &[&a, &b]);
        let at = |rest: &str| inputs.resolve(&format!("/nix/store/{b}/{rest}"));
        let tool = root.path().join(a.base_name()).join("usr/bin/tool");
        assert_eq!(at("bin/tool").unwrap().unwrap().real, tool);
        assert_eq!(at("relative/bin/tool").unwrap().unwrap().real, tool);
        assert_eq!(at("bin/../bin/tool").unwrap().unwrap().real, tool);
        assert!(at("bin/none").unwrap().is_none());
        assert!(at("bin/tool/below").unwrap().is_none());
        assert!(at("outside").unwrap().is_none());
        assert!(at("upwards").unwrap().is_none());
        assert!(matches!(at("loop"), Err(Error::TooManyLinks { .. })));
        assert!(matches!(inputs.resolve("/etc/passwd"), Err(Error::OutsideStore { .. })));
    }

    #[test]
    fn what_is_not_declared_is_not_read() {
        let root = tempfile::tempdir().unwrap();
        let (a, b) = (store_path(1, "a"), store_path(2, "b"));
        fs::write(root.path().join(a.base_name()), "x").unwrap();
        symlink(format!("/nix/store/{a}"), root.path().join(b.base_name())).unwrap();
        let inputs = inputs(root.path(), &[&b]);
        let error = inputs.resolve(&format!("/nix/store/{b}")).unwrap_err();
        assert!(matches!(error, Error::NotAnInput { .. }), "{error}");
    }
}
