//! The directory that is the builder's `/`.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, lchown, symlink};
use std::path::{Component, Path, PathBuf};

use nix_store::{StorePath, ValidPathInfo};
use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::description::{Bind, BindKind};
use super::identity::{INNER_GROUP, INNER_USER, Identity};
use super::settings::SandboxSettings;
use crate::error::{Error, IoContext, Result};
use crate::inputs::Inputs;

/// The build directory as the builder sees it; Nix's setting `sandbox-build-dir`.
pub(crate) const BUILD_DIRECTORY: &str = "/build";

/// What of a Debian system's root leads to `/usr`.
const MERGED_DIRECTORIES: [&str; 6] = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];

/// The root of one sandbox, before anything is mounted.
#[derive(Debug)]
pub(crate) struct RootTree {
    root: PathBuf,
    store: PathBuf,
    identity: Identity,
    binds: Vec<Bind>,
}

impl RootTree {
    /// Makes the tree at `root`, where nothing lies yet, with mount points for all `inputs`.
    ///
    /// # Errors
    /// Those of the file system; paths of the settings that this machine does not have.
    pub(crate) fn create(
        root: PathBuf,
        inputs: &Inputs,
        settings: &SandboxSettings,
        identity: Identity,
    ) -> Result<Self> {
        let store = below(&root, Path::new(inputs.store_dir().as_str()));
        let mut tree = RootTree { root, store, identity, binds: Vec::new() };
        for (directory, mode) in [
            ("", 0o755),
            ("dev/pts", 0o755),
            ("dev/shm", 0o1777),
            ("etc", 0o755),
            ("proc", 0o755),
            ("tmp", 0o1777),
        ] {
            tree.directory(directory, mode)?;
        }
        tree.own_directory(&tree.store.clone(), 0o1775)?;
        tree.own_directory(&below(&tree.root, Path::new(BUILD_DIRECTORY)), 0o700)?;
        tree.devices()?;
        tree.accounts()?;
        for info in inputs.closure() {
            tree.input(info, &inputs.real_path(&info.path)?)?;
        }
        for path in &settings.paths {
            match fs::metadata(&path.source) {
                Ok(_) => tree.bind(&path.source, &path.target, BindKind::Other, true)?,
                Err(_) if path.optional => {}
                Err(error) => return Err(Error::io("bind", &path.source, error)),
            }
        }
        Ok(tree)
    }

    /// Gives the builder the machine's network: names that it needs to use one, and certificates.
    pub(crate) fn add_network(&self, settings: &SandboxSettings) -> Result<()> {
        for name in ["hosts", "resolv.conf", "services"] {
            // A machine without one has no use for it.
            if let Ok(content) = fs::read(Path::new("/etc").join(name)) {
                self.file(&format!("etc/{name}"), &content)?;
            }
        }
        self.file("etc/nsswitch.conf", b"hosts: files dns\nservices: files\n")?;
        if let Some(certificates) = &settings.certificates {
            let content = fs::read(certificates).on("read", certificates)?;
            self.directory("etc/ssl/certs", 0o755)?;
            self.file("etc/ssl/certs/ca-certificates.crt", &content)?;
        }
        Ok(())
    }

    /// Has only the sandbox itself as a network.
    pub(crate) fn add_no_network(&self) -> Result<()> {
        self.file("etc/hosts", b"127.0.0.1 localhost\n::1 localhost\n")
    }

    /// Makes a tree of Debian's programs the builder's `/usr`. `usr` is its real place.
    pub(crate) fn add_debian_root(&mut self, usr: &Path) -> Result<()> {
        self.bind(usr, Path::new("/usr"), BindKind::StorePath, true)?;
        for name in MERGED_DIRECTORIES {
            let link = self.root.join(name);
            if usr.join(name).is_dir() && fs::symlink_metadata(&link).is_err() {
                symlink(Path::new("usr").join(name), &link).on("make", &link)?;
            }
        }
        Ok(())
    }

