//! Parsed files, kept for the evaluations that follow.
//!
//! Hosts of a fleet read the same thousands of files. A file is parsed and resolved once for all evaluations that follow one
//! another in the same memory, as long as it is read as the same text: what an evaluation makes of a file depends on its
//! text, its path, and the names that are bound around it.

use std::cell::RefCell;

use bumpalo::Bump;
use nix_store::Hash;
use rustc_hash::FxHashMap;
use self_cell::self_cell;

use crate::builtins::global_names;
use crate::error::{Error, ErrorKind, Failure};
use crate::ir::{CodeId, CodeTable};
use crate::pool::Given;
use crate::position::{Origin, Position, SourceFile, SourceMap};
use crate::resolve::{ResolveError, Resolver};
use crate::settings::{Feature, Settings};
use crate::stack::StackLimit;
use crate::symbol::{Symbol, SymbolTable};
use crate::syntax::{ParseOptions, SyntaxError, parse};

/// What is the same for all code that may be shared: the names of the globals, whose numbers are in the code, and the syntax.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Dialect {
    globals: Vec<&'static str>,
    pipe_operators: bool,
}

impl Dialect {
    /// The language as settings have it.
    pub(crate) fn new(settings: &Settings) -> Self {
        let pipe_operators = settings.features.has(Feature::PipeOperators);
        Dialect { globals: global_names(settings), pipe_operators }
    }
}

/// What is made of a text depends on this, and on the text.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Context<'t> {
    /// Where the text is from.
    pub(crate) origin: Origin<'t>,
    /// What relative paths are meant from.
    pub(crate) directory: &'t [u8],
    /// What `~` stands for.
    pub(crate) home: Option<&'t [u8]>,
    /// Names that the outermost environment binds, in the order of its slots.
    pub(crate) scope: &'t [Symbol],
}

/// A text to parse.
#[derive(Clone, Copy)]
pub(crate) struct Text<'t> {
    /// The SHA-256 of its bytes.
    pub(crate) hash: Hash,
    /// The bytes. Not needed for a text that was parsed before.
    pub(crate) bytes: Option<&'t [u8]>,
}

impl<'t> Text<'t> {
    /// A text that may be new.
    pub(crate) fn new(bytes: &'t [u8]) -> Self {
        Text { hash: Hash::sha256(bytes), bytes: Some(bytes) }
    }
}

/// What is needed while a text is parsed.
#[derive(Clone, Copy)]
pub(crate) struct Workspace<'w> {
    /// For the syntax tree.
    pub(crate) scratch: &'w Bump,
    /// The stack of the thread.
    pub(crate) stack: StackLimit,
}

/// A parser of files as an evaluation sees it: what it returns lives longer than the evaluation.
pub(crate) trait FileParser<'a> {
    /// The hash of the text that was parsed last in a context.
    fn known(&self, context: Context<'_>) -> Option<Hash>;

    /// The code of a text. Adds to `code` and `sources` what is not in them yet, which is more than this text when other
    /// evaluations went before.
    ///
    /// # Errors
    /// The text is no expression, or has a variable that nothing binds.
    fn parse(
        &self,
        text: Text<'_>,
        context: Context<'_>,
        workspace: Workspace<'_>,
        code: &mut CodeTable<'a>,
        sources: &SourceMap<'a>,
    ) -> Result<CodeId, Error>;
}

/// The code of a text that was parsed.
struct Parsed {
    root: CodeId,
    hash: Hash,
}

/// All that was parsed.
pub(crate) struct ParseCache<'c> {
    inner: RefCell<Inner<'c>>,
}

struct Inner<'c> {
    files: FxHashMap<Context<'c>, Parsed>,
    sources: Vec<SourceFile<'c>>,
    code: CodeTable<'c>,
    resolver: Resolver,
}

self_cell!(
    /// Code, with the arena that it lies in.
    pub(crate) struct SharedCode {
        owner: Bump,
        #[not_covariant]
        dependent: ParseCache,
    }
);

impl SharedCode {
    /// No code yet.
    pub(crate) fn empty(dialect: &Dialect, symbols: &SymbolTable) -> Self {
        let globals = dialect.globals.iter().map(|name| symbols.intern(name.as_bytes()));
        let resolver = Resolver::new(globals);
        SharedCode::new(Bump::new(), |_| ParseCache {
            inner: RefCell::new(Inner {
                files: FxHashMap::default(),
                sources: Vec::new(),
                code: CodeTable::default(),
                resolver,
            }),
        })
    }

