//! Images onto files and loop devices that stand for cards.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failure here is a failed test")]

use std::fs::{self, File};
use std::io::Write;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use install::device::{Disk, Places, find};
use install::flash::{CHUNK, FlashPlan, ImageSummary, Patch, Phase, Report, RunOptions};
use install::source::{ImageFile, Sink};
use install::{Error, Result};
use proptest::prelude::*;

const MIB: usize = 1 << 20;
const CAREFULLY: RunOptions = RunOptions { verify: true, eject: true };

/// An image with data, zeros and holes, of no whole number of chunks.
fn image() -> Vec<u8> {
    let mut image = vec![0; 21 * MIB + 512];
    for (index, byte) in image[..3 * MIB].iter_mut().enumerate() {
        *byte = (index * 7 + index / 251) as u8;
    }
    image[9 * MIB..9 * MIB + 5000].fill(0xaa);
    image[21 * MIB + 511] = 1;
    image
}

/// A card of so many MiB on which something else is.
fn used_card(place: &Path, mebibytes: usize) -> PathBuf {
    let path = place.join("card");
    fs::write(&path, vec![0x5a; mebibytes * MIB]).unwrap();
    path
}

fn flash(file: &Path, card: &Path, options: RunOptions) -> Result<Report> {
    let places = Places::default();
    let image = ImageFile::open(file)?;
    let plan = FlashPlan::new(ImageSummary::from(&image), find(&places, card)?, None)?;
    plan.run(|sink| image.feed(sink), &[], options, &mut |_| ControlFlow::Continue(()))
}

/// The card must hold the image, and behind it what was there, but for its last mebibyte.
fn assert_holds(card: &Path, image: &[u8]) {
    let bytes = fs::read(card).unwrap();
    assert!(bytes[..image.len()] == *image, "the card does not hold the image");
    let end = image.len().next_multiple_of(4096);
    assert!(
        bytes[end..bytes.len() - MIB].iter().all(|byte| *byte == 0x5a),
        "more than the image was written"
    );
    assert!(bytes[bytes.len() - MIB..].iter().all(|byte| *byte == 0), "an old table's copy may be left");
}

fn compressed(place: &Path, image: &[u8]) -> [PathBuf; 4] {
    let paths =
        ["plain.img", "with-size.img.zst", "without.img.zst", "image.img.xz"].map(|name| place.join(name));
    fs::write(&paths[0], image).unwrap();
    fs::write(&paths[1], zstd::bulk::compress(image, 1).unwrap()).unwrap();
    let mut encoder = zstd::Encoder::new(File::create(&paths[2]).unwrap(), 1).unwrap();
    encoder.write_all(image).unwrap();
    encoder.finish().unwrap();
    let mut encoder = liblzma::write::XzEncoder::new(File::create(&paths[3]).unwrap(), 0);
    encoder.write_all(image).unwrap();
    encoder.finish().unwrap();
    paths
}

#[test]
fn a_used_card_holds_exactly_the_image_afterwards() {
    let place = tempfile::tempdir().unwrap();
    let image = image();
    for file in compressed(place.path(), &image) {
        let card = used_card(place.path(), 30);
        let report = flash(&file, &card, CAREFULLY).unwrap();
        assert_holds(&card, &image);
        assert_eq!(report.size, image.len() as u64, "{}", file.display());
        assert!(report.verified && !report.ejected);
        assert!(report.written < 5 * MIB as u64, "zeros were sent: {report:?}");
    }
}

#[test]
fn holes_of_an_image_are_not_read_and_become_zeros() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("sparse.img");
    let file = File::create(&path).unwrap();
    file.set_len(20 * MIB as u64).unwrap();
    file.write_all_at(b"table", 0).unwrap();
    file.write_all_at(b"middle", 13 * MIB as u64 + 17).unwrap();
    let card = used_card(place.path(), 24);
    flash(&path, &card, CAREFULLY).unwrap();
    assert_holds(&card, &fs::read(&path).unwrap());
}

#[test]
fn a_loop_device_is_written_directly() {
    let place = tempfile::tempdir().unwrap();
    let backing = used_card(place.path(), 30);
    let attached = Command::new("losetup").args(["--find", "--show"]).arg(&backing).output().unwrap();
    if !attached.status.success() {
        // Only root may, where the kernel has them; regular files are written by the same code.
        eprintln!("no loop devices here: {}", String::from_utf8_lossy(&attached.stderr));
        return;
    }
    let device = PathBuf::from(String::from_utf8(attached.stdout).unwrap().trim());
    struct Detach(PathBuf);
    impl Drop for Detach {
        fn drop(&mut self) {
            let _ = Command::new("losetup").arg("--detach").arg(&self.0).status();
        }
    }
    let _detach = Detach(device.clone());
    let image = image();
    let file = &compressed(place.path(), &image)[3];

    let places = Places::default();
    let disk = find(&places, &device).unwrap();
    assert_eq!(disk.size, 30 * MIB as u64);
    assert!(!disk.removable);
    let refused = flash(file, &device, CAREFULLY).unwrap_err();
    assert!(matches!(refused, Error::Refused { .. }), "{refused}");

    let source = ImageFile::open(file).unwrap();
    let name = disk.full_name();
    let plan = FlashPlan::new(ImageSummary::from(&source), disk, Some(&name)).unwrap();
    let go_on = &mut |_| ControlFlow::Continue(());
    let report = plan.run(|sink| source.feed(sink), &[], CAREFULLY, go_on).unwrap();
    assert!(report.verified);
    assert_holds(&backing, &image);
}

