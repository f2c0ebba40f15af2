//! Addresses and attempts: from a request to the file in its place.

use std::{sync::Arc, time::Duration};

use reqwest::Client;
use tokio::{sync::Semaphore, task::JoinSet};
use url::Url;

use crate::{
    attempt::{Attempt, Failure, Validator},
    cancellation::Cancellation,
    client::{self, Settings},
    error::{Error, Result},
    part::{Part, file_sha256},
    progress::Progress,
    request::{Request, shown},
};

/// Downloads files, several at a time. Copies share connections and the limit on their number.
#[derive(Clone, Debug)]
pub struct Downloader {
    client: Client,
    settings: Arc<Settings>,
    connections: Arc<Semaphore>,
}

impl Downloader {
    /// Sets up the client.
    ///
    /// # Errors
    /// [`Error::Client`].
    pub fn new(settings: Settings) -> Result<Self> {
        Ok(Downloader {
            client: client::build(&settings)?,
            connections: Arc::new(Semaphore::new(settings.connections.max(1))),
            settings: Arc::new(settings),
        })
    }

    /// Downloads one file, unless the file expected lies there already.
    ///
    /// # Errors
    /// What went wrong at the address that delivered something wrong, else at the last one; [`Error::DiskFull`] and
    /// [`Error::Io`] for files; [`Error::Cancelled`], also if this future is dropped: then what arrived is kept too.
    pub async fn fetch(
        &self,
        request: &Request,
        progress: &dyn Progress,
        cancellation: &Cancellation,
    ) -> Result<()> {
        if cancellation.is_cancelled() {
            return Err(Error::Cancelled);
        }
        tokio::select! {
            biased;
            () = cancellation.cancelled() => Err(Error::Cancelled),
            result = self.fetch_now(request, progress) => result,
        }
    }

    /// Downloads several files side by side. The first failure ends the others; what has arrived of them is kept.
    ///
    /// # Errors
    /// Those of [`fetch`](Self::fetch), for the first file that failed.
    pub async fn fetch_all(
        &self,
        requests: impl IntoIterator<Item = Request>,
        progress: Arc<dyn Progress>,
        cancellation: &Cancellation,
    ) -> Result<()> {
        let mut tasks = JoinSet::new();
        for request in requests {
            let downloader = self.clone();
            let progress = Arc::clone(&progress);
            let cancellation = cancellation.clone();
            tasks.spawn(async move { downloader.fetch(&request, progress.as_ref(), &cancellation).await });
        }
        while let Some(joined) = tasks.join_next().await {
            match joined {
                Ok(result) => result?,
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                Err(_) => return Err(Error::Cancelled),
            }
        }
        Ok(())
    }

    async fn fetch_now(&self, request: &Request, progress: &dyn Progress) -> Result<()> {
        // The semaphore is never closed.
        let _connection = self.connections.acquire().await.map_err(|_| Error::Cancelled)?;
        let wanted = request.expected.sha256;
        if wanted.is_some() && file_sha256(&request.destination) == wanted {
            progress.started(request, request.expected.size, request.expected.size.unwrap_or(0));
            progress.finished(request);
            return Ok(());
        }
        let mut part = Part::open(&request.destination, wanted.is_some()).await?;
        // Another process may have had the same file in work while we waited for it.
        if wanted.is_some() && part.length() == 0 && file_sha256(&request.destination) == wanted {
            part.discard();
            progress.started(request, request.expected.size, request.expected.size.unwrap_or(0));
            progress.finished(request);
            return Ok(());
        }
        if request.expected.size.is_some_and(|size| part.length() > size) {
            part.restart()?;
        }
        progress.started(request, request.expected.size, part.length());
        match self.try_addresses(request, &mut part, progress).await {
            Ok(()) => {
                part.finish(&request.destination)?;
                progress.finished(request);
                Ok(())
            }
            Err(error) => {
                if error.is_integrity() || part.length() == 0 {
                    part.discard();
                }
                Err(error)
            }
        }
    }

    async fn try_addresses(&self, request: &Request, part: &mut Part, progress: &dyn Progress) -> Result<()> {
        let mut failure: Option<Error> = None;
        for url in &request.urls {
            match self.try_address(url, request, part, progress).await {
                Ok(()) => return Ok(()),
                Err(Failure::Local(error)) => return Err(error),
                Err(Failure::Passing { error, .. } | Failure::Lasting(error)) => {
                    // That a server delivers something wrong matters more than that another one is down.
                    if error.is_integrity() || !failure.as_ref().is_some_and(Error::is_integrity) {
                        failure = Some(error);
                    }
                }
            }
        }
        Err(failure.unwrap_or_else(|| Error::NoAddress { destination: request.destination.clone() }))
    }

    async fn try_address(
        &self,
        url: &Url,
        request: &Request,
        part: &mut Part,
        progress: &dyn Progress,
    ) -> Result<(), Failure> {
        let attempt = Attempt { client: &self.client, request, progress };
        let mut validator = Validator::default();
        let mut failures = 0;
        let mut furthest = part.length();
        loop {
            // What came before this attempt may be of another file; then a wrong hash says nothing against the address.
            let resumed = part.length() > 0;
            let failure = match attempt.run(url, part, &mut validator).await {
                Ok(()) => match self.verify(url, request, part, progress)? {
                    None => return Ok(()),
                    Some(error) if resumed => Failure::Passing { error, wait: Some(Duration::ZERO) },
                    Some(error) => Failure::Lasting(error),
                },
                Err(failure) => failure,
            };
            let (error, wait) = match failure {
                Failure::Passing { error, wait } => (error, wait),
                Failure::Lasting(error) => {
                    self.drop_wrong(&error, request, part, progress)?;
                    return Err(Failure::Lasting(error));
                }
                local @ Failure::Local(_) => return Err(local),
            };
            // An attempt that brought more than any before it shows that the address works.
            failures = if part.length() > furthest { 1 } else { failures + 1 };
            furthest = furthest.max(part.length());
            if failures >= self.settings.attempts {
                return Err(Failure::Lasting(error));
            }
            let doubled = self.settings.back_off.saturating_mul(1 << (failures - 1).min(16));
            let wait = wait.unwrap_or(doubled).min(self.settings.longest_back_off);
            progress.retrying(request, &error.to_string(), wait);
            tokio::time::sleep(wait).await;
        }
    }

    /// Checks what has arrived; content that is wrong is thrown away.
    fn verify(
        &self,
        url: &Url,
        request: &Request,
        part: &mut Part,
        progress: &dyn Progress,
    ) -> Result<Option<Error>, Failure> {
        let Some(expected) = request.expected.sha256 else { return Ok(None) };
        let got = part.sha256();
        if got == expected {
            return Ok(None);
        }
        let error = Error::WrongHash { url: shown(url), expected, got };
        self.drop_wrong(&error, request, part, progress)?;
        Ok(Some(error))
    }

    fn drop_wrong(
        &self,
        error: &Error,
        request: &Request,
        part: &mut Part,
        progress: &dyn Progress,
    ) -> Result<(), Failure> {
        if error.is_integrity() && part.length() > 0 {
            progress.restarted(request, part.length());
            part.restart().map_err(Failure::Local)?;
        }
        Ok(())
    }
}
