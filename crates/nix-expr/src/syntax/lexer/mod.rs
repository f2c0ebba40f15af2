//! From bytes to tokens.
//!
//! The lexer is pulled by the parser one token at a time. Strings and paths with interpolation are read by the parser
//! in the lexer's other modes ([`Lexer::string_chunk`], [`Lexer::indented_chunk`], [`Lexer::path_chunk`]), so no stack of
//! states is kept here.

mod modes;
mod token;

pub(super) use modes::ChunkEnd;
pub(super) use token::Token;

use super::{Result, SyntaxError};
use crate::position::Position;

#[derive(Clone, Copy)]
pub(super) struct Lexer<'t> {
    pub(super) text: &'t [u8],
    /// Offset of the next byte to read.
    pub(super) offset: usize,
    pub(super) base: Position,
    /// Where the run of path characters begins and ends that was looked at last: `a+a+a` is one, and is looked at again
    /// from each of its tokens.
    pub(super) path_run: (usize, usize),
}

/// What a byte may be part of: most of the lexer's time goes into finding the ends of runs.
mod class {
    pub(super) const IDENTIFIER_START: u8 = 1;
    pub(super) const IDENTIFIER: u8 = 2;
    pub(super) const PATH: u8 = 4;
    pub(super) const URI: u8 = 8;
    pub(super) const DIGIT: u8 = 16;
    /// Ends plain text in `"…"`.
    pub(super) const QUOTED: u8 = 32;
    /// Ends plain text in `''…''`.
    pub(super) const INDENTED: u8 = 64;

    const fn of(byte: u8) -> u8 {
        let mut class = match byte {
            b'a'..=b'z' | b'A'..=b'Z' => IDENTIFIER_START | IDENTIFIER | PATH | URI,
            b'0'..=b'9' => DIGIT | IDENTIFIER | PATH | URI,
            b'_' => IDENTIFIER_START | IDENTIFIER | PATH | URI,
            b'-' => IDENTIFIER | PATH | URI,
            b'\'' => IDENTIFIER | URI,
            b'.' | b'+' => PATH | URI,
            b'%' | b'/' | b'?' | b':' | b'@' | b'&' | b'=' | b'$' | b',' | b'!' | b'~' | b'*' => URI,
            _ => 0,
        };
        if matches!(byte, b'"' | b'$' | b'\\' | b'\r' | 0) {
            class |= QUOTED;
        }
        if matches!(byte, b'\'' | b'$' | 0) {
            class |= INDENTED;
        }
        class
    }

    const TABLE: [u8; 256] = {
        let mut table = [0; 256];
        let mut byte = 0;
        while byte < 256 {
            table[byte] = of(byte as u8);
            byte += 1;
        }
        table
    };

    #[inline(always)]
    pub(super) fn is(byte: u8, class: u8) -> bool {
        TABLE[byte as usize] & class != 0
    }
}

impl<'t> Lexer<'t> {
    pub(super) fn position(&self, offset: usize) -> Position {
        Position(self.base.0 + offset as u32)
    }

    pub(super) fn error<T>(&self, offset: usize, message: impl Into<String>) -> Result<T> {
        SyntaxError::new(message, self.position(offset))
    }

    fn at(&self, offset: usize) -> u8 {
        self.text.get(offset).copied().unwrap_or(0)
    }

    /// The end of the run of bytes of a class that starts here.
    #[inline(always)]
    fn run(&self, offset: usize, class: u8) -> usize {
        let rest = self.text.get(offset..).unwrap_or_default();
        offset + rest.iter().position(|byte| !class::is(*byte, class)).unwrap_or(rest.len())
    }

    /// The end of the text before the first byte of a class.
    fn plain(&self, offset: usize, end: u8) -> usize {
        let rest = self.text.get(offset..).unwrap_or_default();
        offset + rest.iter().position(|byte| class::is(*byte, end)).unwrap_or(rest.len())
    }

    /// Where the run of path characters ends that `offset` lies in or begins.
    fn path_run(&mut self, offset: usize) -> usize {
        let (start, end) = self.path_run;
        if !(start..=end).contains(&offset) {
            self.path_run = (offset, self.run(offset, class::PATH));
        }
        self.path_run.1
    }

