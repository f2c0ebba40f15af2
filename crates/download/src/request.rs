//! What is to be downloaded.

use std::path::PathBuf;

use url::Url;

/// One file.
#[derive(Clone, Debug)]
pub struct Request {
    /// Where it can be had, in the order in which to try.
    pub urls: Vec<Url>,
    /// Where it shall lie. The directory must exist; a file that lies there is replaced, unless it is the one expected.
    pub destination: PathBuf,
    /// What is known of its content.
    pub expected: Expected,
}

/// What a file must be.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// Its length in bytes.
    pub size: Option<u64>,
    /// SHA-256 of its content. Without it a download is not taken up in a later run: nothing would tell whether the
    /// file has changed in the meantime.
    pub sha256: Option<[u8; 32]>,
    /// The most bytes that are taken if the length is not known.
    pub limit: Option<u64>,
}

impl Request {
    /// A file of known length and content.
    pub fn verified(urls: Vec<Url>, destination: PathBuf, size: u64, sha256: [u8; 32]) -> Self {
        Request {
            urls,
            destination,
            expected: Expected { size: Some(size), sha256: Some(sha256), limit: None },
        }
    }

    /// The file's name, for people.
    pub fn name(&self) -> String {
        self.destination.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// An address as it may be shown: without a password, and without the signature of one that was signed for S3.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // Fails only for addresses that cannot have one.
    let _ = url.set_password(None);
    if url.query_pairs().any(|(name, _)| name == "X-Amz-Signature") {
        url.set_query(None);
    }
    url.to_string()
}

/// Lower-case hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
