//! Which store paths a built output refers to: those whose hash part occurs in its bytes.

use std::collections::BTreeSet;
use std::io::{self, Write};

use rustc_hash::FxHashMap;

use crate::base32;
use crate::store_path::{HASH_PART_LENGTH, StorePath};

/// Finds the hash parts of a set of candidates in a stream of bytes. It is a [`Write`]r, so that a NAR can be
/// scanned while it is hashed.
pub struct ReferenceScanner {
    /// The candidates not yet found, by hash part.
    candidates: FxHashMap<[u8; HASH_PART_LENGTH], Vec<StorePath>>,
    found: BTreeSet<StorePath>,
    /// The last bytes of what was scanned, too few to be a hash part.
    tail: Vec<u8>,
}

impl ReferenceScanner {
    /// Begins a scan for `candidates`.
    pub fn new<'paths>(candidates: impl IntoIterator<Item = &'paths StorePath>) -> Self {
        let mut by_hash_part: FxHashMap<_, Vec<StorePath>> = FxHashMap::default();
        for path in candidates {
            if let Some(hash_part) = path.hash_part().as_bytes().first_chunk() {
                by_hash_part.entry(*hash_part).or_default().push(path.clone());
            }
        }
        ReferenceScanner { candidates: by_hash_part, found: BTreeSet::new(), tail: Vec::new() }
    }

    /// Scans the next bytes.
    pub fn scan(&mut self, bytes: &[u8]) {
        const KEPT: usize = HASH_PART_LENGTH - 1;
        if self.candidates.is_empty() {
            return;
        }
        // What lies across the border between two pieces.
        let mut border = std::mem::take(&mut self.tail);
        let head = &bytes[..bytes.len().min(KEPT)];
        border.extend_from_slice(head);
        self.scan_piece(&border);
        self.scan_piece(bytes);
        if bytes.len() >= KEPT {
            border.clear();
            border.extend_from_slice(&bytes[bytes.len() - KEPT..]);
        } else {
            border.drain(..border.len().saturating_sub(KEPT));
        }
        self.tail = border;
    }

    fn scan_piece(&mut self, bytes: &[u8]) {
        let mut start = 0;
        // Digits before this place are known to be digits.
        let mut checked = 0;
        while let Some(window) = bytes.get(start..start + HASH_PART_LENGTH) {
            // From the end: a byte that is no digit lets the window jump behind it, in most data at the first look.
            let unchecked = checked - start;
            let not_digit = window[unchecked..].iter().rposition(|byte| !base32::is_digit(*byte));
            if let Some(position) = not_digit {
                start += unchecked + position + 1;
                checked = start;
                continue;
            }
            checked = start + HASH_PART_LENGTH;
            if let Some(paths) = self.candidates.remove(window) {
                self.found.extend(paths);
                if self.candidates.is_empty() {
                    return;
                }
            }
            start += 1;
        }
    }

    /// The candidates that occurred.
    pub fn finish(self) -> BTreeSet<StorePath> {
        self.found
    }
}

impl Write for ReferenceScanner {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.scan(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn path(byte: u8) -> StorePath {
        StorePath::from_parts([byte; 20], "a").unwrap()
    }

    #[test]
    fn two_paths_with_one_hash_part_are_both_found() {
        let (a, b) =
            (StorePath::from_parts([7; 20], "a").unwrap(), StorePath::from_parts([7; 20], "b").unwrap());
        let mut scanner = ReferenceScanner::new([&a, &b]);
        scanner.scan(a.hash_part().as_bytes());
        assert_eq!(scanner.finish(), BTreeSet::from([a, b]));
    }

    proptest! {
        #[test]
        fn found_wherever_the_pieces_are_cut(
            pieces in proptest::collection::vec((0u8..4, "[0-9a-z/ -]{0,40}"), 0..12),
            cuts in proptest::collection::vec(1usize..50, 1..20),
        ) {
            let candidates: Vec<StorePath> = (0..3).map(path).collect();
            let mut text = String::new();
            let mut expected = BTreeSet::new();
            for (which, filler) in &pieces {
                text.push_str(filler);
                if let Some(candidate) = candidates.get(*which as usize) {
                    text.push_str(candidate.hash_part());
                }
            }
            for candidate in &candidates {
                if text.contains(candidate.hash_part()) {
                    expected.insert(candidate.clone());
                }
            }
            let mut scanner = ReferenceScanner::new(&candidates);
            let (mut rest, mut cut) = (text.as_bytes(), cuts.iter().cycle());
            while !rest.is_empty() {
                let length = (*cut.next().unwrap()).min(rest.len());
                scanner.scan(&rest[..length]);
                rest = &rest[length..];
            }
            prop_assert_eq!(scanner.finish(), expected);
        }
    }
}
