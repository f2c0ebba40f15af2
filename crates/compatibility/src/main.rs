//! Runs collections of Nix code through this project's evaluator and through Nix, and writes down what differs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use compatibility::answers::Answers;
use compatibility::arguments::Arguments;
use compatibility::corpora::{Bench, derivations, language, library, packages, parsing, systems};
use compatibility::program::Program;
use compatibility::reasons::Reasons;
use compatibility::results::{CorpusResult, Results};
use compatibility::{Error, Result, report};

/// Something differs without a known reason.
const DIFFERENT: u8 = 3;

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(status) => status,
        Err(error) => {
            let mut source = std::error::Error::source(&error);
            eprintln!("error: {error}");
            while let Some(cause) = source {
                eprintln!("  because: {cause}");
                source = cause.source();
            }
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<ExitCode> {
    let reasons = Reasons::known()?;
    let kept = arguments.keep.join("results.json");
    let mut results = Results::read(&kept)?;
    if !arguments.render {
        compare(arguments, &mut |name, result| {
            results.0.insert(name.to_owned(), result);
            results.write(&kept)
        })?;
    }
    let text = report::markdown(&results, &reasons);
    match &arguments.write {
        Some(file) => fs::write(file, &text).map_err(|source| Error::Io {
            action: "write",
            path: file.clone(),
            source,
        })?,
        None => print!("{text}"),
    }
    let unexplained = report::has_unexplained(&results, &reasons);
    Ok(if unexplained { ExitCode::from(DIFFERENT) } else { ExitCode::SUCCESS })
}

/// Runs the corpora that are asked for; each result is handed over as soon as it is there.
fn compare(arguments: &Arguments, found: &mut dyn FnMut(&str, CorpusResult) -> Result<()>) -> Result<()> {
    let bench = bench(arguments)?;
    if let Some(directory) = &arguments.lang {
        found("Nix's language tests", language::run(&bench, directory)?)?;
    }
    if let Some(directory) = &arguments.lib {
        found("nixpkgs' library tests", library::run(&bench, directory)?)?;
    }
    for tree in &arguments.parse {
        found(&format!("files of {}", tree.name), parsing::run(&bench, tree)?)?;
    }
    if let (Some(directory), Some(nixpkgs)) = (&arguments.systems, &arguments.nixpkgs) {
        let nixpkgs = canonical(nixpkgs)?;
        let mut chosen = systems::in_directory(directory)?;
        if let Some(only) = &arguments.only {
            chosen.retain(|system| system.name.contains(only));
        }
        found("NixOS systems", systems::run(&bench, &chosen, &nixpkgs)?)?;
        if arguments.derivations {
            found("NixOS systems in a store", derivations::run(&bench, &chosen, &nixpkgs)?)?;
        }
    }
    for tree in &arguments.packages {
        found(&format!("packages of {}", tree.name), packages::run(&bench, tree, arguments.shard)?)?;
    }
    Ok(())
}

fn bench(arguments: &Arguments) -> Result<Bench> {
    let ours = match &arguments.ours {
        Some(file) => canonical(file)?,
        None => {
            let own = std::env::current_exe().map_err(|source| Error::Io {
                action: "find",
                path: "this program".into(),
                source,
            })?;
            canonical(&own.with_file_name("nix-instantiate"))?
        }
    };
    let nixes = arguments.nixes.iter().map(|file| Program::nix(file)).collect::<Result<_>>()?;
    let scratch = arguments.keep.join("scratch");
    fs::create_dir_all(&scratch).map_err(|source| Error::Io {
        action: "make",
        path: scratch.clone(),
        source,
    })?;
    let answers = Answers::in_directory(arguments.keep.join("answers"));
    Ok(Bench { ours: Program::ours(ours), nixes, answers, scratch: canonical(&scratch)? })
}

fn canonical(path: &Path) -> Result<PathBuf> {
    fs::canonicalize(path).map_err(|source| Error::Io { action: "find", path: path.to_owned(), source })
}
