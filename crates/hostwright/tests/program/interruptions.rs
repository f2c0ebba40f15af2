//! Runs that are ended in the middle: the next one completes, and nothing is left corrupt.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::fleet::Fleet;

/// How a run is ended.
#[derive(Clone, Copy, PartialEq)]
enum Signal {
    Interrupt,
    Kill,
}

/// A fleet whose mirror is a directory with all packages that the shared fleet has downloaded.
fn with_local_mirror(place: &Path) -> (Fleet, PathBuf) {
    let shared = Fleet::first_light();
    shared.image("alpha");
    let mirror = shared.pool_of(place, "amd64");
    (shared.alone_in(place), mirror)
}

fn image_command(fleet: &Fleet, mirror: &Path) -> Command {
    let mut command = fleet.command();
    command
        .arg("--mirror")
        .arg(format!("file://{}/debian", mirror.display()))
        .arg("--security-mirror")
        .arg(format!("file://{}/debian-security", mirror.display()))
        .args(["image", &fleet.installable("alpha"), "--no-link", "--json"]);
    command
}

/// Ends the process and returns its status; it must end in time.
fn end(mut program: Child, signal: Signal) -> Option<i32> {
    match signal {
        Signal::Kill => program.kill().unwrap(),
        Signal::Interrupt => {
            let pid = program.id().to_string();
            assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        }
    }
    let begun = Instant::now();
    loop {
        if let Some(status) = program.try_wait().unwrap() {
            return status.code();
        }
        if begun.elapsed() > Duration::from_secs(30) {
            program.kill().unwrap();
            panic!("the program did not end within 30 s of an interrupt");
        }
        sleep(Duration::from_millis(5));
    }
}

/// Ends one run after another in one store, each a little later than the one before, until one completes by itself; then
/// compares the image with the one that was made in peace.
fn survives(signal: Signal) {
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (fleet, mirror) = with_local_mirror(place.path());
    let mut patience = Duration::from_millis(60);
    let mut ended = 0;
    loop {
        let begun = Instant::now();
        let mut program =
            image_command(&fleet, &mirror).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        while begun.elapsed() < patience && program.try_wait().unwrap().is_none() {
            sleep(Duration::from_millis(5));
        }
        if let Some(status) = program.try_wait().unwrap() {
            assert!(status.success(), "the run after {ended} ended ones failed: {status}");
            break;
        }
        match (signal, end(program, signal)) {
            (Signal::Kill, None) | (Signal::Interrupt, Some(130)) => ended += 1,
            // It was done before the signal came.
            (_, Some(0)) => break,
            (_, status) => panic!("the ended run has the status {status:?}"),
        }
        patience = patience.mul_f64(1.6);
    }
    assert!(ended >= 4, "only {ended} runs were ended before one completed");
    let image = fleet.image("alpha");
    crate::image::assert_same_bytes(&image, &Fleet::first_light().image("alpha"));
    fleet.assert_nix_verifies_store();
    assert_nothing_left_over(&fleet);
}

/// What ended runs left behind must be gone.
fn assert_nothing_left_over(fleet: &Fleet) {
    let store = fleet.store.join("nix/store");
    for entry in fs::read_dir(store).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let hash = name.split('-').next().unwrap();
        assert!(name == ".links" || hash.len() == 32, "'{name}' was left in the store");
    }
}

#[test]
fn interrupted_runs_end_at_once_and_the_next_completes() {
    survives(Signal::Interrupt);
}

#[test]
fn killed_runs_leave_a_store_that_the_next_one_completes() {
    survives(Signal::Kill);
}

#[test]
fn an_interrupted_lock_writes_none() {
    let place = tempfile::tempdir().unwrap();
    let fleet = Fleet::first_light().alone_in(place.path());
    fs::remove_file(fleet.lock_file()).unwrap();
    let mirror = crate::mirror::Mirror::start(|path| match path {
        "dists/trixie/InRelease" => crate::mirror::Answer::AsItIs,
        _ => crate::mirror::Answer::Stall,
    });
    let program = fleet
        .command()
        .args(mirror.options())
        .arg("lock")
        .arg(fleet.reference())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    sleep(Duration::from_secs(3));
    assert_eq!(end(program, Signal::Interrupt), Some(130));
    assert!(!fleet.lock_file().exists());
}

/// Kills runs of `lock`, each a little later than the one before, until one completes by itself: whenever it comes, there
/// is a whole lock or none.
#[test]
fn a_killed_lock_leaves_none_or_a_whole_one() {
    let place = tempfile::tempdir().unwrap();
    let fleet = Fleet::first_light().alone_in(place.path());
    let whole = fs::read_to_string(fleet.lock_file()).unwrap();
    let entries = || -> Vec<_> {
        let entries = fs::read_dir(&fleet.directory).unwrap().map(|entry| entry.unwrap().file_name());
        entries.filter(|name| name != "debian.lock").collect()
    };
    let files = entries();
    let mut patience = Duration::from_millis(30);
    let mut killed = 0;
    loop {
        let _ = fs::remove_file(fleet.lock_file());
        let begun = Instant::now();
        let mut command = fleet.command();
        let mut program = command.arg("lock").arg(&fleet.directory).stderr(Stdio::null()).spawn().unwrap();
        while begun.elapsed() < patience && program.try_wait().unwrap().is_none() {
            sleep(Duration::from_millis(2));
        }
        if let Some(status) = program.try_wait().unwrap() {
            assert!(status.success(), "the run after {killed} killed ones failed: {status}");
            break;
        }
        end(program, Signal::Kill);
        killed += 1;
        if let Ok(written) = fs::read_to_string(fleet.lock_file()) {
            assert_eq!(written, whole, "half a lock after {patience:?}");
        }
        patience = patience.mul_f64(1.5);
    }
    assert!(killed >= 3, "only {killed} runs were killed before one completed");
    assert_eq!(fs::read_to_string(fleet.lock_file()).unwrap(), whole);
    assert_eq!(entries(), files, "a killed run left files that the next one did not take away");
}
