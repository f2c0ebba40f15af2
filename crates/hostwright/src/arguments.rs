//! The command line as it is typed. What it means is worked out in [`crate::configuration`].

mod build;
mod cache;
mod deploy;
mod evaluation;
mod flake;
mod flash;
mod packages;
mod store;

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum, ValueHint};

pub use build::{BuildArguments, BuildLimits, ImageArguments, LogArguments, VmArguments};
pub use cache::{
    CacheCommand, CacheCommandArguments, CacheKeygenArguments, CachePushArguments, CacheSignArguments,
    CacheVerifyArguments, CopyArguments,
};
pub use deploy::{
    ApplyArguments, DiffArguments, ExecArguments, GenerationsArguments, Goal, HostsArguments, LogsArguments,
    RollbackArguments, SshArguments, StatusArguments,
};
pub use evaluation::{
    EvalArguments, EvalJobsArguments, EvaluationArguments, FunctionArguments, ReplArguments, SubjectArguments,
};
pub use flake::{
    FlakeCheckArguments, FlakeCommand, FlakeCommandArguments, FlakeMetadataArguments, FlakeShowArguments,
};
pub use flash::{FlashArguments, PersonalArguments};
pub use packages::{LintArguments, OptionsArguments, PackagesArguments, UpdateArguments};
pub use store::{
    GcArguments, StoreCommand, StoreCommandArguments, StoreDeleteArguments, StoreInfoArguments,
    StoreOptimiseArguments, StoreRootsArguments, StoreVerifyArguments, size,
};

/// From a fleet written in Nix to running hosts.
#[derive(Debug, Parser)]
#[command(
    name = "hostwright",
    version,
    about,
    long_about = "Hostwright takes a fleet of machines from its Nix configuration to running hosts: it evaluates the flake, \
                  pins and downloads its packages, builds the hosts and makes images of them. It needs no Nix, no root, no \
                  container and no emulator.",
    after_long_help = EXAMPLES,
    propagate_version = true,
    disable_help_subcommand = true,
    max_term_width = 110
)]
pub struct Arguments {
    /// Options that every command takes.
    #[command(flatten)]
    pub global: GlobalArguments,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  hostwright vm .#web                      build the host 'web' and boot it in a virtual machine
  hostwright build .#web .#db              build two hosts; ./result and ./result-1 lead to them
  hostwright image .#web --format qcow2    make a bootable disk image
  hostwright lock                          pin the packages of all hosts in ./debian.lock
  hostwright flake update                  pin the newest trees of all inputs in ./flake.lock
  hostwright eval .#nixosConfigurations.web.config.networking.hostName --raw
  hostwright build .#web --override-input nixpkgs hostwright:debian

FLAKE is a directory, or a flake reference as Nix has them; FLAKE#HOST is the host nixosConfigurations.HOST.

Exit status:
  0 done               3 the configuration does not evaluate   6 a hash or signature is wrong   9 the machine did not start
  1 a fault inside     4 packages cannot be resolved           7 a build failed                 130 interrupted
  2 wrong usage        5 the network failed                    8 a file could not be written";

/// Options that every command takes.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalArguments {
    /// The store: a directory, or Nix's local?root=DIRECTORY, daemon, unix://SOCKET, ssh-ng://HOST, auto [default: auto: /
    /// where /nix is writable, else Nix's daemon where one runs, else $XDG_DATA_HOME/hostwright]
    #[arg(long, global = true, value_name = "STORE", env = "HOSTWRIGHT_STORE", value_hint = ValueHint::DirPath)]
    pub store: Option<String>,

    /// Mirror of the Debian archive [default: the one that apt uses]
    #[arg(long, global = true, value_name = "URL", env = "HOSTWRIGHT_MIRROR", value_hint = ValueHint::Url)]
    pub mirror: Option<String>,

    /// Mirror of the Debian security archive [default: the one that apt uses]
    #[arg(long, global = true, value_name = "URL", env = "HOSTWRIGHT_SECURITY_MIRROR", value_hint = ValueHint::Url)]
    pub security_mirror: Option<String>,

    /// A mirror of another day of the Debian archive, for pinned packages that the mirror no longer has; their hashes are
    /// pinned, too. The security archive is looked for beside it
    #[arg(long, global = true, value_name = "URL", env = "HOSTWRIGHT_SNAPSHOT_MIRROR", value_delimiter = ' ', value_hint = ValueHint::Url)]
    pub snapshot_mirror: Vec<String>,

    /// Take the flake's input INPUT (a path such as a/b) from REFERENCE; implies --no-write-lock-file for flake.lock
    #[arg(long, global = true, num_args = 2, value_names = ["INPUT", "REFERENCE"], action = ArgAction::Append)]
    pub override_input: Vec<String>,

    /// Use only what is on this machine
    #[arg(long, global = true, env = "HOSTWRIGHT_OFFLINE", value_parser = clap::builder::FalseyValueParser::new())]
    pub offline: bool,

    /// Look at the archives again, even if what is known of them is recent
    #[arg(long, global = true)]
    pub refresh: bool,

    /// Do not write flake.lock and debian.lock
    #[arg(long, global = true)]
    pub no_write_lock_file: bool,

    /// Allow the configuration to look at this machine: environment variables, the clock, any file
    #[arg(long, global = true)]
    pub impure: bool,

    /// Show the whole way to an evaluation error
    #[arg(long, global = true)]
    pub show_trace: bool,

