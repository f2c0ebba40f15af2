//! Expressions as text in one fixed form: the one that `nix-instantiate --parse` prints, with all parentheses, attributes
//! sorted, operators as the calls that they stand for.

use super::ast::{Ast, AttrName, AttrSet, AttrValue, Binary, Lambda, Operator, Tree};
use crate::print::{float, quoted, write_name};
use crate::symbol::{Symbol, SymbolTable};

/// The text of a tree. It is as deep a recursion as parsing was, so whoever could parse can print.
pub fn show(tree: &Tree<'_>, symbols: &SymbolTable) -> Vec<u8> {
    let mut printer = Printer { tree, symbols, out: Vec::new() };
    printer.expression(tree.root);
    printer.out
}

struct Printer<'p, 's> {
    tree: &'p Tree<'s>,
    symbols: &'p SymbolTable,
    out: Vec<u8>,
}

impl<'s> Printer<'_, 's> {
    fn text(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn name(&mut self, name: Symbol) {
        write_name(self.symbols.name(name), &mut self.out);
    }

    /// Texts and expressions in turn.
    fn all(&mut self, parts: &[(&str, &Ast<'s>)], end: &str) {
        for (text, expression) in parts {
            self.text(text);
            self.expression(expression);
        }
        self.text(end);
    }

    fn call(&mut self, function: &str, left: &Ast<'s>, right: &Ast<'s>) {
        self.text("(");
        self.text(function);
        self.all(&[(" ", left), (" ", right)], ")");
    }

    fn expression(&mut self, expression: &Ast<'s>) {
        match expression {
            Ast::Int(number) => self.text(&number.to_string()),
            Ast::Float(number) => self.text(&float(*number)),
            Ast::Str(bytes) => quoted(bytes, &mut self.out),
            Ast::Path(path) => self.out.extend_from_slice(path),
            Ast::Concat { parts, .. } => {
                for (index, (_, part)) in parts.iter().enumerate() {
                    self.text(if index == 0 { "(" } else { " + " });
                    self.expression(part);
                }
                self.text(")");
            }
            Ast::Var(_, name) => self.name(*name),
            Ast::CurrentPosition(_) => self.text("__curPos"),
            Ast::SearchPath(_, path) => {
                self.text("(__findFile __nixPath ");
                quoted(path, &mut self.out);
                self.text(")");
            }
            Ast::Select { target, path, default, .. } => {
                self.all(&[("(", target)], ").");
                self.path(path);
                if let Some(default) = default {
                    self.all(&[(" or (", default)], ")");
                }
            }
            Ast::HasAttr { target, path } => {
                self.all(&[("((", target)], ") ? ");
                self.path(path);
                self.text(")");
            }
            Ast::Call { function, arguments, .. } => {
                self.all(&[("(", function)], "");
                for argument in *arguments {
                    self.all(&[(" ", argument)], "");
                }
                self.text(")");
            }
            Ast::Lambda(lambda) => self.lambda(lambda),
            Ast::Attrs(id) => {
                let set = self.tree.set(*id);
                self.text(if set.recursive { "rec { " } else { "{ " });
                self.bindings(set);
                self.text("}");
            }
            Ast::Let(id, body) => {
                self.text("(let ");
                self.bindings(self.tree.set(*id));
                self.all(&[("in ", body)], ")");
            }
            Ast::List(items) => {
                self.text("[ ");
                for item in *items {
                    self.all(&[("(", item)], ") ");
                }
                self.text("]");
            }
            Ast::With { scope, body, .. } => self.all(&[("(with ", scope), ("; ", body)], ")"),
            Ast::If { condition, then, otherwise, .. } => {
                self.all(&[("(if ", condition), (" then ", then), (" else ", otherwise)], ")");
            }
            Ast::Assert { condition, body, .. } => self.all(&[("assert ", condition), ("; ", body)], ""),
            Ast::Not(operand) => self.all(&[("(! ", operand)], ")"),
            Ast::Binary(operator, _, left, right) => {
                let operator = match operator {
                    Binary::Equal => " == ",
                    Binary::NotEqual => " != ",
                    Binary::And => " && ",
                    Binary::Or => " || ",
                    Binary::Implies => " -> ",
                    Binary::Update => " // ",
                    Binary::Concat => " ++ ",
                };
                self.all(&[("(", left), (operator, right)], ")");
            }
            Ast::Operator(operator, _, left, right) => {
                let function = match operator {
                    Operator::Subtract => "__sub",
                    Operator::Multiply => "__mul",
                    Operator::Divide => "__div",
                    Operator::LessThan => "__lessThan",
                };
                self.call(function, left, right);
            }
        }
    }

    fn path(&mut self, path: &[AttrName<'s>]) {
        for (index, name) in path.iter().enumerate() {
            if index > 0 {
                self.text(".");
            }
            match name {
                AttrName::Static(name, _) => self.name(*name),
                AttrName::Dynamic(name, _) => self.all(&[("\"${", name)], "}\""),
            }
        }
    }

    fn lambda(&mut self, lambda: &Lambda<'s>) {
        self.text("(");
        if let Some(formals) = &lambda.formals {
            self.text("{ ");
            let mut sorted: Vec<_> = formals.list.iter().collect();
            sorted.sort_by_key(|formal| self.symbols.name(formal.name));
            for (index, formal) in sorted.iter().enumerate() {
                if index > 0 {
                    self.text(", ");
                }
                self.name(formal.name);
                if let Some(default) = formal.default {
                    self.all(&[(" ? ", default)], "");
                }
            }
            if formals.ellipsis {
                self.text(if sorted.is_empty() { "..." } else { ", ..." });
            }
            self.text(if lambda.argument.is_some() { " } @ " } else { " }" });
        }
        if let Some(argument) = lambda.argument {
            self.name(argument);
        }
        self.all(&[(": ", lambda.body)], ")");
    }

    fn bindings(&mut self, set: &AttrSet<'s>) {
        let mut sorted: Vec<_> = set.attrs.iter().collect();
        sorted.sort_by_key(|attr| self.symbols.name(attr.name));
        let mut inherited =
            sorted.iter().filter(|attr| matches!(attr.value, AttrValue::Inherited)).peekable();
        if inherited.peek().is_some() {
            self.text("inherit");
            for attr in inherited {
                self.text(" ");
                self.name(attr.name);
            }
            self.text("; ");
        }
        for (index, source) in set.sources.iter().enumerate() {
            let is_from = |value| matches!(value, AttrValue::From(from) if from as usize == index);
            let mut names = sorted.iter().filter(|attr| is_from(attr.value)).peekable();
            if names.peek().is_none() {
                continue;
            }
            self.all(&[("inherit (", source)], ")");
            for attr in names {
                self.text(" ");
                self.name(attr.name);
            }
            self.text("; ");
        }
        for attr in &sorted {
            if let AttrValue::Plain(value) = attr.value {
                self.name(attr.name);
                self.all(&[(" = ", value)], "; ");
            }
        }
        for dynamic in &set.dynamic {
            self.all(&[("\"${", dynamic.name), ("}\" = ", dynamic.value)], "; ");
        }
    }
}
