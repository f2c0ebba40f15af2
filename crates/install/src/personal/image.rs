use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use disk_image::personal::{LARGEST, PLACE_SIZE, TABLE_SIZE, filled, header, place};

use super::settings::Personal;
use crate::error::{Error, Result};
use crate::flash::Patch;
use crate::source::{Compression, ImageFile, Sink};

/// The beginning of an image that was looked at for a place: gaps before the first partition are not larger.
const FARTHEST: u64 = 64 << 20;

/// An image's place for what one machine has of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonalImage {
    path: PathBuf,
    offset: u64,
    takes: Vec<String>,
}

impl PersonalImage {
    /// Looks for the place in an image, compressed or not.
    ///
    /// # Errors
    ///
    /// [`Error::NotPersonal`], and as [`ImageFile::feed`].
    pub fn find(image: &ImageFile) -> Result<Self> {
        let path = image.path();
        let (offset, block) = match image.compression() {
            Compression::None => {
                let file = File::open(path).map_err(|source| Error::read(path, source))?;
                read_place(path, |offset, length| {
                    let mut bytes = vec![0; length];
                    let count =
                        read_up_to(&file, &mut bytes, offset).map_err(|source| Error::read(path, source))?;
                    bytes.truncate(count);
                    Ok(bytes)
                })?
            }
            _ => read_place(path, |offset, length| {
                let end = usize::try_from(offset).unwrap_or(usize::MAX).saturating_add(length);
                let mut start = image.start(end)?;
                Ok(start.split_off(start.len().min(end - length)))
            })?,
        };
        let not = |reason: &str| Error::NotPersonal { path: path.to_owned(), reason: reason.to_owned() };
        let header = header(&block).ok_or_else(|| not("it keeps no place for what is one machine's own"))?;
        Ok(PersonalImage { path: path.to_owned(), offset, takes: header.takes })
    }

    /// What to write, and where.
    ///
    /// # Errors
    ///
    /// [`Error::NotPersonal`] for what the image's host does not take; [`Error::InvalidPersonal`] for more than fits.
    pub fn patch(&self, personal: &Personal) -> Result<Patch> {
        let needed = personal.needed();
        if let Some(missing) = needed.iter().find(|name| !self.takes.iter().any(|known| known == *name)) {
            let takes = if self.takes.is_empty() { "nothing".to_owned() } else { self.takes.join(", ") };
            let mut reason = format!("its host does not take up {missing}, but {takes}");
            if *missing == "wifi" {
                reason.push_str("; set networking.wireless.enable or networking.networkmanager.enable on it");
            }
            return Err(Error::NotPersonal { path: self.path.clone(), reason });
        }
        let archive = personal.archive()?;
        let bytes = filled(&self.takes, &archive).ok_or_else(|| Error::InvalidPersonal {
            what: "the settings of this machine".to_owned(),
            reason: format!("they take {} bytes, and there is room for {LARGEST}", archive.len()),
        })?;
        Ok(Patch { offset: self.offset, bytes })
    }
}

/// The offset of the place and its first block.
fn read_place(path: &Path, read: impl Fn(u64, usize) -> Result<Vec<u8>>) -> Result<(u64, Vec<u8>)> {
    let not = |reason: &str| Error::NotPersonal { path: path.to_owned(), reason: reason.to_owned() };
    let offset = place(&read(0, TABLE_SIZE)?)
        .ok_or_else(|| not("it has no partition table with room before the first partition"))?;
    if offset > FARTHEST {
        return Err(not("its first partition begins beyond 64 MiB"));
    }
    Ok((offset, read(offset, PLACE_SIZE as usize)?))
}

fn read_up_to(file: &File, mut buffer: &mut [u8], mut offset: u64) -> io::Result<usize> {
    let wanted = buffer.len();
    while !buffer.is_empty() {
        match file.read_at(buffer, offset) {
            Ok(0) => break,
            Ok(count) => {
                buffer = &mut buffer[count..];
                offset += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(wanted - buffer.len())
}

/// Writes a patch into a file or device.
///
/// # Errors
///
/// [`Error::Write`].
pub fn patch(path: &Path, patch: &Patch) -> Result<()> {
    let failed = |source| Error::write(path, source);
    let file = OpenOptions::new().write(true).open(path).map_err(failed)?;
    file.write_all_at(&patch.bytes, patch.offset).map_err(failed)?;
    file.sync_data().map_err(failed)
}

/// Makes a new, uncompressed copy of an image that only its owner may read: shares blocks where the file system can, and
/// leaves out what is empty.
///
/// # Errors
///
/// [`Error::Write`] also if the file exists, and as [`ImageFile::feed`].
pub fn copy_sparse(image: &ImageFile, to: &Path) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let failed = |source| Error::write(to, source);
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).map_err(failed)?;
    if image.compression() == Compression::None {
        let source = File::open(image.path()).map_err(|source| Error::read(image.path(), source))?;
        if rustix::fs::ioctl_ficlone(&file, &source).is_ok() {
            return Ok(());
        }
    }
    let mut copy = Copy { file, path: to, offset: 0 };
    let outcome = image.feed(&mut copy).and_then(|()| copy.file.set_len(copy.offset).map_err(failed));
    if outcome.is_err() {
        // It was made here, and is of no use.
        let _ = std::fs::remove_file(to);
    }
    outcome
}

/// A file without what is zero.
struct Copy<'a> {
    file: File,
    path: &'a Path,
    offset: u64,
}

impl Sink for Copy<'_> {
    fn data(&mut self, bytes: &[u8]) -> Result<()> {
        for block in bytes.chunks(64 << 10) {
            if block.iter().any(|byte| *byte != 0) {
                self.file
                    .write_all_at(block, self.offset)
                    .map_err(|source| Error::write(self.path, source))?;
            }
            self.offset += block.len() as u64;
        }
        Ok(())
    }

    fn zeros(&mut self, count: u64) -> Result<()> {
        self.offset += count;
        Ok(())
    }
}

impl ImageFile {
    /// The first bytes of the image, fewer if it is smaller.
    ///
    /// # Errors
    ///
    /// [`Error::Read`], [`Error::InvalidImage`].
    pub fn start(&self, length: usize) -> Result<Vec<u8>> {
        let mut start = Vec::new();
        let mut reader = self.decoded()?.take(length as u64);
        reader.read_to_end(&mut start).map_err(|error| self.damaged(&error.to_string()))?;
        Ok(start)
    }
}