    /// Set one of Nix's settings
    #[arg(long, global = true, num_args = 2, value_names = ["NAME", "VALUE"], action = ArgAction::Append)]
    pub option: Vec<String>,

    /// How configurations are evaluated.
    #[command(flatten)]
    pub evaluation: EvaluationArguments,

    /// How flakes are locked.
    #[command(flatten)]
    pub flakes: FlakeArguments,

    /// Say more; twice for even more
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,

    /// Say nothing but errors
    #[arg(long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,

    /// How progress is shown
    #[arg(long, global = true, value_name = "FORMAT", default_value = "auto")]
    pub log_format: LogFormat,

    /// How the time of each stage is shown at the end, on standard error
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    pub timings: TimingsFormat,
}

/// How flakes are locked.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Flake options")]
pub struct FlakeArguments {
    /// Take the settings that a flake asks for (nixConfig) without asking
    #[arg(long, global = true)]
    pub accept_flake_config: bool,

    /// Refuse a flake whose flake.lock does not fit its inputs
    #[arg(long, global = true)]
    pub no_update_lock_file: bool,

    /// Look no names up in the flake registry
    #[arg(long, global = true, hide_short_help = true, alias = "no-use-registries")]
    pub no_registries: bool,

    /// Lock the input INPUT anew
    #[arg(long, global = true, value_name = "INPUT", action = ArgAction::Append, hide_short_help = true)]
    pub update_input: Vec<String>,

    /// Lock all inputs anew
    #[arg(long, global = true, hide_short_help = true)]
    pub recreate_lock_file: bool,

    /// Read this file instead of flake.lock
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath, hide_short_help = true)]
    pub reference_lock_file: Option<PathBuf>,

    /// Write this file instead of flake.lock
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath, hide_short_help = true)]
    pub output_lock_file: Option<PathBuf>,
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Bars on a terminal, lines elsewhere
    #[default]
    Auto,
    /// Bars
    Bar,
    /// One line a stage
    Raw,
}

/// How times are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum TimingsFormat {
    /// One sentence
    #[default]
    Text,
    /// One JSON object, {"stages": [{"name", "seconds"}], "peakMemoryBytes"}
    Json,
    /// Nothing
    None,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Pin the packages of a fleet's hosts in debian.lock
    Lock(LockArguments),
    /// Pin the newest packages, and show what changes on which host
    Update(UpdateArguments),
    /// Look for options of hosts
    Options(OptionsArguments),
    /// Look for packages of the archive
    Packages(PackagesArguments),
    /// Show what packages' maintainer scripts would do that nothing does in their place
    Lint(LintArguments),
    /// Evaluate an attribute of a flake, a file or an expression
    Eval(EvalArguments),
    /// Evaluate all derivations below an attribute, one JSON object a line
    EvalJobs(EvalJobsArguments),
    /// Look around in flakes and files, one expression after the other
    Repl(ReplArguments),
    /// Build hosts or other derivations of a flake
    Build(BuildArguments),
    /// Make a bootable disk image of a host
    #[command(visible_alias = "build-image")]
    Image(ImageArguments),
    /// Write an image to a card, a disk or a board's node, and read it back
    Flash(FlashArguments),
    /// Boot a host in a virtual machine
    Vm(VmArguments),
    /// Change running hosts to what the configuration says
    #[command(visible_alias = "deploy")]
    Apply(ApplyArguments),
    /// Show what hosts run and how they are
    Status(StatusArguments),
    /// Change hosts back to the generation before
    Rollback(RollbackArguments),
    /// List the generations of hosts
    #[command(visible_alias = "list-generations")]
    Generations(GenerationsArguments),
    /// Show what a change would do to hosts
    Diff(DiffArguments),
    /// Run a command on hosts
    Exec(ExecArguments),
    /// Log in to a host
    Ssh(SshArguments),
    /// Print what changes of a host printed, or its journal
    Logs(LogsArguments),
    /// Print what a build printed
    Log(LogArguments),
    /// Lock, update, show and check a flake
    Flake(FlakeCommandArguments),
    /// Remove what nothing needs from the store
    Gc(GcArguments),
    /// Look after the store: info, roots, verify, optimise, delete
    Store(StoreCommandArguments),
    /// Write, sign and verify binary caches
    Cache(CacheCommandArguments),
    /// Copy paths from binary caches, or to one
    Copy(CopyArguments),
    /// Print a completion script for a shell
    Completions(CompletionsArguments),
    /// Print the manual page
    Man,
}

/// Arguments of `lock`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hostwright lock                 the flake in this directory
  hostwright lock --check         fail if debian.lock is not what the hosts need; for CI
  hostwright lock ./fleet --mirror http://mirror.example/debian

Versions that are pinned already are kept where they still fit. 'hostwright update' takes the newest of all.")]
pub struct LockArguments {
    /// The flake
    #[arg(value_name = "FLAKE", default_value = ".", value_hint = ValueHint::DirPath)]
    pub flake: String,
    /// Write nothing, and fail if debian.lock is not what the hosts need
    #[arg(long)]
    pub check: bool,
    /// Print what was pinned as JSON: {"path", "written", "packages": {ARCHITECTURE: count}}
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArguments {
    /// The shell
    pub shell: clap_complete::Shell,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Arguments;

    #[test]
    fn no_two_options_of_a_verb_have_one_name() {
        Arguments::command().debug_assert();
    }
}
