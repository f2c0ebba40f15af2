use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response, StatusCode};
use rustls::ClientConfig;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use url::Url;
use zeroize::Zeroizing;

use super::address::BmcAddress;
use super::certificate::{Fingerprint, only};
use crate::error::{Error, Result};

/// How long the controller may be silent: it hashes and erases between answers.
const PATIENCE: Duration = Duration::from_secs(60);

/// The largest answer that is read; the console's is 16 KiB.
const LARGEST_ANSWER: usize = 1 << 20;

/// Who we are to the controller.
pub struct Credentials {
    /// The password of the address's user.
    pub password: Zeroizing<String>,
}

/// A controller that has let us in.
pub struct Bmc {
    pub(super) runtime: Runtime,
    pub(super) client: Client,
    address: BmcAddress,
    base: Url,
    token: Zeroizing<String>,
}

/// The answer to a login.
#[derive(Deserialize)]
struct Session {
    id: String,
}

impl Bmc {
    /// Logs in.
    ///
    /// # Errors
    ///
    /// [`Error::Unreachable`], also for another certificate; [`Error::Bmc`] for a wrong password. After five of these the
    /// controller bars this machine for a minute, and then for longer and longer, so it is asked only once.
    pub fn connect(
        address: &BmcAddress,
        certificate: Fingerprint,
        credentials: &Credentials,
    ) -> Result<Self> {
        let (runtime, client) = build(address, only(certificate)?)?;
        let base = base(address)?;
        let mut bmc = Bmc { runtime, client, address: address.clone(), base, token: Zeroizing::default() };
        let body = Zeroizing::new(
            json!({ "username": address.user, "password": credentials.password.as_str() }).to_string(),
        );
        let mut url = bmc.url(&[]);
        url.set_path("/api/bmc/authenticate");
        let ask =
            bmc.client.post(url).header("content-type", "application/json").body(body.as_bytes().to_vec());
        let text = bmc.ask("log in", ask)?;
        let session: Session = serde_json::from_str(&text)
            .map_err(|_| bmc.failed("log in", "it did not answer as bmcd does".to_owned()))?;
        bmc.token = Zeroizing::new(session.id);
        Ok(bmc)
    }

    /// The node as the interface counts it.
    pub(super) fn index(&self) -> String {
        (self.address.node - 1).to_string()
    }

    /// Switches the node on or off.
    ///
    /// # Errors
    ///
    /// [`Error::Unreachable`], [`Error::Bmc`].
    pub fn power(&self, on: bool) -> Result<()> {
        let node = format!("node{}", self.address.node);
        let state = if on { "1" } else { "0" };
        self.get("switch the node", &[("opt", "set"), ("type", "power"), (&node, state)]).map(|_| ())
    }

    /// Whether the node is on; `None` if the controller does not know.
    ///
    /// # Errors
    ///
    /// [`Error::Unreachable`], [`Error::Bmc`].
    pub fn is_on(&self) -> Result<Option<bool>> {
        let answer = self.get("ask for power", &[("opt", "get"), ("type", "power")])?;
        let state = &answer["response"][0]["result"][0][format!("node{}", self.address.node)];
        Ok(match state.as_str() {
            Some("1") => Some(true),
            Some("0") => Some(false),
            _ => None,
        })
    }

    /// The last 16 KiB that the node wrote to its serial console.
    ///
    /// # Errors
    ///
    /// [`Error::Unreachable`], [`Error::Bmc`].
    pub fn console(&self) -> Result<String> {
        let answer =
            self.get("read the console", &[("opt", "get"), ("type", "uart"), ("node", &self.index())])?;
        match answer["response"][0]["uart"].as_str() {
            Some(text) => Ok(text.to_owned()),
            None => Err(self.failed("read the console", "it did not answer as bmcd does".to_owned())),
        }
    }

    pub(super) fn get(&self, what: &str, query: &[(&str, &str)]) -> Result<Value> {
        let ask = self.authorised(self.client.get(self.url(query)));
        let text = self.ask(what, ask)?;
        serde_json::from_str(&text)
            .map_err(|_| self.failed(what, "it did not answer as bmcd does".to_owned()))
    }

    pub(super) fn url(&self, query: &[(&str, &str)]) -> Url {
        let mut url = self.base.clone();
        url.set_path("/api/bmc");
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    pub(super) fn authorised(&self, ask: RequestBuilder) -> RequestBuilder {
        ask.bearer_auth(self.token.as_str())
    }

    /// The text of a successful answer.
    fn ask(&self, what: &str, ask: RequestBuilder) -> Result<String> {
        self.runtime.block_on(async {
            let response =
                ask.timeout(PATIENCE).send().await.map_err(|error| unreachable(&self.address, &error))?;
            self.text(what, response).await
        })
    }

    pub(super) async fn text(&self, what: &str, mut response: Response) -> Result<String> {
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&self.address, &error))? {
            body.extend_from_slice(&chunk);
            if body.len() > LARGEST_ANSWER {
                return Err(self.failed(what, "its answer has no end".to_owned()));
            }
        }
        let text = String::from_utf8_lossy(&body).into_owned();
        if status.is_success() {
            return Ok(text);
        }
        // An error is either the same form as an answer, or plain text.
        let reason = serde_json::from_str::<Value>(&text)
            .ok()
            .and_then(|answer| answer["response"][0]["result"].as_str().map(str::to_owned))
            .unwrap_or_else(|| text.trim().to_owned());
        let reason = match (status, reason.is_empty()) {
            (StatusCode::UNAUTHORIZED, true) => "it does not let us in".to_owned(),
            (_, true) => format!("it answered {status}"),
            (_, false) => reason,
        };
        Err(self.failed(what, reason))
    }

    pub(super) fn failed(&self, what: &str, reason: String) -> Error {
        Error::Bmc { address: self.address.to_string(), what: what.to_owned(), reason }
    }

    pub(super) fn lost(&self, error: &reqwest::Error) -> Error {
        unreachable(&self.address, error)
    }

    /// The controller and the node.
    pub fn address(&self) -> &BmcAddress {
        &self.address
    }
}

/// Asks for nothing in particular, to see the certificate.
pub(super) fn greet(address: &BmcAddress, tls: ClientConfig) -> Result<()> {
    let (runtime, client) = build(address, tls)?;
    let ask = client.get(base(address)?).timeout(PATIENCE);
    runtime.block_on(async { ask.send().await }).map(|_| ()).map_err(|error| unreachable(address, &error))
}

fn base(address: &BmcAddress) -> Result<Url> {
    Url::parse(&format!("https://{}:{}/", address.host, address.port))
        .map_err(|error| Error::Unreachable { address: address.to_string(), reason: error.to_string() })
}

fn build(address: &BmcAddress, tls: ClientConfig) -> Result<(Runtime, Client)> {
    let unbuilt = |reason: String| Error::Unreachable { address: address.to_string(), reason };
    let runtime =
        Builder::new_current_thread().enable_all().build().map_err(|error| unbuilt(error.to_string()))?;
    let client = Client::builder()
        .connect_timeout(Duration::from_secs(15))
        // The board is on the same network.
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .tls_backend_preconfigured(tls)
        .build()
        .map_err(|error| unbuilt(error.to_string()))?;
    Ok((runtime, client))
}

fn unreachable(address: &BmcAddress, error: &reqwest::Error) -> Error {
    // The reason is at the end of the chain; what stands before it repeats the address.
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    Error::Unreachable { address: address.to_string(), reason: cause.to_string() }
}
