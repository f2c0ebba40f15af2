//! The database of valid paths.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, TransactionBehavior, params};
use rustc_hash::FxHashMap;

use super::schema;
use crate::error::{Error, Result};
use crate::hash::Hash;
use crate::path_info::ValidPathInfo;
use crate::store_path::{StoreDir, StorePath};

/// How long to wait for another process's transaction. Each takes milliseconds; a machine under heavy load may
/// need many of them.
const BUSY_TIMEOUT: Duration = Duration::from_secs(120);

/// Pages after which the write-ahead log is moved into the database; Nix's number, so that bulk
/// registration is not interrupted by it.
const CHECKPOINT_PAGES: i64 = 40_000;

/// A path to be registered, and its outputs if it is a derivation.
pub(super) struct Registration<'info> {
    pub info: &'info ValidPathInfo,
    pub outputs: Option<BTreeMap<String, StorePath>>,
}

/// All valid paths, sorted, and how they hang together. Numbers are places in `paths`.
pub(super) struct Contents {
    pub paths: Vec<StorePath>,
    /// The deriver of each path, if it is valid.
    pub derivers: Vec<Option<usize>>,
    /// Referrer and reference.
    pub references: Vec<(usize, usize)>,
    /// Derivation and output, both valid.
    pub outputs: Vec<(usize, usize)>,
}

pub(super) struct Database {
    path: PathBuf,
    directory: StoreDir,
    /// SQLite serialises the use of a connection anyway; nothing but statements runs under this lock.
    connection: Mutex<Connection>,
}

