//! Errors of NixOS modules: which option they are about, and who defines it.
//!
//! The module system is written in the language itself, so all that is known is its messages, whose form nixpkgs has kept
//! for years: an option is `` `NAME' `` behind the word "option", a file `` `PATH' `` or `` `PATH:LINE' `` behind "In".

use std::path::Path;

use nix_expr::{ErrorKind, EvalError, SourceLocation, find_definitions};

/// As many options of a circle are named.
const OPTIONS_MOST: usize = 5;

/// What an error of a module is about.
#[derive(Debug, PartialEq, Eq)]
pub struct OptionProblem {
    /// The option; or those whose evaluation led to an infinite recursion, innermost first.
    pub options: Vec<String>,
    /// Whether each of the options needs the one before it, and the first needs the last.
    pub circular: bool,
    /// Where the first of them is defined, as far as that is known.
    pub definitions: Vec<Definition>,
}

/// A definition of an option.
#[derive(Debug, PartialEq, Eq)]
pub struct Definition {
    /// The file.
    pub file: String,
    /// The place in it, if it can be read and says so plainly.
    pub place: Option<SourceLocation>,
}

/// What an error of a module is about; `None` for other errors.
pub fn problem(error: &EvalError) -> Option<OptionProblem> {
    if let Some(option) = named(&error.message, "option `").into_iter().next() {
        let files = named(&error.message, "n `");
        return Some(OptionProblem {
            definitions: definitions(&option, files),
            options: vec![option],
            circular: false,
        });
    }
    if error.kind != ErrorKind::InfiniteRecursion {
        return None;
    }
    let mut options: Vec<String> = Vec::new();
    let mut files = Vec::new();
    for frame in &error.trace {
        for option in named(&frame.message, "while evaluating the option `") {
            if !options.contains(&option) && options.len() < OPTIONS_MOST {
                options.push(option);
            }
        }
        // Those before the first option are its own.
        if options.len() <= 1 {
            files.extend(named(&frame.message, "while evaluating definitions from `"));
            files.extend(named(&frame.message, "while evaluating a definition from `"));
        }
    }
    let first = options.first()?.clone();
    // What needs itself is named where the error is: `config.networking.hostName`.
    let needed = error.location.as_ref().and_then(identifier);
    let last =
        needed.and_then(|needed| options.iter().position(|option| option.rsplit('.').next() == Some(needed)));
    if let Some(last) = last {
        options.truncate(last + 1);
    }
    Some(OptionProblem { options, circular: last.is_some(), definitions: definitions(&first, files) })
}

/// The name at a place.
fn identifier(place: &SourceLocation) -> Option<&str> {
    let text = place.line_text.get(place.column.checked_sub(1)? as usize..)?;
    let is_name = |character: char| character.is_ascii_alphanumeric() || "_-'".contains(character);
    let end = text.find(|character| !is_name(character)).unwrap_or(text.len());
    (end > 0).then(|| &text[..end])
}

/// The names in `` `…' `` that stand behind a text.
fn named(message: &str, before: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = message;
    while let Some(start) = rest.find(before) {
        rest = &rest[start + before.len()..];
        let Some(end) = rest.find('\'') else { break };
        let name = rest[..end].to_owned();
        if !name.is_empty() && !name.contains('\n') && !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

/// Finds the definitions of an option in files.
fn definitions(option: &str, files: Vec<String>) -> Vec<Definition> {
    let parts: Vec<&str> = option.split('.').map(|part| part.trim_matches('"')).collect();
    let mut found: Vec<Definition> = Vec::new();
    for file in files.iter().filter(|file| file.starts_with('/') || file.starts_with("hostwright:")) {
        let (path, line) = match file.rsplit_once(':') {
            Some((path, line)) if !path.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit()) => {
                (path, line.parse().ok())
            }
            _ => (file.as_str(), None),
        };
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let mut places = find_definitions(&text, Path::new(path), &parts);
        if let Some(line) = line {
            places.retain(|place| place.line == line);
            if places.is_empty() {
                places.extend(line_of(&text, path, line));
            }
        }
        if places.is_empty() {
            found.push(Definition { file: file.clone(), place: None });
        }
        found
            .extend(places.into_iter().map(|place| Definition { file: path.to_owned(), place: Some(place) }));
    }
    found
}

/// A line of a file as a place.
fn line_of(text: &str, path: &str, line: u32) -> Option<SourceLocation> {
    let line_text = text.lines().nth(line.checked_sub(1)? as usize)?;
    let column = line_text.len() - line_text.trim_start().len() + 1;
    Some(SourceLocation {
        file: path.to_owned(),
        is_file: true,
        line,
        column: column as u32,
        line_text: line_text.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use nix_expr::TraceFrame;

    use super::*;

    #[test]
    fn a_conflict_names_all_files_with_lines() {
        let place = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = place.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let one = file("one.nix", "{ lib, ... }: {\n  time.timeZone = \"UTC\";\n}");
        let two = file("two.nix", "{\n  config.time = {\n    timeZone = \"CET\";\n  };\n}");
        let message = format!(
            "The option `time.timeZone' has conflicting definition values:\n- In `{one}': \"UTC\"\n- In `{two}': \"CET\""
        );
        let found = problem(&EvalError::new(ErrorKind::Throw, message)).unwrap();
        assert_eq!(found.options, ["time.timeZone"]);
        let places: Vec<(u32, u32)> = found
            .definitions
            .iter()
            .filter_map(|definition| definition.place.as_ref().map(|place| (place.line, place.column)))
            .collect();
        assert_eq!(places, [(2, 8), (3, 5)]);
    }

    #[test]
    fn a_circle_names_its_options() {
        let mut error = EvalError::new(ErrorKind::InfiniteRecursion, "infinite recursion encountered");
        let frame = |message: &str| TraceFrame { message: message.to_owned(), location: None };
        error.trace = vec![
            frame("while evaluating definitions from `/nowhere/a.nix':"),
            frame("while evaluating the option `a.b':"),
            frame("while evaluating the option `c':"),
            frame("while evaluating the option `a.b':"),
        ];
        let found = problem(&error).unwrap();
        assert_eq!(found.options, ["a.b", "c"]);
        assert!(!found.circular);
        let at = |line_text: &str, column| SourceLocation {
            file: "/nowhere/a.nix".into(),
            is_file: true,
            line: 1,
            column,
            line_text: line_text.into(),
        };
        error.location = Some(at("x = config.a.b + 1;", 14));
        let itself = problem(&error).unwrap();
        assert_eq!((itself.options, itself.circular), (vec!["a.b".to_owned()], true));
        error.location = Some(at("x = config.c;", 12));
        let both = problem(&error).unwrap();
        assert_eq!((both.options.len(), both.circular), (2, true));
        assert_eq!(found.definitions, [Definition { file: "/nowhere/a.nix".into(), place: None }]);
    }

    #[test]
    fn other_errors_are_about_no_option() {
        assert_eq!(problem(&EvalError::new(ErrorKind::Throw, "an option of yours is bad")), None);
    }
}
