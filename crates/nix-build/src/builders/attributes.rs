//! The attributes of a derivation, structured or not, and typed specifications out of them.

use nix_store::{Derivation, StoreDir, output_placeholder};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// What every derivation has, or may have, and what is not for the builder.
const OF_EVERY_DERIVATION: [&str; 12] = [
    "allowSubstitutes",
    "builder",
    "impureEnvVars",
    "name",
    "outputHash",
    "outputHashAlgo",
    "outputHashMode",
    "outputs",
    "preferLocalBuild",
    "requiredSystemFeatures",
    "system",
    "unsafeDiscardReferences",
];

/// What a derivation tells its builder.
#[derive(Debug, Clone, PartialEq)]
pub enum Attributes {
    /// `__structuredAttrs = true`: values with their types.
    Structured(Map<String, Value>),
    /// Texts, as in the environment of a process.
    Environment(Vec<(String, String)>),
}

impl Attributes {
    /// The attributes of a derivation; the placeholders of its outputs are replaced by their paths.
    ///
    /// # Errors
    /// [`Error::InvalidAttribute`] for structured attributes that are not JSON, and for texts that are not UTF-8.
    pub fn of(derivation: &Derivation, store_dir: &StoreDir) -> Result<Self> {
        let placeholders: Vec<(String, String)> = derivation
            .outputs
            .iter()
            .filter_map(|(name, output)| Some((output_placeholder(name), store_dir.display(output.path()?))))
            .collect();
        let text = |name: &str, bytes: &[u8]| -> Result<String> {
            let mut text = String::from_utf8(bytes.to_vec())
                .map_err(|_| Error::attribute(name, "its value is not UTF-8"))?;
            for (placeholder, path) in &placeholders {
                if text.contains(placeholder.as_str()) {
                    text = text.replace(placeholder.as_str(), path);
                }
            }
            Ok(text)
        };
        if let Some(json) = derivation.env.get("__json") {
            return match serde_json::from_str(&text("__json", json)?) {
                Ok(Value::Object(members)) => Ok(Attributes::Structured(members)),
                Ok(_) => Err(Error::attribute("__json", "it is no object")),
                Err(error) => Err(Error::attribute("__json", error.to_string())),
            };
        }
        derivation
            .env
            .iter()
            .map(|(name, value)| {
                let name = String::from_utf8_lossy(name).into_owned();
                let value = text(&name, value)?;
                Ok((name, value))
            })
            .collect::<Result<_>>()
            .map(Attributes::Environment)
    }

    /// The structured attributes, which all builders but Nix's own need.
    ///
    /// # Errors
    /// [`Error::AttributesNotStructured`].
    pub fn structured(&self, builder: &str) -> Result<&Map<String, Value>> {
        match self {
            Attributes::Structured(members) => Ok(members),
            Attributes::Environment(_) => Err(Error::AttributesNotStructured { builder: builder.to_owned() }),
        }
    }

    /// One attribute as a process would see it: lists are joined by spaces, true is `1`, false and null are empty.
    pub fn text(&self, name: &str) -> Option<String> {
        match self {
            Attributes::Structured(members) => members.get(name).map(as_text),
            Attributes::Environment(variables) => {
                variables.iter().find(|(variable, _)| variable == name).map(|(_, value)| value.clone())
            }
        }
    }

    /// Whether an output's references are not to be looked for (`unsafeDiscardReferences`).
    pub fn discards_references(&self, output: &str) -> bool {
        match self {
            Attributes::Structured(members) => members
                .get("unsafeDiscardReferences")
                .and_then(|outputs| outputs.get(output))
                .and_then(Value::as_bool)
                .unwrap_or(false),
            Attributes::Environment(_) => false,
        }
    }
}

fn as_text(value: &Value) -> String {
    match value {
        Value::Null | Value::Bool(false) => String::new(),
        Value::Bool(true) => String::from("1"),
        Value::String(text) => text.clone(),
        Value::Array(elements) => elements.iter().map(as_text).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

/// Reads the specification of `builder` out of a derivation's structured attributes. An attribute that is null counts
/// as absent, at every depth, as Nix code likes to have it.
///
/// # Errors
/// [`Error::InvalidAttributes`] naming an attribute that the builder does not know, that is missing, or whose type is
/// wrong.
pub fn parse_attributes<Specification: DeserializeOwned>(
    builder: &'static str,
    attributes: &Map<String, Value>,
) -> Result<Specification> {
    let own: Map<String, Value> = attributes
        .iter()
        .filter(|(name, value)| !value.is_null() && !OF_EVERY_DERIVATION.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), without_nulls(value)))
        .collect();
    serde_json::from_value(Value::Object(own)).map_err(|source| Error::InvalidAttributes { builder, source })
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| (name.clone(), without_nulls(value)))
                .collect(),
        ),
        Value::Array(elements) => Value::Array(elements.iter().map(without_nulls).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builders::{MakeTree, WriteFile};

    fn parse<Specification: DeserializeOwned>(json: &str) -> Result<Specification> {
        let Value::Object(members) = serde_json::from_str(json).unwrap() else { panic!("no object") };
        parse_attributes("builtin:test", &members)
    }

    #[test]
    fn unknown_attributes_are_named() {
        let error = parse::<WriteFile>(r#"{"name": "a", "text": "", "exectable": true}"#).unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("`exectable`"), "{cause}");
        let error = parse::<MakeTree>(r#"{"entries": [{"path": "a", "txt": "x"}]}"#).unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("`txt`"), "{cause}");
    }

    #[test]
    fn null_counts_as_absent() {
        let file: WriteFile = parse(r#"{"text": "x", "executable": null, "destination": null}"#).unwrap();
        assert_eq!(file, WriteFile { text: "x".into(), executable: false, destination: None });
    }
}
