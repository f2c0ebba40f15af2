//! Entries: how a derivation says what lies where in a tree.

use std::fs::{self, Metadata};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use nix_store::StorePath;
use serde::Deserialize;

use crate::error::{Error, IoContext, Result};
use crate::inputs::Inputs;
use crate::tree::{
    Attributes, Content, Directory, File, Node, Selection, Symlink, Tree, TreePath, import, import_file,
};

/// One entry as written: where, and exactly one of `text`, `source`, `symlink` and `directory`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Entry {
    /// Where it goes, relative to the root of the output.
    pub path: String,
    /// A file with this text.
    pub text: Option<String>,
    /// A copy of this file or directory of the store.
    pub source: Option<String>,
    /// A link with this target.
    pub symlink: Option<String>,
    /// An empty directory.
    pub directory: Option<bool>,
    /// Permission bits, in octal digits.
    pub mode: Option<String>,
    /// Whether a file is executable; that of the source by default.
    pub executable: Option<bool>,
    /// Owner in archives and file systems.
    pub uid: Option<u32>,
    /// Group in archives and file systems.
    pub gid: Option<u32>,
    /// Whether a missing source, or a link to a store path that does not exist, drops the entry instead of failing.
    #[serde(default)]
    pub optional: bool,
    /// The entry counts only if there is something at this path of the store.
    pub if_exists: Option<String>,
    /// The entry counts only if there is nothing at this path of the store.
    pub unless_exists: Option<String>,
    /// Patterns, relative to a source directory, of what is taken; everything by default.
    pub include: Option<Vec<String>>,
    /// Patterns, relative to a source directory, of what is left out.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// Texts of a source file that others take the place of.
    #[serde(default)]
    pub replace: Vec<Replacement>,
    /// In an initrd: the file is an ELF program whose shared libraries come along.
    #[serde(default)]
    pub elf: bool,
}

/// A text of a file, such as a setting that is compiled into a program, and what stands there instead.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replacement {
    /// What is there, at least once.
    pub from: String,
    /// What takes its place: as many bytes, so that nothing else moves.
    pub to: String,
}

impl Replacement {
    /// Replaces every occurrence; `None` if there is none.
    fn apply(&self, bytes: &mut [u8]) -> Option<()> {
        let places: Vec<usize> = memchr::memmem::find_iter(bytes, &self.from).collect();
        for place in &places {
            bytes[*place..place + self.from.len()].copy_from_slice(self.to.as_bytes());
        }
        (!places.is_empty()).then_some(())
    }
}

impl Entry {
    /// Adds the entry to a tree, over what is there. `false` if it was dropped: it was optional, or its conditions do not hold.
    ///
    /// # Errors
    /// A malformed entry, a source that does not exist, a path that leads out of the tree or through a link.
    pub fn add(&self, tree: &mut Tree, inputs: &Inputs) -> Result<bool> {
        let path = TreePath::parse(&self.path)?;
        if !self.counts(inputs)? {
            return Ok(false);
        }
        let Some(mut node) = self.node(inputs)? else { return Ok(false) };
        if let Node::Directory(directory) = &mut node
            && let Some(present) = tree.directory_mut(&path)
        {
            expand_links(present, directory, inputs)?;
        }
        tree.insert(&path, node)?;
        Ok(true)
    }

    /// Whether the conditions of the entry hold.
    fn counts(&self, inputs: &Inputs) -> Result<bool> {
        let there = |path: &Option<String>, otherwise: bool| match path {
            Some(path) => Ok::<_, Error>(inputs.resolve(path)?.is_some()),
            None => Ok(otherwise),
        };
        Ok(there(&self.if_exists, true)? && !there(&self.unless_exists, false)?)
    }

