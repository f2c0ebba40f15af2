//! One try at one address.

use std::{fs::File, io::Read, time::Duration};

use reqwest::{
    Client, Response, StatusCode,
    header::{CONTENT_RANGE, ETAG, HeaderMap, IF_RANGE, LAST_MODIFIED, RANGE, RETRY_AFTER},
};
use url::Url;

use crate::{
    error::{Error, Result},
    part::Part,
    progress::Progress,
    request::{Request, shown},
};

/// How an attempt ended that did not bring the whole file.
pub(crate) enum Failure {
    /// May pass: to be tried again, not before the time that the server asks for.
    Passing { error: Error, wait: Option<Duration> },
    /// Will be the same the next time, at this address.
    Lasting(Error),
    /// Has nothing to do with the address.
    Local(Error),
}

/// What one address said about its file, to ask for the rest of the same file later.
#[derive(Default)]
pub(crate) struct Validator(Option<String>);

pub(crate) struct Attempt<'a> {
    pub(crate) client: &'a Client,
    pub(crate) request: &'a Request,
    pub(crate) progress: &'a dyn Progress,
}

impl Attempt<'_> {
    /// Brings what is missing in `part` from `url`. When it succeeds, all that the address has is there, in the length
    /// expected; the hash is not checked.
    pub(crate) async fn run(
        &self,
        url: &Url,
        part: &mut Part,
        validator: &mut Validator,
    ) -> Result<(), Failure> {
        match url.scheme() {
            "http" | "https" => self.http(url, part, validator).await,
            "file" => self.local(url, part),
            _ => Err(Failure::Lasting(Error::UnsupportedAddress { url: shown(url) })),
        }
    }

    async fn http(&self, url: &Url, part: &mut Part, validator: &mut Validator) -> Result<(), Failure> {
        if part.length() > 0 && self.request.expected.size == Some(part.length()) {
            return Ok(());
        }
        let mut ask = self.client.get(url.clone());
        if part.length() > 0 {
            ask = ask.header(RANGE, format!("bytes={}-", part.length()));
            if let Some(validator) = &validator.0 {
                ask = ask.header(IF_RANGE, validator);
            }
        }
        let mut response = ask.send().await.map_err(|error| transport(url, error))?;
        match response.status() {
            StatusCode::OK => self.restart(part)?,
            StatusCode::PARTIAL_CONTENT if range_start(response.headers()) == Some(part.length()) => {}
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
                // Not what was asked for, or there is no more than what we have: only the beginning helps.
                *validator = Validator::default();
                self.restart(part)?;
                return Err(Failure::Passing { error: status(url, &response), wait: None });
            }
            code => {
                let error = status(url, &response);
                let passing = code.is_server_error()
                    || matches!(code, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS);
                return Err(match passing {
                    true => Failure::Passing { error, wait: retry_after(response.headers()) },
                    false => Failure::Lasting(error),
                });
            }
        }
        *validator = Validator(strong_validator(response.headers()));
        if let Some(more) = response.content_length() {
            self.check_length(url, part.length() + more, true)?;
        }
        while let Some(chunk) = response.chunk().await.map_err(|error| transport(url, error))? {
            self.check_length(url, part.length() + chunk.len() as u64, false)?;
            part.append(&chunk).map_err(Failure::Local)?;
            self.progress.advanced(self.request, chunk.len() as u64);
        }
        match self.request.expected.size {
            // A server that does not say how long its answer is ends it by closing: it may have been cut off.
            Some(expected) if part.length() < expected => Err(Failure::Passing {
                error: Error::WrongSize { url: shown(url), expected, got: part.length() },
                wait: None,
            }),
            _ => Ok(()),
        }
    }

    fn local(&self, url: &Url, part: &mut Part) -> Result<(), Failure> {
        let path = url
            .to_file_path()
            .map_err(|()| Failure::Lasting(Error::UnsupportedAddress { url: shown(url) }))?;
        let failed = |source| Failure::Lasting(Error::Io { action: "read", path: path.clone(), source });
        self.restart(part)?;
        let mut file = File::open(&path).map_err(failed)?;
        self.check_length(url, file.metadata().map_err(failed)?.len(), true)?;
        let mut buffer = vec![0; 256 << 10];
        loop {
            let count = match file.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(failed(error)),
            };
            self.check_length(url, part.length() + count as u64, false)?;
            part.append(&buffer[..count]).map_err(Failure::Local)?;
            self.progress.advanced(self.request, count as u64);
        }
    }

    fn restart(&self, part: &mut Part) -> Result<(), Failure> {
        if part.length() > 0 {
            self.progress.restarted(self.request, part.length());
            part.restart().map_err(Failure::Local)?;
        }
        Ok(())
    }

    /// Refuses a length that cannot be right: `whole` says that it is that of the whole file, not of what came so far.
    fn check_length(&self, url: &Url, length: u64, whole: bool) -> Result<(), Failure> {
        let expected = &self.request.expected;
        match (expected.size, expected.limit) {
            (Some(size), _) if length > size || (whole && length < size) => {
                Err(Failure::Lasting(Error::WrongSize { url: shown(url), expected: size, got: length }))
            }
            (None, Some(limit)) if length > limit => {
                Err(Failure::Lasting(Error::TooLarge { url: shown(url), limit }))
            }
            _ => Ok(()),
        }
    }
}

fn transport(url: &Url, error: reqwest::Error) -> Failure {
    Failure::Passing { error: unreachable(url, error), wait: None }
}

/// What the client reports, in the words of the innermost cause.
pub(crate) fn unreachable(url: &Url, error: reqwest::Error) -> Error {
    let reason = if error.is_timeout() && error.is_connect() {
        "no connection in time".to_owned()
    } else if error.is_timeout() {
        "no answer in time".to_owned()
    } else {
        // The innermost cause is the system's own word for it: refused, reset, name not known.
        let mut cause: &dyn std::error::Error = &error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        cause.to_string()
    };
    Error::Unreachable { url: shown(url), reason, source: Box::new(error.without_url()) }
}

pub(crate) fn status(url: &Url, response: &Response) -> Error {
    let status = response.status();
    Error::Status { url: shown(url), status: status.to_string(), code: status.as_u16() }
}

/// `Retry-After` in seconds (RFC 9110, 10.2.3); a date there is not worth a clock.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// Where the content of a 206 answer begins (RFC 9110, 14.4): `bytes 100-199/200`.
pub(crate) fn range_start(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
    range.split_once('-')?.0.trim().parse().ok()
}

/// What may stand in `If-Range` (RFC 9110, 13.1.5): an entity tag that is not weak, or the date of the last change.
pub(crate) fn strong_validator(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    text(ETAG).filter(|tag| !tag.starts_with("W/")).or_else(|| text(LAST_MODIFIED)).map(str::to_owned)
}
