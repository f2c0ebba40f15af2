//! Every target on its seeds, on what once was found, and on a fixed sequence of changes to them.

#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;
use std::time::Instant;

use hardening::TARGETS;

/// Tries of each target. `fuzz/run.sh` makes millions.
const TRIES: usize = 300;

/// Numbers that look random and are the same in every run (xorshift, Marsaglia 2003).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }
}

/// A changed copy: bytes are altered, taken out, doubled, or taken from another input.
fn changed(inputs: &[&[u8]], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = inputs[numbers.below(inputs.len())].to_vec();
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(bytes.len() + 1);
        match numbers.below(6) {
            0 if at < bytes.len() => bytes[at] = numbers.below(256) as u8,
            1 if at < bytes.len() => bytes[at] ^= 1 << numbers.below(8),
            2 => bytes.truncate(at),
            3 => {
                let end = (at + numbers.below(20)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            4 => {
                let other = inputs[numbers.below(inputs.len())];
                let start = numbers.below(other.len() + 1);
                bytes.splice(at..at, other[start..].iter().copied().take(24));
            }
            _ => bytes.insert(at, numbers.below(256) as u8),
        }
    }
    bytes
}

#[test]
fn no_target_finds_anything() {
    let mut found = Vec::new();
    for target in TARGETS {
        let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
        let tries = (0..TRIES).map(|_| changed(target.seeds, &mut numbers));
        // Where to look for the input when the whole process goes down.
        let current = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("hardening-{}", target.name));
        let mut inputs = target.seeds.iter().map(|seed| seed.to_vec()).chain(tries);
        let finds = |bytes: &Vec<u8>| {
            fs::write(&current, bytes).unwrap();
            catch_unwind(|| (target.run)(bytes)).is_err()
        };
        let begun = Instant::now();
        let finding = inputs.find(finds);
        eprintln!("{}: {:.1} s", target.name, begun.elapsed().as_secs_f64());
        if let Some(bytes) = finding {
            found.push(format!("{} on {:?}: {bytes:?}", target.name, String::from_utf8_lossy(&bytes)));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