    fn node(&self, inputs: &Inputs) -> Result<Option<Node>> {
        let attributes = self.attributes()?;
        let executable = self.executable.or_else(|| attributes.mode.map(|mode| mode & 0o111 != 0));
        let wrong = |problem: &str| Error::attribute(format!("entries (path '{}')", self.path), problem);
        if self.source.is_none() && (self.include.is_some() || !self.exclude.is_empty()) {
            return Err(wrong("'include' and 'exclude' are for a 'source' directory"));
        }
        if self.source.is_none() && !self.replace.is_empty() {
            return Err(wrong("'replace' is for a 'source' file"));
        }
        match (&self.text, &self.source, &self.symlink, self.directory) {
            (Some(text), None, None, None) => Ok(Some(Node::File(File {
                content: Content::Bytes(Arc::from(text.as_bytes())),
                executable: executable.unwrap_or(false),
                attributes,
            }))),
            (None, None, Some(target), None) => {
                if target.is_empty() || target.contains('\0') {
                    return Err(wrong("a link's target is empty or has a NUL byte"));
                }
                if self.optional && self.is_dangling(target, inputs)? {
                    return Ok(None);
                }
                Ok(Some(Node::Symlink(Symlink { target: target.into(), attributes })))
            }
            (None, None, None, Some(true)) => {
                Ok(Some(Node::Directory(Directory { attributes, ..Directory::default() })))
            }
            (None, Some(source), None, None) => self.copy(source, inputs, attributes, executable),
            (None, None, None, Some(false)) => Err(wrong("'directory' can only be true")),
            (None, None, None, None) => {
                Err(wrong("one of 'text', 'source', 'symlink' and 'directory' is missing"))
            }
            _ => Err(wrong("only one of 'text', 'source', 'symlink' and 'directory' can be given")),
        }
    }

    fn copy(
        &self,
        source: &str,
        inputs: &Inputs,
        attributes: Attributes,
        executable: Option<bool>,
    ) -> Result<Option<Node>> {
        let resolved = match inputs.resolve(source)? {
            Some(resolved) => resolved,
            None if self.optional => return Ok(None),
            None => return Err(Error::MissingSource { path: source.to_owned() }),
        };
        let selection = Selection::new(self.include.as_deref(), &self.exclude)?;
        if resolved.metadata.is_dir() {
            if !self.replace.is_empty() {
                return Err(Error::WrongFileType { path: source.to_owned(), wanted: "a file" });
            }
            let mut directory = import(&resolved.real, &selection)?;
            own(&mut directory, attributes);
            return Ok(Some(Node::Directory(directory)));
        }
        if !selection.is_everything() {
            return Err(Error::WrongFileType { path: source.to_owned(), wanted: "a directory" });
        }
        let mut file = match self.replace.is_empty() {
            true => import_file(resolved.real, &resolved.metadata)?,
            false => self.replaced(&resolved.real, &resolved.metadata)?,
        };
        file.executable = executable.unwrap_or(file.executable);
        file.attributes = attributes;
        Ok(Some(Node::File(file)))
    }

    /// The file at `real` with other texts.
    fn replaced(&self, real: &Path, metadata: &Metadata) -> Result<File> {
        let mut bytes = fs::read(real).on("read", real)?;
        for replacement in &self.replace {
            let wrong = |problem: String| {
                Error::attribute(format!("entries (path '{}').replace", self.path), problem)
            };
            let (from, to) = (&replacement.from, &replacement.to);
            if from.is_empty() || from.len() != to.len() {
                return Err(wrong(format!("'{from}' and '{to}' are not of one length")));
            }
            replacement
                .apply(&mut bytes)
                .ok_or_else(|| wrong(format!("'{from}' is not in {}", real.display())))?;
        }
        let executable = metadata.permissions().mode() & 0o111 != 0;
        Ok(File { content: Content::Bytes(bytes.into()), executable, attributes: Attributes::default() })
    }

    /// Whether an absolute target in the store leads nowhere; other targets are not ours to judge.
    fn is_dangling(&self, target: &str, inputs: &Inputs) -> Result<bool> {
        let in_store: bool = inputs.store_dir().split(target.as_bytes()).is_ok();
        Ok(in_store && inputs.resolve(target)?.is_none())
    }

