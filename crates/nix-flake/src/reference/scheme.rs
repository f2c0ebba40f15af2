//! Which attributes the references of each kind may have.

use super::Source;
use crate::attributes::{Attribute, Attributes};

/// The type of an attribute.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    Boolean,
    Integer,
    Text,
}

const GIT: &[(&str, Type)] = &[
    ("allRefs", Type::Boolean),
    ("dirtyRev", Type::Text),
    ("dirtyShortRev", Type::Text),
    ("exportIgnore", Type::Boolean),
    ("keytype", Type::Text),
    ("lastModified", Type::Integer),
    ("name", Type::Text),
    ("narHash", Type::Text),
    ("publicKey", Type::Text),
    ("publicKeys", Type::Text),
    ("revCount", Type::Integer),
    ("shallow", Type::Boolean),
    ("submodules", Type::Boolean),
    ("verifyCommit", Type::Boolean),
];
const MERCURIAL: &[(&str, Type)] =
    &[("name", Type::Text), ("narHash", Type::Text), ("revCount", Type::Integer)];
const FORGE: &[(&str, Type)] = &[
    ("host", Type::Text),
    ("lastModified", Type::Integer),
    ("narHash", Type::Text),
    ("treeHash", Type::Text),
];
const CURL: &[(&str, Type)] = &[
    ("lastModified", Type::Integer),
    ("name", Type::Text),
    ("narHash", Type::Text),
    ("revCount", Type::Integer),
    ("unpack", Type::Boolean),
];
const PATH: &[(&str, Type)] =
    &[("lastModified", Type::Integer), ("narHash", Type::Text), ("revCount", Type::Integer)];
const INDIRECT: &[(&str, Type)] = &[("narHash", Type::Text)];

/// Switches of `git` references, which are parameters of the URL form too.
pub(super) const GIT_SWITCHES: [&str; 5] =
    ["allRefs", "exportIgnore", "shallow", "submodules", "verifyCommit"];

/// Parameters of the URL form of `git` references that are texts.
pub(super) const GIT_TEXTS: [&str; 3] = ["keytype", "publicKey", "publicKeys"];

/// Parameters that are taken out of the URLs of archives and files: what Nix understands is not sent to the server.
pub(super) const CURL_PARAMETERS: [&str; 8] =
    ["lastModified", "name", "narHash", "rev", "revCount", "type", "unpack", "url"];

/// Checks the attributes beside the source, `ref` and `rev`: what is wrong with the first wrong one.
pub(super) fn check(source: &Source, other: &Attributes, branch: bool, revision: bool) -> Result<(), String> {
    let (allowed, has_branch, has_revision) = match source {
        Source::Git { .. } => (GIT, true, true),
        Source::Mercurial { .. } => (MERCURIAL, true, true),
        Source::Forge { .. } => (FORGE, true, true),
        Source::Tarball { .. } | Source::File { .. } => (CURL, false, true),
        Source::Path { .. } => (PATH, false, true),
        Source::Indirect { .. } => (INDIRECT, true, true),
        Source::Bundled { .. } => (&[("narHash", Type::Text)] as &[_], false, false),
    };
    let unsupported = |name: &str| Err(format!("'{name}' is no attribute of type '{}'", source.kind()));
    if branch && !has_branch {
        return unsupported("ref");
    }
    if revision && !has_revision {
        return unsupported("rev");
    }
    for (name, value) in &other.0 {
        let Some((_, wanted)) = allowed.iter().find(|(known, _)| known == name) else {
            return unsupported(name);
        };
        let (found, description) = match value {
            Attribute::Boolean(_) => (Type::Boolean, "a Boolean"),
            Attribute::Integer(_) => (Type::Integer, "a number"),
            Attribute::Text(_) => (Type::Text, "a string"),
        };
        if found != *wanted {
            let expected = match wanted {
                Type::Boolean => "a Boolean",
                Type::Integer => "a number",
                Type::Text => "a string",
            };
            return Err(format!("its attribute '{name}' must be {expected}, not {description}"));
        }
    }
    Ok(())
}
