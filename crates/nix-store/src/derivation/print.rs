//! Writing ATerm.

use std::borrow::Cow;
use std::collections::BTreeSet;

use memchr::{memchr2, memchr3};

use super::{Derivation, DerivationHash, DerivationOutput};
use crate::hash::{HEXADECIMAL, Hash};
use crate::store_path::{StoreDir, StorePath};

/// The inputs of a derivation as they stand in its text.
pub(super) enum Inputs<'inputs> {
    /// Paths of `.drv` files.
    Paths,
    /// Hashes in base-16 instead, sorted, each with its output names.
    Hashes(&'inputs [(DerivationHash, Cow<'inputs, BTreeSet<String>>)]),
}

/// Whether output paths are written or left empty, in `outputs` and in the environment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum OutputPaths {
    Written,
    Masked,
}

impl Derivation {
    /// The text of the `.drv` file.
    pub fn print(&self, directory: &StoreDir) -> Vec<u8> {
        self.print_with(directory, Inputs::Paths, OutputPaths::Written)
    }

    pub(super) fn print_with(
        &self,
        directory: &StoreDir,
        inputs: Inputs<'_>,
        output_paths: OutputPaths,
    ) -> Vec<u8> {
        let mut text = Writer { text: Vec::with_capacity(self.expected_length()), directory };
        text.raw(b"Derive([");
        text.separated(&self.outputs, |text, (name, output)| {
            text.output(name, output, output_paths);
        });
        text.raw(b"],[");
        match inputs {
            Inputs::Paths => text.separated(&self.input_drvs, |text, (path, outputs)| {
                text.raw(b"(");
                text.path(path);
                text.raw(b",");
                text.strings(outputs.iter().map(String::as_bytes));
                text.raw(b")");
            }),
            Inputs::Hashes(hashes) => text.separated(hashes, |text, (hash, outputs)| {
                text.raw(b"(");
                text.plain(&base16(&hash.0));
                text.raw(b",");
                text.strings(outputs.iter().map(String::as_bytes));
                text.raw(b")");
            }),
        }
        text.raw(b"],[");
        text.separated(&self.input_srcs, |text, path| text.path(path));
        text.raw(b"],");
        text.string(&self.system);
        text.raw(b",");
        text.string(&self.builder);
        text.raw(b",");
        text.strings(self.args.iter().map(Vec::as_slice));
        text.raw(b",[");
        text.separated(self.env.iter(), |text, (name, value)| {
            text.raw(b"(");
            text.string(name);
            text.raw(b",");
            let masked = output_paths == OutputPaths::Masked
                && std::str::from_utf8(name).is_ok_and(|name| self.outputs.contains_key(name));
            text.string(if masked { b"" } else { value });
            text.raw(b")");
        });
        text.raw(b"])");
        text.text
    }

    /// Enough for the text without growing, escapes aside.
    fn expected_length(&self) -> usize {
        let env: usize = self.env.iter().map(|(name, value)| name.len() + value.len() + 8).sum();
        let args: usize = self.args.iter().map(|argument| argument.len() + 3).sum();
        let paths = self.outputs.len() + self.input_drvs.len() + self.input_srcs.len();
        env + env / 16 + args + paths * 100 + self.builder.len() + 64
    }
}

struct Writer<'directory> {
    text: Vec<u8>,
    directory: &'directory StoreDir,
}

impl Writer<'_> {
    fn raw(&mut self, bytes: &[u8]) {
        self.text.extend_from_slice(bytes);
    }

    /// A string in which nothing needs an escape.
    fn plain(&mut self, bytes: &[u8]) {
        self.raw(b"\"");
        self.raw(bytes);
        self.raw(b"\"");
    }

    fn path(&mut self, path: &StorePath) {
        self.raw(b"\"");
        self.raw(self.directory.as_str().as_bytes());
        self.raw(b"/");
        self.raw(path.base_name().as_bytes());
        self.raw(b"\"");
    }

    fn string(&mut self, bytes: &[u8]) {
        self.raw(b"\"");
        // Two searches that each look at many bytes at a time, and nearly always the second finds nothing at all.
        let has_rare = memchr2(b'\r', b'\t', bytes).is_some();
        let next = |rest: &[u8]| match has_rare {
            true => rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | b'\n' | b'\r' | b'\t')),
            false => memchr3(b'"', b'\\', b'\n', rest),
        };
        let mut rest = bytes;
        while let Some(at) = next(rest) {
            self.raw(&rest[..at]);
            let letter = match rest[at] {
                b'\n' => b'n',
                b'\r' => b'r',
                b'\t' => b't',
                byte => byte,
            };
            self.text.extend_from_slice(&[b'\\', letter]);
            rest = &rest[at + 1..];
        }
        self.raw(rest);
        self.raw(b"\"");
    }

    fn strings<'string>(&mut self, strings: impl IntoIterator<Item = &'string [u8]>) {
        self.raw(b"[");
        self.separated(strings, |text, string| text.string(string));
        self.raw(b"]");
    }

    fn separated<I: IntoIterator>(&mut self, items: I, mut write: impl FnMut(&mut Self, I::Item)) {
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                self.raw(b",");
            }
            write(self, item);
        }
    }

    fn output(&mut self, name: &str, output: &DerivationOutput, output_paths: OutputPaths) {
        self.raw(b"(");
        self.string(name.as_bytes());
        self.raw(b",");
        match output.path() {
            Some(path) if output_paths == OutputPaths::Written => self.path(path),
            _ => self.raw(b"\"\""),
        }
        match output {
            DerivationOutput::Fixed { method, hash, .. } => {
                self.raw(b",");
                self.plain(format!("{}{}", method.prefix(), hash.algorithm()).as_bytes());
                self.raw(b",");
                self.plain(hash.to_base16().as_bytes());
            }
            DerivationOutput::Floating { method, algorithm } => {
                self.raw(b",");
                self.plain(format!("{}{algorithm}", method.prefix()).as_bytes());
                self.raw(b",\"\"");
            }
            DerivationOutput::InputAddressed { .. } | DerivationOutput::Deferred => self.raw(b",\"\",\"\""),
        }
        self.raw(b")");
    }
}

/// A SHA-256 in base-16, as it stands in place of an input derivation's path.
fn base16(hash: &[u8; 32]) -> [u8; 64] {
    let mut digits = [0; 64];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(hash) {
        pair[0] = HEXADECIMAL[(byte >> 4) as usize];
        pair[1] = HEXADECIMAL[(byte & 15) as usize];
    }
    digits
}

/// What a fixed output's derivation is known by: its hash does not depend on how it is fetched.
pub(super) fn fixed_output_fingerprint(
    directory: &StoreDir,
    prefix: &str,
    hash: &Hash,
    path: &StorePath,
) -> String {
    format!("fixed:out:{prefix}{}:{}", hash.to_prefixed_base16(), directory.display(path))
}
