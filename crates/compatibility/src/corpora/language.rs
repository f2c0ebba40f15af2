//! The functional tests of the language in Nix's own repository, `tests/functional/lang`.
//!
//! A case is a file; its name says what is to happen: `parse-okay`, `parse-fail`, `eval-okay`, `eval-fail`. What it is to
//! print lies beside it in `.exp` or `.exp.xml`, options in `.flags`. `lang.sh` of that repository says how to run them.
//!
//! Texts of errors are not compared: they differ between versions of Nix, too.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Bench, first_difference, tell};
use crate::program::{Answer, Cost, Program, Request};
use crate::results::{Beside, Comparison, CorpusResult};
use crate::{Error, Result};

/// What is to become of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    ParseFail,
    ParseOkay,
    EvalFail,
    EvalOkay,
}

/// A test case.
#[derive(Clone, Debug)]
pub struct Case {
    /// The file's name, without `.nix`.
    pub name: String,
    kind: Kind,
    /// What is to be printed.
    expected: Option<Expected>,
    flags: Vec<String>,
}

#[derive(Clone, Debug)]
enum Expected {
    Text(String),
    Xml(String),
}

impl Case {
    /// Whether an answer is what the case wants.
    fn is_passed(&self, answer: &Answer, directory: &Path) -> bool {
        match self.kind {
            Kind::ParseFail | Kind::EvalFail => answer.status == Some(1),
            Kind::ParseOkay | Kind::EvalOkay => {
                answer.succeeded()
                    && match &self.expected {
                        Some(Expected::Text(expected) | Expected::Xml(expected)) => {
                            normalised(&answer.output, directory) == normalised(expected, directory)
                        }
                        None => true,
                    }
            }
        }
    }
}

/// The output as the expectations have it: directories by a fixed name, and no matter how the file ends.
fn normalised(output: &str, directory: &Path) -> String {
    output.replace(&directory.display().to_string(), "/pwd").trim_end().to_owned()
}

/// A suite: the directory that holds `lang`, and the cases in it.
pub struct Suite {
    directory: PathBuf,
    /// The cases, sorted by name.
    pub cases: Vec<Case>,
}

impl Suite {
    /// Reads the suite in `directory`, which is the one named `lang`.
    ///
    /// # Errors
    /// There are no cases in it, or a file cannot be read.
    pub fn open(directory: &Path) -> Result<Self> {
        let read = |path: &Path| fs::read(path).map_err(Error::io("read", path));
        let text = |path: &Path| read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let directory = fs::canonicalize(directory).map_err(Error::io("find", directory))?;
        let mut cases = Vec::new();
        for entry in fs::read_dir(&directory).map_err(Error::io("read", &directory))? {
            let path = entry.map_err(Error::io("read", &directory))?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".nix")) else {
                continue;
            };
            let kind = match name {
                name if name.starts_with("parse-fail-") => Kind::ParseFail,
                name if name.starts_with("parse-okay-") => Kind::ParseOkay,
                name if name.starts_with("eval-fail-") => Kind::EvalFail,
                name if name.starts_with("eval-okay-") => Kind::EvalOkay,
                _ => continue,
            };
            let beside = |extension: &str| directory.join(format!("{name}.{extension}"));
            let expected = if beside("exp.xml").exists() {
                Some(Expected::Xml(text(&beside("exp.xml"))?))
            } else if beside("exp").exists() {
                Some(Expected::Text(text(&beside("exp"))?))
            } else {
                None
            };
            if kind == Kind::EvalOkay && beside("exp-disabled").exists() {
                continue;
            }
            let flags = match beside("flags") {
                flags if flags.exists() => words(&text(&flags)?),
                _ => Vec::new(),
            };
            cases.push(Case { name: name.to_owned(), kind, expected, flags });
        }
        if cases.is_empty() {
            return Err(Error::NotACorpus {
                directory,
                wanted: "Nix's tests/functional/lang",
                missing: "file eval-okay-*.nix".into(),
            });
        }
        cases.sort_by(|a, b| a.name.cmp(&b.name));
        let parent = directory.parent().unwrap_or(&directory).to_owned();
        Ok(Suite { directory: parent, cases })
    }

    /// How a case is run.
    fn request(&self, case: &Case) -> Request {
        let file = format!("lang/{}.nix", case.name);
        let mut words: Vec<&str> = Vec::new();
        let mut environment: Vec<(String, OsString)> = vec![
            ("TEST_VAR".into(), "foo".into()),
            ("NIX_REMOTE".into(), "dummy://".into()),
            ("NIX_STORE_DIR".into(), "/nix/store".into()),
            ("NIX_CONFIG".into(), "experimental-features = nix-command flakes".into()),
        ];
        let mut input = None;
        match case.kind {
            Kind::ParseFail | Kind::ParseOkay => {
                words.extend(["--parse", "-"]);
                input = Some(self.directory.join(&file));
            }
            Kind::EvalFail => {
                if case.flags.is_empty() {
                    words.extend(["--eval", "--strict", "--show-trace"]);
                }
                words.extend(case.flags.iter().map(String::as_str));
                words.push(&file);
            }
            Kind::EvalOkay => {
                if matches!(case.expected, Some(Expected::Xml(_))) {
                    words.extend(["--eval", "--xml", "--no-location", "--strict"]);
                } else {
                    words.extend(case.flags.iter().map(String::as_str));
                    words.extend(["--eval", "--strict"]);
                    environment.push(("NIX_PATH".into(), "lang/dir3:lang/dir4".into()));
                    environment.push(("HOME".into(), "/fake-home".into()));
                }
                words.push(&file);
            }
        }
        Request { environment, input, ..Request::new(words).within(&self.directory) }
    }

    /// Runs a case; returns the answer and whether it is what the case wants.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn run(&self, program: &Program, case: &Case) -> Result<(Answer, bool)> {
        let answer = program.run(&self.request(case))?;
        let passed = case.is_passed(&answer, &self.directory);
        Ok((answer, passed))
    }
}

