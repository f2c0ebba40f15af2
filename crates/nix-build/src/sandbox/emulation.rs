//! Builders for other architectures, by QEMU's user-mode emulation.
//!
//! The emulator is registered in a `binfmt_misc` of the sandbox's own user namespace, which Linux has since 6.7: the machine's
//! table is never touched, and the registration goes with the sandbox. The kernel opens the emulator when it is registered
//! (flag `F` of binfmt_misc), so that the sandbox need not show it; it must be a static program for that reason.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, mount};

use super::description::{StepContext, StepFailed};
use crate::elf;

/// How programs of a platform begin (ELF, "ELF Header"), and who runs them.
struct Architecture {
    /// As in `aarch64-linux`.
    system: &'static str,
    /// As in `qemu-aarch64`.
    emulator: &'static str,
    /// Whether it has 64 bits.
    is_64_bit: bool,
    /// Whether the most significant byte comes first.
    is_big_endian: bool,
    /// `e_machine`
    machine: u8,
}

const ARCHITECTURES: [Architecture; 7] = [
    architecture("aarch64", "aarch64", true, false, 183),
    architecture("armv7l", "arm", false, false, 40),
    architecture("i686", "i386", false, false, 3),
    architecture("powerpc64le", "ppc64le", true, false, 21),
    architecture("riscv64", "riscv64", true, false, 243),
    architecture("s390x", "s390x", true, true, 22),
    architecture("x86_64", "x86_64", true, false, 62),
];

const fn architecture(
    system: &'static str,
    emulator: &'static str,
    is_64_bit: bool,
    is_big_endian: bool,
    machine: u8,
) -> Architecture {
    Architecture { system, emulator, is_64_bit, is_big_endian, machine }
}

/// Where the program for `system` (as in `aarch64-linux`) lies in one of `directories`, if it is there and static.
pub fn find_emulator(system: &str, directories: &[PathBuf]) -> Option<PathBuf> {
    let known = known(system)?;
    let names = [format!("qemu-{}-static", known.emulator), format!("qemu-{}", known.emulator)];
    let places = names.iter().flat_map(|name| directories.iter().map(move |directory| directory.join(name)));
    let is_static = |place: &PathBuf| {
        let bytes = fs::read(place).ok()?;
        elf::dynamic_needs(&bytes).ok().map(|needs| needs.interpreter.is_none())
    };
    places.into_iter().find(|place| is_static(place) == Some(true))
}

fn known(system: &str) -> Option<&'static Architecture> {
    let name = system.strip_suffix("-linux")?;
    ARCHITECTURES.iter().find(|architecture| architecture.system == name)
}

/// What registers `emulator` for programs of `system` (Linux, Documentation/admin-guide/binfmt-misc.rst).
pub(super) fn registration(system: &str, emulator: &Path) -> Option<String> {
    let Architecture { is_64_bit, is_big_endian, machine, .. } = known(system)?;
    let mut magic =
        vec![0x7f, b'E', b'L', b'F', if *is_64_bit { 2 } else { 1 }, u8::from(*is_big_endian) + 1, 1];
    let mut mask = vec![0xff; magic.len()];
    // Which system's conventions a program follows says nothing; the rest of the identification is zero.
    magic.resize(16, 0);
    mask.push(0);
    mask.resize(16, 0xff);
    // Either kind of program, fixed (2) or position-independent (3), and the machine.
    let (kind, kind_mask, machine) = match is_big_endian {
        true => ([0, 2], [0xff, 0xfe], [0, *machine]),
        false => ([2, 0], [0xfe, 0xff], [*machine, 0]),
    };
    magic.extend(kind.into_iter().chain(machine));
    mask.extend(kind_mask.into_iter().chain([0xff, 0xff]));
    let escaped = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect::<String>();
    // P: the program keeps the name that it was called by.
    Some(format!(":emulator:M::{}:{}:{}:FP", escaped(&magic), escaped(&mask), emulator.display()))
}

/// Registers an emulator for all programs of the calling process's user namespace. The table is mounted at `place`, where
/// something else may be mounted over it.
pub(super) fn register(registration: &str, place: &Path) -> Result<(), StepFailed> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("none", place, "binfmt_misc", flags, None).step(|| {
        String::from("make a table of emulators for the sandbox (binfmt_misc in user namespaces, Linux 6.7)")
    })?;
    let register = place.join("register");
    fs::write(&register, registration).step(|| String::from("register the emulator for the sandbox"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registrations_are_those_of_qemu() {
        // As Debian's qemu-user-binfmt has it, but for the flags and the name.
        let expected = r":emulator:M::\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/q:FP";
        assert_eq!(registration("aarch64-linux", Path::new("/q")).unwrap(), expected);
        assert!(registration("s390x-linux", Path::new("/q")).unwrap().contains(r"\x00\x02\x00\x16:"));
        assert_eq!(registration("aarch64-darwin", Path::new("/q")), None);
        assert_eq!(find_emulator("aarch64-linux", &["/nonexistent".into()]), None);
    }
}
