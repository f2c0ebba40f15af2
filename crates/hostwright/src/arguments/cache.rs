//! Arguments of `cache …` and `copy`.

use std::path::PathBuf;

use clap::{ArgAction, Args, Subcommand, ValueHint};

/// Arguments of `cache`.
#[derive(Debug, Args)]
pub struct CacheCommandArguments {
    /// What to do with a cache.
    #[command(subcommand)]
    pub command: CacheCommand,
}

/// What to do with a cache.
#[derive(Debug, Subcommand)]
pub enum CacheCommand {
    /// Bring paths and all that they need into a cache
    Push(CachePushArguments),
    /// Make a key to sign with
    Keygen(CacheKeygenArguments),
    /// Sign what is in a cache, or in the store
    Sign(CacheSignArguments),
    /// Read a cache and say what is wrong in it
    Verify(CacheVerifyArguments),
}

/// Arguments of `cache push`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hostwright cache push file:///srv/cache ./result --key-file secret
  hostwright cache push 's3://cache?endpoint=minio:9000&scheme=http&compression=zstd' ./result
  hostwright cache push 'https://cache.example.org?secret-key=/etc/secret' /nix/store/…-web

The settings behind the ? are Nix's: compression (xz, zstd, gzip, bzip2, none), compression-level, parallel-compression,
write-nar-listing, secret-key; region, endpoint, scheme, profile for S3. What the cache has is not sent again.")]
pub struct CachePushArguments {
    /// The cache: file://, s3:// or http(s):// (by PUT)
    #[arg(value_name = "URL", value_hint = ValueHint::Url)]
    pub url: String,
    /// Store paths, and links to them such as ./result
    #[arg(value_name = "PATH", required = true, value_hint = ValueHint::AnyPath)]
    pub paths: Vec<PathBuf>,
    /// Sign with the key in this file; the setting secret-key-files has more
    #[arg(short, long, value_name = "FILE", action = ArgAction::Append, value_hint = ValueHint::FilePath)]
    pub key_file: Vec<PathBuf>,
    /// Say what would be sent, and send nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print JSON: {"cache", "added": [PATH], "present": [PATH], "bytes"}
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `cache keygen`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hostwright cache keygen cache.example.org-1 --secret-file secret > public

The public key, which is printed, belongs into trusted-public-keys of those who use the cache.")]
pub struct CacheKeygenArguments {
    /// The key's name: by custom the host of the cache, and a number
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Where the secret key goes: a file that is not there yet, and that nobody else may read
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub secret_file: PathBuf,
    /// Print JSON: {"publicKey", "secretFile"}
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `cache sign`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hostwright cache sign --key-file secret --cache file:///srv/cache             all that is in it
  hostwright cache sign --key-file secret ./result                              in the store, with all that it needs")]
pub struct CacheSignArguments {
    /// Store paths, and links to them [default: all that are in the cache]
    #[arg(value_name = "PATH", required_unless_present = "cache", value_hint = ValueHint::AnyPath)]
    pub paths: Vec<PathBuf>,
    /// Sign in this cache instead of the store
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    pub cache: Option<String>,
    /// Sign with the key in this file; the setting secret-key-files has more
    #[arg(short, long, value_name = "FILE", action = ArgAction::Append, value_hint = ValueHint::FilePath)]
    pub key_file: Vec<PathBuf>,
    /// Print JSON: {"signed": count, "unchanged": count}
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `cache verify`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hostwright cache verify file:///srv/cache --option trusted-public-keys cache.example.org-1:…
  hostwright cache verify https://cache.example.org /nix/store/…-web

Narinfos, signatures, archives with their hashes and sizes, and references are looked at. Exit status 6 if anything is wrong.")]
pub struct CacheVerifyArguments {
    /// The cache
    #[arg(value_name = "URL", value_hint = ValueHint::Url)]
    pub url: String,
    /// Store paths [default: all, where the cache can list them: file:// and s3://]
    #[arg(value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub paths: Vec<PathBuf>,
    /// Do not ask for signatures
    #[arg(long)]
    pub no_check_sigs: bool,
    /// Print JSON: {"cache", "paths": count, "bytes", "faults": [{"path", "problem"}]}
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `copy`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hostwright copy --from https://cache.example.org /nix/store/…-web
  hostwright copy --to file:///srv/cache ./result

--to is `cache push`. --from brings the paths and all that they need into the store, if they are signed by a key of
trusted-public-keys.")]
pub struct CopyArguments {
    /// Store paths, and with --to links to them
    #[arg(value_name = "PATH", required = true, value_hint = ValueHint::AnyPath)]
    pub paths: Vec<PathBuf>,
    /// The cache to copy from, or a store (daemon, ssh-ng://HOST); several caches are asked in the order of their priorities
    /// [default: the setting substituters]
    #[arg(long, value_name = "URL", action = ArgAction::Append, conflicts_with = "to", value_hint = ValueHint::Url)]
    pub from: Vec<String>,
    /// The cache to copy to, or a store (daemon, ssh-ng://HOST)
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    pub to: Option<String>,
    /// Take what is not signed
    #[arg(long)]
    pub no_check_sigs: bool,
    /// Print JSON: {"copied": [PATH]}
    #[arg(long)]
    pub json: bool,
}
