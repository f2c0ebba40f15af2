//! Arguments of the verbs for hosts that run.

use clap::{Args, ValueEnum, ValueHint};

use super::BuildLimits;

/// Which hosts are meant, and how they are reached; shared by all verbs for hosts.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Hosts")]
pub struct HostsArguments {
    /// Take the hosts of this hive, which is a file and no flake
    #[arg(short, long, visible_alias = "config", value_name = "HIVE.NIX", value_hint = ValueHint::FilePath)]
    pub file: Option<std::path::PathBuf>,
    /// Which hosts: names, globs, @tags, and !exceptions [default: all]
    #[arg(long, value_name = "NAME,GLOB,@TAG,!NOT")]
    pub on: Option<String>,
    /// Reach the only host that is meant here, whatever the configuration says
    #[arg(long, value_name = "[USER@]HOST[:PORT]")]
    pub target_host: Option<String>,
    /// The host is this machine; its deployment.allowLocalDeployment must be true
    #[arg(long, conflicts_with = "target_host")]
    pub local: bool,
    /// Ask once for the password with which one becomes root on the hosts
    #[arg(short = 'S', long, visible_alias = "ask-elevate-password")]
    pub ask_sudo_password: bool,
    /// How many hosts at once, 0 for all
    #[arg(short, long, value_name = "NUMBER", default_value_t = 10)]
    pub parallel: usize,
    /// How many seconds a connection may take
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub connect_timeout: u64,
}

/// What is to become of the new generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Goal {
    /// It is built.
    Build,
    /// It is built, and the hosts have it.
    Push,
    /// It runs, and boots.
    Switch,
    /// It boots, the next time.
    Boot,
    /// It runs until the next boot.
    Test,
    /// The hosts have it, and say what they would do.
    DryActivate,
    /// The hosts get their secrets, and nothing else.
    UploadKeys,
}

/// Arguments of `apply`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hostwright apply                              all hosts of the flake in this directory
  hostwright apply --on web*,!web3              some of them
  hostwright apply boot --on @eu --reboot       restart those with the tag 'eu' into their new generation
  hostwright apply dry-activate .#web           what would happen to one host
  hostwright apply .#web --target-host admin@10.0.0.7 --ask-sudo-password

A host that was switched waits to be confirmed over a new connection, after its units and deployment.healthChecks were
found well; otherwise it goes back to its old generation by itself, whatever became of us.

Exit status: 9 if any host is not as it should be; the others are done all the same.")]
pub struct ApplyArguments {
    /// build, push, switch, boot, test, dry-activate or upload-keys [default: switch]
    #[arg(value_name = "GOAL")]
    pub goal: Option<String>,
    /// The flake, or one host of it (FLAKE#HOST) [default: .]
    #[arg(value_name = "FLAKE", value_hint = ValueHint::DirPath)]
    pub flake: Option<String>,
    /// Which hosts.
    #[command(flatten)]
    pub hosts: HostsArguments,
    /// Restart the hosts into the new generation, and keep it if they are well then
    #[arg(long)]
    pub reboot: bool,
    /// Show what would happen to each host and ask before it does
    #[arg(long, visible_alias = "interactive", short = 'i')]
    pub ask: bool,
    /// Leave the new generation as it is even if it fails or is not confirmed
    #[arg(long)]
    pub no_rollback: bool,
    /// How many seconds a host waits for its confirmation after the activation
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub confirm_timeout: u64,
    /// How many seconds an activation may take
    #[arg(long, value_name = "SECONDS", default_value_t = 900, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub activation_timeout: u64,
    /// How many seconds a restart may take
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub reboot_timeout: u64,
    /// Switch hosts that run the generation already, too
    #[arg(long)]
    pub force: bool,
    /// Let the hosts fetch what their caches have
    #[arg(long, visible_alias = "use-substitutes")]
    pub substitute_on_destination: bool,
    /// Run the programs that build on the hosts themselves, as deployment.buildOnTarget does
    #[arg(long)]
    pub build_on_target: bool,
    /// Run the programs that build on this host
    #[arg(long, value_name = "[USER@]HOST[:PORT]", conflicts_with = "build_on_target")]
    pub build_host: Option<String>,
    /// Print a JSON line a host: {"host", "outcome", "reason", "old", "new", "bytesSent", "seconds", "log", …}
    #[arg(long)]
    pub json: bool,
    /// How much is done at once.
    #[command(flatten)]
    pub limits: BuildLimits,
}

