//! The Nix language: parse, resolve, evaluate.
//!
//! ```
//! use nix_expr::{FileSystemIo, Settings, evaluate};
//!
//! # fn main() -> Result<(), nix_expr::EvalError> {
//! let io = FileSystemIo::default();
//! let json = evaluate(&Settings::default(), &io, |session| {
//!     let value = session.evaluate_text("map (x: x * 2) [ 1 2 3 ]", "«example»", "/".as_ref())?;
//!     Ok(session.to_json(value)?.text)
//! })?;
//! assert_eq!(json, "[2,4,6]");
//! # Ok(())
//! # }
//! ```
//!
//! The way of an expression: [`syntax`] makes a tree of the text in a scratch arena; `resolve` lowers it to `ir`, where
//! every variable is a place; `eval` walks that, with `builtins` beside it. All that an evaluation makes lives in one
//! arena which goes away with the [`Session`]. What it needs of the world it asks of an [`EvalIo`].

mod alike;
mod attrs;
mod builtins;
mod context;
mod definitions;
mod doc_comment;
mod error;
mod eval;
mod explore;
mod file_system;
mod hint;
mod io;
mod ir;
mod observe;
mod parse_cache;
mod path;
mod pool;
mod position;
mod print;
mod regex;
mod resolve;
mod session;
mod settings;
mod show;
mod stack;
mod string;
mod suggest;
mod symbol;
mod value;
mod walk;

pub mod syntax;

pub use builtins::{Documentation, NIX_VERSION, documentation};
pub use definitions::find_definitions;
pub use error::{ErrorKind, EvalError, EvalErrorReport, SourceLocation, TraceFrame};
pub use explore::{FunctionDocumentation, Scope, is_incomplete};
pub use file_system::{AddedContent, AddedPath, FileMemory, FileSystemIo, FileSystemOptions, SourceMapping};
pub use io::{
    AddMethod, Confinement, DerivationTable, EvalIo, Fetch, FetchAttribute, FetchRequest, Fetched,
    FetchedContent, FileType, FlakeExpression, IoError, PathFilter, PathToAdd, Realisation,
};
pub use observe::{Answer, Observer, Question};
pub use pool::EvaluationPool;
pub use position::Position;
pub use session::{Dependency, Session, Text, Turns, ValueRef, evaluate, evaluate_in, show_parsed};
pub use settings::{
    Feature, Features, Report, SearchPathEntry, Settings, current_system, parse_search_path,
    parse_search_path_entry,
};
pub use show::Display;
pub use stack::StackLimit;
pub use suggest::closest;
pub use symbol::{Symbol, SymbolTable};
pub use walk::{Visitor, WalkLimits, walk};
