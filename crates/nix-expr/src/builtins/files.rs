//! Files and paths.

use std::path::Path;

use nix_store::{Hash, HashAlgorithm};

use super::Builtin;
use crate::attrs::Attr;
use crate::error::{Error, ErrorKind};
use crate::eval::{Coercion, Evaluated, Evaluator, os_path};
use crate::io::{AddMethod, FileType, IoError, PathToAdd};
use crate::path;
use crate::position::Position;
use crate::settings::Feature;
use crate::string::{ContextElement, ContextUnion};
use crate::symbol::known;
use crate::value::{Slot, Value};

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new("baseNameOf", 1, base_name_of)
        .doc("x", "The part of a path or string behind its last slash."),
    Builtin::new("dirOf", 1, dir_of)
        .doc("s", "A path or string up to its last slash: the directory that a file is in."),
    Builtin::new("__fetchClosure", 1, |e, _, at| {
        let message = "'builtins.fetchClosure' is not supported: add the store path to the store beforehand, and use \
                       'builtins.storePath'";
        e.fail(ErrorKind::Unsupported, at, message)
    })
    .needs(Feature::FetchClosure)
    .doc("args", "Copies a store path and all that it needs from a binary cache. Not supported here."),
    Builtin::new("__filterSource", 2, filter_source).doc(
        "pred path",
        "Copies a tree to the store without the files for which `pred` returns false. It is \
         called with a file's path and its type: `regular`, `directory`, `symlink` or \
         `unknown`. `builtins.path` does the same and lets the result be named.",
    ),
    Builtin::new("__findFile", 2, find_file).doc(
        "search-path lookup-path",
        "Looks up `lookup-path` in a search path such as `builtins.nixPath`: what \
         `<lookup-path>` stands for.",
    ),
    Builtin::new("__getEnv", 1, get_env).doc(
        "s",
        "The value of an environment variable; an empty string if there is none, and in pure \
         evaluation.",
    ),
    Builtin::new("__path", 1, path_builtin).doc(
        "args",
        "Copies a file or tree to the store. `args` is a set of `path` and perhaps `name`, \
         `filter` (as for `filterSource`), `recursive` (false for a plain file that is hashed \
         by its content) and `sha256`.",
    ),
    Builtin::new("__pathExists", 1, path_exists)
        .doc("path", "Whether a file or directory exists. With a slash at its end, only a directory does."),
    Builtin::new("__readDir", 1, read_dir).doc(
        "path",
        "The content of a directory: a set with the type of every entry, `regular`, \
         `directory`, `symlink` or `unknown`.",
    ),
    Builtin::new("__readFile", 1, read_file).doc("path", "The content of a file, as a string."),
    Builtin::new("__readFileType", 1, read_file_type)
        .doc("p", "The type of a file: `regular`, `directory`, `symlink` or `unknown`."),
    Builtin::new("__storePath", 1, store_path).doc(
        "path",
        "A path of the store, as a string that depends on it. Nothing is copied, unlike with \
         other paths. Not in pure evaluation.",
    ),
    Builtin::new("__toFile", 2, to_file).doc(
        "name s",
        "Writes a string to a file in the store and returns its path. The string may depend \
         on other files, but not on derivations.",
    ),
    Builtin::new("__toPath", 1, to_path)
        .doc("s", "A string with an absolute path in canonical form. `/. + s` makes a path of it."),
];

type Arguments<'b, 'a> = &'b [&'a Slot<'a>];

fn base_name_of<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let text = e.coerce(e.force(args[0], at)?, at, Coercion::PLAIN)?;
    Ok(e.string_in_arena(path::base_name(text.bytes), text.context))
}

fn dir_of<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let value = e.force(args[0], at)?;
    if let Value::Path(path) = value {
        return Ok(e.path(path::parent(path.bytes)));
    }
    let text = e.coerce(value, at, Coercion::PLAIN)?;
    let directory: &'a [u8] = match memchr::memrchr(b'/', text.bytes) {
        None => b".",
        Some(0) => b"/",
        Some(slash) => &text.bytes[..slash],
    };
    Ok(e.string_in_arena(directory, text.context))
}

fn get_env<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let name = e.force_plain(args[0], at)?;
    let value =
        if e.settings.pure || e.settings.restricted { None } else { e.io().environment_variable(name) };
    Ok(e.string(&value.unwrap_or_default()))
}

/// A path argument once what it depends on exists, links in it followed (the last one if `last`).
fn real_path<'a>(e: &Evaluator<'a>, slot: &'a Slot<'a>, last: bool, at: Position) -> Result<Vec<u8>, Error> {
    let mut context = ContextUnion::default();
    let path = e.coerce_to_path(e.force(slot, at)?, at, &mut context)?;
    e.realise_context(&context, at)?;
    e.resolve_links(&path, last, at)
}

