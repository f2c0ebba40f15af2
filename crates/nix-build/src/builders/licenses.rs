//! Which licenses a package says it has: Debian's machine-readable copyright files (copyright-format 1.0, "DEP-5",
//! https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/) as expressions of SPDX (2.3, annex D). A license that
//! has no identifier there gets one of the document's own, with its text (SPDX 2.3, 10.1).

use std::collections::{BTreeMap, BTreeSet};

use debian::control::{Paragraph, Paragraphs};
use nix_store::Hash;

/// How the first paragraph's format begins to end, over http and https.
const FORMAT: &str = "://www.debian.org/doc/packaging-manuals/copyright-format/1.0";

/// Short names that SPDX has, too, in small letters, with their identifiers there. The families of GNU are in [`gnu`].
const IDENTIFIERS: &[(&str, &str)] = &[
    ("0bsd", "0BSD"),
    ("apache-2", "Apache-2.0"),
    ("apache-2.0", "Apache-2.0"),
    ("artistic", "Artistic-1.0-Perl"),
    ("artistic-1", "Artistic-1.0-Perl"),
    ("artistic-2", "Artistic-2.0"),
    ("artistic-2.0", "Artistic-2.0"),
    ("bsd-1-clause", "BSD-1-Clause"),
    ("bsd-2-clause", "BSD-2-Clause"),
    ("bsd-3-clause", "BSD-3-Clause"),
    ("bsd-4-clause", "BSD-4-Clause"),
    ("bsl-1.0", "BSL-1.0"),
    ("cc-by-3.0", "CC-BY-3.0"),
    ("cc-by-4.0", "CC-BY-4.0"),
    ("cc-by-sa-3.0", "CC-BY-SA-3.0"),
    ("cc-by-sa-4.0", "CC-BY-SA-4.0"),
    ("cc0", "CC0-1.0"),
    ("cc0-1.0", "CC0-1.0"),
    ("cddl-1.0", "CDDL-1.0"),
    ("cpl-1.0", "CPL-1.0"),
    ("curl", "curl"),
    ("expat", "MIT"),
    ("fsfap", "FSFAP"),
    ("fsful", "FSFUL"),
    ("fsfullr", "FSFULLR"),
    ("ftl", "FTL"),
    ("icu", "ICU"),
    ("ijg", "IJG"),
    ("isc", "ISC"),
    ("libpng", "Libpng"),
    ("lppl-1.3c", "LPPL-1.3c"),
    ("mit", "MIT"),
    ("mpl-1.1", "MPL-1.1"),
    ("mpl-2.0", "MPL-2.0"),
    ("ntp", "NTP"),
    ("ofl-1.1", "OFL-1.1"),
    ("openssl", "OpenSSL"),
    ("psf-2", "PSF-2.0"),
    ("unlicense", "Unlicense"),
    ("vim", "Vim"),
    ("w3c", "W3C"),
    ("wtfpl", "WTFPL"),
    ("x11", "X11"),
    ("zlib", "Zlib"),
    ("zope-2.1", "ZPL-2.1"),
];

/// Versions that SPDX knows of each family of GNU.
const GNU: &[(&str, &[&str])] = &[
    ("AGPL", &["3.0"]),
    ("GFDL", &["1.1", "1.2", "1.3"]),
    ("GPL", &["1.0", "2.0", "3.0"]),
    ("LGPL", &["2.0", "2.1", "3.0"]),
];

/// What a package declares.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Declared {
    /// The licenses of all its files, joined.
    pub expression: String,
    /// Licenses without an identifier of SPDX's, by the one that they get.
    pub others: BTreeMap<String, OtherLicense>,
}

/// A license that SPDX does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OtherLicense {
    /// What the package calls it.
    pub name: String,
    /// Its text as the package has it.
    pub text: String,
}

