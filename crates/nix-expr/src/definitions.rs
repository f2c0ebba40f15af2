//! Where a file defines an option, found in its text alone.

use std::path::Path;

use bumpalo::Bump;

use crate::error::SourceLocation;
use crate::file_system::FileSystemIo;
use crate::position::{Origin, Position, SourceFile, SourceMap};
use crate::stack::StackLimit;
use crate::symbol::{Symbol, SymbolTable};
use crate::syntax::ast::{Ast, AttrValue, SetId, Tree};
use crate::syntax::{ParseOptions, parse};

/// Stack for a file that is nested sensibly; of others nothing is found.
const STACK: usize = 1 << 20;

/// The places where the text of a module defines an option, by the option's parts: `a.b = …`, `a = { b = …; }`, inside
/// `config` or not, and inside functions, `let`, `if`, lists and arguments such as those of `mkIf`. Nothing is
/// evaluated, so what has a computed name is not found. `file` is the name for the places.
pub fn find_definitions(text: &str, file: &Path, option: &[&str]) -> Vec<SourceLocation> {
    let arena = Bump::new();
    let symbols = SymbolTable::new();
    let scratch = Bump::new();
    let io = FileSystemIo::default();
    let sources = SourceMap::new(&io);
    let Some(source) = SourceFile::after(None, Origin::Text("module"), text.as_bytes(), &arena) else {
        return Vec::new();
    };
    sources.follow(&[source]);
    let options = ParseOptions { base_directory: b"/", home: None, pipe_operators: true };
    let stack = StackLimit::with_remaining(STACK);
    let Ok(tree) = parse(text.as_bytes(), source.base(), options, &symbols, &scratch, stack) else {
        return Vec::new();
    };
    let wanted: Vec<Symbol> = option.iter().map(|part| symbols.intern(part.as_bytes())).collect();
    let config = symbols.intern(b"config");
    let mut search = Search { tree: &tree, wanted: &wanted, config, found: Vec::new(), stack };
    search.expression(tree.root, &mut Vec::new());
    search.found.sort_unstable();
    search.found.dedup();
    search
        .found
        .into_iter()
        .filter_map(|position| Some((sources.locate(position)?, sources.line_text(position)?)))
        .map(|(place, line)| SourceLocation {
            file: file.display().to_string(),
            is_file: true,
            line: place.line,
            column: place.column,
            line_text: String::from_utf8_lossy(&line).into_owned(),
        })
        .collect()
}

struct Search<'t, 's> {
    tree: &'t Tree<'s>,
    wanted: &'t [Symbol],
    config: Symbol,
    found: Vec<Position>,
    stack: StackLimit,
}

impl<'s> Search<'_, 's> {
    fn expression(&mut self, ast: &'s Ast<'s>, path: &mut Vec<Symbol>) {
        if self.stack.exhausted() {
            return;
        }
        match ast {
            Ast::Attrs(id) => self.set(*id, path),
            Ast::Let(id, body) => {
                self.set(*id, &mut Vec::new());
                self.expression(body, path);
            }
            Ast::Lambda(lambda) => self.expression(lambda.body, path),
            Ast::With { body, .. } | Ast::Assert { body, .. } => self.expression(body, path),
            Ast::If { then, otherwise, .. } => {
                self.expression(then, path);
                self.expression(otherwise, path);
            }
            Ast::Call { arguments, .. } => {
                arguments.iter().for_each(|argument| self.expression(argument, path))
            }
            Ast::List(items) => items.iter().for_each(|item| self.expression(item, path)),
            Ast::Binary(_, _, left, right) => {
                self.expression(left, path);
                self.expression(right, path);
            }
            _ => {}
        }
    }

    fn set(&mut self, id: SetId, path: &mut Vec<Symbol>) {
        let tree = self.tree;
        for attr in &tree.set(id).attrs {
            path.push(attr.name);
            let own = if path.first() == Some(&self.config) { &path[1..] } else { &path[..] };
            if own == self.wanted {
                self.found.push(attr.position);
            } else if self.wanted.starts_with(own)
                && let AttrValue::Plain(value) = attr.value
            {
                self.expression(value, path);
            }
            path.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<u32> {
        let found = find_definitions(text, Path::new("m.nix"), &["a", "b"]);
        found.iter().map(|place| place.line).collect()
    }

    #[test]
    fn definitions_are_found_in_every_form() {
        assert_eq!(lines("{\n  a.b = 1;\n}"), [2]);
        assert_eq!(lines("{ lib, ... }:\n{\n  config = lib.mkIf true {\n    a = { b = 2; };\n  };\n}"), [4]);
        assert_eq!(
            lines("let x = 1; in {\n config.a = lib.mkMerge [\n { b = 1; }\n { b = 2; } ]; }"),
            [3, 4]
        );
        assert_eq!(lines("{ a = { c = 1; }; d.a.b = 1; b = 2; }"), Vec::<u32>::new());
        assert_eq!(lines("{ a = with x; if y then { b = 1; } else { }; }"), [1]);
        assert_eq!(lines("this is no module }"), Vec::<u32>::new());
    }
}
