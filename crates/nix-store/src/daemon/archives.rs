//! Archives on their way from and to a daemon.

use std::io::{Read, Write};

use super::connection::{Connection, Operation, Reader};
use super::framed::FramedWriter;
use super::store::{DaemonStore, WINDOW};
use super::wire::Message;
use crate::error::{Error, Result};
use crate::nar;
use crate::path_info::ValidPathInfo;
use crate::store_path::{StoreDir, StorePath};

impl DaemonStore {
    /// Writes the archive of `path` to `writer` as it comes.
    ///
    /// # Errors
    /// [`Error::NotValid`]; after any other error, the connection cannot be used any more.
    pub fn nar_from_path(&self, path: &StorePath, writer: &mut dyn Write) -> Result<()> {
        // Asked for what it has not, a daemon says nothing and goes.
        if !self.is_valid(path)? {
            return Err(Error::NotValid { path: path.base_name().to_owned() });
        }
        let message = self.message_with_path(Operation::NarFromPath, path);
        self.request(&message, |reader| {
            let mut copied = Tee { reader, writer, failed: None };
            let read = nar::read(&mut copied, &mut Nothing);
            match copied.failed {
                Some(source) => Err(Error::Stream { action: "write", source }),
                None => read,
            }
        })
    }

    /// Reads the archives of `paths`, which must be valid, one after the other, in that order; requests are sent ahead. `take` gets each
    /// with its number and must read it to its end.
    ///
    /// # Errors
    /// The daemon's, and those of `take`; after any of them, the connection cannot be used any more.
    pub fn nars_from_paths(
        &self,
        paths: &[StorePath],
        mut take: impl FnMut(usize, &mut dyn Read) -> Result<()>,
    ) -> Result<()> {
        let messages = paths.iter().map(|path| self.message_with_path(Operation::NarFromPath, path));
        self.connection().pipeline(messages, WINDOW, &*self.observer, |number, reader| take(number, reader?))
    }

    /// Adds the path that `info` describes; `write` writes its archive. The daemon checks the hash and, unless it
    /// trusts us and `check_signatures` is false, the signatures. Its references must be valid.
    ///
    /// # Errors
    /// The daemon's, and those of `write`.
    pub fn add_to_store_nar(
        &self,
        info: &ValidPathInfo,
        repair: bool,
        check_signatures: bool,
        write: impl FnOnce(&mut dyn Write) -> Result<()>,
    ) -> Result<()> {
        let mut message = self.message_with_path(Operation::AddToStoreNar, &info.path);
        write_unkeyed_info(&mut message, &self.directory, info);
        message.flag(repair).flag(!check_signatures);
        let body = |framed: &mut FramedWriter<'_>| write(framed);
        self.connection().stream(&message, &*self.observer, body, |_| Ok(()))
    }

    /// Adds paths in one stream, each after those that it refers to; `write` writes the archive of the one with the
    /// number it gets.
    ///
    /// # Errors
    /// As for [`Self::add_to_store_nar`]. Those before the one that failed may be valid.
    pub fn add_multiple_to_store(
        &self,
        infos: &[ValidPathInfo],
        repair: bool,
        check_signatures: bool,
        mut write: impl FnMut(usize, &mut dyn Write) -> Result<()>,
    ) -> Result<()> {
        let mut message = Connection::message(Operation::AddMultipleToStore);
        message.flag(repair).flag(!check_signatures);
        let body = |framed: &mut FramedWriter<'_>| {
            let send = |framed: &mut FramedWriter<'_>, message: &Message| {
                framed
                    .write_all(message.as_bytes())
                    .map_err(|source| Error::Stream { action: "write", source })
            };
            let mut count = Message::default();
            count.number(infos.len() as u64);
            send(framed, &count)?;
            for (number, info) in infos.iter().enumerate() {
                let mut head = Message::default();
                head.path(&self.directory, &info.path);
                write_unkeyed_info(&mut head, &self.directory, info);
                send(framed, &head)?;
                write(number, framed)?;
            }
            Ok(())
        };
        self.connection().stream(&message, &*self.observer, body, |_| Ok(()))
    }
}

/// Writes what is known of a path, but not which.
fn write_unkeyed_info(message: &mut Message, directory: &StoreDir, info: &ValidPathInfo) {
    message.optional_path(directory, info.deriver.as_ref());
    message.string(info.nar_hash.to_base16());
    message.paths(directory, info.references.iter());
    message.number(info.registration_time as u64).number(info.nar_size).flag(info.ultimate);
    message.strings(info.signatures.iter());
    message.string(info.content_address.map(|address| address.to_string()).unwrap_or_default());
}

/// Writes what is read from it.
struct Tee<'streams> {
    reader: &'streams mut Reader,
    writer: &'streams mut dyn Write,
    failed: Option<std::io::Error>,
}

impl Read for Tee<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.reader.read(buffer)?;
        if let Err(error) = self.writer.write_all(&buffer[..count]) {
            self.failed = Some(error);
            return Err(std::io::ErrorKind::BrokenPipe.into());
        }
        Ok(count)
    }
}

/// An archive that is only checked.
pub(super) struct Nothing;

impl nar::Sink for Nothing {
    fn directory(&mut self) -> Result<()> {
        Ok(())
    }

    fn enter(&mut self, _name: &[u8]) -> Result<()> {
        Ok(())
    }

    fn file(&mut self, _executable: bool, _size: u64) -> Result<()> {
        Ok(())
    }

    fn contents(&mut self, _bytes: &[u8]) -> Result<()> {
        Ok(())
    }

    fn end_file(&mut self) -> Result<()> {
        Ok(())
    }

    fn symlink(&mut self, _target: &[u8]) -> Result<()> {
        Ok(())
    }

    fn leave(&mut self) -> Result<()> {
        Ok(())
    }

    fn end_directory(&mut self) -> Result<()> {
        Ok(())
    }
}
