//! A cache at a web server, or in a bucket: both are addresses.

use std::sync::Arc;

use bytes::Bytes;
use download::{Header, Transfer, Upload, Url, Web};

use super::bucket::{Bucket, PART};
use super::{FileType, is_inside, outside};
use crate::error::{Error, Result};
use crate::netrc::Netrc;

pub(crate) struct Remote {
    web: Web,
    server: Server,
}

pub(crate) enum Server {
    Web(WebServer),
    S3(Box<Bucket>),
}

/// A web server and what it knows us by.
pub(crate) struct WebServer {
    base: Url,
    netrc: Arc<Netrc>,
}

impl WebServer {
    pub(crate) fn new(base: Url, netrc: Arc<Netrc>) -> Self {
        WebServer { base, netrc }
    }

    /// A file's address. A narinfo may name one elsewhere: some caches keep their archives with another host.
    fn address(&self, name: &str) -> Result<Url> {
        if name.starts_with("http://") || name.starts_with("https://") {
            let url = Url::parse(name).map_err(|error| Error::InvalidAddress {
                url: name.to_owned(),
                problem: error.to_string(),
            })?;
            // What the connection protects elsewhere is not asked for without protection.
            if self.base.scheme() == "https" && url.scheme() != "https" {
                return Err(outside(name));
            }
            return Ok(url);
        }
        // A query is part of the addresses of some caches (`nar/HASH.nar?hash=…`).
        if !is_inside(name.split('?').next().unwrap_or_default()) {
            return Err(outside(name));
        }
        let relative = format!("./{name}");
        self.base.join(&relative).map_err(|_| outside(name))
    }
}

impl Remote {
    pub(crate) fn new(web: Web, server: Server) -> Self {
        Remote { web, server }
    }

    pub(crate) async fn get(&self, name: &str, limit: u64) -> Result<Option<Bytes>> {
        let (url, headers) = match &self.server {
            Server::Web(server) => self.web_address(server, name)?,
            Server::S3(bucket) => (bucket.get(name)?, Vec::new()),
        };
        match self.web.get(&url, &headers, limit).await {
            Ok(content) => Ok(Some(content)),
            // 403 is S3's answer to who may not list what is there.
            Err(download::Error::Status { code: 403 | 404 | 410, .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) async fn exists(&self, name: &str) -> Result<bool> {
        let (url, headers) = match &self.server {
            Server::Web(server) => self.web_address(server, name)?,
            Server::S3(bucket) => (bucket.head(name)?, Vec::new()),
        };
        Ok(self.web.exists(&url, &headers).await?)
    }

    pub(crate) fn read(&self, name: &str, size: Option<u64>) -> Result<Transfer> {
        let (url, headers) = match &self.server {
            Server::Web(server) => self.web_address(server, name)?,
            Server::S3(bucket) => (bucket.get(name)?, Vec::new()),
        };
        Ok(self.web.transfer(url, headers, size))
    }

    pub(crate) async fn put(&self, name: &str, file_type: FileType, upload: &Upload) -> Result<()> {
        let media_type = Some(file_type.media_type());
        match (&self.server, upload) {
            (Server::Web(server), _) => {
                let (url, headers) = self.web_address(server, name)?;
                self.web.put(&url, &headers, media_type, upload).await?;
            }
            (Server::S3(bucket), Upload::File(file, length)) if *length > PART => {
                bucket.put_in_parts(&self.web, name, file, *length).await?;
            }
            (Server::S3(bucket), _) => {
                self.web.put(&bucket.put(name)?, &[], media_type, upload).await?;
            }
        }
        Ok(())
    }

    pub(crate) async fn list(&self) -> Result<Vec<String>> {
        match &self.server {
            Server::S3(bucket) => bucket.list(&self.web).await,
            Server::Web(server) => Err(Error::Unsupported {
                cache: server.base.host_str().unwrap_or_default().to_owned(),
                what: "list its paths: name those that are meant",
            }),
        }
    }

    fn web_address(&self, server: &WebServer, name: &str) -> Result<(Url, Vec<Header>)> {
        let url = server.address(name)?;
        let headers = server.netrc.authorization(&url).into_iter().collect();
        Ok((url, headers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_files() {
        let server = WebServer::new("https://c.example.org/x/".parse().unwrap(), Arc::default());
        let address = |name: &str| server.address(name).map(|url| url.to_string());
        assert_eq!(address("nar/a.nar.xz").unwrap(), "https://c.example.org/x/nar/a.nar.xz");
        assert_eq!(address("nar/a.nar?hash=b").unwrap(), "https://c.example.org/x/nar/a.nar?hash=b");
        assert_eq!(address("https://other.example.org/a").unwrap(), "https://other.example.org/a");
        // Not a scheme, but a name.
        assert_eq!(address("javascript:x").unwrap(), "https://c.example.org/x/javascript:x");
        for name in ["http://other.example.org/a", "../a", "//other.example.org/a", "/a", ""] {
            assert!(address(name).is_err(), "{name}");
        }
    }
}
