//! The command line as it is typed. What it means is worked out in [`crate::configuration`].

mod cache;
mod deploy;
mod flake;
mod flash;
mod packages;
mod store;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum, ValueHint};

pub use cache::{
    CacheCommand, CacheCommandArguments, CacheKeygenArguments, CachePushArguments, CacheSignArguments,
    CacheVerifyArguments, CopyArguments,
};
pub use deploy::{
    ApplyArguments, DiffArguments, ExecArguments, GenerationsArguments, Goal, HostsArguments, LogsArguments,
    RollbackArguments, SshArguments, StatusArguments,
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

/// How much is done at once; shared by the commands that build.
#[derive(Debug, Clone, Default, Args)]
pub struct BuildLimits {
    /// Builds at once, 0 to run programs on other machines only [default: as many as the machine has processors]
    #[arg(short = 'j', long, value_name = "NUMBER")]
    pub max_jobs: Option<String>,
    /// Other machines that build, as in Nix's setting of that name; @FILE for those that a file lists [default:
    /// @/etc/nix/machines]
    #[arg(long, value_name = "MACHINES")]
    pub builders: Option<String>,
    /// Processors that one build may use, 0 for all [default: all]
    #[arg(long, value_name = "NUMBER")]
    pub cores: Option<u64>,
    /// Do not stop at the first build that fails
    #[arg(short, long)]
    pub keep_going: bool,
    /// Keep the build directory of a build that fails
    #[arg(short = 'K', long)]
    pub keep_failed: bool,
    /// Build what should have been fetched from a cache and could not be
    #[arg(long)]
    pub fallback: bool,
    /// How many seconds a build may take [default: no limit]
    #[arg(long, value_name = "SECONDS")]
    pub timeout: Option<u64>,
    /// How many seconds a build may print nothing [default: no limit]
    #[arg(long, value_name = "SECONDS")]
    pub max_silent_time: Option<u64>,
    /// Show what builds print
    #[arg(short = 'L', long)]
    pub print_build_logs: bool,
}

/// Arguments of `build`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hostwright build .#web                     ./result leads to the host's toplevel
  hostwright build .#web --no-link --print-out-paths
  hostwright build .#web --dry-run           what would be downloaded and built
  hostwright build .#nixosConfigurations.web.config.system.build.kernel")]
pub struct BuildArguments {
    /// Hosts (FLAKE#HOST) or attributes whose values are derivations
    #[arg(value_name = "FLAKE#HOST", default_value = ".")]
    pub installables: Vec<String>,
    /// Name of the link to the result; further ones are NAME-1, NAME-2…
    #[arg(short, long, value_name = "NAME", default_value = "result", value_hint = ValueHint::AnyPath)]
    pub out_link: PathBuf,
    /// Make no link
    #[arg(long, conflicts_with = "out_link")]
    pub no_link: bool,
    /// Print the results as JSON: [{"drvPath", "outputs": {NAME: path}}]
    #[arg(long)]
    pub json: bool,
    /// Print the store paths of the results
    #[arg(long)]
    pub print_out_paths: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Build what is built already once more, and fail if it is not the same
    #[arg(long, visible_alias = "check")]
    pub rebuild: bool,
    /// How much is done at once.
    #[command(flatten)]
    pub limits: BuildLimits,
}

/// Arguments of `image`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hostwright image .#web                         ./result/…: raw disk image for UEFI machines
  hostwright image .#web --format qcow2 -o web   for virtual machines; ./web leads to it
  hostwright image .#card --format sd-card --for kitchen --authorized-key ~/.ssh/id_ed25519.pub
                                                 ./kitchen.img: a copy of the card that is called kitchen
  hostwright image --patch kitchen.img --wifi home:wifi-passphrase.txt
                                                 another setting for the same copy
  hostwright image -f sd-aarch64 --flake .#card --system aarch64-linux -o card
                                                 as with nixos-generators")]
pub struct ImageArguments {
    /// The host
    #[arg(value_name = "FLAKE#HOST", required_unless_present_any = ["patch", "toplevel", "flake"])]
    pub installable: Option<String>,
    /// The host, as nixos-generators wants it said
    #[arg(long, value_name = "FLAKE#HOST", conflicts_with_all = ["installable", "patch", "toplevel"])]
    pub flake: Option<String>,
    /// Fail unless this is the host's system, such as aarch64-linux
    #[arg(long, value_name = "SYSTEM", conflicts_with_all = ["patch", "toplevel"])]
    pub system: Option<String>,
    /// Make an SD card of a NixOS system that is in the store, whoever built it, as nixpkgs lays cards out; -o names the directory
    #[arg(long, value_name = "PATH", conflicts_with_all = ["installable", "patch", "for_machine", "no_link"], value_hint = ValueHint::DirPath)]
    pub toplevel: Option<PathBuf>,
    /// With --toplevel: a path of the store with what the board's firmware reads
    #[arg(long, value_name = "PATH", requires = "toplevel", value_hint = ValueHint::DirPath)]
    pub firmware: Option<PathBuf>,
    /// With --toplevel: how the image is compressed
    #[arg(long, value_name = "KIND", requires = "toplevel", default_value = "zstd", value_parser = ["none", "zstd", "xz"])]
    pub compression: String,
    /// The kind of image: raw-efi, qcow2, or another variant that the host's system.build.images has
    #[arg(short, long, visible_alias = "image-variant", value_name = "FORMAT", default_value = "raw-efi")]
    pub format: String,
    /// Name of the link to the result
    #[arg(short, long, value_name = "NAME", default_value = "result", value_hint = ValueHint::AnyPath)]
    pub out_link: PathBuf,
    /// Make no link
    #[arg(long, conflicts_with = "out_link")]
    pub no_link: bool,
    /// Print the result as JSON: {"path", "format", "file", "size"}; "copy" with --for
    #[arg(long)]
    pub json: bool,
    /// Make a copy for one machine, ./NAME.img, which is called so (if it has no --hostname) and has the settings below
    #[arg(
        long = "for",
        value_name = "NAME",
        conflicts_with = "patch",
        help_heading = "What one machine has of its own"
    )]
    pub for_machine: Option<String>,
    /// Give the settings below to an uncompressed image that is there, instead of making one
    #[arg(long, value_name = "FILE", conflicts_with = "installable", value_hint = ValueHint::FilePath, help_heading = "What one machine has of its own")]
    pub patch: Option<PathBuf>,
    /// What one machine has of its own.
    #[command(flatten)]
    pub personal: PersonalArguments,
    /// How much is done at once.
    #[command(flatten)]
    pub limits: BuildLimits,
}

