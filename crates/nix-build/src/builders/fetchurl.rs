//! `builtin:fetchurl`: a file from the network, as Nix's builder of this name.

use std::fs;
use std::io::BufReader;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use download::{Expected, Progress, Request};
use nix_store::{ContentAddressMethod, Hash, HashAlgorithm, StorePath, nar};

use crate::builders::attributes::Attributes;
use crate::builders::context::{Context, Log};
use crate::error::{Error, IoContext, Result};

/// The attributes of `builtin:fetchurl`, structured or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchUrl {
    /// Where the file can be had, the best first.
    pub urls: Vec<String>,
    /// Whether the output is an executable file.
    pub executable: bool,
    /// Whether the file is a NAR (compressed with xz if the address says so) that is unpacked.
    pub unpack: bool,
}

impl FetchUrl {
    /// Reads the attributes `url`, `urls`, `executable` and `unpack`.
    pub fn new(attributes: &Attributes) -> Result<Self> {
        let flag = |name: &str| attributes.text(name).as_deref() == Some("1");
        let mut urls: Vec<String> = Vec::new();
        for name in ["url", "urls"] {
            let text = attributes.text(name).unwrap_or_default();
            for url in text.split_whitespace() {
                if !urls.iter().any(|known| known == url) {
                    urls.push(url.to_owned());
                }
            }
        }
        if urls.is_empty() {
            return Err(Error::attribute("url", "it is missing"));
        }
        Ok(FetchUrl { urls, executable: flag("executable"), unpack: flag("unpack") })
    }

    /// Downloads the file for the output `path`, whose hash is known in advance. Where that is the hash of the file itself,
    /// a wrong download is noticed here, and the next address is tried.
    ///
    /// # Errors
    /// The download's; [`Error::Cancelled`].
    pub fn build(
        &self,
        path: &StorePath,
        method: ContentAddressMethod,
        hash: &Hash,
        context: &Context<'_>,
        output: &Path,
    ) -> Result<()> {
        let Some(network) = context.network else {
            return Err(Error::attribute("url", "builds may not use the network"));
        };
        let mut urls = Vec::new();
        for url in &self.urls {
            urls.extend(network.mirrors.resolve(url)?);
        }
        fs::create_dir_all(&network.directory).on("create", &network.directory)?;
        let is_plain = method == ContentAddressMethod::Flat && !self.unpack;
        let sha256 = (is_plain && hash.algorithm() == HashAlgorithm::Sha256)
            .then(|| hash.bytes().try_into().ok())
            .flatten();
        let compressed = urls.first().is_some_and(|url| url.path().ends_with(".xz"));
        let request = Request {
            urls,
            destination: network.directory.join(path.base_name()),
            expected: Expected { size: None, sha256, limit: None },
        };
        let switch = download::Cancellation::new();
        let _guard = context.cancellation.forward_to(&switch);
        let progress = LoggedProgress { log: context.log, done: AtomicU64::new(0), total: AtomicU64::new(0) };
        match network.downloader.fetch(&request, &progress, &switch) {
            Err(download::Error::Cancelled) => return Err(Error::Cancelled),
            outcome => outcome?,
        }
        let file = &request.destination;
        if self.unpack {
            unpack(file, compressed, output)?;
            return fs::remove_file(file).on("remove", file);
        }
        if self.executable {
            fs::set_permissions(file, fs::Permissions::from_mode(0o755)).on("change the mode of", file)?;
        }
        match fs::rename(file, output) {
            Err(error) if error.kind() == std::io::ErrorKind::CrossesDevices => {
                fs::copy(file, output).on("copy", file)?;
                fs::remove_file(file).on("remove", file)
            }
            outcome => outcome.on("move", file),
        }
    }
}

fn unpack(file: &Path, compressed: bool, output: &Path) -> Result<()> {
    let mut reader = BufReader::new(fs::File::open(file).on("open", file)?);
    if compressed {
        nar::restore(&mut liblzma::bufread::XzDecoder::new(reader), output)?;
    } else {
        nar::restore(&mut reader, output)?;
    }
    Ok(())
}

/// Hands a download's progress to the build's log.
struct LoggedProgress<'log> {
    log: &'log dyn Log,
    done: AtomicU64,
    total: AtomicU64,
}

impl LoggedProgress<'_> {
    fn report(&self, done: u64) {
        let total = self.total.load(Ordering::Relaxed);
        self.log.progress(done, (total > 0).then_some(total));
    }
}

impl Progress for LoggedProgress<'_> {
    fn started(&self, _request: &Request, total: Option<u64>, have: u64) {
        self.total.store(total.unwrap_or(0), Ordering::Relaxed);
        self.done.store(have, Ordering::Relaxed);
        self.report(have);
    }

    fn advanced(&self, _request: &Request, bytes: u64) {
        self.report(self.done.fetch_add(bytes, Ordering::Relaxed) + bytes);
    }

    fn restarted(&self, _request: &Request, _bytes: u64) {
        self.done.store(0, Ordering::Relaxed);
        self.report(0);
    }

    fn retrying(&self, request: &Request, reason: &str, wait: std::time::Duration) {
        self.log.line(&format!("{}: {reason}; trying again in {} s", request.name(), wait.as_secs()));
    }
}
