//! A bucket of an S3-compatible service. Requests are signed in their addresses (AWS Signature Version 4 in the query
//! string), so they need nothing but an HTTP client.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use download::{Upload, Url, Web};
use rusty_s3::actions::{CompleteMultipartUploadResponse, CreateMultipartUpload, ListObjectsV2, S3Action};
use rusty_s3::{Bucket as Signer, Credentials, UrlStyle};

use super::{is_inside, outside};
use crate::aws::AwsEnvironment;
use crate::error::{Error, Result};
use crate::location::S3Location;

/// How long a signed address is good for. A large transfer is resumed with the address that it began with.
const GOOD_FOR: Duration = Duration::from_secs(12 * 60 * 60);

/// Files above this size are put in parts of it: at least 5 MiB, at most 10 000 of them ("Amazon S3 multipart upload
/// limits"), so that the largest archive may have 312 GiB.
pub(super) const PART: u64 = 32 << 20;

/// What a listing's page (1000 names) or an answer about an upload may take.
const LONGEST_ANSWER: u64 = 4 << 20;

/// When to look whether a file has appeared whose upload was not confirmed.
const APPEARANCE: [Duration; 4] =
    [Duration::ZERO, Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(8)];

pub(crate) struct Bucket {
    signer: Signer,
    credentials: Option<Credentials>,
}

impl Bucket {
    pub(crate) fn new(location: &S3Location, environment: &AwsEnvironment) -> Result<Self> {
        let profile = location.profile.as_deref();
        let invalid =
            |problem: String| Error::InvalidAddress { url: format!("s3://{}", location.bucket), problem };
        let region = match &location.region {
            Some(region) => region.clone(),
            None => environment.region(profile)?.unwrap_or_else(|| "us-east-1".to_owned()),
        };
        let (host, style) = match &location.endpoint {
            // Services of one's own rarely have a host for each bucket.
            Some(endpoint) => (endpoint.clone(), UrlStyle::Path),
            // A certificate for *.s3.amazonaws.com is none for a.b.s3.amazonaws.com.
            None if location.bucket.contains('.') => (format!("s3.{region}.amazonaws.com"), UrlStyle::Path),
            None => (format!("s3.{region}.amazonaws.com"), UrlStyle::VirtualHost),
        };
        let endpoint = Url::parse(&format!("{}://{host}/", location.scheme))
            .map_err(|error| invalid(format!("endpoint '{host}': {error}")))?;
        let signer = Signer::new(endpoint, style, location.bucket.clone(), region)
            .map_err(|error| invalid(error.to_string()))?;
        Ok(Bucket { signer, credentials: environment.credentials(profile)? })
    }

    fn checked<'name>(&self, name: &'name str) -> Result<&'name str> {
        if is_inside(name) { Ok(name) } else { Err(outside(name)) }
    }

    pub(super) fn get(&self, name: &str) -> Result<Url> {
        Ok(self.signer.get_object(self.credentials.as_ref(), self.checked(name)?).sign(GOOD_FOR))
    }

    pub(super) fn head(&self, name: &str) -> Result<Url> {
        Ok(self.signer.head_object(self.credentials.as_ref(), self.checked(name)?).sign(GOOD_FOR))
    }

    pub(super) fn put(&self, name: &str) -> Result<Url> {
        Ok(self.signer.put_object(self.credentials.as_ref(), self.checked(name)?).sign(GOOD_FOR))
    }

    /// Puts a large file in parts, each of which can be tried again by itself.
    pub(super) async fn put_in_parts(
        &self,
        web: &Web,
        name: &str,
        file: &std::fs::File,
        length: u64,
    ) -> Result<()> {
        let (credentials, name) = (self.credentials.as_ref(), self.checked(name)?);
        let begin = self.signer.create_multipart_upload(credentials, name).sign(GOOD_FOR);
        let answer = text(web.post(&begin, &[], "", LONGEST_ANSWER).await?);
        let upload =
            CreateMultipartUpload::parse_response(&answer).map_err(|error| self.unexpected(&error))?;
        match self.put_parts(web, name, file, length, upload.upload_id()).await {
            Ok(()) => Ok(()),
            Err(_) if self.appears(web, name).await? => Ok(()),
            Err(error) => {
                // Parts that belong to nothing cost money; if this fails too, the service's own rules must remove them.
                let give_up =
                    self.signer.abort_multipart_upload(credentials, name, upload.upload_id()).sign(GOOD_FOR);
                let _ = web.delete(&give_up).await;
                Err(error)
            }
        }
    }

    /// Whether a file is there after all. The service may take longer to put the parts together than anybody waits for an answer;
    /// asked again, it knows of no upload any more. Archives are named by their content: if it is there, it is the one.
    async fn appears(&self, web: &Web, name: &str) -> Result<bool> {
        for pause in APPEARANCE {
            tokio::time::sleep(pause).await;
            if web.exists(&self.head(name)?, &[]).await.unwrap_or(false) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn put_parts(
        &self,
        web: &Web,
        name: &str,
        file: &std::fs::File,
        length: u64,
        upload: &str,
    ) -> Result<()> {
        let credentials = self.credentials.as_ref();
        let failed = |error| Error::io("read", Path::new("the archive to upload"), error);
        let mut tags = Vec::new();
        let mut position = 0;
        while position < length {
            let mut part = vec![0; (length - position).min(PART) as usize];
            let mut file = file;
            file.seek(SeekFrom::Start(position)).and_then(|_| file.read_exact(&mut part)).map_err(failed)?;
            position += part.len() as u64;
            let number = u16::try_from(tags.len() + 1).map_err(|_| Error::Unsupported {
                cache: self.signer.name().to_owned(),
                what: "hold an archive of more than 312 GiB",
            })?;
            let url = self.signer.upload_part(credentials, name, number, upload).sign(GOOD_FOR);
            let tag = web.put(&url, &[], None, &Upload::Bytes(Bytes::from(part))).await?;
            tags.push(tag.unwrap_or_default());
        }
        let action =
            self.signer.complete_multipart_upload(credentials, name, upload, tags.iter().map(String::as_str));
        let (url, body) = (action.sign(GOOD_FOR), action.body());
        let answer = text(web.post(&url, &[], &body, LONGEST_ANSWER).await?);
        // It may say 200 and then that it failed.
        CompleteMultipartUploadResponse::parse(&answer).map_err(|error| self.unexpected(&error))?;
        Ok(())
    }

    /// The names in the uppermost directory.
    pub(super) async fn list(&self, web: &Web) -> Result<Vec<String>> {
        let mut names = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let mut action = self.signer.list_objects_v2(self.credentials.as_ref());
            action.with_delimiter("/");
            if let Some(token) = next {
                action.with_continuation_token(token);
            }
            let answer = text(web.get(&action.sign(GOOD_FOR), &[], LONGEST_ANSWER).await?);
            let page = ListObjectsV2::parse_response(&answer).map_err(|error| self.unexpected(&error))?;
            names.extend(page.contents.into_iter().map(|object| object.key));
            next = page.next_continuation_token;
            if next.is_none() {
                return Ok(names);
            }
        }
    }

    fn unexpected(&self, error: &dyn std::fmt::Display) -> Error {
        Error::NotACache {
            cache: format!("s3://{}", self.signer.name()),
            problem: format!("the service's answer cannot be understood: {error}"),
        }
    }
}

fn text(bytes: Bytes) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}
