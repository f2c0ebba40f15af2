//! The store behind a daemon.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::build::{BuildMode, BuildResult, DerivedPath, read_build_result, write_basic_derivation};
use super::connection::{Connection, Operation, ProtocolVersion, Reader, Trust};
use super::log::{LogMessage, LogObserver};
use super::transport::{Interrupt, Transport};
use super::uri::StoreUri;
use super::wire::{
    Message, read_flag, read_list, read_number, read_optional_path, read_path, read_paths, read_text,
};
use crate::derivation::Derivation;
use crate::error::{Error, Result};
use crate::hash::{Hash, HashAlgorithm};
use crate::path_info::ValidPathInfo;
use crate::store_path::{StoreDir, StorePath};

/// Requests that are sent ahead. With the longest names that paths can have, all of them together fit into the 64 KiB of a pipe
/// (pipe(7)), so that writing them never waits for a daemon that waits for us; at 10 ms to the daemon and back, 6 400 paths a
/// second go through.
pub(super) const WINDOW: usize = 128;

/// What a daemon does for this connection in its own way unless told otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaemonOptions {
    /// Keep the directories of failed builds.
    pub keep_failed: bool,
    /// Go on with other builds when one fails.
    pub keep_going: bool,
    /// Build what a substituter says it has but does not give.
    pub fallback: bool,
    /// How much the daemon tells: 0 only errors, 3 as usual, 7 everything.
    pub verbosity: u64,
    /// How many builds run at once.
    pub max_jobs: u64,
    /// Seconds that a build may be silent; 0 for any time.
    pub max_silent_time: u64,
    /// Whether the output of builds is sent.
    pub build_logs: bool,
    /// Processors for each build; 0 for all.
    pub cores: u64,
    /// Whether substituters are asked.
    pub substitute: bool,
    /// Any other settings of Nix, by name. A daemon ignores those that its client may not set.
    pub settings: BTreeMap<String, String>,
}

impl Default for DaemonOptions {
    fn default() -> Self {
        DaemonOptions {
            keep_failed: false,
            keep_going: false,
            fallback: false,
            verbosity: 3,
            max_jobs: 1,
            max_silent_time: 0,
            build_logs: true,
            cores: 0,
            substitute: true,
            settings: BTreeMap::new(),
        }
    }
}

/// What must be done before something is there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Missing {
    /// Derivations that will be built.
    pub will_build: BTreeSet<StorePath>,
    /// Paths that substituters have.
    pub will_substitute: BTreeSet<StorePath>,
    /// Paths that nobody has.
    pub unknown: BTreeSet<StorePath>,
    /// Bytes to download.
    pub download_size: u64,
    /// Bytes of the archives of what is downloaded.
    pub nar_size: u64,
}

/// What a daemon's collector does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CollectAction {
    /// Tells which paths are needed.
    ListLive,
    /// Tells which are not.
    ListDead,
    /// Removes those that are not, until so many bytes have been freed.
    RemoveDead {
        /// The limit; `u64::MAX` for none.
        max_freed: u64,
    },
    /// Removes these, which must not be needed.
    Remove {
        /// The paths.
        paths: BTreeSet<StorePath>,
        /// Even if roots need them.
        ignore_roots: bool,
    },
}

/// A store that a daemon serves, over one connection. Threads take turns.
pub struct DaemonStore {
    pub(super) directory: StoreDir,
    connection: Mutex<Connection>,
    interrupt: Interrupt,
    pub(super) observer: Box<LogObserver<'static>>,
}

impl DaemonStore {
    /// Connects to the store at `uri`, such as `daemon` or `ssh-ng://host`, whose paths are those of `/nix/store`.
    ///
    /// # Errors
    /// [`Error::InvalidStoreUri`], [`Error::Connect`], [`Error::UnsupportedDaemon`].
    pub fn connect(uri: &str) -> Result<Self> {
        let uri: StoreUri = uri.parse()?;
        Self::over(uri.connect()?, StoreDir::default(), Box::new(|_: &LogMessage| {}))
    }

    /// Greets the daemon at the other end of `transport`, whose store has its paths in `directory`; what it says goes to `observer`.
    ///
    /// # Errors
    /// [`Error::Connect`] if it does not answer, [`Error::UnsupportedDaemon`] if it is none, or too old.
    pub fn over(
        transport: Transport,
        directory: StoreDir,
        observer: Box<LogObserver<'static>>,
    ) -> Result<Self> {
        let interrupt = transport.interrupt();
        let connection = Mutex::new(Connection::open(transport, &*observer)?);
        Ok(DaemonStore { directory, connection, interrupt, observer })
    }

