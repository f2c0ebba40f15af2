//! Signatures of store paths: Ed25519 over a path's [`fingerprint`], as Nix's `nix key`, `nix store sign` and
//! binary caches have them (Nix manual, "Signing", and `libstore/path-info.cc`).

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::hash::HashAlgorithm;
use crate::path_info::ValidPathInfo;
use crate::store_path::StoreDir;

/// Bytes of a secret key: seed and public key.
const SECRET_LENGTH: usize = 64;

/// Bytes of a public key.
const PUBLIC_LENGTH: usize = 32;

/// Bytes of a signature.
const SIGNATURE_LENGTH: usize = 64;

/// What of `info` is signed: `1;PATH;NARHASH;NARSIZE;REFERENCES`.
///
/// # Errors
/// [`Error::Incomplete`] without the SHA-256 or the size of the archive.
pub fn fingerprint(directory: &StoreDir, info: &ValidPathInfo) -> Result<String> {
    let incomplete = |what| Error::Incomplete { path: info.path.base_name().to_owned(), what };
    if info.nar_size == 0 {
        return Err(incomplete("size of its archive"));
    }
    if info.nar_hash.algorithm() != HashAlgorithm::Sha256 {
        return Err(incomplete("SHA-256 of its archive"));
    }
    let references: Vec<String> = info.references.iter().map(|path| directory.display(path)).collect();
    Ok(format!(
        "1;{};{};{};{}",
        directory.display(&info.path),
        info.nar_hash.to_prefixed_base32(),
        info.nar_size,
        references.join(",")
    ))
}

/// A key to sign with, `NAME:BASE64` as text. It is wiped from memory when it is dropped, and never shown.
#[derive(Clone)]
pub struct SecretKey {
    name: String,
    key: SigningKey,
}

/// A key to check signatures with, `NAME:BASE64` as text.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    name: String,
    key: VerifyingKey,
}

/// A signature and the name of the key that made it, `NAME:BASE64` as text.
#[derive(Clone, PartialEq, Eq)]
pub struct Signature {
    key_name: String,
    signature: ed25519_dalek::Signature,
}

impl SecretKey {
    /// Makes a new key. Nix's custom for names is the cache's host and a number, `cache.example.org-1`.
    ///
    /// # Errors
    /// [`Error::InvalidKey`] for a name that is empty or has a colon, a blank or a control character;
    /// [`Error::NoRandomness`].
    pub fn generate(name: &str) -> Result<Self> {
        let problem = "a name must not be empty, and have no colon or blank";
        let unusable =
            |character: char| character == ':' || character.is_whitespace() || character.is_control();
        if name.is_empty() || name.contains(unusable) {
            return Err(Error::InvalidKey { name: name.to_owned(), what: "secret key", problem });
        }
        let mut seed = Zeroizing::new([0; PUBLIC_LENGTH]);
        getrandom::fill(seed.as_mut_slice())
            .map_err(|error| Error::NoRandomness { reason: error.to_string() })?;
        Ok(SecretKey { name: name.to_owned(), key: SigningKey::from_bytes(&seed) })
    }

    /// The key's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text for a key file. It is secret.
    pub fn to_secret_text(&self) -> Zeroizing<String> {
        let pair = Zeroizing::new(self.key.to_keypair_bytes());
        let digits = Zeroizing::new(BASE64.encode(pair.as_slice()));
        Zeroizing::new(format!("{}:{}", self.name, *digits))
    }

    /// The key that others check this one's signatures with.
    pub fn public_key(&self) -> PublicKey {
        PublicKey { name: self.name.clone(), key: self.key.verifying_key() }
    }

    /// Signs a text.
    pub fn sign(&self, text: &str) -> Signature {
        Signature { key_name: self.name.clone(), signature: self.key.sign(text.as_bytes()) }
    }

    /// Adds this key's signature to `info`; says whether it was not there before.
    ///
    /// # Errors
    /// Those of [`fingerprint`].
    pub fn sign_path(&self, directory: &StoreDir, info: &mut ValidPathInfo) -> Result<bool> {
        let signature = self.sign(&fingerprint(directory, info)?);
        Ok(info.signatures.insert(signature.to_string()))
    }
}

impl FromStr for SecretKey {
    type Err = Error;

    /// Reads the content of a key file.
    fn from_str(text: &str) -> Result<Self> {
        let what = "secret key";
        let (name, bytes) = split::<SECRET_LENGTH>(text, what, true)?;
        let bytes = Zeroizing::new(bytes);
        let key = SigningKey::from_keypair_bytes(&bytes).map_err(|_| Error::InvalidKey {
            name: name.clone(),
            what,
            problem: "its two halves do not belong together",
        })?;
        Ok(SecretKey { name, key })
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SecretKey({})", self.name)
    }
}

