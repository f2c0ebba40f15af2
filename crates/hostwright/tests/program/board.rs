//! Boards that QEMU has a machine of, started from a card as it lies in their slot; and the fleet's own emulator for them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::fleet::Fleet;
use crate::machine::Machine;

/// QEMU for 64-bit ARM out of a fleet's pinned packages.
pub struct Emulator {
    usr: PathBuf,
}

impl Emulator {
    /// The package `emulator` of a fleet.
    pub fn of(fleet: &Fleet) -> Emulator {
        let attribute = format!("packages.{}-linux.emulator", std::env::consts::ARCH);
        let installable = fleet.installable(&attribute);
        let path = fleet.hostwright(&["build", &installable, "--no-link", "--print-out-paths"]);
        Emulator { usr: fleet.store.join(path.trim().trim_start_matches('/')) }
    }

    /// U-Boot for QEMU's own machine.
    pub fn u_boot(&self) -> PathBuf {
        self.usr.join("lib/u-boot/qemu_arm64/u-boot.bin")
    }

    /// Starts a machine, whose port 22 is reached at a free port of this one if it has a `network` device. It ends with the
    /// thread that starts it; its serial ports are files of `state`.
    pub fn start(
        &self,
        arguments: &[String],
        network: Option<&str>,
        state: &Path,
        identity_file: &Path,
    ) -> Machine {
        let libraries = self.usr.join(format!("lib/{}-linux-gnu", std::env::consts::ARCH));
        let loader = fs::read_dir(&libraries).unwrap().map(|entry| entry.unwrap().path());
        let mut loader =
            loader.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("ld-linux"));
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(loader.next().unwrap());
        command.args(["--argv0", "qemu-system-aarch64", "--library-path"]).arg(&libraries);
        command.arg(self.usr.join("bin/qemu-system-aarch64")).arg("-L").arg(self.usr.join("share/qemu"));
        command.args(arguments);
        if let Some(device) = network {
            command.args(["-netdev", "user,id=network,hostfwd=tcp:127.0.0.1:0-:22"]);
            command.args(["-device", &format!("{device},netdev=network")]);
        }
        // Sound would look for modules of the QEMU that this machine may have.
        command.args(["-display", "none", "-monitor", "none", "-audio", "none"]);
        for serial in ["serial-0", "serial-1"] {
            command.args(["-serial", &format!("file:{}", state.join(serial).display())]);
        }
        command.args(["-qmp", &format!("unix:{},server=on,wait=off", state.join("qmp").display())]);
        command.env("QEMU_MODULE_DIR", libraries.join("qemu")).stdin(Stdio::null());
        Machine::of(command.spawn().unwrap(), identity_file, state)
    }
}

/// Files of a card's first partition, as its board's first stage would find them.
pub fn firmware_files(card: &Path, names: &[&str], to: &Path) {
    let source = format!("{}@@{}", card.display(), 8 << 20);
    let mut command = Command::new("mcopy");
    command.args(["-n", "-i", &source]).args(names.iter().map(|name| format!("::{name}"))).arg(to);
    assert!(command.status().unwrap().success(), "{command:?}");
}
