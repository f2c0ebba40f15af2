//! Bracket expressions, `[…]`, in the C locale.

use super::RegexError;
use super::program::ByteSet;

/// The names of characters 0 to 127 in `[.NAME.]` (POSIX, "Portable Character Set"); only these are known.
const COLLATING_NAMES: &str = "NUL SOH STX ETX EOT ENQ ACK alert backspace tab newline vertical-tab form-feed \
    carriage-return SO SI DLE DC1 DC2 DC3 DC4 NAK SYN ETB CAN EM SUB ESC IS4 IS3 IS2 IS1 space \
    exclamation-mark quotation-mark number-sign dollar-sign percent-sign ampersand apostrophe \
    left-parenthesis right-parenthesis asterisk plus-sign comma hyphen period slash zero one two three four \
    five six seven eight nine colon semicolon less-than-sign equals-sign greater-than-sign question-mark \
    commercial-at A B C D E F G H I J K L M N O P Q R S T U V W X Y Z left-square-bracket backslash \
    right-square-bracket circumflex underscore grave-accent a b c d e f g h i j k l m n o p q r s t u v w x \
    y z left-curly-bracket vertical-line right-curly-bracket tilde DEL";

/// Reads what follows `[`; returns the bytes that it stands for and the place behind `]`.
pub(super) fn parse(pattern: &[u8], start: usize) -> Result<(ByteSet, usize), RegexError> {
    let mut reader = Reader { pattern, offset: start, first: true, set: ByteSet::default() };
    let negated = reader.take(b'^');
    reader.expression()?;
    let set = if negated { reader.set.complement() } else { reader.set };
    Ok((set, reader.offset))
}