    /// What ends the connection from another thread.
    pub fn interrupt(&self) -> Interrupt {
        self.interrupt.clone()
    }

    pub(super) fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn request<T>(
        &self,
        message: &Message,
        answer: impl FnOnce(&mut Reader) -> Result<T>,
    ) -> Result<T> {
        self.connection().request(message, &*self.observer, answer)
    }

    /// Sends an operation whose answer says no more than that it is done.
    fn order(&self, message: &Message) -> Result<()> {
        self.request(message, |reader| read_number(reader).map(drop))
    }

    pub(super) fn message_with_path(&self, operation: Operation, path: &StorePath) -> Message {
        let mut message = Connection::message(operation);
        message.path(&self.directory, path);
        message
    }

    /// The logical store directory.
    pub fn directory(&self) -> &StoreDir {
        &self.directory
    }

    /// What names the daemon in errors.
    pub fn place(&self) -> String {
        self.connection().transport.place().to_owned()
    }

    /// The version of the protocol that is spoken.
    pub fn protocol_version(&self) -> ProtocolVersion {
        self.connection().version
    }

    /// The daemon's own version, such as `2.26.3`.
    pub fn daemon_version(&self) -> String {
        self.connection().daemon_version.clone()
    }

    /// Whether the daemon does what we say.
    pub fn trust(&self) -> Trust {
        self.connection().trust
    }

    /// Has the daemon work in another way for this connection.
    pub fn set_options(&self, options: &DaemonOptions) -> Result<()> {
        let mut message = Connection::message(Operation::SetOptions);
        message.flag(options.keep_failed).flag(options.keep_going).flag(options.fallback);
        message.number(options.verbosity).number(options.max_jobs).number(options.max_silent_time);
        // Whether remote builders are used was said here once.
        message.flag(true);
        // The level of build logs: that of errors, or the finest. Two more settings of once follow.
        message.number(if options.build_logs { 0 } else { 7 }).number(0).number(0);
        message.number(options.cores).flag(options.substitute).number(options.settings.len() as u64);
        for (name, value) in &options.settings {
            message.string(name).string(value);
        }
        self.request(&message, |_| Ok(()))
    }

    /// Whether `path` is valid.
    pub fn is_valid(&self, path: &StorePath) -> Result<bool> {
        self.request(&self.message_with_path(Operation::IsValidPath, path), read_flag)
    }

    /// Those of `paths` that are valid. With `substitute`, those too that the daemon can fetch from its substituters; it does.
    pub fn query_valid_paths(&self, paths: &[StorePath], substitute: bool) -> Result<BTreeSet<StorePath>> {
        let mut message = Connection::message(Operation::QueryValidPaths);
        message.paths(&self.directory, paths.iter()).flag(substitute);
        self.request(&message, |reader| read_paths(reader, &self.directory))
    }

    /// All valid paths.
    pub fn valid_paths(&self) -> Result<BTreeSet<StorePath>> {
        let message = Connection::message(Operation::QueryAllValidPaths);
        self.request(&message, |reader| read_paths(reader, &self.directory))
    }

    /// What is known of `path`; `None` if it is not valid.
    pub fn query(&self, path: &StorePath) -> Result<Option<ValidPathInfo>> {
        let message = self.message_with_path(Operation::QueryPathInfo, path);
        self.request(&message, |reader| read_optional_info(reader, &self.directory, path))
    }

    /// As [`Self::query`] for many paths, whose requests are sent without waiting for answers.
    pub fn query_many(&self, paths: &[StorePath]) -> Result<Vec<Option<ValidPathInfo>>> {
        let messages = paths.iter().map(|path| self.message_with_path(Operation::QueryPathInfo, path));
        let mut infos = Vec::with_capacity(paths.len());
        self.connection().pipeline(messages, WINDOW, &*self.observer, |number, reader| {
            infos.push(read_optional_info(reader?, &self.directory, &paths[number])?);
            Ok(())
        })?;
        Ok(infos)
    }

