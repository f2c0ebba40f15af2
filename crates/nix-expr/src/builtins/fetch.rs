//! Fetching. What is fetched and how is the business of the evaluation's I/O; here the arguments are checked.

use nix_store::StorePath;

use super::Builtin;
use super::files::store_string;
use crate::attrs::Attr;
use crate::error::{Error, ErrorKind};
use crate::eval::{Coercion, Evaluated, Evaluator};
use crate::io::{FetchAttribute, FetchRequest};
use crate::position::Position;
use crate::symbol::known;
use crate::value::{Slot, Value};

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new("fetchGit", 1, |e, args, at| fetch_tree(e, "fetchGit", args[0], at)),
    Builtin::new("fetchMercurial", 1, |e, args, at| fetch_tree(e, "fetchMercurial", args[0], at)),
    Builtin::new("fetchTarball", 1, |e, args, at| fetch_file(e, "fetchTarball", args[0], at)),
    Builtin::new("fetchTree", 1, |e, args, at| fetch_tree(e, "fetchTree", args[0], at)),
    Builtin::new("__fetchurl", 1, |e, args, at| fetch_file(e, "fetchurl", args[0], at)),
];

fn request<'a>(
    e: &Evaluator<'a>,
    builtin: &'static str,
    slot: &'a Slot<'a>,
    at: Position,
) -> Result<FetchRequest, Error> {
    let mut request = FetchRequest { builtin, attributes: Default::default(), pure: e.settings.pure };
    match e.force(slot, at)? {
        Value::Attrs(attrs) => {
            for attr in e.by_name(attrs) {
                let name = String::from_utf8_lossy(e.symbols.name(attr.name)).into_owned();
                let value = match e.force(attr.value, attr.position)? {
                    Value::Int(number) => FetchAttribute::Int(number),
                    Value::Bool(truth) => FetchAttribute::Bool(truth),
                    Value::Null => continue,
                    other => {
                        let text = e.coerce(other, attr.position, Coercion::PLAIN)?;
                        FetchAttribute::String(String::from_utf8_lossy(text.bytes).into_owned())
                    }
                };
                request.attributes.insert(name, value);
            }
        }
        other => {
            let text = e.coerce(other, at, Coercion::PLAIN)?;
            let url = FetchAttribute::String(String::from_utf8_lossy(text.bytes).into_owned());
            request.attributes.insert("url".into(), url);
        }
    }
    Ok(request)
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
    let fetched = e.io.fetch(&request).or_else(|error| e.io_error(at, error))?;
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
    let fetched = e.io.fetch(&request).or_else(|error| e.io_error(at, error))?;
    let mut attrs = vec![Attr {
        name: known::OUT_PATH,
        position: Position::NONE,
        value: e.slot(store_string(e, &fetched.path)),
    }];
    for (name, value) in fetched.attributes {
        let value = match value {
            FetchAttribute::String(text) => e.string(text.as_bytes()),
            FetchAttribute::Int(number) => Value::Int(number),
            FetchAttribute::Bool(truth) => Value::Bool(truth),
        };
        attrs.push(Attr {
            name: e.symbols.intern(name.as_bytes()),
            position: Position::NONE,
            value: e.slot(value),
        });
    }
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
    Ok(e.io.fetch(&request).or_else(|error| e.io_error(at, error))?.path)
}
