//! Relationships between packages: the values of `Depends`, `Conflicts`, `Provides` and their kin.
//!
//! Format: Debian Policy 7.1 and deb-control(5): groups parted by commas, alternatives parted by `|`, each
//! `NAME[:QUALIFIER] [(RELATION VERSION)] [[ARCHITECTURES]]`.

use std::{cmp::Ordering, fmt};

use crate::version;

/// How the version of a package must stand to the one named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Relation {
    /// `<<`
    Earlier,
    /// `<=`
    EarlierOrEqual,
    /// `=`
    Equal,
    /// `>=`
    LaterOrEqual,
    /// `>>`
    Later,
}

impl Relation {
    /// Whether `version` stands to `bound` as the relation says.
    pub fn holds(self, version: &str, bound: &str) -> bool {
        let order = version::compare(version, bound);
        match self {
            Relation::Earlier => order == Ordering::Less,
            Relation::EarlierOrEqual => order != Ordering::Greater,
            Relation::Equal => order == Ordering::Equal,
            Relation::LaterOrEqual => order != Ordering::Less,
            Relation::Later => order == Ordering::Greater,
        }
    }

    fn parse(text: &str) -> Option<(Relation, &str)> {
        // `<` and `>` are the old spellings of `<=` and `>=` (deb-control(5)); the two-character ones come first.
        const RELATIONS: [(&str, Relation); 7] = [
            ("<<", Relation::Earlier),
            ("<=", Relation::EarlierOrEqual),
            (">>", Relation::Later),
            (">=", Relation::LaterOrEqual),
            ("=", Relation::Equal),
            ("<", Relation::EarlierOrEqual),
            (">", Relation::LaterOrEqual),
        ];
        RELATIONS.iter().find_map(|(sign, relation)| text.strip_prefix(sign).map(|rest| (*relation, rest)))
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Relation::Earlier => "<<",
            Relation::EarlierOrEqual => "<=",
            Relation::Equal => "=",
            Relation::LaterOrEqual => ">=",
            Relation::Later => ">>",
        })
    }
}

/// One alternative of a group, borrowed from the text it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency<'a> {
    /// The package's name, real or virtual.
    pub name: &'a str,
    /// What stands behind the colon: `any`, `native` or an architecture.
    pub qualifier: Option<&'a str>,
    /// The version asked for.
    pub version: Option<(Relation, &'a str)>,
    /// The architectures that it is restricted to; empty means all of them.
    pub architectures: Vec<ArchitecturePattern<'a>>,
}

/// One word of an architecture restriction: `amd64`, `!i386`, `linux-any`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchitecturePattern<'a> {
    /// Written with a `!` before it.
    pub negated: bool,
    /// Architecture or wildcard.
    pub name: &'a str,
}

/// Alternatives: one of them is enough. Never empty when it comes from [`parse_groups`].
pub type Group<'a> = Vec<Dependency<'a>>;

/// A relationship that is not written as Policy says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed relationship `{text}`: {problem}")]
pub struct DependencyError {
    /// The alternative that could not be read.
    pub text: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl<'a> Dependency<'a> {
    /// Whether the restriction in brackets lets this dependency count on `architecture` (a Linux one: the only kernel that
    /// the archive still has).
    pub fn applies_to(&self, architecture: &str) -> bool {
        if self.architectures.is_empty() {
            return true;
        }
        let matches = |pattern: &ArchitecturePattern<'_>| {
            matches!(pattern.name, "any" | "linux-any")
                || pattern.name == architecture
                || pattern.name.strip_prefix("any-") == Some(architecture)
        };
        if self.architectures[0].negated {
            !self.architectures.iter().any(matches)
        } else {
            self.architectures.iter().any(matches)
        }
    }

    /// Whether a package of this version satisfies the version asked for.
    pub fn accepts_version(&self, version: &str) -> bool {
        self.version.is_none_or(|(relation, bound)| relation.holds(version, bound))
    }

    /// Whether a `Provides` entry with this version satisfies the version asked for: without a version in the entry, only a
    /// dependency without one is satisfied (Policy 7.5).
    pub fn accepts_provided(&self, provided: Option<&str>) -> bool {
        match (self.version, provided) {
            (None, _) => true,
            (Some((relation, bound)), Some(version)) => relation.holds(version, bound),
            (Some(_), None) => false,
        }
    }

