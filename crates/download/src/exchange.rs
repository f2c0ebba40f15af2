//! Single questions to web servers, whose answers the caller reads: interfaces of code forges, git's smart protocol.
//!
//! Unlike a [`Request`](crate::Request), an exchange has headers of its own, its answer has a status that the caller
//! judges, and nothing is written to disk. Redirections are followed here and not by the client, so that what is secret
//! stays with the host that it is for.

use std::io::{self, Read};
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Client, Method, Response, StatusCode};
use tokio::runtime::{Builder, Runtime};
use url::Url;

use crate::client::{self, Settings};
use crate::error::{Error, Result};
use crate::request::shown;

/// Redirections that are followed; browsers follow 20, curl 50.
const REDIRECTIONS_MOST: usize = 20;

/// A question.
#[derive(Clone, Debug)]
pub struct Question {
    /// Where to.
    pub url: Url,
    /// Headers, by name.
    pub headers: Vec<(String, String)>,
    /// The body of a POST; `None` for a GET.
    pub body: Option<Vec<u8>>,
}

impl Question {
    /// A GET without headers.
    pub fn get(url: Url) -> Self {
        Question { url, headers: Vec::new(), body: None }
    }
}

/// Asks questions, one at a time for each caller. May be shared between threads; must not be used from within an
/// asynchronous task.
#[derive(Debug)]
pub struct Exchange {
    runtime: Runtime,
    client: Client,
    settings: Settings,
}

/// What a server answered. Reading it reads the body.
#[derive(Debug)]
pub struct Answer<'a> {
    runtime: &'a Runtime,
    response: Response,
    chunk: Vec<u8>,
    read: usize,
    /// Every address on the way, the last one being that which answered.
    pub urls: Vec<Url>,
    /// The values of the header `Link`, of all answers on the way.
    pub links: Vec<String>,
}

impl Exchange {
    /// Sets up client and runtime.
    ///
    /// # Errors
    /// [`Error::Client`].
    pub fn new(settings: Settings) -> Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("exchange")
            .enable_all()
            .build()
            .map_err(|error| Error::Client { source: error.into() })?;
        let client = client::builder(&settings)?
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| Error::Client { source: error.into() })?;
        Ok(Exchange { runtime, client, settings })
    }

    /// Asks, follows redirections, and tries again what may pass. The answer has any status but a redirection.
    ///
    /// # Errors
    /// [`Error::Unreachable`]; [`Error::UnsupportedAddress`] for addresses that are not HTTP; [`Error::Status`] for a
    /// redirection without an end.
    pub fn ask(&self, question: &Question) -> Result<Answer<'_>> {
        let mut urls = vec![question.url.clone()];
        let mut links = Vec::new();
        let mut headers = header_map(&question.headers);
        loop {
            let url = urls.last().unwrap_or(&question.url).clone();
            let response = self.ask_patiently(&url, &headers, question.body.as_deref())?;
            for link in response.headers().get_all(reqwest::header::LINK) {
                links.extend(link.to_str().ok().map(str::to_owned));
            }
            let target = match response.status() {
                StatusCode::MOVED_PERMANENTLY
                | StatusCode::FOUND
                | StatusCode::SEE_OTHER
                | StatusCode::TEMPORARY_REDIRECT
                | StatusCode::PERMANENT_REDIRECT => {
                    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
                    location.and_then(|location| url.join(location).ok())
                }
                _ => {
                    let runtime = &self.runtime;
                    return Ok(Answer { runtime, response, chunk: Vec::new(), read: 0, urls, links });
                }
            };
            let downgraded = |target: &Url| url.scheme() == "https" && target.scheme() != "https";
            match target {
                Some(target) if urls.len() <= REDIRECTIONS_MOST && !downgraded(&target) => {
                    if target.host_str() != url.host_str() || target.port() != url.port() {
                        // Headers of the caller's may be secrets of the first host.
                        headers = HeaderMap::new();
                    }
                    urls.push(target);
                }
                _ => return Err(status_error(&url, response.status())),
            }
        }
    }

    fn ask_patiently(&self, url: &Url, headers: &HeaderMap, body: Option<&[u8]>) -> Result<Response> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Error::UnsupportedAddress { url: shown(url) });
        }
        let mut failures = 0;
        loop {
            let method = if body.is_some() { Method::POST } else { Method::GET };
            let mut ask = self.client.request(method, url.clone()).headers(headers.clone());
            if let Some(body) = body {
                ask = ask.body(body.to_vec());
            }
            // The client's timers want the runtime around them when they are made.
            let error = match self.runtime.block_on(async { ask.send().await }) {
                Ok(response)
                    if response.status().is_server_error()
                        && response.status() != StatusCode::NOT_IMPLEMENTED =>
                {
                    status_error(url, response.status())
                }
                Ok(response) => return Ok(response),
                Err(error) => crate::attempt::unreachable(url, error),
            };
            failures += 1;
            if failures >= self.settings.attempts {
                return Err(error);
            }
            let wait = self.settings.back_off.saturating_mul(1 << (failures - 1).min(16));
            std::thread::sleep(wait.min(self.settings.longest_back_off));
        }
    }
}