/// Reads a package's copyright file; `None` if it is written for people alone, or says nothing of licenses.
pub(super) fn declared(copyright: &str) -> Option<Declared> {
    let mut paragraphs = Vec::new();
    let mut reader = Paragraphs::new(copyright);
    let mut paragraph = Paragraph::default();
    while reader.read_into(&mut paragraph).ok()? {
        let field = |name| paragraph.get(name);
        if paragraphs.is_empty()
            && !field("Format").or_else(|| field("Format-Specification"))?.contains(FORMAT)
        {
            return None;
        }
        let license = field("License").map(|license| license.split_once('\n').unwrap_or((license, "")));
        paragraphs.push((field("Files").is_some(), license));
    }
    let with_license = || paragraphs.iter().filter_map(|(files, license)| Some((*files, (*license)?)));
    let texts: BTreeMap<&str, &str> = with_license()
        .filter(|(_, (_, text))| !text.trim().is_empty())
        .map(|(_, (name, text))| (name.trim(), text))
        .collect();
    let mut others = BTreeMap::new();
    let expressions: BTreeSet<String> = with_license()
        .filter(|(files, (name, _))| *files && !name.trim().is_empty())
        .map(|(_, (name, _))| expression(name.trim(), &texts, &mut others))
        .collect();
    let alone = expressions.len() == 1;
    let expressions = expressions.into_iter().map(|expression| match !alone && expression.contains(" OR ") {
        true => format!("({expression})"),
        false => expression,
    });
    let expression = expressions.collect::<Vec<_>>().join(" AND ");
    (!expression.is_empty()).then_some(Declared { expression, others })
}

/// A line such as `GPL-2+ or Artistic, and Expat`: "and" binds before "or", but a comma binds last (7.2, "Syntax").
fn expression(
    line: &str,
    texts: &BTreeMap<&str, &str>,
    others: &mut BTreeMap<String, OtherLicense>,
) -> String {
    let mut joined: Option<String> = None;
    for part in line.split(',').map(str::trim) {
        let (operator, part) = match (&joined, part.split_once(' ')) {
            (None, _) => ("", part),
            (Some(_), Some(("and" | "AND", rest))) => (" AND ", rest),
            (Some(_), Some(("or" | "OR", rest))) => (" OR ", rest),
            // No list that the format knows: the whole line is a name.
            _ => return term(line, texts, others),
        };
        let mut choices = Vec::new();
        for choice in split(part, "or") {
            let all = split(choice, "and").into_iter().map(|name| term(name, texts, others));
            choices.push(all.collect::<Vec<_>>().join(" AND "));
        }
        let (choice, several) = (choices.join(" OR "), choices.len() > 1);
        joined = Some(match joined {
            None => choice,
            Some(before) => {
                let before = if before.contains(' ') { format!("({before})") } else { before };
                let choice = if several { format!("({choice})") } else { choice };
                format!("{before}{operator}{choice}")
            }
        });
    }
    joined.unwrap_or_default()
}

/// The parts of a line between a word.
fn split<'a>(line: &'a str, word: &str) -> Vec<&'a str> {
    let mut parts = Vec::new();
    let (mut start, mut position) = (0, 0);
    for piece in line.split_inclusive(char::is_whitespace) {
        if piece.trim_end().eq_ignore_ascii_case(word)
            && position > start
            && position + piece.len() < line.len()
        {
            parts.push(line[start..position].trim());
            start = position + piece.len();
        }
        position += piece.len();
    }
    parts.push(line[start..].trim());
    parts
}

/// One license by its short name.
fn term(name: &str, texts: &BTreeMap<&str, &str>, others: &mut BTreeMap<String, OtherLicense>) -> String {
    let small = name.to_ascii_lowercase();
    let known =
        IDENTIFIERS.iter().find(|(short, _)| *short == small).map(|(_, identifier)| (*identifier).to_owned());
    if let Some(identifier) = known.or_else(|| gnu(&small)) {
        return identifier;
    }
    let text = texts.get(name).map_or_else(
        || format!("{name} (see the package's copyright file)"),
        |text| {
            let lines = text.lines().map(|line| if line.trim() == "." { "" } else { line.trim() });
            lines.collect::<Vec<_>>().join("\n").trim().to_owned()
        },
    );
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
    let shown: String = name.chars().map(plain).take(40).collect();
    let hash = Hash::sha256(text.as_bytes()).to_base16();
    let identifier = format!("LicenseRef-{}-{}", shown.trim_matches('-'), &hash[..8]);
    others.insert(identifier.clone(), OtherLicense { name: name.to_owned(), text });
    identifier
}

