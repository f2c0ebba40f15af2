//! The web, as fetchers ask it.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use download::{Answer, Exchange, Question, Settings};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::Url;

use super::Fetcher;
use crate::error::Error;

/// More than any answer of a forge's interface, any registry and any list of branches needs.
const ANSWER_MOST: u64 = 64 << 20;

/// Headers of a request, by name.
pub(crate) type Headers = Vec<(String, String)>;

impl Fetcher {
    /// The web client; set up when it is first needed, as reading the system's certificates takes a while.
    pub(crate) fn web(&self) -> Result<&Exchange, Error> {
        if let Some(web) = self.web.get() {
            return Ok(web);
        }
        let made = Exchange::new(Settings::interactive())?;
        Ok(self.web.get_or_init(|| made))
    }

    /// The URL that is really asked.
    pub(crate) fn effective_url(&self, url: &str) -> Result<Url, Error> {
        let rewritten = self.settings.instead_of.iter().find_map(|(beginning, instead)| {
            url.strip_prefix(beginning.as_str()).map(|rest| format!("{instead}{rest}"))
        });
        let text = rewritten.as_deref().unwrap_or(url);
        Url::parse(text).map_err(|error| Error::InvalidReference {
            reference: url.to_owned(),
            reason: format!("it is not a URL: {error}"),
        })
    }

    /// Asks for a URL. The answer may be 304 if a tag was given, and is a success otherwise.
    pub(crate) fn get(&self, url: &str, headers: &Headers, tag: Option<&str>) -> Result<Answer<'_>, Error> {
        if self.settings.offline {
            return Err(Error::Offline { what: url.to_owned() });
        }
        let url = self.effective_url(url)?;
        let mut headers = headers.clone();
        if let Some(tag) = tag.filter(|tag| !tag.is_empty()) {
            headers.push(("If-None-Match".to_owned(), tag.to_owned()));
        }
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization")) {
            headers.extend(self.basic_authorization(&url)?);
        }
        let answer = self.web()?.ask(&Question { url, headers, body: None })?;
        if answer.status() == 304 && tag.is_some() {
            return Ok(answer);
        }
        Ok(answer.successful()?)
    }

    /// A short text that is asked for again when what is known is older than `tarball-ttl`; a server that does not answer
    /// makes the old one do.
    pub(crate) fn text(&self, url: &str, headers: &Headers) -> Result<String, Error> {
        #[derive(Deserialize, serde::Serialize)]
        struct Known {
            tag: String,
            text: String,
        }
        let question = json!({ "kind": "text", "url": url });
        let known = self.cache.recall::<Known>(&question);
        if let Some(record) = &known
            && self.is_fresh(record.age)
        {
            return Ok(record.value.text.clone());
        }
        let tag = known.as_ref().map(|record| record.value.tag.as_str());
        let answer = match (self.get(url, headers, tag), &known) {
            (Ok(answer), Some(record)) if answer.status() == 304 => {
                self.cache.remember(&question, &record.value);
                return Ok(record.value.text.clone());
            }
            (Ok(answer), _) => answer,
            (Err(error), Some(record)) if is_passing(&error) => {
                (self.settings.warn)(&format!("{error}; using what was fetched before"));
                return Ok(record.value.text.clone());
            }
            (Err(error), _) => return Err(error),
        };
        let tag = answer.header("etag").unwrap_or_default().to_owned();
        let text = String::from_utf8(answer.bytes(ANSWER_MOST)?).map_err(|_| Error::UnexpectedAnswer {
            url: url.to_owned(),
            reason: "it is not text".to_owned(),
        })?;
        let known = Known { tag, text };
        self.cache.remember(&question, &known);
        Ok(known.text)
    }

    /// As [`Fetcher::text`], parsed as JSON.
    pub(crate) fn json<T: DeserializeOwned>(&self, url: &str, headers: &Headers) -> Result<T, Error> {
        let text = self.text(url, headers)?;
        serde_json::from_str(&text).map_err(|error| {
            let shown: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
            let message = shown.get("message").and_then(Value::as_str);
            let reason = message.map_or_else(|| error.to_string(), |message| format!("it says '{message}'"));
            Error::UnexpectedAnswer { url: url.to_owned(), reason }
        })
    }

    /// Name and password of a URL, in it or in the user's netrc file, as HTTP wants them.
    pub(crate) fn basic_authorization(&self, url: &Url) -> Result<Option<(String, String)>, Error> {
        let header = |name: &str, password: &str| {
            let token = STANDARD.encode(format!("{name}:{password}"));
            Some(("Authorization".to_owned(), format!("Basic {token}")))
        };
        // The client sends those of the URL itself.
        if !url.username().is_empty() {
            return Ok(None);
        }
        let (Some(file), Some(host)) = (&self.settings.netrc_file, url.host_str()) else { return Ok(None) };
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => {
                return Err(Error::File { action: "read", path: Path::new(file).to_owned(), source });
            }
        };
        Ok(netrc(&text, host).and_then(|(name, password)| header(&name, &password)))
    }
}

/// Whether the failure may pass, so that what was known before may do for now.
pub(crate) fn is_passing(error: &Error) -> bool {
    match error {
        Error::Offline { .. } => true,
        Error::Download(download::Error::Unreachable { .. }) => true,
        Error::Download(download::Error::Status { code, .. }) => *code >= 500 || matches!(code, 403 | 429),
        _ => false,
    }
}

/// Login and password for a host, by the format of curl's manual, `--netrc`.
fn netrc(text: &str, host: &str) -> Option<(String, String)> {
    let mut words =
        text.lines().filter(|line| !line.trim_start().starts_with('#')).flat_map(str::split_whitespace);
    let (mut here, mut login, mut password) = (false, None, None);
    loop {
        match words.next() {
            Some(word @ ("machine" | "default")) => {
                if here && password.is_some() {
                    break;
                }
                here = word == "default" || words.next() == Some(host);
                (login, password) = (None, None);
            }
            Some("login") => login = words.next().filter(|_| here).or(login),
            Some("password") => password = words.next().filter(|_| here).or(password),
            Some(_) => {}
            None => break,
        }
    }
    here.then_some(())?;
    Some((login.unwrap_or_default().to_owned(), password?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn netrc_files_are_read() {
        let text = "# mine\nmachine a.org login me password x\nmachine b.org\n  login you\n  password y\ndefault login z password w";
        let of = |host| netrc(text, host).unwrap();
        assert_eq!(of("a.org"), ("me".into(), "x".into()));
        assert_eq!(of("b.org"), ("you".into(), "y".into()));
        assert_eq!(of("c.org"), ("z".into(), "w".into()));
        assert_eq!(netrc("machine a.org login me password x", "c.org"), None);
        assert_eq!(netrc("machine", "c.org"), None);
    }
}
