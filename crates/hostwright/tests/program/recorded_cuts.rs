//! A card whose machine loses its power while it starts for the first time.
//!
//! One first start is recorded, write by write. From it follow as many disks as are wanted, each as it could be after a loss of
//! power at some moment, and a machine is started from every one. That is harder than to reset a running machine, whose disk
//! keeps all that was ever sent to it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::PoisonError;
use std::time::{Instant, SystemTime};

use crate::board::Emulator;
use crate::boots::assert_has_grown;
use crate::cards::key;
use crate::fleet::{Fleet, Run};
use crate::machine::{Machine, ONE_MACHINE};

/// How many cuts there are if `HOSTWRIGHT_POWER_CUTS` does not say it.
const CUTS: usize = 2;

/// What the disk has in the end.
const DISK: u64 = 16 << 30;

/// As nothing of a boot is written to the same disk twice, each can be started from at will.
#[derive(Clone, Copy, PartialEq)]
enum Writes {
    Recorded,
    Forgotten,
}

/// `HOSTWRIGHT_POWER_CUTS=50 cargo test --workspace --test program -- --ignored recorded_cuts`
#[test]
#[ignore = "it starts as many machines as there are cuts"]
fn a_card_comes_up_after_every_cut() {
    let cuts = std::env::var("HOSTWRIGHT_POWER_CUTS").map_or(CUTS, |count| count.parse().unwrap());
    let fleet = Fleet::board();
    let emulator = Emulator::of(&fleet);
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let identity_file = key(place.path(), "person");
    let disk = card(&fleet, place.path(), &identity_file);
    let _turn = ONE_MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let start = |writes| start(&emulator, &disk, place.path(), &identity_file, writes);

    let mut machine = start(Writes::Recorded);
    machine.wait();
    machine.assert_healthy();
    assert_has_grown(&machine);
    machine.kill();
    let mut recorded = crate::recorded_disk::RecordedDisk::open(&disk, &place.path().join("log"));
    let requests = recorded.requests();
    assert!(requests > 100, "the first start wrote only {requests} times");

    let seed = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64 | 1;
    eprintln!("{cuts} cuts within {requests} requests, seed {seed}");
    let mut random = Random(seed);
    let mut moments: Vec<usize> = (0..cuts).map(|_| random.below(requests as u64) as usize).collect();
    moments.sort_unstable();
    for moment in moments {
        recorded.lose_power(moment, |choices| random.below(choices));
        let begun = Instant::now();
        let mut machine = start(Writes::Forgotten);
        machine.wait();
        machine.assert_healthy();
        assert_has_grown(&machine);
        assert_eq!(machine.run("hostname"), "kitchen");
        let private = machine.run("ssh-keygen -y -f /etc/ssh/ssh_host_ed25519_key | cut -d' ' -f2");
        assert_eq!(machine.run("cut -d' ' -f2 /etc/ssh/ssh_host_ed25519_key.pub"), private);
        assert_eq!(machine.run("wc -c < /etc/machine-id"), "33");
        // What was half written is not what stays.
        assert_eq!(machine.run("ls /etc/ssh /etc /var/lib/hostwright /root/.ssh | grep -F .new || true"), "");
        machine.kill();
        eprintln!("came up after a cut in request {moment}, in {:.0?}", begun.elapsed());
    }
}

/// The card as a machine has it that is to have a name and let a key in, on a disk with room to grow.
fn card(fleet: &Fleet, place: &Path, identity_file: &Path) -> PathBuf {
    let mut command = fleet.command();
    let public = format!("{}.pub", identity_file.display());
    command.current_dir(place).args(["image", &fleet.installable("card"), "--format", "vm", "--no-link"]);
    command.args(["--for", "kitchen", "--authorized-key", &public]);
    let run = Run::of(command);
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    let disk = place.join("kitchen.img");
    std::fs::OpenOptions::new().write(true).open(&disk).unwrap().set_len(DISK).unwrap();
    disk
}

fn start(emulator: &Emulator, disk: &Path, state: &Path, identity_file: &Path, writes: Writes) -> Machine {
    let file = |name: &str, path: &Path| format!("driver=file,node-name={name},filename={}", path.display());
    let mut arguments: Vec<String> = Vec::new();
    let mut add = |option: &str, value: String| arguments.extend([option.to_owned(), value]);
    add("-machine", "virt".to_owned());
    add("-accel", "tcg,thread=multi".to_owned());
    add("-cpu", "cortex-a72".to_owned());
    add("-m", "1024".to_owned());
    add("-smp", "2".to_owned());
    add("-bios", emulator.u_boot().display().to_string());
    add("-device", "virtio-rng-pci".to_owned());
    // Nothing of the start stays on the disk itself: what it writes goes to a layer over it.
    let layer = state.join("layer");
    let _ = std::fs::remove_file(&layer);
    let created = Command::new("qemu-img")
        .args(["create", "-q", "-f", "qcow2", "-F", "raw", "-b"])
        .args([disk, &layer])
        .status();
    assert!(created.unwrap().success());
    add("-blockdev", file("file", &layer));
    add("-blockdev", "driver=qcow2,node-name=layer,file=file".to_owned());
    let mut node = "layer";
    if writes == Writes::Recorded {
        let log = state.join("log");
        std::fs::File::create(&log).unwrap();
        add("-blockdev", file("log", &log));
        add("-blockdev", "driver=blklogwrites,node-name=recorded,file=layer,log=log".to_owned());
        node = "recorded";
    }
    add("-device", format!("virtio-blk-pci,drive={node}"));
    arguments.push("-nodefaults".to_owned());
    emulator.start(&arguments, Some("virtio-net-pci,romfile="), state, identity_file)
}

/// Marsaglia's xorshift: any spread of moments will do.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}
