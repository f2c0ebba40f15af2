//! Paths of the store: copying, contexts, import from derivation.

use nix_store::StorePath;

use super::Evaluator;
use super::import::os_path;
use crate::error::{Error, ErrorKind};
use crate::io::{AddMethod, PathToAdd, Realisation};
use crate::path;
use crate::position::Position;
use crate::string::{ContextElement, ContextUnion, NixString};

impl<'a> Evaluator<'a> {
    pub(crate) fn store_path_text(&self, path: &StorePath) -> &'a str {
        self.arena.alloc_str(&self.io().store_dir().display(path))
    }

    /// The store path of a base name that a context has: the same ones come again and again.
    pub(crate) fn context_path(&self, base_name: &'a str, position: Position) -> Result<StorePath, Error> {
        if let Some(path) = self.context_paths.borrow().get(base_name) {
            return Ok(path.clone());
        }
        let path = StorePath::from_base_name(base_name);
        let path = path.or_else(|error| self.store_error(position, &error))?;
        self.context_paths.borrow_mut().insert(base_name, path.clone());
        Ok(path)
    }

    /// The store path that a printed path is; an error if it is none.
    pub(crate) fn parse_store_path(&self, text: &[u8], position: Position) -> Result<StorePath, Error> {
        self.io().store_dir().parse(text).or_else(|error| self.store_error(position, &error))
    }

    pub(crate) fn store_error<T>(&self, position: Position, error: &nix_store::Error) -> Result<T, Error> {
        self.fail(ErrorKind::Value, position, error.to_string())
    }

    /// The store path of a path's content, with itself as context; remembered by path.
    pub(crate) fn copy_to_store(&self, path: &[u8], position: Position) -> Result<&'a NixString<'a>, Error> {
        if let Some(copied) = self.copied.borrow().get(path) {
            return Ok(copied);
        }
        if path.ends_with(b".drv") {
            return self.fail(
                ErrorKind::Value,
                position,
                format!("file names are not allowed to end in '.drv': '{}'", String::from_utf8_lossy(path)),
            );
        }
        let resolved = self.resolve_links(path, false, position)?;
        let name = String::from_utf8_lossy(path::base_name(&resolved)).into_owned();
        let added = self
            .io()
            .add_path(PathToAdd {
                name: &name,
                path: os_path(&resolved),
                method: AddMethod::Recursive,
                expected: None,
                filter: None,
            })
            .or_else(|error| self.file_error(&resolved, position, error))?;
        let text = self.store_path_text(&added);
        let context = self.contexts.single(ContextElement::Path(text));
        let string: &'a NixString<'a> = self.arena.alloc(NixString::new(text.as_bytes(), context));
        if self.is_shared() {
            self.copied.borrow_mut().insert(self.arena.alloc_slice_copy(path), string);
        }
        Ok(string)
    }

    /// Makes what a context names exist, so that it can be read.
    pub(super) fn realise_elements(&self, context: &ContextUnion, position: Position) -> Result<(), Error> {
        let mut wanted = Vec::new();
        for element in self.contexts.elements_of(context) {
            wanted.push(match element {
                ContextElement::Path(path) => {
                    Realisation::Path(self.parse_store_path(path.as_bytes(), position)?)
                }
                ContextElement::DerivationDeep(path) => {
                    Realisation::Path(self.parse_store_path(path.as_bytes(), position)?)
                }
                ContextElement::Output { derivation, output } if !self.settings.import_from_derivation => {
                    let message = format!(
                        "cannot build '{derivation}^{output}' during evaluation because the option \
                         'allow-import-from-derivation' is disabled"
                    );
                    return self.fail(ErrorKind::Build, position, message);
                }
                ContextElement::Output { derivation, output } => Realisation::Output {
                    derivation: self.parse_store_path(derivation.as_bytes(), position)?,
                    output: output.to_owned(),
                },
            });
        }
        let derivations = self.derivations.borrow();
        self.io().realise(&wanted, &derivations.graph).or_else(|error| self.io_error(position, error))
    }
}
