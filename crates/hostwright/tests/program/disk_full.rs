//! A file system without room, in a mount namespace of its own.

use std::process::Command;

use crate::fleet::{Fleet, Run};

/// Builds alpha with a store on a file system of `size`.
fn built_on(size: &str) -> Run {
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let shared = Fleet::first_light();
    shared.image("alpha");
    let mirror = shared.pool_of(place.path(), "amd64");
    let fleet = shared.alone_in(place.path());
    std::fs::create_dir(&fleet.store).unwrap();
    let script = format!("mount -t tmpfs -o size={size} tmpfs \"$1\" && shift && exec \"$@\"");
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &script, "sh"]).arg(&fleet.store);
    let program = fleet.command();
    command.arg(program.get_program()).args(program.get_args());
    command.env("XDG_CACHE_HOME", fleet.cache.as_ref().unwrap());
    command
        .arg("--mirror")
        .arg(format!("file://{}/debian", mirror.display()))
        .arg("--security-mirror")
        .arg(format!("file://{}/debian-security", mirror.display()))
        .args(["image", &fleet.installable("alpha"), "--no-link"]);
    Run::of(command)
}

#[test]
fn a_full_disk_is_told_with_what_to_do() {
    // Derivations fit; downloads and builds do not.
    for size in ["3M", "64M", "400M"] {
        built_on(size).fails_with(8, &["No space left on device", "Make room", "--store"]);
    }
}
