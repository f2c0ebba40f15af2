//! From a valid path to a compressed archive and its narinfo.

use std::io::{BufWriter, Write};

use nix_store::{HashAlgorithm, HashingWriter, LocalStore, NarInfo, SecretKey, StorePath, nar};

use crate::cache::Cache;
use crate::error::{Error, Result};
use crate::listing::listing;
use crate::storage::Temporary;

/// Bytes that go to the compressor, or to the file, at a time.
const BUFFER: usize = 256 << 10;

/// What goes into the cache.
pub(super) struct Packed {
    pub(super) narinfo: NarInfo,
    pub(super) archive: Temporary,
    pub(super) listing: Option<String>,
}

/// Packs a path, and signs what is said of it.
///
/// # Errors
/// [`Error::Damaged`] if the archive is not that which was registered; those of the file system.
pub(super) fn pack(
    store: &LocalStore,
    path: &StorePath,
    cache: &Cache,
    keys: &[SecretKey],
) -> Result<Packed> {
    let location = &cache.location;
    let mut info = store.path_info(path)?;
    let real = store.real_path(path);
    let file = BufWriter::with_capacity(BUFFER, cache.storage.temporary()?);
    let file = HashingWriter::new(HashAlgorithm::Sha256, file);
    let encoder = location.compression.encoder(file, location.level, location.parallel)?;
    let archive = HashingWriter::new(HashAlgorithm::Sha256, encoder);
    let mut archive = BufWriter::with_capacity(BUFFER, archive);
    nar::dump(&real, &mut archive)?;
    let failed = |error| Error::io("compress", &real, error);
    let archive = archive.into_inner().map_err(|error| failed(error.into_error()))?;
    let (nar_hash, nar_size, encoder) = archive.finish();
    if nar_hash != info.nar_hash || (info.nar_size != 0 && info.nar_size != nar_size) {
        return Err(Error::Damaged { path: path.base_name().to_owned() });
    }
    info.nar_size = nar_size;
    let mut file = encoder.finish().map_err(failed)?;
    file.flush().map_err(failed)?;
    let (file_hash, file_size, file) = file.finish();
    let archive = file.into_inner().map_err(|error| failed(error.into_error()))?;
    for key in keys {
        key.sign_path(&store.directory().clone(), &mut info)?;
    }
    let url = format!("nar/{}.nar{}", file_hash.to_base32(), location.compression.suffix());
    let narinfo = NarInfo {
        info,
        url,
        compression: location.compression.name().to_owned(),
        file_hash: Some(file_hash),
        file_size: Some(file_size),
    };
    let listing = if location.write_listings { Some(listing(&real)?) } else { None };
    Ok(Packed { narinfo, archive, listing })
}
