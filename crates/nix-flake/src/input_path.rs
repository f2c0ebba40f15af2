//! The path of an input from the root flake: `home-manager/nixpkgs`.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;

/// Names of inputs from the root flake inwards; empty for the root itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InputPath(pub Vec<String>);

impl InputPath {
    /// The path of this flake's own input `name`.
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        let mut names = self.0.clone();
        names.push(name.to_owned());
        InputPath(names)
    }
}

impl FromStr for InputPath {
    type Err = Error;

    /// Parses `a/b`, the form of `follows` and of `--override-input`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let names: Vec<String> = text.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        if let Some(bad) = names.iter().find(|name| !is_input_name(name)) {
            return Err(Error::InvalidReference {
                reference: text.to_owned(),
                reason: format!("'{bad}' is not a name of an input"),
            });
        }
        Ok(InputPath(names))
    }
}

impl fmt::Display for InputPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("/"))
    }
}

/// Input names are flake identifiers that may also begin with a digit or underscore.
fn is_input_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '+'))
}