/// Splits a line of flags as the suite's own script does: at white space; a comment starts at `#`.
fn words(flags: &str) -> Vec<String> {
    let lines = flags.lines().map(|line| line.split('#').next().unwrap_or_default());
    lines.flat_map(|line| line.split_whitespace().map(str::to_owned)).collect()
}

/// Runs the suite.
///
/// # Errors
/// The directory is no suite, or a program cannot be started.
pub fn run(bench: &Bench, directory: &Path) -> Result<CorpusResult> {
    let suite = Suite::open(directory)?;
    let mut result = CorpusResult {
        description:
            "The functional tests of the language in Nix's own repository (tests/functional/lang): exit \
                      status and output."
                .into(),
        order: 1,
        ..CorpusResult::default()
    };
    let ours: Vec<(Answer, bool)> =
        suite.cases.iter().map(|case| suite.run(&bench.ours, case)).collect::<Result<_>>()?;
    for nix in &bench.nixes {
        tell(&format!("language suite beside {}: {} cases", nix.name(), suite.cases.len()));
        let mut comparison = Comparison::default();
        for (case, (our, we_pass)) in suite.cases.iter().zip(&ours) {
            let (theirs, passed) = suite.run(nix, case)?;
            if !passed {
                comparison.count_not_in_nix();
                continue;
            }
            add(&mut comparison.ours, &mut comparison.theirs, our, &theirs);
            let difference = (!we_pass).then(|| difference(our, &theirs));
            comparison.count(&case.name, difference);
        }
        result.set(nix, Beside::Compared(comparison));
    }
    Ok(result)
}

fn add(ours: &mut Cost, theirs: &mut Cost, our: &Answer, their: &Answer) {
    ours.add(our.cost);
    theirs.add(their.cost);
}

fn difference(ours: &Answer, theirs: &Answer) -> String {
    match (ours.succeeded(), theirs.succeeded()) {
        (true, true) => first_difference(&ours.output, &theirs.output),
        (true, false) => "evaluates here, fails in Nix".into(),
        (false, true) => format!("fails here: {}", ours.error_line()),
        (false, false) => format!("exit status {:?} here, {:?} in Nix", ours.status, theirs.status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_words_without_comments() {
        assert_eq!(words("--arg a b # why\n-A x\n"), ["--arg", "a", "b", "-A", "x"]);
    }
}
