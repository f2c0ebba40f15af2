//! The expression that calls a flake: from a locked graph to Nix source text.

use std::fmt::Write;

use nix_expr::FetchAttribute;
use nix_store::StoreDir;

use crate::attributes::Attribute;
use crate::fetch::Fetched;
use crate::lock::{FlakeNode, NodeTree};
use crate::reference::FlakeReference;
use crate::source_info::source_info as known_attributes;

/// The rules of calling, which are the same for every flake.
const CALL_FLAKE: &str = include_str!("call-flake.nix");

/// An expression whose value is the root flake: its outputs, `inputs`, `outPath`, `sourceInfo`. With a file
/// `source_info`, what is known of the root's tree besides its path is not in the expression but in that file, which holds
/// what [`source_info()`] gives.
pub fn call_expression(nodes: &[FlakeNode], store_dir: &StoreDir, source_info: Option<&str>) -> String {
    let mut text = format!("({CALL_FLAKE}) [\n");
    for (index, node) in nodes.iter().enumerate() {
        text.push_str(&node_expression(node, store_dir, source_info.filter(|_| index == 0)));
        text.push('\n');
    }
    text.push(']');
    text
}

fn node_expression(node: &FlakeNode, store_dir: &StoreDir, info: Option<&str>) -> String {
    let mut inputs = String::new();
    for (name, index) in &node.inputs {
        // Writing to a String cannot fail.
        let _ = write!(inputs, "{} = {index}; ", nix_string(name));
    }
    let tree = match &node.tree {
        NodeTree::Here(fetched) => format!("sourceInfo = {};", here(fetched, store_dir, info)),
        NodeTree::Pinned(reference) => format!("sourceInfo = {};", pinned(reference)),
        NodeTree::Of(index) => format!("of = {index};"),
    };
    format!(
        "{{ {tree} directory = {}; flake = {}; inputs = {{ {inputs}}}; }}",
        nix_string(&node.directory),
        node.flake
    )
}

/// A tree that is fetched when it is used. `__final` says that its attributes are a lock file's, whose word is the last.
fn pinned(reference: &FlakeReference) -> String {
    let mut text = "builtins.fetchTree { __final = true;".to_owned();
    for (name, value) in &reference.tree().to_attributes().0 {
        let value = match value {
            Attribute::Boolean(value) => value.to_string(),
            Attribute::Integer(value) => value.to_string(),
            Attribute::Text(value) => nix_string(value),
        };
        let _ = write!(text, " {name} = {value};");
    }
    text.push_str(" }");
    text
}

fn here(fetched: &Fetched, store_dir: &StoreDir, info: Option<&str>) -> String {
    let path = nix_string(&store_dir.display(&fetched.tree.store_path));
    let mut text = format!("{{ outPath = builtins.appendContext {path} {{ {path} = {{ path = true; }}; }};");
    for (name, value) in attributes(fetched) {
        let _ = match info {
            Some(file) => write!(text, " {name} = (import {file}).{name};"),
            None => write!(text, " {name} = {value};"),
        };
    }
    text.push_str(" }");
    text
}

/// What is known of a tree besides its path, as an expression.
pub fn source_info(fetched: &Fetched) -> String {
    let mut text = "{".to_owned();
    for (name, value) in attributes(fetched) {
        let _ = write!(text, " {name} = {value};");
    }
    text.push_str(" }");
    text
}

/// The attributes of a tree with their values as expressions.
fn attributes(fetched: &Fetched) -> Vec<(String, String)> {
    let mut attributes = known_attributes(&fetched.reference, false);
    let hash = FetchAttribute::String(fetched.tree.nar_hash.to_sri());
    attributes.entry("narHash".to_owned()).or_insert(hash);
    let print = |value| match value {
        FetchAttribute::String(text) => nix_string(&text),
        FetchAttribute::Int(number) => number.to_string(),
        FetchAttribute::Bool(truth) => truth.to_string(),
    };
    attributes.into_iter().map(|(name, value)| (name, print(value))).collect()
}

/// A string literal of the Nix language.
pub fn nix_string(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' | '$' => {
                literal.push('\\');
                literal.push(character);
            }
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\t' => literal.push_str("\\t"),
            other => literal.push(other),
        }
    }
    literal.push('"');
    literal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_as_nix_has_them() {
        assert_eq!(nix_string("a\"${b}\\\n"), r#""a\"\${b}\\\n""#);
    }
}
