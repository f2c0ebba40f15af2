//! The tests of nixpkgs' own library, `lib/tests`: Nix files that evaluate to the list of what failed, and scripts that call
//! `nix-instantiate` hundreds of times and look at what it prints, errors too.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::{Bench, first_difference, tell};
use crate::program::{Answer, Program, Request, run as run_script};
use crate::results::{Beside, Comparison, CorpusResult};
use crate::{Error, Result};

const FILES: &[&str] = &["misc.nix", "fetchers.nix", "systems.nix"];
const SCRIPTS: &[&str] = &["modules.sh", "filesystem.sh", "network.sh", "sources.sh", "../fileset/tests.sh"];

/// What a part of the suite found.
struct Finding {
    passed: usize,
    failed: usize,
    answer: Answer,
}

impl Finding {
    /// A script says at its end how many checks passed; one that does not is one check.
    fn of_script(answer: Answer) -> Self {
        let printed = format!("{}\n{}", answer.output, answer.errors);
        let number = |unit: &str| {
            printed
                .lines()
                .rev()
                .find_map(|line| plain(line).trim().strip_suffix(unit)?.trim().parse::<usize>().ok())
        };
        let (passed, failed) = match (number("Pass"), number("Fail")) {
            (Some(passed), Some(failed)) => (passed, failed),
            _ => (usize::from(answer.succeeded()), usize::from(!answer.succeeded())),
        };
        Finding { passed, failed, answer }
    }

    /// A file evaluates to the list of the tests that failed.
    fn of_file(answer: Answer) -> Self {
        let passed = answer.succeeded() && answer.output.trim() == "[]";
        Finding { passed: usize::from(passed), failed: usize::from(!passed), answer }
    }
}

/// A line without the colours of a terminal.
fn plain(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str(part.split_once('m').map_or(part, |(_, rest)| rest));
    }
    text
}

/// Runs the tests below `library`, the directory `lib` of a nixpkgs.
///
/// # Errors
/// The directory is no library, or a program cannot be started.
pub fn run(bench: &Bench, library: &Path) -> Result<CorpusResult> {
    let library = fs::canonicalize(library).map_err(Error::io("find", library))?;
    if !library.join("tests/misc.nix").exists() {
        return Err(Error::NotACorpus {
            directory: library,
            wanted: "the lib of a nixpkgs",
            missing: "tests/misc.nix".into(),
        });
    }
    let mut result = CorpusResult {
        description: "The tests of nixpkgs' library: misc.nix, fetchers.nix, systems.nix, and the checks of modules.sh, \
                      filesystem.sh, network.sh, sources.sh and the file sets."
            .into(),
        order: 2,
        ..CorpusResult::default()
    };
    let parts = || FILES.iter().chain(SCRIPTS);
    let find = |program: &Program| -> Result<Vec<Finding>> {
        tell(&format!("library tests with {}", program.name()));
        parts().map(|part| part_of(program, &library, part)).collect()
    };
    let ours = find(&bench.ours)?;
    for nix in &bench.nixes {
        let mut comparison = Comparison::default();
        for ((part, ours), theirs) in parts().zip(&ours).zip(find(nix)?) {
            let all = theirs.passed + theirs.failed;
            comparison.cases += all;
            comparison.not_in_nix += theirs.failed;
            // Which checks failed is not known, so the most favourable case must not be assumed.
            comparison.identical += theirs.passed.saturating_sub(ours.failed);
            if ours.failed > 0 {
                let difference = match ours.passed + ours.failed {
                    1 => difference(&ours.answer, &theirs.answer),
                    all => format!("{} of {all} checks fail here", ours.failed),
                };
                comparison.different.insert(part.trim_start_matches("../").to_owned(), difference);
            }
            if theirs.passed > 0 {
                comparison.ours.add(ours.answer.cost);
                comparison.theirs.add(theirs.answer.cost);
            }
        }
        result.set(nix, Beside::Compared(comparison));
    }
    Ok(result)
}

fn part_of(program: &Program, library: &Path, part: &str) -> Result<Finding> {
    let tests = library.join("tests");
    if part.ends_with(".nix") {
        let arguments = ["--eval", "--strict", "--json", part];
        return Ok(Finding::of_file(program.run(&Request::new(arguments).within(&tests))?));
    }
    // The scripts find the program by its name.
    let place = tempfile::tempdir().map_err(Error::io("make a directory in", std::env::temp_dir()))?;
    let link = place.path().join("nix-instantiate");
    symlink(&program.file, &link).map_err(Error::io("make", &link))?;
    let mut path = OsString::from(place.path());
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let nixpkgs = library.parent().unwrap_or(library);
    let mut search_path = OsString::from("nixpkgs=");
    search_path.push(nixpkgs);
    // Some look into the store, so its paths must be where the files are.
    let directory = |name: &str| OsString::from(place.path().join(name));
    let environment = vec![
        ("PATH".to_owned(), path),
        ("TEST_LIB".to_owned(), library.as_os_str().to_owned()),
        ("NIX_PATH".to_owned(), search_path),
        ("NIX_STORE_DIR".to_owned(), directory("nix/store")),
        ("NIX_STATE_DIR".to_owned(), directory("nix/var/nix")),
        ("NIX_LOG_DIR".to_owned(), directory("nix/var/log/nix")),
    ];
    let script = tests.join(part);
    let request = Request { environment, ..Request::new([script.as_os_str()]).within(&tests) };
    let finding = Finding::of_script(run_script(Path::new("bash"), &request)?);
    remove_store(place.path())?;
    Ok(finding)
}

/// A store's directories are not writable, so they do not go with the directory around them.
fn remove_store(root: &Path) -> Result<()> {
    let store = root.join("nix");
    if !store.exists() {
        return Ok(());
    }
    nix_store::local::remove_tree(&store)
        .map_err(|error| Error::Form { path: store, reason: error.to_string() })
}

fn difference(ours: &Answer, theirs: &Answer) -> String {
    if ours.succeeded() && theirs.succeeded() {
        first_difference(&ours.output, &theirs.output)
    } else {
        format!("fails here: {}", ours.error_line())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::Cost;

    fn answer(status: i32, output: &str) -> Answer {
        Answer { status: Some(status), output: output.into(), errors: String::new(), cost: Cost::default() }
    }

    #[test]
    fn checks_are_counted() {
        let found = Finding::of_script(answer(
            1,
            "====== module tests ======\n\u{1b}[32m405 Pass\u{1b}[0m\n2 Fail\n",
        ));
        assert_eq!((found.passed, found.failed), (405, 2));
        let found = Finding::of_script(answer(0, "all is well"));
        assert_eq!((found.passed, found.failed), (1, 0));
        assert_eq!(Finding::of_file(answer(0, "[]\n")).passed, 1);
        assert_eq!(Finding::of_file(answer(0, "[{\"name\":\"x\"}]\n")).failed, 1);
    }
}
