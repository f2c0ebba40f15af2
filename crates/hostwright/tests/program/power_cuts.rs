//! A card whose board loses its power again and again while it starts for the first time.

use std::sync::PoisonError;
use std::thread::sleep;
use std::time::{Duration, SystemTime};

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
    let mut random = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64 | 1;
    for cut in 0..cuts {
        // Marsaglia's xorshift: any spread of moments will do.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let moment = Duration::from_millis(random % FIRST_MINUTE.as_millis() as u64);
        eprintln!("power cut {cut} after {moment:?}");
        sleep(moment);
        machine.press_reset();
    }
    machine.wait();
    machine.assert_healthy();
    assert_has_grown(&machine);
    let identity = machine.identity();
    assert!(identity.lines().count() >= 2 && !identity.contains("uninitialized"), "{identity}");
    // What was half written at a cut is not what stays.
    assert_eq!(machine.run("ls /etc/ssh /etc /root/.ssh | grep -F .new || true"), "");
    // The keys that let somebody in come from outside, and may have got no further than their file's name.
    machine.run(": > /root/.ssh/authorized_keys && sync /root/.ssh/authorized_keys");
    machine.press_reset();
    machine.wait();
    assert_eq!(machine.identity(), identity);
    machine.reboot();
    assert_eq!(machine.identity(), identity);
    machine.power_off();
}