/// A part of a bracket expression.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Item<'pattern> {
    Character(u8),
    Dash,
    End,
    Collating(&'pattern [u8]),
    Equivalence(&'pattern [u8]),
    Class(&'pattern [u8]),
}

/// What came last, which decides what a dash means.
#[derive(Clone, Copy)]
enum Last {
    /// Nothing, or a complete range.
    Nothing,
    /// A character that may begin a range; it is not in the set yet.
    Character(u8),
    /// A class, which cannot begin a range.
    Class,
}

struct Reader<'pattern> {
    pattern: &'pattern [u8],
    offset: usize,
    /// Whether no item has been read: a `]` is an ordinary character then.
    first: bool,
    set: ByteSet,
}

impl<'pattern> Reader<'pattern> {
    fn error(&self, problem: &'static str) -> RegexError {
        RegexError::Invalid { problem, offset: self.offset }
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.pattern.get(self.offset) == Some(&byte);
        self.offset += usize::from(there);
        there
    }

    fn expression(&mut self) -> Result<(), RegexError> {
        let mut last = Last::Nothing;
        if self.peek()? == Item::Dash {
            self.next()?;
            last = Last::Character(b'-');
        }
        loop {
            match self.next()? {
                Item::End => break,
                Item::Character(byte) => last = self.after(last, Last::Character(byte)),
                Item::Collating(name) => {
                    let byte = self.collating(name)?;
                    last = self.after(last, Last::Character(byte));
                }
                Item::Equivalence(name) => {
                    let byte = self.collating(name)?;
                    last = self.after(last, Last::Class);
                    self.insert_where(|other| other.eq_ignore_ascii_case(&byte));
                }
                Item::Class(name) => {
                    last = self.after(last, Last::Class);
                    self.class(name)?;
                }
                Item::Dash if self.peek()? == Item::End => last = self.after(last, Last::Character(b'-')),
                Item::Dash => {
                    let Last::Character(from) = last else {
                        return Err(self.error("a range has no first character"));
                    };
                    let to = match self.next()? {
                        Item::Character(byte) => byte,
                        Item::Dash => b'-',
                        _ => return Err(self.error("a range has no last character")),
                    };
                    self.range(from, to)?;
                    last = Last::Nothing;
                }
            }
        }
        self.after(last, Last::Nothing);
        Ok(())
    }

    /// Puts a character that turned out not to begin a range into the set.
    fn after(&mut self, last: Last, now: Last) -> Last {
        if let Last::Character(byte) = last {
            self.set.insert(byte);
        }
        now
    }

    fn insert_where(&mut self, condition: impl Fn(u8) -> bool) {
        (0..=u8::MAX).filter(|byte| condition(*byte)).for_each(|byte| self.set.insert(byte));
    }

    /// Bytes are compared as signed ones: `char` is signed where Nix is used most, on x86.
    fn range(&mut self, from: u8, to: u8) -> Result<(), RegexError> {
        let (from, to) = (from as i8, to as i8);
        if from > to {
            return Err(self.error("a range ends before it begins"));
        }
        self.insert_where(|byte| (from..=to).contains(&(byte as i8)));
        Ok(())
    }

    fn collating(&self, name: &[u8]) -> Result<u8, RegexError> {
        COLLATING_NAMES
            .split_ascii_whitespace()
            .position(|known| known.as_bytes() == name)
            .and_then(|index| u8::try_from(index).ok())
            .ok_or_else(|| self.error("an unknown collating element"))
    }

    fn class(&mut self, name: &[u8]) -> Result<(), RegexError> {
        let contains: fn(u8) -> bool = match name.to_ascii_lowercase().as_slice() {
            b"alnum" => |byte| byte.is_ascii_alphanumeric(),
            b"alpha" => |byte| byte.is_ascii_alphabetic(),
            b"blank" => |byte| matches!(byte, b' ' | b'\t'),
            b"cntrl" => |byte| byte.is_ascii_control(),
            b"d" | b"digit" => |byte| byte.is_ascii_digit(),
            b"graph" => |byte| byte.is_ascii_graphic(),
            b"lower" => |byte| byte.is_ascii_lowercase(),
            b"print" => |byte| byte.is_ascii_graphic() || byte == b' ',
            b"punct" => |byte| byte.is_ascii_punctuation(),
            b"s" | b"space" => |byte| matches!(byte, b' ' | b'\t'..=b'\r'),
            b"upper" => |byte| byte.is_ascii_uppercase(),
            b"w" => |byte| byte.is_ascii_alphanumeric() || byte == b'_',
            b"xdigit" => |byte| byte.is_ascii_hexdigit(),
            _ => return Err(self.error("an unknown character class")),
        };
        self.insert_where(contains);
        Ok(())
    }

    fn peek(&mut self) -> Result<Item<'pattern>, RegexError> {
        let before = (self.offset, self.first);
        let item = self.next();
        (self.offset, self.first) = before;
        item
    }

    fn next(&mut self) -> Result<Item<'pattern>, RegexError> {
        let first = std::mem::replace(&mut self.first, false);
        let Some(byte) = self.pattern.get(self.offset).copied() else {
            return Err(self.error("a '[' is not closed"));
        };
        self.offset += 1;
        match byte {
            b'-' => Ok(Item::Dash),
            b']' if !first => Ok(Item::End),
            b'[' => match self.pattern.get(self.offset) {
                Some(b'.') => Ok(Item::Collating(self.name(b'.')?)),
                Some(b'=') => Ok(Item::Equivalence(self.name(b'=')?)),
                Some(b':') => Ok(Item::Class(self.name(b':')?)),
                Some(_) => Ok(Item::Character(byte)),
                None => Err(self.error("a '[' is not closed")),
            },
            _ => Ok(Item::Character(byte)),
        }
    }

    /// The name between `mark` and `mark]`.
    fn name(&mut self, mark: u8) -> Result<&'pattern [u8], RegexError> {
        let start = self.offset + 1;
        let pattern = self.pattern;
        let rest = pattern.get(start..).unwrap_or_default();
        let Some(length) = rest.iter().position(|byte| *byte == mark) else {
            return Err(self.error("a class is not closed"));
        };
        self.offset = start + length + 1;
        if !self.take(b']') {
            return Err(self.error("a class is not closed"));
        }
        Ok(&rest[..length])
    }
}
