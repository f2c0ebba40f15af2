use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::stream::unfold;
use liblzma::stream::{Check, MtStreamBuilder};
use liblzma::write::XzEncoder;
use reqwest::Body;
use serde_json::Value;
use tokio::io::AsyncReadExt;

use super::client::Bmc;
use crate::error::{Error, Result};
use crate::flash::Patch;
use crate::source::{Compression, ImageFile, Sink};

/// The level at which images are packed: its dictionary of 8 MiB is small enough for the controller's memory, of which bmcd
/// lets a decoder have what is free.
const LEVEL: u32 = 6;

/// Bytes that are sent at a time.
const PIECE: usize = 256 << 10;

/// How often the controller is asked how far it is.
const PERIOD: Duration = Duration::from_millis(500);

/// How long the controller may be at the same byte: it erases, and reads back at the end.
const STALLED: Duration = Duration::from_secs(600);

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadPhase {
    /// The image goes to the controller, which writes it.
    Uploading,
    /// All is sent; the controller writes the rest and reads it back.
    Finishing,
}

/// How far it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadProgress {
    /// What is being done.
    pub phase: UploadPhase,
    /// Bytes of the packed image that were sent.
    pub sent: u64,
    /// Bytes of the packed image.
    pub total: u64,
    /// Bytes of the image that the controller says it has written.
    pub written: u64,
}

/// The file that goes to the controller: the image's own if it is packed by xz and nothing in it is replaced, else a
/// new one at `beside`, which only its owner may read.
///
/// # Errors
///
/// [`Error::Write`], and as [`ImageFile::feed`].
pub fn prepare(image: &ImageFile, patches: &[Patch], beside: &Path) -> Result<PathBuf> {
    use std::os::unix::fs::OpenOptionsExt;
    if image.compression() == Compression::Xz && patches.is_empty() {
        return Ok(image.path().to_owned());
    }
    let failed = |source| Error::write(beside, source);
    let file =
        File::options().write(true).create(true).truncate(true).mode(0o600).open(beside).map_err(failed)?;
    let stream = MtStreamBuilder::new()
        .preset(LEVEL)
        .threads(available_parallelism().map_or(1, |count| count.get() as u32))
        .check(Check::Crc64)
        .encoder()
        .map_err(|error| failed(error.into()))?;
    let encoder = XzEncoder::new_stream(BufWriter::new(file), stream);
    let mut packer = Packer { encoder, path: beside, offset: 0, patches };
    image.feed(&mut packer)?;
    packer.encoder.finish().and_then(|mut file| file.flush()).map_err(failed)?;
    Ok(beside.to_owned())
}

/// Packs what it is fed.
struct Packer<'a> {
    encoder: XzEncoder<BufWriter<File>>,
    path: &'a Path,
    offset: u64,
    patches: &'a [Patch],
}

impl Sink for Packer<'_> {
    fn data(&mut self, bytes: &[u8]) -> Result<()> {
        let mut patched;
        let mut bytes = bytes;
        let end = self.offset + bytes.len() as u64;
        if self.patches.iter().any(|patch| patch.touches(self.offset, end)) {
            patched = bytes.to_vec();
            self.patches.iter().for_each(|patch| patch.apply(self.offset, &mut patched));
            bytes = &patched;
        }
        self.offset = end;
        self.encoder.write_all(bytes).map_err(|source| Error::write(self.path, source))
    }

    fn zeros(&mut self, mut count: u64) -> Result<()> {
        static ZEROS: [u8; 64 << 10] = [0; 64 << 10];
        while count > 0 {
            let now = ZEROS.len().min(usize::try_from(count).unwrap_or(usize::MAX));
            self.data(&ZEROS[..now])?;
            count -= now as u64;
        }
        Ok(())
    }
}

/// What the controller says of a transfer.
#[derive(Debug, PartialEq, Eq)]
enum Transfer {
    Ready,
    Transferring { written: u64 },
    Done,
    Failed(String),
}

impl Transfer {
    /// `"Ready"`, `{"Transferring": {…}}`, `{"Done": […]}`, `{"Error": "…"}`.
    fn read(answer: &Value) -> Option<Self> {
        if answer == "Ready" {
            return Some(Transfer::Ready);
        }
        let (state, content) = answer.as_object()?.iter().next()?;
        match state.as_str() {
            "Transferring" => Some(Transfer::Transferring { written: content["bytes_written"].as_u64()? }),
            "Done" => Some(Transfer::Done),
            "Error" => Some(Transfer::Failed(content.as_str()?.to_owned())),
            _ => None,
        }
    }
}

