//! Versions and names of packages.

use std::cmp::Ordering;

use super::Builtin;
use crate::eval::{Evaluated, Evaluator};
use crate::position::Position;
use crate::symbol::known;
use crate::value::{Slot, Value};

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new("__compareVersions", 2, compare_versions).doc(
        "s1 s2",
        "Compares two versions: -1 if `s1` is the older one, 0 if they are the same, 1 if \
         `s1` is the newer one. Versions are compared component by component, as \
         `splitVersion` has them; `pre` is older than nothing at all.",
    ),
    Builtin::new("__parseDrvName", 1, parse_drv_name).doc(
        "s",
        "Splits a package's name at the first dash that no letter follows: a set of `name` \
         and `version`.",
    ),
    Builtin::new("__splitVersion", 1, split_version).doc(
        "s",
        "The components of a version: runs of digits, and runs of other characters, divided \
         by dots and dashes or by the change from one to the other.",
    ),
];

/// The components of a version: runs of digits and runs of other bytes, `.` and `-` between them left out.
fn components(version: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = version;
    std::iter::from_fn(move || {
        let start = rest.iter().position(|byte| !matches!(byte, b'.' | b'-'))?;
        rest = &rest[start..];
        let is_digit = rest[0].is_ascii_digit();
        let end = rest
            .iter()
            .position(|byte| matches!(byte, b'.' | b'-') || byte.is_ascii_digit() != is_digit)
            .unwrap_or(rest.len());
        let (component, behind) = rest.split_at(end);
        rest = behind;
        Some(component)
    })
}

fn number(component: &[u8]) -> Option<u64> {
    std::str::from_utf8(component).ok()?.parse().ok()
}

/// `pre` is before everything, even nothing; words are before numbers.
fn is_before(a: &[u8], b: &[u8]) -> bool {
    match (number(a), number(b)) {
        (Some(a), Some(b)) => a < b,
        (None, Some(_)) if a.is_empty() => true,
        _ if a == b"pre" && b != b"pre" => true,
        _ if b == b"pre" => false,
        (None, Some(_)) => true,
        (Some(_), None) => false,
        (None, None) => a < b,
    }
}

/// The order of two versions, as Nix has it.
pub(crate) fn compare(a: &[u8], b: &[u8]) -> Ordering {
    let (mut a, mut b) = (components(a), components(b));
    loop {
        let (x, y) = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (x, y) => (x.unwrap_or_default(), y.unwrap_or_default()),
        };
        if is_before(x, y) {
            return Ordering::Less;
        }
        if is_before(y, x) {
            return Ordering::Greater;
        }
    }
}

fn compare_versions<'a>(e: &Evaluator<'a>, args: &[&'a Slot<'a>], at: Position) -> Evaluated<'a> {
    let (a, b) = (e.force_plain(args[0], at)?, e.force_plain(args[1], at)?);
    Ok(Value::Int(compare(a, b) as i64))
}

fn split_version<'a>(e: &Evaluator<'a>, args: &[&'a Slot<'a>], at: Position) -> Evaluated<'a> {
    let version = e.force_plain(args[0], at)?;
    let parts: Vec<_> = components(version).map(|part| e.slot(e.string(part))).collect();
    Ok(e.list(&parts))
}

/// The version starts behind the first dash that no letter follows.
fn parse_drv_name<'a>(e: &Evaluator<'a>, args: &[&'a Slot<'a>], at: Position) -> Evaluated<'a> {
    let text = e.force_plain(args[0], at)?;
    let dash = text.windows(2).position(|pair| pair[0] == b'-' && !pair[1].is_ascii_alphabetic());
    let (name, version) = match dash {
        Some(dash) => (&text[..dash], &text[dash + 1..]),
        None => (text, &b""[..]),
    };
    Ok(e.attrs_of(&[(known::NAME, e.string(name)), (known::VERSION, e.string(version))]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_have_an_order() {
        for (a, b, order) in [
            ("1.0", "2.3", Ordering::Less),
            ("2.1", "2.3", Ordering::Less),
            ("2.3", "2.3", Ordering::Equal),
            ("2.5", "2.3", Ordering::Greater),
            ("3.1", "2.3", Ordering::Greater),
            ("2.3.1", "2.3", Ordering::Greater),
            ("2.3.1", "2.3a", Ordering::Greater),
            ("2.3pre1", "2.3", Ordering::Less),
            ("2.3pre3", "2.3pre12", Ordering::Less),
            ("2.3a", "2.3c", Ordering::Less),
            ("2.3pre1", "2.3c", Ordering::Less),
            ("2.3pre1", "2.3q", Ordering::Less),
        ] {
            assert_eq!(compare(a.as_bytes(), b.as_bytes()), order, "{a} {b}");
        }
    }
}
