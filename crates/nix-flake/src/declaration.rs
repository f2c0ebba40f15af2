//! What a `flake.nix` declares: its inputs, as plain data.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

use crate::attributes::{Attribute, Attributes};
use crate::error::Error;
use crate::input_path::InputPath;
use crate::reference::{FlakeReference, Source};

/// An expression that turns the value of a `flake.nix` into what [`Declaration::from_json`] reads. The attributes `inputs`
/// and `outputs` are looked at, nothing is called.
pub const DECLARATION_EXPRESSION: &str = "flake: { \
     attributes = builtins.attrNames flake; \
     inputs = flake.inputs or { }; \
     arguments = if builtins.isFunction (flake.outputs or null) \
       then builtins.attrNames (builtins.functionArgs flake.outputs) else null; }";

/// Top-level attributes that Nix allows in a `flake.nix`.
const KNOWN_ATTRIBUTES: [&str; 4] = ["description", "inputs", "nixConfig", "outputs"];

/// Where an input comes from, as declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A reference of its own.
    Reference(FlakeReference),
    /// The same as the input at this path, relative to the flake that declares it.
    Follows(InputPath),
    /// Nothing said: the registry's entry of the input's name.
    Unspecified,
}

/// One declared input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredInput {
    /// Where it comes from.
    pub origin: Origin,
    /// False for `flake = false`.
    pub flake: bool,
    /// What is changed about its own inputs.
    pub inputs: BTreeMap<String, DeclaredInput>,
}

impl DeclaredInput {
    /// The reference that it is fetched from when it has one: a bare name means the registry.
    pub fn reference(&self, name: &str) -> Option<FlakeReference> {
        match &self.origin {
            Origin::Reference(reference) => Some(reference.clone()),
            Origin::Unspecified => Some(FlakeReference::new(Source::Indirect { name: name.to_owned() })),
            Origin::Follows(_) => None,
        }
    }
}

/// The declared inputs of one flake.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declaration {
    /// By name.
    pub inputs: BTreeMap<String, DeclaredInput>,
}

impl Declaration {
    /// Reads the value of [`DECLARATION_EXPRESSION`]; `file` is the `flake.nix`, for messages.
    pub fn from_json(value: &Value, file: &Path) -> Result<Self, Error> {
        let invalid = |reason: String| Error::InvalidFlake { file: file.to_owned(), reason };
        for attribute in strings(value.get("attributes")) {
            if !KNOWN_ATTRIBUTES.contains(&attribute) {
                return Err(invalid(format!(
                    "flake.nix has the attribute '{attribute}', which flakes do not have; they have {}",
                    KNOWN_ATTRIBUTES.join(", ")
                )));
            }
        }
        let Some(Value::Array(_)) = value.get("arguments") else {
            return Err(invalid("flake.nix needs an attribute 'outputs' that is a function".to_owned()));
        };
        let mut declaration = Declaration::default();
        if let Some(inputs) = value.get("inputs") {
            let inputs = inputs.as_object().ok_or_else(|| invalid("'inputs' must be a set".to_owned()))?;
            declaration.inputs = parse_inputs(inputs, "inputs", 0, &invalid)?;
        }
        for argument in strings(value.get("arguments")).filter(|argument| *argument != "self") {
            declaration.inputs.entry(argument.to_owned()).or_insert_with(|| DeclaredInput {
                origin: Origin::Unspecified,
                flake: true,
                inputs: BTreeMap::new(),
            });
        }
        Ok(declaration)
    }
}

fn strings(value: Option<&Value>) -> impl Iterator<Item = &str> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

type Invalid<'a> = &'a dyn Fn(String) -> Error;

fn parse_inputs(
    inputs: &Map<String, Value>,
    path: &str,
    depth: usize,
    invalid: Invalid<'_>,
) -> Result<BTreeMap<String, DeclaredInput>, Error> {
    if depth > 16 {
        return Err(invalid(format!("'{path}' nests too deeply")));
    }
    inputs
        .iter()
        .map(|(name, value)| {
            Ok((name.clone(), parse_input(value, &format!("{path}.{name}"), depth, invalid)?))
        })
        .collect()
}