    fn parse(text: &'a str) -> Result<Self, DependencyError> {
        let text = text.trim();
        let error = |problem| DependencyError { text: text.chars().take(200).collect(), problem };
        let end = text
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_')))
            .unwrap_or(text.len());
        let (name, mut rest) = text.split_at(end);
        if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return Err(error("it does not begin with a package name"));
        }
        let mut dependency = Dependency { name, qualifier: None, version: None, architectures: Vec::new() };
        if let Some(behind) = rest.strip_prefix(':') {
            let end = behind.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).unwrap_or(behind.len());
            if end == 0 {
                return Err(error("nothing behind the colon"));
            }
            dependency.qualifier = Some(&behind[..end]);
            rest = &behind[end..];
        }
        rest = rest.trim_start();
        if let Some(behind) = rest.strip_prefix('(') {
            let (inside, behind) = behind.split_once(')').ok_or_else(|| error("a bracket is not closed"))?;
            let (relation, version) =
                Relation::parse(inside.trim()).ok_or_else(|| error("no relation before the version"))?;
            let version = version.trim();
            if version.is_empty() || version.contains(char::is_whitespace) {
                return Err(error("the version is not one word"));
            }
            dependency.version = Some((relation, version));
            rest = behind.trim_start();
        }
        if let Some(behind) = rest.strip_prefix('[') {
            let (inside, behind) = behind.split_once(']').ok_or_else(|| error("a bracket is not closed"))?;
            for word in inside.split_whitespace() {
                let (negated, name) = word.strip_prefix('!').map_or((false, word), |name| (true, name));
                dependency.architectures.push(ArchitecturePattern { negated, name });
            }
            rest = behind.trim_start();
        }
        if !rest.is_empty() {
            return Err(error("something follows that does not belong there"));
        }
        Ok(dependency)
    }
}

impl fmt::Display for Dependency<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        if let Some(qualifier) = self.qualifier {
            write!(f, ":{qualifier}")?;
        }
        if let Some((relation, version)) = self.version {
            write!(f, " ({relation} {version})")?;
        }
        if !self.architectures.is_empty() {
            f.write_str(" [")?;
            for (position, pattern) in self.architectures.iter().enumerate() {
                let space = if position == 0 { "" } else { " " };
                let sign = if pattern.negated { "!" } else { "" };
                write!(f, "{space}{sign}{}", pattern.name)?;
            }
            f.write_str("]")?;
        }
        Ok(())
    }
}

/// Reads a whole field. Empty groups (a comma too many) are passed over, as dpkg does.
pub fn parse_groups(field: &str) -> Result<Vec<Group<'_>>, DependencyError> {
    field
        .split(',')
        .filter(|group| !group.trim().is_empty())
        .map(|group| group.split('|').map(Dependency::parse).collect())
        .collect()
}

/// Writes a group as it stands in a field.
pub fn display_group(group: &[Dependency<'_>]) -> String {
    let mut text = String::new();
    for (position, dependency) in group.iter().enumerate() {
        if position > 0 {
            text.push_str(" | ");
        }
        text.push_str(&dependency.to_string());
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_every_part() -> Result<(), DependencyError> {
        let groups = parse_groups(
            "libc6 (>= 2.38), default-mta | mail-transport-agent,\n python3:any (<<3.14), foo [!i386 !armel],",
        )?;
        assert_eq!(groups.len(), 4);
        assert_eq!(groups[0][0].version, Some((Relation::LaterOrEqual, "2.38")));
        assert_eq!(
            groups[1].iter().map(|d| d.name).collect::<Vec<_>>(),
            ["default-mta", "mail-transport-agent"]
        );
        assert_eq!(groups[2][0].qualifier, Some("any"));
        assert_eq!(groups[2][0].version, Some((Relation::Earlier, "3.14")));
        assert!(groups[3][0].applies_to("amd64"));
        assert!(!groups[3][0].applies_to("armel"));
        Ok(())
    }

    #[test]
    fn malformed_groups_are_errors() {
        for text in
            ["a |", "| a", "a (1)", "a (>= )", "a (>= 1", "a b", "(>= 1)", "a:", "a [amd64", "a (>= 1 2)"]
        {
            assert!(parse_groups(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "[a-c:()\\[\\]<>=|,! \\PC]{0,40}") {
            let _ = parse_groups(&text);
        }

        #[test]
        fn what_is_written_is_read_back(
            name in "[a-z0-9][a-z0-9+.-]{1,8}",
            qualifier in prop::option::of("any|native|arm64"),
            version in prop::option::of((0..5usize, "[0-9]\\.[0-9a-z~+]{1,5}")),
        ) {
            let relations = [
                Relation::Earlier, Relation::EarlierOrEqual, Relation::Equal, Relation::LaterOrEqual, Relation::Later,
            ];
            let written = Dependency {
                name: &name,
                qualifier: qualifier.as_deref(),
                version: version.as_ref().map(|(relation, version)| (relations[*relation], version.as_str())),
                architectures: vec![ArchitecturePattern { negated: true, name: "i386" }],
            };
            let text = written.to_string();
            let groups = parse_groups(&text)?;
            prop_assert_eq!(&groups[0][0], &written);
        }
    }
}
