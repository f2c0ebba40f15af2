//! Arguments of `gc` and `store …`.

use clap::{Args, Subcommand};

/// Arguments of `gc`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hostwright gc                               remove what nothing needs
  hostwright gc --dry-run                     print what would be removed
  hostwright gc --delete-older-than 30d       delete old generations of profiles before
  hostwright gc --max-freed 10G               stop when 10 GiB have been freed

What is needed is what the links that `build` and `image` make lead to, the generations of profiles, and what running
programs use. Builds may go on meanwhile, those of Nix too.")]
pub struct GcArguments {
    /// Print what would be removed, and remove nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Stop when so many bytes have been freed; K, M, G and T are powers of 1024
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub max_freed: Option<u64>,
    /// Delete all generations of profiles but the current ones before
    #[arg(short, long, conflicts_with = "delete_older_than")]
    pub delete_old: bool,
    /// Delete generations of profiles before that were not in use since so many days, such as 30d
    #[arg(long, value_name = "AGE")]
    pub delete_older_than: Option<String>,
    /// Print what was done as JSON: {"dryRun", "paths", "bytesFreed", "generations", "stopped"}
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `store`.
#[derive(Debug, Args)]
pub struct StoreCommandArguments {
    /// What to do with the store.
    #[command(subcommand)]
    pub command: StoreCommand,
}

/// What to do with the store.
#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// Tell what is known of the store, or of paths in it
    Info(StoreInfoArguments),
    /// Print what keeps paths from being removed
    Roots(StoreRootsArguments),
    /// Look whether all paths are there and unchanged
    Verify(StoreVerifyArguments),
    /// Keep equal files once, by hard links
    Optimise(StoreOptimiseArguments),
    /// Remove paths that nothing needs
    Delete(StoreDeleteArguments),
}

/// Arguments of `store info`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hostwright store info
  hostwright store info ./result --json
  hostwright store info --closure ./result")]
pub struct StoreInfoArguments {
    /// Paths in the store, or links to them
    #[arg(value_name = "PATH")]
    pub paths: Vec<String>,
    /// All that the paths need, too
    #[arg(short = 'r', long, visible_alias = "recursive", requires = "paths")]
    pub closure: bool,
    /// Print JSON: {"root", "paths", "narSize", "freeSpace"}, or for paths [{"path", "narHash", "narSize", "references"…}]
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `store roots`.
#[derive(Debug, Args)]
pub struct StoreRootsArguments {
    /// Only what keeps this path
    #[arg(value_name = "PATH")]
    pub path: Option<String>,
    /// Print JSON: [{"root", "path"}]
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `store verify`.
#[derive(Debug, Args)]
pub struct StoreVerifyArguments {
    /// Look only whether paths are there, not what is in them
    #[arg(long)]
    pub no_contents: bool,
    /// Print JSON: [{"path", "problem"}]
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `store optimise`.
#[derive(Debug, Args)]
pub struct StoreOptimiseArguments {
    /// Print what was saved as JSON: {"files", "bytes"}
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `store delete`.
#[derive(Debug, Args)]
pub struct StoreDeleteArguments {
    /// Paths in the store
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<String>,
    /// Even if links lead to them; what running programs use stays
    #[arg(long)]
    pub ignore_liveness: bool,
    /// Print what was done as JSON: {"paths", "bytesFreed"}
    #[arg(long)]
    pub json: bool,
}

/// A number of bytes.
pub fn size(text: &str) -> Result<u64, String> {
    let (digits, shift) = match text.chars().last() {
        Some('K' | 'k') => (&text[..text.len() - 1], 10),
        Some('M' | 'm') => (&text[..text.len() - 1], 20),
        Some('G' | 'g') => (&text[..text.len() - 1], 30),
        Some('T' | 't') => (&text[..text.len() - 1], 40),
        _ => (text, 0),
    };
    let number: Option<u64> = digits.parse().ok();
    number
        .and_then(|number| number.checked_mul(1 << shift))
        .ok_or_else(|| "a size is a number of bytes, or one with K, M, G or T behind".to_owned())
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_have_units() {
        assert_eq!(size("0"), Ok(0));
        assert_eq!(size("10G"), Ok(10 << 30));
        assert_eq!(size("3k"), Ok(3072));
        for text in ["", "G", "-1", "1.5G", "99999999T", "10GiB", "ä"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
