//! Source positions: one number for file and offset.
//!
//! Every file gets a range of a 32-bit space when it is parsed; a [`Position`] is an offset in that space. Lines and
//! columns are counted only when somebody asks.

use std::cell::RefCell;

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin<'a> {
    /// A file, by its absolute path.
    File(&'a [u8]),
    /// Text given on the command line or by the program, with the name to show for it.
    Text(&'a str),
}

/// One source text.
#[derive(Clone, Debug)]
pub struct SourceFile<'a> {
    base: u32,
    /// Where the text came from.
    pub origin: Origin<'a>,
    /// The text itself.
    pub text: &'a [u8],
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
    /// The text of the line.
    pub line_text: &'a [u8],
    /// Offset in the text, in bytes.
    pub offset: usize,
}

/// All source texts of an evaluation.
#[derive(Default)]
pub struct SourceMap<'a> {
    files: RefCell<Vec<SourceFile<'a>>>,
}

impl<'a> SourceMap<'a> {
    /// Registers a text and returns the position of its first byte, or `None` when 4 GiB of source have been read.
    pub fn add(&self, origin: Origin<'a>, text: &'a [u8]) -> Option<Position> {
        let mut files = self.files.borrow_mut();
        let base = files.last().map_or(1, |last| u64::from(last.base) + last.text.len() as u64 + 1);
        let base = u32::try_from(base + text.len() as u64 + 1).ok().map(|_| base as u32)?;
        files.push(SourceFile { base, origin, text });
        Some(Position(base))
    }

    /// Where all texts came from, in the order of reading.
    pub fn origins(&self) -> Vec<Origin<'a>> {
        self.files.borrow().iter().map(|file| file.origin.clone()).collect()
    }

    fn file(&self, position: Position) -> Option<SourceFile<'a>> {
        if !position.is_some() {
            return None;
        }
        let files = self.files.borrow();
        let after = files.partition_point(|file| file.base <= position.0);
        after.checked_sub(1).map(|index| files[index].clone())
    }

    /// Line, column and source line of a position.
    pub fn locate(&self, position: Position) -> Option<Location<'a>> {
        let file = self.file(position)?;
        let offset = ((position.0 - file.base) as usize).min(file.text.len());
        let before = &file.text[..offset];
        let line_start = memchr::memrchr(b'\n', before).map_or(0, |index| index + 1);
        let line_end =
            memchr::memchr(b'\n', &file.text[offset..]).map_or(file.text.len(), |index| offset + index);
        let line = memchr::memchr_iter(b'\n', before).count() as u32 + 1;
        let line_text = &file.text[line_start..line_end];
        let line_text = line_text.strip_suffix(b"\r").unwrap_or(line_text);
        Some(Location {
            origin: file.origin,
            line,
            column: (offset - line_start) as u32 + 1,
            line_text,
            offset,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_found_again() {
        let map = SourceMap::default();
        let first = map.add(Origin::Text("one"), b"ab\ncd").unwrap();
        let second = map.add(Origin::File(b"/f"), b"xy\nz\n").unwrap();
        let place = map.locate(Position(first.0 + 4)).unwrap();
        assert_eq!((place.line, place.column, place.line_text), (2, 2, &b"cd"[..]));
        let place = map.locate(Position(second.0 + 3)).unwrap();
        assert_eq!((place.origin, place.line, place.column), (Origin::File(b"/f"), 2, 1));
        assert_eq!(map.locate(Position::NONE), None);
    }
}
