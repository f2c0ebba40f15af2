//! `flake.lock`, version 7: read, write as Nix writes it.
//!
//! The format is described under "Lock files" in the Nix manual (`nix flake --help`). Versions 5 and 6 differ only in what
//! they may hold, so they are read too; version 7 is written.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::attributes::Attributes;
use crate::error::Error;
use crate::input_path::InputPath;
use crate::reference::FlakeReference;

/// What an input of a locked flake is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Edge {
    /// The name of a node of the lock file.
    Node(String),
    /// `follows`: the same as the input at this path from the root.
    Follows(Vec<String>),
}

/// One locked tree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Absent means true: the tree has a `flake.nix` that is to be evaluated.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub flake: bool,
    /// Its own inputs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, Edge>,
    /// The reference with its content pinned. Absent for the root only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked: Option<Attributes>,
    /// The reference as `flake.nix` has it. Absent for the root only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original: Option<Attributes>,
    /// What version 5 had beside `locked`; never written.
    #[serde(default, skip_serializing)]
    info: Option<Attributes>,
    /// For relative paths: the input whose tree they are relative to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Vec<String>>,
}

fn yes() -> bool {
    true
}

fn is_true(value: &bool) -> bool {
    *value
}

impl Node {
    /// A node of a lock file.
    pub fn new(
        flake: bool,
        inputs: BTreeMap<String, Edge>,
        locked: Option<Attributes>,
        original: Option<Attributes>,
        parent: Option<Vec<String>>,
    ) -> Self {
        Node { flake, inputs, locked, original, info: None, parent }
    }
}

#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

/// A whole lock file. Field order is Nix's, which sorts by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockFile {
    /// All nodes by name.
    pub nodes: BTreeMap<String, Node>,
    /// The name of the node of the flake itself.
    pub root: String,
    /// 7
    pub version: u32,
}

impl Default for LockFile {
    fn default() -> Self {
        let root = Node { flake: true, ..Node::default() };
        LockFile {
            nodes: BTreeMap::from([("root".to_owned(), root)]),
            root: "root".to_owned(),
            version: VERSION,
        }
    }
}

/// The version that is written.
const VERSION: u32 = 7;

