//! From the text of an expression to states. The way in which states are connected, and where repetitions turn, decides
//! which of several matches is found.

use super::RegexError;
use super::bracket;
use super::program::{ByteSet, Kind, Program, Sequence, Shape, StateId};

/// The characters that mean something, and that a backslash makes ordinary. A backslash before any other is an error.
const SPECIAL: &[u8] = b".[\\()*+?{|^$";

/// Compiles `pattern`.
pub(super) fn parse(pattern: &[u8]) -> Result<Program, RegexError> {
    let mut program = Program::default();
    let start = program.insert(Kind::Begin(0))?;
    program.group_count = 1;
    let whole = Level { group: 0, begin: start, left: None, current: None };
    let mut parser = Parser { pattern, offset: 0, program, open: vec![whole] };
    parser.expression()?;
    let mut program = parser.program;
    program.start = start;
    program.finish();
    Ok(program)
}

/// A group that is open, or the whole expression. There is a stack of them instead of recursion.
struct Level {
    group: u32,
    begin: StateId,
    /// The alternatives that are complete, as one sequence.
    left: Option<Sequence>,
    /// The alternative that is being read.
    current: Option<Sequence>,
}

struct Parser<'pattern> {
    pattern: &'pattern [u8],
    offset: usize,
    program: Program,
    open: Vec<Level>,
}

