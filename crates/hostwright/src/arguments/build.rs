//! Arguments of `build`, `image`, `vm` and `log`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::PersonalArguments;

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
