//! What caches said, kept for later runs: `binary-cache-v6.sqlite` in Nix's own schema (`nar-info-disk-cache.cc`), so
//! that in one directory with Nix's each knows what the other asked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix_store::{CacheInfo, Hash, NarInfo, StoreDir, StorePath, ValidPathInfo};
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};

use crate::error::{Error, Result};
use crate::settings::Settings;

/// The file's name: the version is that of the schema.
const FILE: &str = "binary-cache-v6.sqlite";

/// How long what a cache says of itself is believed; Nix's value.
const CACHE_INFO_TTL: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How often old entries are looked for; Nix's value.
const PURGE_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// How long to wait for another process's transaction. Who waits longer asks the caches instead.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

const SCHEMA: &str = "
    create table if not exists BinaryCaches (
        id integer primary key autoincrement not null, url text unique not null, timestamp integer not null,
        storeDir text not null, wantMassQuery integer not null, priority integer not null
    );
    create table if not exists NARs (
        cache integer not null, hashPart text not null, namePart text, url text, compression text, fileHash text,
        fileSize integer, narHash text, narSize integer, refs text, deriver text, sigs text, ca text,
        timestamp integer not null, present integer not null,
        primary key (cache, hashPart), foreign key (cache) references BinaryCaches(id) on delete cascade
    );
    create table if not exists Realisations (
        cache integer not null, outputId text not null, content blob, timestamp integer not null,
        primary key (cache, outputId), foreign key (cache) references BinaryCaches(id) on delete cascade
    );
    create table if not exists LastPurge (dummy text primary key, value integer);
";

/// What is remembered of a path.
#[derive(Debug)]
pub(crate) enum Remembered {
    /// The cache has it.
    Present(Box<NarInfo>),
    /// The cache has not got it.
    Absent,
}

/// The number of a cache in the database.
pub(crate) type CacheId = i64;

pub(crate) struct LookupCache {
    path: PathBuf,
    connection: Mutex<Connection>,
    directory: StoreDir,
    positive_ttl: Duration,
    negative_ttl: Duration,
}

impl LookupCache {
    pub(crate) fn open(directory: &Path, settings: &Settings) -> Result<Self> {
        std::fs::create_dir_all(directory).map_err(|error| Error::io("create", directory, error))?;
        let path = directory.join(FILE);
        let failed = |source| Error::LookupCache { path: path.clone(), source };
        let connection = Connection::open(&path).map_err(failed)?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
        // All of it can be asked for again: a loss of power may cost some of it.
        connection.pragma_update(None, "synchronous", "off").map_err(failed)?;
        connection.pragma_update_and_check(None, "journal_mode", "truncate", |_| Ok(())).map_err(failed)?;
        connection.pragma_update(None, "foreign_keys", true).map_err(failed)?;
        connection.execute_batch(SCHEMA).map_err(failed)?;
        let cache = LookupCache {
            path: path.clone(),
            connection: Mutex::new(connection),
            directory: settings.store_directory.clone(),
            positive_ttl: settings.positive_ttl,
            negative_ttl: settings.negative_ttl,
        };
        cache.purge().map_err(failed)?;
        Ok(cache)
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, source: rusqlite::Error) -> Error {
        Error::LookupCache { path: self.path.clone(), source }
    }

    fn purge(&self) -> rusqlite::Result<()> {
        let connection = self.connection();
        let last: Option<i64> =
            connection.query_row("select value from LastPurge", [], |row| row.get(0)).optional()?;
        if last.is_some_and(|last| last >= ago(PURGE_INTERVAL)) {
            return Ok(());
        }
        connection.execute(
            "delete from NARs where (present = 0 and timestamp < ?) or (present = 1 and timestamp < ?)",
            [ago(self.negative_ttl), ago(self.positive_ttl)],
        )?;
        connection.execute("insert or replace into LastPurge (dummy, value) values ('', ?)", [now()])?;
        Ok(())
    }

    /// What the cache said of itself, not too long ago.
    pub(crate) fn cache_info(&self, url: &str) -> Result<Option<(CacheId, CacheInfo)>> {
        self.connection()
            .query_row(
                "select id, storeDir, wantMassQuery, priority from BinaryCaches where url = ? and timestamp > ?",
                params![url, ago(CACHE_INFO_TTL)],
                |row| {
                    let info = CacheInfo {
                        store_directory: Some(row.get(1)?),
                        want_mass_query: Some(row.get(2)?),
                        priority: Some(row.get(3)?),
                    };
                    Ok((row.get(0)?, info))
                },
            )
            .optional()
            .map_err(|error| self.failed(error))
    }

