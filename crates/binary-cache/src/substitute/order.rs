//! The order in which paths are begun: each after those that it refers to.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use nix_store::StorePath;

use crate::caches::Available;

/// Paths in their order, and those that need themselves through others. No store has such paths; a cache may claim that
/// it has.
pub(super) fn order(paths: &BTreeMap<StorePath, Available>) -> (Vec<&StorePath>, BTreeSet<&StorePath>) {
    let mut referrers: BTreeMap<&StorePath, Vec<&StorePath>> = BTreeMap::new();
    let mut open: BTreeMap<&StorePath, usize> = BTreeMap::new();
    for (path, available) in paths {
        let others = available.narinfo.info.references.iter().filter(|other| *other != path);
        let mut count = 0;
        for other in others.filter(|other| paths.contains_key(*other)) {
            referrers.entry(other).or_default().push(path);
            count += 1;
        }
        open.insert(path, count);
    }
    let mut next: VecDeque<&StorePath> =
        open.iter().filter(|(_, count)| **count == 0).map(|(path, _)| *path).collect();
    let mut ordered = Vec::with_capacity(paths.len());
    while let Some(path) = next.pop_front() {
        open.remove(path);
        ordered.push(path);
        for referrer in referrers.remove(path).unwrap_or_default() {
            if let Some(count) = open.get_mut(referrer) {
                *count -= 1;
                if *count == 0 {
                    next.push_back(referrer);
                }
            }
        }
    }
    (ordered, open.into_keys().collect())
}

#[cfg(test)]
mod tests {
    use nix_store::{Hash, NarInfo, ValidPathInfo};

    use super::*;

    fn path(name: &str) -> StorePath {
        StorePath::from_base_name(&format!("00000000000000000000000000000000-{name}")).unwrap()
    }

    fn paths(edges: &[(&str, &[&str])]) -> BTreeMap<StorePath, Available> {
        let available = |(name, references): &(&str, &[&str])| {
            let mut info = ValidPathInfo::new(path(name), Hash::sha256(b""), 1);
            info.references = references.iter().map(|name| path(name)).collect();
            let narinfo = NarInfo {
                info,
                url: "x".to_owned(),
                compression: "none".to_owned(),
                file_hash: None,
                file_size: None,
            };
            (path(name), Available { cache: 0, narinfo })
        };
        edges.iter().map(available).collect()
    }

    #[test]
    fn what_is_referred_to_comes_first() {
        let paths = paths(&[("a", &["a", "c", "elsewhere"]), ("b", &["a"]), ("c", &[])]);
        let (ordered, circles) = order(&paths);
        assert_eq!(ordered, [&path("c"), &path("a"), &path("b")]);
        assert!(circles.is_empty());
    }

    #[test]
    fn circles_are_found() {
        let paths = paths(&[("a", &["b"]), ("b", &["a"]), ("c", &["b"]), ("d", &[])]);
        let (ordered, circles) = order(&paths);
        assert_eq!(ordered, [&path("d")]);
        assert_eq!(circles.len(), 3);
    }
}
