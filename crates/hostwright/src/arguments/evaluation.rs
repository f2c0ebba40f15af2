//! How configurations are evaluated, and the arguments of `eval`, `eval-jobs` and `repl`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{ArgAction, Args, ValueHint};

/// How configurations are evaluated. Each of these is a setting of Nix, too, for `--option` and `NIX_CONFIG`.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Evaluation options")]
pub struct EvaluationArguments {
    /// Look <NAME> up in PATH (a directory or URL), before NIX_PATH; NAME=PATH for that name only
    #[arg(short = 'I', long = "include", global = true, value_name = "PATH", action = ArgAction::Append)]
    pub include: Vec<String>,

    /// The system to evaluate for [default: this machine's]
    #[arg(long, global = true, value_name = "SYSTEM", alias = "eval-system")]
    pub system: Option<String>,

    /// Read only what the search path leads to, and fetch only from allowed-uris
    #[arg(long, global = true, hide_short_help = true)]
    pub restrict_eval: bool,

    /// Refuse configurations that read what they build (import from derivation)
    #[arg(long, global = true, hide_short_help = true)]
    pub no_allow_import_from_derivation: bool,

    /// Turn on experimental features of Nix, such as pipe-operators
    #[arg(long, global = true, value_name = "NAMES", action = ArgAction::Append, hide_short_help = true)]
    pub extra_experimental_features: Vec<String>,

    /// Print what builtins.traceVerbose says
    #[arg(long, global = true, hide_short_help = true)]
    pub trace_verbose: bool,
}

/// Arguments for functions in files, as Nix's commands take them.
#[derive(Debug, Clone, Default, Args)]
pub struct FunctionArguments {
    /// Call functions with the argument NAME, the value of EXPRESSION
    #[arg(long = "arg", num_args = 2, value_names = ["NAME", "EXPRESSION"], action = ArgAction::Append)]
    pub expressions: Vec<String>,
    /// Call functions with the argument NAME, a string
    #[arg(long = "argstr", num_args = 2, value_names = ["NAME", "TEXT"], action = ArgAction::Append)]
    pub strings: Vec<String>,
}

/// A value that is asked for: of a flake, a file or an expression.
#[derive(Debug, Args)]
pub struct SubjectArguments {
    /// The flake, and the attribute in it
    #[arg(value_name = "FLAKE#ATTRIBUTE", required_unless_present_any = ["expr", "file"])]
    pub installable: Option<String>,
    /// Evaluate an expression instead of a flake; the argument is then an attribute of its value
    #[arg(long, value_name = "EXPRESSION", conflicts_with = "file")]
    pub expr: Option<String>,
    /// Evaluate a file, <NAME> or URL instead of a flake, - for standard input; the argument is then an attribute of its value
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: Option<String>,
    /// The attribute of the value of --expr or --file
    #[arg(short = 'A', long, value_name = "ATTRIBUTE", conflicts_with = "installable")]
    pub attr: Option<String>,
    /// Arguments for functions on the way to the attribute, and for its value if there are any.
    #[command(flatten)]
    pub functions: FunctionArguments,
}

impl SubjectArguments {
    /// Whether it is the value of a file or an expression, and of no flake.
    pub fn is_expression(&self) -> bool {
        self.expr.is_some() || self.file.is_some()
    }
}

/// Arguments of `eval`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hostwright eval .#nixosConfigurations.web.config.services.openssh.ports --json
  hostwright eval .#nixosConfigurations --apply builtins.attrNames
  hostwright eval --expr '1 + 2'
  hostwright eval --file default.nix --argstr name web -A config.networking
  echo 'builtins.currentSystem' | hostwright eval --file -

Flakes and --expr are evaluated purely, --file is not; --impure lets all of them look at this machine.")]
pub struct EvalArguments {
    /// What is evaluated.
    #[command(flatten)]
    pub subject: SubjectArguments,
    /// Print JSON
    #[arg(long, conflicts_with_all = ["raw", "xml"])]
    pub json: bool,
    /// Print a string without quotes and without a newline
    #[arg(long, conflicts_with = "xml")]
    pub raw: bool,
    /// Print XML, as nix-instantiate --eval --xml does
    #[arg(long)]
    pub xml: bool,
    /// Evaluate the whole value before printing it, and fail if anything in it does
    #[arg(long)]
    pub strict: bool,
    /// Build nothing and write nothing to the store
    #[arg(long)]
    pub read_only: bool,
    /// Call this function with the value and print the result
    #[arg(long, value_name = "FUNCTION")]
    pub apply: Option<String>,
}

/// Arguments of `eval-jobs`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hostwright eval-jobs .#nixosConfigurations
  hostwright eval-jobs .#checks --force-recurse
  hostwright eval-jobs --file ./nixpkgs --arg config '{ allowUnfree = true; }' --read-only
  hostwright eval-jobs . --select 'flake: { inherit (flake) checks packages; }' --force-recurse --meta

One JSON object a line for each derivation, as soon as it is known: attr, attrPath, drvPath, name, outputs and system. What does
not evaluate has error instead, and exit status 3 follows in the end. The .drv files are in the store when a line is printed. A
host (what evalModules returns) stands for its config.system.build.toplevel.")]
pub struct EvalJobsArguments {
    /// What the derivations are looked for in.
    #[command(flatten)]
    pub subject: SubjectArguments,
    /// Call this function with the value, and look for derivations in the result
    #[arg(long, value_name = "FUNCTION")]
    pub select: Option<String>,
    /// Look into all sets, not only into those with recurseForDerivations = true
    #[arg(long)]
    pub force_recurse: bool,
    /// Add meta to the lines: the derivation's own, as far as it is data
    #[arg(long)]
    pub meta: bool,
    /// Add inputDrvs to the lines: the derivations that the derivation needs, and which outputs of them
    #[arg(long)]
    pub show_input_drvs: bool,
    /// Call this function with each derivation, and add the result to its line as extraValue
    #[arg(long, value_name = "FUNCTION")]
    pub apply: Option<String>,
    /// How many evaluations there are at once [default: one on each processor, as far as free memory allows]
    #[arg(long, value_name = "N")]
    pub workers: Option<NonZeroUsize>,
    /// How large an evaluation grows before a new one goes on, in MiB [default: 6144 for all workers together, but 2048 for each, and
    /// half of the memory that is free at most]
    #[arg(long, value_name = "MIB")]
    pub max_memory_size: Option<NonZeroUsize>,
    /// Build nothing and write nothing to the store
    #[arg(long, alias = "no-instantiate")]
    pub read_only: bool,
    /// Keep the .drv files from being collected, by links in this directory
    #[arg(long, value_name = "DIRECTORY", value_hint = ValueHint::DirPath, conflicts_with = "read_only")]
    pub gc_roots_dir: Option<PathBuf>,
}

/// Arguments of `repl`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hostwright repl .                          the outputs of the flake in this directory are variables
  hostwright repl .#nixosConfigurations.web  those of a host: config, options, pkgs
  hostwright repl --file lib.nix

:? lists the commands. The language is evaluated impurely here.")]
pub struct ReplArguments {
    /// Flakes, and attributes in them, whose attributes become variables
    #[arg(value_name = "FLAKE#ATTRIBUTE")]
    pub installables: Vec<String>,
    /// Files whose attributes become variables
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: Vec<String>,
    /// Expressions whose attributes become variables
    #[arg(long, value_name = "EXPRESSION")]
    pub expr: Vec<String>,
    /// Arguments for functions in files.
    #[command(flatten)]
    pub functions: FunctionArguments,
}
