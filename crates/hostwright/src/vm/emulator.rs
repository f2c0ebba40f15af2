//! QEMU and its firmware: the machine's own, or out of the pinned package set.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

use super::VmError;
use super::machine::{Acceleration, Architecture};

/// An emulator for one guest architecture, ready to be run.
#[derive(Debug, Clone)]
pub struct Emulator {
    program: PathBuf,
    /// Arguments before those of the machine.
    leading: Vec<String>,
    /// Where QEMU's loadable modules are, if not where it was compiled for.
    modules: Option<PathBuf>,
    /// What the machine starts with.
    pub firmware: Firmware,
}

/// Which firmware a host's image starts by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FirmwareKind {
    /// UEFI.
    Uefi,
    /// U-Boot, which reads a menu in the form of extlinux.
    UBoot,
}

/// The files of a firmware.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Firmware {
    /// UEFI.
    Uefi {
        /// The code, read-only.
        code: PathBuf,
        /// The variables as they are on a new machine.
        variables: PathBuf,
    },
    /// U-Boot.
    UBoot(PathBuf),
}

impl FirmwareKind {
    /// As an image's attribute `firmware` has it.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "uefi" => Some(FirmwareKind::Uefi),
            "u-boot" => Some(FirmwareKind::UBoot),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            FirmwareKind::Uefi => "UEFI",
            FirmwareKind::UBoot => "U-Boot",
        }
    }
}

/// Places of UEFI firmware below a root: code and variables. The first that exist are taken.
fn firmware_places(guest: Architecture) -> &'static [(&'static str, &'static str)] {
    match guest {
        Architecture::X86_64 => &[
            ("share/OVMF/OVMF_CODE_4M.fd", "share/OVMF/OVMF_VARS_4M.fd"),
            ("share/OVMF/OVMF_CODE.fd", "share/OVMF/OVMF_VARS.fd"),
            ("share/edk2/ovmf/OVMF_CODE.fd", "share/edk2/ovmf/OVMF_VARS.fd"),
        ],
        Architecture::Aarch64 => &[
            ("share/AAVMF/AAVMF_CODE.no-secboot.fd", "share/AAVMF/AAVMF_VARS.fd"),
            ("share/AAVMF/AAVMF_CODE.fd", "share/AAVMF/AAVMF_VARS.fd"),
            ("share/edk2/aarch64/QEMU_EFI-pflash.raw", "share/edk2/aarch64/vars-template-pflash.raw"),
        ],
    }
}

/// Where Debian puts U-Boot for QEMU's machine, below a root.
fn u_boot_place(guest: Architecture) -> Option<&'static str> {
    match guest {
        Architecture::X86_64 => None,
        Architecture::Aarch64 => Some("lib/u-boot/qemu_arm64/u-boot.bin"),
    }
}

fn find_firmware(usr: &Path, guest: Architecture, kind: FirmwareKind) -> Option<Firmware> {
    match kind {
        FirmwareKind::Uefi => firmware_places(guest)
            .iter()
            .map(|(code, variables)| (usr.join(code), usr.join(variables)))
            .find(|(code, variables)| code.is_file() && variables.is_file())
            .map(|(code, variables)| Firmware::Uefi { code, variables }),
        FirmwareKind::UBoot => u_boot_place(guest)
            .map(|place| usr.join(place))
            .filter(|file| file.is_file())
            .map(Firmware::UBoot),
    }
}

impl Emulator {
    /// The emulator that this machine has on `PATH`, if it has its firmware too.
    pub fn installed(guest: Architecture, kind: FirmwareKind, search_path: &std::ffi::OsStr) -> Option<Self> {
        let name = format!("qemu-system-{}", guest.name());
        let program = std::env::split_paths(search_path)
            .map(|place| place.join(&name))
            .find(|file| is_program(file))?;
        let firmware = find_firmware(Path::new("/usr"), guest, kind)?;
        Some(Emulator { program, leading: Vec::new(), modules: None, firmware })
    }

