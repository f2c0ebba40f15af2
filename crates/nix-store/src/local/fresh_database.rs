//! Databases for stores that are put into images.

use std::fs;
use std::io;
use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::database::{Registration, insert};
use super::schema;
use crate::error::{Error, Result};
use crate::path_info::ValidPathInfo;
use crate::store_path::StoreDir;

/// The registration time of all paths, in seconds since 1970.
const REGISTRATION_TIME: i64 = 1;

/// Writes a new database with `infos` to `path`, where nothing may lie yet. Same paths, same bytes: the order of
/// `infos` and the clock do not matter.
///
/// # Errors
/// [`Error::MissingReference`] if `infos` is not a closure; those of the file system and SQLite.
pub fn write_fresh_database(path: &Path, directory: &StoreDir, infos: &[ValidPathInfo]) -> Result<()> {
    let error = |source| Error::database(path, source);
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(Error::io("write", path, error)),
        Ok(_) => return Err(Error::io("write", path, io::ErrorKind::AlreadyExists.into())),
    }
    let mut sorted: Vec<ValidPathInfo> = infos.to_vec();
    sorted.sort_by(|a, b| a.path.cmp(&b.path));
    sorted.dedup_by(|a, b| a.path == b.path);
    for info in &mut sorted {
        info.registration_time = REGISTRATION_TIME;
    }
    let mut connection = Connection::open(path).map_err(error)?;
    // There is nothing yet that a journal could bring back. Nix turns its own journal on when it opens the database.
    connection.query_row("pragma journal_mode = off", [], |_| Ok(())).map_err(error)?;
    connection.pragma_update(None, "synchronous", "off").map_err(error)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(error)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(error)?;
    transaction.execute_batch(schema::CREATE).map_err(error)?;
    let registrations: Vec<Registration<'_>> =
        sorted.iter().map(|info| Registration { info, outputs: None }).collect();
    insert(&transaction, path, directory, &registrations)?;
    transaction.commit().map_err(error)?;
    connection.close().map_err(|(_, source)| error(source))
}
