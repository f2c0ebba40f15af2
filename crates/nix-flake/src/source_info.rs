//! `sourceInfo`: what the language sees of a fetched tree beside its path.

use std::collections::BTreeMap;

use jiff::Timestamp;
use nix_expr::FetchAttribute;

use crate::reference::{FlakeReference, Source};

/// The attributes of a fetched tree, as `fetchTree` gives them. `complete` is for `fetchGit`, which has a commit also where
/// there is none.
pub(crate) fn source_info(reference: &FlakeReference, complete: bool) -> BTreeMap<String, FetchAttribute> {
    let mut attributes = BTreeMap::new();
    let mut set = |name: &str, value: FetchAttribute| attributes.insert(name.to_owned(), value);
    let text = |text: &str| FetchAttribute::String(text.to_owned());
    let number = |number: u64| FetchAttribute::Int(i64::try_from(number).unwrap_or(i64::MAX));
    if let Some(hash) = reference.nar_hash() {
        set("narHash", text(hash));
    }
    if matches!(reference.source, Source::Git { .. }) {
        set("submodules", FetchAttribute::Bool(reference.switch("submodules")));
    }
    let no_commit = "0".repeat(40);
    if let Some(revision) = reference.revision.as_ref().or(complete.then_some(&no_commit)) {
        set("rev", text(revision));
        set("shortRev", text(revision.get(..7).unwrap_or(revision)));
    }
    if let Some(count) = reference.other.integer("revCount").or(complete.then_some(0)) {
        set("revCount", number(count));
    }
    for name in ["dirtyRev", "dirtyShortRev"] {
        if let Some(value) = reference.other.text(name) {
            set(name, text(value));
        }
    }
    if let Some(seconds) = reference.last_modified() {
        set("lastModified", number(seconds));
        set("lastModifiedDate", text(&compact_date(seconds)));
    }
    attributes
}

/// `YYYYMMDDhhmmss` in UTC, as `lastModifiedDate` has it. Times beyond the calendar become the epoch.
pub(crate) fn compact_date(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    time.unwrap_or_default().strftime("%Y%m%d%H%M%S").to_string()
}

/// `2025-01-31 12:00:00`, in UTC. Times beyond the calendar become the epoch.
pub fn date_and_time(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    time.unwrap_or_default().strftime("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_as_nix_has_them() {
        // `nix eval` of a flake whose newest file is of this second prints this date.
        assert_eq!(compact_date(1_795_271_902), "20261121143822");
        assert_eq!(compact_date(u64::MAX), "19700101000000");
    }
}
