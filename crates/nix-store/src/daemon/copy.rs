//! Closures from one store into another, in order, only what lacks, and never a whole archive in memory.

use std::collections::BTreeSet;
use std::io::Read;

use super::archives::Nothing;
use super::store::DaemonStore;
use crate::error::Result;
use crate::local::LocalStore;
use crate::nar;
use crate::path_info::ValidPathInfo;
use crate::store_path::StorePath;

/// How a closure is copied to a daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CopyOptions {
    /// Whether the daemon checks signatures even if it trusts us.
    pub check_signatures: bool,
    /// Whether the daemon first fetches what its own substituters have.
    pub substitute: bool,
}

/// What happens while a closure is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyEvent<'info> {
    /// It is known what is to be copied.
    Planned {
        /// Paths that the other store lacks.
        paths: usize,
        /// Bytes of their archives.
        bytes: u64,
    },
    /// A path is next.
    Path(&'info ValidPathInfo),
}

/// What was copied.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Copied {
    /// The paths that lacked, each after those that it refers to.
    pub paths: Vec<StorePath>,
    /// Bytes of their archives.
    pub bytes: u64,
}

impl Copied {
    fn of(infos: &[ValidPathInfo]) -> Self {
        Copied {
            paths: infos.iter().map(|info| info.path.clone()).collect(),
            bytes: infos.iter().map(|info| info.nar_size).sum(),
        }
    }

    fn announce(&self, observer: &mut dyn FnMut(CopyEvent<'_>)) {
        observer(CopyEvent::Planned { paths: self.paths.len(), bytes: self.bytes });
    }
}

/// Copies what `roots` need from `from` to the daemon's store `to`. The roots are temporary roots there while the
/// connection lasts.
///
/// # Errors
/// Those of both stores. What was copied until then may be valid there.
pub fn copy_to_daemon(
    from: &LocalStore,
    to: &DaemonStore,
    roots: &BTreeSet<StorePath>,
    options: CopyOptions,
    observer: &mut dyn FnMut(CopyEvent<'_>),
) -> Result<Copied> {
    if from.is_writable() {
        from.add_temporary_roots(roots)?;
    }
    for root in roots {
        to.add_temporary_root(root)?;
    }
    let closure = from.closure(roots)?;
    let there = to.query_valid_paths(&closure, options.substitute)?;
    let missing = closure
        .iter()
        .filter(|path| !there.contains(*path))
        .map(|path| {
            let info = from.path_info(path)?;
            // That it was built on this machine says nothing there.
            Ok(ValidPathInfo { ultimate: false, ..info })
        })
        .collect::<Result<Vec<_>>>()?;
    let copied = Copied::of(&missing);
    copied.announce(observer);
    if !missing.is_empty() {
        to.add_multiple_to_store(&missing, false, options.check_signatures, |number, mut writer| {
            let info = &missing[number];
            observer(CopyEvent::Path(info));
            nar::dump(&from.real_path(&info.path), &mut writer)
        })?;
    }
    Ok(copied)
}

/// Copies what `roots` need from the daemon's store `from` to `to`. Hashes are checked; signatures are not, as a daemon is
/// somebody whom one chose to ask.
///
/// # Errors
/// Those of both stores. What was copied until then is valid.
pub fn copy_from_daemon(
    from: &DaemonStore,
    to: &LocalStore,
    roots: &BTreeSet<StorePath>,
    observer: &mut dyn FnMut(CopyEvent<'_>),
) -> Result<Copied> {
    for root in roots {
        from.add_temporary_root(root)?;
    }
    let closure = from.closure(roots)?;
    to.add_temporary_roots(closure.iter().map(|info| &info.path))?;
    let mut missing = Vec::new();
    for info in closure {
        if !to.is_valid(&info.path)? {
            missing.push(ValidPathInfo { ultimate: false, registration_time: 0, ..info });
        }
    }
    let copied = Copied::of(&missing);
    copied.announce(observer);
    from.nars_from_paths(&copied.paths, |number, reader| {
        observer(CopyEvent::Path(&missing[number]));
        let mut counted = Counted { reader, begun: false };
        to.add_nar(&missing[number], &mut counted)?;
        if !counted.begun {
            // Somebody else added it meanwhile; what comes must be read all the same.
            nar::read(&mut counted, &mut Nothing)?;
        }
        Ok(())
    })?;
    Ok(copied)
}

/// Knows whether anything was read.
struct Counted<'reader> {
    reader: &'reader mut dyn Read,
    begun: bool,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.begun = true;
        self.reader.read(buffer)
    }
}
