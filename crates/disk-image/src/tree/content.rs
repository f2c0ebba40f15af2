use crate::error::{Error, Result};
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a regular file's bytes come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileSource {
    /// Kept in memory: for small generated files.
    Bytes(Arc<[u8]>),
    /// A file of the host, read when the image is written.
    Host(PathBuf),
}

/// A regular file's content: its size, where its bytes are, and which parts of it are data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileContent {
    source: FileSource,
    size: u64,
    /// Byte ranges that hold data, sorted and apart; `None`: all of it. The rest reads as zeros.
    data: Option<Vec<Range<u64>>>,
}

impl FileContent {
    /// Content kept in memory.
    pub fn from_bytes(bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes = bytes.into();
        Self { size: bytes.len() as u64, source: FileSource::Bytes(bytes), data: None }
    }

    /// The content of a regular file of the host, symbolic links followed, holes filled.
    ///
    /// # Errors
    ///
    /// [`Error::Read`] when there is no such file or it is not a regular one.
    pub fn from_host(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let metadata = std::fs::metadata(&path).map_err(|source| Error::read(&path, source))?;
        if !metadata.is_file() {
            return Err(Error::read(&path, std::io::Error::other("not a regular file")));
        }
        Ok(Self { size: metadata.len(), source: FileSource::Host(path), data: None })
    }

    /// The content of the host's file `path` of `size` bytes, with data only in `data`.
    pub(super) fn of_host(path: PathBuf, size: u64, data: Option<Vec<Range<u64>>>) -> Self {
        Self { source: FileSource::Host(path), size, data }
    }

    /// Bytes in the file, holes included.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Where the bytes are.
    pub fn source(&self) -> &FileSource {
        &self.source
    }

    /// The parts that hold data, in bytes; everything else is a hole.
    pub fn data_ranges(&self) -> Vec<Range<u64>> {
        match &self.data {
            Some(ranges) => ranges.clone(),
            None if self.size == 0 => Vec::new(),
            None => std::iter::once(0..self.size).collect(),
        }
    }

    /// Whether some of the content is a hole.
    pub fn is_sparse(&self) -> bool {
        self.data.is_some()
    }
}

/// The byte ranges of `file` that hold data (`SEEK_DATA`, `SEEK_HOLE` of lseek(2)); `None` when all of its `size` bytes
/// do. `path` is what messages name.
///
/// # Errors
///
/// [`Error::Read`].
pub fn data_ranges(path: &Path, file: &File, size: u64) -> Result<Option<Vec<Range<u64>>>> {
    use rustix::fs::{SeekFrom, seek};
    let mut ranges = Vec::new();
    let mut position = 0;
    while position < size {
        let start = match seek(file, SeekFrom::Data(position)) {
            Ok(start) => start.min(size),
            // Nothing but a hole up to the end.
            Err(rustix::io::Errno::NXIO) => break,
            // The file system does not know holes.
            Err(rustix::io::Errno::INVAL) => return Ok(None),
            Err(error) => return Err(Error::read(path, error)),
        };
        let end = seek(file, SeekFrom::Hole(start)).map_err(|error| Error::read(path, error))?.min(size);
        if start < end {
            ranges.push(start..end);
        }
        position = end.max(position + 1);
    }
    let whole = ranges.len() == 1 && ranges[0] == (0..size);
    Ok(if whole || size == 0 { None } else { Some(ranges) })
}

/// Content opened for reading.
#[derive(Debug)]
pub(crate) enum OpenContent<'a> {
    /// In memory.
    Bytes(&'a [u8]),
    /// On the host.
    File(HostFile<'a>),
}

/// An open file of the host with its path for messages and the size it had when the image was planned.
#[derive(Debug)]
pub(crate) struct HostFile<'a> {
    pub(crate) file: File,
    pub(crate) path: &'a Path,
    pub(crate) planned: u64,
}

impl FileContent {
    /// Opens the content.
    ///
    /// # Errors
    ///
    /// [`Error::Read`]; [`Error::Changed`] when the host's file has another size than planned.
    pub(crate) fn open(&self) -> Result<OpenContent<'_>> {
        match &self.source {
            FileSource::Bytes(bytes) => Ok(OpenContent::Bytes(bytes)),
            FileSource::Host(path) => {
                let file = File::open(path).map_err(|source| Error::read(path, source))?;
                let metadata = file.metadata().map_err(|source| Error::read(path, source))?;
                let host = HostFile { file, path, planned: self.size };
                if metadata.len() != self.size { Err(host.changed()) } else { Ok(OpenContent::File(host)) }
            }
        }
    }
}

impl HostFile<'_> {
    /// Fills `buffer` from `offset`.
    pub(crate) fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        self.file.read_exact_at(buffer, offset).map_err(|source| match source.kind() {
            std::io::ErrorKind::UnexpectedEof => self.changed(),
            _ => Error::read(self.path, source),
        })
    }

    pub(crate) fn changed(&self) -> Error {
        Error::Changed { path: self.path.to_owned(), planned: self.planned }
    }
}
