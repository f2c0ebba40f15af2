//! Addresses of caches: `file:///DIRECTORY`, `http(s)://…`, `s3://BUCKET`, with settings behind a `?`, as Nix has
//! them (Nix manual, "Store URL format" and the pages on these stores).

use std::path::PathBuf;

use download::Url;

use crate::compression::{Compression, Level};
use crate::error::{Error, Result};

/// The address of a cache and the settings in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The address without settings: what people see, and what look-ups are remembered under.
    pub name: String,
    /// Where it is.
    pub place: Place,
    /// `priority`: overrides that of the cache.
    pub priority: Option<i64>,
    /// `trusted`: its paths need no signatures.
    pub trusted: bool,
    /// `want-mass-query`: overrides that of the cache.
    pub want_mass_query: Option<bool>,
    /// `compression` of the archives that are written; xz unless it says something else.
    pub compression: Compression,
    /// `compression-level`.
    pub level: Level,
    /// `parallel-compression`: one archive on all processors.
    pub parallel: bool,
    /// `write-nar-listing`.
    pub write_listings: bool,
    /// `secret-key`: the file of the key that paths are signed with when they are written.
    pub secret_key: Option<PathBuf>,
}

/// Where a cache is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A directory.
    Directory(PathBuf),
    /// A web server.
    Web(Url),
    /// A bucket of an S3-compatible service.
    S3(S3Location),
}

/// A bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Location {
    /// Its name.
    pub bucket: String,
    /// `region`.
    pub region: Option<String>,
    /// `endpoint`: the host of a service that is not Amazon's, with a port if need be.
    pub endpoint: Option<String>,
    /// `scheme`: https unless it says http.
    pub scheme: String,
    /// `profile` in the files of AWS's tools.
    pub profile: Option<String>,
}

impl Location {
    /// Reads an address. An absolute path is one of a directory.
    ///
    /// # Errors
    /// [`Error::InvalidAddress`]; [`Error::UnknownCompression`].
    pub fn parse(text: &str) -> Result<Self> {
        let invalid =
            |problem: &str| Error::InvalidAddress { url: text.to_owned(), problem: problem.to_owned() };
        let absolute;
        let text = if text.starts_with('/') {
            absolute = format!("file://{text}");
            &absolute
        } else {
            text
        };
        let url = Url::parse(text).map_err(|error| invalid(&error.to_string()))?;
        let mut bare = url.clone();
        bare.set_query(None);
        bare.set_fragment(None);
        let place = match url.scheme() {
            "file" => Place::Directory(
                url.to_file_path().map_err(|()| invalid("it names no directory of this machine"))?,
            ),
            "http" | "https" if url.has_host() => {
                // What is below it is joined to it.
                if !bare.path().ends_with('/') {
                    bare.set_path(&format!("{}/", bare.path()));
                }
                Place::Web(bare.clone())
            }
            "s3" => Place::S3(S3Location {
                bucket: url.host_str().ok_or_else(|| invalid("it names no bucket"))?.to_owned(),
                region: None,
                endpoint: None,
                scheme: "https".to_owned(),
                profile: None,
            }),
            _ => return Err(invalid("file://, http://, https:// and s3:// are known")),
        };
        // A password belongs to the connection, not into messages.
        let _ = bare.set_password(None);
        let mut location = Location {
            name: bare.as_str().trim_end_matches('/').to_owned(),
            place,
            priority: None,
            trusted: false,
            want_mass_query: None,
            compression: Compression::Xz,
            level: Level::default(),
            parallel: false,
            write_listings: false,
            secret_key: None,
        };
        for (name, value) in url.query_pairs() {
            location.set(&name, &value).map_err(|problem| match problem {
                Problem::Text(problem) => invalid(&format!("{name}={value}: {problem}")),
                Problem::Other(error) => error,
            })?;
        }
        if let Place::S3(s3) = &location.place {
            // The same bucket name at two services is two caches.
            if let Some(endpoint) = &s3.endpoint {
                location.name.push_str(&format!("?endpoint={endpoint}"));
            }
        }
        Ok(location)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), Problem> {
        match (name, &mut self.place) {
            ("priority", _) => self.priority = Some(number(value)?),
            ("trusted", _) => self.trusted = truth(value)?,
            ("want-mass-query", _) => self.want_mass_query = Some(truth(value)?),
            ("compression", _) => self.compression = value.parse().map_err(Problem::Other)?,
            ("compression-level", _) => {
                self.level = match number(value)? {
                    -1 => Level::default(),
                    level => Level::of(level)
                        .ok_or(Problem::Text("0 to 22, or -1 for the default, is expected"))?,
                }
            }
            ("parallel-compression", _) => self.parallel = truth(value)?,
            ("write-nar-listing", _) => self.write_listings = truth(value)?,
            ("secret-key", _) => self.secret_key = Some(PathBuf::from(value)),
            ("region", Place::S3(s3)) => s3.region = Some(value.to_owned()),
            ("endpoint", Place::S3(s3)) => match value.split_once("://") {
                Some((scheme, host)) => {
                    s3.scheme = scheme.to_owned();
                    s3.endpoint = Some(host.trim_end_matches('/').to_owned());
                }
                None => s3.endpoint = Some(value.to_owned()),
            },
            ("scheme", Place::S3(s3)) if matches!(value, "http" | "https") => s3.scheme = value.to_owned(),
            ("scheme", Place::S3(_)) => return Err(Problem::Text("http or https is expected")),
            ("profile", Place::S3(s3)) => s3.profile = Some(value.to_owned()),
            // Settings of Nix for things that are not done here; Nix itself only warns of those it does not know.
            _ => {}
        }
        Ok(())
    }
}

