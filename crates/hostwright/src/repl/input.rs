//! Where lines come from: a terminal with line editing and history, or a pipe.

use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};

use nix_expr::is_incomplete;
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Context, Editor, Helper};

use super::command::Line;
use super::completion::Completion;
use crate::failure::Failure;

/// What the line begins with on a terminal.
const PROMPT: &str = "hostwright> ";

/// As many lines are remembered between runs.
const HISTORY: usize = 5000;

/// What was read.
pub enum Read {
    /// One or several lines that belong together.
    Text(String),
    /// Ctrl-C instead of a line.
    Discarded,
    /// There are no more lines.
    End,
}

/// Where lines come from.
pub enum Input<'r, 'a> {
    /// People type them.
    Terminal {
        /// The line editor.
        editor: Box<Editor<Assistant<'r, 'a>, DefaultHistory>>,
        /// Where lines are remembered.
        history: PathBuf,
    },
    /// A program writes them, or they are in a file.
    Pipe,
}

/// What the line editor asks while somebody types.
pub struct Assistant<'r, 'a>(Completion<'r, 'a>);

/// Whether more lines must follow.
fn wants_more(text: &str) -> bool {
    Line::parse(text)
        .expression()
        .is_some_and(|expression| !expression.is_empty() && is_incomplete(expression))
        || matches!(Line::parse(text), Line::Define { expression: "", .. })
}

fn failed(error: ReadlineError) -> Failure {
    let source = match error {
        ReadlineError::Io(error) => error,
        other => std::io::Error::other(other),
    };
    Failure::File { action: "read", path: "standard input".into(), source }
}

impl<'r, 'a> Input<'r, 'a> {
    /// Standard input. Lines typed at a terminal are remembered in the file `history`.
    pub fn open(completion: Completion<'r, 'a>, history: &Path) -> Result<Self, Failure> {
        if !std::io::stdin().is_terminal() {
            return Ok(Input::Pipe);
        }
        let config = Config::builder()
            .completion_type(CompletionType::List)
            .max_history_size(HISTORY)
            .and_then(|builder| builder.history_ignore_dups(true))
            .map_err(failed)?
            .build();
        let mut editor = Editor::with_config(config).map_err(failed)?;
        editor.set_helper(Some(Assistant(completion)));
        // There is none at first, and without one everything else works.
        let _ = editor.load_history(history);
        Ok(Input::Terminal { editor: Box::new(editor), history: history.to_owned() })
    }

    /// Whether people type the lines.
    pub fn is_terminal(&self) -> bool {
        matches!(self, Input::Terminal { .. })
    }

    /// Reads until an expression is complete.
    pub fn read(&mut self) -> Result<Read, Failure> {
        match self {
            Input::Terminal { editor, history } => match editor.readline(PROMPT) {
                Ok(text) => {
                    if !text.trim().is_empty() && editor.add_history_entry(text.as_str()).is_ok() {
                        remember(editor, history);
                    }
                    Ok(Read::Text(text))
                }
                Err(ReadlineError::Interrupted) => Ok(Read::Discarded),
                Err(ReadlineError::Eof) => Ok(Read::End),
                Err(error) => Err(failed(error)),
            },
            Input::Pipe => read_pipe(),
        }
    }
}

/// A history that cannot be written is only lost.
fn remember(editor: &mut Editor<Assistant<'_, '_>, DefaultHistory>, history: &Path) {
    if let Some(parent) = history.parent() {
        let _ = std::fs::create_dir_all(parent);
    }
    let _ = editor.append_history(history);
}

fn read_pipe() -> Result<Read, Failure> {
    let mut text = String::new();
    let mut stdin = std::io::stdin().lock();
    loop {
        let count = stdin.read_line(&mut text).map_err(|error| failed(error.into()))?;
        match count {
            0 if text.is_empty() => return Ok(Read::End),
            // What is not finished is evaluated to the error that says so.
            0 => return Ok(Read::Text(text)),
            _ if wants_more(&text) => {}
            _ => return Ok(Read::Text(text)),
        }
    }
}

impl Completer for Assistant<'_, '_> {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(self.0.find(line.get(..position).unwrap_or(line)))
    }
}

impl Validator for Assistant<'_, '_> {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(if wants_more(context.input()) {
            ValidationResult::Incomplete
        } else {
            ValidationResult::Valid(None)
        })
    }
}

impl Hinter for Assistant<'_, '_> {
    type Hint = String;
}

impl Highlighter for Assistant<'_, '_> {}

impl Helper for Assistant<'_, '_> {}

#[cfg(test)]
mod tests {
    use super::wants_more;

    #[test]
    fn lines_go_on_until_an_expression_is_complete() {
        for text in ["{ a = 1;", "x =", "x = {", ":p [ 1", "''", "let\n  a = 1;\nin"] {
            assert!(wants_more(text), "{text}");
        }
        for text in ["", "1", "x = 1", ":l ./file", ":p", ":q", "# remark", "1 )"] {
            assert!(!wants_more(text), "{text}");
        }
    }
}
