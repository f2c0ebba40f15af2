//! Certificates that nobody vouches for, known by their fingerprints.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use sha2::{Digest, Sha256};

use super::address::BmcAddress;
use super::client;
use crate::error::{Error, Result};

/// The SHA-256 of a certificate, as `openssl x509 -fingerprint -sha256` prints it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            write!(formatter, "{}{byte:02X}", if index == 0 { "" } else { ":" })?;
        }
        Ok(())
    }
}

impl FromStr for Fingerprint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b':').collect();
        let invalid = || Error::InvalidBmc {
            address: text.to_owned(),
            reason: "it is no SHA-256 fingerprint of 64 hexadecimal digits".to_owned(),
        };
        if digits.len() != 64 {
            return Err(invalid());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| invalid())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| invalid())?;
        }
        Ok(Fingerprint(bytes))
    }
}

/// The fingerprint of the certificate that a controller shows. Nothing is told to it.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub fn fingerprint(address: &BmcAddress) -> Result<Fingerprint> {
    let pinned = Arc::new(Pinned { expected: None, seen: Mutex::new(None), provider: provider() });
    let refused = client::greet(address, configuration(&pinned)?);
    let seen = *pinned.seen.lock().unwrap_or_else(PoisonError::into_inner);
    match (seen, refused) {
        (Some(seen), _) => Ok(seen),
        (None, Err(error)) => Err(error),
        (None, Ok(())) => Err(Error::Unreachable {
            address: address.to_string(),
            reason: "it showed no certificate".to_owned(),
        }),
    }
}

/// Settings of TLS for a controller with this certificate alone.
pub(super) fn only(fingerprint: Fingerprint) -> Result<ClientConfig> {
    configuration(&Arc::new(Pinned {
        expected: Some(fingerprint),
        seen: Mutex::new(None),
        provider: provider(),
    }))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn configuration(pinned: &Arc<Pinned>) -> Result<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(Arc::clone(&pinned.provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Unreachable { address: "TLS".to_owned(), reason: error.to_string() })?;
    let verifier = Arc::clone(pinned) as Arc<dyn ServerCertVerifier>;
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

/// Accepts one certificate, or none and remembers it.
#[derive(Debug)]
struct Pinned {
    expected: Option<Fingerprint>,
    seen: Mutex<Option<Fingerprint>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        let shown = Fingerprint(Sha256::digest(end_entity).into());
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(shown);
        if self.expected == Some(shown) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(rustls::Error::General(format!("its certificate has the fingerprint {shown}")))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
