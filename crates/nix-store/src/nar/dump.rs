//! Archives of what lies in a file system.

use std::ffi::OsString;
use std::fs::{self, File, FileType};
use std::io::{self, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use rustix::fs::SeekFrom;
use rustix::io::Errno;

use super::{DEEPEST, NarWriter};
use crate::error::{Error, Result};
use crate::hash::{Hash, HashAlgorithm, Hasher, HashingWriter};

/// The types of files that an archive can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A symlink, never followed.
    Symlink,
}

impl FileKind {
    pub(crate) fn of(file_type: FileType) -> Option<Self> {
        if file_type.is_file() {
            Some(FileKind::Regular)
        } else if file_type.is_dir() {
            Some(FileKind::Directory)
        } else if file_type.is_symlink() {
            Some(FileKind::Symlink)
        } else {
            None
        }
    }

    /// The type's name in the Nix language: `regular`, `directory`, `symlink`.
    pub const fn name(self) -> &'static str {
        match self {
            FileKind::Regular => "regular",
            FileKind::Directory => "directory",
            FileKind::Symlink => "symlink",
        }
    }
}

/// Says of a path and its kind whether it is kept; `None` is a device, socket or pipe.
pub type Filter<'filter, E> = dyn FnMut(&Path, Option<FileKind>) -> Result<bool, E> + 'filter;

/// Writes the archive of `path`.
///
/// # Errors
/// The file system's, the writer's, a file of a type that the store cannot hold, or one that shrinks while it is read.
pub fn dump(path: &Path, writer: &mut impl Write) -> Result<()> {
    dump_filtered(path, &mut |_, _| Ok::<_, Error>(true), writer)
}

/// Writes the archive of `path` without the files that `filter` refuses. `filter` sees each path below
/// `path` (not `path` itself) and its kind, a directory before what is in it; `None` is a device,
/// socket or pipe, which is an error only if it is kept.
///
/// # Errors
/// As [`dump`], and those of `filter`.
pub fn dump_filtered<E: From<Error>>(
    path: &Path,
    filter: &mut Filter<'_, E>,
    writer: &mut impl Write,
) -> Result<(), E> {
    let kind =
        FileKind::of(fs::symlink_metadata(path).map_err(|error| Error::io("read", path, error))?.file_type());
    let mut dumper = Dumper { writer: NarWriter::new(writer), filter };
    dumper.node(path, kind, 0)?;
    dumper.writer.finish().map_err(write_error)?;
    Ok(())
}

/// The SHA-256 and the size of the archive of `path`, in one pass.
pub fn hash_path(path: &Path) -> Result<(Hash, u64)> {
    hash_path_filtered(path, &mut |_, _| Ok::<_, Error>(true))
}

/// As [`hash_path`], without the files that `filter` refuses (see [`dump_filtered`]).
pub fn hash_path_filtered<E: From<Error>>(path: &Path, filter: &mut Filter<'_, E>) -> Result<(Hash, u64), E> {
    let mut writer = HashingWriter::new(HashAlgorithm::Sha256, io::sink());
    dump_filtered(path, filter, &mut writer)?;
    let (hash, size, _) = writer.finish();
    Ok((hash, size))
}

fn write_error(source: io::Error) -> Error {
    Error::Stream { action: "write", source }
}

struct Dumper<'filter, 'inner, W, E> {
    writer: NarWriter<W>,
    filter: &'filter mut Filter<'inner, E>,
}

impl<W: Write, E: From<Error>> Dumper<'_, '_, W, E> {
    fn node(&mut self, path: &Path, kind: Option<FileKind>, depth: usize) -> Result<(), E> {
        match kind {
            Some(FileKind::Regular) => Ok(self.file(path)?),
            Some(FileKind::Symlink) => {
                let target = fs::read_link(path).map_err(|error| Error::io("read", path, error))?;
                Ok(self.writer.symlink(target.as_os_str().as_bytes()).map_err(write_error)?)
            }
            Some(FileKind::Directory) if depth < DEEPEST => self.directory(path, depth),
            Some(FileKind::Directory) => {
                Err(Error::io("read", path, io::ErrorKind::InvalidFilename.into()).into())
            }
            None => Err(Error::UnsupportedFileType { path: path.to_path_buf() }.into()),
        }
    }

