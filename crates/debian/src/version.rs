//! Package versions and their order.
//!
//! Format and order: Debian Policy 5.6.12 and deb-version(7). A version is `[EPOCH:]UPSTREAM[-REVISION]`; two versions are
//! compared part by part, each part as alternating runs of non-digits and digits, where `~` sorts before everything, even
//! before the end.

use std::{cmp::Ordering, fmt, str::FromStr};

/// A version of a package that is known to be well formed.
///
/// Versions that differ in writing may be equal (`1.0` and `1.0-0`): equality and order are Policy's, not the text's.
#[derive(Clone, Debug)]
pub struct Version(String);

/// What is wrong with the text of a version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// Nothing there.
    #[error("a version must not be empty")]
    Empty,
    /// What stands before the first colon is not a number below 2³¹.
    #[error("the epoch of version `{0}` is not a number from 0 to 2147483647")]
    Epoch(String),
    /// Nothing between the epoch and the revision.
    #[error("version `{0}` has no upstream part")]
    Upstream(String),
    /// A hyphen with nothing behind it.
    #[error("version `{0}` ends in a hyphen")]
    Revision(String),
    /// A character that no version may have.
    #[error("version `{version}` contains {character:?}, which no version may")]
    Character {
        /// The text that was read.
        version: String,
        /// The first character that is not allowed.
        character: char,
    },
}

impl Version {
    /// The version as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Version {
    type Err = VersionError;

    /// Reads a version, with the checks that dpkg makes.
    fn from_str(text: &str) -> Result<Self, VersionError> {
        if text.is_empty() {
            return Err(VersionError::Empty);
        }
        let rest = match text.split_once(':') {
            None => text,
            Some((epoch, rest)) => {
                let digits = !epoch.is_empty() && epoch.bytes().all(|byte| byte.is_ascii_digit());
                if !digits || epoch.parse::<i32>().is_err() {
                    return Err(VersionError::Epoch(text.to_owned()));
                }
                rest
            }
        };
        let (upstream, revision) = match rest.rsplit_once('-') {
            None => (rest, None),
            Some((upstream, revision)) => (upstream, Some(revision)),
        };
        if upstream.is_empty() {
            return Err(VersionError::Upstream(text.to_owned()));
        }
        let refuse = |character| VersionError::Character { version: text.to_owned(), character };
        if let Some(character) = upstream
            .chars()
            .find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-' | '~' | ':')))
        {
            return Err(refuse(character));
        }
        match revision {
            Some("") => return Err(VersionError::Revision(text.to_owned())),
            Some(revision) => {
                if let Some(character) =
                    revision.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '~')))
                {
                    return Err(refuse(character));
                }
            }
            None => {}
        }
        Ok(Version(text.to_owned()))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(&self.0, &other.0)
    }
}

/// Compares two versions as Policy 5.6.12 says. Total: text that is no version has a place in the order too, so an index
/// can be sorted before its versions are looked at.
pub fn compare(left: &str, right: &str) -> Ordering {
    if left == right {
        return Ordering::Equal;
    }
    let (left_epoch, left_upstream, left_revision) = parts(left.as_bytes());
    let (right_epoch, right_upstream, right_revision) = parts(right.as_bytes());
    compare_digits(left_epoch, right_epoch)
        .then_with(|| compare_part(left_upstream, right_upstream))
        .then_with(|| compare_part(left_revision, right_revision))
}

/// Epoch, upstream part and revision; a part that is not there is empty, which compares like 0.
fn parts(version: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let (epoch, rest) = match memchr::memchr(b':', version) {
        Some(colon) => (&version[..colon], &version[colon + 1..]),
        None => (&version[..0], version),
    };
    match memchr::memrchr(b'-', rest) {
        Some(hyphen) => (epoch, &rest[..hyphen], &rest[hyphen + 1..]),
        None => (epoch, rest, &rest[rest.len()..]),
    }
}

