//! Many questions to one server at a time, over one HTTP/2 connection or a pool of kept ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Version};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Url;

use crate::attempt::{retry_after, status, unreachable};
use crate::client::{self, Settings};
use crate::error::{Error, Result};
use crate::request::shown;
use crate::transfer::Transfer;

/// Questions at a time over one HTTP/2 connection: what servers commonly allow (RFC 9113, 6.5.2, advises no fewer than
/// 100; nginx allows 128).
const STREAMS: usize = 128;

/// A header of a question, name and value.
pub type Header = (String, String);

/// Asks one server. Copies share connections and the limit on questions at a time.
#[derive(Clone, Debug)]
pub struct Web {
    client: Client,
    pub(crate) settings: Arc<Settings>,
    questions: Arc<Semaphore>,
    /// Whether the limit was raised, as the server speaks HTTP/2.
    multiplexed: Arc<AtomicBool>,
}

/// What is put to a server.
#[derive(Debug)]
pub enum Upload {
    /// Bytes in memory.
    Bytes(Bytes),
    /// An open file, from its beginning; its length.
    File(std::fs::File, u64),
}

impl Web {
    /// Sets up the client. As many questions are asked at a time as `settings` allow connections, and more when the server
    /// turns out to need only one connection for them.
    ///
    /// # Errors
    /// [`Error::Client`].
    pub fn new(settings: Settings) -> Result<Self> {
        Ok(Self::with_client(client::build(&settings)?, Arc::new(settings)))
    }

    /// The same for another server: with limits of its own, and the certificates read only once.
    pub fn for_another_server(&self) -> Self {
        Self::with_client(self.client.clone(), Arc::clone(&self.settings))
    }

    fn with_client(client: Client, settings: Arc<Settings>) -> Self {
        Web {
            client,
            questions: Arc::new(Semaphore::new(settings.connections.max(1))),
            settings,
            multiplexed: Arc::default(),
        }
    }

    /// The body of the answer, of at most `limit` bytes.
    ///
    /// # Errors
    /// [`Error::Status`] for any status but a success, [`Error::Unreachable`], [`Error::TooLarge`].
    pub async fn get(&self, url: &Url, headers: &[Header], limit: u64) -> Result<Bytes> {
        self.patiently(url, || self.build(Method::GET, url, headers), Some(limit)).await.map(|(_, body)| body)
    }

