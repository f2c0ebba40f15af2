//! Archives: what they hold, written to a directory.
//!
//! Nix takes of an archive's members what a store path can hold: files, whether they may be executed, directories, links.
//! If everything lies in one directory, that is the tree.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use crate::error::Error;

/// How an archive is packed, by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    Gzip,
    Xz,
    Zstandard,
    Bzip2,
    Zip,
    /// A tar archive without compression, or something that is none.
    Plain,
}

impl Packing {
    fn of(start: &[u8]) -> Self {
        match start {
            [0x1f, 0x8b, ..] => Packing::Gzip,
            [0xfd, b'7', b'z', b'X', b'Z', ..] => Packing::Xz,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Packing::Zstandard,
            [b'B', b'Z', b'h', ..] => Packing::Bzip2,
            [b'P', b'K', 3 | 5, 4 | 6, ..] => Packing::Zip,
            _ => Packing::Plain,
        }
    }
}

/// Unpacks the archive that `reader` yields, whatever its compression. `directory` is made; `url` is for messages.
/// Returns when the newest member was changed, in seconds since 1970.
pub(crate) fn unpack(reader: impl Read, url: &str, directory: &Path) -> Result<u64, Error> {
    let broken = |source| Error::Archive { url: url.to_owned(), source };
    let mut reader = BufReader::with_capacity(256 << 10, reader);
    let packing = Packing::of(reader.fill_buf().map_err(broken)?);
    let unpacked = directory.with_extension("unpacked");
    fs::create_dir(&unpacked).map_err(Error::file("make the directory", &unpacked))?;
    let members = Members { url, root: &unpacked };
    let newest = match packing {
        Packing::Gzip => members.tar(flate2::bufread::MultiGzDecoder::new(reader)),
        Packing::Xz => members.tar(liblzma::bufread::XzDecoder::new_multi_decoder(reader)),
        Packing::Zstandard => members.tar(zstd::Decoder::with_buffer(reader).map_err(broken)?),
        Packing::Bzip2 => members.tar(bzip2::bufread::MultiBzDecoder::new(reader)),
        Packing::Plain => members.tar(reader),
        Packing::Zip => {
            // Its table of contents stands at the end.
            let mut file = tempfile::tempfile().map_err(broken)?;
            io::copy(&mut reader, &mut file).map_err(broken)?;
            file.rewind().map_err(broken)?;
            members.zip(file)
        }
    }?;
    let tree = only_directory(&unpacked)?;
    fs::rename(&tree, directory).map_err(Error::file("write", directory))?;
    if tree != unpacked {
        fs::remove_dir(&unpacked).map_err(Error::file("remove", &unpacked))?;
    }
    Ok(newest)
}

/// The one directory that everything lies in, or the directory itself.
fn only_directory(unpacked: &Path) -> Result<PathBuf, Error> {
    let mut entries = fs::read_dir(unpacked).map_err(Error::file("read", unpacked))?;
    if let (Some(Ok(first)), None) = (entries.next(), entries.next())
        && first.file_type().is_ok_and(|kind| kind.is_dir())
    {
        return Ok(first.path());
    }
    Ok(unpacked.to_owned())
}

/// Where members are written to.
struct Members<'a> {
    url: &'a str,
    root: &'a Path,
}

