//! Whether a derivation was declared before.
//!
//! Two derivations are declared as the same if they agree in all but the paths of outputs that follow from the rest. That rest
//! is written as one run of bytes, for what is declared and for what is finished, and the two are compared as they go.

use std::hash::Hasher;

use nix_store::{ContentAddressMethod, Derivation, DerivationOutput, Hash, StoreDir};
use rustc_hash::FxHasher;

use super::declared::{Declared, Outputs};

/// What a derivation is declared as, in bytes.
pub(super) struct Identity {
    bytes: Vec<u8>,
}

/// Takes bytes one piece after the other.
trait Sink {
    fn take(&mut self, piece: &[u8]);

    fn number(&mut self, number: usize) {
        self.take(&(number as u64).to_le_bytes());
    }

    /// A text with its length, so that no two sequences of texts are the same bytes.
    fn text(&mut self, text: &[u8]) {
        self.number(text.len());
        self.take(text);
    }

    fn fixed_output(&mut self, method: ContentAddressMethod, hash: &Hash) {
        self.text(method.prefix().as_bytes());
        self.number(usize::from(method == ContentAddressMethod::Text));
        self.text(hash.algorithm().name().as_bytes());
        self.text(hash.bytes());
    }
}

impl Sink for Vec<u8> {
    fn take(&mut self, piece: &[u8]) {
        self.extend_from_slice(piece);
    }
}

/// What is still to come, or `None` after a difference.
struct Expected<'b>(Option<&'b [u8]>);

impl Sink for Expected<'_> {
    fn take(&mut self, piece: &[u8]) {
        self.0 = self.0.and_then(|rest| rest.strip_prefix(piece));
    }
}

impl Identity {
    /// What is declared.
    pub(super) fn of(declared: &Declared<'_>) -> Self {
        let mut bytes = Vec::with_capacity(4096);
        let sink = &mut bytes;
        for text in [declared.name.as_bytes(), declared.system, declared.builder] {
            sink.text(text);
        }
        sink.number(declared.args.len());
        declared.args.iter().for_each(|argument| sink.text(argument));
        sink.number(declared.env.len());
        for (name, text) in &declared.env {
            sink.text(name);
            sink.text(text);
        }
        sink.number(declared.sources.len());
        declared.sources.iter().for_each(|source| sink.text(source.as_bytes()));
        for (derivation, output) in &declared.derivations {
            sink.text(derivation.as_bytes());
            sink.text(output.as_bytes());
        }
        match &declared.outputs {
            Outputs::Fixed { method, hash } => sink.fixed_output(*method, hash),
            Outputs::Open(names) => names.iter().for_each(|name| sink.text(name.as_bytes())),
        }
        Identity { bytes }
    }

    /// A hash of it, for a store.
    pub(super) fn fingerprint(&self, store: &StoreDir) -> u64 {
        let mut hasher = FxHasher::default();
        hasher.write(store.as_str().as_bytes());
        hasher.write(&self.bytes);
        hasher.finish()
    }

    /// Whether a finished derivation was declared like that.
    pub(super) fn is_of(&self, finished: &Derivation) -> bool {
        let mut sink = Expected(Some(&self.bytes));
        for text in [finished.name.as_bytes(), &finished.system, &finished.builder] {
            sink.text(text);
        }
        sink.number(finished.args.len());
        finished.args.iter().for_each(|argument| sink.text(argument));
        sink.number(finished.env.len());
        for (name, text) in &finished.env {
            let is_output = std::str::from_utf8(name).is_ok_and(|name| finished.outputs.contains_key(name));
            sink.text(name);
            sink.text(if is_output { b"" } else { text });
        }
        sink.number(finished.input_srcs.len());
        finished.input_srcs.iter().for_each(|source| sink.text(source.base_name().as_bytes()));
        for (derivation, outputs) in &finished.input_drvs {
            for output in outputs {
                sink.text(derivation.base_name().as_bytes());
                sink.text(output.as_bytes());
            }
        }
        for (name, output) in &finished.outputs {
            match output {
                DerivationOutput::Fixed { method, hash, .. } => sink.fixed_output(*method, hash),
                _ => sink.text(name.as_bytes()),
            }
        }
        sink.0.is_some_and(<[u8]>::is_empty)
    }
}
