//! Closures that a builder asked for (`exportReferencesGraph`).

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

use nix_store::{StorePath, ValidPathInfo};
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::inputs::Inputs;

/// The closure of paths that must be inputs.
fn closure(inputs: &Inputs, paths: &[String]) -> Result<Vec<Arc<ValidPathInfo>>> {
    let roots: BTreeSet<StorePath> = paths
        .iter()
        .map(|path| {
            let (root, _) = inputs.store_dir().split(path.as_bytes())?;
            inputs.parse(&inputs.store_dir().display(&root))
        })
        .collect::<Result<_>>()?;
    inputs.closure_of(&roots)
}

/// The closure of `paths` in the format of `nix-store --register-validity`, with neither hashes nor derivers: for each path
/// itself, an empty line, the number of references, and these.
pub(super) fn as_registration(inputs: &Inputs, paths: &[String]) -> Result<String> {
    let directory = inputs.store_dir();
    let mut text = String::new();
    for info in closure(inputs, paths)? {
        // Writing to a text does not fail.
        let _ = writeln!(text, "{}\n\n{}", directory.display(&info.path), info.references.len());
        for reference in &info.references {
            let _ = writeln!(text, "{}", directory.display(reference));
        }
    }
    Ok(text)
}

/// The closure of `paths` as structured attributes have it.
pub(super) fn as_json(inputs: &Inputs, paths: &[String]) -> Result<Value> {
    let directory = inputs.store_dir();
    let describe = |info: Arc<ValidPathInfo>| -> Result<Value> {
        let size: u64 = inputs.closure_of([&info.path])?.iter().map(|info| info.nar_size).sum();
        let references: Vec<String> = info.references.iter().map(|path| directory.display(path)).collect();
        let mut described = json!({
            "closureSize": size,
            "narHash": info.nar_hash.to_prefixed_base32(),
            "narSize": info.nar_size,
            "path": directory.display(&info.path),
            "references": references,
            "valid": true,
        });
        if let Some(address) = &info.content_address {
            described["ca"] = json!(address.to_string());
        }
        Ok(described)
    };
    closure(inputs, paths)?.into_iter().map(describe).collect::<Result<Vec<_>>>().map(Value::Array)
}

/// The pairs of `exportReferencesGraph` in a derivation's environment: file names and paths in turn.
pub(super) fn pairs(attribute: &str) -> Result<Vec<(&str, &str)>> {
    let invalid = |problem: &str| Error::attribute("exportReferencesGraph", problem);
    let words: Vec<&str> = attribute.split_whitespace().collect();
    let (pairs, rest) = words.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(invalid("it has a file name without a path"));
    }
    pairs
        .iter()
        .map(|[name, path]| {
            let is_plain =
                name.chars().all(|letter| letter.is_ascii_alphanumeric() || "+-._?=".contains(letter))
                    && !matches!(*name, "." | "..");
            if is_plain { Ok((*name, *path)) } else { Err(invalid(&format!("'{name}' is no file name"))) }
        })
        .collect()
}
