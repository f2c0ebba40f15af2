//! Arguments of the verbs that look into options and packages.

use std::path::PathBuf;

use clap::{Args, ValueHint};

/// Arguments of `options`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hostwright options openssh                       options of the Debian base with this word in their name or description
  hostwright options firewall ports                with both words
  hostwright options services.nginx.enable         one option
  hostwright options boards --flake .#runner0      those of a host, with the host's own
  hostwright options --html options.html           all of them as a page with a search")]
pub struct OptionsArguments {
    /// Words that are looked for; all options if there are none
    #[arg(value_name = "QUERY")]
    pub query: Vec<String>,
    /// The host whose options are looked at [default: the options of the Debian base]
    #[arg(short, long, value_name = "FLAKE#HOST")]
    pub flake: Option<String>,
    /// Print JSON: [{"name", "type", "description", "default", "example", "readOnly", "declarations"}]
    #[arg(long, conflicts_with = "html")]
    pub json: bool,
    /// Write a page with all that was found, which needs no server and no network
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub html: Option<PathBuf>,
}

/// Arguments of `packages`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hostwright packages web server            packages with both words in their name or description
  hostwright packages util-linux            by Debian's name or by nixpkgs'
  hostwright packages --architecture arm64 u-boot

Each package is pkgs.NAME; where nixpkgs has another name for it, that works as well.")]
pub struct PackagesArguments {
    /// Words that are looked for
    #[arg(value_name = "QUERY", required = true)]
    pub query: Vec<String>,
    /// The architecture whose packages are looked at, amd64 or arm64
    #[arg(long, default_value = "amd64", value_parser = ["amd64", "arm64"])]
    pub architecture: String,
    /// Print JSON: [{"name", "nixpkgs", "version", "description", "archive", "size"}]
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `update`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hostwright update                     pin the newest packages of all hosts; shows what changes on which host
  hostwright update --dry-run           only show it
  hostwright update --security          only take what Debian's security team has sent
  hostwright update --package openssl   only take a newer openssl

Exit status 0: done, whether there was something newer or not.")]
pub struct UpdateArguments {
    /// The flake
    #[arg(value_name = "FLAKE", default_value = ".", value_hint = ValueHint::DirPath)]
    pub flake: String,
    /// Update this package alone
    #[arg(long = "package", value_name = "NAME", conflicts_with = "security")]
    pub packages: Vec<String>,
    /// Update only packages that are newer in the security archive
    #[arg(long)]
    pub security: bool,
    /// Show what would change, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print JSON: {"path", "written", "hosts": {NAME: {"changes": [{"name", "old", "new", "security"}], "kernel", "reboot"}}}
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `lint`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hostwright lint .#alpha         packages of the host whose maintainer scripts do what nothing does in their place
  hostwright lint .#alpha --all   what all scripts do, and what is done instead

No maintainer script ever runs. What is done instead is in a table of the Debian base; where you provide something yourself,
say so in the option system.debian.maintainerScripts.packages.

Exit status 0: nothing is missing; 3: something is.")]
pub struct LintArguments {
    /// The host
    #[arg(value_name = "FLAKE#HOST", default_value = ".")]
    pub host: String,
    /// Show what is done instead of scripts, too
    #[arg(long, conflicts_with = "json")]
    pub all: bool,
    /// Print JSON: {"host", "packages", "missing", "found": [{"package", "version", "commands": [{"script", "command", "provided"}]}]}
    #[arg(long)]
    pub json: bool,
}
