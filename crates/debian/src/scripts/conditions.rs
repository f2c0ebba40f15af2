//! What a script's conditions come to when a package is installed anew, where that can be told.

use std::collections::BTreeMap;

/// Whether something holds, if it is known.
pub(super) type Known = Option<bool>;

/// Whether two things hold together.
pub(super) fn both(left: Known, right: Known) -> Known {
    match (left, right) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), right) => right,
        (None, _) => None,
    }
}

/// Whether one of two things holds.
pub(super) fn either(left: Known, right: Known) -> Known {
    both(left.map(|left| !left), right.map(|right| !right)).map(|neither| !neither)
}

/// The variables and arguments whose values are known.
pub(super) struct Variables {
    values: BTreeMap<String, String>,
}

impl Variables {
    /// At an installation there is no earlier version, which would be the second argument; and the root is the system's own.
    pub(super) fn at_installation(action: &str) -> Self {
        let known = [("1", action), ("2", ""), ("DPKG_ROOT", "")];
        let values = known.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Variables { values }
    }

    /// Whether the word sets a variable.
    pub(super) fn is_assignment(&self, word: &str) -> bool {
        word.split_once('=').is_some_and(|(name, _)| is_name(name))
    }

    /// Sets variables. A second value may stand in another branch, so that neither is known then.
    pub(super) fn assign(&mut self, words: &[String], outside_of_functions: bool) {
        for (name, value) in words.iter().filter_map(|word| word.split_once('=')) {
            let value = self.value(value, !outside_of_functions);
            match value {
                Some(value) if !self.values.contains_key(name) => {
                    self.values.insert(name.to_owned(), value);
                }
                _ => {
                    self.values.remove(name);
                }
            }
        }
    }

    /// What a word comes to. The arguments of a function are others than the script's.
    pub(super) fn value(&self, word: &str, in_function: bool) -> Option<String> {
        if word.starts_with('\'') && word.ends_with('\'') && word.len() > 1 {
            return Some(word[1..word.len() - 1].to_owned());
        }
        let mut value = String::new();
        let mut rest = word;
        while let Some(place) = rest.find(['$', '`', '\\', '"']) {
            value.push_str(&rest[..place]);
            let special = &rest[place..];
            if let Some(behind) = special.strip_prefix('"') {
                rest = behind;
                continue;
            }
            let after = special.strip_prefix('$')?;
            let (name, behind) = match after.strip_prefix('{') {
                Some(inner) => inner.split_once('}')?,
                None => after.split_at(name_length(after)),
            };
            // The value where there is none, as in `${2:-}`.
            let (name, default) = name.split_once(":-").unwrap_or((name, ""));
            let argument = name.bytes().all(|byte| byte.is_ascii_digit());
            if name.is_empty() || (argument && in_function) {
                return None;
            }
            let known = self.values.get(name)?;
            value.push_str(if known.is_empty() { default } else { known });
            rest = behind;
        }
        value.push_str(rest);
        Some(value)
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|first: char| first.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The length of the name that follows a `$`: one digit, or a name.
fn name_length(text: &str) -> usize {
    match text.bytes().next() {
        Some(first) if first.is_ascii_digit() => 1,
        _ => text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count(),
    }
}

/// What `[ … ]`, `test …` or `dpkg --compare-versions …` comes to.
pub(super) fn test(words: &[String], variables: &Variables, in_function: bool) -> Known {
    let (program, words) = words.split_first()?;
    let words = match words.split_last() {
        Some((last, rest)) if program.starts_with('[') && last.starts_with(']') => rest,
        _ => words,
    };
    if program.ends_with("dpkg") {
        return compare_versions(words, variables, in_function);
    }
    let parts = |operator: &str| -> Vec<Vec<String>> {
        words.split(|word| word == operator).map(<[String]>::to_vec).collect()
    };
    let any = parts("-o");
    if any.len() > 1 {
        let parts = any.iter().map(|part| expression(part, variables, in_function));
        return parts.fold(Some(false), either);
    }
    let parts = parts("-a").into_iter().map(|part| expression(&part, variables, in_function));
    parts.fold(Some(true), both)
}

fn expression(words: &[String], variables: &Variables, in_function: bool) -> Known {
    let value = |word: &String| variables.value(word, in_function);
    match words {
        [not, rest @ ..] if not == "!" => expression(rest, variables, in_function).map(|known| !known),
        [word] => value(word).map(|value| !value.is_empty()),
        [operator, word] if operator == "-n" => value(word).map(|value| !value.is_empty()),
        [operator, word] if operator == "-z" => value(word).map(|value| value.is_empty()),
        [left, operator, right] if operator == "=" || operator == "==" => Some(value(left)? == value(right)?),
        [left, operator, right] if operator == "!=" => Some(value(left)? != value(right)?),
        _ => None,
    }
}

/// With no earlier version, what asks whether that was an old one is there for upgrades, whatever dpkg itself says of an empty
/// version: nothing is left to mend.
fn compare_versions(words: &[String], variables: &Variables, in_function: bool) -> Known {
    let [option, version, relation, ..] = words else { return None };
    if option != "--compare-versions" || !variables.value(version, in_function)?.is_empty() {
        return None;
    }
    match relation.as_str() {
        "lt" | "le" | "lt-nl" | "le-nl" | "eq" | "gt" | "ge" => Some(false),
        "gt-nl" | "ge-nl" => Some(true),
        _ => None,
    }
}

/// Whether a pattern of a `case` takes a value; of patterns that are more than a `*` at the end, none is known to.
pub(super) fn matches(pattern: &str, value: &str) -> bool {
    let pattern = pattern.replace(['"', '\''], "");
    match pattern.strip_suffix('*') {
        Some(beginning) => value.starts_with(beginning),
        None => pattern == value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(condition: &str) -> Known {
        let mut variables = Variables::at_installation("configure");
        variables.assign(&["action=\"$1\"".to_owned()], true);
        let words: Vec<String> = condition.split(' ').map(str::to_owned).collect();
        test(&words, &variables, false)
    }

    #[test]
    fn conditions_of_an_installation() {
        for (condition, expected) in [
            ("[ \"$1\" = configure ]", Some(true)),
            ("[ \"${1}\" = 'upgrade' ]", Some(false)),
            ("[ x$1 = xconfigure ]", Some(true)),
            ("[ $action != configure ]", Some(false)),
            ("[ -z \"${2:-}\" ]", Some(true)),
            ("[ -n \"$2\" -a -e /etc/x ]", Some(false)),
            ("[ -e /etc/x ]", None),
            ("[ -z \"$DPKG_ROOT\" -o -e /etc/x ]", Some(true)),
            ("[ \"$1\" = triggered -o \"$1\" = configure ]", Some(true)),
            ("test -n \"$2\"", Some(false)),
            ("dpkg --compare-versions \"$2\" lt-nl 1.0~", Some(false)),
            ("dpkg --compare-versions 1 lt 2", None),
        ] {
            assert_eq!(holds(condition), expected, "{condition}");
        }
    }

    #[test]
    fn a_variable_with_two_values_has_none() {
        let mut variables = Variables::at_installation("install");
        variables.assign(&["a=1".to_owned()], true);
        assert_eq!(variables.value("\"$a\"", false), Some("1".to_owned()));
        variables.assign(&["a=2".to_owned()], true);
        assert_eq!(variables.value("\"$a\"", false), None);
        assert_eq!(variables.value("$1", true), None);
    }
}
