//! A node behind a controller of the tests' own, which answers as bmcd's source says; there is no board here.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failure here is a failed test")]

mod bmcd;

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use bmcd::Board;
use install::Error;
use install::bmc::{Bmc, BmcAddress, Credentials, Fingerprint, Started, UploadPhase, fingerprint, prepare};
use install::flash::Patch;
use install::source::ImageFile;

const MIB: usize = 1 << 20;

fn image(place: &Path) -> std::path::PathBuf {
    let path = place.join("card.img");
    let mut image = vec![0; 6 * MIB];
    for (index, byte) in image[..4 * MIB].iter_mut().enumerate() {
        // Not to be packed to nothing.
        *byte = (index as u32).wrapping_mul(2_654_435_761).to_le_bytes()[3];
    }
    fs::write(&path, image).unwrap();
    path
}

fn address(board: &Board, node: u8) -> BmcAddress {
    format!("turingpi://127.0.0.1:{}/{node}", board.port).parse().unwrap()
}

fn connect(board: &Board, node: u8) -> Bmc {
    let address = address(board, node);
    let certificate = fingerprint(&address).unwrap();
    let credentials = Credentials { password: "turing".to_owned().into() };
    Bmc::connect(&address, certificate, &credentials).unwrap()
}

#[test]
fn a_node_is_flashed_switched_on_and_watched() {
    let board = Board::start();
    let place = tempfile::tempdir().unwrap();
    let path = image(place.path());
    let mut expected = fs::read(&path).unwrap();
    let patch = Patch { offset: MIB as u64 - 10, bytes: vec![9; 100] };
    expected[MIB - 10..MIB + 90].fill(9);

    let bmc = connect(&board, 3);
    assert_eq!(bmc.is_on().unwrap(), Some(false));
    let source = ImageFile::open(&path).unwrap();
    let packed = prepare(&source, &[patch], &place.path().join("packed.xz")).unwrap();
    let mut seen = Vec::new();
    bmc.flash(&packed, &mut |progress| {
        assert!(progress.sent <= progress.total && progress.written <= expected.len() as u64);
        seen.push(progress.phase);
        ControlFlow::Continue(())
    })
    .unwrap();
    assert!(seen.contains(&UploadPhase::Uploading));
    assert!(board.storage(2) == expected, "the node does not hold the image");

    let ssh = board.ssh.to_string();
    let mut console = String::new();
    let started = bmc
        .start(Some(&ssh), Duration::from_secs(60), &mut |news| {
            console.push_str(news);
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(started, Started::Ssh);
    assert_eq!(bmc.is_on().unwrap(), Some(true));
    assert!(console.contains("Starting kernel ..."), "{console}");
    assert!(!console.contains("of the system before"), "{console}");
}

#[test]
fn a_node_that_cannot_come_up_is_told_by_its_console() {
    let board = Board::start();
    board.boots_with("mmc0: ok\r\nKernel panic - not syncing: VFS\r\n");
    let bmc = connect(&board, 1);
    let limit = Duration::from_secs(60);
    let error = bmc.start(None, limit, &mut |_| ControlFlow::Continue(())).unwrap_err();
    assert!(error.to_string().ends_with("its console says 'Kernel panic - not syncing'"), "{error}");

    board.boots_with("U-Boot 2025.01\r\nNo bootable device\r\n");
    let bmc = connect(&board, 2);
    let limit = Duration::from_millis(2500);
    let error = bmc.start(None, limit, &mut |_| ControlFlow::Continue(())).unwrap_err();
    assert!(error.to_string().contains("No bootable device"), "{error}");
}

#[test]
fn an_xz_image_is_sent_as_it_is() {
    let board = Board::start();
    let place = tempfile::tempdir().unwrap();
    let raw = image(place.path());
    let expected = fs::read(&raw).unwrap();
    let path = place.path().join("card.img.xz");
    let packed = prepare(&ImageFile::open(&raw).unwrap(), &[], &path).unwrap();
    let again = place.path().join("again");
    let source = ImageFile::open(&packed).unwrap();
    assert_eq!(prepare(&source, &[], &again).unwrap(), path);
    assert!(!again.exists());
    connect(&board, 1).flash(&packed, &mut |_| ControlFlow::Continue(())).unwrap();
    assert!(board.storage(0) == expected);
}

#[test]
fn what_goes_wrong_on_the_board_is_said() {
    let board = Board::start();
    let place = tempfile::tempdir().unwrap();
    let raw = image(place.path());
    let packed = prepare(&ImageFile::open(&raw).unwrap(), &[], &place.path().join("packed.xz")).unwrap();
    let bmc = connect(&board, 2);

    // Damaged on the way to the file.
    let mut bytes = fs::read(&packed).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 16].fill(0xff);
    let damaged = place.path().join("damaged.xz");
    fs::write(&damaged, bytes).unwrap();
    let error = bmc.flash(&damaged, &mut |_| ControlFlow::Continue(())).unwrap_err();
    assert!(matches!(&error, Error::Bmc { what, .. } if what == "flash the node"), "{error}");

    // Somebody stops it.
    let error = bmc.flash(&packed, &mut |_| ControlFlow::Break(())).unwrap_err();
    assert!(matches!(error, Error::Cancelled { .. }), "{error}");
    assert!(board.was_cancelled());

    // The controller loses the connection.
    board.break_uploads();
    let error = bmc.flash(&packed, &mut |_| ControlFlow::Continue(())).unwrap_err();
    assert!(matches!(error, Error::Bmc { .. } | Error::Unreachable { .. }), "{error}");

    // It does not last.
    board.mend_uploads();
    bmc.flash(&packed, &mut |_| ControlFlow::Continue(())).unwrap();
    assert!(board.storage(1) == fs::read(&raw).unwrap());
}

#[test]
fn a_board_is_known_by_its_certificate_and_asked_once() {
    let board = Board::start();
    let address = address(&board, 1);
    let shown = fingerprint(&address).unwrap();
    assert_eq!(shown.to_string().parse::<Fingerprint>().unwrap(), shown);
    let wrong = Credentials { password: "wrong".to_owned().into() };
    let error = Bmc::connect(&address, shown, &wrong).err().unwrap();
    assert!(error.to_string().contains("cannot log in: credentials incorrect"), "{error}");
    assert_eq!(board.logins(), 1);
    let right = Credentials { password: "turing".to_owned().into() };
    let other: Fingerprint = "00".repeat(32).parse().unwrap();
    let error = Bmc::connect(&address, other, &right).err().unwrap();
    assert!(error.to_string().contains(&shown.to_string()), "{error}");
    assert_eq!(board.logins(), 1);
    let nobody: BmcAddress = "turingpi://127.0.0.1:1/1".parse().unwrap();
    assert!(matches!(fingerprint(&nobody), Err(Error::Unreachable { .. })));
}
