//! `HASH.ls`: what is in an archive and where, so that single files can be had out of it (`nar-accessor.cc` of Nix).

use std::cell::Cell;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::rc::Rc;

use nix_store::nar::{self, Sink};
use serde_json::{Map, Value, json};

use crate::error::{Error, Result};

/// The listing of the archive of `path`, as the file has it.
///
/// # Errors
/// Those of reading the path.
pub(crate) fn listing(path: &Path) -> Result<String> {
    let (reader, mut writer) = io::pipe().map_err(|error| Error::io("read", path, error))?;
    std::thread::scope(|scope| {
        let dump = scope.spawn(move || nar::dump(path, &mut writer));
        let position = Rc::new(Cell::new(0));
        let mut reader = Counting { inner: BufReader::new(reader), position: Rc::clone(&position) };
        let mut sink = ListingSink { position, open: Vec::new(), finished: None };
        let read = nar::read(&mut reader, &mut sink);
        drop(reader);
        // What the dumper says is the cause of what the reader says.
        match dump.join() {
            Ok(dumped) => dumped?,
            Err(panic) => std::panic::resume_unwind(panic),
        }
        read?;
        Ok(json!({ "root": sink.finished, "version": 1 }).to_string())
    })
}

struct Counting<R> {
    inner: R,
    position: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.position.set(self.position.get() + count as u64);
        Ok(count)
    }
}

/// Archives are read without a byte too much, so the position is that of what is told.
struct ListingSink {
    position: Rc<Cell<u64>>,
    /// Directories that are not complete, with the name of the entry that is being read.
    open: Vec<(Map<String, Value>, String)>,
    finished: Option<Value>,
}

impl ListingSink {
    fn object(&mut self, value: Value) {
        match self.open.last_mut() {
            Some((entries, name)) => {
                entries.insert(std::mem::take(name), value);
            }
            None => self.finished = Some(value),
        }
    }
}

impl Sink for ListingSink {
    fn directory(&mut self) -> nix_store::Result<()> {
        self.open.push((Map::new(), String::new()));
        Ok(())
    }

    fn enter(&mut self, name: &[u8]) -> nix_store::Result<()> {
        if let Some((_, entry)) = self.open.last_mut() {
            // JSON has no other bytes; such a file can be had with its whole archive only.
            *entry = String::from_utf8_lossy(name).into_owned();
        }
        Ok(())
    }

    fn file(&mut self, executable: bool, size: u64) -> nix_store::Result<()> {
        let mut file = Map::new();
        if executable {
            file.insert("executable".to_owned(), true.into());
        }
        file.insert("narOffset".to_owned(), self.position.get().into());
        file.insert("size".to_owned(), size.into());
        file.insert("type".to_owned(), "regular".into());
        self.object(file.into());
        Ok(())
    }

    fn contents(&mut self, _bytes: &[u8]) -> nix_store::Result<()> {
        Ok(())
    }

    fn end_file(&mut self) -> nix_store::Result<()> {
        Ok(())
    }

    fn symlink(&mut self, target: &[u8]) -> nix_store::Result<()> {
        self.object(json!({ "target": String::from_utf8_lossy(target), "type": "symlink" }));
        Ok(())
    }

    fn leave(&mut self) -> nix_store::Result<()> {
        Ok(())
    }

    fn end_directory(&mut self) -> nix_store::Result<()> {
        if let Some((entries, _)) = self.open.pop() {
            self.object(json!({ "entries": entries, "type": "directory" }));
        }
        Ok(())
    }
}
