//! Names that were probably meant.

use crate::index::Index;

/// Up to three names of the index that are close to `name`, closest first.
pub(crate) fn names(index: &Index, name: &str) -> Vec<String> {
    // A third of the letters wrong is more than a slip; below three letters everything is close to everything.
    let limit = (name.len() / 3).clamp(1, 3);
    let mut close: Vec<(usize, &str)> = Vec::new();
    for package in index.packages() {
        let candidate = package.name();
        if candidate.len().abs_diff(name.len()) > limit
            || close.last().is_some_and(|(_, last)| *last == candidate)
        {
            continue;
        }
        let distance = strsim::osa_distance(name, candidate);
        if distance <= limit {
            close.push((distance, candidate));
        }
    }
    close.sort_unstable();
    close.into_iter().take(3).map(|(_, name)| name.to_owned()).collect()
}
