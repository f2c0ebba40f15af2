//! `InRelease`: the signed list of an archive's files.
//!
//! Format: a clear-signed OpenPGP message (RFC 9580, 7) around one paragraph of fields (the repository format on Debian's
//! wiki, "DebianRepository/Format"). Only the text that the signature covers is ever read.

use jiff::{Timestamp, fmt::rfc2822};
use pgp::composed::CleartextSignedMessage;
use rustc_hash::FxHashMap;
use sha2::{Digest, Sha256};

use super::keyring::Keyring;
use crate::{
    control::Paragraph,
    error::{Error, Result},
    index::is_pool_path,
};

/// Debian's largest InRelease has 1 MB.
pub(super) const RELEASE_LIMIT: u64 = 32 << 20;

/// How far a release may be ahead of this machine's clock, in seconds: clocks differ, but not by more.
const CLOCK_SKEW: i64 = 600;

/// An `InRelease` as it came from somewhere: nothing in it may be used yet.
#[derive(Clone, Debug)]
pub struct UnverifiedRelease {
    origin: String,
    content: Vec<u8>,
}

/// What a release has to be to be taken.
#[derive(Clone, Debug)]
pub struct Verification<'a> {
    /// The suite's name or code name that was asked for.
    pub suite: &'a str,
    /// The time to compare dates with.
    pub now: Timestamp,
    /// Takes a release that is past its `Valid-Until`, or whose keys have expired: for archives that are kept, not
    /// maintained.
    pub accept_expired: bool,
}

/// A release that a trusted key has signed, and that is current.
#[derive(Clone, Debug)]
pub struct Release {
    origin: String,
    codename: String,
    date: String,
    time: Timestamp,
    by_hash: bool,
    signed_by: Vec<String>,
    sha256: [u8; 32],
    files: FxHashMap<String, IndexFile>,
}

/// What a release says of one of its files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexFile {
    /// Length in bytes.
    pub size: u64,
    /// SHA-256 of the content.
    pub sha256: [u8; 32],
}

impl UnverifiedRelease {
    /// Takes the content of an `InRelease`; `origin` names it in errors.
    pub fn new(origin: impl Into<String>, content: Vec<u8>) -> Self {
        UnverifiedRelease { origin: origin.into(), content }
    }

    /// Checks signature, dates and name.
    ///
    /// # Errors
    /// [`Error::Unsigned`], [`Error::AlteredRelease`], [`Error::UnknownKey`], [`Error::ExpiredKey`] for the signature;
    /// [`Error::ExpiredRelease`], [`Error::FutureRelease`], [`Error::WrongSuite`] for what was signed;
    /// [`Error::MalformedRelease`] if that cannot be read.
    pub fn verify(self, keyring: &Keyring, verification: &Verification<'_>) -> Result<Release> {
        let origin = self.origin;
        let text = std::str::from_utf8(&self.content)
            .ok()
            .filter(|text| text.starts_with("-----BEGIN PGP SIGNED MESSAGE-----"))
            .ok_or_else(|| Error::Unsigned { origin: origin.clone() })?;
        let (message, _) = CleartextSignedMessage::from_string(text)
            .map_err(|error| Error::AlteredRelease { origin: origin.clone(), problem: error.to_string() })?;
        if message.signatures().is_empty() {
            return Err(Error::Unsigned { origin });
        }
        let now = u64::try_from(verification.now.as_second()).unwrap_or(0);
        let mut signers = keyring.check(&message, now);
        if verification.accept_expired {
            signers.good.append(&mut signers.expired);
        }
        if !signers.bad.is_empty() {
            return Err(Error::AlteredRelease {
                origin,
                problem: format!("the signature of {} does not fit it", signers.bad.join(", ")),
            });
        }
        if signers.good.is_empty() {
            return Err(match signers.expired.is_empty() {
                false => Error::ExpiredKey { origin, keys: signers.expired },
                true => Error::UnknownKey { origin, keys: signers.unknown },
            });
        }
        let sha256 = Sha256::digest(&self.content).into();
        let release = Release::parse(origin, &message.signed_text(), signers.good, sha256, verification)?;
        Ok(release)
    }
}

