//! Lexical work on absolute paths. Nothing here looks at a file system.

/// The canonical form of an absolute path: no empty part, no `.`, `..` taken lexically and never above the root.
pub fn canonical(path: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::with_capacity(path.len());
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                let parent = memchr::memrchr(b'/', &out).unwrap_or(0);
                out.truncate(parent);
            }
            _ => {
                out.push(b'/');
                out.extend_from_slice(part);
            }
        }
    }
    if out.is_empty() {
        out.push(b'/');
    }
    out
}

/// A path, seen from a directory if it is relative, in canonical form.
pub fn absolute(path: &[u8], directory: &[u8]) -> Vec<u8> {
    if path.first() == Some(&b'/') {
        return canonical(path);
    }
    let mut joined = Vec::with_capacity(directory.len() + path.len() + 1);
    joined.extend_from_slice(directory);
    joined.push(b'/');
    joined.extend_from_slice(path);
    canonical(&joined)
}

/// The part behind the last slash, slashes at the end not counted: `baseNameOf`.
pub fn base_name(path: &[u8]) -> &[u8] {
    let end = if path.last() == Some(&b'/') { path.len() - 1 } else { path.len() };
    let path = &path[..end];
    memchr::memrchr(b'/', path).map_or(path, |slash| &path[slash + 1..])
}

/// The directory of a canonical path; the root's is the root.
pub fn parent(path: &[u8]) -> &[u8] {
    match memchr::memrchr(b'/', path) {
        None | Some(0) => b"/",
        Some(slash) => &path[..slash],
    }
}

/// Whether a canonical path is another one or lies below it.
pub fn is_within(path: &[u8], ancestor: &[u8]) -> bool {
    ancestor == b"/" || (path.starts_with(ancestor) && matches!(path.get(ancestor.len()), None | Some(b'/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_canonical() {
        assert_eq!(canonical(b"/a/./b//c/../d/"), b"/a/b/d");
        assert_eq!(canonical(b"/../.."), b"/");
        assert_eq!(absolute(b"../x", b"/a/b"), b"/a/x");
        assert_eq!(absolute(b"/x", b"/a/b"), b"/x");
        assert_eq!(absolute(b"x", b"/"), b"/x");
    }

    #[test]
    fn names_and_parents() {
        assert_eq!(base_name(b"/a/b"), b"b");
        assert_eq!(base_name(b"a/"), b"a");
        assert_eq!(base_name(b"a"), b"a");
        assert_eq!(parent(b"/a/b"), b"/a");
        assert_eq!(parent(b"/a"), b"/");
        assert!(is_within(b"/a/b", b"/a") && is_within(b"/a", b"/a") && !is_within(b"/ab", b"/a"));
    }
}