    fn skip_blank(&mut self) {
        loop {
            match self.text.get(self.offset) {
                Some(b' ' | b'\t' | b'\r' | b'\n') => self.offset += 1,
                Some(b'#') => {
                    let rest = &self.text[self.offset..];
                    self.offset += memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
                }
                Some(b'/') if self.at(self.offset + 1) == b'*' => {
                    match memchr::memmem::find(&self.text[self.offset + 2..], b"*/") {
                        Some(end) => self.offset += 2 + end + 2,
                        None => return,
                    }
                }
                _ => return,
            }
        }
    }

    /// The next token of ordinary code, with the offset of its start.
    pub(super) fn next(&mut self) -> Result<(Token, usize)> {
        self.skip_blank();
        let start = self.offset;
        let Some(&first) = self.text.get(start) else { return Ok((Token::End, start)) };
        let token = if class::is(first, class::IDENTIFIER_START) {
            self.word(start)
        } else if class::is(first, class::DIGIT) || (first == b'.' && self.at(start + 1).is_ascii_digit()) {
            self.number(start)?
        } else {
            self.symbol(start, first)
        };
        Ok((token, start))
    }

    /// The end of a path that starts here with a path character or a slash, or `None`. A path has at least one slash
    /// that is followed by a path character or by `${`.
    fn path_end(&mut self, start: usize) -> Option<usize> {
        let mut end = self.path_run(start);
        if self.at(end) == b'/' && !class::is(self.at(end + 1), class::PATH) {
            let interpolates = self.text.get(end + 1..end + 3) == Some(b"${");
            return interpolates.then_some(end + 1);
        }
        let mut found = None;
        while self.at(end) == b'/' && class::is(self.at(end + 1), class::PATH) {
            end = self.run(end + 1, class::PATH);
            found = Some(end);
        }
        found.map(|end| if self.at(end) == b'/' { end + 1 } else { end })
    }

    fn word(&mut self, start: usize) -> Token {
        let identifier = self.run(start, class::IDENTIFIER);
        let run = if matches!(self.at(identifier), b'.' | b'+' | b'/' | b':') {
            self.path_run(start)
        } else {
            identifier
        };
        match self.at(run) {
            b'/' => {
                if let Some(end) = self.path_end(start)
                    && end > identifier
                {
                    self.offset = end;
                    return Token::Path;
                }
            }
            b':' if first_is_scheme(&self.text[start..run]) && class::is(self.at(run + 1), class::URI) => {
                self.offset = self.run(run + 1, class::URI);
                return Token::Uri;
            }
            _ => {}
        }
        self.offset = identifier;
        match &self.text[start..identifier] {
            b"if" => Token::If,
            b"then" => Token::Then,
            b"else" => Token::Else,
            b"assert" => Token::Assert,
            b"with" => Token::With,
            b"let" => Token::Let,
            b"in" => Token::In,
            b"rec" => Token::Rec,
            b"inherit" => Token::Inherit,
            b"or" => Token::Or,
            _ => Token::Identifier,
        }
    }

    fn number(&mut self, start: usize) -> Result<Token> {
        if let Some(end) = self.path_end(start) {
            self.offset = end;
            return Ok(Token::Path);
        }
        let digits = self.run(start, class::DIGIT);
        // `12.` and `12.5` but not `012.5`; `0.5` and `.5` but not `0.`.
        let leading_zero = self.at(start) == b'0';
        let fraction = self.run(digits + 1, class::DIGIT);
        let is_float = self.at(digits) == b'.'
            && if digits == start || leading_zero {
                fraction > digits + 1 && digits - start <= 1
            } else {
                true
            };
        if !is_float {
            self.offset = digits;
            return match parse_text(&self.text[start..digits]) {
                Some(number) => Ok(Token::Int(number)),
                None => self.error(
                    start,
                    format!("invalid integer '{}'", String::from_utf8_lossy(&self.text[start..digits])),
                ),
            };
        }
        let mut end = fraction;
        if matches!(self.at(end), b'e' | b'E') {
            let sign = if matches!(self.at(end + 1), b'+' | b'-') { 1 } else { 0 };
            let exponent = self.run(end + 1 + sign, class::DIGIT);
            if exponent > end + 1 + sign {
                end = exponent;
            }
        }
        self.offset = end;
        match parse_text::<f64>(&self.text[start..end]) {
            Some(number) if number.is_finite() => Ok(Token::Float(number)),
            _ => self
                .error(start, format!("invalid float '{}'", String::from_utf8_lossy(&self.text[start..end]))),
        }
    }

