//! From a compressed archive to files that are what they should be.

use std::io::{self, BufReader, Read};

use nix_store::local::{Unfinished, remove_tree};
use nix_store::{
    ContentAddress, ContentAddressMethod, HashAlgorithm, HashingReader, HashingWriter, LocalStore, NarInfo,
    ValidPathInfo, nar,
};

use super::fetch::Content;
use crate::cache::Cache;
use crate::compression::Compression;
use crate::error::Result;

/// Bytes read from a decoder at a time.
const BUFFER: usize = 64 << 10;

/// Unpacks `content` at the place of `unfinished` and puts it where the path belongs, if hash and size are right. It is
/// registered by the caller.
///
/// # Errors
/// [`Error::Wrong`] for content that is not what the cache said; the transport's; those of this machine's files.
pub(super) fn restore(
    store: &LocalStore,
    unfinished: &mut Unfinished<'_>,
    cache: &Cache,
    narinfo: &NarInfo,
    mut content: Content,
) -> Result<ValidPathInfo> {
    // An attempt with another cache may have left something.
    remove_tree(unfinished.place())?;
    let unpacked = unpack(unfinished, cache, narinfo, &mut content);
    if let Some(failure) = content.take_failure() {
        return Err(failure);
    }
    unpacked?;
    let expected = &narinfo.info;
    if let Some(address) = &expected.content_address {
        check_content_address(unfinished, cache, expected, address)?;
    }
    unfinished.finish_hashed(expected.nar_hash, expected.nar_size)?;
    if expected.path.is_derivation() {
        store
            .read_derivation(&expected.path)
            .map_err(|error| cache.wrong(expected.path.base_name(), error.to_string()))?;
    }
    let mut info = expected.clone();
    info.registration_time = 0;
    info.ultimate = false;
    Ok(info)
}

fn unpack(
    unfinished: &Unfinished<'_>,
    cache: &Cache,
    narinfo: &NarInfo,
    content: &mut Content,
) -> Result<()> {
    let expected = &narinfo.info;
    let name = expected.path.base_name();
    let broken =
        |error: &dyn std::fmt::Display| cache.wrong(name, format!("its archive cannot be unpacked: {error}"));
    let compression: Compression = narinfo.compression.parse()?;
    let decoder = compression.decoder(content).map_err(|error| broken(&error))?;
    // One byte more shows that there is too much; a bomb is not unpacked further.
    let limited = BufReader::with_capacity(BUFFER, decoder.take(expected.nar_size.saturating_add(1)));
    let mut reader = HashingReader::new(HashAlgorithm::Sha256, limited);
    match nar::restore(&mut reader, unfinished.place()) {
        Ok(()) => {}
        Err(nix_store::Error::Stream { source, .. }) => return Err(broken(&source)),
        Err(error @ nix_store::Error::InvalidNar { .. }) => return Err(cache.wrong(name, error.to_string())),
        Err(error) => return Err(error.into()),
    }
    let (hash, size, mut rest) = reader.finish();
    if size != expected.nar_size {
        let problem = format!("its archive has {size} bytes instead of {}", expected.nar_size);
        return Err(cache.wrong(name, problem));
    }
    if hash != expected.nar_hash {
        return Err(
            cache.wrong(name, format!("its archive's hash is {hash} instead of {}", expected.nar_hash))
        );
    }
    // Most compressions have a checksum of their own behind the content; a transfer that breaks off there is noticed too.
    match rest.read(&mut [0]) {
        Ok(0) => Ok(()),
        Ok(_) => Err(cache.wrong(name, "something stands behind its archive".to_owned())),
        Err(error) => Err(broken(&error)),
    }
}

/// Checks what a path without signature is believed for: that its content is that of its content address.
fn check_content_address(
    unfinished: &Unfinished<'_>,
    cache: &Cache,
    expected: &ValidPathInfo,
    address: &ContentAddress,
) -> Result<()> {
    let algorithm = address.hash.algorithm();
    let actual = match address.method {
        // Hashed without the names of itself in it: its signature vouches for it.
        ContentAddressMethod::Recursive if expected.references.contains(&expected.path) => return Ok(()),
        ContentAddressMethod::Recursive if algorithm == HashAlgorithm::Sha256 => expected.nar_hash,
        ContentAddressMethod::Recursive => {
            let mut writer = HashingWriter::new(algorithm, io::sink());
            nar::dump(unfinished.place(), &mut writer)?;
            writer.finish().0
        }
        ContentAddressMethod::Flat | ContentAddressMethod::Text => {
            let is_file = unfinished.place().symlink_metadata().is_ok_and(|metadata| metadata.is_file());
            if !is_file {
                let problem = "it is no file, as its content address demands".to_owned();
                return Err(cache.wrong(expected.path.base_name(), problem));
            }
            nar::hash_file(algorithm, unfinished.place())?
        }
    };
    match actual == address.hash {
        true => Ok(()),
        false => {
            let problem = format!("its content's hash is {actual}, but its content address {address}");
            Err(cache.wrong(expected.path.base_name(), problem))
        }
    }
}