enum Problem {
    Text(&'static str),
    Other(Error),
}

impl From<&'static str> for Problem {
    fn from(text: &'static str) -> Self {
        Problem::Text(text)
    }
}

fn number(value: &str) -> Result<i64, Problem> {
    value.parse().map_err(|_| Problem::Text("a number is expected"))
}

fn truth(value: &str) -> Result<bool, Problem> {
    match value {
        "true" | "yes" | "1" => Ok(true),
        "false" | "no" | "0" => Ok(false),
        _ => Err(Problem::Text("true or false is expected")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_with_settings() {
        let cache =
            Location::parse("https://user:secret@cache.example.org/x?priority=10&trusted=true").unwrap();
        assert_eq!(cache.name, "https://user@cache.example.org/x");
        assert_eq!((cache.priority, cache.trusted), (Some(10), true));
        let Place::Web(url) = cache.place else { panic!("not on the web") };
        assert_eq!(url.join("nar/a").unwrap().as_str(), "https://user:secret@cache.example.org/x/nar/a");

        let cache =
            Location::parse("file:///var/cache?compression=zstd&compression-level=19&secret-key=/k").unwrap();
        assert_eq!(cache.place, Place::Directory("/var/cache".into()));
        assert_eq!(cache.compression, Compression::Zstd);
        assert_eq!(Location::parse("/var/cache").unwrap().place, cache.place);

        let cache =
            Location::parse("s3://b?region=eu-west-1&endpoint=minio:9000&scheme=http&profile=p").unwrap();
        let Place::S3(s3) = &cache.place else { panic!("not S3") };
        assert_eq!(
            (s3.bucket.as_str(), s3.endpoint.as_deref(), s3.scheme.as_str()),
            ("b", Some("minio:9000"), "http")
        );
        assert_eq!(cache.name, "s3://b?endpoint=minio:9000");
    }

    #[test]
    fn mistakes_are_named() {
        for (text, expected) in [
            ("ssh://host", "are known"),
            ("cache", "relative URL"),
            ("https://", "empty host"),
            ("https://a?priority=high", "priority=high: a number"),
            ("https://a?trusted=maybe", "true or false"),
            ("file:///a?compression=rar", "'rar' is not a compression"),
            ("file:///a?compression-level=99", "0 to 22"),
            ("s3://b?scheme=ftp", "http or https"),
        ] {
            let error = Location::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_ends(text in "(file|https?|s3)://.{0,40}") {
            let _ = Location::parse(&text);
        }
    }
}