    /// Everything that `roots` need, themselves included, each path after those that it refers to.
    ///
    /// # Errors
    /// [`Error::NotValid`] if one of them is not valid.
    pub fn closure<'paths>(
        &self,
        roots: impl IntoIterator<Item = &'paths StorePath>,
    ) -> Result<Vec<ValidPathInfo>> {
        let mut known: BTreeMap<StorePath, ValidPathInfo> = BTreeMap::new();
        let roots: BTreeSet<StorePath> = roots.into_iter().cloned().collect();
        let mut wanted: Vec<StorePath> = roots.iter().cloned().collect();
        while !wanted.is_empty() {
            let infos = self.query_many(&wanted)?;
            for (path, info) in wanted.iter().zip(infos) {
                let info = info.ok_or_else(|| Error::NotValid { path: path.base_name().to_owned() })?;
                known.insert(path.clone(), info);
            }
            let next: BTreeSet<StorePath> = wanted
                .iter()
                .filter_map(|path| known.get(path))
                .flat_map(|info| &info.references)
                .cloned()
                .collect();
            wanted = next.into_iter().filter(|path| !known.contains_key(path)).collect();
        }
        let mut ordered = Vec::with_capacity(known.len());
        let mut open: Vec<(Option<ValidPathInfo>, std::collections::btree_set::IntoIter<StorePath>)> =
            vec![(None, roots.into_iter())];
        while let Some((_, references)) = open.last_mut() {
            match references.next() {
                Some(next) => {
                    if let Some(info) = known.remove(&next) {
                        let references = info.references.clone().into_iter();
                        open.push((Some(info), references));
                    }
                }
                None => ordered.extend(open.pop().and_then(|(finished, _)| finished)),
            }
        }
        Ok(ordered)
    }

    /// The valid paths that refer to `path`.
    pub fn referrers(&self, path: &StorePath) -> Result<BTreeSet<StorePath>> {
        let message = self.message_with_path(Operation::QueryReferrers, path);
        self.request(&message, |reader| read_paths(reader, &self.directory))
    }

    /// The valid derivations that have `path` among their outputs.
    pub fn derivers(&self, path: &StorePath) -> Result<BTreeSet<StorePath>> {
        let message = self.message_with_path(Operation::QueryValidDerivers, path);
        self.request(&message, |reader| read_paths(reader, &self.directory))
    }

    /// The outputs of the derivation at `path` by name; `None` where the path is not known before the build.
    pub fn derivation_outputs(&self, path: &StorePath) -> Result<BTreeMap<String, Option<StorePath>>> {
        let message = self.message_with_path(Operation::QueryDerivationOutputMap, path);
        let outputs = self.request(&message, |reader| {
            read_list(reader, |reader| Ok((read_text(reader)?, read_optional_path(reader, &self.directory)?)))
        })?;
        Ok(outputs.into_iter().collect())
    }

    /// The valid path whose hash part is `hash_part`.
    pub fn path_from_hash_part(&self, hash_part: &str) -> Result<Option<StorePath>> {
        let mut message = Connection::message(Operation::QueryPathFromHashPart);
        message.string(hash_part);
        self.request(&message, |reader| read_optional_path(reader, &self.directory))
    }

    /// Adds signatures to a valid path.
    pub fn add_signatures(&self, path: &StorePath, signatures: &BTreeSet<String>) -> Result<()> {
        let mut message = self.message_with_path(Operation::AddSignatures, path);
        message.strings(signatures.iter());
        self.order(&message)
    }

    /// Keeps the daemon's collector from removing `path`, which need not be valid, while the connection lasts.
    pub fn add_temporary_root(&self, path: &StorePath) -> Result<()> {
        self.order(&self.message_with_path(Operation::AddTempRoot, path))
    }

    /// Makes the link at `link`, on the daemon's machine, keep what it leads to.
    pub fn add_indirect_root(&self, link: &Path) -> Result<()> {
        let mut message = Connection::message(Operation::AddIndirectRoot);
        message.string(link.as_os_str().as_encoded_bytes());
        self.order(&message)
    }

    /// All roots: the links (or what else keeps a path) with the paths.
    pub fn find_roots(&self) -> Result<BTreeMap<PathBuf, StorePath>> {
        let roots = self.request(&Connection::message(Operation::FindRoots), |reader| {
            read_list(reader, |reader| {
                Ok((PathBuf::from(read_text(reader)?), read_path(reader, &self.directory)?))
            })
        })?;
        Ok(roots.into_iter().collect())
    }

    /// Has the daemon's collector work; the paths that it lists or removed, and the bytes that it freed.
    pub fn collect_garbage(&self, action: &CollectAction) -> Result<(Vec<String>, u64)> {
        let nothing = BTreeSet::new();
        let (number, paths, ignore_roots, max_freed) = match action {
            CollectAction::ListLive => (0, &nothing, false, u64::MAX),
            CollectAction::ListDead => (1, &nothing, false, u64::MAX),
            CollectAction::RemoveDead { max_freed } => (2, &nothing, false, *max_freed),
            CollectAction::Remove { paths, ignore_roots } => (3, paths, *ignore_roots, u64::MAX),
        };
        let mut message = Connection::message(Operation::CollectGarbage);
        message.number(number).paths(&self.directory, paths.iter()).flag(ignore_roots).number(max_freed);
        // Three limits of long ago follow.
        message.number(0).number(0).number(0);
        self.request(&message, |reader| {
            let paths = read_list(reader, read_text)?;
            let bytes = read_number(reader)?;
            read_number(reader)?;
            Ok((paths, bytes))
        })
    }

    /// Has the daemon check its store; whether something is wrong with it.
    pub fn verify(&self, check_contents: bool, repair: bool) -> Result<bool> {
        let mut message = Connection::message(Operation::VerifyStore);
        message.flag(check_contents).flag(repair);
        self.request(&message, read_flag)
    }

    /// Has the daemon keep equal files once.
    pub fn optimise(&self) -> Result<()> {
        self.order(&Connection::message(Operation::OptimiseStore))
    }

    /// Has the daemon fetch `path` from its substituters unless it is valid.
    pub fn ensure_path(&self, path: &StorePath) -> Result<()> {
        self.order(&self.message_with_path(Operation::EnsurePath, path))
    }

    /// What would have to be done for `paths`.
    pub fn query_missing(&self, paths: &[DerivedPath]) -> Result<Missing> {
        let mut message = Connection::message(Operation::QueryMissing);
        message.strings(paths.iter().map(|path| path.display(&self.directory)));
        self.request(&message, |reader| {
            Ok(Missing {
                will_build: read_paths(reader, &self.directory)?,
                will_substitute: read_paths(reader, &self.directory)?,
                unknown: read_paths(reader, &self.directory)?,
                download_size: read_number(reader)?,
                nar_size: read_number(reader)?,
            })
        })
    }

    /// Builds or fetches `paths`.
    ///
    /// # Errors
    /// [`Error::Daemon`] if one of them fails.
    pub fn build_paths(&self, paths: &[DerivedPath], mode: BuildMode) -> Result<()> {
        let mut message = Connection::message(Operation::BuildPaths);
        message.strings(paths.iter().map(|path| path.display(&self.directory))).number(mode.number());
        self.order(&message)
    }

    /// Builds or fetches `paths`, and tells how each of them went.
    pub fn build_paths_with_results(
        &self,
        paths: &[DerivedPath],
        mode: BuildMode,
    ) -> Result<Vec<(DerivedPath, BuildResult)>> {
        let mut message = Connection::message(Operation::BuildPathsWithResults);
        message.strings(paths.iter().map(|path| path.display(&self.directory))).number(mode.number());
        let version = self.protocol_version();
        self.request(&message, |reader| {
            read_list(reader, |reader| {
                let path = DerivedPath::parse(&self.directory, &read_text(reader)?)?;
                Ok((path, read_build_result(reader, version)?))
            })
        })
    }

    /// Builds `derivation`, whose path is `path` but which need not be there. All that it needs must be valid and
    /// among its sources: its input derivations are not sent. A daemon that does not trust us refuses what is not
    /// fixed by its content.
    pub fn build_derivation(
        &self,
        path: &StorePath,
        derivation: &Derivation,
        mode: BuildMode,
    ) -> Result<BuildResult> {
        let mut message = self.message_with_path(Operation::BuildDerivation, path);
        write_basic_derivation(&mut message, &self.directory, derivation);
        message.number(mode.number());
        let version = self.protocol_version();
        self.request(&message, |reader| read_build_result(reader, version))
    }
}

fn read_optional_info(
    reader: &mut Reader,
    directory: &StoreDir,
    path: &StorePath,
) -> Result<Option<ValidPathInfo>> {
    if !read_flag(reader)? {
        return Ok(None);
    }
    let deriver = read_optional_path(reader, directory)?;
    let nar_hash = Hash::parse(&read_text(reader)?, Some(HashAlgorithm::Sha256))?;
    Ok(Some(ValidPathInfo {
        path: path.clone(),
        deriver,
        nar_hash,
        references: read_paths(reader, directory)?,
        registration_time: read_number(reader)? as i64,
        nar_size: read_number(reader)?,
        ultimate: read_flag(reader)?,
        signatures: read_list(reader, read_text)?.into_iter().collect(),
        content_address: match read_text(reader)?.as_str() {
            "" => None,
            address => Some(address.parse()?),
        },
    }))
}
