//! Fetching. What is fetched and how is the business of the evaluation's I/O; here the arguments are checked.

use std::collections::BTreeMap;

use nix_store::StorePath;

use super::Builtin;
use super::files::store_string;
use crate::attrs::{Attr, Attrs};
use crate::error::{Error, ErrorKind};
use crate::eval::{Coercion, Evaluated, Evaluator};
use crate::io::{FetchAttribute, FetchRequest};
use crate::position::Position;
use crate::settings::Feature;
use crate::symbol::known;
use crate::value::{Slot, Value};

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new("fetchGit", 1, |e, args, at| fetch_tree(e, "fetchGit", args[0], at)).doc(
        "args",
        "Fetches a commit of a Git repository. `args` is a URL or path, or a set of `url`, \
         `name`, `rev`, `ref`, `submodules`, `shallow` and others. Returns a set with \
         `outPath`, `rev`, `shortRev`, `revCount`, `lastModified` and `narHash`.",
    ),
    Builtin::new("fetchMercurial", 1, |e, args, at| fetch_tree(e, "fetchMercurial", args[0], at)).doc(
        "args",
        "Fetches a revision of a Mercurial repository, named by a URL or a set of `url`, \
         `rev` and `name`.",
    ),
    Builtin::new("fetchTarball", 1, |e, args, at| fetch_file(e, "fetchTarball", args[0], at)).doc(
        "args",
        "Downloads an archive, unpacks it and returns the path of its content in the store. \
         `args` is a URL, or a set of `url`, `sha256` and `name`. Pure evaluation needs the \
         hash.",
    ),
    Builtin::new("fetchTree", 1, |e, args, at| fetch_tree(e, "fetchTree", args[0], at))
        .doc(
            "input",
            "Fetches a tree: `input` is a set of a flake input's attributes (`type`, `url`, \
         `rev`, …) or a URL. Returns a set with `outPath` and what is known of the tree.",
        )
        .needs(Feature::FetchTree),
    Builtin::new("__fetchurl", 1, |e, args, at| fetch_file(e, "fetchurl", args[0], at)).doc(
        "arg",
        "Downloads a file and returns its path in the store. `arg` is a URL, or a set of \
         `url`, `sha256` and `name`. Pure evaluation needs the hash.",
    ),
    Builtin::new("__flakeRefToString", 1, flake_reference_to_string)
        .doc(
            "attrs",
            "The flake reference with these attributes as a URL: the reverse of `parseFlakeRef`.",
        )
        .needs(Feature::Flakes),
    Builtin::new("__getFlake", 1, get_flake)
        .doc(
            "args",
            "The flake that a reference such as `\"github:NixOS/nixpkgs/COMMIT\"` means: its outputs, `inputs`, \
             `sourceInfo`. Pure evaluation needs a commit or a hash in it.",
        )
        .needs(Feature::Flakes),
    Builtin::new("__parseFlakeRef", 1, parse_flake_reference)
        .doc("flake-ref", "The attributes of a flake reference given as a URL, such as `type`, `owner` and `ref`.")
        .needs(Feature::Flakes),
];

fn request<'a>(
    e: &Evaluator<'a>,
    builtin: &'static str,
    slot: &'a Slot<'a>,
    at: Position,
) -> Result<FetchRequest, Error> {
    let mut request = FetchRequest { builtin, attributes: Default::default(), pure: e.settings.pure };
    match e.force(slot, at)? {
        Value::Attrs(attrs) => request.attributes = attributes(e, attrs, builtin, at)?,
        other => {
            let text = e.coerce(other, at, Coercion::PLAIN)?;
            let url = FetchAttribute::String(String::from_utf8_lossy(text.bytes).into_owned());
            request.attributes.insert("url".into(), url);
        }
    }
    if let Some(FetchAttribute::String(url)) = request.attributes.get("url") {
        super::files::check_uri(e, url, at)?;
    }
    Ok(request)
}

/// The attributes of a set as fetchers take them.
fn attributes<'a>(
    e: &Evaluator<'a>,
    attrs: &'a Attrs<'a>,
    builtin: &str,
    at: Position,
) -> Result<BTreeMap<String, FetchAttribute>, Error> {
    let mut attributes = BTreeMap::new();
    for attr in e.by_name(attrs) {
        let name = String::from_utf8_lossy(e.symbols.name(attr.name)).into_owned();
        let value = match e.force(attr.value, attr.position)? {
            Value::Int(number) if number < 0 => {
                let message = format!(
                    "negative value given for the attribute '{name}' of 'builtins.{builtin}': {number}"
                );
                return e.fail(ErrorKind::Value, at, message);
            }
            Value::Int(number) => FetchAttribute::Int(number),
            Value::Bool(truth) => FetchAttribute::Bool(truth),
            other @ (Value::String(_) | Value::Path(_)) => {
                let text = e.coerce(other, attr.position, Coercion::PLAIN)?;
                FetchAttribute::String(String::from_utf8_lossy(text.bytes).into_owned())
            }
            other => {
                let kind = other.type_name().unwrap_or("a value");
                let message = format!(
                    "the attribute '{name}' of 'builtins.{builtin}' is {kind} while a string, Boolean or integer is expected"
                );
                return e.fail(ErrorKind::Type, at, message);
            }
        };
        attributes.insert(name, value);
    }
    Ok(attributes)
}

