//! Long answers that outlive their connections.

use bytes::Bytes;
use reqwest::header::{IF_RANGE, RANGE};
use reqwest::{Method, Response, StatusCode};
use tokio::sync::OwnedSemaphorePermit;
use url::Url;

use crate::attempt::{range_start, retry_after, status, strong_validator};
use crate::error::{Error, Result};
use crate::request::shown;
use crate::web::{Failure, Failures, Header, Web, may_pass};

/// A file on its way, in pieces and in order. When a connection breaks, the rest is asked for over another one; a server
/// that cannot begin in the middle is listened to from the beginning, and what is known already is left out. Whether the
/// content is right is for the caller to see at the end.
#[derive(Debug)]
pub struct Transfer {
    web: Web,
    url: Url,
    headers: Vec<Header>,
    /// How long the file must be.
    size: Option<u64>,
    /// What was handed out.
    position: u64,
    /// What the present answer will repeat first.
    repeated: u64,
    validator: Option<String>,
    answer: Option<(Response, OwnedSemaphorePermit)>,
    failures: Failures,
    /// Whether all of it was handed out.
    ended: bool,
}

impl Transfer {
    pub(crate) fn new(web: Web, url: Url, headers: Vec<Header>, size: Option<u64>) -> Self {
        Transfer {
            web,
            url,
            headers,
            size,
            position: 0,
            repeated: 0,
            validator: None,
            answer: None,
            failures: Failures::default(),
            ended: false,
        }
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// [`Error::Status`], [`Error::Unreachable`] if it fails too often in a row; [`Error::WrongSize`] if the file is longer
    /// or shorter than expected.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        if self.ended {
            return Ok(None);
        }
        loop {
            let (response, _) = match &mut self.answer {
                Some(answer) => answer,
                None => match self.ask().await {
                    Ok(answer) => self.answer.insert(answer),
                    Err(Stop::Lasting(error)) => return Err(error),
                    Err(Stop::Passing(failure)) => {
                        self.failures.wait_after(failure, &self.web.settings).await?;
                        continue;
                    }
                },
            };
            let failure = match response.chunk().await {
                Ok(Some(mut chunk)) => {
                    let known = self.repeated.min(chunk.len() as u64);
                    self.repeated -= known;
                    let chunk = chunk.split_off(known as usize);
                    if chunk.is_empty() {
                        continue;
                    }
                    self.failures.forget();
                    self.position += chunk.len() as u64;
                    match self.size {
                        Some(size) if self.position > size => return Err(self.wrong_size(size)),
                        _ => return Ok(Some(chunk)),
                    }
                }
                // A server that does not say how long its answer is ends it by closing: it may have been cut off.
                Ok(None) => match self.size {
                    Some(size) if self.position < size => {
                        Failure { error: self.wrong_size(size), wait: None, weight: 1 }
                    }
                    _ => {
                        self.answer = None;
                        self.ended = true;
                        return Ok(None);
                    }
                },
                Err(error) => Failure::of_transport(&self.url, error),
            };
            self.answer = None;
            self.failures.wait_after(failure, &self.web.settings).await?;
        }
    }

    fn wrong_size(&self, expected: u64) -> Error {
        Error::WrongSize { url: shown(&self.url), expected, got: self.position }
    }

    async fn ask(&mut self) -> Result<(Response, OwnedSemaphorePermit), Stop> {
        let place = self.web.place().await.map_err(Stop::Lasting)?;
        let mut ask = self.web.build(Method::GET, &self.url, &self.headers).map_err(Stop::Lasting)?;
        if self.position > 0 {
            ask = ask.header(RANGE, format!("bytes={}-", self.position));
            if let Some(validator) = &self.validator {
                ask = ask.header(IF_RANGE, validator);
            }
        }
        let response =
            ask.send().await.map_err(|error| Stop::Passing(Failure::of_transport(&self.url, error)))?;
        self.web.learn(&response);
        match response.status() {
            StatusCode::OK => self.repeated = self.position,
            StatusCode::PARTIAL_CONTENT if range_start(response.headers()) == Some(self.position) => {
                self.repeated = 0;
            }
            code => {
                let error = status(&self.url, &response);
                return Err(match may_pass(code) {
                    true => {
                        Stop::Passing(Failure { error, wait: retry_after(response.headers()), weight: 1 })
                    }
                    false => Stop::Lasting(error),
                });
            }
        }
        if self.position == 0 {
            // Said before a byte is read: a wrong file costs no transfer.
            if let (Some(size), Some(length)) = (self.size, response.content_length())
                && size != length
            {
                let url = shown(&self.url);
                return Err(Stop::Lasting(Error::WrongSize { url, expected: size, got: length }));
            }
            self.validator = strong_validator(response.headers());
        }
        Ok((response, place))
    }
}

/// Why there is no answer.
enum Stop {
    Lasting(Error),
    Passing(Failure),
}