impl Answer<'_> {
    /// The status code, such as 200.
    pub fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// A header's value, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name).and_then(|value| value.to_str().ok())
    }

    /// All headers whose values are text.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.response.headers().iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
    }

    /// The address that answered.
    pub fn url(&self) -> &Url {
        self.urls.last().unwrap_or_else(|| self.response.url())
    }

    /// The answer if its status is a success.
    ///
    /// # Errors
    /// [`Error::Status`].
    pub fn successful(self) -> Result<Self> {
        match self.response.status() {
            status if status.is_success() => Ok(self),
            status => Err(status_error(self.url(), status)),
        }
    }

    /// The whole body, of at most `limit` bytes.
    ///
    /// # Errors
    /// [`Error::TooLarge`]; [`Error::Unreachable`] if it breaks off.
    pub fn bytes(mut self, limit: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let url = shown(self.url());
        match self.by_ref().take(limit + 1).read_to_end(&mut bytes) {
            Ok(_) if bytes.len() as u64 > limit => Err(Error::TooLarge { url, limit }),
            Ok(_) => Ok(bytes),
            Err(error) => Err(Error::Unreachable {
                url,
                reason: "the answer breaks off".to_owned(),
                source: error.into(),
            }),
        }
    }
}

impl Read for Answer<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.read == self.chunk.len() {
            match self.runtime.block_on(async { self.response.chunk().await }) {
                Ok(Some(chunk)) => {
                    self.chunk.clear();
                    self.chunk.extend_from_slice(&chunk);
                    self.read = 0;
                }
                Ok(None) => return Ok(0),
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        let count = buffer.len().min(self.chunk.len() - self.read);
        buffer[..count].copy_from_slice(&self.chunk[self.read..self.read + count]);
        self.read += count;
        Ok(count)
    }
}

/// Headers that HTTP cannot carry are left out.
fn header_map(headers: &[(String, String)]) -> HeaderMap {
    let parsed = headers.iter().filter_map(|(name, value)| {
        Some((HeaderName::try_from(name.trim()).ok()?, HeaderValue::from_str(value.trim()).ok()?))
    });
    parsed.collect()
}

fn status_error(url: &Url, status: StatusCode) -> Error {
    Error::Status { url: shown(url), status: status.to_string(), code: status.as_u16() }
}

/// Settings for questions that people wait for: fewer attempts, as what is behind them is rarely a passing failure.
impl Settings {
    /// Two attempts, and a pause of a quarter second between them.
    #[must_use]
    pub fn interactive() -> Self {
        Settings { attempts: 2, back_off: Duration::from_millis(250), ..Settings::default() }
    }
}