/// Arguments of `vm`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hostwright vm .#web                        boot it, print the SSH command, run until it shuts down or Ctrl-C
  hostwright vm .#web --fresh --port 2222    begin with an unused disk
  hostwright vm .#web --detach               leave it running; its process id is in the state directory
  hostwright vm .#web --exec 'systemctl is-system-running --wait'

The disk is kept between runs in $XDG_STATE_HOME/hostwright/vm (or --state).")]
pub struct VmArguments {
    /// The host
    #[arg(value_name = "FLAKE#HOST")]
    pub installable: String,
    /// Memory in MiB
    #[arg(long, value_name = "MIB", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(64..))]
    pub memory: u32,
    /// Processors
    #[arg(long, value_name = "NUMBER", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=255))]
    pub cpus: u32,
    /// Size of the disk in GiB; the root file system grows into it
    #[arg(long, value_name = "GIB", default_value_t = 16, value_parser = clap::value_parser!(u64).range(1..=65536))]
    pub disk_size: u64,
    /// Port of 127.0.0.1 that leads to the host's SSH [default: a free one]
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
    /// Begin with an unused disk
    #[arg(long)]
    pub fresh: bool,
    /// Boot this uncompressed image of the host, such as a copy for one machine; it is only read
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub image: Option<PathBuf>,
    /// Where the disk, the key and the log are kept
    #[arg(long, value_name = "DIRECTORY", value_hint = ValueHint::DirPath)]
    pub state: Option<PathBuf>,
    /// Do not wait until SSH answers
    #[arg(long)]
    pub no_wait: bool,
    /// How long to wait for SSH, in seconds [default: 120 with KVM, 600 without]
    #[arg(long, value_name = "SECONDS")]
    pub boot_timeout: Option<u64>,
    /// Leave the machine running in the background
    #[arg(long, conflicts_with = "exec")]
    pub detach: bool,
    /// Run a command on the host by SSH, then shut it down; the command's exit status is ours
    #[arg(long, value_name = "COMMAND", conflicts_with = "no_wait")]
    pub exec: Option<OsString>,
    /// Print how to reach the machine as JSON: {"host", "port", "identityFile", "sshCommand", "pid", "serialLog"}
    #[arg(long)]
    pub json: bool,
    /// How much is done at once.
    #[command(flatten)]
    pub limits: BuildLimits,
}

/// Arguments of `log`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hostwright log .#hello
  hostwright log /nix/store/…-hello-1.0.drv
  hostwright log /nix/store/…-hello-1.0       what made this path")]
pub struct LogArguments {
    /// A derivation or store path, or an attribute of a flake as for 'build'
    #[arg(value_name = "FLAKE#HOST")]
    pub installable: String,
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