    fn attributes(&self) -> Result<Attributes> {
        let mode = self.mode.as_deref().map(|text| parse_mode(text, &self.path)).transpose()?;
        Ok(Attributes { mode, uid: self.uid.unwrap_or(0), gid: self.gid.unwrap_or(0) })
    }
}

/// Reads three or four octal digits.
fn parse_mode(text: &str, path: &str) -> Result<u16> {
    let digits = (3..=4).contains(&text.len()) && text.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    match u16::from_str_radix(text, 8) {
        Ok(mode) if digits => Ok(mode),
        _ => Err(Error::attribute(
            format!("entries (path '{path}').mode"),
            format!("'{text}' is not three or four octal digits"),
        )),
    }
}

/// The owner of an entry is that of everything below it; the mode is the directory's own.
fn own(directory: &mut Directory, attributes: Attributes) {
    directory.attributes = attributes;
    for node in directory.children.values_mut() {
        let of_child = match node {
            Node::Directory(child) => {
                let mode = child.attributes.mode;
                own(child, Attributes { mode, ..attributes });
                continue;
            }
            Node::File(file) => &mut file.attributes,
            Node::Symlink(link) => &mut link.attributes,
        };
        (of_child.uid, of_child.gid) = (attributes.uid, attributes.gid);
    }
}

/// Where one of two directories that are to be merged has a link to a directory of the store and the other has a directory or
/// such a link too, the links become directories of links: packages whose `bin` is a link can be joined.
fn expand_links(present: &mut Directory, new: &mut Directory, inputs: &Inputs) -> Result<()> {
    for (name, new) in &mut new.children {
        let Some(present) = present.children.get_mut(name) else { continue };
        if let (Node::Symlink(one), Node::Symlink(other)) = (&*present, &*new)
            && (one.target == other.target
                || links_of(present, inputs)?.is_none()
                || links_of(new, inputs)?.is_none())
        {
            continue;
        }
        if matches!(present, Node::File(_)) || matches!(new, Node::File(_)) {
            continue;
        }
        for node in [&mut *present, &mut *new] {
            if let Some(links) = links_of(node, inputs)? {
                *node = Node::Directory(links);
            }
        }
        if let (Node::Directory(present), Node::Directory(new)) = (present, new) {
            expand_links(present, new, inputs)?;
        }
    }
    Ok(())
}

/// The directory behind a link into the store, as links to what is in it.
fn links_of(node: &Node, inputs: &Inputs) -> Result<Option<Directory>> {
    let Node::Symlink(link) = node else { return Ok(None) };
    let Some(target) = link.target.to_str() else { return Ok(None) };
    if inputs.store_dir().split(target.as_bytes()).is_err() {
        return Ok(None);
    }
    let Some(resolved) = inputs.resolve(target)? else { return Ok(None) };
    if !resolved.metadata.is_dir() {
        return Ok(None);
    }
    let mut links = Directory::default();
    for entry in fs::read_dir(&resolved.real).on("list", &resolved.real)? {
        let name = entry.on("list", &resolved.real)?.file_name();
        let mut below = link.target.clone();
        below.push("/");
        below.push(&name);
        links.children.insert(name, Node::symlink(below));
    }
    Ok(Some(links))
}

/// Makes a tree out of entries, the later over the earlier.
pub(crate) fn tree_of(entries: &[Entry], inputs: &Inputs) -> Result<Tree> {
    let mut tree = Tree::new();
    add_all(entries, &mut tree, inputs)?;
    Ok(tree)
}

/// Adds entries to a tree, the later over the earlier.
pub(crate) fn add_all(entries: &[Entry], tree: &mut Tree, inputs: &Inputs) -> Result<()> {
    for entry in entries {
        entry.add(tree, inputs)?;
    }
    Ok(())
}

/// Reads a list of store paths that must be inputs.
pub(crate) fn store_paths(paths: &[String], inputs: &Inputs) -> Result<Vec<StorePath>> {
    paths.iter().map(|path| inputs.parse(path)).collect()
}
