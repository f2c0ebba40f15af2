//! What went wrong, where, and on the way to what.
//!
//! While an error travels it is a [`Failure`] that holds positions as numbers; it becomes an owned [`EvalError`] with
//! files, lines and source text when it leaves the evaluation.

use std::collections::VecDeque;
use std::fmt;
use std::ops::{Deref, DerefMut};

use crate::position::{Origin, Position, SourceMap};
use crate::symbol::{Symbol, SymbolTable};

/// What kind of mistake an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The text is no Nix expression.
    Syntax,
    /// A variable that nothing binds.
    UndefinedVariable,
    /// A value of another type was wanted.
    Type,
    /// An attribute set lacks an attribute.
    MissingAttribute,
    /// A function was called with an argument that it does not take, or without one that it needs.
    Arguments,
    /// A value of the right type that is not allowed: a bad hash, a division by zero, an index out of range.
    Value,
    /// `throw`, or a failed `<…>` lookup.
    Throw,
    /// A failed `assert`.
    Assertion,
    /// `abort`
    Abort,
    /// A value that needs itself.
    InfiniteRecursion,
    /// Recursion that is too deep.
    StackDepth,
    /// A file could not be read or written.
    Io,
    /// A path or an input that pure or restricted evaluation may not use.
    Restricted,
    /// A builtin that needs what this evaluation does not offer, such as network access.
    Unsupported,
    /// A derivation could not be built during evaluation.
    Build,
    /// A tree or file could not be fetched during evaluation.
    Fetch,
    /// What was fetched is not what its hash says.
    Integrity,
    /// The evaluation was interrupted.
    Interrupted,
}

/// What a trace frame says.
#[derive(Clone, Debug)]
pub(crate) enum FrameText {
    Static(&'static str),
    Owned(String),
    /// While calling the function of this name.
    Calling(Symbol),
    /// While evaluating the attribute of this name.
    Attribute(Symbol),
}

/// An error under way.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: ErrorKind,
    pub(crate) message: String,
    pub(crate) position: Position,
    pub(crate) suggestions: Vec<String>,
    /// Innermost first, as far as they are kept whole.
    pub(crate) frames: Vec<(Position, FrameText)>,
    /// The outermost ones, if there are more than that: people find their own files there.
    pub(crate) outer: VecDeque<(Position, FrameText)>,
    /// Frames between both that were left out because there were too many.
    pub(crate) omitted: usize,
}

/// An error is rare and moves a lot, so it is one pointer.
pub(crate) type Error = Box<Failure>;

/// Frames kept of one error from its inner end: deep recursion would make millions.
const FRAMES_MOST: usize = 200;
/// And from its outer end.
const OUTER_FRAMES_MOST: usize = 100;

impl Failure {
    pub(crate) fn new(kind: ErrorKind, position: Position, message: impl Into<String>) -> Error {
        Box::new(Failure {
            kind,
            message: message.into(),
            position,
            suggestions: Vec::new(),
            frames: Vec::new(),
            outer: VecDeque::new(),
            omitted: 0,
        })
    }

    pub(crate) fn frame(&mut self, position: Position, text: FrameText) {
        if self.frames.len() < FRAMES_MOST {
            self.frames.push((position, text));
            return;
        }
        if self.outer.len() == OUTER_FRAMES_MOST {
            self.outer.pop_front();
            self.omitted += 1;
        }
        self.outer.push_back((position, text));
    }

    /// Whether `tryEval` turns the error into a value.
    pub(crate) fn is_catchable(&self) -> bool {
        matches!(self.kind, ErrorKind::Throw | ErrorKind::Assertion)
    }
}

/// A place in a source text, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceLocation {
    /// The file as the user knows it, or a name such as `«string»`.
    pub file: String,
    /// Whether `file` is the path of a file.
    pub is_file: bool,
    /// Line, from 1.
    pub line: u32,
    /// Column in bytes, from 1.
    pub column: u32,
    /// The text of the line, without its end.
    pub line_text: String,
}

/// One step on the way to an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceFrame {
    /// What was being done.
    pub message: String,
    /// Where, if it has a place.
    pub location: Option<SourceLocation>,
}

/// An error of an evaluation. It is rare and returned from everywhere, so it is one pointer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvalError(Box<EvalErrorReport>);

/// Everything needed to show an [`EvalError`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvalErrorReport {
    /// What kind of mistake it is.
    pub kind: ErrorKind,
    /// What is wrong, without the place.
    pub message: String,
    /// Where.
    pub location: Option<SourceLocation>,
    /// Names that may have been meant.
    pub suggestions: Vec<String>,
    /// The way to the error, innermost step first.
    pub trace: Vec<TraceFrame>,
    /// Steps left out of `trace` because there were too many.
    pub omitted_frames: usize,
    /// Behind how many steps of `trace` those are missing.
    pub omitted_after: usize,
}

impl EvalError {
    /// An error of the caller's own, without a place in any source.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        EvalError(Box::new(EvalErrorReport {
            kind,
            message: message.into(),
            location: None,
            suggestions: Vec::new(),
            trace: Vec::new(),
            omitted_frames: 0,
            omitted_after: 0,
        }))
    }
}

impl Deref for EvalError {
    type Target = EvalErrorReport;

    fn deref(&self) -> &EvalErrorReport {
        &self.0
    }
}

impl DerefMut for EvalError {
    fn deref_mut(&mut self) -> &mut EvalErrorReport {
        &mut self.0
    }
}

impl fmt::Display for EvalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(location) = &self.location {
            write!(f, " (at {}:{}:{})", location.file, location.line, location.column)?;
        }
        Ok(())
    }
}

impl std::error::Error for EvalError {}

/// Makes an error owned. `user_path` maps the path of a source file to the one that the user knows.
pub(crate) fn render(
    failure: &Failure,
    sources: &SourceMap<'_>,
    symbols: &SymbolTable,
    user_path: &dyn Fn(&[u8]) -> Vec<u8>,
) -> EvalError {
    let locate = |position: Position| -> Option<SourceLocation> {
        let found = sources.locate(position)?;
        let (file, is_file) = match found.origin {
            Origin::File(path) => (String::from_utf8_lossy(&user_path(path)).into_owned(), true),
            Origin::Text(name) => (name.to_owned(), false),
        };
        Some(SourceLocation {
            file,
            is_file,
            line: found.line,
            column: found.column,
            line_text: String::from_utf8_lossy(&sources.line_text(position).unwrap_or_default()).into_owned(),
        })
    };
    EvalError(Box::new(EvalErrorReport {
        kind: failure.kind,
        message: failure.message.clone(),
        location: locate(failure.position),
        suggestions: failure.suggestions.clone(),
        trace: failure
            .frames
            .iter()
            .chain(&failure.outer)
            .map(|(position, text)| TraceFrame {
                message: match text {
                    FrameText::Static(text) => (*text).to_owned(),
                    FrameText::Owned(text) => text.clone(),
                    FrameText::Calling(name) => {
                        format!("while calling '{}'", String::from_utf8_lossy(symbols.name(*name)))
                    }
                    FrameText::Attribute(name) => {
                        let name = crate::print::attr_name(symbols.name(*name));
                        format!("while evaluating the attribute '{name}'")
                    }
                },
                location: locate(*position),
            })
            .collect(),
        omitted_frames: failure.omitted,
        omitted_after: failure.frames.len(),
    }))
}
