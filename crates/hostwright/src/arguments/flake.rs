//! Arguments of `flake …`.

use clap::{Args, Subcommand, ValueHint};

use super::BuildLimits;

/// Arguments of `flake`.
#[derive(Debug, Args)]
pub struct FlakeCommandArguments {
    /// What to do with the flake.
    #[command(subcommand)]
    pub command: FlakeCommand,
}

/// What to do with a flake.
#[derive(Debug, Subcommand)]
pub enum FlakeCommand {
    /// Write flake.lock for inputs that are not pinned yet
    Lock(FlakeLockArguments),
    /// Pin all inputs, or some, as they are now
    Update(FlakeUpdateArguments),
    /// Show what a flake offers
    Show(FlakeShowArguments),
    /// Show where a flake and its inputs come from
    #[command(visible_alias = "info")]
    Metadata(FlakeMetadataArguments),
    /// Evaluate everything that a flake offers, and build its checks
    Check(FlakeCheckArguments),
}

/// Arguments of `flake lock`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hostwright flake lock                                            the flake in this directory
  hostwright flake lock --override-input nixpkgs ../my-nixpkgs     pin another tree in its place

What is pinned already stays as it is; `flake update` changes that. The file is the one that Nix writes.")]
pub struct FlakeLockArguments {
    /// The flake
    #[arg(value_name = "FLAKE", default_value = ".", value_hint = ValueHint::DirPath)]
    pub flake: String,
}

/// Arguments of `flake update`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hostwright flake update                       all inputs of the flake in this directory
  hostwright flake update nixpkgs home/nixpkgs  these inputs only
  hostwright flake update --flake ./fleet")]
pub struct FlakeUpdateArguments {
    /// The inputs to pin anew, by their paths (a or a/b) [default: all]
    #[arg(value_name = "INPUT")]
    pub inputs: Vec<String>,
    /// The flake
    #[arg(long, value_name = "FLAKE", default_value = ".", value_hint = ValueHint::DirPath)]
    pub flake: String,
}

/// Arguments of `flake show`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hostwright flake show
  hostwright flake show github:NixOS/nixpkgs/nixos-25.05 --legacy
  hostwright flake show --json | jq .packages")]
pub struct FlakeShowArguments {
    /// The flake
    #[arg(value_name = "FLAKE", default_value = ".", value_hint = ValueHint::DirPath)]
    pub flake: String,
    /// Print JSON: the tree of outputs, {"type", "name", "description"} at its leaves
    #[arg(long)]
    pub json: bool,
    /// Show what is for other systems, too
    #[arg(long)]
    pub all_systems: bool,
    /// Show what is in legacyPackages
    #[arg(long)]
    pub legacy: bool,
}

/// Arguments of `flake metadata`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hostwright flake metadata
  hostwright flake metadata nixpkgs --json | jq -r .locked.rev")]
pub struct FlakeMetadataArguments {
    /// The flake
    #[arg(value_name = "FLAKE", default_value = ".", value_hint = ValueHint::DirPath)]
    pub flake: String,
    /// Print JSON, as Nix has it: {"description", "locked", "locks", "original", "path", "resolved", …}
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `flake check`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hostwright flake check
  hostwright flake check --no-build --keep-going   evaluate only, and name everything that fails
  hostwright flake check --all-systems")]
pub struct FlakeCheckArguments {
    /// The flake
    #[arg(value_name = "FLAKE", default_value = ".", value_hint = ValueHint::DirPath)]
    pub flake: String,
    /// Do not build the checks
    #[arg(long)]
    pub no_build: bool,
    /// Evaluate what is for other systems, too
    #[arg(long)]
    pub all_systems: bool,
    /// How much is done at once.
    #[command(flatten)]
    pub limits: BuildLimits,
}
