//! `hostwright.toml`, beside `flake.nix`: the choices that a fleet makes for Hostwright alone.
//!
//! ```toml
//! [inputs]
//! nixpkgs = "hostwright:debian"
//! ```

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::error::Error;
use crate::input_path::InputPath;
use crate::reference::FlakeReference;

/// The file's name.
pub const SETTINGS_FILE: &str = "hostwright.toml";

/// The content of a `hostwright.toml`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Inputs that come from elsewhere than `flake.nix` and `flake.lock` say.
    pub inputs: BTreeMap<InputPath, FlakeReference>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    inputs: BTreeMap<String, toml::Spanned<String>>,
}

impl Settings {
    /// Reads the settings beside a `flake.nix`; a missing file is the default.
    pub fn read(directory: &Path) -> Result<Self, Error> {
        let file = directory.join(SETTINGS_FILE);
        match std::fs::read_to_string(&file) {
            Ok(text) => Self::parse(&text, &file),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(Error::File { action: "read", path: file, source }),
        }
    }

    /// Parses the file's text; `file` is for messages.
    pub fn parse(text: &str, file: &Path) -> Result<Self, Error> {
        let written: Written = toml::from_str(text)
            .map_err(|source| Error::InvalidSettings { file: file.to_owned(), source: Box::new(source) })?;
        let mut settings = Settings::default();
        for (name, reference) in written.inputs {
            let reference = FlakeReference::parse(reference.get_ref(), true)?;
            settings.inputs.insert(name.parse()?, reference);
        }
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::Source;

    #[test]
    fn inputs_are_read_and_anything_else_is_refused() {
        let parse = |text: &str| Settings::parse(text, Path::new("hostwright.toml"));
        let settings = parse("[inputs]\nnixpkgs = \"hostwright:debian\"\n").unwrap();
        let reference = settings.inputs.get(&"nixpkgs".parse().unwrap()).unwrap();
        assert_eq!(reference.source, Source::Bundled { name: "debian".into() });
        assert!(parse("[input]\n").is_err());
        assert!(parse("[inputs]\nnixpkgs = 1\n").is_err());
        assert!(parse("[inputs]\nnixpkgs = \"ftp://x\"\n").is_err());
    }
}
