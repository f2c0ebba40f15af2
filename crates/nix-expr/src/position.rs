//! Source positions: one number for file and offset.
//!
//! Every file gets a range of a 32-bit space when it is parsed; a [`Position`] is an offset in that space. Lines and
//! columns are counted only when somebody asks.

use std::borrow::Cow;
use std::cell::RefCell;
use std::hash::Hasher;

use bumpalo::Bump;
use rustc_hash::FxHasher;

use crate::io::EvalIo;

/// A place in some source text. [`Position::NONE`] stands for values that no source text made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position(pub(crate) u32);

impl Position {
    /// No position.
    pub const NONE: Position = Position(0);

    /// Whether this is a real position.
    pub fn is_some(self) -> bool {
        self != Position::NONE
    }

    /// This position, or another if this is none.
    pub fn or(self, other: Position) -> Position {
        if self.is_some() { self } else { other }
    }
}

/// Where source text came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin<'a> {
    /// A file, by its absolute path.
    File(&'a [u8]),
    /// Text given on the command line or by the program, with the name to show for it.
    Text(&'a str),
}

/// One source text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SourceFile<'a> {
    base: u32,
    length: u32,
    origin: Origin<'a>,
    /// Where its lines begin.
    lines: &'a [u32],
    /// Tells whether a file that is read again is the same.
    fingerprint: u64,
    /// The text, unless it can be read again.
    text: Option<&'a [u8]>,
}

impl<'a> SourceFile<'a> {
    /// A text, whose positions come after those of `last`. `None` when 4 GiB of source have been read.
    pub(crate) fn after(
        last: Option<&SourceFile<'_>>,
        origin: Origin<'a>,
        text: &[u8],
        arena: &'a Bump,
    ) -> Option<Self> {
        let base = last.map_or(1, |last| u64::from(last.base) + u64::from(last.length) + 1);
        let base = u32::try_from(base + text.len() as u64 + 1).ok().map(|_| base as u32)?;
        let mut lines = vec![0];
        lines.extend(memchr::memchr_iter(b'\n', text).map(|end| end as u32 + 1));
        Some(SourceFile {
            base,
            length: text.len() as u32,
            lines: arena.alloc_slice_copy(&lines),
            fingerprint: fingerprint(text),
            text: match origin {
                Origin::File(_) => None,
                Origin::Text(_) => Some(arena.alloc_slice_copy(text)),
            },
            origin,
        })
    }

    /// The position of its first byte.
    pub(crate) fn base(&self) -> Position {
        Position(self.base)
    }

    /// Whether this is a text's.
    pub(crate) fn is_of(&self, text: &[u8]) -> bool {
        text.len() == self.length as usize && fingerprint(text) == self.fingerprint
    }
}

/// A position as people read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location<'a> {
    /// Where the text came from.
    pub origin: Origin<'a>,
    /// Line, from 1.
    pub line: u32,
    /// Column in bytes, from 1.
    pub column: u32,
    /// Offset in the text, in bytes.
    pub offset: usize,
}

/// All source texts of an evaluation. Of files only the places of their lines are kept: a NixOS system reads 20 MB of
/// them, and hardly one is ever quoted.
pub struct SourceMap<'a> {
    io: &'a dyn EvalIo,
    files: RefCell<Vec<SourceFile<'a>>>,
}

fn fingerprint(text: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(text);
    hasher.finish()
}

impl<'a> SourceMap<'a> {
    /// A map without texts. `io` reads files again that are to be quoted.
    pub fn new(io: &'a dyn EvalIo) -> Self {
        SourceMap { io, files: RefCell::default() }
    }

    /// Takes over what was added to other texts, of which these are the first.
    pub(crate) fn follow(&self, texts: &[SourceFile<'a>]) {
        let mut files = self.files.borrow_mut();
        let known = files.len();
        files.extend_from_slice(&texts[known..]);
    }

    fn file(&self, position: Position) -> Option<SourceFile<'a>> {
        if !position.is_some() {
            return None;
        }
        let files = self.files.borrow();
        let after = files.partition_point(|file| file.base <= position.0);
        after.checked_sub(1).map(|index| files[index])
    }

    /// Line and column of a position.
    pub fn locate(&self, position: Position) -> Option<Location<'a>> {
        let file = self.file(position)?;
        let offset = (position.0 - file.base).min(file.length);
        let line = file.lines.partition_point(|start| *start <= offset);
        let column = offset - file.lines[line - 1] + 1;
        Some(Location { origin: file.origin, line: line as u32, column, offset: offset as usize })
    }

    /// The text that a position lies in, and its offset there. `None` if the file is not any more as it was when it was
    /// read.
    pub(crate) fn file_text(&self, position: Position) -> Option<(Cow<'a, [u8]>, usize)> {
        let file = self.file(position)?;
        let text = match (file.text, &file.origin) {
            (Some(text), _) => Cow::Borrowed(text),
            (None, Origin::File(path)) => match crate::builtins::bundled_file(path) {
                Some(text) => Cow::Borrowed(text.as_bytes()),
                None => Cow::Owned(self.io.read_file(crate::eval::os_path(path)).ok()?),
            },
            (None, Origin::Text(_)) => return None,
        };
        file.is_of(&text).then(|| {
            let offset = ((position.0 - file.base) as usize).min(text.len());
            (text, offset)
        })
    }

    /// The source line of a position, without its end, as far as [`Self::file_text`] has it.
    pub fn line_text(&self, position: Position) -> Option<Vec<u8>> {
        let (text, offset) = self.file_text(position)?;
        let start = memchr::memrchr(b'\n', &text[..offset]).map_or(0, |index| index + 1);
        let end = memchr::memchr(b'\n', &text[offset..]).map_or(text.len(), |index| offset + index);
        let line = &text[start..end];
        Some(line.strip_suffix(b"\r").unwrap_or(line).to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file_system::{FileSystemIo, FileSystemOptions};

    #[test]
    fn positions_are_found_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        std::fs::write(&path, "xy\nz\n").unwrap();
        let path = path.to_str().unwrap().as_bytes();
        let arena = Bump::new();
        let io = FileSystemIo::new(FileSystemOptions::default());
        let map = SourceMap::new(&io);
        let first = SourceFile::after(None, Origin::Text("one"), b"ab\r\ncd", &arena).unwrap();
        let second = SourceFile::after(Some(&first), Origin::File(path), b"xy\nz\n", &arena).unwrap();
        map.follow(&[first, second]);
        let (first, second) = (first.base(), second.base());
        let at = |position: Position| {
            let place = map.locate(position).unwrap();
            (place.origin, place.line, place.column)
        };
        assert_eq!(at(Position(first.0 + 1)), (Origin::Text("one"), 1, 2));
        assert_eq!(map.line_text(first).unwrap(), b"ab");
        assert_eq!(at(Position(first.0 + 5)), (Origin::Text("one"), 2, 2));
        assert_eq!(at(Position(second.0 + 3)), (Origin::File(path), 2, 1));
        assert_eq!(map.line_text(Position(second.0 + 3)).unwrap(), b"z");
        assert_eq!(map.locate(Position::NONE), None);
        std::fs::write(directory.path().join("f"), "other").unwrap();
        assert_eq!(map.line_text(second), None, "a changed file is not quoted");
    }
}
