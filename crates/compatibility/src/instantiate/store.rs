//! Writing derivations, and what they take in, to a store.

use std::collections::{BTreeMap, BTreeSet};

use nix_expr::{AddedPath, DerivationTable, FileSystemIo};
use nix_store::local::Access;
use nix_store::{Error, LocalStore, Result, StorePath, StoreRoot};

/// Writes `wanted` with all derivations and sources below them.
pub(super) fn write(
    root: &StoreRoot,
    io: &FileSystemIo,
    graph: &DerivationTable,
    wanted: &[StorePath],
) -> Result<()> {
    let mut closure = BTreeSet::new();
    let mut queue: Vec<&StorePath> = wanted.iter().collect();
    let mut derivations = Vec::new();
    while let Some(path) = queue.pop() {
        if closure.insert(path)
            && let Some(derivation) = graph.get(path)
        {
            queue.extend(derivation.input_drvs.keys());
            derivations.push(&**derivation);
        }
    }
    let store = open(root, io)?;
    let added = io.added();
    let added: BTreeMap<&StorePath, &AddedPath> = added.iter().map(|added| (&added.path, added)).collect();
    let mut seen = BTreeSet::new();
    for source in derivations.iter().flat_map(|derivation| &derivation.input_srcs) {
        add(&store, &added, source, &mut seen)?;
    }
    store.write_derivations(derivations)?;
    Ok(())
}

/// Writes all that the evaluation would copy to the store.
pub(super) fn write_sources(root: &StoreRoot, io: &FileSystemIo) -> Result<()> {
    let added = io.added();
    if added.is_empty() {
        return Ok(());
    }
    let store = open(root, io)?;
    let by_path: BTreeMap<&StorePath, &AddedPath> = added.iter().map(|added| (&added.path, added)).collect();
    let mut seen = BTreeSet::new();
    for source in &added {
        // A text may refer to derivations, which evaluating does not write.
        if source.references.iter().all(|reference| by_path.contains_key(reference)) {
            add(&store, &by_path, &source.path, &mut seen)?;
        }
    }
    Ok(())
}

fn open(root: &StoreRoot, io: &FileSystemIo) -> Result<LocalStore> {
    LocalStore::open_with_directory(root.clone(), io.options().store_dir.clone(), Access::ReadWrite)
}

/// Adds a source after those that it refers to.
fn add<'a>(
    store: &LocalStore,
    added: &BTreeMap<&'a StorePath, &'a AddedPath>,
    source: &'a StorePath,
    seen: &mut BTreeSet<&'a StorePath>,
) -> Result<()> {
    if !seen.insert(source) || store.is_valid(source)? {
        return Ok(());
    }
    let Some(found) = added.get(source) else {
        return Err(Error::NotValid { path: source.base_name().to_owned() });
    };
    for reference in &found.references {
        add(store, added, reference, seen)?;
    }
    found.add_to(store)?;
    Ok(())
}