    /// Whether something is there: a HEAD that succeeds, or is answered by 404, 410 or (S3's answer to who may not list) 403.
    ///
    /// # Errors
    /// [`Error::Status`] for other answers, [`Error::Unreachable`].
    pub async fn exists(&self, url: &Url, headers: &[Header]) -> Result<bool> {
        match self.patiently(url, || self.build(Method::HEAD, url, headers), None).await {
            Ok(_) => Ok(true),
            Err(Error::Status { code: 403 | 404 | 410, .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Puts something there; the entity tag that the server gives it, if any.
    ///
    /// # Errors
    /// [`Error::Status`], [`Error::Unreachable`]; [`Error::Io`] if the file cannot be read.
    pub async fn put(
        &self,
        url: &Url,
        headers: &[Header],
        content_type: Option<&str>,
        upload: &Upload,
    ) -> Result<Option<String>> {
        let build = || {
            let mut ask = self.build(Method::PUT, url, headers)?;
            if let Some(content_type) = content_type {
                ask = ask.header(CONTENT_TYPE, content_type);
            }
            match upload {
                Upload::Bytes(bytes) => Ok(ask.body(bytes.clone())),
                Upload::File(file, length) => {
                    let file = rewound(file).map_err(|source| Error::Io {
                        action: "read",
                        path: "the file to upload".into(),
                        source,
                    })?;
                    // Servers of S3 take no body of unknown length.
                    Ok(ask.header(CONTENT_LENGTH, *length).body(tokio::fs::File::from_std(file)))
                }
            }
        };
        self.patiently(url, build, None).await.map(|(tag, _)| tag)
    }

    /// Posts `body`; the body of the answer, of at most `limit` bytes.
    ///
    /// # Errors
    /// [`Error::Status`], [`Error::Unreachable`], [`Error::TooLarge`].
    pub async fn post(&self, url: &Url, headers: &[Header], body: &str, limit: u64) -> Result<Bytes> {
        let build = || Ok(self.build(Method::POST, url, headers)?.body(body.to_owned()));
        self.patiently(url, build, Some(limit)).await.map(|(_, body)| body)
    }

    /// Deletes what is there.
    ///
    /// # Errors
    /// [`Error::Status`], [`Error::Unreachable`].
    pub async fn delete(&self, url: &Url) -> Result<()> {
        self.patiently(url, || self.build(Method::DELETE, url, &[]), None).await.map(|_| ())
    }

    /// A long answer, piece by piece. Nothing is asked before the first piece is.
    pub fn transfer(&self, url: Url, headers: Vec<Header>, size: Option<u64>) -> Transfer {
        Transfer::new(self.clone(), url, headers, size)
    }

    pub(crate) fn build(&self, method: Method, url: &Url, headers: &[Header]) -> Result<RequestBuilder> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Error::UnsupportedAddress { url: shown(url) });
        }
        let mut ask = self.client.request(method, url.clone());
        for (name, value) in headers {
            ask = ask.header(name, value);
        }
        Ok(ask)
    }

    /// Waits for a place among the questions that are asked at a time.
    pub(crate) async fn place(&self) -> Result<OwnedSemaphorePermit> {
        // The semaphore is never closed.
        Arc::clone(&self.questions).acquire_owned().await.map_err(|_| Error::Cancelled)
    }

    /// Learns from an answer how many questions the server can take.
    pub(crate) fn learn(&self, response: &Response) {
        if response.version() == Version::HTTP_2 && !self.multiplexed.swap(true, Ordering::Relaxed) {
            self.questions.add_permits(STREAMS.saturating_sub(self.settings.connections.max(1)));
        }
    }

    /// Asks until the answer is a success, or the failure one that lasts; its entity tag, and its body if there is a limit.
    async fn patiently(
        &self,
        url: &Url,
        build: impl Fn() -> Result<RequestBuilder>,
        limit: Option<u64>,
    ) -> Result<(Option<String>, Bytes)> {
        let _place = self.place().await?;
        let mut failures = Failures::default();
        loop {
            let ask = build()?;
            let answer = async {
                let mut response = ask.send().await?;
                self.learn(&response);
                let mut body = Vec::new();
                if let (Some(limit), true) = (limit, response.status().is_success()) {
                    // One byte more shows that there is too much.
                    while body.len() as u64 <= limit
                        && let Some(chunk) = response.chunk().await?
                    {
                        body.extend_from_slice(&chunk);
                    }
                }
                Ok::<_, reqwest::Error>((response, body))
            };
            // Each piece has come in time, and yet there is no end of them.
            let whole = self.settings.connect_timeout + self.settings.stall_timeout * 2;
            let answer = match limit {
                Some(_) => match tokio::time::timeout(whole, answer).await {
                    Ok(answer) => answer,
                    Err(source) => {
                        let reason = "no whole answer in time".to_owned();
                        return Err(Error::Unreachable { url: shown(url), reason, source: source.into() });
                    }
                },
                None => answer.await,
            };
            let failure = match answer {
                Ok((response, body)) if response.status().is_success() => {
                    if let Some(limit) = limit.filter(|limit| body.len() as u64 > *limit) {
                        return Err(Error::TooLarge { url: shown(url), limit });
                    }
                    let tag = response.headers().get(ETAG).and_then(|tag| tag.to_str().ok());
                    return Ok((tag.map(str::to_owned), body.into()));
                }
                Ok((response, _)) if may_pass(response.status()) => Failure {
                    wait: retry_after(response.headers()),
                    error: status(url, &response),
                    weight: 1,
                },
                Ok((response, _)) => return Err(status(url, &response)),
                Err(error) => Failure::of_transport(url, error),
            };
            failures.wait_after(failure, &self.settings).await?;
        }
    }
}

/// A failure that may pass.
pub(crate) struct Failure {
    pub(crate) error: Error,
    /// How long the server wants to be left alone.
    pub(crate) wait: Option<Duration>,
    /// How many attempts it counts for.
    pub(crate) weight: u32,
}

impl Failure {
    /// A server that has said nothing for so long will rarely say more when it is asked again: that counts twice.
    pub(crate) fn of_transport(url: &Url, error: reqwest::Error) -> Self {
        let weight = if error.is_timeout() { 2 } else { 1 };
        Failure { error: unreachable(url, error), wait: None, weight }
    }
}

/// The failures of one question, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Failures(u32);

impl Failures {
    /// Waits before the next attempt.
    ///
    /// # Errors
    /// The failure, if there have been enough.
    pub(crate) async fn wait_after(&mut self, failure: Failure, settings: &Settings) -> Result<()> {
        self.0 += failure.weight;
        if self.0 >= settings.attempts {
            return Err(failure.error);
        }
        let doubled = settings.back_off.saturating_mul(1 << (self.0 - 1).min(16));
        tokio::time::sleep(failure.wait.unwrap_or(doubled).min(settings.longest_back_off)).await;
        Ok(())
    }

    /// Something arrived: the server works.
    pub(crate) fn forget(&mut self) {
        self.0 = 0;
    }
}

/// Whether another answer can be hoped for.
pub(crate) fn may_pass(status: StatusCode) -> bool {
    (status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED)
        || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
}

/// The same file from its beginning, however often it was read before.
fn rewound(file: &std::fs::File) -> std::io::Result<std::fs::File> {
    use std::io::{Seek, SeekFrom};
    let mut file = file.try_clone()?;
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}
