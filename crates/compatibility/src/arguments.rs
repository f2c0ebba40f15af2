//! The command line.

use std::path::PathBuf;

use clap::Parser;

use crate::corpora::packages::Tree;

/// Runs collections of Nix code through this project's evaluator and through Nix, and writes down what differs.
#[derive(Debug, Parser)]
#[command(
    name = "compatibility",
    about,
    after_long_help = EXAMPLES,
    max_term_width = 110
)]
pub struct Arguments {
    /// A nix-instantiate of Nix to compare with; its nix-store must lie beside it. May be given several times, oldest
    /// version first
    #[arg(long = "nix", value_name = "PROGRAM", required_unless_present = "render")]
    pub nixes: Vec<PathBuf>,

    /// This project's nix-instantiate [default: the one beside this program]
    #[arg(long, value_name = "PROGRAM")]
    pub ours: Option<PathBuf>,

    /// Nix's own language tests: the directory tests/functional/lang of its source
    #[arg(long, value_name = "DIRECTORY")]
    pub lang: Option<PathBuf>,

    /// The tests of nixpkgs' library: the directory lib of a nixpkgs
    #[arg(long, value_name = "DIRECTORY")]
    pub lib: Option<PathBuf>,

    /// Every top-level attribute of a nixpkgs
    #[arg(long, value_name = "NAME=DIRECTORY", value_parser = tree)]
    pub packages: Vec<Tree>,

    /// Every Nix file of a nixpkgs, parsed
    #[arg(long, value_name = "NAME=DIRECTORY", value_parser = tree)]
    pub parse: Vec<Tree>,

    /// NixOS systems: a directory of files, each a function of { nixpkgs } that returns a derivation
    #[arg(long, value_name = "DIRECTORY", requires = "nixpkgs")]
    pub systems: Option<PathBuf>,

    /// The nixpkgs that the systems are made of
    #[arg(long, value_name = "DIRECTORY")]
    pub nixpkgs: Option<PathBuf>,

    /// Also write the systems' derivations to stores, and compare these
    #[arg(long, requires = "systems")]
    pub derivations: bool,

    /// Only the systems whose names contain this
    #[arg(long, value_name = "TEXT", requires = "systems")]
    pub only: Option<String>,

    /// How many attributes of --packages one process is asked for: more is faster and takes more memory
    #[arg(long, value_name = "COUNT", default_value_t = 2000)]
    pub shard: usize,

    /// Where stores, Nix's answers and the results of earlier runs are kept
    #[arg(long, value_name = "DIRECTORY", default_value = "target/compatibility")]
    pub keep: PathBuf,

    /// Write the report to this file, with the corpora of earlier runs in it
    #[arg(long, value_name = "FILE")]
    pub write: Option<PathBuf>,

    /// Run nothing; only write the report of the results that are kept
    #[arg(long, requires = "write")]
    pub render: bool,
}

const EXAMPLES: &str = "\
Examples:
  compatibility --nix /usr/bin/nix-instantiate --lang nix/tests/functional/lang --lib nixpkgs/lib
  compatibility --nix nix-2.26.3/nix-instantiate --packages np26=nixpkgs --write docs/compatibility.md
  compatibility --nix nix-2.26.3/nix-instantiate --systems crates/compatibility/systems --nixpkgs nixpkgs

Exit status: 0 if nothing differs without a known reason, 3 if something does, 1 if something could not be run.";

fn tree(text: &str) -> Result<Tree, String> {
    let wrong = || format!("'{text}' is not of the form NAME=DIRECTORY");
    let (name, directory) = text.split_once('=').ok_or_else(wrong)?;
    let directory = std::fs::canonicalize(directory).map_err(|error| format!("{directory}: {error}"))?;
    Ok(Tree { name: name.to_owned(), directory })
}