impl Database {
    /// Opens the database for writing; makes the tables if `create`.
    pub fn open(path: &Path, directory: &StoreDir, create: bool) -> Result<Self> {
        let error = |source| Error::database(path, source);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | if create { OpenFlags::SQLITE_OPEN_CREATE } else { OpenFlags::empty() };
        let mut connection = Connection::open_with_flags(path, flags).map_err(error)?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(error)?;
        write_ahead_logging(&connection).map_err(error)?;
        connection.pragma_update(None, "synchronous", "normal").map_err(error)?;
        connection.pragma_update(None, "foreign_keys", true).map_err(error)?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES).map_err(error)?;
        if create {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(error)?;
            transaction.execute_batch(schema::CREATE).map_err(error)?;
            transaction.commit().map_err(error)?;
        }
        Ok(Self::of(path, directory, connection))
    }

    /// Opens the database for reading, also where not even SQLite's own files can be written.
    pub fn open_read_only(path: &Path, directory: &StoreDir) -> Result<Self> {
        let error = |source| Error::database(path, source);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let usable = |connection: Connection| -> rusqlite::Result<Connection> {
            connection.busy_timeout(BUSY_TIMEOUT)?;
            connection.query_row("select count(*) from sqlite_master", [], |row| row.get::<_, i64>(0))?;
            Ok(connection)
        };
        let connection = match Connection::open_with_flags(path, flags).and_then(usable) {
            // The write-ahead log's index cannot be made in a directory that is read-only. Nobody can be writing
            // there, either.
            Err(cause) if cause.sqlite_error_code() == Some(ErrorCode::CannotOpen) && path.exists() => {
                Connection::open_with_flags(immutable_uri(path), flags | OpenFlags::SQLITE_OPEN_URI)
                    .and_then(usable)
                    .map_err(error)?
            }
            opened => opened.map_err(error)?,
        };
        Ok(Self::of(path, directory, connection))
    }

    fn of(path: &Path, directory: &StoreDir, connection: Connection) -> Self {
        connection.set_prepared_statement_cache_capacity(32);
        Database {
            path: path.to_path_buf(),
            directory: directory.clone(),
            connection: Mutex::new(connection),
        }
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn error(&self, source: rusqlite::Error) -> Error {
        Error::database(&self.path, source)
    }

    fn damaged(&self, store_path: &str, column: &'static str) -> Error {
        Error::InvalidDatabase { path: self.path.clone(), store_path: store_path.to_owned(), column }
    }

    fn parse(&self, path: &str, column: &'static str) -> Result<StorePath> {
        self.directory.parse(path.as_bytes()).map_err(|_| self.damaged(path, column))
    }

    pub fn is_valid(&self, path: &StorePath) -> Result<bool> {
        let connection = self.connection();
        let mut statement = connection
            .prepare_cached("select 1 from ValidPaths where path = ?")
            .map_err(|error| self.error(error))?;
        statement.exists([self.directory.display(path)]).map_err(|error| self.error(error))
    }

    pub fn query(&self, path: &StorePath) -> Result<Option<ValidPathInfo>> {
        let text = self.directory.display(path);
        let connection = self.connection();
        let read = || -> rusqlite::Result<Option<Row>> {
            connection
                .prepare_cached(
                    "select id, hash, registrationTime, deriver, narSize, ultimate, sigs, ca
                     from ValidPaths where path = ?",
                )?
                .query_row([&text], |row| {
                    Ok(Row {
                        id: row.get(0)?,
                        hash: row.get(1)?,
                        registration_time: row.get(2)?,
                        deriver: row.get(3)?,
                        nar_size: row.get(4)?,
                        ultimate: row.get(5)?,
                        signatures: row.get(6)?,
                        content_address: row.get(7)?,
                    })
                })
                .optional()
        };
        let Some(row) = read().map_err(|error| self.error(error))? else { return Ok(None) };
        let references = self.references_of(&connection, row.id)?;
        Ok(Some(ValidPathInfo {
            path: path.clone(),
            deriver: match row.deriver.filter(|deriver| !deriver.is_empty()) {
                Some(deriver) => Some(self.parse(&deriver, "deriver")?),
                None => None,
            },
            nar_hash: Hash::parse_any_prefixed(&row.hash).map_err(|_| self.damaged(&text, "hash"))?,
            nar_size: u64::try_from(row.nar_size.unwrap_or(0)).map_err(|_| self.damaged(&text, "narSize"))?,
            references,
            registration_time: row.registration_time,
            ultimate: row.ultimate == Some(1),
            signatures: row
                .signatures
                .unwrap_or_default()
                .split_ascii_whitespace()
                .map(str::to_owned)
                .collect(),
            content_address: match row.content_address.filter(|address| !address.is_empty()) {
                Some(address) => Some(address.parse().map_err(|_| self.damaged(&text, "ca"))?),
                None => None,
            },
        }))
    }

    fn references_of(&self, connection: &Connection, id: i64) -> Result<BTreeSet<StorePath>> {
        let paths = strings(
            connection,
            "select path from Refs join ValidPaths on reference = id where referrer = ?",
            params![id],
        );
        let paths = paths.map_err(|error| self.error(error))?;
        paths.iter().map(|path| self.parse(path, "path")).collect()
    }

    /// The references of a valid path; `None` if it is not valid.
    pub fn references(&self, path: &StorePath) -> Result<Option<BTreeSet<StorePath>>> {
        let connection = self.connection();
        match self.id(&connection, path)? {
            Some(id) => Ok(Some(self.references_of(&connection, id)?)),
            None => Ok(None),
        }
    }

    /// The valid paths that refer to `path`.
    pub fn referrers(&self, path: &StorePath) -> Result<BTreeSet<StorePath>> {
        let connection = self.connection();
        let paths = strings(
            &connection,
            "select path from Refs join ValidPaths on referrer = id
             where reference = (select id from ValidPaths where path = ?)",
            params![self.directory.display(path)],
        );
        let paths = paths.map_err(|error| self.error(error))?;
        paths.iter().map(|path| self.parse(path, "path")).collect()
    }

    pub fn valid_paths(&self) -> Result<BTreeSet<StorePath>> {
        let connection = self.connection();
        let paths = strings(&connection, "select path from ValidPaths", params![]);
        let paths = paths.map_err(|error| self.error(error))?;
        paths.iter().map(|path| self.parse(path, "path")).collect()
    }

    /// The outputs that are recorded for a derivation, by name.
    pub fn derivation_outputs(&self, derivation: &StorePath) -> Result<BTreeMap<String, StorePath>> {
        let connection = self.connection();
        let read = || -> rusqlite::Result<Vec<(String, String)>> {
            connection
                .prepare_cached(
                    "select DerivationOutputs.id, DerivationOutputs.path from DerivationOutputs
                     join ValidPaths on drv = ValidPaths.id where ValidPaths.path = ?",
                )?
                .query_map([self.directory.display(derivation)], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        };
        let rows = read().map_err(|error| self.error(error))?;
        rows.into_iter().map(|(name, path)| Ok((name, self.parse(&path, "output")?))).collect()
    }

    /// The valid path whose hash part is `hash_part`.
    pub fn path_from_hash_part(&self, hash_part: &str) -> Result<Option<StorePath>> {
        let prefix = format!("{}/{hash_part}", self.directory.as_str());
        let connection = self.connection();
        let read = || -> rusqlite::Result<Option<String>> {
            connection
                .prepare_cached("select path from ValidPaths where path >= ? order by path limit 1")?
                .query_row([&prefix], |row| row.get(0))
                .optional()
        };
        match read().map_err(|error| self.error(error))? {
            Some(path) if path.starts_with(&prefix) => Ok(Some(self.parse(&path, "path")?)),
            _ => Ok(None),
        }
    }

    /// The valid derivations that have `output` among their outputs.
    pub fn derivers(&self, output: &StorePath) -> Result<BTreeSet<StorePath>> {
        let connection = self.connection();
        let paths = strings(
            &connection,
            "select ValidPaths.path from DerivationOutputs join ValidPaths on drv = ValidPaths.id
             where DerivationOutputs.path = ?",
            params![self.directory.display(output)],
        );
        let paths = paths.map_err(|error| self.error(error))?;
        paths.iter().map(|path| self.parse(path, "path")).collect()
    }

    /// All valid paths and how they hang together, as they are at one moment.
    pub fn contents(&self) -> Result<Contents> {
        let mut connection = self.connection();
        let mut read = || -> rusqlite::Result<_> {
            let transaction = connection.transaction()?;
            let paths = transaction
                .prepare("select id, path, deriver from ValidPaths order by path")?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
                .collect::<rusqlite::Result<Vec<(i64, String, Option<String>)>>>()?;
            let references = transaction
                .prepare("select referrer, reference from Refs")?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<rusqlite::Result<Vec<(i64, i64)>>>()?;
            let outputs = transaction
                .prepare("select drv, path from DerivationOutputs")?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<rusqlite::Result<Vec<(i64, String)>>>()?;
            Ok((paths, references, outputs))
        };
        let (rows, references, outputs) = read().map_err(|error| self.error(error))?;
        let mut numbers: FxHashMap<i64, usize> = FxHashMap::default();
        let mut by_path: FxHashMap<StorePath, usize> = FxHashMap::default();
        let mut paths = Vec::with_capacity(rows.len());
        let mut derivers = Vec::with_capacity(rows.len());
        for (id, path, deriver) in rows {
            let path = self.parse(&path, "path")?;
            numbers.insert(id, paths.len());
            by_path.insert(path.clone(), paths.len());
            paths.push(path);
            derivers.push(deriver);
        }
        // A deriver or an output need not be valid, and may then be anything.
        let find = |path: &str| {
            let path = self.directory.parse(path.as_bytes()).ok()?;
            by_path.get(&path).copied()
        };
        let edge = |from: i64, to: Option<usize>| Some((*numbers.get(&from)?, to?));
        Ok(Contents {
            derivers: derivers.iter().map(|deriver| find(deriver.as_deref()?)).collect(),
            references: references
                .into_iter()
                .filter_map(|(from, to)| edge(from, numbers.get(&to).copied()))
                .collect(),
            outputs: outputs.into_iter().filter_map(|(from, path)| edge(from, find(&path))).collect(),
            paths,
        })
    }

    /// Makes those of `paths` invalid that no other valid path refers to, each after its referrers, in one
    /// transaction. Returns those that stay.
    pub fn invalidate(&self, paths: &[&StorePath]) -> Result<Vec<StorePath>> {
        let mut connection = self.connection();
        let mut staying = Vec::new();
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|error| self.error(error))?;
        for path in paths {
            let removed = transaction
                .prepare_cached("delete from ValidPaths where path = ?")
                .and_then(|mut statement| statement.execute([self.directory.display(path)]));
            match removed {
                // The database itself sees to it that no reference is left without its path.
                Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                    staying.push((*path).clone());
                }
                removed => drop(removed.map_err(|error| self.error(error))?),
            }
        }
        transaction.commit().map_err(|error| self.error(error))?;
        Ok(staying)
    }

    fn id(&self, connection: &Connection, path: &StorePath) -> Result<Option<i64>> {
        id(connection, &self.directory, path).map_err(|error| self.error(error))
    }

    /// Registers all paths, or none: in one transaction.
    pub fn register(&self, registrations: &[Registration<'_>]) -> Result<()> {
        let mut connection = self.connection();
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|error| self.error(error))?;
        insert(&transaction, &self.path, &self.directory, registrations)?;
        transaction.commit().map_err(|error| self.error(error))
    }
}

