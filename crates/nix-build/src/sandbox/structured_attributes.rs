//! Structured attributes as files: `.attrs.json`, and `.attrs.sh` for the part of them that bash can hold.

use std::fmt::Write;

use serde_json::{Map, Value};

/// The attributes as bash code (Nix's manual, "Advanced Attributes", `__structuredAttrs`): texts and whole numbers
/// as variables, lists of them as indexed arrays, sets of them as associative ones. What bash cannot hold is left out.
pub(super) fn as_shell(attributes: &Map<String, Value>) -> String {
    let mut script = String::new();
    for (name, value) in attributes.iter().filter(|(name, _)| is_variable_name(name)) {
        let declaration = match value {
            Value::Array(elements) => elements
                .iter()
                .map(|element| scalar(element).map(|text| text + " "))
                .collect::<Option<String>>()
                .map(|list| format!("declare -a {name}=({list})")),
            Value::Object(members) => members
                .iter()
                .map(|(key, value)| Some(format!("[{}]={} ", quote(key), scalar(value)?)))
                .collect::<Option<String>>()
                .map(|list| format!("declare -A {name}=({list})")),
            other => scalar(other).map(|text| format!("declare {name}={text}")),
        };
        if let Some(declaration) = declaration {
            // Writing to a text does not fail.
            let _ = writeln!(script, "{declaration}");
        }
    }
    script
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::from("''")),
        Value::Bool(true) => Some(String::from("1")),
        Value::Bool(false) => Some(String::new()),
        Value::String(text) => Some(quote(text)),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Some(whole.to_string()),
            (None, Some(real)) if real.fract() == 0.0 && real.abs() < 9e15 => Some(format!("{real:.0}")),
            _ => None,
        },
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// A word of the shell that means `text`.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn is_variable_name(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn bash_gets_what_it_can_hold() {
        let Value::Object(attributes) = json!({
            "a-b": "no name of a variable",
            "deep": { "x": ["no", "scalar"] },
            "flag": true,
            "list": ["a b", 2, null, false],
            "map": { "it's": "x" },
            "none": null,
            "number": 3,
            "off": false,
            "real": 1.5,
            "whole": 2.0,
        }) else {
            unreachable!()
        };
        let expected = r"declare flag=1
declare -a list=('a b' 2 ''  )
declare -A map=(['it'\''s']='x' )
declare none=''
declare number=3
declare off=
declare whole=2
";
        assert_eq!(as_shell(&attributes), expected);
    }

    proptest! {
        #[test]
        fn a_shell_reads_back_what_was_quoted(text in "[^\0]{0,20}") {
            let script = format!("printf %s {}", quote(&text));
            let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            prop_assert_eq!(output.stdout, text.as_bytes());
        }
    }
}
