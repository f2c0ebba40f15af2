//! What tells whether a derivation was declared before.

use nix_store::{ContentAddressMethod, Hash, StoreDir};

use super::declared::{Declared, Outputs};

/// A SHA-256 of all that a derivation is declared as, and of the store that it is for: of two that have the same, all paths
/// are the same.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Identity([u8; 32]);

/// What is hashed: texts with their lengths, so that no two sequences of texts are the same bytes.
struct Bytes(Vec<u8>);

impl Bytes {
    fn number(&mut self, number: usize) {
        self.0.extend_from_slice(&(number as u64).to_le_bytes());
    }

    fn text(&mut self, text: &[u8]) {
        self.number(text.len());
        self.0.extend_from_slice(text);
    }

    fn fixed_output(&mut self, method: ContentAddressMethod, hash: &Hash) {
        self.text(method.prefix().as_bytes());
        self.number(usize::from(method == ContentAddressMethod::Text));
        self.text(hash.algorithm().name().as_bytes());
        self.text(hash.bytes());
    }
}

impl Identity {
    /// That of what is declared, in a store.
    pub(super) fn of(declared: &Declared<'_>, store: &StoreDir) -> Self {
        let mut bytes = Bytes(Vec::with_capacity(4096));
        for text in [store.as_str().as_bytes(), declared.name.as_bytes(), declared.system, declared.builder] {
            bytes.text(text);
        }
        bytes.number(declared.args.len());
        declared.args.iter().for_each(|argument| bytes.text(argument));
        bytes.number(declared.env.len());
        for (name, text) in &declared.env {
            bytes.text(name);
            bytes.text(text);
        }
        bytes.number(declared.sources.len());
        declared.sources.iter().for_each(|source| bytes.text(source.as_bytes()));
        bytes.number(declared.derivations.len());
        for (derivation, output) in &declared.derivations {
            bytes.text(derivation.as_bytes());
            bytes.text(output.as_bytes());
        }
        match &declared.outputs {
            Outputs::Fixed { method, hash } => bytes.fixed_output(*method, hash),
            Outputs::Open(names) => names.iter().for_each(|name| bytes.text(name.as_bytes())),
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(Hash::sha256(&bytes.0).bytes());
        Identity(digest)
    }
}