fn compare_part(mut left: &[u8], mut right: &[u8]) -> Ordering {
    while !left.is_empty() || !right.is_empty() {
        let (left_text, left_rest) = split_run(left, |byte| !byte.is_ascii_digit());
        let (right_text, right_rest) = split_run(right, |byte| !byte.is_ascii_digit());
        let (left_digits, left_next) = split_run(left_rest, |byte| byte.is_ascii_digit());
        let (right_digits, right_next) = split_run(right_rest, |byte| byte.is_ascii_digit());
        let order =
            compare_text(left_text, right_text).then_with(|| compare_digits(left_digits, right_digits));
        if order.is_ne() {
            return order;
        }
        (left, right) = (left_next, right_next);
    }
    Ordering::Equal
}

fn split_run(bytes: &[u8], belongs: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|&byte| !belongs(byte)).unwrap_or(bytes.len());
    bytes.split_at(end)
}

/// Runs without digits: `~`, then the end, then letters, then everything else by its code.
fn compare_text(left: &[u8], right: &[u8]) -> Ordering {
    let weight = |byte: Option<&u8>| match byte {
        Some(b'~') => -1,
        None => 0,
        Some(byte) if byte.is_ascii_alphabetic() => i32::from(*byte),
        Some(byte) => i32::from(*byte) + 256,
    };
    for position in 0..left.len().max(right.len()) {
        let order = weight(left.get(position)).cmp(&weight(right.get(position)));
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

/// Runs of digits by their value, of any length: no number type could hold what a version may contain.
fn compare_digits(left: &[u8], right: &[u8]) -> Ordering {
    let strip = |digits: &[u8]| digits.iter().position(|&digit| digit != b'0').unwrap_or(digits.len());
    let (left, right) = (&left[strip(left)..], &right[strip(right)..]);
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn policy_examples() {
        for (smaller, larger) in [
            ("~~", "~~a"),
            ("~~a", "~"),
            ("~", ""),
            ("", "a"),
            ("1.0~rc1", "1.0"),
            ("1.0", "1.0-1"),
            ("9", "1:0"),
            ("1.2.3", "1.2.10"),
            ("2.36-9+deb12u4", "2.36-9+deb12u10"),
            ("1.0a", "1.0+"),
            ("1.0-1~bpo12+1", "1.0-1"),
            ("99999999999999999999998", "99999999999999999999999"),
        ] {
            assert_eq!(compare(smaller, larger), Ordering::Less, "{smaller} < {larger}");
            assert_eq!(compare(larger, smaller), Ordering::Greater, "{larger} > {smaller}");
        }
        for (left, right) in [("1.0", "1.0-0"), ("0:1", "1"), ("1.00", "1.0"), ("1.0.", "1.0.0")] {
            assert_eq!(compare(left, right), Ordering::Equal, "{left} = {right}");
        }
    }

    #[test]
    fn malformed_versions_are_named() {
        assert_eq!("".parse::<Version>(), Err(VersionError::Empty));
        assert_eq!("x:1".parse::<Version>(), Err(VersionError::Epoch("x:1".into())));
        assert_eq!("2147483648:1".parse::<Version>(), Err(VersionError::Epoch("2147483648:1".into())));
        assert_eq!("-1".parse::<Version>(), Err(VersionError::Upstream("-1".into())));
        assert_eq!("1-".parse::<Version>(), Err(VersionError::Revision("1-".into())));
        assert_eq!(
            "1/2".parse::<Version>(),
            Err(VersionError::Character { version: "1/2".into(), character: '/' })
        );
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,40}", other in ".{0,40}") {
            let _ = text.parse::<Version>();
            prop_assert_eq!(compare(&text, &other), compare(&other, &text).reverse());
        }

        #[test]
        fn order_is_transitive(mut versions in prop::collection::vec("([0-2]:)?[0-2][a+.~0-2]{0,4}(-[0-1~a]{1,2})?", 3)) {
            versions.sort_by(|a, b| compare(a, b));
            prop_assert_ne!(compare(&versions[0], &versions[1]), Ordering::Greater);
            prop_assert_ne!(compare(&versions[1], &versions[2]), Ordering::Greater);
            prop_assert_ne!(compare(&versions[0], &versions[2]), Ordering::Greater);
        }
    }
}
