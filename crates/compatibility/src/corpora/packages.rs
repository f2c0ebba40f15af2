//! Every top-level attribute of a nixpkgs: the path of its derivation, which is equal only if all derivations below it are
//! equal to the byte.
//!
//! The attributes are asked for in shards, one process each, so that memory stays in bounds. A process tells each path as
//! it finds it, through `builtins.trace`; where it fails, for an error that `tryEval` does not catch, the next process goes
//! on behind the attribute that failed.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Bench, tell};
use crate::program::{Cost, Program, Request};
use crate::results::{Beside, Comparison, CorpusResult};
use crate::{Error, Result};

/// A nixpkgs to compare, with a name for it.
#[derive(Clone, Debug)]
pub struct Tree {
    /// The name, such as `np26`.
    pub name: String,
    /// Where it lies.
    pub directory: PathBuf,
}

/// What an attribute is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Found {
    /// A derivation at this path.
    Derivation(String),
    /// Something else.
    Other,
    /// It throws.
    Throws,
    /// It fails, with this message.
    Fails(String),
}

/// Imports the package set so that nothing is left out for its licence or its platform.
fn package_set(tree: &Path) -> String {
    format!(
        "import {} {{
           system = \"x86_64-linux\";
           config = {{ allowUnfree = true; allowBroken = true; allowUnsupportedSystem = true; allowInsecurePredicate = _: true; }};
         }}",
        tree.display()
    )
}

/// Tells what each of the attributes in the file `names` is.
fn walk(tree: &Path, names: &Path) -> String {
    format!(
        "let
           packages = {};
           found = name:
             let value = packages.${{name}}; in
             if builtins.isAttrs value && (value.type or null) == \"derivation\" then value.drvPath else \"other\";
           tell = name:
             let result = builtins.tryEval (found name); in
             builtins.trace \"@${{name}} ${{if result.success then result.value else \"throws\"}}\" null;
         in
         builtins.foldl' (done: name: builtins.seq (tell name) done) true (builtins.fromJSON (builtins.readFile {}))",
        package_set(tree),
        names.display()
    )
}

struct Walker<'b> {
    bench: &'b Bench,
    tree: &'b Tree,
}

impl Walker<'_> {
    fn store(&self, program: &Program) -> String {
        let name = program.version.as_deref().unwrap_or("ours");
        format!("local?root={}", self.bench.scratch.join("stores").join(name).display())
    }

    fn request(&self, program: &Program, expression: &str) -> Request {
        let store = self.store(program);
        Request::new(["--eval", "--strict", "--json", "--store", &store, "--expr", expression])
    }

    /// The names of all attributes.
    fn names(&self, program: &Program) -> Result<std::result::Result<Vec<String>, String>> {
        let expression = format!("builtins.attrNames ({})", package_set(&self.tree.directory));
        let answer = self.bench.answers.ask(program, &self.request(program, &expression), "")?;
        if !answer.succeeded() {
            return Ok(Err(answer.error_line()));
        }
        serde_json::from_str(&answer.output).map(Ok).map_err(|_| Error::Answer {
            program: program.name(),
            answer: answer.output.chars().take(200).collect(),
        })
    }

    /// What each of `names` is, and what it took to find out.
    fn walk(&self, program: &Program, names: &[String]) -> Result<(Vec<Found>, Cost)> {
        let file = self.bench.scratch.join("names.json");
        let expression = walk(&self.tree.directory, &file);
        let mut found = Vec::new();
        let mut cost = Cost::default();
        while found.len() < names.len() {
            let rest = &names[found.len()..];
            let text = serde_json::to_string(rest)
                .map_err(|error| Error::Form { path: file.clone(), reason: error.to_string() })?;
            fs::write(&file, &text).map_err(Error::io("write", &file))?;
            let answer = self.bench.answers.ask(program, &self.request(program, &expression), &text)?;
            cost.add(answer.cost);
            let before = found.len();
            for line in answer.errors.lines() {
                let Some((name, value)) = line.strip_prefix("trace: @").and_then(|line| line.split_once(' '))
                else {
                    continue;
                };
                if names.get(found.len()).is_some_and(|wanted| wanted == name) {
                    found.push(match value {
                        "other" => Found::Other,
                        "throws" => Found::Throws,
                        path => Found::Derivation(path.to_owned()),
                    });
                }
            }
            if found.len() < names.len() {
                if answer.succeeded() {
                    let answer = format!("only {} of {} attributes", found.len() - before, rest.len());
                    return Err(Error::Answer { program: program.name(), answer });
                }
                found.push(Found::Fails(answer.error_line()));
            }
        }
        Ok((found, cost))
    }
}

/// Compares all attributes of a tree, `shard` of them in a process.
///
/// # Errors
/// A program cannot be started, or gives an answer that is none.
pub fn run(bench: &Bench, tree: &Tree, shard: usize) -> Result<CorpusResult> {
    let mut result = CorpusResult {
        description: format!(
            "Every top-level attribute of the nixpkgs {}: the path of its derivation.",
            tree.name
        ),
        order: 3,
        ..CorpusResult::default()
    };
    let walker = Walker { bench, tree };
    for nix in &bench.nixes {
        let names = match walker.names(nix)? {
            Ok(names) => names,
            Err(complaint) => {
                result.set(nix, Beside::TooOld(complaint));
                continue;
            }
        };
        let mut comparison = Comparison::default();
        for (index, shard_names) in names.chunks(shard.max(1)).enumerate() {
            // Both are asked for the same, with what fails: each failure costs both a new process.
            let (theirs, their_cost) = walker.walk(nix, shard_names)?;
            let (ours, our_cost) = walker.walk(&bench.ours, shard_names)?;
            comparison.ours.add(our_cost);
            comparison.theirs.add(their_cost);
            for (name, (theirs, ours)) in shard_names.iter().zip(theirs.into_iter().zip(ours)) {
                if matches!(theirs, Found::Fails(_)) {
                    comparison.count_not_in_nix();
                    continue;
                }
                let difference =
                    (theirs != ours).then(|| format!("here {}, in Nix {}", said(&ours), said(&theirs)));
                comparison.count(name, difference);
            }
            tell(&format!(
                "{} beside {}: {} of {} attributes, {} differ; {:.1} s here, {:.1} s there",
                tree.name,
                nix.name(),
                (index * shard + shard_names.len()),
                names.len(),
                comparison.different.len(),
                comparison.ours.seconds,
                comparison.theirs.seconds,
            ));
        }
        result.set(nix, Beside::Compared(comparison));
    }
    Ok(result)
}

fn said(found: &Found) -> String {
    match found {
        Found::Derivation(path) => path.clone(),
        Found::Other => "no derivation".into(),
        Found::Throws => "it throws".into(),
        Found::Fails(message) => format!("it fails: {message}"),
    }
}