    fn symbol(&mut self, start: usize, first: u8) -> Token {
        if matches!(first, b'.' | b'+' | b'-' | b'/')
            && let Some(end) = self.path_end(start)
        {
            self.offset = end;
            return Token::Path;
        }
        let rest = &self.text[start..];
        let (token, length) = match first {
            b'.' if rest.starts_with(b"...") => (Token::Ellipsis, 3),
            b'.' => (Token::Dot, 1),
            b'=' if rest.starts_with(b"==") => (Token::Equal, 2),
            b'=' => (Token::Assign, 1),
            b'!' if rest.starts_with(b"!=") => (Token::NotEqual, 2),
            b'!' => (Token::Bang, 1),
            b'<' => match self.search_path_end(start) {
                Some(end) => (Token::SearchPath, end - start),
                None if rest.starts_with(b"<=") => (Token::LessEqual, 2),
                None if rest.starts_with(b"<|") => (Token::PipeLeft, 2),
                None => (Token::Less, 1),
            },
            b'>' if rest.starts_with(b">=") => (Token::GreaterEqual, 2),
            b'>' => (Token::Greater, 1),
            b'&' if rest.starts_with(b"&&") => (Token::And, 2),
            b'|' if rest.starts_with(b"||") => (Token::OrOr, 2),
            b'|' if rest.starts_with(b"|>") => (Token::PipeRight, 2),
            b'-' if rest.starts_with(b"->") => (Token::Implies, 2),
            b'-' => (Token::Minus, 1),
            b'/' if rest.starts_with(b"//") => (Token::Update, 2),
            b'/' => (Token::Slash, 1),
            b'+' if rest.starts_with(b"++") => (Token::Concat, 2),
            b'+' => (Token::Plus, 1),
            b'$' if rest.starts_with(b"${") => (Token::DollarBrace, 2),
            b'{' => (Token::OpenBrace, 1),
            b'}' => (Token::CloseBrace, 1),
            b'(' => (Token::OpenParen, 1),
            b')' => (Token::CloseParen, 1),
            b'[' => (Token::OpenBracket, 1),
            b']' => (Token::CloseBracket, 1),
            b':' => (Token::Colon, 1),
            b';' => (Token::Semicolon, 1),
            b',' => (Token::Comma, 1),
            b'@' => (Token::At, 1),
            b'?' => (Token::Question, 1),
            b'*' => (Token::Star, 1),
            b'"' => (Token::Quote, 1),
            b'\'' if rest.starts_with(b"''") => {
                // Blanks up to the first line break belong to the opening quote.
                let blanks = rest[2..].iter().take_while(|byte| **byte == b' ').count();
                let blank = start + 2 + blanks;
                let length = if self.at(blank) == b'\n' { blank + 1 - start } else { 2 };
                (Token::IndentedQuote, length)
            }
            b'~' if self.at(start + 1) == b'/' => match self.path_end(start + 1) {
                Some(end) => (Token::HomePath, end - start),
                None => (Token::Unknown(first), 1),
            },
            other => (Token::Unknown(other), 1),
        };
        self.offset = start + length;
        token
    }

    fn search_path_end(&self, start: usize) -> Option<usize> {
        let mut end = self.run(start + 1, class::PATH);
        if end == start + 1 {
            return None;
        }
        while self.at(end) == b'/' && class::is(self.at(end + 1), class::PATH) {
            end = self.run(end + 1, class::PATH);
        }
        (self.at(end) == b'>').then_some(end + 1)
    }

    /// The byte of the next token, without moving: enough to tell what an identifier begins.
    pub(super) fn next_byte(&self) -> u8 {
        let mut lexer = *self;
        lexer.skip_blank();
        lexer.at(lexer.offset)
    }
}

fn first_is_scheme(text: &[u8]) -> bool {
    text.first().is_some_and(u8::is_ascii_alphabetic)
        && text.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

fn parse_text<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}