/// The bytes of a file argument, and its path.
pub(super) fn read<'a>(
    e: &Evaluator<'a>,
    slot: &'a Slot<'a>,
    at: Position,
) -> Result<(Vec<u8>, Vec<u8>), Error> {
    let path = real_path(e, slot, true, at)?;
    let bytes = e.io().read_file(os_path(&path)).or_else(|error| e.file_error(&path, at, error))?;
    Ok((path, bytes))
}

fn read_file<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let (path, bytes) = read(e, args[0], at)?;
    if bytes.contains(&0) {
        let shown = String::from_utf8_lossy(&path).into_owned();
        let message = format!(
            "the contents of the file '{shown}' cannot be represented as a Nix string: it holds a NUL byte"
        );
        return e.fail(ErrorKind::Value, at, message);
    }
    // What a store path refers to is known; what of it the file mentions becomes the string's context.
    let mut context = ContextUnion::default();
    if let Ok((store_path, _)) = e.io().store_dir().split(&path) {
        for reference in e.io().references(&store_path) {
            if memchr::memmem::find(&bytes, reference.hash_part().as_bytes()).is_some() {
                let element = ContextElement::Path(e.store_path_text(&reference));
                context.add(e.contexts.single(element));
            }
        }
    }
    Ok(e.string_with(&bytes, e.contexts.of(&context)))
}

fn read_dir<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let path = real_path(e, args[0], true, at)?;
    let entries = e.io().read_directory(os_path(&path)).or_else(|error| e.file_error(&path, at, error))?;
    let attrs = entries
        .into_iter()
        .map(|(name, kind)| Attr {
            name: e.symbols.intern(&name),
            position: Position::NONE,
            value: e.slot(e.string(kind.name().as_bytes())),
        })
        .collect();
    Ok(e.attrs(attrs))
}

fn read_file_type<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let path = real_path(e, args[0], false, at)?;
    match e.file_type(&path, at)? {
        Some(kind) => Ok(e.string(kind.name().as_bytes())),
        None => {
            let missing = IoError::NotFound { path: e.io().user_path(os_path(&path)) };
            e.file_error(&path, at, missing)
        }
    }
}

/// With a slash at the end, only a directory exists.
fn path_exists<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let value = e.force(args[0], at)?;
    let directory =
        matches!(value, Value::String(text) if text.bytes.ends_with(b"/") || text.bytes.ends_with(b"/."));
    let found = real_path(e, args[0], directory, at).and_then(|path| e.file_type(&path, at));
    match found {
        Ok(Some(kind)) => Ok(Value::Bool(!directory || kind == FileType::Directory)),
        Ok(None) => Ok(Value::Bool(false)),
        Err(error) if error.kind == ErrorKind::Restricted => Ok(Value::Bool(false)),
        Err(error) => Err(error),
    }
}

fn to_path<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let mut context = ContextUnion::default();
    let path = e.coerce_to_path(e.force(args[0], at)?, at, &mut context)?;
    Ok(e.string_with(&path::canonical(&path), e.contexts.of(&context)))
}

fn store_path<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    if e.settings.pure {
        return e.fail(
            ErrorKind::Restricted,
            at,
            "'builtins.storePath' is not allowed in pure evaluation mode",
        );
    }
    let mut context = ContextUnion::default();
    let path = e.coerce_to_path(e.force(args[0], at)?, at, &mut context)?;
    let mut path = path::canonical(&path);
    if e.io().store_dir().parse(&path).is_err() {
        path = e.resolve_links(&path, true, at)?;
    }
    let Ok((base, _)) = e.io().store_dir().split(&path) else {
        let shown = String::from_utf8_lossy(&path).into_owned();
        return e.fail(ErrorKind::Value, at, format!("path '{shown}' is not in the Nix store"));
    };
    let element = ContextElement::Path(e.store_path_text(&base));
    context.add(e.contexts.single(element));
    Ok(e.string_with(&path, e.contexts.of(&context)))
}

fn to_file<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let name = String::from_utf8_lossy(e.force_plain(args[0], at)?);
    let text = e.force_string(args[1], at)?;
    let mut references = Vec::new();
    for element in e.contexts.elements(text.context) {
        match element {
            ContextElement::Path(path) => references.push(e.parse_store_path(path.as_bytes(), at)?),
            ContextElement::DerivationDeep(path) | ContextElement::Output { derivation: path, .. } => {
                let message = format!(
                    "files created by builtins.toFile may not reference derivations, but '{name}' references {path}"
                );
                return e.fail(ErrorKind::Value, at, message);
            }
        }
    }
    references.sort();
    let added = e.io().add_text(&name, text.bytes, &references).or_else(|error| e.io_error(at, error))?;
    Ok(store_string(e, &added))
}