impl Members<'_> {
    fn tar(&self, reader: impl Read) -> Result<u64, Error> {
        let broken = |source| Error::Archive { url: self.url.to_owned(), source };
        let mut archive = tar::Archive::new(reader);
        let mut newest = 0;
        for entry in archive.entries().map_err(broken)? {
            let mut entry = entry.map_err(broken)?;
            let path = self.place(&entry.path().map_err(broken)?)?;
            newest = newest.max(entry.header().mtime().map_err(broken)?);
            let kind = entry.header().entry_type();
            let Some(path) = path else { continue };
            if kind.is_dir() {
                self.directory(&path)?;
            } else if kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse() {
                let executable = entry.header().mode().map_err(broken)? & 0o100 != 0;
                self.file(&path, executable, &mut entry)?;
            } else if kind.is_symlink() || kind.is_hard_link() {
                let Some(target) = entry.link_name().map_err(broken)? else {
                    return Err(self.refused(&path, "is a link without a target"));
                };
                if kind.is_symlink() {
                    self.clear(&path)?;
                    symlink(&target, &path).map_err(Error::file("write", &path))?;
                } else {
                    self.hard_link(&path, &target)?;
                }
            } else {
                return Err(self.refused(&path, "is neither a file, a directory nor a link"));
            }
        }
        Ok(newest)
    }

    fn zip(&self, file: fs::File) -> Result<u64, Error> {
        let broken =
            |error: zip::result::ZipError| Error::Archive { url: self.url.to_owned(), source: error.into() };
        let mut archive = zip::ZipArchive::new(file).map_err(broken)?;
        let mut newest = 0;
        for index in 0..archive.len() {
            let mut entry = archive.by_index(index).map_err(broken)?;
            let name = entry.name().map_err(broken)?.into_owned();
            let Some(path) = self.place(Path::new(&name))? else { continue };
            newest = newest.max(entry.last_modified().and_then(dos_time).unwrap_or(0));
            if entry.is_dir() {
                self.directory(&path)?;
            } else if entry.is_symlink() {
                let mut target = Vec::new();
                entry
                    .read_to_end(&mut target)
                    .map_err(|source| Error::Archive { url: self.url.to_owned(), source })?;
                self.clear(&path)?;
                let target: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(target.as_slice());
                symlink(target, &path).map_err(Error::file("write", &path))?;
            } else {
                let executable = entry.unix_mode().unwrap_or(0) & 0o100 != 0;
                self.file(&path, executable, &mut entry)?;
            }
        }
        Ok(newest)
    }

    /// The place of a member; `None` for the root itself.
    fn place(&self, member: &Path) -> Result<Option<PathBuf>, Error> {
        let mut place = self.root.to_owned();
        for part in member.components() {
            match part {
                Component::Normal(name) => {
                    // Below a link a member would land elsewhere.
                    if fs::symlink_metadata(&place).is_ok_and(|metadata| metadata.is_symlink()) {
                        return Err(self.refused(member, "lies below a link"));
                    }
                    place.push(name);
                }
                Component::CurDir | Component::RootDir => {}
                _ => return Err(self.refused(member, "leads out of the archive")),
            }
        }
        Ok((place != self.root).then_some(place))
    }

    fn refused(&self, member: &Path, what: &str) -> Error {
        let member = member.strip_prefix(self.root).unwrap_or(member);
        Error::ArchiveMember { url: self.url.to_owned(), reason: format!("'{}' {what}", member.display()) }
    }

    fn directory(&self, path: &Path) -> Result<(), Error> {
        if fs::symlink_metadata(path).is_ok_and(|metadata| !metadata.is_dir()) {
            self.clear(path)?;
        }
        fs::create_dir_all(path).map_err(Error::file("make the directory", path))
    }

    /// Makes room for a member: the last one of a name counts.
    fn clear(&self, path: &Path) -> Result<(), Error> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(Error::file("make the directory", parent))?;
        }
        match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_dir() => Err(self.refused(path, "is a directory and something else")),
            Ok(_) => fs::remove_file(path).map_err(Error::file("replace", path)),
            Err(_) => Ok(()),
        }
    }

    fn file(&self, path: &Path, executable: bool, contents: &mut impl Read) -> Result<(), Error> {
        self.clear(path)?;
        let mode = if executable { 0o755 } else { 0o644 };
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(path)
            .map_err(Error::file("write", path))?;
        io::copy(contents, &mut file)
            .map_err(|source| Error::Archive { url: self.url.to_owned(), source })?;
        Ok(())
    }

    /// Another name of a member that came before.
    fn hard_link(&self, path: &Path, target: &Path) -> Result<(), Error> {
        let Some(target) = self
            .place(target)?
            .filter(|target| fs::symlink_metadata(target).is_ok_and(|metadata| metadata.is_file()))
        else {
            return Err(self.refused(path, "is a link to something that is not before it in the archive"));
        };
        if target == path {
            return Ok(());
        }
        self.clear(path)?;
        fs::copy(&target, path).map_err(Error::file("write", path))?;
        Ok(())
    }
}

/// A time in a zip archive, which has no time zone: libarchive takes it for local time, where it was packed; so do we, for
/// UTC, which is what reproducible archives are packed in.
fn dos_time(time: zip::DateTime) -> Option<u64> {
    let date = jiff::civil::date(
        time.year().try_into().ok()?,
        time.month().try_into().ok()?,
        time.day().try_into().ok()?,
    );
    let time = date.at(
        time.hour().try_into().ok()?,
        time.minute().try_into().ok()?,
        time.second().try_into().ok()?,
        0,
    );
    let seconds = time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second();
    u64::try_from(seconds).ok()
}
