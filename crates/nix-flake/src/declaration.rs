//! What a `flake.nix` declares: its inputs, as plain data.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

use crate::attributes::{Attribute, Attributes};
use crate::error::Error;
use crate::input_path::InputPath;
use crate::reference::{FlakeReference, Source};

/// An expression that turns the value of a `flake.nix` into what [`Declaration::from_json`] reads. The attributes
/// `description`, `inputs`, `nixConfig` and `outputs` are looked at, nothing is called. Paths stay paths: they are not to
/// be copied to a store.
pub const DECLARATION_EXPRESSION: &str = "flake: \
     let \
       plain = value: if builtins.isPath value then { path = toString value; } \
         else if builtins.isList value then map plain value else value; \
       inputs = builtins.mapAttrs (_: input: if builtins.isAttrs input then builtins.mapAttrs \
         (name: value: if name == \"inputs\" && builtins.isAttrs value then inputs value else plain value) input \
         else input); \
     in { \
       attributes = builtins.attrNames flake; \
       description = flake.description or null; \
       inputs = if builtins.isAttrs (flake.inputs or { }) then inputs (flake.inputs or { }) else flake.inputs; \
       nixConfig = if builtins.isAttrs (flake.nixConfig or { }) then \
         builtins.mapAttrs (_: plain) (flake.nixConfig or { }) else flake.nixConfig; \
       hasOutputs = flake ? outputs; \
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

/// What one flake declares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declaration {
    /// `description`
    pub description: Option<String>,
    /// Inputs by name.
    pub inputs: BTreeMap<String, DeclaredInput>,
    /// `nixConfig`: settings of Nix that the flake asks for, as nix.conf(5) would have them.
    pub configuration: BTreeMap<String, String>,
}

/// Where the flake lies whose declaration is read: paths in it become relative to its directory.
#[derive(Clone, Copy, Debug)]
pub struct DeclarationPlace<'a> {
    /// The `flake.nix`, for messages.
    pub file: &'a Path,
    /// The directory of `flake.nix` as the language sees it: in the tree's store path.
    pub logical: &'a Path,
}

impl Declaration {
    /// Reads the value of [`DECLARATION_EXPRESSION`].
    pub fn from_json(value: &Value, place: DeclarationPlace<'_>) -> Result<Self, Error> {
        let invalid = |reason: String| Error::InvalidFlake { file: place.file.to_owned(), reason };
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
        match value.get("description") {
            None | Some(Value::Null) => {}
            Some(Value::String(description)) => declaration.description = Some(description.clone()),
            Some(_) => return Err(invalid("'description' must be a string".to_owned())),
        }
        if let Some(inputs) = value.get("inputs") {
            let inputs = inputs.as_object().ok_or_else(|| invalid("'inputs' must be a set".to_owned()))?;
            let reader = InputReader { logical: place.logical, invalid: &invalid };
            declaration.inputs = reader.inputs(inputs, "inputs", 0)?;
        }
        if let Some(configuration) = value.get("nixConfig") {
            let settings =
                configuration.as_object().ok_or_else(|| invalid("'nixConfig' must be a set".to_owned()))?;
            for (name, value) in settings {
                let text = setting(value).ok_or_else(|| {
                    invalid(format!("'nixConfig.{name}' must be a string, a path, an integer, a Boolean or a list of strings"))
                })?;
                declaration.configuration.insert(name.clone(), text);
            }
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

/// A setting's value as nix.conf(5) has it.
fn setting(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Number(number) => number.as_i64().map(|number| number.to_string()),
        Value::Object(_) => path_of(value).map(str::to_owned),
        Value::Array(elements) => {
            let texts: Option<Vec<&str>> = elements.iter().map(Value::as_str).collect();
            Some(texts?.join(" "))
        }
        Value::Null => None,
    }
}

/// A path, as [`DECLARATION_EXPRESSION`] marks it.
fn path_of(value: &Value) -> Option<&str> {
    match value.as_object() {
        Some(set) if set.len() == 1 => set.get("path").and_then(Value::as_str),
        _ => None,
    }
}

struct InputReader<'a> {
    logical: &'a Path,
    invalid: &'a dyn Fn(String) -> Error,
}

impl InputReader<'_> {
    fn invalid(&self, reason: String) -> Error {
        (self.invalid)(reason)
    }

    fn inputs(
        &self,
        inputs: &Map<String, Value>,
        path: &str,
        depth: usize,
    ) -> Result<BTreeMap<String, DeclaredInput>, Error> {
        if depth > 16 {
            return Err(self.invalid(format!("'{path}' nests too deeply")));
        }
        inputs
            .iter()
            .map(|(name, value)| Ok((name.clone(), self.input(value, &format!("{path}.{name}"), depth)?)))
            .collect()
    }