/// A store path as a string that depends on it.
pub(super) fn store_string<'a>(e: &Evaluator<'a>, path: &nix_store::StorePath) -> Value<'a> {
    let text = e.store_path_text(path);
    e.string_in_arena(text.as_bytes(), e.contexts.single(ContextElement::Path(text)))
}

fn path_builtin<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let attrs = e.force_attrs(args[0], at)?;
    let mut source = None;
    let mut name: &[u8] = b"";
    let mut filter = None;
    let mut method = AddMethod::Recursive;
    let mut expected = None;
    let mut context = ContextUnion::default();
    for attr in e.by_name(attrs) {
        let at = attr.position;
        match attr.name {
            known::PATH => source = Some(e.coerce_to_path(e.force(attr.value, at)?, at, &mut context)?),
            known::NAME => name = e.force_plain(attr.value, at)?,
            known::FILTER => filter = Some(e.force_function(attr.value, at)?),
            known::RECURSIVE if !e.force_bool(attr.value, at)? => method = AddMethod::Flat,
            known::RECURSIVE => {}
            known::SHA256 => {
                expected =
                    Some(parse_hash(e, e.force_plain(attr.value, at)?, Some(HashAlgorithm::Sha256), at)?)
            }
            other => {
                let other = String::from_utf8_lossy(e.symbols.name(other));
                return e.fail(
                    ErrorKind::Arguments,
                    at,
                    format!("unsupported argument '{other}' to 'builtins.path'"),
                );
            }
        }
    }
    let Some(source) = source else {
        let message = "missing required 'path' attribute in the first argument to 'builtins.path'";
        return e.fail(ErrorKind::Arguments, at, message);
    };
    let name = if name.is_empty() { path::base_name(&source).to_vec() } else { name.to_vec() };
    e.realise_context(&context, at)?;
    add(e, &name, &source, filter, method, expected, at)
}

fn filter_source<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let mut context = ContextUnion::default();
    let source = e.coerce_to_path(e.force(args[1], at)?, at, &mut context)?;
    e.realise_context(&context, at)?;
    let filter = e.force_function(args[0], at)?;
    add(e, path::base_name(&source), &source, Some(filter), AddMethod::Recursive, None, at)
}

/// Reads a hash; an empty one is the hash of zeros, and is warned about.
pub(super) fn parse_hash<'a>(
    e: &Evaluator<'a>,
    text: &[u8],
    algorithm: Option<HashAlgorithm>,
    at: Position,
) -> Result<Hash, Error> {
    let text = String::from_utf8_lossy(text);
    if text.is_empty() {
        let Some(algorithm) = algorithm else {
            return e.fail(ErrorKind::Value, at, "empty hash requires explicit hash algorithm");
        };
        let zero = Hash::zero(algorithm);
        (e.settings.report)(
            crate::settings::Report::Warning,
            &format!("found empty hash, assuming '{}'", zero.to_sri()),
        );
        return Ok(zero);
    }
    Hash::parse(&text, algorithm).or_else(|error| e.store_error(at, &error))
}

fn add<'a>(
    e: &Evaluator<'a>,
    name: &[u8],
    source: &[u8],
    filter: Option<Value<'a>>,
    method: AddMethod,
    expected: Option<Hash>,
    at: Position,
) -> Evaluated<'a> {
    let resolved = e.resolve_links(source, true, at)?;
    let name = String::from_utf8_lossy(name);
    let mut call = |path: &Path, kind: FileType| -> Result<bool, IoError> {
        let Some(function) = filter else { return Ok(true) };
        use std::os::unix::ffi::OsStrExt;
        let path = e.slot(e.string(path.as_os_str().as_bytes()));
        let kind = e.slot(e.string(kind.name().as_bytes()));
        e.call(function, &[path, kind], at).and_then(|answer| e.expect_bool(answer, at)).map_err(|error| {
            *e.filter_failure.borrow_mut() = Some(error);
            IoError::Filter
        })
    };
    let filter: Option<&mut crate::io::PathFilter<'_>> =
        if filter.is_some() { Some(&mut call) } else { None };
    let request = PathToAdd { name: &name, path: os_path(&resolved), method, expected, filter };
    let added = e.io().add_path(request).or_else(|error| e.io_error(at, error))?;
    Ok(store_string(e, &added))
}

/// Whether restricted evaluation may fetch from a URI.
pub(super) fn check_uri<'a>(e: &Evaluator<'a>, uri: &str, at: Position) -> Result<(), Error> {
    let settings = e.settings;
    if !settings.restricted || settings.allowed_uris.iter().any(|allowed| allows(allowed, uri)) {
        return Ok(());
    }
    if let Some(path) = uri.strip_prefix("file://").or(uri.starts_with('/').then_some(uri)) {
        return e.file_type(path.as_bytes(), at).map(|_| ());
    }
    e.fail(ErrorKind::Restricted, at, format!("access to URI '{uri}' is forbidden in restricted mode"))
}

