//! The text of strings and paths, which the parser reads piece by piece between interpolations.

use super::super::Result;
use super::{Lexer, class};

/// What ended a run of string text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::syntax) enum ChunkEnd {
    /// `${`, now behind the lexer.
    Interpolation,
    /// The closing quote, now behind the lexer.
    Close,
    /// The text goes on with another chunk.
    More,
}

impl<'t> Lexer<'t> {
    /// The text of a `"…"` string that holds nothing but plain text; the lexer is behind the quote then.
    pub(in crate::syntax) fn plain_string(&mut self) -> Option<&'t [u8]> {
        let end = self.plain(self.offset, class::QUOTED);
        let text = (self.at(end) == b'"').then(|| &self.text[self.offset..end])?;
        self.offset = end + 1;
        Some(text)
    }

    /// Text of a `"…"` string up to its end or to `${`, unescaped, appended to `out`.
    pub(in crate::syntax) fn string_chunk(&mut self, out: &mut Vec<u8>) -> Result<ChunkEnd> {
        let start = self.offset;
        loop {
            let plain = self.plain(self.offset, class::QUOTED);
            out.extend_from_slice(&self.text[self.offset..plain]);
            self.offset = plain;
            match self.text.get(self.offset) {
                None => return self.error(start, "string is not closed"),
                Some(b'"') => {
                    self.offset += 1;
                    return Ok(ChunkEnd::Close);
                }
                Some(b'$') => match self.text.get(self.offset + 1) {
                    Some(b'{') => {
                        self.offset += 2;
                        return Ok(ChunkEnd::Interpolation);
                    }
                    // `$$` is two dollars, so that `$${` is no interpolation.
                    Some(b'$') => {
                        out.extend_from_slice(b"$$");
                        self.offset += 2;
                    }
                    _ => {
                        out.push(b'$');
                        self.offset += 1;
                    }
                },
                Some(b'\\') => {
                    self.escape(out, start)?;
                }
                Some(b'\r') => {
                    out.push(b'\n');
                    self.offset += if self.at(self.offset + 1) == b'\n' { 2 } else { 1 };
                }
                Some(_) => {
                    return self
                        .error(self.offset, "input string contains a NUL byte, which strings cannot hold");
                }
            }
        }
    }

    /// The escape at the lexer's offset (a backslash and a byte).
    fn escape(&mut self, out: &mut Vec<u8>, start: usize) -> Result<()> {
        match self.text.get(self.offset + 1) {
            None => return self.error(start, "string is not closed"),
            Some(0) => {
                return self
                    .error(self.offset, "input string contains a NUL byte, which strings cannot hold");
            }
            Some(b'n') => out.push(b'\n'),
            Some(b'r') => out.push(b'\r'),
            Some(b't') => out.push(b'\t'),
            Some(other) => out.push(*other),
        }
        self.offset += 2;
        Ok(())
    }

    /// A run of an indented string. Returns whether the run's leading blanks count as indentation: only those of plain
    /// text do, not those of escapes.
    pub(in crate::syntax) fn indented_chunk(&mut self, out: &mut Vec<u8>) -> Result<(ChunkEnd, bool)> {
        let start = self.offset;
        loop {
            let plain = self.plain(self.offset, class::INDENTED);
            out.extend_from_slice(&self.text[self.offset..plain]);
            self.offset = plain;
            let here = self.offset;
            let next = self.text.get(here + 1).copied();
            match (self.text.get(here), next) {
                (None, _) => return self.error(start, "indented string is not closed"),
                (Some(0), _) => {
                    return self.error(here, "input string contains a NUL byte, which strings cannot hold");
                }
                // Plain text goes on behind a dollar or a quote that starts nothing.
                (Some(b'$'), Some(byte)) if byte != b'{' && byte != b'\'' && byte != 0 => {
                    out.extend_from_slice(&[b'$', byte]);
                    self.offset += 2;
                }
                (Some(b'\''), Some(byte)) if byte != b'\'' && byte != b'$' && byte != 0 => {
                    out.extend_from_slice(&[b'\'', byte]);
                    self.offset += 2;
                }
                _ if here > start => return Ok((ChunkEnd::More, true)),
                (Some(b'$'), Some(b'{')) => {
                    self.offset += 2;
                    return Ok((ChunkEnd::Interpolation, false));
                }
                (Some(b'$'), _) => {
                    out.push(b'$');
                    self.offset += 1;
                    return Ok((ChunkEnd::More, false));
                }
                (Some(_), Some(b'\'')) => return self.indented_quotes(out, start),
                (Some(_), _) => {
                    out.push(b'\'');
                    self.offset += 1;
                    return Ok((ChunkEnd::More, false));
                }
            }
        }
    }

    /// `''` and what may follow it: an escape or the end of the string.
    fn indented_quotes(&mut self, out: &mut Vec<u8>, start: usize) -> Result<(ChunkEnd, bool)> {
        match self.text.get(self.offset + 2) {
            Some(b'$') => {
                out.push(b'$');
                self.offset += 3;
            }
            Some(b'\'') => {
                out.extend_from_slice(b"''");
                self.offset += 3;
            }
            Some(b'\\') => {
                self.offset += 2;
                self.escape(out, start)?;
            }
            _ => {
                self.offset += 2;
                return Ok((ChunkEnd::Close, false));
            }
        }
        Ok((ChunkEnd::More, false))
    }

    /// Whether `${` follows directly; consumes it.
    pub(in crate::syntax) fn interpolation(&mut self) -> bool {
        let found = self.text[self.offset..].starts_with(b"${");
        if found {
            self.offset += 2;
        }
        found
    }

    /// More text of a path behind an interpolation; empty at its end.
    pub(in crate::syntax) fn path_chunk(&mut self) -> &'t [u8] {
        let start = self.offset;
        while self.at(self.offset) == b'/' || class::is(self.at(self.offset), class::PATH) {
            self.offset += 1;
        }
        &self.text[start..self.offset]
    }
}
