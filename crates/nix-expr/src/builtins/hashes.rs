//! Hashes.

use nix_store::{Hash, HashAlgorithm};

use super::Builtin;
use super::files;
use crate::error::{Error, ErrorKind};
use crate::eval::{Evaluated, Evaluator};
use crate::position::Position;
use crate::symbol::known;
use crate::value::Slot;

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new("__convertHash", 1, convert_hash).doc(
        "args",
        "Writes a hash in another form. `args` is a set of `hash`, `toHashFormat` (`base16`, \
         `nix32`, `base64` or `sri`), and `hashAlgo` unless the hash says it itself.",
    ),
    Builtin::new("__hashFile", 2, hash_file).doc(
        "type p",
        "The hash of a file's content in base 16. `type` is `md5`, `sha1`, `sha256` or \
         `sha512`.",
    ),
    Builtin::new("__hashString", 2, hash_string)
        .doc("type s", "The hash of a string in base 16. `type` is `md5`, `sha1`, `sha256` or `sha512`."),
];

pub(super) fn algorithm<'a>(e: &Evaluator<'a>, name: &[u8], at: Position) -> Result<HashAlgorithm, Error> {
    let name = String::from_utf8_lossy(name);
    name.parse().or_else(|_| {
        e.fail(
            ErrorKind::Value,
            at,
            format!("unknown hash algorithm '{name}', expect 'md5', 'sha1', 'sha256', or 'sha512'"),
        )
    })
}

fn hash_string<'a>(e: &Evaluator<'a>, args: &[&'a Slot<'a>], at: Position) -> Evaluated<'a> {
    let algorithm = algorithm(e, e.force_plain(args[0], at)?, at)?;
    let string = e.force_string(args[1], at)?;
    Ok(e.string(Hash::digest(algorithm, string.bytes).to_base16().as_bytes()))
}

fn hash_file<'a>(e: &Evaluator<'a>, args: &[&'a Slot<'a>], at: Position) -> Evaluated<'a> {
    let algorithm = algorithm(e, e.force_plain(args[0], at)?, at)?;
    let bytes = files::read(e, args[1], at)?.1;
    Ok(e.string(Hash::digest(algorithm, &bytes).to_base16().as_bytes()))
}

/// `{ hash, hashAlgo ?, toHashFormat }`
fn convert_hash<'a>(e: &Evaluator<'a>, args: &[&'a Slot<'a>], at: Position) -> Evaluated<'a> {
    let attrs = e.force_attrs(args[0], at)?;
    let text = |name| -> Result<&'a [u8], Error> { e.expect_plain(e.attribute(attrs, name, at)?, at) };
    let hash = text(known::HASH)?;
    let given = match attrs.get(known::HASH_ALGO) {
        Some(_) => Some(algorithm(e, text(known::HASH_ALGO)?, at)?),
        None => None,
    };
    let hash = String::from_utf8_lossy(hash);
    let hash = Hash::parse(&hash, given).or_else(|error| e.store_error(at, &error))?;
    let converted = match text(known::TO_HASH_FORMAT)? {
        b"base16" => hash.to_base16(),
        b"nix32" | b"base32" => hash.to_base32(),
        b"base64" => hash.to_base64(),
        b"sri" => hash.to_sri(),
        other => {
            let other = String::from_utf8_lossy(other);
            let message =
                format!("unknown hash format '{other}', expect 'base16', 'base32', 'base64', or 'sri'");
            return e.fail(ErrorKind::Value, at, message);
        }
    };
    Ok(e.string(converted.as_bytes()))
}
