//! A card whose board loses its power again and again while it starts for the first time.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::PoisonError;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use crate::boots::assert_has_grown;
use crate::fleet::Fleet;
use crate::machine::{Machine, ONE_MACHINE};

/// The first minute of a host: it grows, makes its keys and its identity, and writes its journal's first lines.
const FIRST_MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_card_survives_power_cuts() {
    survive(4);
}

/// `cargo test --workspace --test program -- --ignored power_cuts`
#[test]
#[ignore = "it takes an hour"]
fn a_card_survives_fifty_power_cuts() {
    survive(50);
}

fn survive(cuts: u32) {
    let fleet = Fleet::sd_card();
    let _turn = ONE_MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let place = tempfile::tempdir().unwrap();
    let mut machine = Machine::start_with(&fleet, "card", place.path(), &["--no-wait"]);
    let socket = place.path().join("qmp");
    let mut random = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64 | 1;
    for cut in 0..cuts {
        // Marsaglia's xorshift: any spread of moments will do.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let moment = Duration::from_millis(random % FIRST_MINUTE.as_millis() as u64);
        eprintln!("power cut {cut} after {moment:?}");
        sleep(moment);
        reset(&socket);
    }
    machine.wait();
    machine.assert_healthy();
    assert_has_grown(&machine);
    let identity = machine.identity();
    assert!(identity.lines().count() >= 2 && !identity.contains("uninitialized"), "{identity}");
    // What was half written at a cut is not what stays.
    assert_eq!(machine.run("ls /etc/ssh /etc | grep -F .new || true"), "");
    machine.reboot();
    assert_eq!(machine.identity(), identity);
    machine.power_off();
}

/// The machine begins anew at once; what its kernel has not written is lost.
fn reset(socket: &Path) {
    let begun = Instant::now();
    let stream = loop {
        match UnixStream::connect(socket) {
            Ok(stream) => break stream,
            Err(error) => assert!(begun.elapsed() < Duration::from_secs(60), "no emulator: {error}"),
        }
        sleep(Duration::from_millis(100));
    };
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    for command in ["qmp_capabilities", "system_reset"] {
        writeln!(stream.get_mut(), r#"{{ "execute": "{command}" }}"#).unwrap();
        line.clear();
        while !line.contains("\"return\"") {
            line.clear();
            assert!(stream.read_line(&mut line).unwrap() > 0 && !line.contains("\"error\""), "{line}");
        }
    }
}