impl Bmc {
    /// Writes a packed image (see [`prepare`]) to the node, which is off afterwards. Whatever ends this early, the
    /// controller is told to stop.
    ///
    /// # Errors
    ///
    /// [`Error::Bmc`] with what the controller says; [`Error::Unreachable`], [`Error::Read`], [`Error::Cancelled`].
    pub fn flash(
        &self,
        packed: &Path,
        progress: &mut dyn FnMut(UploadProgress) -> ControlFlow<()>,
    ) -> Result<()> {
        let failed = |source| Error::read(packed, source);
        let file = File::open(packed).map_err(failed)?;
        let total = file.metadata().map_err(failed)?.len();
        // The controller unpacks by the name.
        let length = total.to_string();
        let query = [
            ("opt", "set"),
            ("type", "flash"),
            ("file", "image.img.xz"),
            ("length", &length),
            ("node", &self.index()),
        ];
        let answer = self.get("begin to flash", &query)?;
        let handle = answer["handle"]
            .as_u64()
            .ok_or_else(|| self.failed("begin to flash", "it did not answer as bmcd does".to_owned()))?;
        let outcome = self.transfer(handle, file, total, progress);
        if outcome.is_err() {
            let mut url = self.url(&[]);
            url.set_path(&format!("/api/bmc/upload/{handle}/cancel"));
            // It fails where there is nothing to stop any more.
            let ask = self.authorised(self.client.get(url)).timeout(Duration::from_secs(10));
            let _ = self.runtime.block_on(async { ask.send().await });
        }
        outcome
    }

    fn transfer(
        &self,
        handle: u64,
        file: File,
        total: u64,
        progress: &mut dyn FnMut(UploadProgress) -> ControlFlow<()>,
    ) -> Result<()> {
        let sent = Arc::new(AtomicU64::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let mut url = self.url(&[]);
        url.set_path(&format!("/api/bmc/upload/{handle}"));
        let (content_type, length, body) = form(file, total, Arc::clone(&sent), Arc::clone(&stop));
        let ask = self
            .authorised(self.client.post(url))
            .header("content-type", content_type)
            .header("content-length", length)
            .body(body);
        self.runtime.block_on(async {
            let upload = async {
                let response = ask.send().await.map_err(|error| self.lost(&error))?;
                self.text("send the image", response).await
            };
            tokio::pin!(upload);
            let mut uploaded = None;
            let mut last = (0, 0, Instant::now());
            loop {
                tokio::select! {
                    outcome = &mut upload, if uploaded.is_none() => uploaded = Some(outcome.map(|_| ())),
                    () = tokio::time::sleep(PERIOD) => {}
                }
                let state = self.transfer_state().await?;
                let sent = sent.load(Ordering::Relaxed);
                let written = match state {
                    Transfer::Failed(reason) => return Err(self.failed("flash the node", reason)),
                    Transfer::Done => return Ok(()),
                    Transfer::Transferring { written } => written,
                    Transfer::Ready => 0,
                };
                // The controller's own words say more than a broken connection, and come a little later.
                if let Some(Err(error)) = uploaded {
                    tokio::time::sleep(PERIOD).await;
                    return Err(match self.transfer_state().await {
                        Ok(Transfer::Failed(reason)) => self.failed("flash the node", reason),
                        _ => error,
                    });
                }
                let phase = if uploaded.is_some() { UploadPhase::Finishing } else { UploadPhase::Uploading };
                if progress(UploadProgress { phase, sent, total, written }).is_break() {
                    stop.store(true, Ordering::Relaxed);
                    return Err(Error::Cancelled { path: self.address().to_string().into() });
                }
                if (sent, written) != (last.0, last.1) {
                    last = (sent, written, Instant::now());
                } else if last.2.elapsed() > STALLED {
                    return Err(
                        self.failed("flash the node", "it has not gone on for ten minutes".to_owned())
                    );
                }
            }
        })
    }

    async fn transfer_state(&self) -> Result<Transfer> {
        let url = self.url(&[("opt", "get"), ("type", "flash")]);
        let ask = self.authorised(self.client.get(url)).timeout(Duration::from_secs(60));
        let response = ask.send().await.map_err(|error| self.lost(&error))?;
        let text = self.text("ask how far it is", response).await?;
        serde_json::from_str(&text)
            .ok()
            .as_ref()
            .and_then(Transfer::read)
            .ok_or_else(|| self.failed("ask how far it is", "it did not answer as bmcd does".to_owned()))
    }
}

/// A form with one file (RFC 7578): its content type, its length, and its bytes, which are counted as they are taken.
fn form(file: File, size: u64, sent: Arc<AtomicU64>, stop: Arc<AtomicBool>) -> (String, u64, Body) {
    // No image has this line: it is text in what is compressed.
    const BOUNDARY: &str = "hostwright-8f1d2c6e0b7a4953";
    let head = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"image.img.xz\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n"
    );
    let tail = format!("\r\n--{BOUNDARY}--\r\n");
    let length = head.len() as u64 + size + tail.len() as u64;
    let file = tokio::fs::File::from_std(file).take(size);
    let pieces = unfold((Some(head), file, Some(tail)), move |(head, mut file, mut tail)| {
        let (sent, stop) = (Arc::clone(&sent), Arc::clone(&stop));
        async move {
            if stop.load(Ordering::Relaxed) {
                return None;
            }
            if let Some(head) = head {
                return Some((Ok(Bytes::from(head)), (None, file, tail)));
            }
            let mut piece = vec![0; PIECE];
            match file.read(&mut piece).await {
                Ok(0) => tail.take().map(|tail| (Ok(Bytes::from(tail)), (None, file, None))),
                Ok(count) => {
                    piece.truncate(count);
                    sent.fetch_add(count as u64, Ordering::Relaxed);
                    Some((Ok(Bytes::from(piece)), (None, file, tail)))
                }
                Err(error) => Some((Err(error), (None, file, None))),
            }
        }
    });
    let body = Body::wrap_stream(pieces);
    (format!("multipart/form-data; boundary={BOUNDARY}"), length, body)
}