/// Whether a prefix of allowed URIs is one of this, at the border of its parts. `https:` allows a whole scheme.
fn allows(prefix: &str, uri: &str) -> bool {
    match uri.strip_prefix(prefix) {
        _ if prefix.is_empty() => false,
        None => false,
        Some(rest) => {
            rest.is_empty() || rest.starts_with('/') || prefix.ends_with('/') || prefix.ends_with(':')
        }
    }
}

/// `<name>`: looks a file up in a search path.
fn find_file<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let entries = e.force_list(args[0], at)?;
    let mut candidates = Vec::with_capacity(entries.len());
    for entry in entries {
        let entry = e.force_attrs(entry, at)?;
        let prefix = match entry.get(known::PREFIX) {
            Some(attr) => e.force_plain(attr.value, at)?,
            None => b"",
        };
        let mut context = ContextUnion::default();
        let mut text = Vec::new();
        e.coerce_into(e.attribute(entry, known::PATH, at)?, at, Coercion::PLAIN, &mut text, &mut context)?;
        e.realise_context(&context, at)?;
        candidates.push((prefix, text));
    }
    let wanted = e.force_plain(args[1], at)?;
    for (prefix, root) in candidates {
        let suffix = match wanted.strip_prefix(prefix) {
            Some(rest) if prefix.is_empty() || rest.is_empty() => rest,
            Some(rest) => match rest.strip_prefix(b"/") {
                Some(rest) => rest,
                None => continue,
            },
            None => continue,
        };
        let Some(root) = search_root(e, &root, at)? else { continue };
        let candidate = if suffix.is_empty() { root } else { path::absolute(suffix, &root) };
        let resolved = e.resolve_links(&candidate, true, at)?;
        if e.file_type(&resolved, at)?.is_some() {
            return Ok(e.path(&candidate));
        }
    }
    if let Some(bundled) = wanted.strip_prefix(b"nix/") {
        let path = [super::BUNDLED_PREFIX, bundled].concat();
        if super::bundled_file(&path).is_some() {
            return Ok(e.path(&path));
        }
    }
    let wanted = String::from_utf8_lossy(wanted);
    let message = if e.settings.pure {
        format!("cannot look up '<{wanted}>' in pure evaluation mode (use '--impure' to override)")
    } else {
        format!("file '{wanted}' was not found in the Nix search path (add it using $NIX_PATH or -I)")
    };
    e.fail(ErrorKind::Throw, at, message)
}

/// The directory of a search path entry; `None` if there is none. Remembered, as an entry may have to be fetched.
fn search_root<'a>(e: &Evaluator<'a>, entry: &[u8], at: Position) -> Result<Option<Vec<u8>>, Error> {
    if let Some(known) = e.search_path.borrow().get(entry) {
        return Ok(known.clone());
    }
    let text = String::from_utf8_lossy(entry);
    let warn = |what: &str| {
        let message = format!("Nix search path entry '{text}' {what}, ignoring");
        (e.settings.report)(crate::settings::Report::Warning, &message);
    };
    let root = match remote_entry(&text) {
        Some((builtin, url)) => match super::fetch::fetch_url(e, builtin, &url, at) {
            Ok(fetched) => Some(e.store_path_text(&fetched).as_bytes().to_vec()),
            Err(error) if error.kind == ErrorKind::Interrupted => return Err(error),
            Err(error) => {
                warn(&format!("cannot be downloaded ({})", error.message));
                None
            }
        },
        None => {
            let path = if text.starts_with('/') {
                path::canonical(entry)
            } else {
                match std::env::current_dir() {
                    Ok(directory) => path::absolute(entry, &Evaluator::path_bytes(directory)),
                    Err(_) => path::canonical(entry),
                }
            };
            let resolved = e.resolve_links(&path, true, at)?;
            let found = e.file_type(&resolved, at)?;
            if found.is_none() {
                warn("does not exist");
            }
            found.map(|_| path)
        }
    };
    if e.is_shared() {
        e.search_path.borrow_mut().insert(entry.to_vec(), root.clone());
    }
    Ok(root)
}

/// The builtin that fetches an entry of the search path, and what it fetches; `None` for a path of this machine.
fn remote_entry(entry: &str) -> Option<(&'static str, String)> {
    if let Some(channel) = entry.strip_prefix("channel:") {
        return Some(("fetchTarball", format!("https://channels.nixos.org/{channel}/nixexprs.tar.xz")));
    }
    if let Some(reference) = entry.strip_prefix("flake:") {
        return Some(("fetchTree", reference.to_owned()));
    }
    entry.contains("://").then(|| ("fetchTarball", entry.to_owned()))
}
