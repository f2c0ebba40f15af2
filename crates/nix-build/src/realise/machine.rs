//! What a machine can build.

use std::collections::BTreeSet;
use std::path::Path;

use nix_store::{Derivation, StoreDir};

use crate::builders::Attributes;
use crate::realise::builder::Unbuildable;

/// The kinds of builders that run on a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// The platforms whose programs run, its own first (Nix's settings `system` and `extra-platforms`).
    pub systems: Vec<String>,
    /// What it offers besides (`system-features`).
    pub features: BTreeSet<String>,
}

impl Machine {
    /// This machine, with the features that Nix finds by default.
    pub fn this() -> Self {
        let architecture = match std::env::consts::ARCH {
            "x86" => "i686",
            "arm" => "armv7l",
            other => other,
        };
        let mut systems = vec![format!("{architecture}-linux")];
        if architecture == "x86_64" {
            systems.push(String::from("i686-linux"));
        }
        let mut features: BTreeSet<String> =
            ["benchmark", "big-parallel", "nixos-test"].map(String::from).into();
        if Path::new("/dev/kvm").exists() {
            features.insert(String::from("kvm"));
        }
        Machine { systems, features }
    }

    /// Whether the program of `derivation` can run.
    pub(super) fn check(&self, derivation: &Derivation) -> Result<(), Unbuildable> {
        // What cannot be read is an error when it is built.
        let attributes = Attributes::of(derivation, &StoreDir::default()).ok();
        let text =
            |name: &str| attributes.as_ref().and_then(|attributes| attributes.text(name)).unwrap_or_default();
        let system = String::from_utf8_lossy(&derivation.system).into_owned();
        if !self.systems.contains(&system) {
            return Err(Unbuildable::OtherSystem { system, machine: self.systems.clone() });
        }
        let missing: Vec<String> = text("requiredSystemFeatures")
            .split_whitespace()
            .filter(|feature| !self.features.contains(*feature))
            .map(str::to_owned)
            .collect();
        if !missing.is_empty() {
            return Err(Unbuildable::MissingFeatures {
                missing,
                machine: self.features.iter().cloned().collect(),
            });
        }
        if text("__noChroot") == "1" {
            return Err(Unbuildable::WithoutSandbox);
        }
        Ok(())
    }
}
