//! Builds by programs, in a sandbox of their own.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, lchown};
use std::path::{Path, PathBuf};
use std::thread;

use nix_store::local::{canonicalise, remove_tree};
use nix_store::{StorePath, nar};

use crate::builders::Attributes;
use crate::cancellation::Cancellation;
use crate::error::{Error, IoContext, Result};
use crate::inputs::Inputs;
use crate::realise::log_file::LogFile;
use crate::realise::plan::PlannedBuild;
use crate::realise::schedule::Settings;
use crate::sandbox::{
    BUILD_DIRECTORY, BuildEnvironment, BuildPlace, Identity, Limits, RootTree, Supervised, supervise,
};

/// One build.
pub(super) struct Sandboxed<'run> {
    pub(super) build: &'run PlannedBuild,
    pub(super) inputs: &'run Inputs,
    pub(super) attributes: &'run Attributes,
    pub(super) settings: &'run Settings,
    pub(super) cancellation: &'run Cancellation,
    /// An empty directory on the store's file system.
    pub(super) scratch: &'run Path,
    /// Where the build directory goes if the build fails and it is to be kept.
    pub(super) kept: PathBuf,
}

/// Removes the sandbox's root, read-only directories included.
struct Root(PathBuf);

impl Drop for Root {
    fn drop(&mut self) {
        // What cannot be removed now is with the run's directory.
        let _ = remove_tree(&self.0);
    }
}

impl Sandboxed<'_> {
    /// Runs the builder, and moves what it made to `places`, by output name. Outputs without a place are not wanted.
    pub(super) fn run(&self, places: &BTreeMap<&str, PathBuf>, log: &LogFile<'_>) -> Result<()> {
        let derivation = &self.build.derivation;
        let identity = Identity::detect();
        let settings = &self.settings.sandbox;
        let own_variable = |name: &str| std::env::var_os(name).map(std::ffi::OsString::into_encoded_bytes);
        let place = BuildPlace {
            directory: BUILD_DIRECTORY,
            cores: self.settings.cores_or_all(),
            own_variable: &own_variable,
        };
        let environment = BuildEnvironment::of(derivation, self.inputs, &place)?;
        let root = Root(self.scratch.join("root"));
        let mut tree = RootTree::create(root.0.clone(), self.inputs, settings, identity)?;
        tree.add_build_files(&environment.files)?;
        if let Some(usr) = self.attributes.text("debianRoot").filter(|path| !path.is_empty()) {
            tree.add_debian_root(&self.inputs.real_path(&self.inputs.parse(&usr)?)?)?;
        }
        let is_fixed = derivation.fixed_output().is_some();
        if is_fixed {
            tree.add_network(settings)?
        } else {
            tree.add_no_network()?
        }
        let supervised = Supervised {
            tree: &tree,
            derivation,
            environment: &environment,
            private_network: !is_fixed,
            emulator: settings
                .emulators
                .get(&*String::from_utf8_lossy(&derivation.system))
                .map(PathBuf::as_path),
            helper: &settings.helper,
            limits: Limits { time: self.settings.timeout, silence: self.settings.max_silent_time },
            cancellation: self.cancellation,
        };
        let result = supervise(&supervised, &mut |bytes| log.bytes(bytes));
        log.end_of_bytes();
        let result = result.and_then(|()| {
            for (name, place) in places {
                let path = &self.build.outputs[*name];
                self.take(name, path, &tree.output(path), place, is_fixed, identity)?;
            }
            Ok(())
        });
        match result {
            Err(error)
                if self.settings.keep_failed
                    && !matches!(error, Error::Cancelled | Error::NoSandbox { .. }) =>
            {
                self.keep(&tree.build_directory(), identity, log);
                Err(error)
            }
            result => result,
        }
    }

    /// Moves an output out of the sandbox.
    fn take(
        &self,
        name: &str,
        path: &StorePath,
        made: &Path,
        place: &Path,
        is_fixed: bool,
        identity: Identity,
    ) -> Result<()> {
        let metadata = match fs::symlink_metadata(made) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let path = self.inputs.store_dir().display(path);
                return Err(Error::OutputNotMade { output: name.to_owned(), path });
            }
            Err(error) => return Err(Error::io("examine", made, error)),
        };
        take_back(made, identity)?;
        if is_fixed {
            // The builder had the machine's network, and with it a way to hand an open file of its output to somebody
            // outside, who could write to it after it was hashed. A copy is known to nobody.
            canonicalise(made)?;
            return copy(made, place);
        }
        if metadata.is_dir() {
            // A directory that is moved must be writable itself, as `..` changes in it.
            fs::set_permissions(made, Permissions::from_mode(0o755)).on("change the mode of", made)?;
        }
        match fs::rename(made, place) {
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                canonicalise(made)?;
                copy(made, place)
            }
            result => result.on("move", made),
        }
    }

    /// Keeps the build directory of a failed build, for whoever wants to know why.
    fn keep(&self, directory: &Path, identity: Identity, log: &LogFile<'_>) {
        let kept = || -> Result<PathBuf> {
            let parent = self.kept.parent().unwrap_or(&self.kept);
            fs::create_dir_all(parent).on("create", parent)?;
            take_back(directory, identity)?;
            let place = (0..)
                .map(|number| self.kept.with_file_name(format!("{}-{number}", self.build.name)))
                .find(|place| !place.exists())
                .unwrap_or_else(|| self.kept.clone());
            fs::rename(directory, &place).on("move", directory)?;
            Ok(place)
        };
        match kept() {
            Ok(place) => log.note(&format!("the build directory is kept: {}", place.display())),
            Err(error) => log.write_error(&error),
        }
    }
}

/// Makes what the builder made belong to whoever runs this program.
fn take_back(path: &Path, identity: Identity) -> Result<()> {
    if identity.owner().is_none() {
        return Ok(());
    }
    let (user, group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let mut pending = vec![path.to_path_buf()];
    while let Some(path) = pending.pop() {
        lchown(&path, Some(user), Some(group)).on("change the owner of", &path)?;
        if fs::symlink_metadata(&path).on("examine", &path)?.is_dir() {
            for entry in fs::read_dir(&path).on("list", &path)? {
                pending.push(entry.on("list", &path)?.path());
            }
        }
    }
    Ok(())
}

/// Copies a tree by its archive.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let (mut reader, mut writer) = io::pipe().on("copy", from)?;
    thread::scope(|scope| {
        let dump = scope.spawn(move || nar::dump(from, &mut writer));
        let restored = nar::restore(&mut reader, to);
        // A writer that waits for a reader which has failed is told by this.
        drop(reader);
        match dump.join() {
            Ok(dumped) => restored.and(dumped).map_err(Error::from),
            Err(_) => Err(Error::io("copy", from, io::ErrorKind::Other.into())),
        }
    })
}