    pub(crate) fn remember_cache(&self, url: &str, info: &CacheInfo) -> Result<CacheId> {
        self.connection()
            .query_row(
                "insert into BinaryCaches (url, timestamp, storeDir, wantMassQuery, priority) values (?, ?, ?, ?, ?)
                 on conflict (url) do update set timestamp = excluded.timestamp, storeDir = excluded.storeDir,
                     wantMassQuery = excluded.wantMassQuery, priority = excluded.priority
                 returning id",
                params![
                    url,
                    now(),
                    info.store_directory.as_deref().unwrap_or(self.directory.as_str()),
                    info.want_mass_query.unwrap_or(false),
                    info.priority.unwrap_or(0),
                ],
                |row| row.get(0),
            )
            .map_err(|error| self.failed(error))
    }

    /// What the cache said of these paths, not too long ago.
    pub(crate) fn recall(
        &self,
        cache: CacheId,
        paths: &[StorePath],
    ) -> Result<BTreeMap<StorePath, Remembered>> {
        let connection = self.connection();
        let read = || -> rusqlite::Result<BTreeMap<StorePath, Remembered>> {
            let mut known = BTreeMap::new();
            let transaction = connection.unchecked_transaction()?;
            let mut statement = transaction.prepare_cached(
                "select present, namePart, url, compression, fileHash, fileSize, narHash, narSize, refs, deriver, sigs, ca
                 from NARs where cache = ? and hashPart = ?
                 and ((present = 0 and timestamp > ?) or (present = 1 and timestamp > ?))",
            )?;
            let (negative, positive) = (ago(self.negative_ttl), ago(self.positive_ttl));
            for path in paths {
                let values = params![cache, path.hash_part(), negative, positive];
                let row = statement
                    .query_row(values, |row| match row.get(0)? {
                        false => Ok(Some(Remembered::Absent)),
                        true => Ok(narinfo(row, path)?.map(|info| Remembered::Present(Box::new(info)))),
                    })
                    .optional()?;
                // An entry that makes no sense is as good as none.
                if let Some(remembered) = row.flatten() {
                    known.insert(path.clone(), remembered);
                }
            }
            Ok(known)
        };
        read().map_err(|error| self.failed(error))
    }

    /// Keeps answers.
    pub(crate) fn remember<'answers>(
        &self,
        cache: CacheId,
        answers: impl IntoIterator<Item = (&'answers StorePath, Option<&'answers NarInfo>)>,
    ) -> Result<()> {
        let mut connection = self.connection();
        let write = || -> rusqlite::Result<()> {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mut statement = transaction.prepare_cached(
                "insert or replace into NARs (cache, hashPart, namePart, url, compression, fileHash, fileSize, narHash,
                     narSize, refs, deriver, sigs, ca, timestamp, present)
                 values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )?;
            for (path, narinfo) in answers {
                let info = narinfo.map(|narinfo| &narinfo.info);
                statement.execute(params![
                    cache,
                    path.hash_part(),
                    info.map(|info| info.path.name()),
                    narinfo.map(|narinfo| &narinfo.url),
                    narinfo.map(|narinfo| &narinfo.compression),
                    narinfo.and_then(|narinfo| narinfo.file_hash).map(|hash| hash.to_prefixed_base32()),
                    narinfo.and_then(|narinfo| narinfo.file_size).and_then(|size| i64::try_from(size).ok()),
                    info.map(|info| info.nar_hash.to_prefixed_base32()),
                    info.and_then(|info| i64::try_from(info.nar_size).ok()),
                    info.map(|info| joined(info.references.iter().map(StorePath::base_name))),
                    info.and_then(|info| info.deriver.as_ref()).map(StorePath::base_name),
                    info.map(|info| joined(info.signatures.iter().map(String::as_str))),
                    // Nix reads an empty text here, but no null.
                    info.map(|info| info
                        .content_address
                        .map_or(String::new(), |address| address.to_string())),
                    now(),
                    narinfo.is_some(),
                ])?;
            }
            drop(statement);
            transaction.commit()
        };
        write().map_err(|error| self.failed(error))
    }

    /// Forgets what was said of a path: it turned out to be wrong.
    pub(crate) fn forget(&self, cache: CacheId, path: &StorePath) -> Result<()> {
        self.connection()
            .execute("delete from NARs where cache = ? and hashPart = ?", params![cache, path.hash_part()])
            .map_err(|error| self.failed(error))?;
        Ok(())
    }
}

