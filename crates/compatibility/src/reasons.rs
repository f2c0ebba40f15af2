//! Why cases differ that do.
//!
//! Each line of `reasons.toml` is a finding of somebody who followed a difference to its root. A difference without a
//! reason is a fault that has not been looked at.

use std::collections::BTreeMap;

use crate::{Error, Result};

const TEXT: &str = include_str!("reasons.toml");

/// Reasons by corpus and case.
#[derive(Debug, Default)]
pub struct Reasons(BTreeMap<String, BTreeMap<String, String>>);

impl Reasons {
    /// The known reasons.
    ///
    /// # Errors
    /// The file that is compiled in is malformed; a test sees to it that it is not.
    pub fn known() -> Result<Self> {
        toml::from_str(TEXT)
            .map(Reasons)
            .map_err(|error| Error::Form { path: "reasons.toml".into(), reason: error.to_string() })
    }

    /// Why this case of this corpus differs.
    pub fn of(&self, corpus: &str, case: &str) -> Option<&str> {
        self.0.get(corpus)?.get(case).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

    #[test]
    fn the_reasons_can_be_read() {
        super::Reasons::known().unwrap();
    }
}
