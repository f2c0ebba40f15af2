//! The parser, by recursive descent.

mod literals;
mod operators;
mod sets;

use std::cell::Cell;

use bumpalo::Bump;

use super::ast::{Ast, AttrName, Formal, Formals, Lambda, Tree};
use super::attributes::Sets;
use super::lexer::{Lexer, Token};
use super::{Result, SyntaxError};
use crate::position::Position;
use crate::stack::StackLimit;
use crate::symbol::{Symbol, SymbolTable, known};

/// What the parser has to know besides the text.
#[derive(Clone, Copy)]
pub struct ParseOptions<'o> {
    /// Directory that relative paths are meant from; absolute.
    pub base_directory: &'o [u8],
    /// The user's home directory, for `~/…`; `None` where it may not be asked for (pure evaluation).
    pub home: Option<&'o [u8]>,
    /// Whether `|>` and `<|` are allowed.
    pub pipe_operators: bool,
}

/// Parses one expression.
///
/// `base` is the position of the text's first byte. The tree is allocated in `scratch`.
///
/// # Errors
/// The text is no expression, or is nested deeper than the stack allows.
pub fn parse<'s>(
    text: &'s [u8],
    base: Position,
    options: ParseOptions<'_>,
    symbols: &SymbolTable,
    scratch: &'s Bump,
    stack: StackLimit,
) -> Result<Tree<'s>> {
    let sets = Sets { sets: Vec::new(), symbols, alloc: scratch };
    // An empty run: no offset lies in it, not even the first.
    let lexer = Lexer { text, offset: 0, base, path_run: (1, 0) };
    let mut parser = Parser {
        lexer,
        token: Token::End,
        start: 0,
        end: 0,
        options,
        symbols,
        alloc: scratch,
        sets,
        nodes: Vec::new(),
        stack,
    };
    parser.advance()?;
    let root = parser.expression()?;
    if parser.token != Token::End {
        return parser.unexpected("end of file");
    }
    Ok(Tree { root, sets: parser.sets.sets })
}

struct Parser<'s, 'p> {
    lexer: Lexer<'s>,
    /// The token at hand, and where it starts and ends.
    token: Token,
    start: usize,
    end: usize,
    options: ParseOptions<'p>,
    symbols: &'p SymbolTable,
    alloc: &'s Bump,
    sets: Sets<'s, 'p>,
    /// Nodes of the lists and calls that are being read.
    nodes: Vec<Node<'s>>,
    stack: StackLimit,
}

type Node<'s> = &'s Ast<'s>;

impl<'s, 'p> Parser<'s, 'p> {
    fn advance(&mut self) -> Result<()> {
        let (token, start) = self.lexer.next()?;
        self.token = token;
        self.start = start;
        self.end = self.lexer.offset;
        Ok(())
    }

    fn here(&self) -> Position {
        self.lexer.position(self.start)
    }

