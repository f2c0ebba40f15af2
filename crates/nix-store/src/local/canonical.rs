//! The metadata that store paths have, and work on trees that have it.

use std::fs::{self, File, FileType, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_OMIT, utimensat};

use crate::error::{Error, Result};
use crate::nar::{DEEPEST, FileKind, Filter};

/// The time of last change that every file in a store has, in seconds since 1970.
const STORE_TIME: i64 = 1;

/// Gives everything below `path` the metadata of store paths: mode 0444, or 0555 for directories and what its owner
/// may execute, and a time of last change of 1. Owners stay. Symlinks are not followed.
///
/// # Errors
/// The file system's; [`Error::UnsupportedFileType`] for what is neither file, directory nor symlink.
pub fn canonicalise(path: &Path) -> Result<()> {
    canonicalise_below(path, 0)
}

fn canonicalise_below(path: &Path, depth: usize) -> Result<()> {
    let metadata = fs::symlink_metadata(path).map_err(|error| Error::io("read", path, error))?;
    let file_type = metadata.file_type();
    if file_type.is_dir() {
        check_depth(path, depth)?;
        // A directory that its builder left unreadable must be opened to be looked into.
        if metadata.mode() & 0o500 != 0o500 {
            set_mode(path, 0o700)?;
        }
        for entry in fs::read_dir(path).map_err(|error| Error::io("read", path, error))? {
            let entry = entry.map_err(|error| Error::io("read", path, error))?;
            canonicalise_below(&entry.path(), depth + 1)?;
        }
    } else if !file_type.is_file() && !file_type.is_symlink() {
        return Err(Error::UnsupportedFileType { path: path.to_path_buf() });
    }
    canonicalise_one(path, &metadata)
}

pub(super) fn canonicalise_one(path: &Path, metadata: &Metadata) -> Result<()> {
    let file_type = metadata.file_type();
    let mode = canonical_mode(file_type, metadata.mode());
    if !file_type.is_symlink() && metadata.mode() & 0o7777 != mode {
        set_mode(path, mode)?;
    }
    if metadata.mtime() != STORE_TIME || metadata.mtime_nsec() != 0 {
        set_time(path)?;
    }
    Ok(())
}

fn canonical_mode(file_type: FileType, mode: u32) -> u32 {
    if file_type.is_dir() || mode & 0o100 != 0 { 0o555 } else { 0o444 }
}

fn set_mode(path: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(path, Permissions::from_mode(mode))
        .map_err(|error| Error::io("change the mode of", path, error))
}

fn set_time(path: &Path) -> Result<()> {
    utimensat(CWD, path, &store_times(), AtFlags::SYMLINK_NOFOLLOW)
        .map_err(|error| Error::io("change the time of", path, error.into()))
}

fn store_times() -> Timestamps {
    Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: STORE_TIME, tv_nsec: 0 },
    }
}

fn check_depth(path: &Path, depth: usize) -> Result<()> {
    if depth < DEEPEST { Ok(()) } else { Err(Error::io("read", path, io::ErrorKind::InvalidFilename.into())) }
}

/// Copies `source` to `destination`, where nothing may lie yet, with the metadata of store paths and without what
/// `filter` refuses (as [`crate::nar::dump_filtered`] asks it).
pub(super) fn copy_canonical<E: From<Error>>(
    source: &Path,
    destination: &Path,
    filter: &mut Filter<'_, E>,
) -> Result<(), E> {
    let metadata = fs::symlink_metadata(source).map_err(|error| Error::io("read", source, error))?;
    copy_below(source, metadata.file_type(), destination, filter, 0)
}

fn copy_below<E: From<Error>>(
    source: &Path,
    file_type: FileType,
    destination: &Path,
    filter: &mut Filter<'_, E>,
    depth: usize,
) -> Result<(), E> {
    let read_error = |error| Error::io("read", source, error);
    let write_error = |error| Error::io("write", destination, error);
    if file_type.is_dir() {
        check_depth(source, depth)?;
        fs::create_dir(destination).map_err(write_error)?;
        for entry in fs::read_dir(source).map_err(read_error)? {
            let entry = entry.map_err(read_error)?;
            let below = entry.path();
            let file_type = entry.file_type().map_err(read_error)?;
            if filter(&below, FileKind::of(file_type))? {
                copy_below(&below, file_type, &destination.join(entry.file_name()), filter, depth + 1)?;
            }
        }
        set_mode(destination, 0o555)?;
    } else if file_type.is_file() {
        let mut from = File::open(source).map_err(read_error)?;
        let mode = from.metadata().map_err(read_error)?.mode();
        let mut to = create_file(destination)?;
        io::copy(&mut from, &mut to).map_err(write_error)?;
        finish_file(&to, canonical_mode(file_type, mode), destination)?;
        return Ok(());
    } else if file_type.is_symlink() {
        let target = fs::read_link(source).map_err(read_error)?;
        symlink(target, destination).map_err(write_error)?;
    } else {
        return Err(Error::UnsupportedFileType { path: source.to_path_buf() }.into());
    }
    Ok(set_time(destination)?)
}

/// Opens a new file for its contents.
pub(super) fn create_file(path: &Path) -> Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| Error::io("write", path, error))
}

/// Gives a file just written the metadata of store paths.
pub(super) fn finish_file(file: &File, mode: u32, path: &Path) -> Result<()> {
    file.set_permissions(Permissions::from_mode(mode))
        .map_err(|error| Error::io("change the mode of", path, error))?;
    rustix::fs::futimens(file, &store_times())
        .map_err(|error| Error::io("change the time of", path, error.into()))
}

/// Removes what is at `path`, also where directories may not be written; nothing there is no error. Symlinks are
/// removed, not followed.
pub fn remove_tree(path: &Path) -> Result<()> {
    remove_tree_with(path, None)
}

/// As [`remove_tree`]; `visit` sees the metadata of each file and symlink before it is removed.
pub(super) fn remove_tree_with(path: &Path, mut visit: Option<&mut dyn FnMut(&Metadata)>) -> Result<()> {
    let remove_error = |error| Error::io("remove", path, error);
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(remove_error(error)),
    };
    if !metadata.is_dir() {
        if let Some(visit) = visit {
            visit(&metadata);
        }
        return fs::remove_file(path).map_err(remove_error);
    }
    if metadata.mode() & 0o700 != 0o700 {
        set_mode(path, 0o700)?;
    }
    for entry in fs::read_dir(path).map_err(remove_error)? {
        let entry = entry.map_err(remove_error)?;
        if visit.is_some() || entry.file_type().map_err(remove_error)?.is_dir() {
            // Not `as_deref_mut`: the lifetime of the trait object must become shorter.
            match &mut visit {
                Some(visit) => remove_tree_with(&entry.path(), Some(&mut **visit))?,
                None => remove_tree(&entry.path())?,
            }
        } else {
            fs::remove_file(entry.path()).map_err(|error| Error::io("remove", &entry.path(), error))?;
        }
    }
    fs::remove_dir(path).map_err(remove_error)
}
