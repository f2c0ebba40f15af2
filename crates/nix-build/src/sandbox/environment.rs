//! What a builder is told: its environment, and files in its directory (Nix's manual, "Derivations", "Builder execution").

use std::collections::BTreeMap;

use nix_store::{Derivation, Hash, output_placeholder};
use serde_json::{Map, Value};

use super::references_graph::{self, as_json, as_registration};
use super::structured_attributes::as_shell;
use crate::error::{Error, Result};
use crate::inputs::Inputs;

/// Where and with how much a builder runs.
#[derive(Clone, Copy)]
pub struct BuildPlace<'build> {
    /// The build directory as the builder sees it.
    pub directory: &'build str,
    /// How many processors it may use.
    pub cores: usize,
    /// A variable of this process, for derivations with a known output hash that ask for it.
    pub own_variable: &'build dyn Fn(&str) -> Option<Vec<u8>>,
}

/// What a builder is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildEnvironment {
    /// Its whole environment.
    pub variables: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Files in the build directory, by name.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The builder's arguments.
    pub arguments: Vec<Vec<u8>>,
}

impl BuildEnvironment {
    /// Works it out. Placeholders of outputs are replaced by their paths.
    ///
    /// # Errors
    /// [`Error::InvalidAttribute`] for structured attributes that are no JSON object, an `exportReferencesGraph` that makes no
    /// sense; [`Error::NotAnInput`] for one that names other paths than inputs.
    pub fn of(derivation: &Derivation, inputs: &Inputs, place: &BuildPlace<'_>) -> Result<Self> {
        let rewriter = Rewriter::of(derivation, inputs);
        let mut environment = BuildEnvironment {
            variables: BTreeMap::new(),
            files: BTreeMap::new(),
            arguments: derivation.args.iter().map(|argument| rewriter.rewrite(argument)).collect(),
        };
        // Programs that look for others without being told where, or that read somebody's home, are to fail.
        environment.set("PATH", "/path-not-set");
        environment.set("HOME", "/homeless-shelter");
        environment.set("NIX_STORE", inputs.store_dir().as_str());
        environment.set("NIX_BUILD_CORES", place.cores.to_string());
        let impure_variables = match derivation.env.get("__json") {
            Some(json) => environment.add_structured(&rewriter.rewrite(json), derivation, inputs, place)?,
            None => environment.add_plain(derivation, &rewriter, inputs, place)?,
        };
        environment.set("NIX_BUILD_TOP", place.directory);
        for name in ["TMPDIR", "TEMPDIR", "TMP", "TEMP", "PWD"] {
            environment.set(name, place.directory);
        }
        if derivation.fixed_output().is_some() {
            // By this very old builders know that they need not check the hash themselves.
            environment.set("NIX_OUTPUT_CHECKED", "1");
            for name in impure_variables {
                environment.set(&name, (place.own_variable)(&name).unwrap_or_default());
            }
        }
        environment.set("NIX_LOG_FD", "2");
        environment.set("TERM", "xterm-256color");
        Ok(environment)
    }

    fn set(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        self.variables.insert(name.as_bytes().to_vec(), value.into());
    }

    /// Attributes as variables, those that `passAsFile` names as files. Returns what `impureEnvVars` names.
    fn add_plain(
        &mut self,
        derivation: &Derivation,
        rewriter: &Rewriter,
        inputs: &Inputs,
        place: &BuildPlace<'_>,
    ) -> Result<Vec<String>> {
        let words = |name: &str| -> Vec<String> {
            let value = derivation.env.get(name).map(String::from_utf8_lossy);
            value.iter().flat_map(|value| value.split_whitespace()).map(str::to_owned).collect()
        };
        let as_files = words("passAsFile");
        for (name, value) in derivation.env.iter() {
            let value = rewriter.rewrite(value);
            if !as_files.iter().any(|file| file.as_bytes() == name) {
                self.variables.insert(name.to_vec(), value);
                continue;
            }
            let file = format!(".attr-{}", Hash::sha256(name).to_base32());
            let variable = [name, b"Path"].concat();
            self.variables.insert(variable, format!("{}/{file}", place.directory).into_bytes());
            self.files.insert(file, value);
        }
        if let Some(graphs) = derivation.env.get("exportReferencesGraph") {
            let graphs = String::from_utf8_lossy(graphs);
            for (file, path) in references_graph::pairs(&graphs)? {
                let text = as_registration(inputs, &[path.to_owned()])?;
                self.files.insert(file.to_owned(), text.into_bytes());
            }
        }
        Ok(words("impureEnvVars"))
    }

    /// Attributes as files. Returns what `impureEnvVars` names.
    fn add_structured(
        &mut self,
        json: &[u8],
        derivation: &Derivation,
        inputs: &Inputs,
        place: &BuildPlace<'_>,
    ) -> Result<Vec<String>> {
        let mut attributes: BTreeMap<String, Value> = match serde_json::from_slice(json) {
            Ok(Value::Object(attributes)) => attributes.into_iter().collect(),
            Ok(_) => return Err(Error::attribute("__json", "it is no object")),
            Err(error) => return Err(Error::attribute("__json", error.to_string())),
        };
        if let Some(graphs) = attributes.get("exportReferencesGraph").cloned() {
            let Value::Object(graphs) = graphs else {
                return Err(Error::attribute("exportReferencesGraph", "it is no set"));
            };
            for (name, paths) in graphs {
                attributes.insert(name, as_json(inputs, &texts(&paths))?);
            }
        }
        let outputs: Map<String, Value> = derivation
            .outputs
            .iter()
            .filter_map(|(name, output)| {
                Some((name.clone(), inputs.store_dir().display(output.path()?).into()))
            })
            .collect();
        attributes.insert(String::from("outputs"), Value::Object(outputs));
        let impure_variables = attributes.get("impureEnvVars").map(texts).unwrap_or_default();
        let attributes: Map<String, Value> = attributes.into_iter().collect();
        self.files.insert(String::from(".attrs.sh"), as_shell(&attributes).into_bytes());
        self.files.insert(String::from(".attrs.json"), Value::Object(attributes).to_string().into_bytes());
        self.set("NIX_ATTRS_SH_FILE", format!("{}/.attrs.sh", place.directory));
        self.set("NIX_ATTRS_JSON_FILE", format!("{}/.attrs.json", place.directory));
        Ok(impure_variables)
    }
}

