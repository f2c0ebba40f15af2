//! A card in the slot of a Raspberry Pi, as far as QEMU has one: what the graphics processor does before (`bootcode.bin`,
//! `start*.elf`, `config.txt`) it does not emulate; from U-Boot on, which `config.txt` names, it does.
//!
//! The port that a network would hang on does not work in QEMU with Linux's driver, so the kernel's log on the serial port
//! has to do.

use std::fs::{self, File};
use std::path::Path;
use std::sync::PoisonError;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::board::{Emulator, firmware_files};
use crate::cards::key;
use crate::fleet::Fleet;
use crate::image;
use crate::machine::ONE_MACHINE;

/// For all of it, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(3600);

/// Flashed with settings of its own, in a card of 4 GiB: U-Boot, the menu, the kernel, the settings and the larger root. Then
/// the host tries generations, as U-Boot boots them once: one whose kernel panics, and one that it confirms.
#[test]
#[ignore = "it takes a quarter of an hour: the board starts five times"]
fn a_flashed_card_starts_a_raspberry_pi_3() {
    let fleet = Fleet::board();
    let emulator = Emulator::of(&fleet);
    let image = fleet.image_as("card", "sd-card");
    assert!(image.ends_with("sd-image/board.img"), "{}", image.display());
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let person = key(place.path(), "person");
    let card = place.path().join("card");
    File::create(&card).unwrap().set_len(4 << 30).unwrap();
    let shown = |path: &Path| path.to_str().unwrap().to_owned();
    let public = format!("{}.pub", shown(&person));
    let to = ["flash", &shown(&image), "--to", &shown(&card), "--yes"];
    fleet.hostwright(&[&to[..], &["--hostname", "kitchen", "--authorized-key", &public]].concat());
    image::check_file_systems(&card);
    let (u_boot, tree) = ("u-boot-rpi3.bin", "bcm2837-rpi-3-b.dtb");
    firmware_files(&card, &[u_boot, tree, "config.txt", "overclock.txt"], place.path());
    let settings = fs::read_to_string(place.path().join("config.txt")).unwrap();
    assert!(settings.contains(&format!("[pi3]\nkernel={u_boot}\n")), "{settings}");
    // What the fleet's commands made of it.
    assert!(settings.contains("\navoid_warnings=2\n"), "{settings}");
    assert_eq!(fs::read_to_string(place.path().join("overclock.txt")).unwrap(), "arm_freq=1200\n");

    let _turn = ONE_MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let file = |name: &str| shown(&place.path().join(name));
    let slot = format!("file={},format=raw,if=sd", shown(&card));
    let arguments = ["-M", "raspi3b", "-kernel", &file(u_boot), "-dtb", &file(tree), "-drive", &slot];
    let arguments: Vec<String> = arguments.map(str::to_owned).to_vec();
    let mut machine = emulator.start(&arguments, None, place.path(), &person);
    let log = log_until_confirmed(place.path());
    machine.kill();
    let after = |text: &str| {
        let found = log.lines().find_map(|line| line.split_once(text));
        found.unwrap_or_else(|| panic!("no {text:?} in {log}")).1.trim().trim_end_matches('.')
    };
    assert_eq!(after("Machine model: "), "Raspberry Pi 3 Model B");
    assert!(after("EXT4-fs (mmcblk0p2): mounted filesystem ").contains(" r/w "), "{log}");
    assert_eq!(after("called "), "kitchen");
    let blocks: u64 = after("EXT4-fs (mmcblk0p2): resized filesystem to ").parse().unwrap();
    assert!(blocks * 4096 > 7 << 29, "the root file system has not grown into the card of 4 GiB: {blocks}");

    let status = |step: &str| -> Value {
        let line = after(&format!("trial: {step} "));
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
    };
    let [first, panicked, tried, confirmed] = ["first", "panicked", "tried", "confirmed"].map(status);
    assert_eq!((&first["trial"], &first["booted"]), (&Value::Null, &first["default"]));
    assert!(log.contains("Kernel panic"), "{log}");
    assert_eq!(
        (&panicked["trial"]["state"], &panicked["trial"]["method"]),
        (&"failed".into(), &"one-shot".into())
    );
    assert_eq!((&panicked["booted"], &panicked["default"]), (&first["booted"], &first["default"]));
    assert_eq!(tried["trial"]["state"], "succeeded");
    assert_eq!((&tried["booted"], &tried["default"]), (&tried["trial"]["system"], &first["default"]));
    assert_ne!(tried["booted"], first["booted"]);
    assert_eq!((&confirmed["booted"], &confirmed["default"]), (&tried["booted"], &tried["booted"]));
    assert_eq!(confirmed["trial"], Value::Null);
    image::check_after_power_loss(&card, place.path());
}

/// The kernel's log as it came over a serial port, up to the line of the last step.
fn log_until_confirmed(state: &Path) -> String {
    let begun = Instant::now();
    loop {
        let said = ["serial-0", "serial-1"].map(|name| fs::read(state.join(name)).unwrap_or_default());
        let said = said.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let is_whole = |text: &&String| {
            let end = text.split_once("trial: confirmed ").map(|(_, end)| end);
            end.is_some_and(|end| end.contains('\n'))
        };
        if let Some(whole) = said.iter().find(is_whole) {
            return whole.clone();
        }
        assert!(begun.elapsed() < PATIENCE, "the board did not get that far:\n{}\n{}", said[0], said[1]);
        sleep(Duration::from_millis(500));
    }
}
