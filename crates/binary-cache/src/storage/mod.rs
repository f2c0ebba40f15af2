//! Where the files of a cache lie: names to bytes.

mod bucket;
mod directory;
mod remote;

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use download::{Transfer, Upload, Web};

use crate::error::{Error, Result};
use crate::location::{Location, Place};
use crate::netrc::Netrc;
use crate::settings::Settings;

use bucket::Bucket;
use directory::Directory;
use remote::{Remote, WebServer};

pub(crate) use directory::Temporary;

/// The kinds of files in a cache, for servers that tell clients of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileType {
    CacheInfo,
    NarInfo,
    Nar,
    Listing,
}

impl FileType {
    /// The media types that Nix gives them.
    const fn media_type(self) -> &'static str {
        match self {
            FileType::CacheInfo => "text/x-nix-cache-info",
            FileType::NarInfo => "text/x-nix-narinfo",
            FileType::Nar => "application/x-nix-nar",
            FileType::Listing => "application/json",
        }
    }
}

/// The files of a cache.
pub(crate) enum Storage {
    Directory(Directory),
    Remote(Box<Remote>),
}

/// Where a file's content comes from, in order.
pub(crate) enum Source {
    File(std::fs::File),
    Transfer(Box<Transfer>),
}

impl Storage {
    pub(crate) fn open(
        location: &Location,
        settings: &Settings,
        web: &Web,
        netrc: &Arc<Netrc>,
    ) -> Result<Self> {
        let remote = |server| Storage::Remote(Box::new(Remote::new(web.for_another_server(), server)));
        Ok(match &location.place {
            Place::Directory(path) => Storage::Directory(Directory::new(path.clone())),
            Place::Web(url) => remote(remote::Server::Web(WebServer::new(url.clone(), Arc::clone(netrc)))),
            Place::S3(s3) => remote(remote::Server::S3(Box::new(Bucket::new(s3, &settings.aws)?))),
        })
    }

    /// Whether look-ups are worth remembering.
    pub(crate) fn is_remote(&self) -> bool {
        matches!(self, Storage::Remote(_))
    }

    /// A small file; `None` if it is not there.
    pub(crate) async fn get(&self, name: &str, limit: u64) -> Result<Option<Bytes>> {
        match self {
            Storage::Directory(directory) => directory.get(name, limit),
            Storage::Remote(remote) => remote.get(name, limit).await,
        }
    }

    pub(crate) async fn exists(&self, name: &str) -> Result<bool> {
        match self {
            Storage::Directory(directory) => directory.exists(name),
            Storage::Remote(remote) => remote.exists(name).await,
        }
    }

    /// A file of any length, which is known where `size` is.
    pub(crate) fn read(&self, name: &str, size: Option<u64>) -> Result<Source> {
        match self {
            Storage::Directory(directory) => Ok(Source::File(directory.read(name)?)),
            Storage::Remote(remote) => Ok(Source::Transfer(Box::new(remote.read(name, size)?))),
        }
    }

    /// Puts a file there, at once and whole.
    pub(crate) async fn put(&self, name: &str, file_type: FileType, content: Bytes) -> Result<()> {
        match self {
            Storage::Directory(directory) => directory.put(name, &content),
            Storage::Remote(remote) => remote.put(name, file_type, &Upload::Bytes(content)).await,
        }
    }

    /// A place to write a large file to, before it is put into the cache by [`Self::put_large`].
    pub(crate) fn temporary(&self) -> Result<Temporary> {
        match self {
            Storage::Directory(directory) => directory.temporary(),
            Storage::Remote(_) => Ok(Temporary::elsewhere()),
        }
    }

    pub(crate) async fn put_large(&self, name: &str, file_type: FileType, content: Temporary) -> Result<()> {
        match self {
            Storage::Directory(directory) => directory.put_into_place(name, content),
            Storage::Remote(remote) => remote.put(name, file_type, &content.into_upload()?).await,
        }
    }

    /// The names of all files in the uppermost directory that end in `suffix`, sorted.
    pub(crate) async fn list(&self, suffix: &str) -> Result<Vec<String>> {
        let mut names = match self {
            Storage::Directory(directory) => directory.list()?,
            Storage::Remote(remote) => remote.list().await?,
        };
        names.retain(|name| name.ends_with(suffix));
        names.sort_unstable();
        Ok(names)
    }

    /// Makes what must be there before anything is put into a cache.
    pub(crate) fn prepare(&self) -> Result<()> {
        match self {
            Storage::Directory(directory) => directory.prepare(),
            Storage::Remote(_) => Ok(()),
        }
    }
}

/// Whether a file's name stays within the cache: caches are written by others.
fn is_inside(name: &str) -> bool {
    !name.is_empty()
        && !name.contains(['\0', '\\'])
        && name.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// The error for a name that leaves the cache.
fn outside(name: &str) -> Error {
    Error::InvalidAddress { url: name.to_owned(), problem: "it lies outside of the cache".to_owned() }
}

fn is_not_found(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
