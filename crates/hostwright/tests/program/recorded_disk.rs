//! A disk all of whose writes were recorded in their order, and what could be on it had the power gone away in between.
//!
//! QEMU's driver `blklogwrites` records in the format of Linux's dm-log-writes
//! (Documentation/admin-guide/device-mapper/log-writes.rst, drivers/md/dm-log-writes.c): a superblock in the first sector, and
//! for each request a sector that describes it, followed by its data.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

const SECTOR: u64 = 512;
const MAGIC: u64 = 0x006a_7366_7773_6872;

/// The request empties the disk's cache first.
const FLUSH: u64 = 1;
/// The request is on the disk itself when it is done.
const FUA: u64 = 2;
/// The request has no data: what it covers is forgotten.
const DISCARD: u64 = 4;

/// A request; places and lengths in bytes.
struct Request {
    flags: u64,
    /// On the disk.
    offset: u64,
    /// Of its data in the log.
    data: u64,
    length: u64,
}

/// A disk that goes through its recorded past.
pub struct RecordedDisk {
    disk: File,
    log: File,
    requests: Vec<Request>,
    /// Requests that are on the disk for good.
    done: usize,
    /// What was in the place of those that may be, in the order of writing.
    replaced: Vec<(u64, Vec<u8>)>,
}

impl RecordedDisk {
    /// `disk` is as it was before the recording, and is written from now on.
    pub fn open(disk: &Path, log: &Path) -> RecordedDisk {
        let disk = OpenOptions::new().read(true).write(true).open(disk).unwrap();
        let log = File::open(log).unwrap();
        let end = log.metadata().unwrap().len();
        let numbers = |at: u64| {
            let mut bytes = [0; 32];
            log.read_exact_at(&mut bytes, at).unwrap();
            let number = |index: usize| u64::from_le_bytes(bytes[index * 8..][..8].try_into().unwrap());
            [number(0), number(1), number(2), number(3)]
        };
        let [magic, version, ..] = numbers(0);
        assert_eq!((magic, version), (MAGIC, 1), "this is no log of writes");
        let mut requests = Vec::new();
        let mut at = SECTOR;
        while at + SECTOR <= end {
            let [sector, sectors, flags, _] = numbers(at);
            let (data, length) = (at + SECTOR, sectors * SECTOR);
            let stored = if flags & DISCARD == 0 { length } else { 0 };
            if data + stored > end {
                break;
            }
            requests.push(Request { flags, offset: sector * SECTOR, data, length });
            at = data + stored;
        }
        RecordedDisk { disk, log, requests, done: 0, replaced: Vec::new() }
    }

    /// How many requests were recorded.
    pub fn requests(&self) -> usize {
        self.requests.len()
    }

    /// Leaves on the disk what a loss of power within request number `moment` could: all that was before the last request that
    /// emptied the disk's cache, and of what came later what `kept` chooses, the last request torn at a sector. Moments only
    /// go forward.
    pub fn lose_power(&mut self, moment: usize, mut kept: impl FnMut(u64) -> u64) {
        for (offset, bytes) in std::mem::take(&mut self.replaced).into_iter().rev() {
            self.disk.write_all_at(&bytes, offset).unwrap();
        }
        let flush = self.requests[..moment].iter().rposition(|request| request.flags & FLUSH != 0);
        let safe = flush.unwrap_or(0).max(self.done);
        for request in self.done..safe {
            let length = self.requests[request].length;
            self.apply(request, length, false);
        }
        self.done = safe;
        for request in safe..moment {
            if self.requests[request].flags & FUA != 0 || kept(2) == 1 {
                let length = self.requests[request].length;
                self.apply(request, length, true);
            }
        }
        if let Some(torn) = self.requests.get(moment) {
            let length = kept(torn.length / SECTOR + 1) * SECTOR;
            self.apply(moment, length, true);
        }
        self.disk.sync_data().unwrap();
    }

    fn apply(&mut self, request: usize, length: u64, revocably: bool) {
        let Request { flags, offset, data, .. } = self.requests[request];
        if length == 0 || flags & DISCARD != 0 {
            // What is forgotten may as well still be there.
            return;
        }
        let mut bytes = vec![0; usize::try_from(length).unwrap()];
        if revocably {
            self.disk.read_exact_at(&mut bytes, offset).unwrap();
            self.replaced.push((offset, bytes.clone()));
        }
        self.log.read_exact_at(&mut bytes, data).unwrap();
        self.disk.write_all_at(&bytes, offset).unwrap();
    }
}

#[test]
fn a_disk_goes_through_its_past() {
    let place = tempfile::tempdir().unwrap();
    let (disk, log) = (place.path().join("disk"), place.path().join("log"));
    std::fs::write(&disk, [b'.'; 4 * 512]).unwrap();
    let mut text = vec![0; 512];
    text[..8].copy_from_slice(&MAGIC.to_le_bytes());
    text[8] = 1;
    // Sector, sectors, flags, content.
    for (sector, sectors, flags, content) in [
        (0, 1, 0, b'a'),
        (1, 2, 0, b'b'),
        (0, 0, FLUSH, 0),
        (1, 1, 0, b'c'),
        (3, 1, FUA, b'd'),
        (0, 1, DISCARD, 0),
    ] {
        let mut header = vec![0; 512];
        for (index, number) in [sector, sectors, flags].into_iter().enumerate() {
            header[index * 8..][..8].copy_from_slice(&u64::to_le_bytes(number));
        }
        text.extend(header);
        if flags & DISCARD == 0 {
            text.extend(vec![content; sectors as usize * 512]);
        }
    }
    std::fs::write(&log, text).unwrap();
    let mut recorded = RecordedDisk::open(&disk, &log);
    assert_eq!(recorded.requests(), 6);
    let shown = || -> String {
        std::fs::read(&disk).unwrap().chunks(512).map(|sector| char::from(sector[511])).collect()
    };
    recorded.lose_power(1, |_| 0);
    assert_eq!(shown(), "....", "nothing had to be kept");
    recorded.lose_power(1, |choices| choices - 1);
    assert_eq!(shown(), "abb.", "all may be");
    recorded.lose_power(1, |_| 1);
    assert_eq!(shown(), "ab..", "the last request is torn");
    recorded.lose_power(5, |_| 0);
    assert_eq!(shown(), "abbd", "what was flushed, and what said that it must be");
    recorded.lose_power(5, |choices| choices - 1);
    assert_eq!(shown(), "acbd");
}