/// `gpl-2+`, `lgpl-2.1`, `gfdl-niv-1.3+` …; without a version any will do.
fn gnu(name: &str) -> Option<String> {
    let (family, rest) = name.split_once('-').unwrap_or((name, ""));
    let (family, versions) = GNU.iter().find(|(known, _)| known.eq_ignore_ascii_case(family))?;
    let (invariants, rest) = match rest.strip_prefix("niv-") {
        Some(rest) if *family == "GFDL" => ("-no-invariants", rest),
        _ => ("", rest),
    };
    let (version, later) = match rest.strip_suffix('+') {
        Some(version) => (version, "or-later"),
        None if rest.is_empty() => (versions[0], "or-later"),
        None => (rest, "only"),
    };
    let version =
        versions.iter().find(|known| **known == version || known.strip_suffix(".0") == Some(version))?;
    Some(format!("{family}-{version}{invariants}-{later}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn licenses(lines: &[&str]) -> Declared {
        let mut text =
            "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n".to_owned();
        for (number, line) in lines.iter().enumerate() {
            text += &format!("\nFiles: {number}\nCopyright: somebody\nLicense: {line}\n");
        }
        text += "\nLicense: public-domain\n Nobody\n .\n claims it.\n";
        declared(&text).unwrap()
    }

    #[test]
    fn names_become_identifiers() {
        for (line, expected) in [
            ("GPL-2+", "GPL-2.0-or-later"),
            ("GPL-2.0", "GPL-2.0-only"),
            ("GPL", "GPL-1.0-or-later"),
            ("LGPL-2.1+", "LGPL-2.1-or-later"),
            ("GFDL-NIV-1.3+", "GFDL-1.3-no-invariants-or-later"),
            ("Expat", "MIT"),
            ("bsd-3-Clause", "BSD-3-Clause"),
            ("GPL-1+ or Artistic", "GPL-1.0-or-later OR Artistic-1.0-Perl"),
            ("ISC and Zlib or MPL-2.0", "ISC AND Zlib OR MPL-2.0"),
            ("GPL-2+ or Artistic, and Expat", "(GPL-2.0-or-later OR Artistic-1.0-Perl) AND MIT"),
        ] {
            assert_eq!(licenses(&[line]).expression, expected, "{line}");
        }
    }

    #[test]
    fn files_under_several_licenses_have_all_of_them_once() {
        let declared = licenses(&["Expat", "GPL-2 or ISC", "Expat\n Permission is hereby granted"]);
        assert_eq!(declared.expression, "(GPL-2.0-only OR ISC) AND MIT");
    }

    #[test]
    fn licenses_without_an_identifier_keep_their_text() {
        let declared =
            licenses(&["public-domain", "GPL-4", "GPL-2+ with Autoconf exception\n Of its own.", "or"]);
        let named = |name: &str| {
            let mut found = declared.others.iter().filter(|(_, other)| other.name == name);
            let (identifier, other) = found.next().unwrap();
            assert!(declared.expression.contains(identifier.as_str()), "{declared:?}");
            (identifier.as_str(), other.text.as_str())
        };
        assert_eq!(named("public-domain").1, "Nobody\n\nclaims it.");
        assert_eq!(named("GPL-4").1, "GPL-4 (see the package's copyright file)");
        let (identifier, text) = named("GPL-2+ with Autoconf exception");
        assert!(identifier.starts_with("LicenseRef-GPL-2--with-Autoconf-exception-"), "{identifier}");
        assert_eq!(text, "Of its own.");
        assert_eq!(declared.others.len(), 4);
    }

    #[test]
    fn what_is_written_for_people_declares_nothing() {
        for text in
            ["", "This package was debianized by somebody.\n", "Format: other\n\nFiles: *\nLicense: GPL-2\n"]
        {
            assert_eq!(declared(text), None, "{text:?}");
        }
    }
}
