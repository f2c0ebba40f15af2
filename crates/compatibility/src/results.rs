//! What was found, kept between runs so that the report covers corpora that were run at different times.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::program::{Cost, Program};
use crate::{Error, Result};

/// A corpus beside one version of Nix.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Everything that was asked of both.
    pub cases: usize,
    /// Cases in which Nix itself does not do what the corpus wants; nothing is to be compared there.
    pub not_in_nix: usize,
    /// Cases in which both gave the same answer.
    pub identical: usize,
    /// The others: case → what differs.
    pub different: BTreeMap<String, String>,
    /// What this project's evaluator used.
    pub ours: Cost,
    /// What Nix used for the same.
    pub theirs: Cost,
}

impl Comparison {
    /// Counts a case: `None` if both agree, else what differs.
    pub fn count(&mut self, case: &str, difference: Option<String>) {
        self.cases += 1;
        match difference {
            None => self.identical += 1,
            Some(difference) => {
                self.different.insert(case.to_owned(), difference);
            }
        }
    }

    /// Counts a case that Nix itself does not pass.
    pub fn count_not_in_nix(&mut self) {
        self.cases += 1;
        self.not_in_nix += 1;
    }
}

/// Why a version of Nix has no figures for a corpus, or the figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Beside {
    /// The corpus needs a newer Nix; this is its complaint.
    TooOld(String),
    /// The figures.
    Compared(Comparison),
}

/// What was found in one corpus.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CorpusResult {
    /// What the corpus is, in a sentence.
    pub description: String,
    /// Where it stands in the report.
    pub order: u32,
    /// The figures by version of Nix.
    pub beside: BTreeMap<String, Beside>,
}

impl CorpusResult {
    /// Sets what was found beside a program.
    pub fn set(&mut self, nix: &Program, beside: Beside) {
        self.beside.insert(nix.version.clone().unwrap_or_default(), beside);
    }
}

/// What was found in all corpora, by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Results(pub BTreeMap<String, CorpusResult>);

impl Results {
    /// Reads the results of earlier runs; none if there is no such file.
    ///
    /// # Errors
    /// The file cannot be read, or is not of this program's making.
    pub fn read(path: &Path) -> Result<Self> {
        match fs::read_to_string(path) {
            Ok(text) => serde_json::from_str(&text)
                .map_err(|error| Error::Form { path: path.to_owned(), reason: error.to_string() }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Results::default()),
            Err(error) => Err(Error::io("read", path)(error)),
        }
    }

    /// Writes the results for later runs.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(Error::io("make", parent))?;
        }
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| Error::Form { path: path.to_owned(), reason: error.to_string() })?;
        fs::write(path, text).map_err(Error::io("write", path))
    }
}