#[test]
fn an_interrupted_card_has_no_partition_table() {
    let place = tempfile::tempdir().unwrap();
    let card = used_card(place.path(), 30);
    let places = Places::default();
    let image = image();
    let disk = find(&places, &card).unwrap();
    let summary = ImageSummary { name: "made up".to_owned(), size: None, has_checksum: false };
    let plan = FlashPlan::new(summary, disk, None).unwrap();
    let stop = &mut |progress: install::flash::Progress| match progress.done > 4 * CHUNK as u64 {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    };
    let error = plan.run(|sink| sink.data(&image), &[], CAREFULLY, stop).unwrap_err();
    assert!(matches!(error, Error::Cancelled { .. }), "{error}");
    assert!(fs::read(&card).unwrap()[..MIB].iter().all(|byte| *byte == 0));
}

#[test]
fn a_card_that_changes_what_it_was_given_is_found_out() {
    let place = tempfile::tempdir().unwrap();
    let card = used_card(place.path(), 30);
    let file = place.path().join("image");
    fs::write(&file, image()).unwrap();
    let places = Places::default();
    // One byte in what was data, one in what was zeros.
    for position in [9 * MIB + 100, 14 * MIB] {
        let source = ImageFile::open(&file).unwrap();
        let plan = FlashPlan::new(ImageSummary::from(&source), find(&places, &card).unwrap(), None).unwrap();
        let mut spoiled = false;
        let spoil = &mut |progress: install::flash::Progress| {
            if progress.phase == Phase::Verifying && !spoiled {
                spoiled = true;
                let card = File::options().write(true).open(&card).unwrap();
                card.write_all_at(&[0x11], position as u64).unwrap();
                card.sync_all().unwrap();
            }
            ControlFlow::Continue(())
        };
        match plan.run(|sink| source.feed(sink), &[], CAREFULLY, spoil) {
            Err(Error::Corrupt { offset, .. }) => {
                assert_eq!(offset as usize, position / CHUNK * CHUNK);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn damaged_files_and_wrong_checksums_are_refused() {
    let place = tempfile::tempdir().unwrap();
    let image = image();
    let card = used_card(place.path(), 30);
    for file in compressed(place.path(), &image) {
        let name = format!("{}.sha256", file.display());
        fs::write(&name, format!("{}  image\n", "0".repeat(64))).unwrap();
        let error = flash(&file, &card, CAREFULLY).unwrap_err();
        assert!(matches!(error, Error::WrongChecksum { .. }), "{}: {error}", file.display());
        fs::remove_file(&name).unwrap();
        let whole = fs::read(&file).unwrap();
        fs::write(&file, &whole[..whole.len() - 100]).unwrap();
        let error = flash(&file, &card, CAREFULLY).unwrap_err();
        assert!(matches!(error, Error::InvalidImage { .. }), "{}: {error}", file.display());
    }
    fs::write(place.path().join("empty"), "").unwrap();
    let error = flash(&place.path().join("empty"), &card, CAREFULLY).unwrap_err();
    assert!(error.to_string().contains("it is empty"), "{error}");
}

#[test]
fn right_checksums_are_right() {
    let place = tempfile::tempdir().unwrap();
    let image = image();
    for file in compressed(place.path(), &image) {
        let output = Command::new("sha256sum").arg(&file).output().unwrap();
        fs::write(format!("{}.sha256", file.display()), output.stdout).unwrap();
        let card = used_card(place.path(), 30);
        flash(&file, &card, CAREFULLY).unwrap();
        assert_holds(&card, &image);
    }
}

#[test]
fn an_image_that_is_too_large_is_told_before_or_while_it_is_read() {
    let place = tempfile::tempdir().unwrap();
    for file in compressed(place.path(), &image()) {
        let card = used_card(place.path(), 20);
        match flash(&file, &card, CAREFULLY) {
            Err(Error::TooSmall { available, .. }) => assert_eq!(available as usize, 20 * MIB),
            other => panic!("{other:?}"),
        }
    }
}

fn removable() -> (tempfile::TempDir, Disk) {
    let place = tempfile::tempdir().unwrap();
    let card = used_card(place.path(), 24);
    let disk = find(&Places::default(), &card).unwrap();
    (place, disk)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever pieces an image comes in, and whatever of it is replaced.
    #[test]
    fn pieces_and_patches_make_the_image(
        pieces in prop::collection::vec((any::<bool>(), 1_usize..3 * MIB), 1..6),
        patch in (0_u64..8 << 20, prop::collection::vec(any::<u8>(), 1..9000)),
    ) {
        let (_place, disk) = removable();
        let card = disk.path.clone();
        let mut expected = Vec::new();
        for (is_data, length) in &pieces {
            expected.extend((0..*length).map(|index| if *is_data { (index % 255) as u8 + 1 } else { 0 }));
        }
        let whole = expected.len().next_multiple_of(512);
        expected.resize(whole, 0);
        let (offset, bytes) = patch;
        for (index, byte) in bytes.iter().enumerate() {
            if let Some(place) = expected.get_mut(offset as usize + index) {
                *place = *byte;
            }
        }
        let summary = ImageSummary { name: String::new(), size: None, has_checksum: false };
        let plan = FlashPlan::new(summary, disk, None).unwrap();
        let feed = |sink: &mut dyn Sink| {
            let mut fed = 0;
            for (is_data, length) in &pieces {
                match is_data {
                    true => sink.data(&(0..*length).map(|index| (index % 255) as u8 + 1).collect::<Vec<_>>())?,
                    false => sink.zeros(*length as u64)?,
                }
                fed += *length;
            }
            sink.zeros((whole - fed) as u64)
        };
        let patches = [Patch { offset, bytes }];
        plan.run(feed, &patches, CAREFULLY, &mut |_| ControlFlow::Continue(())).unwrap();
        prop_assert!(fs::read(&card).unwrap()[..whole] == expected[..]);
    }
}