/// A row of `ValidPaths`.
struct Row {
    id: i64,
    hash: String,
    registration_time: i64,
    deriver: Option<String>,
    nar_size: Option<i64>,
    ultimate: Option<i64>,
    signatures: Option<String>,
    content_address: Option<String>,
}

/// Inserts paths and then their references, which may be among them, or in the database already.
pub(super) fn insert(
    connection: &Connection,
    database: &Path,
    directory: &StoreDir,
    registrations: &[Registration<'_>],
) -> Result<()> {
    let error = |source| Error::database(database, source);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs() as i64);
    let mut ids: FxHashMap<&StorePath, i64> = FxHashMap::default();
    let mut insert_path = connection
        .prepare_cached(
            "insert into ValidPaths (path, hash, registrationTime, deriver, narSize, ultimate, sigs, ca)
             values (?, ?, ?, ?, ?, ?, ?, ?)
             on conflict (path) do update set hash = excluded.hash, narSize = excluded.narSize,
                 deriver = coalesce(excluded.deriver, deriver), ultimate = excluded.ultimate,
                 sigs = excluded.sigs, ca = excluded.ca
             returning id",
        )
        .map_err(error)?;
    for Registration { info, .. } in registrations {
        let signatures: Vec<&str> = info.signatures.iter().map(String::as_str).collect();
        let values = params![
            directory.display(&info.path),
            info.nar_hash.to_prefixed_base16(),
            if info.registration_time == 0 { now } else { info.registration_time },
            info.deriver.as_ref().map(|deriver| directory.display(deriver)),
            i64::try_from(info.nar_size).ok().filter(|size| *size > 0),
            info.ultimate.then_some(1),
            (!signatures.is_empty()).then(|| signatures.join(" ")),
            info.content_address.map(|address| address.to_string()),
        ];
        let id = insert_path.query_row(values, |row| row.get(0)).map_err(error)?;
        ids.insert(&info.path, id);
    }
    let mut insert_reference = connection
        .prepare_cached("insert or ignore into Refs (referrer, reference) values (?, ?)")
        .map_err(error)?;
    for Registration { info, .. } in registrations {
        let referrer = ids.get(&info.path).copied();
        for reference in &info.references {
            let id = match ids.get(reference) {
                Some(id) => Some(*id),
                None => id(connection, directory, reference).map_err(error)?,
            };
            let Some(id) = id else {
                return Err(Error::MissingReference {
                    path: info.path.base_name().to_owned(),
                    reference: reference.base_name().to_owned(),
                });
            };
            insert_reference.execute(params![referrer, id]).map_err(error)?;
        }
    }
    let mut insert_output = connection
        .prepare_cached("insert or replace into DerivationOutputs (drv, id, path) values (?, ?, ?)")
        .map_err(error)?;
    for Registration { info, outputs } in registrations {
        for (name, path) in outputs.iter().flatten() {
            let values = params![ids.get(&info.path), name, directory.display(path)];
            insert_output.execute(values).map_err(error)?;
        }
    }
    Ok(())
}