    /// Writes the files of the build directory.
    pub(crate) fn add_build_files<'files>(
        &self,
        files: impl IntoIterator<Item = (&'files String, &'files Vec<u8>)>,
    ) -> Result<()> {
        for (name, content) in files {
            let path = self.build_directory().join(name);
            fs::write(&path, content).on("write", &path)?;
            self.give(&path)?;
        }
        Ok(())
    }

    /// Where the root really lies.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The directories that the builder may write to, and which really lie here.
    pub(super) fn writable(&self) -> [PathBuf; 3] {
        [self.build_directory(), self.store.clone(), self.root.join("tmp")]
    }

    /// What is to be bound.
    pub(super) fn binds(&self) -> &[Bind] {
        &self.binds
    }

    /// Who builds.
    pub(super) fn identity(&self) -> Identity {
        self.identity
    }

    /// Where the build directory really lies.
    pub(crate) fn build_directory(&self) -> PathBuf {
        below(&self.root, Path::new(BUILD_DIRECTORY))
    }

    /// Where the builder leaves an output.
    pub(crate) fn output(&self, path: &StorePath) -> PathBuf {
        self.store.join(path.base_name())
    }

    fn directory(&self, relative: &str, mode: u32) -> Result<()> {
        let path = self.root.join(relative);
        fs::create_dir_all(&path).on("create", &path)?;
        fs::set_permissions(&path, Permissions::from_mode(mode)).on("change the mode of", &path)
    }

    fn own_directory(&self, path: &Path, mode: u32) -> Result<()> {
        fs::create_dir_all(path).on("create", path)?;
        fs::set_permissions(path, Permissions::from_mode(mode)).on("change the mode of", path)?;
        self.give(path)
    }

    /// Gives a file to the builder.
    fn give(&self, path: &Path) -> Result<()> {
        match self.identity.owner() {
            Some((user, group)) => {
                lchown(path, Some(user.as_raw()), Some(group.as_raw())).on("change the owner of", path)
            }
            None => Ok(()),
        }
    }

    fn file(&self, relative: &str, content: &[u8]) -> Result<()> {
        let path = self.root.join(relative);
        fs::write(&path, content).on("write", &path)?;
        fs::set_permissions(&path, Permissions::from_mode(0o444)).on("change the mode of", &path)
    }

    fn devices(&mut self) -> Result<()> {
        for name in ["full", "null", "random", "tty", "urandom", "zero"] {
            self.bind(&Path::new("/dev").join(name), &Path::new("/dev").join(name), BindKind::Device, false)?;
        }
        let virtual_machines = Path::new("/dev/kvm");
        if virtual_machines.exists() {
            self.bind(virtual_machines, virtual_machines, BindKind::Device, false)?;
        }
        for (name, target) in [
            ("fd", "/proc/self/fd"),
            ("ptmx", "pts/ptmx"),
            ("stderr", "/proc/self/fd/2"),
            ("stdin", "/proc/self/fd/0"),
            ("stdout", "/proc/self/fd/1"),
        ] {
            let link = self.root.join("dev").join(name);
            symlink(target, &link).on("make", &link)?;
        }
        Ok(())
    }

    /// Programs ask for names of users even if it does not matter who they are.
    fn accounts(&self) -> Result<()> {
        let users = format!(
            "root:x:0:0:Nix build user:{BUILD_DIRECTORY}:/noshell\n\
             nixbld:x:{INNER_USER}:{INNER_GROUP}:Nix build user:{BUILD_DIRECTORY}:/noshell\n\
             nobody:x:65534:65534:Nobody:/:/noshell\n"
        );
        self.file("etc/passwd", users.as_bytes())?;
        let groups = format!("root:x:0:\nnixbld:!:{INNER_GROUP}:\nnogroup:x:65534:\n");
        self.file("etc/group", groups.as_bytes())
    }

    fn input(&mut self, info: &ValidPathInfo, real: &Path) -> Result<()> {
        let place = self.store.join(info.path.base_name());
        let metadata = fs::symlink_metadata(real).on("examine", real)?;
        if metadata.is_symlink() {
            // A link cannot be a mount point.
            let target = fs::read_link(real).on("read", real)?;
            return symlink(target, &place).on("make", &place);
        }
        self.bind_at(real, place, metadata.is_dir(), BindKind::StorePath, true)
    }

    /// Binds `source`, which exists, at the sandbox's path `target`.
    fn bind(&mut self, source: &Path, target: &Path, kind: BindKind, read_only: bool) -> Result<()> {
        let is_directory = fs::metadata(source).on("bind", source)?.is_dir();
        let place = below(&self.root, target);
        if let Some(parent) = place.parent() {
            fs::create_dir_all(parent).on("create", parent)?;
        }
        self.bind_at(source, place, is_directory, kind, read_only)
    }

    fn bind_at(
        &mut self,
        source: &Path,
        place: PathBuf,
        is_directory: bool,
        kind: BindKind,
        read_only: bool,
    ) -> Result<()> {
        if is_directory {
            fs::create_dir_all(&place).on("create", &place)?;
        } else if !place.exists() {
            mknodat(CWD, &place, FileType::RegularFile, Mode::RUSR | Mode::WUSR, 0).on("create", &place)?;
        }
        self.binds.push(Bind { source: source.into(), target: place.into(), read_only, kind });
        Ok(())
    }
}

/// Where a path of the sandbox really lies.
fn below(root: &Path, path: &Path) -> PathBuf {
    let names = path.components().filter(|component| matches!(component, Component::Normal(_)));
    root.components().chain(names).collect()
}
