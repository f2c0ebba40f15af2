//! A card made by somebody who may do nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::fleet::{Fleet, Run};
use crate::image;

/// Neither a user nor a group of any machine.
const NOBODY: &str = "361001";

/// Hides what a container with privileges would have, gives up all capabilities and the way back to them, and goes on with what
/// follows: the directory that becomes /dev, the user to be, the program.
const RENOUNCE: &str = r#"
    set -eu
    dev=$1 user=$2
    shift 2
    mount -t tmpfs none "$dev"
    for name in null zero full random urandom tty; do
        : > "$dev/$name"
        mount --bind "/dev/$name" "$dev/$name"
    done
    ln -s /proc/self/fd "$dev/fd"
    mount --move "$dev" /dev
    mount -t tmpfs none /proc/sys/fs/binfmt_misc
    for name in kvm loop-control loop0 fuse mem; do
        [ ! -e "/dev/$name" ] || { echo "/dev/$name is there" >&2; exit 1; }
    done
    [ ! -e /proc/sys/fs/binfmt_misc/register ]
    if [ "$user" != same ]; then set -- --reuid "$user" --regid "$user" --clear-groups "$@"; fi
    exec setpriv --bounding-set=-all --inh-caps=-all --ambient-caps=-all --no-new-privs "$@"
"#;

#[test]
fn a_card_is_made_without_any_privilege() {
    let shared = Fleet::sd_card();
    let expected = shared.image_as("card", "sd-card");
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let fleet = shared.alone_in(place.path());
    let mirror = shared.pool_of(place.path(), "arm64");
    let root = rustix::process::geteuid().is_root();
    let home = place.path().join("home");
    fs::create_dir(&home).unwrap();
    let dev = place.path().join("dev");
    fs::create_dir(&dev).unwrap();
    if root {
        let owner = format!("{NOBODY}:{NOBODY}");
        let everything = [place.path(), &home, &fleet.directory];
        let chown = Command::new("chown").arg("-h").arg(&owner).args(everything).status();
        assert!(chown.unwrap().success());
    }
    fs::set_permissions(&mirror, fs::Permissions::from_mode(0o755)).unwrap();

    let mut command = Command::new("unshare");
    // Without root a user may hide devices from itself alone, in a user namespace.
    command.args(if root { &["--mount"][..] } else { &["--mount", "--user", "--map-root-user"] });
    command.args(["sh", "-c", RENOUNCE, "renounce"]).arg(&dev).arg(if root { NOBODY } else { "same" });
    let program = fleet.command();
    command.arg(program.get_program()).args(program.get_args());
    command.args(["--mirror", &format!("file://{}/debian", mirror.display())]);
    command.args(["--security-mirror", &format!("file://{}/debian-security", mirror.display())]);
    command.args(["image", &fleet.installable("card"), "--format", "sd-card", "--no-link", "--json"]);
    command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", &home).current_dir(&home);
    let run = Run::of(command);
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    let printed: Value = serde_json::from_str(&run.stdout).unwrap();
    let made = Path::new(printed["file"].as_str().unwrap()).to_owned();
    assert!(made.starts_with(&fleet.store), "{}", made.display());
    if root {
        use std::os::unix::fs::MetadataExt;
        assert_eq!(fs::metadata(&made).unwrap().uid().to_string(), NOBODY);
    }
    image::assert_same_bytes(&expected, &made);
    // A store's directories are read-only.
    assert!(Command::new("chmod").arg("-R").arg("u+w").arg(place.path()).status().unwrap().success());
}
