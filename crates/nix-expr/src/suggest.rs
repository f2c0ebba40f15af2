//! "Did you mean": names that look like another.

/// How many suggestions are worth showing.
const MOST: usize = 3;

/// The distance of two names in edits (insert, delete, replace, swap of neighbours), if at most `limit`.
fn distance(a: &[u8], b: &[u8], limit: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) > limit {
        return None;
    }
    let width = b.len() + 1;
    let mut rows = vec![0; 3 * width];
    let at = |row: usize, column: usize| (row % 3) * width + column;
    for column in 0..width {
        rows[at(0, column)] = column;
    }
    for i in 1..=a.len() {
        rows[at(i, 0)] = i;
        for j in 1..width {
            let replace = rows[at(i - 1, j - 1)] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = replace.min(rows[at(i - 1, j)] + 1).min(rows[at(i, j - 1)] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[at(i - 2, j - 2)] + 1);
            }
            rows[at(i, j)] = least;
        }
    }
    let found = rows[at(a.len(), b.len())];
    (found <= limit).then_some(found)
}

/// The names closest to `wanted`, best first; at most three, and none that differs in more than a third of its bytes.
pub fn closest<'n>(wanted: &[u8], names: impl Iterator<Item = &'n [u8]>) -> Vec<String> {
    let limit = (wanted.len() / 3).clamp(1, 3);
    let mut found: Vec<(usize, &[u8])> = names
        .filter(|name| !name.is_empty() && *name != wanted)
        .filter_map(|name| distance(wanted, name, limit).map(|distance| (distance, name)))
        .collect();
    found.sort_unstable();
    found.dedup();
    found.into_iter().take(MOST).map(|(_, name)| String::from_utf8_lossy(name).into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_names_are_found() {
        let names: [&[u8]; 4] = [b"hostName", b"networking", b"hello", b"x"];
        assert_eq!(closest(b"hostname", names.into_iter()), ["hostName"]);
        assert_eq!(closest(b"netwroking", names.into_iter()), ["networking"]);
        assert!(closest(b"entirely", names.into_iter()).is_empty());
    }
}
