//! The keys that archives are trusted by.
//!
//! Format: OpenPGP transferable public keys (RFC 9580, 10.1), armored or not. Of each certificate the primary key and the
//! subkeys count that may sign, are not revoked, and are bound by valid self-signatures.

use std::{fs, path::Path};

use pgp::{
    composed::{CleartextSignedMessage, Deserializable, SignedPublicKey},
    crypto::hash::HashAlgorithm,
    packet::{PublicKey, PublicSubkey, Signature, SignatureType},
    types::KeyDetails,
};

use crate::error::{Error, Result};

/// Debian's archive keys, as its package debian-archive-keyring has them. The suites' own keys and those of the suite
/// before, which sign a new suite's first releases.
const DEBIAN_KEYS: [(&str, &str); 6] = [
    ("trixie automatic", include_str!("../../keys/debian-archive-trixie-automatic.asc")),
    ("trixie security", include_str!("../../keys/debian-archive-trixie-security-automatic.asc")),
    ("trixie stable", include_str!("../../keys/debian-archive-trixie-stable.asc")),
    ("bookworm automatic", include_str!("../../keys/debian-archive-bookworm-automatic.asc")),
    ("bookworm security", include_str!("../../keys/debian-archive-bookworm-security-automatic.asc")),
    ("bookworm stable", include_str!("../../keys/debian-archive-bookworm-stable.asc")),
];

/// Keyrings have some kilobytes.
const KEYRING_LIMIT: u64 = 16 << 20;

/// Keys that may vouch for an archive.
#[derive(Clone, Debug, Default)]
pub struct Keyring {
    keys: Vec<SigningKey>,
}

/// A key that may sign, of a certificate that is known by its primary key's fingerprint.
#[derive(Clone, Debug)]
struct SigningKey {
    certificate: String,
    key: Key,
    /// Seconds since 1970.
    expires: Option<u64>,
}

#[derive(Clone, Debug)]
enum Key {
    Primary(PublicKey),
    Subkey(PublicSubkey),
}

/// What became of the signatures of a message.
#[derive(Debug, Default)]
pub(super) struct Signers {
    /// Fingerprints of the certificates whose signatures are good, sorted.
    pub(super) good: Vec<String>,
    /// Fingerprints of the certificates whose signatures do not fit the text.
    pub(super) bad: Vec<String>,
    /// Fingerprints of the certificates whose signatures are good, but whose keys had expired.
    pub(super) expired: Vec<String>,
    /// What the keys of the other signatures are called in them.
    pub(super) unknown: Vec<String>,
}

impl Keyring {
    /// No keys.
    pub fn empty() -> Self {
        Keyring::default()
    }

    /// The keys of Debian's archives that come with the program.
    ///
    /// # Errors
    /// [`Error::Keyring`] if they cannot be read, which tests rule out.
    pub fn debian() -> Result<Self> {
        let mut keyring = Keyring::empty();
        for (name, text) in DEBIAN_KEYS {
            keyring.add(name, text.as_bytes())?;
        }
        Ok(keyring)
    }

    /// Adds the keys of a file, armored or not.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Keyring`] if there is no usable key in it.
    pub fn add_file(&mut self, path: &Path) -> Result<()> {
        let io = |source| Error::Io { action: "read", path: path.to_owned(), source };
        if fs::metadata(path).map_err(io)?.len() > KEYRING_LIMIT {
            return Err(Error::Keyring {
                origin: path.display().to_string(),
                problem: "it is too large".to_owned(),
            });
        }
        self.add(&path.display().to_string(), &fs::read(path).map_err(io)?)
    }

    /// Adds keys, armored or not. `origin` names them in errors.
    ///
    /// # Errors
    /// [`Error::Keyring`] if there is no usable key among them.
    pub fn add(&mut self, origin: &str, content: &[u8]) -> Result<()> {
        let unusable = |problem: String| Error::Keyring { origin: origin.to_owned(), problem };
        let (certificates, _) =
            SignedPublicKey::from_reader_many_buf(content).map_err(|error| unusable(error.to_string()))?;
        let before = self.keys.len();
        for certificate in certificates {
            let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
            self.add_certificate(&certificate);
        }
        if self.keys.len() == before {
            return Err(unusable("there is no key in it that may sign".to_owned()));
        }
        Ok(())
    }

