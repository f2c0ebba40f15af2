//! Indentation of `''…''` strings.

use super::ast::{Ast, Part};
use crate::position::Position;

/// A piece of an indented string as the lexer gave it.
pub(super) enum Piece<'s> {
    /// Text; `plain` if it was written as such, not as an escape.
    Text { position: Position, text: Vec<u8>, plain: bool },
    /// `${…}`
    Interpolation(Position, &'s Ast<'s>),
}

/// What is left when the common indentation is taken away.
pub(super) enum Stripped<'s> {
    Text(Vec<u8>),
    Parts(Vec<Part<'s>>),
}

/// The smallest indentation of all lines that hold more than blanks. Only spaces count; an interpolation or an escape
/// ends the blanks at the start of its line. The last line does not count if it is blank.
fn common_indentation(pieces: &[Piece<'_>]) -> usize {
    let mut smallest = usize::MAX;
    let mut at_line_start = true;
    let mut current = 0;
    for piece in pieces {
        let Piece::Text { text, plain: true, .. } = piece else {
            if at_line_start {
                at_line_start = false;
                smallest = smallest.min(current);
            }
            continue;
        };
        for &byte in text {
            match (at_line_start, byte) {
                (true, b' ') => current += 1,
                (true, b'\n') => current = 0,
                (true, _) => {
                    at_line_start = false;
                    smallest = smallest.min(current);
                }
                (false, b'\n') => {
                    at_line_start = true;
                    current = 0;
                }
                (false, _) => {}
            }
        }
    }
    smallest
}

/// Takes the common indentation out of an indented string, and its last line if that is blank.
pub(super) fn strip_indentation<'s>(
    pieces: Vec<Piece<'s>>,
    mut text_node: impl FnMut(&[u8]) -> &'s Ast<'s>,
) -> Stripped<'s> {
    let indentation = common_indentation(&pieces);
    let count = pieces.len();
    let mut at_line_start = true;
    let mut dropped = 0usize;
    let mut texts: Vec<(Position, Result<Vec<u8>, &'s Ast<'s>>)> = Vec::with_capacity(count);
    for (index, piece) in pieces.into_iter().enumerate() {
        match piece {
            Piece::Interpolation(position, node) => {
                at_line_start = false;
                dropped = 0;
                texts.push((position, Err(node)));
            }
            Piece::Text { position, text, .. } => {
                let mut kept = Vec::with_capacity(text.len());
                for byte in text {
                    match (at_line_start, byte) {
                        (true, b' ') => {
                            if dropped >= indentation {
                                kept.push(byte);
                            }
                            dropped += 1;
                        }
                        (true, b'\n') => {
                            dropped = 0;
                            kept.push(byte);
                        }
                        (true, _) => {
                            at_line_start = false;
                            dropped = 0;
                            kept.push(byte);
                        }
                        (false, _) => {
                            kept.push(byte);
                            at_line_start = byte == b'\n';
                        }
                    }
                }
                if index + 1 == count
                    && let Some(last) = memchr::memrchr(b'\n', &kept)
                    && kept[last + 1..].iter().all(|byte| *byte == b' ')
                {
                    kept.truncate(last + 1);
                }
                if !kept.is_empty() {
                    texts.push((position, Ok(kept)));
                }
            }
        }
    }
    match texts.len() {
        0 => Stripped::Text(Vec::new()),
        1 if texts[0].1.is_ok() => {
            Stripped::Text(texts.pop().and_then(|(_, text)| text.ok()).unwrap_or_default())
        }
        _ => Stripped::Parts(
            texts
                .into_iter()
                .map(|(position, part)| match part {
                    Ok(text) => (position, text_node(&text)),
                    Err(node) => (position, node),
                })
                .collect(),
        ),
    }
}