impl Parser<'_> {
    fn error(&self, problem: &'static str) -> RegexError {
        RegexError::Invalid { problem, offset: self.offset }
    }

    fn peek(&self) -> Option<u8> {
        self.pattern.get(self.offset).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.offset += usize::from(there);
        there
    }

    fn expression(&mut self) -> Result<(), RegexError> {
        while let Some(byte) = self.peek() {
            self.offset += 1;
            match byte {
                b'|' => self.end_alternative()?,
                b'(' => {
                    let group = self.program.group_count as u32;
                    self.program.group_count += 1;
                    let begin = self.program.insert(Kind::Begin(group))?;
                    self.open.push(Level { group, begin, left: None, current: None });
                }
                b')' => {
                    if self.open.len() == 1 {
                        return Err(self.error("a ')' closes nothing"));
                    }
                    let group = self.close()?;
                    self.atom(group)?;
                }
                b'^' => self.assertion(Kind::LineBegin)?,
                b'$' => self.assertion(Kind::LineEnd)?,
                b'*' | b'+' | b'?' | b'{' => return Err(self.error("nothing is there to be repeated")),
                b'.' => {
                    let mut nul = ByteSet::default();
                    nul.insert(0);
                    let any = self.program.insert_set(nul.complement())?;
                    self.atom(Sequence::of(any))?;
                }
                b'[' => {
                    let (set, end) = bracket::parse(self.pattern, self.offset)?;
                    self.offset = end;
                    let set = self.program.insert_set(set)?;
                    self.atom(Sequence::of(set))?;
                }
                b'\\' => {
                    let escaped = self.peek().filter(|byte| SPECIAL.contains(byte));
                    let Some(byte) = escaped else {
                        return Err(self.error("only special characters can follow a backslash"));
                    };
                    self.offset += 1;
                    self.byte(byte)?;
                }
                0 => return Err(self.error("a NUL")),
                _ => self.byte(byte)?,
            }
        }
        if self.open.len() > 1 {
            return Err(self.error("a '(' is not closed"));
        }
        let mut whole = self.close()?;
        let accept = self.program.insert(Kind::Accept)?;
        self.program.append(&mut whole, Sequence::of(accept));
        Ok(())
    }

    fn byte(&mut self, byte: u8) -> Result<(), RegexError> {
        let state = self.program.insert(Kind::Byte(byte))?;
        self.atom(Sequence::of(state))
    }

    /// Adds something that cannot be repeated.
    fn assertion(&mut self, kind: Kind) -> Result<(), RegexError> {
        let state = self.program.insert(kind)?;
        self.add(Sequence::of(state));
        Ok(())
    }

    /// Adds `atom`, repeated as what follows it says.
    fn atom(&mut self, mut atom: Sequence) -> Result<(), RegexError> {
        while let Some(byte) = self.peek() {
            self.offset += 1;
            atom = match byte {
                b'*' => self.any_number(atom)?,
                b'+' => {
                    let repeat = self.repeat(atom.start)?;
                    self.program.append(&mut atom, Sequence::of(repeat));
                    atom
                }
                b'?' => {
                    let end = Sequence::of(self.program.insert(Kind::Nothing)?);
                    let mut optional = Sequence::of(self.repeat(atom.start)?);
                    self.program.append(&mut atom, end);
                    self.program.append(&mut optional, end);
                    optional
                }
                b'{' => self.interval(atom)?,
                _ => {
                    self.offset -= 1;
                    break;
                }
            };
        }
        self.add(atom);
        Ok(())
    }

    fn repeat(&mut self, body: StateId) -> Result<StateId, RegexError> {
        self.program.insert(Kind::Repeat { body, shape: Shape::MayTakeNothing })
    }

    fn any_number(&mut self, mut atom: Sequence) -> Result<Sequence, RegexError> {
        let repeat = Sequence::of(self.repeat(atom.start)?);
        self.program.append(&mut atom, repeat);
        Ok(repeat)
    }

    /// `{LEAST}`, `{LEAST,}` or `{LEAST,MOST}`: so many copies, and behind them a loop or nested options.
    fn interval(&mut self, atom: Sequence) -> Result<Sequence, RegexError> {
        let least = self.number()?.ok_or_else(|| self.error("a number was expected"))?;
        let mut most = Some(least);
        if self.take(b',') {
            most = self.number()?;
        }
        if !self.take(b'}') {
            return Err(self.error("'}' was expected"));
        }
        let mut all = Sequence::of(self.program.insert(Kind::Nothing)?);
        for _ in 0..least {
            let copy = self.program.duplicate(atom)?;
            self.program.append(&mut all, copy);
        }
        let Some(most) = most else {
            let copy = self.program.duplicate(atom)?;
            let repeat = self.any_number(copy)?;
            self.program.append(&mut all, repeat);
            return Ok(all);
        };
        let Some(optional) = most.checked_sub(least) else {
            return Err(self.error("the most is less than the least"));
        };
        let end = Sequence::of(self.program.insert(Kind::Nothing)?);
        let mut last = all;
        for _ in 0..optional {
            let copy = self.program.duplicate(atom)?;
            let repeat = self.repeat(copy.start)?;
            // Enough is enough: each option leads to the end directly.
            let into_repeat = Sequence { start: repeat, end: copy.end };
            self.program.append(&mut last, into_repeat);
            self.program.states[repeat as usize].next = end.start;
        }
        self.program.append(&mut last, end);
        all.end = last.end;
        Ok(all)
    }

    /// A decimal number, if there is one.
    fn number(&mut self) -> Result<Option<u32>, RegexError> {
        let mut number: Option<i32> = None;
        while let Some(digit) = self.peek().filter(u8::is_ascii_digit) {
            let larger =
                number.unwrap_or(0).checked_mul(10).and_then(|ten| ten.checked_add(i32::from(digit - b'0')));
            number = Some(larger.ok_or_else(|| self.error("the number is too large"))?);
            self.offset += 1;
        }
        Ok(number.map(i32::unsigned_abs))
    }

    fn add(&mut self, part: Sequence) {
        let Some(level) = self.open.last_mut() else { return };
        match &mut level.current {
            Some(current) => self.program.append(current, part),
            None => level.current = Some(part),
        }
    }

    fn end_alternative(&mut self) -> Result<(), RegexError> {
        let nothing = Sequence::of(self.program.insert(Kind::Nothing)?);
        let Some(level) = self.open.last_mut() else { return Ok(()) };
        let mut right = level.current.take().unwrap_or(nothing);
        level.left = Some(match level.left.take() {
            None => right,
            Some(mut left) => {
                let end = Sequence::of(self.program.insert(Kind::Nothing)?);
                self.program.append(&mut left, end);
                self.program.append(&mut right, end);
                let branch = self.program.insert(Kind::Alternative { left: left.start })?;
                self.program.states[branch as usize].next = right.start;
                Sequence { start: branch, end: end.end }
            }
        });
        Ok(())
    }

    /// Closes the innermost level and gives it as a sequence with its group around.
    fn close(&mut self) -> Result<Sequence, RegexError> {
        self.end_alternative()?;
        let Some(Level { group, begin, left: Some(inside), .. }) = self.open.pop() else {
            return Err(self.error("a ')' closes nothing"));
        };
        let mut sequence = Sequence::of(begin);
        self.program.append(&mut sequence, inside);
        let end = Sequence::of(self.program.insert(Kind::End(group))?);
        self.program.append(&mut sequence, end);
        Ok(sequence)
    }
}