    /// The emulator in a tree of unpacked and merged Debian packages of this machine's architecture: what Debian has below
    /// `/usr`. Nothing of it is where it was compiled for, so its own ELF interpreter is told where its libraries are, and
    /// it is told where its data is.
    pub fn in_tree(
        tree: &Path,
        guest: Architecture,
        kind: FirmwareKind,
        host: Architecture,
    ) -> Result<Self, VmError> {
        let missing = |what: String| VmError::IncompleteEmulator { what, tree: tree.to_owned() };
        let usr = if tree.join("usr/bin").is_dir() { tree.join("usr") } else { tree.to_owned() };
        let name = format!("qemu-system-{}", guest.name());
        let program = usr.join("bin").join(&name);
        let libraries = usr.join("lib").join(host.triplet());
        let loader_name = host.loader().rsplit('/').next().unwrap_or_default();
        // Debian's lib64/ entry is a symlink that may be absolute; the file itself is beside the C library.
        let loader = libraries.join(loader_name);
        for file in [&program, &loader] {
            if !is_program(file) {
                return Err(missing(file.strip_prefix(tree).unwrap_or(file).display().to_string()));
            }
        }
        let firmware = find_firmware(&usr, guest, kind)
            .ok_or_else(|| missing(format!("{} for {}", kind.name(), guest.name())))?;
        let mut library_path = libraries.display().to_string();
        for more in ["pulseaudio", "blas", "lapack"] {
            let directory = libraries.join(more);
            if directory.is_dir() {
                library_path.push(':');
                library_path.push_str(&directory.display().to_string());
            }
        }
        let leading = vec![
            "--argv0".to_owned(),
            name,
            "--library-path".to_owned(),
            library_path,
            program.display().to_string(),
            "-L".to_owned(),
            usr.join("share/qemu").display().to_string(),
            "-L".to_owned(),
            usr.join("share/seabios").display().to_string(),
        ];
        let modules = libraries.join("qemu");
        Ok(Emulator { program: loader, leading, modules: Some(modules), firmware })
    }

    /// The command, before the machine's arguments.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.leading);
        if let Some(modules) = &self.modules {
            command.env("QEMU_MODULE_DIR", modules);
        }
        command
    }
}

/// KVM where this machine offers it to us and the guest is of its kind.
pub fn acceleration(guest: Architecture) -> Acceleration {
    let usable = Architecture::of_this_machine() == Some(guest)
        && std::fs::OpenOptions::new().read(true).write(true).open("/dev/kvm").is_ok();
    if usable { Acceleration::Kvm } else { Acceleration::Translation }
}

fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(file)
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn touch(file: &Path) {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, "").unwrap();
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn an_unpacked_tree_is_run_by_its_own_loader() {
        let directory = tempfile::tempdir().unwrap();
        let tree = directory.path();
        let guest = Architecture::Aarch64;
        let host = Architecture::X86_64;
        for (file, named) in [
            ("bin/qemu-system-aarch64", "bin/qemu-system-aarch64"),
            ("lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", "ld-linux-x86-64.so.2"),
            ("share/AAVMF/AAVMF_CODE.fd", "UEFI for aarch64"),
        ] {
            let error = Emulator::in_tree(tree, guest, FirmwareKind::Uefi, host).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
            touch(&tree.join(file));
        }
        touch(&tree.join("share/AAVMF/AAVMF_VARS.fd"));
        let error = Emulator::in_tree(tree, guest, FirmwareKind::UBoot, host).unwrap_err().to_string();
        assert!(error.contains("U-Boot for aarch64"), "{error}");
        let emulator = Emulator::in_tree(tree, guest, FirmwareKind::Uefi, host).unwrap();
        let command = emulator.command();
        assert_eq!(command.get_program(), tree.join("lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"));
        assert!(command.get_args().any(|argument| argument == tree.join("share/qemu").as_os_str()));
    }

    #[test]
    fn an_installed_emulator_is_found_on_the_path() {
        let nowhere = std::ffi::OsStr::new("/nonexistent");
        assert!(Emulator::installed(Architecture::X86_64, FirmwareKind::Uefi, nowhere).is_none());
    }
}