impl Release {
    fn parse(
        origin: String,
        text: &str,
        signed_by: Vec<String>,
        sha256: [u8; 32],
        verification: &Verification<'_>,
    ) -> Result<Release> {
        let malformed = |problem: String| Error::MalformedRelease { origin: origin.clone(), problem };
        let paragraph = Paragraph::parse(text).map_err(|error| malformed(error.to_string()))?;
        let suite = paragraph.get("Suite").unwrap_or_default();
        let codename = paragraph.get("Codename").unwrap_or(suite);
        if verification.suite != suite && verification.suite != codename {
            return Err(Error::WrongSuite {
                origin,
                expected: verification.suite.to_owned(),
                got: if codename.is_empty() { suite } else { codename }.to_owned(),
            });
        }
        let date = paragraph.get("Date").ok_or_else(|| malformed("it has no date".to_owned()))?;
        let time = parse_date(date).ok_or_else(|| malformed(format!("`{date}` is no date")))?;
        if time.as_second() - verification.now.as_second() > CLOCK_SKEW {
            return Err(Error::FutureRelease { origin, date: date.to_owned() });
        }
        if let Some(until) = paragraph.get("Valid-Until") {
            let end = parse_date(until).ok_or_else(|| malformed(format!("`{until}` is no date")))?;
            if end < verification.now && !verification.accept_expired {
                return Err(Error::ExpiredRelease { origin, until: until.to_owned() });
            }
        }
        let list = paragraph.get("SHA256").ok_or_else(|| malformed("it has no SHA256 list".to_owned()))?;
        let files = parse_files(list).map_err(malformed)?;
        Ok(Release {
            codename: codename.to_owned(),
            date: date.to_owned(),
            time,
            by_hash: paragraph.get("Acquire-By-Hash") == Some("yes"),
            signed_by,
            sha256,
            files,
            origin,
        })
    }

    /// Where it came from, for messages.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The suite's code name.
    pub fn codename(&self) -> &str {
        &self.codename
    }

    /// The field `Date` as written.
    pub fn date(&self) -> &str {
        &self.date
    }

    /// The field `Date`.
    pub fn time(&self) -> Timestamp {
        self.time
    }

    /// Whether files can be had by their hash, which is safe against an archive that changes meanwhile.
    pub fn by_hash(&self) -> bool {
        self.by_hash
    }

    /// Fingerprints of the certificates whose signatures are good, sorted.
    pub fn signed_by(&self) -> &[String] {
        &self.signed_by
    }

    /// SHA-256 of the whole `InRelease`.
    pub fn sha256(&self) -> [u8; 32] {
        self.sha256
    }

    /// What it says of a file, by its path below the suite's directory.
    pub fn file(&self, path: &str) -> Option<IndexFile> {
        self.files.get(path).copied()
    }
}

/// Dates are RFC 5322's, in UTC and saying so (Debian's wiki); `UTC` itself is no zone name of that RFC.
fn parse_date(text: &str) -> Option<Timestamp> {
    let text = match text.strip_suffix("UTC").or_else(|| text.strip_suffix('Z')) {
        Some(start) => format!("{start}+0000"),
        None => text.to_owned(),
    };
    rfc2822::DateTimeParser::new().relaxed_weekday(true).parse_timestamp(&text).ok()
}

/// Lines of hash, length and path.
fn parse_files(list: &str) -> std::result::Result<FxHashMap<String, IndexFile>, String> {
    let mut files = FxHashMap::default();
    for line in list.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut words = line.split_whitespace();
        let (Some(hash), Some(size), Some(path), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(format!("`{}` is no line of its list", line.escape_debug()));
        };
        let sha256 = crate::hex::decode(hash).ok_or_else(|| format!("`{hash}` is no SHA-256"))?;
        let size = size.parse().map_err(|_| format!("`{size}` is no length"))?;
        if !is_pool_path(path) {
            return Err(format!("`{}` is no path below the suite", path.escape_debug()));
        }
        files.insert(path.to_owned(), IndexFile { size, sha256 });
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dates_as_archives_write_them() {
        let seconds = |text| parse_date(text).map(Timestamp::as_second);
        assert_eq!(seconds("Sat, 12 Sep 2026 07:55:41 UTC"), Some(1_789_199_741));
        assert_eq!(seconds("Sat, 12 Sep 2026 07:55:41 GMT"), Some(1_789_199_741));
        assert_eq!(seconds("Sat, 12 Sep 2026 07:55:41 +0000"), Some(1_789_199_741));
        assert_eq!(seconds("yesterday"), None);
    }

    proptest! {
        #[test]
        fn never_panics(text in "(-----BEGIN PGP SIGNED MESSAGE-----\n)?(Hash: SHA256\n\n)?[A-Z:a-z0-9 \n-]{0,200}") {
            let verification =
                Verification { suite: "trixie", now: Timestamp::UNIX_EPOCH, accept_expired: false };
            prop_assert!(UnverifiedRelease::new("test", text.clone().into_bytes())
                .verify(&Keyring::empty(), &verification)
                .is_err());
            let _ = Release::parse("test".into(), &text, Vec::new(), [0; 32], &verification);
        }
    }
}
