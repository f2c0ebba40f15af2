//! Strings and paths, with what is interpolated into them.

use super::super::Result;
use super::super::ast::{Ast, Part};
use super::super::lexer::{ChunkEnd, Token};
use super::super::strings::{Piece, Stripped, strip_indentation};
use super::{Node, Parser};
use crate::path;

impl<'s> Parser<'s, '_> {
    /// The expression of an interpolation whose `${` the lexer has just passed; leaves the lexer behind the `}`.
    fn interpolation(&mut self) -> Result<Node<'s>> {
        self.advance()?;
        let inner = self.expression()?;
        if self.token != Token::CloseBrace {
            return self.unexpected("'}'");
        }
        Ok(inner)
    }

    pub(super) fn string(&mut self) -> Result<Node<'s>> {
        if let Some(text) = self.lexer.plain_string() {
            self.advance()?;
            return Ok(self.node(Ast::Str(text)));
        }
        let position = self.here();
        let mut parts: Vec<Part<'s>> = Vec::new();
        let mut text = Vec::new();
        loop {
            let chunk = self.lexer.position(self.lexer.offset);
            let end = self.lexer.string_chunk(&mut text)?;
            if end == ChunkEnd::Close && parts.is_empty() {
                let node = self.node(Ast::Str(self.bytes(&text)));
                self.advance()?;
                return Ok(node);
            }
            if !text.is_empty() {
                parts.push((chunk, self.node(Ast::Str(self.bytes(&text)))));
                text.clear();
            }
            if end == ChunkEnd::Close {
                break;
            }
            let part = self.lexer.position(self.lexer.offset - 2);
            parts.push((part, self.interpolation()?));
        }
        self.advance()?;
        Ok(self.node(Ast::Concat { position, as_string: true, parts: self.alloc.alloc_slice_copy(&parts) }))
    }

    pub(super) fn indented_string(&mut self) -> Result<Node<'s>> {
        let position = self.here();
        let mut pieces: Vec<Piece<'s>> = Vec::new();
        loop {
            let chunk = self.lexer.position(self.lexer.offset);
            let mut text = Vec::new();
            let (end, plain) = self.lexer.indented_chunk(&mut text)?;
            if !text.is_empty() {
                pieces.push(Piece::Text { position: chunk, text, plain });
            }
            match end {
                ChunkEnd::More => {}
                ChunkEnd::Close => break,
                ChunkEnd::Interpolation => pieces.push(Piece::Interpolation(chunk, self.interpolation()?)),
            }
        }
        self.advance()?;
        let alloc = self.alloc;
        let text_node = |text: &[u8]| -> Node<'s> { alloc.alloc(Ast::Str(alloc.alloc_slice_copy(text))) };
        Ok(match strip_indentation(pieces, text_node) {
            Stripped::Text(text) => self.node(Ast::Str(self.bytes(&text))),
            Stripped::Parts(parts) => self.node(Ast::Concat {
                position,
                as_string: true,
                parts: self.alloc.alloc_slice_copy(&parts),
            }),
        })
    }

    pub(super) fn path(&mut self) -> Result<Node<'s>> {
        let position = self.here();
        let text = self.text();
        let mut trailing_slash = text.last() == Some(&b'/');
        let first = if self.token == Token::HomePath {
            let Some(home) = self.options.home else {
                let path = String::from_utf8_lossy(text);
                return self
                    .lexer
                    .error(self.start, format!("the path '{path}' can not be resolved in pure mode"));
            };
            path::absolute(&text[2..], home)
        } else {
            path::absolute(text, self.options.base_directory)
        };
        let mut first = first;
        if trailing_slash && text.len() > 1 && first.last() != Some(&b'/') {
            first.push(b'/');
        }
        let first = self.node(Ast::Path(self.bytes(&first)));
        let mut parts: Vec<Part<'s>> = vec![(position, first)];
        loop {
            let here = self.lexer.position(self.lexer.offset);
            if self.lexer.interpolation() {
                parts.push((here, self.interpolation()?));
                trailing_slash = false;
                let here = self.lexer.position(self.lexer.offset);
                let more = self.lexer.path_chunk();
                if !more.is_empty() {
                    trailing_slash = more.last() == Some(&b'/');
                    parts.push((here, self.node(Ast::Str(self.bytes(more)))));
                }
            } else {
                break;
            }
        }
        if trailing_slash {
            return self.lexer.error(self.lexer.offset, "path has a trailing slash");
        }
        self.advance()?;
        if parts.len() == 1 {
            return Ok(first);
        }
        Ok(self.node(Ast::Concat { position, as_string: false, parts: self.alloc.alloc_slice_copy(&parts) }))
    }
}