fn id(connection: &Connection, directory: &StoreDir, path: &StorePath) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("select id from ValidPaths where path = ?")?
        .query_row([directory.display(path)], |row| row.get(0))
        .optional()
}

fn strings(
    connection: &Connection,
    statement: &str,
    values: impl rusqlite::Params,
) -> rusqlite::Result<Vec<String>> {
    connection.prepare_cached(statement)?.query_map(values, |row| row.get(0))?.collect()
}

/// Turns write-ahead logging on. SQLite does not wait for other processes here, so several that open a new store
/// at once have to try again.
fn write_ahead_logging(connection: &Connection) -> rusqlite::Result<()> {
    let mut waited = Duration::ZERO;
    let pause = Duration::from_millis(10);
    loop {
        let result =
            connection.query_row("pragma journal_mode", [], |row| row.get::<_, String>(0)).and_then(|mode| {
                if mode != "wal" {
                    connection.query_row("pragma journal_mode = wal", [], |_| Ok(()))?;
                }
                Ok(())
            });
        match result {
            Err(error) if is_busy(&error) && waited < BUSY_TIMEOUT => {
                thread::sleep(pause);
                waited += pause;
            }
            result => return result,
        }
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// The address of a database that nobody writes (SQLite, "Uniform Resource Identifiers").
fn immutable_uri(path: &Path) -> String {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-".contains(byte) {
            uri.push(*byte as char);
        } else {
            uri.push_str(&format!("%{byte:02x}"));
        }
    }
    uri.push_str("?immutable=1");
    uri
}
