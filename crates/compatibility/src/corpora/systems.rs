//! NixOS systems: each a file with a function of a nixpkgs' directory that returns a derivation.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Bench, first_difference, tell};
use crate::program::{Program, Request};
use crate::results::{Beside, Comparison, CorpusResult};
use crate::{Error, Result};

/// One system.
#[derive(Clone, Debug)]
pub struct System {
    /// The file's name without `.nix`.
    pub name: String,
    /// The file.
    pub file: PathBuf,
}

/// The systems that a directory defines, sorted by name.
///
/// # Errors
/// The directory cannot be read, or there are none in it.
pub fn in_directory(directory: &Path) -> Result<Vec<System>> {
    let directory = fs::canonicalize(directory).map_err(Error::io("find", directory))?;
    let mut systems = Vec::new();
    for entry in fs::read_dir(&directory).map_err(Error::io("read", &directory))? {
        let file = entry.map_err(Error::io("read", &directory))?.path();
        if let Some(name) = file.file_name().and_then(|name| name.to_str()?.strip_suffix(".nix")) {
            systems.push(System { name: name.to_owned(), file: file.clone() });
        }
    }
    if systems.is_empty() {
        return Err(Error::NotACorpus {
            directory,
            wanted: "a directory of systems",
            missing: "file *.nix".into(),
        });
    }
    systems.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(systems)
}

impl System {
    /// The derivation as an expression.
    pub fn expression(&self, nixpkgs: &Path) -> String {
        format!("import {} {{ nixpkgs = {}; }}", self.file.display(), nixpkgs.display())
    }

    fn request(&self, nixpkgs: &Path, program: &Program, scratch: &Path) -> Request {
        let expression = format!("({}).drvPath", self.expression(nixpkgs));
        let store = scratch.join("stores").join(program.version.as_deref().unwrap_or("ours"));
        let store = format!("local?root={}", store.display());
        Request::new(["--eval", "--strict", "--json", "--store", &store, "--expr", &expression])
    }
}

/// Compares the paths of all systems' derivations.
///
/// # Errors
/// A system cannot be read, or a program cannot be started.
pub fn run(bench: &Bench, systems: &[System], nixpkgs: &Path) -> Result<CorpusResult> {
    let mut result = CorpusResult {
        description:
            "NixOS systems of a current nixpkgs that differ as much as possible: the path of each one's \
                      derivation."
                .into(),
        order: 5,
        ..CorpusResult::default()
    };
    let mut comparisons = vec![Comparison::default(); bench.nixes.len()];
    let mut complaints = vec![None; bench.nixes.len()];
    for system in systems {
        let ours = bench.ours.run(&system.request(nixpkgs, &bench.ours, &bench.scratch))?;
        for (index, nix) in bench.nixes.iter().enumerate() {
            let request = system.request(nixpkgs, nix, &bench.scratch);
            let text = fs::read_to_string(&system.file).map_err(Error::io("read", &system.file))?;
            let theirs = bench.answers.ask(nix, &request, &text)?;
            let comparison = &mut comparisons[index];
            if !theirs.succeeded() {
                comparison.count_not_in_nix();
                complaints[index] = Some(theirs.error_line());
                continue;
            }
            comparison.ours.add(ours.cost);
            comparison.theirs.add(theirs.cost);
            let difference = match ours.succeeded() {
                true => {
                    (ours.output != theirs.output).then(|| first_difference(&ours.output, &theirs.output))
                }
                false => Some(format!("fails here: {}", ours.error_line())),
            };
            tell(&format!(
                "system {} beside {}: {}; {:.1} s here, {:.1} s there",
                system.name,
                nix.name(),
                difference.as_deref().unwrap_or("identical"),
                ours.cost.seconds,
                theirs.cost.seconds
            ));
            comparison.count(&system.name, difference);
        }
    }
    for ((nix, comparison), complaint) in bench.nixes.iter().zip(comparisons).zip(complaints) {
        result.set(
            nix,
            match complaint {
                Some(complaint) if comparison.not_in_nix == systems.len() => Beside::TooOld(complaint),
                _ => Beside::Compared(comparison),
            },
        );
    }
    Ok(result)
}
