//! What names of commits, branches, forges' hosts and registry entries may look like.

/// A commit: SHA-1 in hexadecimal.
pub(crate) fn is_revision(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A branch or tag as it may stand in the path of a reference.
pub(crate) fn is_reference_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '@')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_./@+-".contains(&byte))
}

/// A branch or tag that git itself refuses, by git-check-ref-format(1).
pub(crate) fn is_refused_by_git(name: &str) -> bool {
    let refused = |c: char| c.is_control() || c.is_whitespace() || ":?^~[\\*".contains(c);
    name.is_empty()
        || name == "@"
        || name.starts_with(['.', '/'])
        || name.ends_with(['.', '/'])
        || name.contains("//")
        || name.contains("/.")
        || name.contains("..")
        || name.contains("@{")
        || name.ends_with(".lock")
        || name.contains(".lock/")
        || name.contains(refused)
}

/// The host of a forge.
pub(crate) fn is_host(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte))
}

/// A name of the registry, an input's name, the name of a bundled tree.
pub(crate) fn is_identifier(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}
