//! Sets: what stands between braces, and the paths of its attributes.

use super::super::ast::{Ast, Attr, AttrName, AttrValue, SetId};
use super::super::lexer::Token;
use super::super::{Result, SyntaxError};
use super::Parser;
use crate::position::Position;

impl<'s> Parser<'s, '_> {
    pub(super) fn recursive_set(&mut self, position: Position) -> Result<SetId> {
        self.expect(Token::OpenBrace)?;
        let set = self.bindings(position, Token::CloseBrace)?;
        self.sets.get(set).recursive = true;
        Ok(set)
    }

    /// Bindings up to and including the closing token.
    pub(super) fn bindings(&mut self, position: Position, close: Token) -> Result<SetId> {
        if self.stack.exhausted() {
            return self.lexer.error(self.start, "expression is nested too deeply");
        }
        let set = self.sets.create(position);
        while self.token != close {
            if self.token == Token::Inherit {
                self.advance()?;
                self.inherit(set)?;
            } else {
                let path = self.attr_path()?;
                self.expect(Token::Assign)?;
                let value = self.expression()?;
                self.sets.add(set, path, value)?;
            }
            self.expect(Token::Semicolon)?;
        }
        self.advance()?;
        Ok(set)
    }

    fn inherit(&mut self, set: SetId) -> Result<()> {
        let value = if self.token == Token::OpenParen {
            self.advance()?;
            let source = self.expression()?;
            self.expect(Token::CloseParen)?;
            let sources = &mut self.sets.get(set).sources;
            sources.push(source);
            AttrValue::From(sources.len() as u32 - 1)
        } else {
            AttrValue::Inherited
        };
        while self.token != Token::Semicolon {
            match self.attr_name()? {
                AttrName::Static(name, position) => {
                    if self.sets.get(set).find(name).is_some() {
                        return self.sets.duplicate(&[name], position);
                    }
                    self.sets.get(set).push(Attr { name, position, value });
                }
                AttrName::Dynamic(_, position) => {
                    return SyntaxError::new("dynamic attributes not allowed in inherit", position);
                }
            }
        }
        Ok(())
    }

    pub(super) fn attr_path(&mut self) -> Result<&'s [AttrName<'s>]> {
        let first = self.attr_name()?;
        if self.token != Token::Dot {
            return Ok(self.alloc.alloc_slice_copy(&[first]));
        }
        let mut path = bumpalo::vec![in self.alloc; first];
        while self.token == Token::Dot {
            self.advance()?;
            path.push(self.attr_name()?);
        }
        Ok(path.into_bump_slice())
    }

    pub(super) fn attr_name(&mut self) -> Result<AttrName<'s>> {
        let position = self.here();
        let node = match self.token {
            Token::Identifier | Token::Or => {
                let symbol = self.symbols.intern(self.text());
                self.advance()?;
                return Ok(AttrName::Static(symbol, position));
            }
            Token::Quote => self.string()?,
            Token::DollarBrace => {
                self.advance()?;
                let inner = self.expression()?;
                self.expect(Token::CloseBrace)?;
                inner
            }
            _ => return self.unexpected("attribute name"),
        };
        Ok(match node {
            Ast::Str(text) => AttrName::Static(self.symbols.intern(text), position),
            _ => AttrName::Dynamic(node, position),
        })
    }
}
