//! Generations of profiles: a profile is a link to one of the links `NAME-NUMBER-link` beside it.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{Access, access};

use super::lock::PathLock;
use crate::error::{Error, Result};

/// One generation of a profile.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Generation {
    /// Its number; later ones have higher numbers.
    pub number: u64,
    /// Its link.
    pub link: PathBuf,
    /// When it was made, in seconds since 1970.
    pub created: i64,
}

/// Which generations of a profile are deleted; the current one never is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldGenerations {
    /// All but the current one.
    All,
    /// Those that were not in use any more at this time, in seconds since 1970: the last one made before it stays.
    Before(i64),
}

impl OldGenerations {
    /// Those older than a span of time such as `30d`, the only unit that Nix knows for it.
    ///
    /// # Errors
    /// [`Error::InvalidAge`] for anything but a number of days and `d`.
    pub fn older_than(span: &str, now: SystemTime) -> Result<Self> {
        let invalid = || Error::InvalidAge { text: span.to_owned() };
        let days = span.strip_suffix('d').filter(|days| days.bytes().all(|byte| byte.is_ascii_digit()));
        let days: u64 =
            days.and_then(|days| days.parse().ok()).filter(|days| *days > 0).ok_or_else(invalid)?;
        let age = days.checked_mul(24 * 60 * 60).map(Duration::from_secs).ok_or_else(invalid)?;
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let time = now.checked_sub(age).unwrap_or_default();
        Ok(OldGenerations::Before(i64::try_from(time.as_secs()).unwrap_or(i64::MAX)))
    }
}

/// The generations of the profile at `profile`, oldest number first, and the number of the current one.
///
/// # Errors
/// The file system's. A profile that is not there has no generations.
pub fn generations(profile: &Path) -> Result<(Vec<Generation>, Option<u64>)> {
    let (Some(directory), Some(name)) =
        (profile.parent(), profile.file_name().and_then(|name| name.to_str()))
    else {
        return Ok((Vec::new(), None));
    };
    let read_error = |error| Error::io("read", directory, error);
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Vec::new(), None)),
        entries => entries.map_err(read_error)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(read_error)?;
        let file_name = entry.file_name();
        let Some(number) = file_name.to_str().and_then(|text| number_in(text, name)) else { continue };
        match entry.metadata() {
            Ok(metadata) if metadata.is_symlink() => {
                found.push(Generation { number, link: entry.path(), created: metadata.mtime() });
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(read_error(error)),
            _ => {}
        }
    }
    found.sort();
    let current = match fs::read_link(profile) {
        Ok(target) => target.file_name().and_then(|file| number_in(file.to_str()?, name)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidInput) => None,
        Err(error) => return Err(Error::io("read", profile, error)),
    };
    Ok((found, current))
}

fn number_in(file_name: &str, profile: &str) -> Option<u64> {
    let number = file_name.strip_prefix(profile)?.strip_prefix('-')?.strip_suffix("-link")?;
    // Not with a sign, which `parse` would take.
    number.bytes().all(|byte| byte.is_ascii_digit()).then(|| number.parse().ok())?
}

/// Deletes the links of old generations of all profiles below `directory`, and returns them: what they kept can then be
/// collected. With `dry_run`, they are only returned. Profiles that may not be changed are left alone, as Nix does.
///
/// # Errors
/// The file system's.
pub fn delete_old_generations(
    directory: &Path,
    old: OldGenerations,
    dry_run: bool,
) -> Result<Vec<Generation>> {
    let mut deleted = Vec::new();
    below(directory, old, dry_run, &mut deleted)?;
    Ok(deleted)
}

fn below(directory: &Path, old: OldGenerations, dry_run: bool, deleted: &mut Vec<Generation>) -> Result<()> {
    let read_error = |error| Error::io("read", directory, error);
    let mut entries = match fs::read_dir(directory) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => {
            return Ok(());
        }
        entries => entries.map_err(read_error)?.collect::<io::Result<Vec<_>>>().map_err(read_error)?,
    };
    let may_write = access(directory, Access::WRITE_OK).is_ok();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let file_type = entry.file_type().map_err(read_error)?;
        if file_type.is_dir() {
            below(&entry.path(), old, dry_run, deleted)?;
        } else if file_type.is_symlink() && (may_write || dry_run) {
            let profile = entry.path();
            let (_, current) = generations(&profile)?;
            if current.is_some() {
                let _lock = if dry_run { None } else { Some(PathLock::wait(&profile)?) };
                // Somebody may have made or deleted some before the lock was had.
                let (all, Some(current)) = generations(&profile)? else { continue };
                for generation in choose(all, current, old) {
                    if !dry_run {
                        let link = &generation.link;
                        fs::remove_file(link).map_err(|error| Error::io("remove", link, error))?;
                    }
                    deleted.push(generation);
                }
            }
        }
    }
    Ok(())
}

/// The old ones among `all`, which are sorted.
fn choose(all: Vec<Generation>, current: u64, old: OldGenerations) -> Vec<Generation> {
    let candidates = match old {
        OldGenerations::All => all,
        OldGenerations::Before(time) => {
            let mut before = all;
            // The last one that was made before the time was in use at it, and is what one may want to go back to.
            let last = before.iter().rposition(|generation| generation.created < time);
            before.truncate(last.unwrap_or(0));
            // Clocks have been set back before.
            before.retain(|generation| generation.created < time);
            before
        }
    };
    candidates.into_iter().filter(|generation| generation.number != current).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generation(number: u64, created: i64) -> Generation {
        Generation { number, link: PathBuf::new(), created }
    }

    #[test]
    fn the_current_one_and_what_was_in_use_stay() {
        let all: Vec<Generation> = (1..=5).map(|number| generation(number, number as i64 * 10)).collect();
        let numbers = |current, old| {
            choose(all.clone(), current, old).iter().map(|generation| generation.number).collect::<Vec<_>>()
        };
        assert_eq!(numbers(5, OldGenerations::All), [1, 2, 3, 4]);
        assert_eq!(numbers(5, OldGenerations::Before(35)), [1, 2]);
        assert_eq!(numbers(1, OldGenerations::Before(35)), [2]);
        assert_eq!(numbers(5, OldGenerations::Before(1000)), [1, 2, 3, 4]);
        assert!(numbers(5, OldGenerations::Before(5)).is_empty());
    }

    #[test]
    fn spans_are_days() {
        let now = UNIX_EPOCH + Duration::from_secs(10 * 86_400);
        assert_eq!(OldGenerations::older_than("3d", now).unwrap(), OldGenerations::Before(7 * 86_400));
        assert_eq!(OldGenerations::older_than("99d", now).unwrap(), OldGenerations::Before(0));
        for span in
            ["", "d", "0d", "3", "3h", "-3d", "+3d", "3 d", "99999999999999999999d", "9999999999999999999d"]
        {
            assert!(matches!(OldGenerations::older_than(span, now), Err(Error::InvalidAge { .. })), "{span}");
        }
    }

    #[test]
    fn generations_have_their_profiles_name() {
        assert_eq!(number_in("system-12-link", "system"), Some(12));
        for name in
            ["system--link", "system-+1-link", "system-1", "systemd-1-link", "system-1-2-link", "system"]
        {
            assert_eq!(number_in(name, "system"), None, "{name}");
        }
    }
}
