//! Writing the compiled file: a trie over patterns. All integers are little-endian, offsets count from the file's start.
//!
//! A header; the nodes, children before their parents, each a record followed by the records of its children and values;
//! the strings, each once, ended by NUL. Sizes of the records stand in the header, so that readers tolerate longer ones.

use std::collections::{BTreeMap, HashMap};

use crate::hwdb::{Database, Value};

const SIGNATURE: &[u8; 8] = b"KSLPHHRH";
/// The version of systemd whose format this is; readers only show it.
const TOOL_VERSION: u64 = 257;
const HEADER_SIZE: u64 = 80;
const NODE_SIZE: u64 = 24;
const CHILD_SIZE: u64 = 16;
const VALUE_SIZE: u64 = 32;

type Properties = BTreeMap<String, Value>;

/// A node of the trie: the bytes that all below it share, then one child for each byte that can follow.
struct TrieNode<'database> {
    prefix: &'database [u8],
    children: Vec<(u8, TrieNode<'database>)>,
    properties: Option<&'database Properties>,
}

/// The file's bytes; `None` if there are more sources or lines than the format can number.
pub(super) fn encode(database: &Database) -> Option<Vec<u8>> {
    let keys: Vec<(&[u8], &Properties)> =
        database.patterns.iter().map(|(key, properties)| (key.as_slice(), properties)).collect();
    let root = node_of(&keys, 0);
    let nodes_size = size_of(&root);
    let mut strings = Strings { start: HEADER_SIZE + nodes_size, bytes: Vec::new(), offsets: HashMap::new() };
    strings.add(b"");
    let mut nodes = Vec::with_capacity(nodes_size as usize);
    let root_offset = write_node(&root, database, &mut nodes, &mut strings)?;
    let strings_size = strings.bytes.len() as u64;
    let mut file = Vec::with_capacity((strings.start + strings_size) as usize);
    file.extend_from_slice(SIGNATURE);
    let words = [
        TOOL_VERSION,
        strings.start + strings_size,
        HEADER_SIZE,
        NODE_SIZE,
        CHILD_SIZE,
        VALUE_SIZE,
        root_offset,
        nodes_size,
        strings_size,
    ];
    for word in words {
        file.extend_from_slice(&word.to_le_bytes());
    }
    file.extend_from_slice(&nodes);
    file.extend_from_slice(&strings.bytes);
    Some(file)
}

/// The node of sorted keys that agree in their first `start` bytes, which nodes above have.
fn node_of<'database>(
    keys: &[(&'database [u8], &'database Properties)],
    start: usize,
) -> TrieNode<'database> {
    let (Some(first), Some(last)) = (keys.first(), keys.last()) else {
        return TrieNode { prefix: b"", children: Vec::new(), properties: None };
    };
    // The root has no prefix, whatever its keys have in common.
    let common = first.0.iter().zip(last.0).take_while(|(one, other)| one == other).count();
    let end = if start == 0 { 0 } else { common };
    let (properties, below) = if first.0.len() == end { (Some(first.1), &keys[1..]) } else { (None, keys) };
    let children = below
        .chunk_by(|one, other| one.0[end] == other.0[end])
        .map(|group| (group[0].0[end], node_of(group, end + 1)))
        .collect();
    TrieNode { prefix: &first.0[start..end], children, properties }
}

fn size_of(node: &TrieNode<'_>) -> u64 {
    let below: u64 = node.children.iter().map(|(_, child)| CHILD_SIZE + size_of(child)).sum();
    NODE_SIZE + below + VALUE_SIZE * node.properties.map_or(0, BTreeMap::len) as u64
}

/// Writes what is below a node, then the node; returns its offset in the file.
fn write_node(
    node: &TrieNode<'_>,
    database: &Database,
    nodes: &mut Vec<u8>,
    strings: &mut Strings,
) -> Option<u64> {
    let mut children = Vec::with_capacity(node.children.len());
    for (byte, child) in &node.children {
        children.push((*byte, write_node(child, database, nodes, strings)?));
    }
    let offset = HEADER_SIZE + nodes.len() as u64;
    let mut word = |word: u64| nodes.extend_from_slice(&word.to_le_bytes());
    word(strings.add(node.prefix));
    // A byte and seven of padding. 256 children would not fit, but no pattern has a NUL byte.
    word(u64::from(u8::try_from(children.len()).ok()?));
    word(node.properties.map_or(0, BTreeMap::len) as u64);
    for (byte, child) in children {
        word(u64::from(byte));
        word(child);
    }
    for (key, value) in node.properties.into_iter().flatten() {
        word(strings.add(key.as_bytes()));
        word(strings.add(value.text.as_bytes()));
        word(strings.add(database.files[value.file].as_bytes()));
        // Line in 32 bits, the file's number (from 1) in 16, padding.
        let file = u16::try_from(value.file + 1).ok()?;
        word(u64::from(value.line) | u64::from(file) << 32);
    }
    Some(offset)
}

/// Texts that end with NUL, each once.
struct Strings {
    /// The offset of the first in the file.
    start: u64,
    bytes: Vec<u8>,
    offsets: HashMap<Vec<u8>, u64>,
}

impl Strings {
    /// The offset of a text in the file.
    fn add(&mut self, text: &[u8]) -> u64 {
        if let Some(offset) = self.offsets.get(text) {
            return *offset;
        }
        let offset = self.start + self.bytes.len() as u64;
        self.bytes.extend_from_slice(text);
        self.bytes.push(0);
        self.offsets.insert(text.to_vec(), offset);
        offset
    }
}
