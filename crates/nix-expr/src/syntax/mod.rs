//! From text to a syntax tree.
//!
//! The tree lives in a scratch arena and is read once, by [`crate::resolve`], which lowers it to the form that is
//! evaluated. The grammar follows the Nix reference manual, chapter "Nix Language".

pub mod ast;
mod attributes;
mod lexer;
mod parser;
mod show;
mod strings;

pub use parser::{ParseOptions, parse};
pub use show::show;

use crate::position::Position;

/// Why a text is not a Nix expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// What is wrong.
    pub message: String,
    /// Where.
    pub position: Position,
}

impl SyntaxError {
    pub(crate) fn new<T>(message: impl Into<String>, position: Position) -> Result<T> {
        Err(Box::new(SyntaxError { message: message.into(), position }))
    }
}

/// What parsing gives. Mistakes are rare and boxed, so that a node is returned in registers.
type Result<T> = std::result::Result<T, Box<SyntaxError>>;
