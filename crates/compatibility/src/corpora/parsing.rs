//! Every Nix file of a tree, parsed and printed in the one form that `--parse` has.

use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::packages::Tree;
use super::{Bench, first_difference, tell};
use crate::program::{Cost, Program, Request};
use crate::results::{Beside, Comparison, CorpusResult};
use crate::{Error, Result};

/// Files that one process is given: starting it must not be what is measured.
const BATCH: usize = 400;

/// What a program says of each file: its text in the fixed form, or why it is no expression.
fn parse(
    bench: &Bench,
    program: &Program,
    files: &[PathBuf],
) -> Result<(Vec<std::result::Result<String, String>>, Cost)> {
    let mut found = Vec::new();
    let mut cost = Cost::default();
    for batch in files.chunks(BATCH) {
        let mut done = 0;
        while done < batch.len() {
            let mut request = Request::new(["--parse"]);
            request.arguments.extend(batch[done..].iter().map(|file| file.as_os_str().to_owned()));
            let answer = bench.answers.ask(program, &request, "")?;
            cost.add(answer.cost);
            // The fixed form is one line, whatever the file looked like.
            let before = done;
            for line in answer.output.lines() {
                found.push(Ok(line.to_owned()));
                done += 1;
            }
            if done < batch.len() {
                if answer.succeeded() {
                    let answer = format!("{} of {} files", done - before, batch.len() - before);
                    return Err(Error::Answer { program: program.name(), answer });
                }
                found.push(Err(answer.error_line()));
                done += 1;
            }
        }
    }
    Ok((found, cost))
}

/// Compares all files of a tree.
///
/// # Errors
/// The tree cannot be read, or a program cannot be started.
pub fn run(bench: &Bench, tree: &Tree) -> Result<CorpusResult> {
    let mut files = Vec::new();
    for entry in WalkDir::new(&tree.directory).sort_by_file_name() {
        let entry = entry.map_err(|error| Error::io("read", &tree.directory)(error.into()))?;
        if entry.file_type().is_file() && entry.path().extension().is_some_and(|extension| extension == "nix")
        {
            files.push(entry.into_path());
        }
    }
    let mut result = CorpusResult {
        description: format!(
            "Every Nix file of the nixpkgs {}, as --parse prints what it was understood as.",
            tree.name
        ),
        order: 4,
        ..CorpusResult::default()
    };
    let (ours, our_cost) = parse(bench, &bench.ours, &files)?;
    for nix in &bench.nixes {
        tell(&format!("parsing {} beside {}: {} files", tree.name, nix.name(), files.len()));
        let (theirs, their_cost) = parse(bench, nix, &files)?;
        let mut comparison = Comparison { ours: our_cost, theirs: their_cost, ..Comparison::default() };
        for (file, (ours, theirs)) in files.iter().zip(ours.iter().zip(&theirs)) {
            let difference = match (ours, theirs) {
                (Ok(ours), Ok(theirs)) => (ours != theirs).then(|| first_difference(ours, theirs)),
                (Err(_), Err(_)) => None,
                (Err(ours), Ok(_)) => Some(format!("no expression here: {ours}")),
                (Ok(_), Err(theirs)) => Some(format!("no expression in Nix: {theirs}")),
            };
            comparison.count(&relative(file, &tree.directory), difference);
        }
        result.set(nix, Beside::Compared(comparison));
    }
    Ok(result)
}

fn relative(file: &Path, directory: &Path) -> String {
    file.strip_prefix(directory).unwrap_or(file).display().to_string()
}