    /// Runs `body` with what an evaluation is given, and with the parser that adds to this code.
    pub(crate) fn with_parser<T>(
        &self,
        dialect: &Dialect,
        given: Given<'_>,
        body: impl for<'a> FnOnce(Given<'a>, &'a dyn FileParser<'a>) -> T,
    ) -> T {
        let (symbols, pipe_operators) = (given.symbols, dialect.pipe_operators);
        self.with_dependent(|arena, cache| {
            body(given, &CachingParser { arena, cache, symbols, pipe_operators })
        })
    }
}

struct CachingParser<'c, 's> {
    arena: &'c Bump,
    cache: &'s ParseCache<'c>,
    symbols: &'s SymbolTable,
    pipe_operators: bool,
}

/// What is known of a context. The keys' lifetime is that of the arena; a shorter one serves to look one up.
fn find<'f, 't>(files: &'f FxHashMap<Context<'t>, Parsed>, context: &Context<'t>) -> Option<&'f Parsed> {
    files.get(context)
}

impl<'a, 'c: 'a> FileParser<'a> for CachingParser<'c, '_> {
    fn known(&self, context: Context<'_>) -> Option<Hash> {
        find(&self.cache.inner.borrow().files, &context).map(|parsed| parsed.hash)
    }

    fn parse(
        &self,
        text: Text<'_>,
        context: Context<'_>,
        workspace: Workspace<'_>,
        code: &mut CodeTable<'a>,
        sources: &SourceMap<'a>,
    ) -> Result<CodeId, Error> {
        let inner = &mut *self.cache.inner.borrow_mut();
        let root = match find(&inner.files, &context) {
            Some(parsed) if parsed.hash == text.hash => Ok(parsed.root),
            _ => self.lower(inner, text, context, workspace),
        };
        // After a mistake, too: its place is in the new text.
        code.follow(&inner.code);
        sources.follow(&inner.sources);
        root
    }
}

impl<'c> CachingParser<'c, '_> {
    fn lower(
        &self,
        inner: &mut Inner<'c>,
        Text { hash, bytes: text }: Text<'_>,
        context: Context<'_>,
        workspace: Workspace<'_>,
    ) -> Result<CodeId, Error> {
        let text = text.unwrap_or_default();
        let context = Context {
            origin: match context.origin {
                Origin::File(path) => Origin::File(self.arena.alloc_slice_copy(path)),
                Origin::Text(name) => Origin::Text(self.arena.alloc_str(name)),
            },
            directory: self.arena.alloc_slice_copy(context.directory),
            home: context.home.map(|home| &*self.arena.alloc_slice_copy(home)),
            scope: self.arena.alloc_slice_copy(context.scope),
        };
        let Some(source) = SourceFile::after(inner.sources.last(), context.origin, text, self.arena) else {
            return Err(Failure::new(ErrorKind::Value, Position::NONE, "more than 4 GiB of source text"));
        };
        inner.sources.push(source);
        let options = ParseOptions {
            base_directory: context.directory,
            home: context.home,
            pipe_operators: self.pipe_operators,
        };
        let tree = parse(text, source.base(), options, self.symbols, workspace.scratch, workspace.stack)
            .map_err(|error| syntax_failure(*error))?;
        let Inner { code, resolver, .. } = inner;
        let lowered = resolver.lower(&tree, context.scope, self.symbols, code, self.arena, workspace);
        let root = lowered.map_err(|error| match *error {
            ResolveError::Syntax(error) => syntax_failure(error),
            ResolveError::Undefined { name, position, similar } => {
                let name = String::from_utf8_lossy(self.symbols.name(name)).into_owned();
                let message = format!("undefined variable '{name}'");
                let mut failure = Failure::new(ErrorKind::UndefinedVariable, position, message);
                failure.suggestions = similar;
                failure
            }
        })?;
        inner.files.insert(context, Parsed { root, hash });
        Ok(root)
    }
}

pub(crate) fn syntax_failure(error: SyntaxError) -> Error {
    Failure::new(ErrorKind::Syntax, error.position, error.message)
}
