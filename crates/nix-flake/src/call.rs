//! The expression that calls a flake: from a resolved graph to Nix source text.

use std::fmt::Write;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use nix_store::StoreDir;

use crate::resolve::{ResolvedFlake, ResolvedNode};
use crate::tree::SourceTree;

/// The rules of calling, which are the same for every flake.
const CALL_FLAKE: &str = include_str!("call-flake.nix");

/// An expression whose value is the root flake: its outputs, `inputs`, `outPath`, `sourceInfo`.
pub fn call_expression(flake: &ResolvedFlake, store_dir: &StoreDir) -> String {
    let mut text = format!("({CALL_FLAKE}) [\n");
    for node in &flake.nodes {
        text.push_str(&node_expression(node, store_dir));
        text.push('\n');
    }
    text.push(']');
    text
}

fn node_expression(node: &ResolvedNode, store_dir: &StoreDir) -> String {
    let tree = match &node.tree {
        Ok(tree) => tree,
        Err(error) => return format!("(throw {})", nix_string(&error.to_string())),
    };
    let mut inputs = String::new();
    for (name, index) in &node.inputs {
        // Writing to a String cannot fail.
        let _ = write!(inputs, "{} = {index}; ", nix_string(name));
    }
    format!(
        "{{ sourceInfo = {}; directory = {}; flake = {}; inputs = {{ {inputs}}}; }}",
        source_info(tree, store_dir),
        nix_string(&node.directory),
        node.flake
    )
}

fn source_info(tree: &SourceTree, store_dir: &StoreDir) -> String {
    let path = nix_string(&store_dir.display(&tree.store_path));
    let mut text = format!(
        "{{ outPath = builtins.appendContext {path} {{ {path} = {{ path = true; }}; }}; narHash = {};",
        nix_string(&tree.nar_hash.to_sri())
    );
    if let Some(seconds) = tree.last_modified {
        let _ = write!(text, " lastModified = {seconds}; lastModifiedDate = \"{}\";", compact_date(seconds));
    }
    if let Some(revision) = &tree.revision {
        let short = revision.get(..7).unwrap_or(revision);
        let _ = write!(text, " rev = {}; shortRev = {};", nix_string(revision), nix_string(short));
    }
    text.push_str(" }");
    text
}

/// `YYYYMMDDhhmmss` in UTC, as `lastModifiedDate` has it. Times beyond the calendar become the epoch.
fn compact_date(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|s| Timestamp::from_second(s).ok()).unwrap_or_default();
    time.to_zoned(TimeZone::UTC).strftime("%Y%m%d%H%M%S").to_string()
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
    fn dates_and_strings_are_as_nix_has_them() {
        // `nix eval` of a flake whose newest file is of this second prints this date.
        assert_eq!(compact_date(1_795_271_902), "20261121143822");
        assert_eq!(compact_date(u64::MAX), "19700101000000");
        assert_eq!(nix_string("a\"${b}\\\n"), r#""a\"\${b}\\\n""#);
    }
}
