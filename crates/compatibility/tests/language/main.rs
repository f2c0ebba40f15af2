//! Nix's own functional tests of the language, out of Debian's source package of Nix: this project's evaluator passes them
//! all, by exit status and by what it prints.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what fails here fails the test")]

mod source_package;

use std::path::Path;

use compatibility::corpora::language::Suite;
use compatibility::program::Program;

/// Cases of what Nix itself calls experimental, which this project's evaluator may do without.
const EXPERIMENTAL: &[&str] =
    &["eval-okay-flake-ref-to-string", "eval-okay-fromTOML-timestamps", "eval-okay-parse-flake-ref"];

#[test]
fn every_case_of_nixs_own_suite_passes() {
    let source = source_package::unpacked("nix", "tests/functional/lang");
    let suite = Suite::open(&source).unwrap();
    assert!(suite.cases.len() > 200, "only {} cases", suite.cases.len());
    let program = Program::ours(Path::new(env!("CARGO_BIN_EXE_nix-instantiate")).to_owned());
    let mut failed = Vec::new();
    for case in &suite.cases {
        let (answer, passed) = suite.run(&program, case).unwrap();
        if !passed && !EXPERIMENTAL.contains(&case.name.as_str()) {
            failed.push(format!(
                "{}: exit status {:?}\n{}{}",
                case.name, answer.status, answer.output, answer.errors
            ));
        }
    }
    assert!(failed.is_empty(), "{} cases:\n{}", failed.len(), failed.join("\n"));
}