impl PublicKey {
    /// The key's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether `signature` is this key's, of `text`.
    pub fn verify(&self, text: &str, signature: &Signature) -> bool {
        signature.key_name == self.name
            && self.key.verify_strict(text.as_bytes(), &signature.signature).is_ok()
    }
}

impl FromStr for PublicKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let what = "public key";
        let (name, bytes) = split::<PUBLIC_LENGTH>(text, what, false)?;
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| Error::InvalidKey {
            name: name.clone(),
            what,
            problem: "it is no point on the curve",
        })?;
        Ok(PublicKey { name, key })
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.name, BASE64.encode(self.key.as_bytes()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Signature {
    /// The name of the key that it claims to be of.
    pub fn key_name(&self) -> &str {
        &self.key_name
    }
}

impl FromStr for Signature {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (key_name, bytes) = split::<SIGNATURE_LENGTH>(text, "signature", false)?;
        Ok(Signature { key_name, signature: ed25519_dalek::Signature::from_bytes(&bytes) })
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.key_name, BASE64.encode(self.signature.to_bytes()))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// The keys whose signatures are believed (Nix's setting `trusted-public-keys`).
#[derive(Debug, Clone, Default)]
pub struct TrustedKeys(BTreeMap<String, PublicKey>);

impl TrustedKeys {
    /// Reads keys as the setting has them.
    ///
    /// # Errors
    /// [`Error::InvalidKey`] for the first that is none.
    pub fn parse<'text>(keys: impl IntoIterator<Item = &'text str>) -> Result<Self> {
        keys.into_iter().map(str::parse::<PublicKey>).collect()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first trusted key that signed `info`. Signatures that cannot be read, or that are of unknown keys, count
    /// for nothing.
    pub fn signer_of(&self, directory: &StoreDir, info: &ValidPathInfo) -> Option<&PublicKey> {
        // Most paths have one signature, and most of those are of a known key.
        let mut text = None;
        for signature in &info.signatures {
            let Some(key) = signature.split_once(':').and_then(|(name, _)| self.0.get(name)) else {
                continue;
            };
            let Ok(signature) = signature.parse() else { continue };
            let text = match &text {
                Some(text) => text,
                None => text.insert(fingerprint(directory, info).ok()?),
            };
            if key.verify(text, &signature) {
                return Some(key);
            }
        }
        None
    }
}

impl FromIterator<PublicKey> for TrustedKeys {
    fn from_iter<I: IntoIterator<Item = PublicKey>>(keys: I) -> Self {
        TrustedKeys(keys.into_iter().map(|key| (key.name.clone(), key)).collect())
    }
}

/// Splits `NAME:BASE64`, whose digits must be those of `LENGTH` bytes. What is secret is not repeated in errors.
fn split<const LENGTH: usize>(
    text: &str,
    what: &'static str,
    secret: bool,
) -> Result<(String, [u8; LENGTH])> {
    let text = text.trim_ascii();
    let shown = |name: &str| if secret { name } else { text }.chars().take(200).collect();
    let Some((name, digits)) = text.split_once(':').filter(|(name, _)| !name.is_empty()) else {
        let problem = "NAME:BASE64 is expected";
        return Err(Error::InvalidKey { name: shown("?"), what, problem });
    };
    let wrong = |problem| Error::InvalidKey { name: shown(name), what, problem };
    let bytes = BASE64.decode(digits).map(Zeroizing::new).map_err(|_| wrong("it is not base-64"))?;
    let bytes = bytes.as_slice().try_into().map_err(|_| wrong("it has the wrong length"))?;
    Ok((name.to_owned(), bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::hash::Hash;
    use crate::store_path::StorePath;

    // nix-store --generate-binary-cache-key test-1 secret public
    const SECRET: &str =
        "test-1:maqSbc4cia0zZH2k9SCkrD2pQ51rG2pxIGpyaIFDBjYLrKgVYN9LAyVyxeCPbawm/eP2/Lt9MAwUkgU981gKkA==";
    const PUBLIC: &str = "test-1:C6yoFWDfSwMlcsXgj22sJv3j9vy7fTAMFJIFPfNYCpA=";

    fn info() -> ValidPathInfo {
        let path = StorePath::from_base_name("0q5xkqvgjp92hv457pc4sayp4f32n1gz-dd").unwrap();
        let hash = Hash::parse_any_prefixed("sha256:1pj7swf7dl5z165j08n7vjgj9mvvrz3f878avc96lyxk3zjzfl6r");
        ValidPathInfo::new(path, hash.unwrap(), 288)
    }

    #[test]
    fn the_signature_that_nix_makes() {
        let secret: SecretKey = SECRET.parse().unwrap();
        assert_eq!(secret.public_key().to_string(), PUBLIC);
        assert_eq!(*secret.to_secret_text(), SECRET);
        let mut info = info();
        assert!(secret.sign_path(&StoreDir::default(), &mut info).unwrap());
        assert!(!secret.sign_path(&StoreDir::default(), &mut info).unwrap());
        // nix copy --to 'file://cache?secret-key=secret'
        let expected =
            "test-1:kOV0wLulvQ2v8jUKt7EZJHfd5vXPUERYHqY+N2THJw7nbdSDcp5Bxy62gx2F2+xZbpOWBSIwQ4uIFTRm7BIqDw==";
        assert_eq!(info.signatures.first().unwrap(), expected);
        assert!(TrustedKeys::parse([PUBLIC]).unwrap().signer_of(&StoreDir::default(), &info).is_some());
    }

    #[test]
    fn references_are_part_of_what_is_signed() {
        let directory = StoreDir::default();
        let mut info = info();
        info.references.insert(info.path.clone());
        info.references.insert(StorePath::from_base_name("00000000000000000000000000000000-a").unwrap());
        assert_eq!(
            fingerprint(&directory, &info).unwrap(),
            "1;/nix/store/0q5xkqvgjp92hv457pc4sayp4f32n1gz-dd;\
             sha256:1pj7swf7dl5z165j08n7vjgj9mvvrz3f878avc96lyxk3zjzfl6r;288;\
             /nix/store/00000000000000000000000000000000-a,/nix/store/0q5xkqvgjp92hv457pc4sayp4f32n1gz-dd"
        );
        info.nar_size = 0;
        assert!(matches!(fingerprint(&directory, &info), Err(Error::Incomplete { .. })));
    }

    #[test]
    fn only_a_trusted_key_counts_and_a_name_is_not_enough() {
        let directory = StoreDir::default();
        let trusted = TrustedKeys::parse([PUBLIC]).unwrap();
        let mut info = info();
        assert!(trusted.signer_of(&directory, &info).is_none());
        SecretKey::generate("test-1").unwrap().sign_path(&directory, &mut info).unwrap();
        SecretKey::generate("other").unwrap().sign_path(&directory, &mut info).unwrap();
        info.signatures.insert("test-1:x".to_owned());
        info.signatures.insert("nonsense".to_owned());
        assert!(trusted.signer_of(&directory, &info).is_none());
        SECRET.parse::<SecretKey>().unwrap().sign_path(&directory, &mut info).unwrap();
        assert_eq!(trusted.signer_of(&directory, &info).unwrap().name(), "test-1");
        info.nar_size += 1;
        assert!(trusted.signer_of(&directory, &info).is_none());
    }

    #[test]
    fn errors_do_not_repeat_secrets() {
        let broken = SECRET.replace("==", "");
        let error = broken.parse::<SecretKey>().unwrap_err().to_string();
        assert!(error.contains("test-1") && !error.contains("maqS"), "{error}");
        let error = SECRET.replace("test-1:", "").parse::<SecretKey>().unwrap_err().to_string();
        assert!(!error.contains("maqS"), "{error}");
        let other = SecretKey::generate("test-1").unwrap().to_secret_text().to_string();
        let mixed = format!("{}{}", &SECRET[..50], &other[50..]);
        assert!(mixed.parse::<SecretKey>().is_err());
        assert_eq!(format!("{:?}", SECRET.parse::<SecretKey>().unwrap()), "SecretKey(test-1)");
    }

    #[test]
    fn names_that_no_key_can_have() {
        for name in ["", "a:b", "a b", "a\n"] {
            assert!(SecretKey::generate(name).is_err(), "{name:?}");
        }
    }

    proptest! {
        #[test]
        fn keys_and_signatures_are_read_back(name in "[a-zA-Z0-9.-]{1,40}", text in ".*") {
            let secret = SecretKey::generate(&name).unwrap();
            let read: SecretKey = secret.to_secret_text().parse().unwrap();
            prop_assert_eq!(&*read.to_secret_text(), &*secret.to_secret_text());
            let public: PublicKey = secret.public_key().to_string().parse().unwrap();
            let signature: Signature = secret.sign(&text).to_string().parse().unwrap();
            prop_assert!(public.verify(&text, &signature));
            let longer = format!("{text}x");
            prop_assert!(!public.verify(&longer, &signature));
        }

        #[test]
        fn any_text_is_an_error_or_what_is_printed(text in ".{0,20}:[A-Za-z0-9+/=]{0,90}") {
            if let Ok(signature) = text.parse::<Signature>() {
                prop_assert_eq!(signature.to_string(), text.trim_ascii());
            }
            if let Ok(key) = text.parse::<PublicKey>() {
                prop_assert_eq!(key.to_string(), text.trim_ascii());
            }
            let _ = text.parse::<SecretKey>();
        }
    }
}
