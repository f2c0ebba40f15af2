//! Reading files of code.

use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use bumpalo::Bump;

use super::{Evaluated, Evaluator};
use crate::error::{Error, ErrorKind};
use crate::io::{FileType, IoError};
use crate::ir::CodeId;
use crate::parse_cache::{Context, Text, Workspace, syntax_failure};
use crate::path;
use crate::position::{Origin, Position};
use crate::string::ContextUnion;
use crate::symbol::Symbol;
use crate::syntax::{ParseOptions, parse, show};
use crate::value::{Environment, Slot, Value, Variables};

/// As many links in one path are taken for a loop.
const LINKS_MOST: usize = 1024;

pub(crate) fn os_path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

impl<'a> Evaluator<'a> {
    pub(crate) fn io_error<T>(&self, position: Position, error: IoError) -> Result<T, Error> {
        let kind = match &error {
            IoError::Filter => {
                if let Some(failure) = self.filter_failure.borrow_mut().take() {
                    return Err(failure);
                }
                ErrorKind::Io
            }
            IoError::Restricted { .. } => ErrorKind::Restricted,
            IoError::Unsupported { .. } => ErrorKind::Unsupported,
            IoError::HashMismatch { .. } | IoError::Store { .. } | IoError::Invalid(_) => ErrorKind::Value,
            IoError::Failed { .. } => ErrorKind::Build,
            IoError::Io { .. } | IoError::NotFound { .. } | IoError::Untracked { .. } => ErrorKind::Io,
            IoError::Fetch { .. } => ErrorKind::Fetch,
            IoError::Integrity { .. } => ErrorKind::Integrity,
            IoError::NotPinned { .. } => ErrorKind::Restricted,
        };
        let mut message = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            message.push_str(": ");
            message.push_str(&cause.to_string());
            source = cause.source();
        }
        self.fail(kind, position, message)
    }

    pub(crate) fn file_type(&self, path: &[u8], position: Position) -> Result<Option<FileType>, Error> {
        self.io().file_type(os_path(path)).or_else(|error| self.io_error(position, error))
    }

    /// A path with the links in it followed; the last part only if `last`. Parts that do not exist stay as they are.
    pub(crate) fn resolve_links(
        &self,
        path: &[u8],
        last: bool,
        position: Position,
    ) -> Result<Vec<u8>, Error> {
        let mut budget = LINKS_MOST;
        let path = path::canonical(path);
        if path == b"/" {
            return Ok(path);
        }
        let directory = self.resolve_directory(path::parent(&path), position, &mut budget)?;
        let mut resolved = directory.to_vec();
        if resolved != b"/" {
            resolved.push(b'/');
        }
        resolved.extend_from_slice(path::base_name(&path));
        if last {
            resolved = self.follow(resolved, position, &mut budget)?;
        }
        Ok(resolved)
    }

    /// Follows a path whose directory is resolved, as long as it is a link.
    fn follow(&self, path: Vec<u8>, position: Position, budget: &mut usize) -> Result<Vec<u8>, Error> {
        if self.file_type(&path, position)? != Some(FileType::Symlink) {
            return Ok(path);
        }
        *budget = match budget.checked_sub(1) {
            Some(left) => left,
            None => {
                let shown = String::from_utf8_lossy(&path).into_owned();
                return self.fail(ErrorKind::Io, position, format!("too many symbolic links at '{shown}'"));
            }
        };
        let target = self.io().read_link(os_path(&path)).or_else(|error| self.io_error(position, error))?;
        let next = path::absolute(&target, path::parent(&path));
        if next == b"/" {
            return Ok(next);
        }
        self.check_stack(position)?;
        let mut resolved = self.resolve_directory(path::parent(&next), position, budget)?.to_vec();
        if resolved != b"/" {
            resolved.push(b'/');
        }
        resolved.extend_from_slice(path::base_name(&next));
        self.follow(resolved, position, budget)
    }

    /// A directory with all links followed, remembered.
    fn resolve_directory(
        &self,
        path: &[u8],
        position: Position,
        budget: &mut usize,
    ) -> Result<&'a [u8], Error> {
        if path == b"/" {
            return Ok(b"/");
        }
        if let Some(known) = self.resolved.borrow().get(path) {
            return Ok(known);
        }
        self.check_stack(position)?;
        let mut resolved = self.resolve_directory(path::parent(path), position, budget)?.to_vec();
        if resolved != b"/" {
            resolved.push(b'/');
        }
        resolved.extend_from_slice(path::base_name(path));
        // Pure evaluation may not look at the directories above its roots; what it may not see has no links.
        let resolved = match self.io().file_type(os_path(&resolved)) {
            Ok(Some(FileType::Symlink)) => self.follow(resolved, position, budget)?,
            _ => resolved,
        };
        let resolved: &'a [u8] = self.arena.alloc_slice_copy(&resolved);
        if self.is_shared() {
            self.resolved.borrow_mut().insert(self.arena.alloc_slice_copy(path), resolved);
        }
        Ok(resolved)
    }

    /// The file that `import` reads: a link is followed, `default.nix` of a directory. Directories on the way are not
    /// resolved, because relative paths in the file are meant from where it was found.
    pub(crate) fn import_file(&self, path: &[u8], position: Position) -> Result<Vec<u8>, Error> {
        if crate::builtins::bundled_file(path).is_some() {
            return Ok(path.to_vec());
        }
        let mut path = path::canonical(path);
        for _ in 0..LINKS_MOST {
            let real = self.resolve_links(&path, false, position)?;
            match self.file_type(&real, position)? {
                Some(FileType::Symlink) => {
                    let target = self
                        .io()
                        .read_link(os_path(&real))
                        .or_else(|error| self.io_error(position, error))?;
                    path = path::absolute(&target, path::parent(&path));
                }
                Some(FileType::Directory) => return Ok([&path, &b"/default.nix"[..]].concat()),
                _ => return Ok(path),
            }
        }
        let shown = String::from_utf8_lossy(&path).into_owned();
        self.fail(ErrorKind::Io, position, format!("too many symbolic links at '{shown}'"))
    }

    /// `import path`, remembered by file.
    pub(crate) fn import(&self, path: &[u8], position: Position) -> Evaluated<'a> {
        self.check_shared(position)?;
        self.force(self.imported_slot(path, position)?, position)
    }

    /// The slot of what a file is evaluated to.
    pub(crate) fn imported_slot(&self, path: &[u8], position: Position) -> Result<&'a Slot<'a>, Error> {
        if let Some(slot) = self.imports.borrow().get(path) {
            return Ok(slot);
        }
        let file = self.import_file(path, position)?;
        let known = self.imports.borrow().get(&file[..]).copied();
        let slot = match known {
            Some(slot) => slot,
            None => {
                let code = self.parse_file(&file, &[], position)?;
                let slot = self.slot(Value::Thunk(code, self.root));
                self.imports.borrow_mut().insert(self.arena.alloc_slice_copy(&file), slot);
                slot
            }
        };
        if file != path {
            self.imports.borrow_mut().insert(self.arena.alloc_slice_copy(path), slot);
        }
        Ok(slot)
    }

    /// `scopedImport scope path`: never remembered.
    pub(crate) fn scoped_import(
        &self,
        scope: &'a crate::attrs::Attrs<'a>,
        path: &[u8],
        position: Position,
    ) -> Evaluated<'a> {
        self.check_shared(position)?;
        let file = self.import_file(path, position)?;
        let attrs = scope.all(self.arena);
        let names: Vec<Symbol> = attrs.iter().map(|attr| attr.name).collect();
        let variables =
            self.arena.alloc_slice_fill_iter(attrs.iter().map(|attr| std::cell::Cell::new(attr.value)));
        let environment = self.arena.alloc(Environment { up: None, slots: Variables::Many(variables) });
        let code = self.parse_file(&file, &names, position)?;
        self.eval(self.delayed(code)?, environment)
    }

    fn parse_file(&self, file: &[u8], scope: &[Symbol], position: Position) -> Result<CodeId, Error> {
        let home = self.home();
        let context = Context {
            origin: Origin::File(file),
            directory: path::parent(file),
            home: home.as_deref(),
            scope,
        };
        if let Some(text) = crate::builtins::bundled_file(file) {
            return self.code_of(Text::new(text.as_bytes()), context);
        }
        let known = self.parser.known(context);
        let read = self.io().read_file_unless(os_path(file), known.as_ref());
        let (hash, bytes) = read.or_else(|error| self.file_error(file, position, error))?;
        self.code_of(Text { hash, bytes: bytes.as_deref() }, context)
    }

    /// Parses text that is no file; relative paths are meant from `directory`.
    pub(crate) fn parse_text(&self, text: &[u8], name: &str, directory: &[u8]) -> Result<CodeId, Error> {
        self.parse(text, Origin::Text(name), directory, &[])
    }

    pub(crate) fn eval_text(&self, text: &[u8], name: &str, directory: &[u8]) -> Evaluated<'a> {
        let code = self.parse_text(text, name, directory)?;
        self.eval(self.delayed(code)?, self.root)
    }

    /// Parses and resolves a text; returns what it was understood as.
    pub(crate) fn show_parsed(&self, text: &[u8], name: &str, directory: &[u8]) -> Result<Vec<u8>, Error> {
        self.parse_text(text, name, directory)?;
        let home = self.io().environment_variable(b"HOME");
        let options = ParseOptions {
            base_directory: directory,
            home: home.as_deref(),
            pipe_operators: self.settings.features.has(crate::settings::Feature::PipeOperators),
        };
        let scratch = Bump::new();
        let tree = parse(text, Position::NONE, options, self.symbols, &scratch, self.stack);
        Ok(show(&tree.map_err(|error| syntax_failure(*error))?, self.symbols))
    }

    pub(super) fn parse(
        &self,
        text: &[u8],
        origin: Origin<'_>,
        directory: &[u8],
        scope: &[Symbol],
    ) -> Result<CodeId, Error> {
        let home = self.home();
        self.code_of(Text::new(text), Context { origin, directory, home: home.as_deref(), scope })
    }

    /// What `~` stands for.
    fn home(&self) -> Option<Vec<u8>> {
        if self.settings.pure { None } else { self.io().environment_variable(b"HOME") }
    }

    fn code_of(&self, text: Text<'_>, context: Context<'_>) -> Result<CodeId, Error> {
        let mut scratch = self.scratch.borrow_mut();
        let workspace = Workspace { scratch: &scratch, stack: self.stack };
        let mut code = self.code.borrow_mut();
        let result = self.parser.parse(text, context, workspace, &mut code, &self.sources);
        scratch.reset();
        result
    }

    /// Bytes of a path that came from the operating system.
    pub(crate) fn path_bytes(path: std::path::PathBuf) -> Vec<u8> {
        path.into_os_string().into_vec()
    }

    /// A context as a path string needs it before it may be read: builds what it depends on.
    pub(crate) fn realise_context(&self, context: &ContextUnion, position: Position) -> Result<(), Error> {
        if context.is_empty() {
            return Ok(());
        }
        self.realise_elements(context, position)
    }
}