    fn file(&mut self, path: &Path) -> Result<()> {
        let read_error = |error| Error::io("read", path, error);
        let mut file = File::open(path).map_err(read_error)?;
        let metadata = file.metadata().map_err(read_error)?;
        if !metadata.is_file() {
            return Err(Error::FileChanged { path: path.to_path_buf() });
        }
        let executable = metadata.permissions().mode() & 0o100 != 0;
        let may_have_holes = metadata.blocks() * 512 < metadata.len();
        let (position, next) = (0, if may_have_holes { 0 } else { u64::MAX });
        let mut reader = FileReader { file: &mut file, failed: false, position, next, in_hole: false };
        match self.writer.file(executable, metadata.len(), &mut reader) {
            Ok(0) => Ok(()),
            Ok(_) => Err(Error::FileChanged { path: path.to_path_buf() }),
            Err(error) if reader.failed => Err(read_error(error)),
            Err(error) => Err(write_error(error)),
        }
    }

    fn directory(&mut self, path: &Path, depth: usize) -> Result<(), E> {
        let read_error = |error| Error::io("read", path, error);
        let mut entries: Vec<(OsString, Option<FileKind>)> = Vec::new();
        for entry in fs::read_dir(path).map_err(read_error)? {
            let entry = entry.map_err(read_error)?;
            let kind = FileKind::of(entry.file_type().map_err(read_error)?);
            entries.push((entry.file_name(), kind));
        }
        entries.sort_unstable_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
        self.writer.begin_directory();
        let mut below = path.to_path_buf();
        for (name, kind) in entries {
            below.push(&name);
            if (self.filter)(&below, kind)? {
                self.writer.begin_entry(&name.into_vec());
                self.node(&below, kind, depth + 1)?;
                self.writer.end_entry().map_err(write_error)?;
            }
            below.pop();
        }
        self.writer.end_directory().map_err(write_error)?;
        Ok(())
    }
}

/// Reads a file from its beginning to its end, and tells an error of it from one of the writer. Holes are not read: the
/// kernel would fill its cache with zeros for them, and images of disks are mostly holes.
struct FileReader<'file> {
    file: &'file mut File,
    failed: bool,
    position: u64,
    /// Where the hole or the data that is being read ends.
    next: u64,
    in_hole: bool,
}

impl FileReader<'_> {
    /// Finds out what is at the position, and where it ends. A file system that cannot tell has data only.
    fn look_ahead(&mut self) -> io::Result<()> {
        (self.in_hole, self.next) = match rustix::fs::seek(&*self.file, SeekFrom::Data(self.position)) {
            Ok(data) if data > self.position => (true, data),
            Ok(_) => match rustix::fs::seek(&*self.file, SeekFrom::Hole(self.position)) {
                Ok(hole) if hole > self.position => (false, hole),
                _ => (false, u64::MAX),
            },
            Err(Errno::NXIO) => match self.file.metadata()?.len() {
                end if end > self.position => (true, end),
                _ => (false, u64::MAX),
            },
            Err(_) => (false, u64::MAX),
        };
        let start = if self.in_hole { self.next } else { self.position };
        rustix::fs::seek(&*self.file, SeekFrom::Start(start))?;
        Ok(())
    }

    fn read_some(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position == self.next {
            self.look_ahead()?;
        }
        let left = usize::try_from(self.next - self.position).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        let buffer = &mut buffer[..wanted];
        if self.in_hole {
            buffer.fill(0);
            Ok(wanted)
        } else {
            self.file.read(buffer)
        }
    }
}

impl Read for FileReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let result = self.read_some(buffer);
        match &result {
            Ok(count) => self.position += *count as u64,
            Err(_) => self.failed = true,
        }
        result
    }
}

/// The hash of a single file's bytes ([`crate::ContentAddressMethod::Flat`]).
pub fn hash_file(algorithm: HashAlgorithm, path: &Path) -> Result<Hash> {
    let read_error = |error| Error::io("read", path, error);
    let mut file = File::open(path).map_err(read_error)?;
    if !file.metadata().map_err(read_error)?.is_file() {
        return Err(Error::UnsupportedFileType { path: path.to_path_buf() });
    }
    let mut hasher = Hasher::new(algorithm);
    io::copy(&mut file, &mut hasher).map_err(read_error)?;
    Ok(hasher.finish())
}
