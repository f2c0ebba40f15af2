//! What a derivation demands of its outputs: which paths they may refer to, how large they may be (Nix's manual, "Advanced
//! Attributes").

use std::collections::{BTreeMap, BTreeSet};

use nix_store::{StorePath, ValidPathInfo};
use serde_json::Value;

use crate::builders::Attributes;
use crate::error::{Error, Result};
use crate::inputs::Inputs;

/// The outputs of one build, complete but not valid yet.
pub(super) struct Outputs<'build> {
    /// By output name.
    pub(super) infos: &'build BTreeMap<String, ValidPathInfo>,
    /// The paths of all outputs, also of those that were valid before.
    pub(super) paths: &'build BTreeMap<String, StorePath>,
    /// What they can refer to besides.
    pub(super) inputs: &'build Inputs,
}

/// One demand on references.
struct Demand {
    attribute: &'static str,
    /// Whether what is listed is all that is allowed, or just that is not.
    allows: bool,
    /// Whether the whole closure counts.
    indirectly: bool,
}

const DEMANDS: [Demand; 4] = [
    Demand { attribute: "allowedReferences", allows: true, indirectly: false },
    Demand { attribute: "allowedRequisites", allows: true, indirectly: true },
    Demand { attribute: "disallowedReferences", allows: false, indirectly: false },
    Demand { attribute: "disallowedRequisites", allows: false, indirectly: true },
];

impl Outputs<'_> {
    /// Checks all demands.
    ///
    /// # Errors
    /// [`Error::ForbiddenReferences`], [`Error::OutputTooLarge`], and [`Error::InvalidAttribute`] for a demand that names
    /// neither a store path nor an output.
    pub(super) fn check(&self, attributes: &Attributes) -> Result<()> {
        for (name, info) in self.infos {
            match attributes {
                Attributes::Environment(_) => {
                    for demand in &DEMANDS {
                        if let Some(text) = attributes.text(demand.attribute) {
                            let listed: Vec<&str> = text.split_whitespace().collect();
                            self.check_references(info, demand, &listed, true)?;
                        }
                    }
                }
                Attributes::Structured(members) => {
                    let Some(checks) = members.get("outputChecks").and_then(|checks| checks.get(name)) else {
                        continue;
                    };
                    for demand in &DEMANDS {
                        if let Some(Value::Array(listed)) = checks.get(demand.attribute) {
                            let listed: Vec<&str> = listed.iter().filter_map(Value::as_str).collect();
                            self.check_references(info, demand, &listed, false)?;
                        }
                    }
                    self.check_sizes(info, checks)?;
                }
            }
        }
        Ok(())
    }

    fn check_references(
        &self,
        info: &ValidPathInfo,
        demand: &Demand,
        listed: &[&str],
        ignores_itself: bool,
    ) -> Result<()> {
        let listed: BTreeSet<StorePath> =
            listed.iter().map(|text| self.path_of(demand.attribute, text)).collect::<Result<_>>()?;
        let mut used = if demand.indirectly { self.closure(info) } else { info.references.clone() };
        if demand.indirectly && ignores_itself {
            used.remove(&info.path);
        }
        let display = |path: &StorePath| self.inputs.store_dir().display(path);
        let paths: Vec<String> =
            used.iter().filter(|path| listed.contains(*path) != demand.allows).map(display).collect();
        if paths.is_empty() {
            return Ok(());
        }
        Err(Error::ForbiddenReferences { output: display(&info.path), paths, indirectly: demand.indirectly })
    }

    fn check_sizes(&self, info: &ValidPathInfo, checks: &Value) -> Result<()> {
        let closure_size = || {
            let size = |path| self.info(path).map_or(0, |info| info.nar_size);
            self.closure(info).iter().map(size).sum::<u64>()
        };
        for (attribute, with_closure) in [("maxSize", false), ("maxClosureSize", true)] {
            let Some(limit) = checks.get(attribute).and_then(Value::as_u64) else { continue };
            let size = if with_closure { closure_size() } else { info.nar_size };
            if size > limit {
                let output = self.inputs.store_dir().display(&info.path);
                return Err(Error::OutputTooLarge { output, size, limit, with_closure });
            }
        }
        Ok(())
    }

    /// What a demand names: a store path, or an output.
    fn path_of(&self, attribute: &str, text: &str) -> Result<StorePath> {
        if let Some(path) = self.paths.get(text) {
            return Ok(path.clone());
        }
        self.inputs.store_dir().parse(text.as_bytes()).map_err(|_| {
            Error::attribute(attribute, format!("'{text}' is neither a store path nor an output"))
        })
    }

    fn info(&self, path: &StorePath) -> Option<&ValidPathInfo> {
        let made = self.infos.values().find(|info| info.path == *path);
        made.or_else(|| self.inputs.info(path))
    }

    fn closure(&self, info: &ValidPathInfo) -> BTreeSet<StorePath> {
        let mut closure = BTreeSet::from([info.path.clone()]);
        let mut pending = vec![info];
        while let Some(info) = pending.pop() {
            for reference in &info.references {
                if closure.insert(reference.clone()) {
                    pending.extend(self.info(reference));
                }
            }
        }
        closure
    }
}
