//! The arguments of `flash`, and those of what one machine has of its own.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueHint};

use super::BuildLimits;

/// Arguments of `flash`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hostwright flash --list                                      the cards and sticks that are there
  hostwright flash result/sd-image/card.img.zst --to /dev/sda
  hostwright flash .#card --to /dev/mmcblk0 --yes              make the image of a host and write it
  hostwright flash card.img.xz --to /dev/sda --hostname kitchen --authorized-key ~/.ssh/id_ed25519.pub
  hostwright flash card.img --to /dev/nvme0n1 --named Samsung_SSD_970_S4EVN   a disk that is not a removable one
  hostwright flash card.img.xz --bmc turingpi://turingpi.local/3 --bmc-password-file pw --ssh node3.local:22

The plan is shown before anything is written. Disks of the running system are never written.")]
pub struct FlashArguments {
    /// A file with an image (.img, .img.zst, .img.xz), or a host whose image is made first
    #[arg(value_name = "IMAGE|FLAKE#HOST", required_unless_present = "list", value_hint = ValueHint::FilePath)]
    pub image: Option<String>,
    /// The disk to write: a device node, a link to one in /dev/disk, or a file that stands for a card
    #[arg(long, value_name = "DISK", value_hint = ValueHint::FilePath, required_unless_present_any = ["list", "bmc"])]
    pub to: Option<PathBuf>,
    /// The full name of the disk, for one that is not removable or is mounted; --list shows it
    #[arg(long, value_name = "NAME", requires = "to")]
    pub named: Option<String>,
    /// Write to a node of a board instead, through its controller: turingpi://[USER@]HOST[:PORT]/NODE, with NODE from 1 to 4
    #[arg(long, value_name = "URL", conflicts_with_all = ["to", "named", "list"], help_heading = "Boards")]
    pub bmc: Option<String>,
    /// The file with the controller's password [default: $HOSTWRIGHT_BMC_PASSWORD]
    #[arg(long, value_name = "FILE", requires = "bmc", value_hint = ValueHint::FilePath, help_heading = "Boards")]
    pub bmc_password_file: Option<PathBuf>,
    /// The SHA-256 of the controller's certificate; without it, it is shown and asked for
    #[arg(long, value_name = "SHA256", requires = "bmc", help_heading = "Boards")]
    pub bmc_fingerprint: Option<String>,
    /// Where the node will answer, HOST:22, to wait for that; without it, its console is watched for a login
    #[arg(long, value_name = "HOST:PORT", requires = "bmc", help_heading = "Boards")]
    pub ssh: Option<String>,
    /// Leave the node switched off
    #[arg(long, requires = "bmc", conflicts_with = "ssh", help_heading = "Boards")]
    pub no_start: bool,
    /// Show the removable disks and what is on them
    #[arg(long, conflicts_with_all = ["image", "to"])]
    pub list: bool,
    /// With --list: show all disks
    #[arg(long, requires = "list")]
    pub all: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Do not read back what was written
    #[arg(long)]
    pub no_verify: bool,
    /// Do not eject the disk afterwards
    #[arg(long)]
    pub no_eject: bool,
    /// The kind of image that is made of a host
    #[arg(long, visible_alias = "image-variant", value_name = "FORMAT", default_value = "sd-card")]
    pub format: String,
    /// Print as JSON: {"disk", "image", "size", "written", "spared", "verified", "ejected"}, or with --list [{"path", "name",
    /// "size", "bus", "model", "serial", "removable", "readOnly", "contents", "partitions", "uses"}]
    #[arg(long)]
    pub json: bool,
    /// What one machine has of its own.
    #[command(flatten)]
    pub personal: PersonalArguments,
    /// How much is done at once.
    #[command(flatten)]
    pub limits: BuildLimits,
}

/// What one machine has of its own. Secrets come from files and from standard input alone.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "What one machine has of its own")]
pub struct PersonalArguments {
    /// A file of public keys that let in
    #[arg(long, value_name = "FILE", action = ArgAction::Append, value_hint = ValueHint::FilePath)]
    pub authorized_key: Vec<PathBuf>,
    /// The user whom they let in as
    #[arg(long, value_name = "USER", default_value = "root")]
    pub authorized_user: String,
    /// The machine's name
    #[arg(long, value_name = "NAME")]
    pub hostname: Option<String>,
    /// A file with a private key that the machine shows to those who connect; one of each kind
    #[arg(long, value_name = "FILE", action = ArgAction::Append, value_hint = ValueHint::FilePath)]
    pub host_key: Vec<PathBuf>,
    /// A wireless network, and the file that has its passphrase; - for standard input, which also stands for no file
    #[arg(long, value_name = "SSID[:FILE]")]
    pub wifi: Option<String>,
}
