//! The attribute-set form of a flake reference, as lock files store it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One value in the attribute-set form of a reference: Nix allows strings, integers and booleans only.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Attribute {
    /// `"shallow": true`
    Boolean(bool),
    /// `"lastModified": 1700000000`
    Integer(u64),
    /// `"owner": "NixOS"`
    Text(String),
}

/// A flake reference as lock files hold it (`"locked"` and `"original"`): sorted by name, as Nix writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Attributes(pub BTreeMap<String, Attribute>);

impl Attributes {
    /// The string stored under `name`; `None` when it is absent or no string.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.0.get(name) {
            Some(Attribute::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The integer stored under `name`; `None` when it is absent or no integer.
    pub fn integer(&self, name: &str) -> Option<u64> {
        match self.0.get(name) {
            Some(Attribute::Integer(value)) => Some(*value),
            _ => None,
        }
    }

    /// Stores a string under `name`.
    pub fn set_text(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), Attribute::Text(value.into()));
    }

    /// Stores an integer under `name`.
    pub fn set_integer(&mut self, name: &str, value: u64) {
        self.0.insert(name.to_owned(), Attribute::Integer(value));
    }

    /// Takes the string stored under `name` out of the set.
    pub fn take_text(&mut self, name: &str) -> Option<String> {
        match self.0.remove(name) {
            Some(Attribute::Text(text)) => Some(text),
            Some(other) => {
                self.0.insert(name.to_owned(), other);
                None
            }
            None => None,
        }
    }
}
