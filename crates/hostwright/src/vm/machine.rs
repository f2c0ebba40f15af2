//! The plan of a virtual machine: QEMU's command line, worked out without touching anything.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::emulator::Firmware;

/// The processor architectures that hosts have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// `x86_64-linux`
    X86_64,
    /// `aarch64-linux`
    Aarch64,
}

impl Architecture {
    /// Nix's name of the system, `x86_64-linux`.
    pub fn from_system(system: &str) -> Option<Self> {
        match system {
            "x86_64-linux" => Some(Architecture::X86_64),
            "aarch64-linux" => Some(Architecture::Aarch64),
            _ => None,
        }
    }

    /// The architecture of this machine, if hosts can have it.
    pub fn of_this_machine() -> Option<Self> {
        Self::from_system(&format!("{}-linux", std::env::consts::ARCH))
    }

    /// `x86_64`
    pub fn name(self) -> &'static str {
        match self {
            Architecture::X86_64 => "x86_64",
            Architecture::Aarch64 => "aarch64",
        }
    }

    /// Debian's multiarch triplet.
    pub fn triplet(self) -> &'static str {
        match self {
            Architecture::X86_64 => "x86_64-linux-gnu",
            Architecture::Aarch64 => "aarch64-linux-gnu",
        }
    }

    /// The ELF interpreter's place on Debian.
    pub fn loader(self) -> &'static str {
        match self {
            Architecture::X86_64 => "lib64/ld-linux-x86-64.so.2",
            Architecture::Aarch64 => "lib/ld-linux-aarch64.so.1",
        }
    }
}

/// How instructions are executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acceleration {
    /// By the processor.
    Kvm,
    /// By translation.
    Translation,
}

/// All that a machine is made of.
#[derive(Debug, Clone)]
pub struct Machine {
    /// The guest's architecture.
    pub architecture: Architecture,
    /// How it runs.
    pub acceleration: Acceleration,
    /// Memory in MiB.
    pub memory: u32,
    /// Processors.
    pub processors: u32,
    /// What it starts with.
    pub firmware: Firmware,
    /// The machine's own copy of UEFI's variables, written.
    pub firmware_variables: PathBuf,
    /// The qcow2 disk.
    pub disk: PathBuf,
    /// Port of 127.0.0.1 that leads to the guest's port 22; the emulator takes a free one if none is given.
    pub ssh_port: Option<u16>,
    /// Where the serial console is written to.
    pub console: PathBuf,
    /// The control socket.
    pub socket: PathBuf,
    /// The process id file.
    pub pid_file: PathBuf,
    /// systemd credentials (systemd.system-credentials(7)): name and content.
    pub credentials: Vec<(String, String)>,
}

impl Machine {
    /// QEMU's arguments, without the program.
    pub fn arguments(&self) -> Vec<String> {
        let (machine, processor) = match (self.architecture, self.acceleration) {
            (Architecture::X86_64, Acceleration::Kvm) => ("q35,accel=kvm", "host"),
            // Five-level page tables cost the translator more than anything in the guest gains by them.
            (Architecture::X86_64, Acceleration::Translation) => ("q35", "max,la57=off"),
            (Architecture::Aarch64, Acceleration::Kvm) => ("virt,gic-version=max,accel=kvm", "host"),
            // `max` has pointer authentication, which is slow to translate.
            (Architecture::Aarch64, Acceleration::Translation) => ("virt", "cortex-a72"),
        };
        let mut arguments: Vec<String> = Vec::new();
        let mut add = |option: &str, value: String| arguments.extend([option.to_owned(), value]);
        add("-machine", machine.to_owned());
        if self.acceleration == Acceleration::Translation {
            add("-accel", "tcg,thread=multi".to_owned());
        }
        add("-cpu", processor.to_owned());
        add("-m", self.memory.to_string());
        add("-smp", self.processors.to_string());
        match &self.firmware {
            Firmware::Uefi { code, .. } => {
                let variables = option_value(&self.firmware_variables);
                add("-drive", format!("if=pflash,unit=0,format=raw,readonly=on,file={}", option_value(code)));
                add("-drive", format!("if=pflash,unit=1,format=raw,file={variables}"));
            }
            Firmware::UBoot(file) => add("-bios", file.display().to_string()),
        }
        add(
            "-drive",
            format!("if=none,id=disk,format=qcow2,discard=unmap,file={}", option_value(&self.disk)),
        );
        add("-device", "virtio-blk-pci,drive=disk".to_owned());
        let port = self.ssh_port.unwrap_or(0);
        add("-netdev", format!("user,id=network,hostfwd=tcp:127.0.0.1:{port}-:22"));
        add("-device", "virtio-net-pci,netdev=network,romfile=".to_owned());
        add("-device", "virtio-rng-pci".to_owned());
        add("-display", "none".to_owned());
        add("-serial", format!("file:{}", option_value(&self.console)));
        add("-monitor", "none".to_owned());
        add("-qmp", format!("unix:{},server=on,wait=off", option_value(&self.socket)));
        add("-pidfile", self.pid_file.display().to_string());
        for (name, content) in &self.credentials {
            // systemd reads both (systemd(1), "System Credentials"); which one a guest sees depends on its kernel's modules.
            let encoded = BASE64.encode(content);
            add("-smbios", format!("type=11,value=io.systemd.credential.binary:{name}={encoded}"));
            add(
                "-fw_cfg",
                format!("name=opt/io.systemd.credentials/{name},string={}", content.replace(',', ",,")),
            );
        }
        arguments.push("-nodefaults".to_owned());
        arguments
    }
}

/// A path as a value inside an option: commas are doubled.
fn option_value(path: &Path) -> String {
    path.display().to_string().replace(',', ",,")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(architecture: Architecture, acceleration: Acceleration) -> Machine {
        Machine {
            architecture,
            acceleration,
            memory: 512,
            processors: 2,
            firmware: Firmware::Uefi { code: "/f/code.fd".into(), variables: "/f/vars.fd".into() },
            firmware_variables: "/s/vars.fd".into(),
            disk: "/s/a,b.qcow2".into(),
            ssh_port: Some(2222),
            console: "/s/console.log".into(),
            socket: "/s/qmp".into(),
            pid_file: "/s/pid".into(),
            credentials: vec![("ssh.authorized_keys.root".into(), "ssh-ed25519 AAAA x".into())],
        }
    }

    #[test]
    fn the_command_line_is_complete() {
        let x86 = machine(Architecture::X86_64, Acceleration::Kvm).arguments().join("\n");
        let arm = machine(Architecture::Aarch64, Acceleration::Translation).arguments().join("\n");
        insta::assert_snapshot!("x86_64 with KVM", x86);
        insta::assert_snapshot!("aarch64 translated", arm);
        let board = Machine {
            firmware: Firmware::UBoot("/f/u-boot.bin".into()),
            ..machine(Architecture::Aarch64, Acceleration::Translation)
        };
        let arguments = Machine { ssh_port: None, ..board }.arguments().join("\n");
        assert!(arguments.contains("-bios\n/f/u-boot.bin") && !arguments.contains("pflash"), "{arguments}");
        assert!(arguments.contains("hostfwd=tcp:127.0.0.1:0-:22"), "{arguments}");
    }
}
