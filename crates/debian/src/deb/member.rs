//! Members of `control.tar` and `data.tar`.
//!
//! Format: tar(5), of which deb(5) allows the old, the ustar and the GNU form. The `tar` crate reads the headers; names
//! that do not fit into them (GNU's `L` and `K` members) are put together here, with a limit on their length: a hostile
//! archive could otherwise ask for any amount of memory.

use std::io::{BufReader, Read};

use tar::{Archive, Entry, EntryType};

use super::DebError;

/// No path that the kernel takes is longer.
const LONG_NAME_LIMIT: u64 = 4096;

/// Large enough that decoder, tar and file each handle a piece at a time that costs more than the call.
pub(super) const BUFFER: usize = 256 << 10;

/// What a member is.
pub(super) enum Kind {
    Directory,
    File,
    /// Another name for a file of the same archive.
    HardLink(Vec<u8>),
    Symlink(Vec<u8>),
}

/// One member, before its path was checked.
pub(super) struct Member<'a, R: Read> {
    pub(super) raw_path: Vec<u8>,
    pub(super) kind: Kind,
    pub(super) mode: u32,
    pub(super) uid: u64,
    pub(super) gid: u64,
    /// Length of a file's content.
    pub(super) size: u64,
    pub(super) content: Entry<'a, R>,
}

/// The decompressed content of the open ar member, by the suffix of its name.
pub(super) fn decompress<'a, R: Read + 'a>(
    name: &str,
    suffix: &str,
    reader: R,
) -> Result<Box<dyn Read + 'a>, DebError> {
    /// xz's strongest preset needs 65 MiB to decompress; more than four times that is an attack.
    const XZ_MEMORY: u64 = 300 << 20;
    let reader = BufReader::with_capacity(BUFFER, reader);
    Ok(match suffix {
        "" => Box::new(reader),
        ".gz" => Box::new(flate2::bufread::MultiGzDecoder::new(reader)),
        ".xz" => {
            let stream =
                liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, liblzma::stream::CONCATENATED)
                    .map_err(|error| DebError::Read(error.into()))?;
            Box::new(liblzma::bufread::XzDecoder::new_stream(reader, stream))
        }
        ".zst" => Box::new(zstd::stream::read::Decoder::with_buffer(reader).map_err(DebError::Read)?),
        _ => return Err(DebError::Compression(name.to_owned())),
    })
}

/// Calls `each` with every member of a tar archive, then reads what follows, so that checksums at the end of the
/// compressed stream are checked too.
pub(super) fn for_each<R: Read>(
    reader: R,
    mut each: impl FnMut(Member<'_, BufReader<R>>) -> Result<(), DebError>,
) -> Result<(), DebError> {
    let mut archive = Archive::new(BufReader::with_capacity(BUFFER, reader));
    let mut long_path: Option<Vec<u8>> = None;
    let mut long_target: Option<Vec<u8>> = None;
    for entry in archive.entries().map_err(DebError::Read)?.raw(true) {
        let mut entry = entry.map_err(DebError::Read)?;
        let entry_type = entry.header().entry_type();
        match entry_type {
            EntryType::GNULongName => {
                long_path = Some(long_name(&mut entry)?);
                continue;
            }
            EntryType::GNULongLink => {
                long_target = Some(long_name(&mut entry)?);
                continue;
            }
            _ => {}
        }
        let header = entry.header();
        let raw_path = long_path.take().unwrap_or_else(|| header.path_bytes().into_owned());
        let long_target = long_target.take();
        let target = || {
            long_target
                .or_else(|| header.link_name_bytes().map(std::borrow::Cow::into_owned))
                .unwrap_or_default()
        };
        let kind = match entry_type {
            EntryType::Directory => Kind::Directory,
            // The old form marks directories by the slash alone.
            EntryType::Regular | EntryType::Continuous if raw_path.ends_with(b"/") => Kind::Directory,
            EntryType::Regular | EntryType::Continuous => Kind::File,
            EntryType::Link => Kind::HardLink(target()),
            EntryType::Symlink => Kind::Symlink(target()),
            other => {
                return Err(DebError::Kind {
                    path: raw_path.escape_ascii().to_string(),
                    kind: match other {
                        EntryType::Char | EntryType::Block => "a device".to_owned(),
                        EntryType::Fifo => "a named pipe".to_owned(),
                        other => format!("of the tar type `{}`", other.as_byte().escape_ascii()),
                    },
                });
            }
        };
        let mode = header.mode().map_err(DebError::Read)? & 0o7777;
        let uid = header.uid().map_err(DebError::Read)?;
        let gid = header.gid().map_err(DebError::Read)?;
        let size = header.entry_size().map_err(DebError::Read)?;
        each(Member { raw_path, kind, mode, uid, gid, size, content: entry })?;
    }
    if long_path.is_some() || long_target.is_some() {
        return Err(DebError::Container("a long name stands at the end of a tar archive".to_owned()));
    }
    std::io::copy(&mut archive.into_inner(), &mut std::io::sink()).map_err(DebError::Read)?;
    Ok(())
}

fn long_name<R: Read>(entry: &mut Entry<'_, R>) -> Result<Vec<u8>, DebError> {
    let mut name = Vec::new();
    entry.take(LONG_NAME_LIMIT + 1).read_to_end(&mut name).map_err(DebError::Read)?;
    if name.len() as u64 > LONG_NAME_LIMIT {
        return Err(DebError::Container("a member has a name that is too long".to_owned()));
    }
    let end = memchr::memchr(0, &name).unwrap_or(name.len());
    name.truncate(end);
    Ok(name)
}