    fn add_certificate(&mut self, certificate: &SignedPublicKey) {
        let primary = &certificate.primary_key;
        if !certificate.details.revocation_signatures.is_empty() {
            return;
        }
        let fingerprint = primary.fingerprint().to_string().to_ascii_uppercase();
        let created = u64::from(primary.created_at().as_secs());
        let own = certificate
            .details
            .users
            .iter()
            .filter(|user| user.verify_bindings(primary).is_ok())
            .flat_map(|user| &user.signatures)
            .filter(|signature| signature.typ() != Some(SignatureType::CertRevocation));
        // The newest self-signature is the one that counts (RFC 9580, 5.2.3.10).
        let Some(newest) = own.max_by_key(|signature| signature.created()) else { return };
        if newest.key_flags().sign() {
            self.keys.push(SigningKey {
                certificate: fingerprint.clone(),
                key: Key::Primary(primary.clone()),
                expires: expires(created, newest),
            });
        }
        for subkey in &certificate.public_subkeys {
            let revoked = subkey
                .signatures
                .iter()
                .any(|signature| signature.typ() == Some(SignatureType::SubkeyRevocation));
            // A subkey may sign if it has confirmed in turn that it belongs to the primary key (RFC 9580, 5.2.1.9).
            let binding = subkey
                .signatures
                .iter()
                .filter(|signature| {
                    signature.typ() == Some(SignatureType::SubkeyBinding)
                        && signature.key_flags().sign()
                        && signature.verify_subkey_binding(primary, &subkey.key).is_ok()
                        && signature
                            .embedded_signature()
                            .is_some_and(|back| back.verify_primary_key_binding(&subkey.key, primary).is_ok())
                })
                .max_by_key(|signature| signature.created());
            if let (false, Some(binding)) = (revoked, binding) {
                let created = u64::from(subkey.key.created_at().as_secs());
                self.keys.push(SigningKey {
                    certificate: fingerprint.clone(),
                    key: Key::Subkey(subkey.key.clone()),
                    expires: expires(created, binding),
                });
            }
        }
    }

    /// Checks every signature of a message. `now` is in seconds since 1970.
    pub(super) fn check(&self, message: &CleartextSignedMessage, now: u64) -> Signers {
        let text = message.signed_text();
        let mut signers = Signers::default();
        for signature in message.signatures() {
            let Some(key) = self.keys.iter().find(|key| key.made(signature)) else {
                signers.unknown.push(issuer(signature));
                continue;
            };
            let list = if !is_strong(signature) || !key.verifies(signature, text.as_bytes()) {
                &mut signers.bad
            } else if key.expires.is_some_and(|expires| expires <= now) {
                &mut signers.expired
            } else {
                &mut signers.good
            };
            if !list.contains(&key.certificate) {
                list.push(key.certificate.clone());
            }
        }
        signers.good.sort();
        signers
    }
}

impl SigningKey {
    /// Whether the signature says that this key made it.
    fn made(&self, signature: &Signature) -> bool {
        let (fingerprint, id) = match &self.key {
            Key::Primary(key) => (key.fingerprint(), key.legacy_key_id()),
            Key::Subkey(key) => (key.fingerprint(), key.legacy_key_id()),
        };
        let fingerprints = signature.issuer_fingerprint();
        if fingerprints.is_empty() {
            return signature.issuer_key_id().contains(&&id);
        }
        fingerprints.contains(&&fingerprint)
    }

    fn verifies(&self, signature: &Signature, text: &[u8]) -> bool {
        match &self.key {
            Key::Primary(key) => signature.verify(key, text).is_ok(),
            Key::Subkey(key) => signature.verify(key, text).is_ok(),
        }
    }
}

/// A signature on a text, by a hash that nobody can find collisions for.
fn is_strong(signature: &Signature) -> bool {
    matches!(signature.typ(), Some(SignatureType::Text | SignatureType::Binary))
        && matches!(
            signature.hash_alg(),
            Some(
                HashAlgorithm::Sha256
                    | HashAlgorithm::Sha384
                    | HashAlgorithm::Sha512
                    | HashAlgorithm::Sha3_256
                    | HashAlgorithm::Sha3_512
            )
        )
}

fn expires(created: u64, signature: &Signature) -> Option<u64> {
    signature
        .key_expiration_time()
        .map(|duration| u64::from(duration.as_secs()))
        // Zero says that it never does (RFC 9580, 5.2.3.13).
        .filter(|seconds| *seconds > 0)
        .map(|seconds| created + seconds)
}

fn issuer(signature: &Signature) -> String {
    let fingerprint = signature.issuer_fingerprint().first().map(|fingerprint| fingerprint.to_string());
    fingerprint
        .or_else(|| signature.issuer_key_id().first().map(|id| id.to_string()))
        .map_or_else(|| "unnamed".to_owned(), |name| name.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embedded_keys_can_be_read() -> Result<()> {
        let keyring = Keyring::debian()?;
        // Two suites, each with two certificates that have a subkey, and one that has not.
        let certificates: std::collections::BTreeSet<_> =
            keyring.keys.iter().map(|key| key.certificate.as_str()).collect();
        assert_eq!(certificates.len(), 6);
        assert_eq!(keyring.keys.len(), 10);
        assert!(keyring.keys.iter().all(|key| key.expires.is_some()));
        assert!(certificates.contains("04B54C3CDCA79751B16BC6B5225629DF75B188BD"));
        Ok(())
    }

    #[test]
    fn what_is_no_key_is_an_error() {
        for content in [&b""[..], b"hello", b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n"] {
            assert!(Keyring::empty().add("test", content).is_err());
        }
    }
}
