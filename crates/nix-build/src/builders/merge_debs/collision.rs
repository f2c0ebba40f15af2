//! Merging directories of several packages, and what happens where two have the same path.

use std::collections::BTreeMap;
use std::ffi::OsString;

use rayon::prelude::*;

use crate::builders::merge_debs::package::Package;
use crate::error::{Error, Result};
use crate::tree::{Content, Directory, File, Node, TreePath};

/// Merges the directories that several packages have at `path` (relative to the root of the file system).
///
/// # Errors
/// [`Error::PackageCollision`].
pub(super) fn merge_directories(
    path: &TreePath,
    mut directories: Vec<(&Package, Directory)>,
) -> Result<Directory> {
    // Most directories belong to one package: nothing below can collide.
    if directories.len() == 1
        && let Some((_, directory)) = directories.pop()
    {
        return Ok(directory);
    }
    let mut by_name: BTreeMap<OsString, Vec<(&Package, Node)>> = BTreeMap::new();
    for (package, directory) in directories {
        for (name, node) in directory.children {
            by_name.entry(name).or_default().push((package, node));
        }
    }
    let children = by_name
        .into_par_iter()
        .map(|(name, candidates)| {
            let node = merge_nodes(&path.join(&name), candidates)?;
            Ok((name, node))
        })
        .collect::<Result<BTreeMap<_, _>>>()?;
    Ok(Directory { children, ..Directory::default() })
}

fn merge_nodes(path: &TreePath, mut candidates: Vec<(&Package, Node)>) -> Result<Node> {
    if candidates.len() == 1
        && let Some((_, node)) = candidates.pop()
    {
        return Ok(node);
    }
    let are_directories = |candidates: &[(&Package, Node)]| {
        candidates.iter().all(|(_, node)| matches!(node, Node::Directory(_)))
    };
    if !are_directories(&candidates) {
        candidates = unreplaced(candidates);
    }
    if are_directories(&candidates) {
        let directories = candidates
            .into_iter()
            .filter_map(|(package, node)| match node {
                Node::Directory(directory) => Some((package, directory)),
                _ => None,
            })
            .collect();
        return Ok(Node::Directory(merge_directories(path, directories)?));
    }
    let mut candidates = undiverted(path, candidates).into_iter();
    let Some((first, node)) = candidates.next() else { return Ok(Node::directory()) };
    for (second, other) in candidates {
        if !is_same(&node, &other)? {
            return Err(Error::PackageCollision {
                path: format!("/{path}"),
                first: first.name.clone(),
                second: second.name.clone(),
            });
        }
    }
    Ok(node)
}

/// Drops the files of packages whose files another of the packages replaces (Debian policy 7.6.1). Packages that replace
/// each other's are all kept: then only identical content will do.
fn unreplaced(candidates: Vec<(&Package, Node)>) -> Vec<(&Package, Node)> {
    let packages: Vec<&Package> = candidates.iter().map(|(package, _)| *package).collect();
    let is_replaced = |package: &Package| {
        packages.iter().any(|other| other.replaces_files_of(package) && !package.replaces_files_of(other))
    };
    candidates.into_iter().filter(|(package, _)| !is_replaced(package)).collect()
}

/// Of several packages with a file, the one that moves those of the others away when it is installed, if there is one
/// (dpkg-divert(1)). What would be moved is left out: its new name is known to the script alone.
fn undiverted<'packages>(
    path: &TreePath,
    candidates: Vec<(&'packages Package, Node)>,
) -> Vec<(&'packages Package, Node)> {
    let Some(name) = path.names().last().and_then(|name| name.to_str()) else { return candidates };
    let diverting: Vec<&str> = candidates
        .iter()
        .filter(|(package, _)| package.diverts(name))
        .map(|(package, _)| package.name.as_str())
        .collect();
    let [diverting] = diverting.as_slice() else { return candidates };
    let diverting = (*diverting).to_owned();
    candidates.into_iter().filter(|(package, _)| package.name == diverting).collect()
}

fn is_same(one: &Node, other: &Node) -> Result<bool> {
    match (one, other) {
        (Node::Symlink(one), Node::Symlink(other)) => Ok(one.target == other.target),
        (Node::File(one), Node::File(other)) => is_same_file(one, other),
        _ => Ok(false),
    }
}

fn is_same_file(one: &File, other: &File) -> Result<bool> {
    if one.executable != other.executable || one.content.size() != other.content.size() {
        return Ok(false);
    }
    if let (Content::Stored { path: one, .. }, Content::Stored { path: other, .. }) =
        (&one.content, &other.content)
        && one == other
    {
        return Ok(true);
    }
    Ok(one.content.read()? == other.content.read()?)
}
