use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::thread;

use sha2::{Digest, Sha256};

use super::buffer::{AlignedBuffer, is_zero};
use super::chunks::{CHUNK, Chunk, Chunks, Fingerprint, Patch};
use super::eject::eject;
use super::medium::{Medium, Transferred};
use super::plan::FlashPlan;
use crate::device::Disk;
use crate::error::{Error, Result};
use crate::source::Sink;

/// Chunks on their way from the image to the disk.
const UNDER_WAY: usize = 3;

/// Bytes at the end of a disk in which older partition tables and RAID descriptions have their copies.
const END: u64 = 1 << 20;

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The image is written.
    Writing,
    /// It is read back and compared.
    Verifying,
}

/// How far it is done, in bytes of the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub phase: Phase,
    /// Bytes that are done.
    pub done: u64,
    /// Bytes that there are, if known.
    pub total: Option<u64>,
}

/// What is done besides writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunOptions {
    /// Read everything back.
    pub verify: bool,
    /// Tell the disk's reader to let go of it at the end, where it can.
    pub eject: bool,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// Bytes of the image.
    pub size: u64,
    /// Bytes that were sent to the disk.
    pub written: u64,
    /// Bytes of the image that are zero and did not have to be sent.
    pub spared: u64,
    /// Whether it was read back.
    pub verified: bool,
    /// Whether the disk's reader has let go of it.
    pub ejected: bool,
}

/// Told how far it is; says whether to go on.
pub type OnProgress<'a> = &'a mut dyn FnMut(Progress) -> ControlFlow<()>;

impl FlashPlan {
    /// Carries the plan out. `feed` hands over the image, on a thread of its own. `patches` replace some of its bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Write`] (also where a permission is missing, or something else uses the disk), [`Error::Read`],
    /// [`Error::TooSmall`], [`Error::Corrupt`], [`Error::Cancelled`], and what `feed` says. Until all but the
    /// verification is done the disk has no partition table.
    pub fn run(
        &self,
        feed: impl FnOnce(&mut dyn Sink) -> Result<()> + Send,
        patches: &[Patch],
        options: RunOptions,
        progress: OnProgress<'_>,
    ) -> Result<Report> {
        let disk = &self.disk;
        for at in &self.unmount {
            rustix::mount::unmount(at.as_path(), rustix::mount::UnmountFlags::empty())
                .map_err(|error| Error::write(at, error))?;
        }
        let mut medium = Medium::to_write(disk)?;
        self.empty_ends(&mut medium)?;
        let (chunks, incoming) = sync_channel(UNDER_WAY);
        let (give_back, free) = channel();
        let ((fingerprints, size), transferred) = thread::scope(|scope| {
            let too_small =
                |needed| Error::TooSmall { path: disk.path.clone(), needed, available: disk.size };
            let reader = scope.spawn(move || {
                let mut chunks = Chunks::new(chunks, free, patches, disk.size, too_small);
                feed(&mut chunks)?;
                chunks.finish()
            });
            let written = write_all(self, &mut medium, incoming, &give_back, progress);
            drop(give_back);
            let read = reader.join().unwrap_or(Err(Error::Cancelled { path: disk.path.clone() }));
            match (read, written) {
                // A reader whose chunks nobody takes has nothing of its own to say.
                (Err(Error::Cancelled { .. }), Err(error)) => Err(error),
                (Err(error), _) => Err(error),
                (Ok(_), Err(error)) => Err(error),
                (Ok(read), Ok((first, mut transferred))) => {
                    medium.sync()?;
                    // The table is the last thing that is written: before it there is nothing to start from.
                    if let Some(Chunk::Data { offset, mut buffer, length }) = first {
                        transferred.add(medium.write(offset, &mut buffer, length)?);
                    }
                    medium.sync()?;
                    Ok((read, transferred))
                }
            }
        })?;
        drop(medium);
        if options.verify {
            verify(disk, &fingerprints, size, progress)?;
        }
        Ok(Report {
            size,
            written: transferred.written,
            spared: transferred.spared,
            verified: options.verify,
            ejected: options.eject && eject(disk),
        })
    }

    /// Removes partition tables: that of the start, and copies at the end.
    fn empty_ends(&self, medium: &mut Medium) -> Result<()> {
        let size = self.disk.size;
        medium.zero(0, END.min(size))?;
        if let Some(start) = size.checked_sub(END).filter(|start| *start > END) {
            // From a multiple of 4096 on, for sizes that are none.
            let start = start - start % 4096;
            medium.zero(start, size - start)?;
        }
        medium.sync()
    }
}

impl Transferred {
    fn add(&mut self, other: Transferred) {
        self.written += other.written;
        self.spared += other.spared;
    }
}

/// Writes all chunks but the first, which comes back.
fn write_all(
    plan: &FlashPlan,
    medium: &mut Medium,
    incoming: Receiver<Chunk>,
    give_back: &Sender<AlignedBuffer>,
    progress: OnProgress<'_>,
) -> Result<(Option<Chunk>, Transferred)> {
    let mut first = None;
    let mut total = Transferred::default();
    for chunk in incoming {
        let done = match chunk {
            Chunk::Data { offset: 0, length, .. } => {
                first = Some(chunk);
                length as u64
            }
            Chunk::Data { offset, mut buffer, length } => {
                total.add(medium.write(offset, &mut buffer, length)?);
                // The other side may be done already.
                let _ = give_back.send(buffer);
                offset + length as u64
            }
            Chunk::Zeros { offset, length } => {
                total.add(medium.zero(offset, length)?);
                offset + length
            }
        };
        let now = Progress { phase: Phase::Writing, done, total: plan.image.size };
        if progress(now).is_break() {
            return Err(Error::Cancelled { path: plan.disk.path.clone() });
        }
    }
    Ok((first, total))
}

/// Compares what is on the disk with what was sent to it.
fn verify(disk: &Disk, fingerprints: &[Fingerprint], size: u64, progress: OnProgress<'_>) -> Result<()> {
    let mut medium = Medium::to_read(disk)?;
    let corrupt = |offset| Err(Error::Corrupt { path: disk.path.clone(), offset });
    let mut step = |done| match progress(Progress { phase: Phase::Verifying, done, total: Some(size) }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Error::Cancelled { path: disk.path.clone() }),
    };
    for fingerprint in fingerprints {
        match *fingerprint {
            Fingerprint::Data { offset, length, digest } => {
                if Sha256::digest(medium.read(offset, length)?)[..] != digest {
                    return corrupt(offset);
                }
                step(offset + length as u64)?;
            }
            Fingerprint::Zeros { offset, length } => {
                let mut done = 0;
                while done < length {
                    let count = CHUNK.min(usize::try_from(length - done).unwrap_or(usize::MAX));
                    if !is_zero(medium.read(offset + done, count)?) {
                        return corrupt(offset + done);
                    }
                    done += count as u64;
                    step(offset + done)?;
                }
            }
        }
    }
    Ok(())
}