    fn text(&self) -> &'s [u8] {
        &self.lexer.text[self.start..self.end]
    }

    fn node(&self, ast: Ast<'s>) -> Node<'s> {
        self.alloc.alloc(ast)
    }

    fn bytes(&self, bytes: &[u8]) -> &'s [u8] {
        self.alloc.alloc_slice_copy(bytes)
    }

    fn unexpected<T>(&self, wanted: &str) -> Result<T> {
        let message = if wanted.is_empty() {
            format!("syntax error, unexpected {}", self.token.describe())
        } else {
            format!("syntax error, unexpected {}, expecting {wanted}", self.token.describe())
        };
        self.lexer.error(self.start, message)
    }

    fn expect(&mut self, token: Token) -> Result<()> {
        if self.token == token { self.advance() } else { self.unexpected(&token.describe()) }
    }

    fn identifier(&mut self) -> Result<Symbol> {
        if self.token != Token::Identifier {
            return self.unexpected("identifier");
        }
        let symbol = self.symbols.intern(self.text());
        self.advance()?;
        Ok(symbol)
    }

    /// The nodes from `mark` on, as a slice.
    fn nodes_from(&mut self, mark: usize) -> &'s [Node<'s>] {
        let nodes = self.alloc.alloc_slice_copy(&self.nodes[mark..]);
        self.nodes.truncate(mark);
        nodes
    }

    fn expression(&mut self) -> Result<Node<'s>> {
        if self.stack.exhausted() {
            return self.lexer.error(self.start, "expression is nested too deeply");
        }
        let position = self.here();
        match self.token {
            Token::Identifier => match self.lexer.next_byte() {
                b':' => {
                    let argument = self.identifier()?;
                    self.lambda(position, Some(argument), None)
                }
                b'@' => {
                    let argument = self.identifier()?;
                    self.advance()?;
                    let formals = self.formals()?;
                    self.lambda(position, Some(argument), Some(formals))
                }
                _ => self.pipe(),
            },
            Token::OpenBrace if self.starts_formals()? => {
                let formals = self.formals()?;
                let argument = if self.token == Token::At {
                    self.advance()?;
                    Some(self.identifier()?)
                } else {
                    None
                };
                self.lambda(position, argument, Some(formals))
            }
            Token::Assert => {
                self.advance()?;
                let condition = self.expression()?;
                self.expect(Token::Semicolon)?;
                let body = self.expression()?;
                Ok(self.node(Ast::Assert { position, condition, body }))
            }
            Token::With => {
                self.advance()?;
                let scope = self.expression()?;
                self.expect(Token::Semicolon)?;
                let body = self.expression()?;
                Ok(self.node(Ast::With { position, scope, body }))
            }
            Token::Let if self.lexer.next_byte() != b'{' => {
                self.advance()?;
                let set = self.bindings(position, Token::In)?;
                if let Some(dynamic) = self.sets.get(set).dynamic.first() {
                    let position = dynamic.position;
                    return SyntaxError::new("dynamic attributes not allowed in let", position);
                }
                let body = self.expression()?;
                Ok(self.node(Ast::Let(set, body)))
            }
            Token::If => {
                self.advance()?;
                let condition = self.expression()?;
                self.expect(Token::Then)?;
                let then = self.expression()?;
                self.expect(Token::Else)?;
                let otherwise = self.expression()?;
                Ok(self.node(Ast::If { position, condition, then, otherwise }))
            }
            _ => self.pipe(),
        }
    }

    /// Whether the brace at hand opens the formals of a function rather than a set.
    fn starts_formals(&self) -> Result<bool> {
        let mut lexer = self.lexer;
        let (first, _) = lexer.next()?;
        Ok(match first {
            Token::Ellipsis => true,
            Token::CloseBrace => matches!(lexer.next()?.0, Token::Colon | Token::At),
            Token::Identifier => {
                matches!(lexer.next()?.0, Token::Comma | Token::Question | Token::CloseBrace)
            }
            _ => false,
        })
    }

    fn formals(&mut self) -> Result<Formals<'s>> {
        self.expect(Token::OpenBrace)?;
        let mut list = bumpalo::collections::Vec::new_in(self.alloc);
        let mut ellipsis = false;
        loop {
            match self.token {
                Token::CloseBrace => break,
                Token::Ellipsis => {
                    ellipsis = true;
                    self.advance()?;
                    break;
                }
                _ => {}
            }
            let position = self.here();
            let name = self.identifier()?;
            let default = if self.token == Token::Question {
                self.advance()?;
                Some(self.expression()?)
            } else {
                None
            };
            list.push(Formal { name, position, default });
            if self.token != Token::Comma {
                break;
            }
            self.advance()?;
        }
        self.expect(Token::CloseBrace)?;
        Ok(Formals { list: list.into_bump_slice(), ellipsis })
    }

    fn lambda(
        &mut self,
        position: Position,
        argument: Option<Symbol>,
        formals: Option<Formals<'s>>,
    ) -> Result<Node<'s>> {
        if let Some(formals) = &formals {
            let mut names = bumpalo::collections::Vec::with_capacity_in(formals.list.len() + 1, self.alloc);
            names.extend(formals.list.iter().map(|formal| (formal.name, formal.position)));
            names.extend(argument.map(|name| (name, position)));
            names.sort_unstable();
            if let Some(twice) = names.windows(2).find(|pair| pair[0].0 == pair[1].0) {
                let name = String::from_utf8_lossy(self.symbols.name(twice[1].0));
                let message = format!("duplicate formal function argument '{name}'");
                return SyntaxError::new(message, twice[1].1);
            }
        }
        self.expect(Token::Colon)?;
        let body = self.expression()?;
        Ok(self.node(Ast::Lambda(self.alloc.alloc(Lambda {
            position,
            name: Cell::new(None),
            argument,
            formals,
            body,
        }))))
    }

    fn call(&self, position: Position, function: Node<'s>, argument: Node<'s>) -> Node<'s> {
        self.node(Ast::Call { position, function, arguments: self.alloc.alloc_slice_copy(&[argument]) })
    }

    fn starts_simple(&self) -> bool {
        matches!(
            self.token,
            Token::Identifier
                | Token::Int(_)
                | Token::Float(_)
                | Token::Path
                | Token::HomePath
                | Token::SearchPath
                | Token::Uri
                | Token::Quote
                | Token::IndentedQuote
                | Token::OpenBrace
                | Token::OpenParen
                | Token::OpenBracket
                | Token::Rec
                | Token::Let
        )
    }

    fn application(&mut self) -> Result<Node<'s>> {
        let position = self.here();
        let function = self.select()?;
        if !self.starts_simple() {
            return Ok(function);
        }
        let mark = self.nodes.len();
        while self.starts_simple() {
            let argument = self.select()?;
            self.nodes.push(argument);
        }
        let arguments = self.nodes_from(mark);
        Ok(self.node(Ast::Call { position, function, arguments }))
    }

    fn select(&mut self) -> Result<Node<'s>> {
        let position = self.here();
        let target = self.simple()?;
        match self.token {
            Token::Dot => {
                self.advance()?;
                let path = self.attr_path()?;
                let default = if self.token == Token::Or {
                    self.advance()?;
                    Some(self.select()?)
                } else {
                    None
                };
                Ok(self.node(Ast::Select { position, target, path, default }))
            }
            // `or` is an ordinary name where it can select nothing: `map or [ ]`.
            Token::Or => {
                let name = self.node(Ast::Var(self.here(), known::OR));
                self.advance()?;
                Ok(self.call(position, target, name))
            }
            _ => Ok(target),
        }
    }

    fn simple(&mut self) -> Result<Node<'s>> {
        let position = self.here();
        let node = match self.token {
            Token::Identifier => match self.symbols.intern(self.text()) {
                known::CUR_POS => Ast::CurrentPosition(position),
                symbol => Ast::Var(position, symbol),
            },
            Token::Int(number) => Ast::Int(number),
            Token::Float(number) => Ast::Float(number),
            Token::Uri => Ast::Str(self.text()),
            Token::SearchPath => {
                let text = self.text();
                Ast::SearchPath(position, &text[1..text.len() - 1])
            }
            Token::Quote => return self.string(),
            Token::IndentedQuote => return self.indented_string(),
            Token::Path | Token::HomePath => return self.path(),
            Token::OpenParen => {
                self.advance()?;
                let inner = self.expression()?;
                self.expect(Token::CloseParen)?;
                return Ok(inner);
            }
            Token::OpenBracket => return self.list(),
            Token::OpenBrace => {
                self.advance()?;
                let set = self.bindings(position, Token::CloseBrace)?;
                return Ok(self.node(Ast::Attrs(set)));
            }
            Token::Rec => {
                self.advance()?;
                return self.recursive_set(position).map(|set| self.node(Ast::Attrs(set)));
            }
            Token::Let => {
                self.advance()?;
                let set = self.recursive_set(position)?;
                let path = self.alloc.alloc_slice_copy(&[AttrName::Static(known::BODY, position)]);
                let target = self.node(Ast::Attrs(set));
                return Ok(self.node(Ast::Select { position, target, path, default: None }));
            }
            _ => return self.unexpected(""),
        };
        self.advance()?;
        Ok(self.node(node))
    }

    fn list(&mut self) -> Result<Node<'s>> {
        if self.stack.exhausted() {
            return self.lexer.error(self.start, "expression is nested too deeply");
        }
        self.advance()?;
        let mark = self.nodes.len();
        while self.token != Token::CloseBracket {
            if !self.starts_simple() {
                return self.unexpected("']'");
            }
            let item = self.select()?;
            self.nodes.push(item);
        }
        self.advance()?;
        let items = self.nodes_from(mark);
        Ok(self.node(Ast::List(items)))
    }
}