impl LockFile {
    /// Reads `file`; a missing file is `None`.
    pub fn read(file: &Path) -> Result<Option<Self>, Error> {
        match std::fs::read_to_string(file) {
            Ok(text) => Self::parse(&text, file).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::File { action: "read", path: file.to_owned(), source }),
        }
    }

    /// Parses the text of a lock file; `file` is for messages. All edges of the result lead to nodes that exist.
    pub fn parse(text: &str, file: &Path) -> Result<Self, Error> {
        let invalid = |reason: String| Error::InvalidLockFile { file: file.to_owned(), reason };
        let version: Versioned = serde_json::from_str(text).map_err(|error| invalid(error.to_string()))?;
        if !(5..=VERSION).contains(&version.version) {
            return Err(invalid(format!(
                "its version {} is not known; known are 5 to {VERSION}. It was written by another program or a newer one",
                version.version
            )));
        }
        let mut lock: LockFile = serde_json::from_str(text).map_err(|error| invalid(error.to_string()))?;
        lock.version = VERSION;
        for node in lock.nodes.values_mut() {
            // Version 5 had a part of it in an attribute of its own.
            if let (Some(info), Some(locked)) = (node.info.take(), &mut node.locked) {
                locked.0.extend(info.0);
            }
        }
        if !lock.nodes.contains_key(&lock.root) {
            return Err(invalid(format!("it has no node '{}', which it names as root", lock.root)));
        }
        for (name, node) in &lock.nodes {
            for (input, edge) in &node.inputs {
                if let Edge::Node(target) = edge
                    && !lock.nodes.contains_key(target)
                {
                    return Err(invalid(format!(
                        "input '{input}' of '{name}' leads to '{target}', which it lacks"
                    )));
                }
            }
            if *name != lock.root && (node.locked.is_none() || node.original.is_none()) {
                return Err(invalid(format!("node '{name}' is not locked")));
            }
            if let Some(locked) = node.locked.as_ref().filter(|_| *name != lock.root) {
                let reference = FlakeReference::from_attributes(locked)?;
                if !reference.is_locked() && reference.nar_hash().is_none() && !reference.is_relative_path() {
                    return Err(invalid(format!(
                        "node '{name}' is not locked: {reference} has neither commit nor hash"
                    )));
                }
            }
        }
        lock.check_acyclic().map_err(|name| invalid(format!("the inputs of '{name}' lead back to it")))?;
        Ok(lock)
    }

    /// The text as Nix writes it: sorted keys, two spaces, a newline at the end.
    pub fn print(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// An input that nothing pins, so that the file would say nothing: a git tree with changes.
    pub fn unlocked_input(&self) -> Option<FlakeReference> {
        self.nodes.values().filter_map(|node| node.locked.as_ref()).find_map(|locked| {
            let reference = FlakeReference::from_attributes(locked).ok()?;
            (!reference.is_locked() && !reference.is_relative_path()).then_some(reference)
        })
    }

    /// The name of the node at an input path, following `follows`.
    pub fn find(&self, path: &InputPath) -> Option<&str> {
        self.find_within(&path.0, 0)
    }

    fn find_within(&self, path: &[String], depth: usize) -> Option<&str> {
        // A chain of `follows` longer than the number of nodes goes in circles.
        if depth > self.nodes.len() {
            return None;
        }
        let mut name = self.root.as_str();
        for input in path {
            name = match self.nodes.get(name)?.inputs.get(input)? {
                Edge::Node(next) => next,
                Edge::Follows(target) => self.find_within(target, depth + 1)?,
            };
        }
        Some(name)
    }

    fn check_acyclic(&self) -> Result<(), String> {
        fn visit<'a>(
            lock: &'a LockFile,
            name: &'a str,
            open: &mut BTreeSet<&'a str>,
            done: &mut BTreeSet<&'a str>,
        ) -> Result<(), String> {
            if done.contains(name) {
                return Ok(());
            }
            // 200 levels: no real flake comes near, and a hostile file must not exhaust the stack.
            if open.len() > 200 || !open.insert(name) {
                return Err(name.to_owned());
            }
            for edge in lock.nodes.get(name).into_iter().flat_map(|node| node.inputs.values()) {
                if let Edge::Node(target) = edge {
                    visit(lock, target, open, done)?;
                }
            }
            open.remove(name);
            done.insert(name);
            Ok(())
        }
        let (mut open, mut done) = (BTreeSet::new(), BTreeSet::new());
        visit(self, &self.root, &mut open, &mut done)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Written by Nix 2.8 for a flake with two inputs, one of which follows the other.
    const BY_NIX: &str = r#"{
  "nodes": {
    "root": {
      "inputs": {
        "x": "x",
        "y": [
          "x"
        ]
      }
    },
    "x": {
      "inputs": {
        "z": "z"
      },
      "locked": {
        "lastModified": 1,
        "narHash": "sha256-XghKDryYIxdpLdiFh0J34amY1HUbnJVzv949Shagdbc=",
        "path": "./nested",
        "type": "path"
      },
      "original": {
        "path": "./nested",
        "type": "path"
      }
    },
    "z": {
      "flake": false,
      "locked": {
        "lastModified": 1795271902,
        "narHash": "sha256-sGyGxOEqag3h0gxiBV3uZWZ1NMAOgdYTpDH1hvm6PWA=",
        "path": "/srv/z",
        "type": "path"
      },
      "original": {
        "path": "/srv/z",
        "type": "path"
      }
    }
  },
  "root": "root",
  "version": 7
}
"#;

    fn parse(text: &str) -> Result<LockFile, Error> {
        LockFile::parse(text, Path::new("flake.lock"))
    }

    #[test]
    fn nix_s_own_file_is_written_back_byte_for_byte() {
        let lock = parse(BY_NIX).unwrap();
        assert_eq!(lock.print(), BY_NIX);
        assert_eq!(lock.find(&"y/z".parse().unwrap()), Some("z"));
        assert_eq!(lock.find(&"y/q".parse().unwrap()), None);
    }

    #[test]
    fn broken_files_say_what_is_broken() {
        for (from, to, part) in [
            ("\"version\": 7", "\"version\": 8", "version 8"),
            ("\"root\": \"root\"", "\"root\": \"r\"", "names as root"),
            ("\"z\": \"z\"", "\"z\": \"x\"", "lead back to it"),
            ("\"z\": \"z\"", "\"z\": \"q\"", "which it lacks"),
            (
                "\"locked\": {\n        \"lastModified\": 1,",
                "\"other\": {\n        \"lastModified\": 1,",
                "not locked",
            ),
            ("{\n  \"nodes\"", "[\n  \"nodes\"", "line 2"),
        ] {
            let changed = BY_NIX.replacen(from, to, 1);
            assert_ne!(changed, BY_NIX);
            let message = parse(&changed).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn follows_that_go_in_circles_lead_nowhere() {
        let text = BY_NIX.replace("\"x\": \"x\",", "\"x\": [\"y\"],");
        let lock = parse(&text).unwrap();
        assert_eq!(lock.find(&"x".parse().unwrap()), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC{0,60}", at in 0..900usize) {
            let _ = parse(&text);
            let mut bytes = BY_NIX.as_bytes().to_vec();
            let at = at % bytes.len();
            bytes[at] = b'}';
            if let Ok(text) = String::from_utf8(bytes) {
                let _ = parse(&text);
            }
        }
    }
}
