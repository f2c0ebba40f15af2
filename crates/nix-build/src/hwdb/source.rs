//! Reading the text files (hwdb(7)).

use crate::hwdb::{Database, Value};

/// What udev asks for has at most a few hundred bytes; a trie of longer patterns would be as deep as they are long.
const LONGEST_PATTERN: usize = 1024;

/// Adds the records of one file. A record is a block of lines: patterns, then properties that begin with a
/// space; empty lines part records, `#` begins a comment.
///
/// # Errors
/// What is wrong, with the line.
pub(super) fn read(database: &mut Database, path: &str, text: &str) -> Result<(), String> {
    let file = database.files.len();
    database.files.push(path.to_owned());
    let mut patterns: Vec<&str> = Vec::new();
    let mut has_properties = false;
    for (number, line) in (1u32..).zip(text.lines()) {
        let is_comment = line.starts_with('#');
        let line = line
            .split_once('#')
            .map_or(line, |(before, _)| before)
            .trim_end_matches(|character: char| character.is_ascii_whitespace());
        if line.is_empty() {
            // A comment does not part a record.
            if !is_comment {
                if !patterns.is_empty() && !has_properties {
                    return Err(format!("line {number}: a property is expected, not an empty line"));
                }
                patterns.clear();
                has_properties = false;
            }
        } else if line.starts_with(' ') {
            if patterns.is_empty() {
                return Err(format!("line {number}: a property before any pattern"));
            }
            has_properties = true;
            let (key, value) =
                line.split_once('=').ok_or_else(|| format!("line {number}: a property without '='"))?;
            let key = key.trim_start();
            if key.is_empty() {
                return Err(format!("line {number}: a property without a name"));
            }
            for pattern in &patterns {
                let properties = database.patterns.entry(pattern.as_bytes().to_vec()).or_default();
                let value = Value { text: value.to_owned(), file, line: number };
                properties.insert(format!(" {key}"), value);
            }
        } else if has_properties {
            return Err(format!(
                "line {number}: a pattern directly after properties; an empty line is missing"
            ));
        } else if line.len() > LONGEST_PATTERN {
            return Err(format!("line {number}: a pattern of more than {LONGEST_PATTERN} bytes"));
        } else {
            patterns.push(line);
        }
    }
    if !patterns.is_empty() && !has_properties {
        return Err(String::from("the last record has no properties"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn compile(text: &str) -> Result<Database, String> {
        let mut database = Database::default();
        read(&mut database, "/a.hwdb", text).map(|()| database)
    }

    #[test]
    fn every_pattern_of_a_record_has_its_properties() {
        let database =
            compile("# comment\nusb:v1*\nusb:v2*\n   A=1 # trailing\n B=x=y\n\npci:*\n A=2\n").unwrap();
        let at = |pattern: &str, key: &str| database.patterns[pattern.as_bytes()][key].text.clone();
        assert_eq!(at("usb:v1*", " A"), "1");
        assert_eq!(at("usb:v2*", " B"), "x=y");
        assert_eq!(at("pci:*", " A"), "2");
    }

    #[test]
    fn malformed_records_are_named_by_line() {
        for (text, line) in
            [(" A=1\n", 1), ("x\n\n", 2), ("x\n A\n", 2), ("x\n =1\n", 2), ("x\n A=1\ny\n", 3)]
        {
            let error = compile(text).unwrap_err();
            assert!(error.starts_with(&format!("line {line}:")), "{text:?}: {error}");
        }
        assert!(compile("x\n").is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_compiled_or_refused(text in "(([a-c*:]{0,3}|( [A-C]{0,2}=?[a-z]{0,2})|#|\\PC)(\n|\n\n| )?){0,30}") {
            if let Ok(database) = compile(&text) {
                prop_assert!(crate::hwdb::binary::encode(&database).is_some());
            }
        }
    }
}
