//! The HTTP client and its settings.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use reqwest::{Client, ClientBuilder};
use rustls::{ClientConfig, RootCertStore};

use crate::error::{Error, Result};

/// How downloads are made.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Files at a time. More than eight bring nothing on one mirror: it serves one machine no faster.
    pub connections: usize,
    /// How often an address is tried that fails without anything arriving.
    pub attempts: u32,
    /// How long to wait for a connection.
    pub connect_timeout: Duration,
    /// How long to wait for the next bytes.
    pub stall_timeout: Duration,
    /// The wait before the second attempt; it doubles with each one after that.
    pub back_off: Duration,
    /// The longest wait, also if a server asks for more.
    pub longest_back_off: Duration,
    /// Name and version of the program, told to servers.
    pub user_agent: String,
    /// The certificates that servers' ones must follow from (Nix's `ssl-cert-file`), if not those of `NIX_SSL_CERT_FILE` or the
    /// system.
    pub certificate_file: Option<PathBuf>,
}

impl Default for Settings {
    /// Nix's defaults where it has them: 5 attempts from 250 ms on (`download-attempts`), 15 s to connect.
    fn default() -> Self {
        Settings {
            connections: 8,
            attempts: 5,
            connect_timeout: Duration::from_secs(15),
            stall_timeout: Duration::from_secs(30),
            back_off: Duration::from_millis(250),
            longest_back_off: Duration::from_secs(30),
            user_agent: concat!("hostwright/", env!("CARGO_PKG_VERSION")).to_owned(),
            certificate_file: None,
        }
    }
}

pub(crate) fn build(settings: &Settings) -> Result<Client> {
    builder(settings)?.build().map_err(|error| Error::Client { source: error.into() })
}

pub(crate) fn builder(settings: &Settings) -> Result<ClientBuilder> {
    Ok(Client::builder()
        .user_agent(&settings.user_agent)
        .connect_timeout(settings.connect_timeout)
        .read_timeout(settings.stall_timeout)
        .pool_max_idle_per_host(settings.connections)
        .tls_backend_preconfigured(tls(settings)?))
}

/// TLS by ring, with the system's certificates. A machine without any can still use plain HTTP, whose content is verified
/// by hash as everything is; over HTTPS it fails with an unknown issuer.
fn tls(settings: &Settings) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let file = settings.certificate_file.clone().map(PathBuf::into_os_string);
    let loaded = match file.or_else(|| std::env::var_os("NIX_SSL_CERT_FILE")) {
        Some(file) if !file.is_empty() => {
            rustls_native_certs::load_certs_from_paths(Some(Path::new(&file)), None)
        }
        _ => rustls_native_certs::load_native_certs(),
    };
    roots.add_parsable_certificates(loaded.certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Client { source: error.into() })?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