/// Arguments of `status`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hostwright status
  hostwright status --on @web --json | jq -r 'select(.failed != []) | .host'")]
pub struct StatusArguments {
    /// The flake, or one host of it
    #[arg(value_name = "FLAKE", default_value = ".", value_hint = ValueHint::DirPath)]
    pub flake: String,
    /// Which hosts.
    #[command(flatten)]
    pub hosts: HostsArguments,
    /// Print a JSON line a host: {"host", "reachable", "generation", "current", "booted", "failed", "diskFree", …}
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `rollback`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hostwright rollback --on web
  hostwright rollback --on web --to 12

The old generation is switched to as `apply` does it: it is confirmed, or the host goes back.")]
pub struct RollbackArguments {
    /// The flake, or one host of it
    #[arg(value_name = "FLAKE", default_value = ".", value_hint = ValueHint::DirPath)]
    pub flake: String,
    /// Which hosts.
    #[command(flatten)]
    pub hosts: HostsArguments,
    /// The number of the generation [default: the one before the profile's]
    #[arg(long, value_name = "NUMBER")]
    pub to: Option<u64>,
    /// How many seconds a host waits for its confirmation after the activation
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub confirm_timeout: u64,
    /// Print a JSON line a host
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `generations`.
#[derive(Debug, Args)]
pub struct GenerationsArguments {
    /// The flake, or one host of it
    #[arg(value_name = "FLAKE", default_value = ".", value_hint = ValueHint::DirPath)]
    pub flake: String,
    /// Which hosts.
    #[command(flatten)]
    pub hosts: HostsArguments,
    /// Print a JSON line a host: {"host", "generations": [{"generation", "date", "path", "current", "booted"}]}
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `diff`.
#[derive(Debug, Args)]
pub struct DiffArguments {
    /// The flake, or one host of it
    #[arg(value_name = "FLAKE", default_value = ".", value_hint = ValueHint::DirPath)]
    pub flake: String,
    /// Which hosts.
    #[command(flatten)]
    pub hosts: HostsArguments,
    /// Print a JSON line a host: {"host", "old", "new", "packages": [{"name", "old", "new"}], "needsReboot"}
    #[arg(long)]
    pub json: bool,
    /// How much is done at once.
    #[command(flatten)]
    pub limits: BuildLimits,
}

/// Arguments of `exec`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hostwright exec --on @web -- systemctl is-active caddy
  hostwright exec --on web1 --flake ./fleet -- 'journalctl -b -p err | tail'")]
pub struct ExecArguments {
    /// The flake, or one host of it
    #[arg(long, value_name = "FLAKE", default_value = ".", value_hint = ValueHint::DirPath)]
    pub flake: String,
    /// Which hosts.
    #[command(flatten)]
    pub hosts: HostsArguments,
    /// Run it as root
    #[arg(long, visible_alias = "sudo")]
    pub root: bool,
    /// How many seconds it may take
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    pub timeout: u64,
    /// Print a JSON line a host: {"host", "status", "output", "error"}
    #[arg(long)]
    pub json: bool,
    /// The command and its arguments; one word alone is a shell command
    #[arg(value_name = "COMMAND", required = true, trailing_var_arg = true)]
    pub command: Vec<String>,
}

/// Arguments of `ssh`.
#[derive(Debug, Args)]
pub struct SshArguments {
    /// The host (FLAKE#HOST, or its name in the flake of this directory)
    #[arg(value_name = "HOST")]
    pub host: String,
    /// A command to run there
    #[arg(value_name = "COMMAND", trailing_var_arg = true)]
    pub command: Vec<String>,
}

/// Arguments of `logs`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hostwright logs web              what the last change of 'web' printed
  hostwright logs web -u sshd -f   the journal of one of its units, as it grows")]
pub struct LogsArguments {
    /// The host (FLAKE#HOST, or its name in the flake of this directory)
    #[arg(value_name = "HOST")]
    pub host: String,
    /// Print the host's journal of this unit
    #[arg(short, long, value_name = "UNIT")]
    pub unit: Option<String>,
    /// Print the host's journal, and go on while it grows
    #[arg(short, long)]
    pub follow: bool,
    /// Print the host's journal since its last boot
    #[arg(short = 'b', long)]
    pub boot: bool,
}