/// An entry as the narinfo that it was made of; `None` if it is of another path or makes no sense.
fn narinfo(row: &Row<'_>, path: &StorePath) -> rusqlite::Result<Option<NarInfo>> {
    let name: String = row.get(1)?;
    let file_hash: Option<String> = row.get(4)?;
    let nar_hash: String = row.get(6)?;
    let nar_size: u64 = row.get::<_, Option<i64>>(7)?.and_then(|size| u64::try_from(size).ok()).unwrap_or(0);
    let references: Option<String> = row.get(8)?;
    let deriver: Option<String> = row.get(9)?;
    let signatures: Option<String> = row.get(10)?;
    let address: Option<String> = row.get(11)?;
    let parse = || -> Option<ValidPathInfo> {
        let mut info = ValidPathInfo::new(path.clone(), Hash::parse_any_prefixed(&nar_hash).ok()?, nar_size);
        info.ultimate = false;
        for reference in references.as_deref().unwrap_or_default().split_ascii_whitespace() {
            info.references.insert(StorePath::from_base_name(reference).ok()?);
        }
        if let Some(deriver) = deriver.as_deref().filter(|deriver| !deriver.is_empty()) {
            info.deriver = Some(StorePath::from_base_name(deriver).ok()?);
        }
        info.signatures =
            signatures.as_deref().unwrap_or_default().split_ascii_whitespace().map(str::to_owned).collect();
        if let Some(address) = address.as_deref().filter(|address| !address.is_empty()) {
            info.content_address = Some(address.parse().ok()?);
        }
        (name == path.name() && nar_size > 0).then_some(info)
    };
    let (Some(info), Some(url)) = (parse(), row.get::<_, Option<String>>(2)?) else { return Ok(None) };
    Ok(Some(NarInfo {
        info,
        url,
        compression: row.get::<_, Option<String>>(3)?.unwrap_or_else(|| "bzip2".to_owned()),
        file_hash: file_hash.and_then(|hash| Hash::parse_any_prefixed(&hash).ok()),
        file_size: row
            .get::<_, Option<i64>>(5)?
            .and_then(|size| u64::try_from(size).ok())
            .filter(|size| *size > 0),
    }))
}

fn joined<'text>(words: impl Iterator<Item = &'text str>) -> String {
    words.collect::<Vec<_>>().join(" ")
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn ago(duration: Duration) -> i64 {
    now().saturating_sub(i64::try_from(duration.as_secs()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn narinfo() -> NarInfo {
        let path = StorePath::from_base_name("0q5xkqvgjp92hv457pc4sayp4f32n1gz-dd").unwrap();
        let mut info = ValidPathInfo::new(path.clone(), Hash::sha256(b"x"), 288);
        info.ultimate = false;
        info.references.insert(path.clone());
        info.deriver = Some(path);
        info.signatures.extend(["a:1".to_owned(), "b:2".to_owned()]);
        info.content_address =
            Some(format!("fixed:r:{}", info.nar_hash.to_prefixed_base32()).parse().unwrap());
        NarInfo {
            info,
            url: "nar/x".to_owned(),
            compression: "zstd".to_owned(),
            file_hash: Some(Hash::sha256(b"y")),
            file_size: Some(7),
        }
    }

    #[test]
    fn answers_are_remembered_until_they_are_too_old() {
        let place = tempfile::tempdir().unwrap();
        let settings = Settings::default();
        let cache = LookupCache::open(place.path(), &settings).unwrap();
        let info = CacheInfo {
            store_directory: Some("/nix/store".to_owned()),
            want_mass_query: Some(true),
            priority: Some(40),
        };
        let id = cache.remember_cache("https://a", &info).unwrap();
        assert_eq!(cache.remember_cache("https://a", &info).unwrap(), id);
        assert_eq!(cache.cache_info("https://a").unwrap(), Some((id, info)));
        assert!(cache.cache_info("https://b").unwrap().is_none());

        let present = narinfo();
        let absent = StorePath::from_base_name("00000000000000000000000000000000-absent").unwrap();
        cache.remember(id, [(&present.info.path, Some(&present)), (&absent, None)]).unwrap();
        let paths = [present.info.path.clone(), absent.clone()];
        let known = cache.recall(id, &paths).unwrap();
        assert!(matches!(&known[&paths[0]], Remembered::Present(info) if **info == present));
        assert!(matches!(&known[&absent], Remembered::Absent));
        assert!(cache.recall(id + 1, &paths).unwrap().is_empty());
        cache.forget(id, &absent).unwrap();
        assert_eq!(cache.recall(id, &paths).unwrap().len(), 1);

        drop(cache);
        let old = Settings { positive_ttl: Duration::ZERO, ..settings };
        assert!(LookupCache::open(place.path(), &old).unwrap().recall(id, &paths).unwrap().is_empty());
    }
}