/// The texts of a list, or the one text.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(elements) => elements.iter().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// Replaces the placeholders of a derivation's outputs.
struct Rewriter(Vec<(Vec<u8>, Vec<u8>)>);

impl Rewriter {
    fn of(derivation: &Derivation, inputs: &Inputs) -> Self {
        let with_path = |(name, output): (&String, &nix_store::DerivationOutput)| {
            let path = inputs.store_dir().display(output.path()?);
            Some((output_placeholder(name).into_bytes(), path.into_bytes()))
        };
        Rewriter(derivation.outputs.iter().filter_map(with_path).collect())
    }

    fn rewrite(&self, text: &[u8]) -> Vec<u8> {
        self.0.iter().fold(text.to_vec(), |text, (placeholder, path)| replace(text, placeholder, path))
    }
}

fn replace(text: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut replaced = Vec::new();
    let mut rest = text.as_slice();
    while let Some(at) = rest.windows(from.len()).position(|window| window == from) {
        replaced.extend_from_slice(&rest[..at]);
        replaced.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    if replaced.is_empty() {
        return text;
    }
    replaced.extend_from_slice(rest);
    replaced
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix_store::{DerivationOutput, StoreDir, StorePath, ValidPathInfo};
    use std::sync::Arc;

    fn derivation(variables: &[(&str, &str)]) -> Derivation {
        let mut derivation = Derivation::new("test");
        let path = StorePath::from_parts([1; 20], "test").unwrap();
        derivation.outputs.insert("out".into(), DerivationOutput::InputAddressed { path });
        derivation.env = variables.iter().copied().collect();
        derivation
    }

    fn environment(derivation: &Derivation) -> Result<BuildEnvironment> {
        let path = StorePath::from_parts([2; 20], "input").unwrap();
        let info = ValidPathInfo::new(path, Hash::sha256(b""), 7);
        let inputs = Inputs::new(StoreDir::default(), "/real".into(), [Arc::new(info)]);
        let own = |name: &str| (name == "proxy").then(|| b"http://proxy".to_vec());
        let place = BuildPlace { directory: "/build", cores: 3, own_variable: &own };
        BuildEnvironment::of(derivation, &inputs, &place)
    }

    fn text(environment: &BuildEnvironment, name: &str) -> Option<String> {
        environment.variables.get(name.as_bytes()).map(|value| String::from_utf8(value.clone()).unwrap())
    }

    #[test]
    fn variables_are_those_of_nix() {
        let placeholder = output_placeholder("out");
        let derivation = derivation(&[
            ("HOME", "/own"),
            ("TMPDIR", "/own"),
            ("flags", &format!("--prefix={placeholder}")),
            ("impureEnvVars", "proxy"),
            ("passAsFile", "long"),
            ("long", "content"),
        ]);
        let environment = environment(&derivation).unwrap();
        let output = StoreDir::default().display(derivation.outputs["out"].path().unwrap());
        for (name, value) in [
            ("HOME", "/own"),
            ("NIX_BUILD_CORES", "3"),
            ("NIX_BUILD_TOP", "/build"),
            ("NIX_LOG_FD", "2"),
            ("NIX_STORE", "/nix/store"),
            ("PATH", "/path-not-set"),
            ("TMPDIR", "/build"),
            ("flags", &format!("--prefix={output}")),
        ] {
            assert_eq!(text(&environment, name).as_deref(), Some(value), "{name}");
        }
        assert_eq!(text(&environment, "proxy"), None);
        assert_eq!(text(&environment, "long"), None);
        let file = text(&environment, "longPath").unwrap();
        assert_eq!(environment.files[file.strip_prefix("/build/").unwrap()], b"content");
    }

    #[test]
    fn structured_attributes_are_files() {
        let other = StoreDir::default().display(&StorePath::from_parts([3; 20], "other").unwrap());
        let json = format!(r#"{{"exportReferencesGraph":{{"graph":["{other}"]}}}}"#);
        assert!(matches!(
            environment(&derivation(&[("__json", json.as_str())])),
            Err(Error::NotAnInput { .. })
        ));
        let environment = environment(&derivation(&[("__json", r#"{"b":["x","y"],"a":1}"#)])).unwrap();
        assert_eq!(text(&environment, "b"), None);
        assert_eq!(text(&environment, "NIX_ATTRS_SH_FILE").unwrap(), "/build/.attrs.sh");
        let script = String::from_utf8(environment.files[".attrs.sh"].clone()).unwrap();
        assert!(
            script.starts_with(
                "declare a=1\ndeclare -a b=('x' 'y' )\ndeclare -A outputs=(['out']='/nix/store/"
            )
        );
    }
}
