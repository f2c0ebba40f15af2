//! The `.bin` index files: a trie from keys to values, which modprobe searches without reading the whole file.
//!
//! Format, in kmod's words "libkmod-index": all integers big-endian. A header of three words (magic, version, root node),
//! then the nodes, each before its children (as depmod writes them since kmod 34; readers only follow the words). The word that points to a node has in its top bits which
//! parts the node has: a prefix (text, ends with NUL), children (first and last byte of a range, then a word for each byte
//! of it, zero where there is none), values (their number, then priority and text for each).

use std::collections::BTreeMap;

const MAGIC: u32 = 0xB007_F457;
/// Version 2.1.
const VERSION: u32 = 0x0002_0001;
/// Bytes of a word.
const WORD: usize = 4;
const HAS_PREFIX: u32 = 0x8000_0000;
const HAS_VALUES: u32 = 0x4000_0000;
const HAS_CHILDREN: u32 = 0x2000_0000;
/// Offsets have the bits below the flags.
const LARGEST_OFFSET: usize = 0x0FFF_FFFF;

/// The kernel asks for names of at most a few hundred bytes; a trie of longer ones would be as deep as they are long.
const LONGEST_KEY: usize = 1024;

/// A value and the priority by which values of one key are sorted: the module's place in the load order.
type Values = Vec<(u32, String)>;

/// An index under construction.
#[derive(Debug, Default)]
pub(super) struct Index {
    keys: BTreeMap<Vec<u8>, Values>,
}

impl Index {
    /// Adds a value. Keys that the format cannot hold (not ASCII, empty, with NUL, longer than any name) are left out, as
    /// modprobe could not ask for them. A value may be there more than once, as in depmod's files.
    pub(super) fn insert(&mut self, key: &str, value: &str, priority: u32) {
        if key.is_empty()
            || key.len() > LONGEST_KEY
            || !key.is_ascii()
            || key.contains('\0')
            || value.contains('\0')
        {
            return;
        }
        let values = self.keys.entry(key.as_bytes().to_vec()).or_default();
        let position = values.partition_point(|(present, _)| *present < priority);
        values.insert(position, (priority, value.to_owned()));
    }

    /// The file's bytes; `None` if offsets would not fit into the format's 28 bits.
    pub(super) fn encode(&self) -> Option<Vec<u8>> {
        let mut file = Vec::new();
        for word in [MAGIC, VERSION, 0] {
            file.extend_from_slice(&word.to_be_bytes());
        }
        let keys: Vec<(&[u8], &Values)> =
            self.keys.iter().map(|(key, values)| (key.as_slice(), values)).collect();
        // The root never has a prefix.
        let root = encode_node(&mut file, &keys, 0, 0)?;
        file[8..12].copy_from_slice(&root.to_be_bytes());
        Some(file)
    }
}

/// Writes the node of `keys`, sorted, which agree in their first `end` bytes; its prefix are the bytes from `start` to
/// `end`. Returns the word that points to it.
fn encode_node(file: &mut Vec<u8>, keys: &[(&[u8], &Values)], start: usize, end: usize) -> Option<u32> {
    let (own, below) = match keys.split_first() {
        Some((first, rest)) if first.0.len() == end => (Some(first), rest),
        _ => (None, keys),
    };
    let offset = file.len();
    let mut flags = 0;
    if start < end {
        flags |= HAS_PREFIX;
        file.extend_from_slice(&keys.first()?.0[start..end]);
        file.push(0);
    }
    let mut table = 0..0;
    if let (Some(first), Some(last)) = (below.first(), below.last()) {
        flags |= HAS_CHILDREN;
        let (first, last) = (first.0[end], last.0[end]);
        file.extend_from_slice(&[first, last]);
        table = file.len()..file.len() + WORD * (usize::from(last - first) + 1);
        file.resize(table.end, 0);
    }
    if let Some((_, values)) = own {
        flags |= HAS_VALUES;
        file.extend_from_slice(&u32::try_from(values.len()).ok()?.to_be_bytes());
        for (priority, value) in *values {
            file.extend_from_slice(&priority.to_be_bytes());
            file.extend_from_slice(value.as_bytes());
            file.push(0);
        }
    }
    for group in below.chunk_by(|one, other| one.0[end] == other.0[end]) {
        let common = common_prefix(group[0].0, group[group.len() - 1].0);
        let word = encode_node(file, group, end + 1, common)?;
        let place = table.start + WORD * usize::from(group[0].0[end] - below[0].0[end]);
        file[place..place + WORD].copy_from_slice(&word.to_be_bytes());
    }
    (offset <= LARGEST_OFFSET).then_some(offset as u32 | flags)
}

fn common_prefix(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Reads an index back: every key with its values.
    fn decode(file: &[u8]) -> BTreeMap<Vec<u8>, Values> {
        fn word(file: &[u8], at: usize) -> u32 {
            u32::from_be_bytes(file[at..at + 4].try_into().unwrap())
        }
        fn text(file: &[u8], at: usize) -> &[u8] {
            let end = file[at..].iter().position(|byte| *byte == 0).unwrap();
            &file[at..at + end]
        }
        fn node(file: &[u8], pointer: u32, key: &mut Vec<u8>, keys: &mut BTreeMap<Vec<u8>, Values>) {
            let mut at = pointer as usize & LARGEST_OFFSET;
            let before = key.len();
            if pointer & HAS_PREFIX != 0 {
                key.extend_from_slice(text(file, at));
                at += text(file, at).len() + 1;
            }
            if pointer & HAS_CHILDREN != 0 {
                let (first, last) = (file[at], file[at + 1]);
                at += 2;
                for byte in first..=last {
                    let child = word(file, at);
                    at += 4;
                    if child != 0 {
                        key.push(byte);
                        node(file, child, key, keys);
                        key.pop();
                    }
                }
            }
            if pointer & HAS_VALUES != 0 {
                let count = word(file, at);
                at += 4;
                let values = keys.entry(key.clone()).or_default();
                for _ in 0..count {
                    let priority = word(file, at);
                    let value = text(file, at + 4);
                    at += 4 + value.len() + 1;
                    values.push((priority, String::from_utf8(value.to_vec()).unwrap()));
                }
            }
            key.truncate(before);
        }
        assert_eq!((word(file, 0), word(file, 4)), (MAGIC, VERSION));
        let mut keys = BTreeMap::new();
        node(file, word(file, 8), &mut Vec::new(), &mut keys);
        keys
    }

    #[test]
    fn a_trie_is_not_deeper_than_a_stack() {
        let mut index = Index::default();
        let long = "a".repeat(5000);
        (1..=long.len()).for_each(|length| index.insert(&long[..length], "x", 0));
        assert_eq!(decode(&index.encode().unwrap()).len(), LONGEST_KEY);
    }

    proptest! {
        #[test]
        fn every_key_is_found_again(
            entries in proptest::collection::vec(("[ab:*]{1,6}", "[x-z]{0,2}", 0u32..5), 0..30)
        ) {
            let mut index = Index::default();
            for (key, value, priority) in &entries {
                index.insert(key, value, *priority);
            }
            prop_assert_eq!(decode(&index.encode().unwrap()), index.keys);
        }
    }
}