    fn input(&self, value: &Value, path: &str, depth: usize) -> Result<DeclaredInput, Error> {
        let set = value
            .as_object()
            .ok_or_else(|| self.invalid(format!("'{path}' must be a set, as in `{path}.url = …`")))?;
        let (mut url, mut follows, mut flake) = (None, None, true);
        let mut inputs = BTreeMap::new();
        let mut attributes = Attributes::default();
        for (name, value) in set {
            match (name.as_str(), value) {
                ("url", Value::String(text)) => url = Some(text.clone()),
                ("url", value) => match path_of(value) {
                    Some(text) => url = Some(self.relative(text, path)?),
                    None => return Err(self.invalid(format!("'{path}.url' must be a string"))),
                },
                ("follows", Value::String(text)) => follows = Some(text.clone()),
                ("follows", _) => return Err(self.invalid(format!("'{path}.follows' must be a string"))),
                ("flake", Value::Bool(value)) => flake = *value,
                ("flake", _) => return Err(self.invalid(format!("'{path}.flake' must be true or false"))),
                ("inputs", Value::Object(nested)) => {
                    inputs = self.inputs(nested, &format!("{path}.inputs"), depth + 1)?;
                }
                ("inputs", _) => return Err(self.invalid(format!("'{path}.inputs' must be a set"))),
                (_, Value::String(value)) => attributes.set_text(name, value),
                (_, Value::Bool(value)) => {
                    attributes.0.insert(name.clone(), Attribute::Boolean(*value));
                }
                (_, value) => match (value.as_u64(), path_of(value)) {
                    (Some(number), _) => attributes.set_integer(name, number),
                    (None, Some(text)) => attributes.set_text(name, self.relative(text, path)?),
                    (None, None) => {
                        return Err(self
                            .invalid(format!("'{path}.{name}' must be a string, a boolean or an integer")));
                    }
                },
            }
        }
        let origin = match (attributes.text("type").is_some(), url, follows) {
            (_, Some(_), Some(_)) => {
                return Err(self.invalid(format!("'{path}' has both 'url' and 'follows'")));
            }
            (true, url, _) => {
                if let Some(url) = url {
                    attributes.set_text("url", url);
                }
                Origin::Reference(FlakeReference::from_attributes(&attributes)?)
            }
            (false, _, _) if !attributes.0.is_empty() => {
                let name = attributes.0.keys().next().map_or("", String::as_str);
                return Err(self.invalid(format!(
                    "'{path}.{name}' is no attribute of inputs; they have url, flake, follows, inputs, or type and what it needs"
                )));
            }
            (false, Some(url), None) => Origin::Reference(FlakeReference::parse(&url, flake)?),
            (false, None, Some(follows)) => Origin::Follows(follows.parse()?),
            (false, None, None) => Origin::Unspecified,
        };
        Ok(DeclaredInput { origin, flake, inputs })
    }

    /// A path in a declaration, relative to the flake.
    fn relative(&self, text: &str, path: &str) -> Result<String, Error> {
        let outside =
            || self.invalid(format!("'{path}.url' is the path {text}, which is not in the flake's own tree"));
        let target = Path::new(text);
        // The first three parts are the store path: /nix/store/HASH-source.
        let tree: std::path::PathBuf = self.logical.components().take(4).collect();
        let inside = target.strip_prefix(&tree).map_err(|_| outside())?;
        let from = self.logical.strip_prefix(&tree).map_err(|_| outside())?;
        let mut shared = from.components().zip(inside.components()).take_while(|(a, b)| a == b).count();
        let mut relative: Vec<String> = Vec::new();
        let depth = from.components().count();
        if shared > depth {
            shared = depth;
        }
        relative.extend(std::iter::repeat_n("..".to_owned(), depth - shared));
        relative.extend(
            inside.components().skip(shared).map(|part| part.as_os_str().to_string_lossy().into_owned()),
        );
        if relative.is_empty() {
            relative.push(".".to_owned());
        }
        Ok(format!("path:{}", relative.join("/")))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(value: Value) -> Result<Declaration, Error> {
        let logical = Path::new("/nix/store/0-source/sub");
        Declaration::from_json(&value, DeclarationPlace { file: Path::new("/f/flake.nix"), logical })
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
    fn paths_are_relative_to_the_flake_and_settings_are_texts() {
        let path = |text: &str| json!({ "path": text });
        let declaration = parse(json!({
            "attributes": ["outputs"], "arguments": [], "description": "d",
            "inputs": {
                "a": { "url": path("/nix/store/0-source/sub/a") },
                "b": { "url": path("/nix/store/0-source/b") },
                "c": { "url": path("/nix/store/0-source/sub") },
            },
            "nixConfig": { "x": "y", "list": ["a", "b"], "n": 3, "yes": true },
        }))
        .unwrap();
        let url = |name: &str| declaration.inputs[name].reference(name).unwrap().to_string();
        assert_eq!([url("a"), url("b"), url("c")], ["path:a", "path:../b", "path:."]);
        let settings: Vec<(&str, &str)> =
            declaration.configuration.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(settings, [("list", "a b"), ("n", "3"), ("x", "y"), ("yes", "true")]);
        let outside =
            json!({ "attributes": [], "arguments": [], "inputs": { "a": { "url": path("/etc") } } });
        assert!(parse(outside).unwrap_err().to_string().contains("own tree"));
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
