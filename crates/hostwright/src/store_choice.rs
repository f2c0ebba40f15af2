//! Which store is used: one of our own, or that of a Nix daemon.

use std::path::{Path, PathBuf};

use nix_store::daemon::StoreUri;
use rustix::fs::{Access, access};

use crate::failure::Failure;

/// What was said about the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreChoice {
    /// The one below this directory.
    Root(PathBuf),
    /// That of this daemon.
    Daemon(StoreUri),
    /// Whatever there is: `/`, a daemon, or one of the user's own.
    Auto,
}

/// A daemon whose store is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaemonChoice {
    /// Where it is.
    pub uri: StoreUri,
    /// Whether somebody asked for it. One that was found gets no more than it can do better than we.
    pub is_asked: bool,
}

/// The store that is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettledStore {
    /// The root of our own store.
    pub root: PathBuf,
    /// The daemon, if its store is used instead.
    pub daemon: Option<DaemonChoice>,
}

impl StoreChoice {
    /// Reads a store as Nix writes it, or a directory, relative to `base`.
    ///
    /// # Errors
    /// One that nothing can be built in.
    pub fn parse(text: &str, base: &Path) -> Result<Self, Failure> {
        if let Some(root) = text.strip_prefix("local?root=") {
            return Ok(StoreChoice::Root(base.join(root)));
        }
        match text {
            "auto" => return Ok(StoreChoice::Auto),
            "local" => return Ok(StoreChoice::Root(PathBuf::from("/"))),
            _ => {}
        }
        let is_daemon = text == "daemon"
            || ["unix://", "ssh-ng://", "ssh://"].iter().any(|scheme| text.starts_with(scheme));
        if is_daemon {
            return Ok(StoreChoice::Daemon(text.parse()?));
        }
        if text.contains("://") || text.contains('?') {
            return Err(Failure::Usage(format!(
                "the store '{text}' is not one that can be used; give a directory, local?root=DIRECTORY, daemon, \
                 unix://SOCKET or ssh-ng://HOST (for a binary cache, see 'hostwright copy')"
            )));
        }
        Ok(StoreChoice::Root(base.join(text)))
    }

    /// Decides. `data` is where the user's own store lies.
    pub fn settle(self, data: &Path) -> SettledStore {
        let own = |daemon| SettledStore { root: data.to_owned(), daemon };
        match self {
            StoreChoice::Root(root) => SettledStore { root, daemon: None },
            StoreChoice::Daemon(uri) => own(Some(DaemonChoice { uri, is_asked: true })),
            StoreChoice::Auto => {
                let writable = |path: &str| access(path, Access::WRITE_OK).is_ok();
                if writable("/nix/store") && writable("/nix/var/nix/db") {
                    SettledStore { root: PathBuf::from("/"), daemon: None }
                } else {
                    let uri = StoreUri::Daemon;
                    own(uri.is_there().then_some(DaemonChoice { uri, is_asked: false }))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_are_written_as_for_nix() {
        let base = Path::new("/base");
        let parse = |text: &str| StoreChoice::parse(text, base);
        assert_eq!(parse("there").unwrap(), StoreChoice::Root("/base/there".into()));
        assert_eq!(parse("local?root=/x").unwrap(), StoreChoice::Root("/x".into()));
        assert_eq!(parse("local").unwrap(), StoreChoice::Root("/".into()));
        assert_eq!(parse("auto").unwrap(), StoreChoice::Auto);
        assert_eq!(parse("daemon").unwrap(), StoreChoice::Daemon(StoreUri::Daemon));
        assert!(matches!(parse("ssh-ng://host").unwrap(), StoreChoice::Daemon(StoreUri::Ssh(_))));
        for text in ["https://cache", "s3://x", "file:///x", "local?real=/x", "ssh-ng://"] {
            assert!(parse(text).is_err(), "{text}");
        }
        let settled = parse("unix:///socket").unwrap().settle(Path::new("/data"));
        assert_eq!(settled.root, Path::new("/data"));
        assert!(settled.daemon.unwrap().is_asked);
    }
}