fn parse_input(
    value: &Value,
    path: &str,
    depth: usize,
    invalid: Invalid<'_>,
) -> Result<DeclaredInput, Error> {
    let set = value
        .as_object()
        .ok_or_else(|| invalid(format!("'{path}' must be a set, as in `{path}.url = …`")))?;
    let text = |name: &str, value: &Value| {
        value.as_str().map(str::to_owned).ok_or_else(|| invalid(format!("'{path}.{name}' must be a string")))
    };
    let (mut url, mut follows, mut flake) = (None, None, true);
    let mut inputs = BTreeMap::new();
    let mut attributes = Attributes::default();
    for (name, value) in set {
        match (name.as_str(), value) {
            ("url", value) => url = Some(text(name, value)?),
            ("follows", value) => follows = Some(text(name, value)?),
            ("flake", Value::Bool(value)) => flake = *value,
            ("flake", _) => return Err(invalid(format!("'{path}.flake' must be true or false"))),
            ("inputs", Value::Object(nested)) => {
                inputs = parse_inputs(nested, &format!("{path}.inputs"), depth + 1, invalid)?;
            }
            ("inputs", _) => return Err(invalid(format!("'{path}.inputs' must be a set"))),
            (_, Value::String(value)) => attributes.set_text(name, value),
            (_, Value::Bool(value)) => {
                attributes.0.insert(name.clone(), Attribute::Boolean(*value));
            }
            (_, Value::Number(number)) if number.as_u64().is_some() => {
                attributes.set_integer(name, number.as_u64().unwrap_or_default());
            }
            _ => return Err(invalid(format!("'{path}.{name}' must be a string, a boolean or an integer"))),
        }
    }
    if url.is_some() && follows.is_some() {
        return Err(invalid(format!("'{path}' has both 'url' and 'follows'")));
    }
    if !attributes.0.is_empty() && attributes.text("type").is_none() {
        let name = attributes.0.keys().next().map_or("", String::as_str);
        return Err(invalid(format!(
            "'{path}.{name}' is no attribute of inputs; they have url, flake, follows, inputs, or type and what it needs"
        )));
    }
    let origin = match (url, follows) {
        (Some(url), _) => Origin::Reference(FlakeReference::parse(&url, flake)?),
        (None, Some(follows)) => Origin::Follows(follows.parse()?),
        (None, None) if !attributes.0.is_empty() => {
            Origin::Reference(FlakeReference::from_attributes(&attributes)?)
        }
        (None, None) => Origin::Unspecified,
    };
    Ok(DeclaredInput { origin, flake, inputs })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(value: Value) -> Result<Declaration, Error> {
        Declaration::from_json(&value, Path::new("/f/flake.nix"))
    }

    #[test]
    fn inputs_are_read_in_all_their_forms() {
        let declaration = parse(json!({
            "attributes": ["inputs", "outputs"],
            "arguments": ["self", "nixpkgs", "undeclared"],
            "inputs": {
                "nixpkgs": { "url": "github:NixOS/nixpkgs" },
                "data": { "url": "https://example.org/x", "flake": false },
                "tool": { "type": "git", "url": "https://example.org/r", "inputs": { "nixpkgs": { "follows": "nixpkgs" } } },
            },
        }))
        .unwrap();
        assert_eq!(declaration.inputs.keys().collect::<Vec<_>>(), ["data", "nixpkgs", "tool", "undeclared"]);
        assert!(matches!(declaration.inputs["data"].reference("data").unwrap().source, Source::File { .. }));
        assert_eq!(
            declaration.inputs["tool"].inputs["nixpkgs"].origin,
            Origin::Follows("nixpkgs".parse().unwrap())
        );
        assert_eq!(declaration.inputs["undeclared"].origin, Origin::Unspecified);
    }

    #[test]
    fn what_nix_refuses_is_refused() {
        for (attributes, inputs, part) in [
            (json!(["input", "outputs"]), json!({}), "attribute 'input'"),
            (json!(["outputs"]), json!([]), "must be a set"),
            (json!(["outputs"]), json!({ "x": "github:a/b" }), "`inputs.x.url = …`"),
            (json!(["outputs"]), json!({ "x": { "url": 1 } }), "'inputs.x.url' must be a string"),
            (json!(["outputs"]), json!({ "x": { "flake": "no" } }), "true or false"),
            (json!(["outputs"]), json!({ "x": { "uri": "github:a/b" } }), "'inputs.x.uri' is no attribute"),
            (json!(["outputs"]), json!({ "x": { "url": "a", "follows": "b" } }), "both"),
        ] {
            let value = json!({ "attributes": attributes, "arguments": [], "inputs": inputs });
            let message = parse(value).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
        let no_outputs = json!({ "attributes": [], "arguments": null });
        assert!(parse(no_outputs).unwrap_err().to_string().contains("'outputs'"));
    }
}