/// A set out of what fetchers and references have as attributes.
fn to_attrs<'a>(e: &Evaluator<'a>, attributes: BTreeMap<String, FetchAttribute>) -> Vec<Attr<'a>> {
    attributes
        .into_iter()
        .map(|(name, value)| {
            let value = match value {
                FetchAttribute::String(text) => e.string(text.as_bytes()),
                FetchAttribute::Int(number) => Value::Int(number),
                FetchAttribute::Bool(truth) => Value::Bool(truth),
            };
            let name = e.symbols.intern(name.as_bytes());
            Attr { name, position: Position::NONE, value: e.slot(value) }
        })
        .collect()
}

/// Whether restricted evaluation may fetch from an address: it, or a beginning of it that ends where a part of it does, is
/// allowed by the setting `allowed-uris`.
fn check_address(e: &Evaluator<'_>, address: &str, at: Position) -> Result<(), Error> {
    let is_allowed = |allowed: &String| {
        address.strip_prefix(allowed.as_str()).is_some_and(|rest| {
            rest.is_empty()
                || (!allowed.is_empty() && (allowed.ends_with(['/', ':']) || rest.starts_with('/')))
        })
    };
    if !e.settings.restricted || e.settings.allowed_uris.iter().any(is_allowed) {
        return Ok(());
    }
    // A file of this machine is read under the rules for paths.
    let path = address.strip_prefix("file://").unwrap_or(address);
    if path.starts_with('/') {
        return e.file_type(path.as_bytes(), at).map(|_| ());
    }
    e.fail(ErrorKind::Restricted, at, format!("access to URI '{address}' is forbidden in restricted mode"))
}

fn parse_flake_reference<'a>(e: &Evaluator<'a>, args: &[&'a Slot<'a>], at: Position) -> Evaluated<'a> {
    let text = String::from_utf8_lossy(e.force_plain(args[0], at)?).into_owned();
    let attributes = e.io().parse_flake_reference(&text).or_else(|error| e.io_error(at, error))?;
    Ok(e.attrs(to_attrs(e, attributes)))
}

fn flake_reference_to_string<'a>(e: &Evaluator<'a>, args: &[&'a Slot<'a>], at: Position) -> Evaluated<'a> {
    let attributes = attributes(e, e.force_attrs(args[0], at)?, "flakeRefToString", at)?;
    let text = e.io().print_flake_reference(&attributes).or_else(|error| e.io_error(at, error))?;
    Ok(e.string(text.as_bytes()))
}

fn get_flake<'a>(e: &Evaluator<'a>, args: &[&'a Slot<'a>], at: Position) -> Evaluated<'a> {
    let reference = String::from_utf8_lossy(e.force_plain(args[0], at)?).into_owned();
    check_address(e, &reference, at)?;
    let text = e.io().flake_expression(&reference, e.settings.pure).or_else(|error| e.io_error(at, error))?;
    e.eval_text(text.as_bytes(), "«flake»", b"/")
}

/// `fetchTarball` and `fetchurl`: the result is a path.
fn fetch_file<'a>(
    e: &Evaluator<'a>,
    builtin: &'static str,
    slot: &'a Slot<'a>,
    at: Position,
) -> Evaluated<'a> {
    let request = request(e, builtin, slot, at)?;
    if !request.attributes.contains_key("url") {
        return e.fail(ErrorKind::Arguments, at, format!("'url' argument required by 'builtins.{builtin}'"));
    }
    if let Some(other) =
        request.attributes.keys().find(|name| !matches!(name.as_str(), "url" | "name" | "sha256"))
    {
        return e.fail(
            ErrorKind::Arguments,
            at,
            format!("unsupported argument '{other}' to 'builtins.{builtin}'"),
        );
    }
    if request.pure && !request.attributes.contains_key("sha256") {
        let message = format!("in pure evaluation mode, 'builtins.{builtin}' requires a 'sha256' argument");
        return e.fail(ErrorKind::Restricted, at, message);
    }
    if let Some(FetchAttribute::String(url)) = request.attributes.get("url") {
        check_address(e, url, at)?;
    }
    let fetched = e.io().fetch(&request).or_else(|error| e.io_error(at, error))?;
    Ok(store_string(e, &fetched.path))
}

/// `fetchTree` and its kin: the result is a set with `outPath`.
fn fetch_tree<'a>(
    e: &Evaluator<'a>,
    builtin: &'static str,
    slot: &'a Slot<'a>,
    at: Position,
) -> Evaluated<'a> {
    let request = request(e, builtin, slot, at)?;
    if let Some(FetchAttribute::String(url)) = request.attributes.get("url") {
        check_address(e, url, at)?;
    }
    let fetched = e.io().fetch(&request).or_else(|error| e.io_error(at, error))?;
    let mut attrs = vec![Attr {
        name: known::OUT_PATH,
        position: Position::NONE,
        value: e.slot(store_string(e, &fetched.path)),
    }];
    attrs.extend(to_attrs(e, fetched.attributes));
    Ok(e.attrs(attrs))
}

/// Fetches what a search path entry names.
pub(super) fn fetch_url<'a>(
    e: &Evaluator<'a>,
    builtin: &'static str,
    url: &str,
    at: Position,
) -> Result<StorePath, Error> {
    let attributes = [("url".to_owned(), FetchAttribute::String(url.to_owned()))].into();
    let request = FetchRequest { builtin, attributes, pure: e.settings.pure };
    Ok(e.io().fetch(&request).or_else(|error| e.io_error(at, error))?.path)
}
