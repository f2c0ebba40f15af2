//! Operators and pipes, by precedence climbing.

use super::super::Result;
use super::super::ast::{Ast, Binary, Operator, Part};
use super::super::lexer::Token;
use super::{Node, Parser};
use crate::position::Position;

/// Binding powers of the binary operators, from loose to tight.
mod power {
    pub(super) const IMPLIES: u8 = 1;
    pub(super) const OR: u8 = 2;
    pub(super) const AND: u8 = 3;
    pub(super) const EQUALITY: u8 = 4;
    pub(super) const COMPARISON: u8 = 5;
    pub(super) const UPDATE: u8 = 6;
    pub(super) const NOT: u8 = 7;
    pub(super) const SUM: u8 = 8;
    pub(super) const PRODUCT: u8 = 9;
    pub(super) const CONCAT: u8 = 10;
    pub(super) const HAS_ATTR: u8 = 11;
    pub(super) const NEGATE: u8 = 12;
}

#[derive(PartialEq)]
enum Grouping {
    Left,
    Right,
    None,
}

fn binary_power(token: Token) -> Option<(u8, Grouping)> {
    Some(match token {
        Token::Implies => (power::IMPLIES, Grouping::Right),
        Token::OrOr => (power::OR, Grouping::Left),
        Token::And => (power::AND, Grouping::Left),
        Token::Equal | Token::NotEqual => (power::EQUALITY, Grouping::None),
        Token::Less | Token::Greater | Token::LessEqual | Token::GreaterEqual => {
            (power::COMPARISON, Grouping::None)
        }
        Token::Update => (power::UPDATE, Grouping::Right),
        Token::Plus | Token::Minus => (power::SUM, Grouping::Left),
        Token::Star | Token::Slash => (power::PRODUCT, Grouping::Left),
        Token::Concat => (power::CONCAT, Grouping::Right),
        Token::Question => (power::HAS_ATTR, Grouping::None),
        _ => return None,
    })
}

impl<'s> Parser<'s, '_> {
    pub(super) fn pipe(&mut self) -> Result<Node<'s>> {
        let mut left = self.operators(0)?;
        let direction = self.token;
        if !matches!(direction, Token::PipeLeft | Token::PipeRight) {
            return Ok(left);
        }
        if !self.options.pipe_operators {
            return self.lexer.error(
                self.start,
                "experimental Nix feature 'pipe-operators' is disabled; add '--extra-experimental-features pipe-operators' to enable it",
            );
        }
        if direction == Token::PipeRight {
            while self.token == Token::PipeRight {
                let position = self.here();
                self.advance()?;
                let function = self.operators(0)?;
                left = self.call(position, function, left);
            }
        } else {
            let mut functions = vec![];
            while self.token == Token::PipeLeft {
                functions.push((self.here(), left));
                self.advance()?;
                left = self.operators(0)?;
            }
            while let Some((position, function)) = functions.pop() {
                left = self.call(position, function, left);
            }
        }
        if matches!(self.token, Token::PipeLeft | Token::PipeRight) {
            return self.unexpected("parentheses around one of the pipes");
        }
        Ok(left)
    }

    /// Operators that bind at least as tightly as `least`.
    fn operators(&mut self, least: u8) -> Result<Node<'s>> {
        if self.stack.exhausted() {
            return self.lexer.error(self.start, "expression is nested too deeply");
        }
        let first = self.here();
        let mut left = match self.token {
            Token::Bang => {
                self.advance()?;
                let operand = self.operators(power::NOT)?;
                self.node(Ast::Not(operand))
            }
            Token::Minus => {
                self.advance()?;
                let operand = self.operators(power::NEGATE)?;
                self.node(Ast::Operator(Operator::Subtract, first, self.node(Ast::Int(0)), operand))
            }
            _ => self.application()?,
        };
        let mut ungrouped = None;
        while let Some((power, grouping)) = binary_power(self.token) {
            if power < least {
                break;
            }
            if ungrouped == Some(power) {
                return self.unexpected("parentheses: this operator does not associate");
            }
            ungrouped = (grouping == Grouping::None).then_some(power);
            let token = self.token;
            let position = self.here();
            self.advance()?;
            if token == Token::Question {
                let path = self.attr_path()?;
                left = self.node(Ast::HasAttr { target: left, path });
                continue;
            }
            let right_position = self.here();
            let right = self.operators(if grouping == Grouping::Right { power } else { power + 1 })?;
            left = self.binary(token, position, (first, left), (right_position, right));
        }
        Ok(left)
    }

    fn binary(&self, token: Token, position: Position, left: Part<'s>, right: Part<'s>) -> Node<'s> {
        let (a, b) = (left.1, right.1);
        self.node(match token {
            Token::Implies => Ast::Binary(Binary::Implies, position, a, b),
            Token::OrOr => Ast::Binary(Binary::Or, position, a, b),
            Token::And => Ast::Binary(Binary::And, position, a, b),
            Token::Equal => Ast::Binary(Binary::Equal, position, a, b),
            Token::NotEqual => Ast::Binary(Binary::NotEqual, position, a, b),
            Token::Update => Ast::Binary(Binary::Update, position, a, b),
            Token::Concat => Ast::Binary(Binary::Concat, position, a, b),
            Token::Less => Ast::Operator(Operator::LessThan, position, a, b),
            Token::Greater => Ast::Operator(Operator::LessThan, position, b, a),
            Token::LessEqual => Ast::Not(self.node(Ast::Operator(Operator::LessThan, position, b, a))),
            Token::GreaterEqual => Ast::Not(self.node(Ast::Operator(Operator::LessThan, position, a, b))),
            Token::Minus => Ast::Operator(Operator::Subtract, position, a, b),
            Token::Star => Ast::Operator(Operator::Multiply, position, a, b),
            Token::Slash => Ast::Operator(Operator::Divide, position, a, b),
            _ => {
                Ast::Concat { position, as_string: false, parts: self.alloc.alloc_slice_copy(&[left, right]) }
            }
        })
    }
}
