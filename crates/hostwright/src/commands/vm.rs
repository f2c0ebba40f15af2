//! `hostwright vm FLAKE#HOST`

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use disk_image::qcow2::{BackingFormat, create_overlay};
use nix_expr::{EvalError, ValueRef, current_system};
use nix_flake::Installable;
use nix_store::local::RootTarget;
use nix_store::{Hash, LocalStore, StorePath};
use serde_json::json;

use super::Session;
use crate::arguments::VmArguments;
use crate::failure::Failure;
use crate::output;
use crate::stages::evaluate::{self, Evaluated, Evaluation};
use crate::stages::flake::ReadyFlake;
use crate::stages::packages::Fleet;
use crate::stages::{image, realise};
use crate::vm::emulator::{Emulator, Firmware, FirmwareKind, acceleration};
use crate::vm::machine::{Acceleration, Architecture, Machine};
use crate::vm::process::{Lifetime, RunningMachine, Waited};
use crate::vm::state::MachineState;
use crate::vm::{VmError, key, ssh};

/// The image that virtual machines are started from; what they write lies over it.
const FORMAT: &str = "vm";

/// What was found out about the host while evaluating it.
struct Host {
    name: String,
    guest: Architecture,
    /// What its image starts by.
    firmware: FirmwareKind,
    /// Path of the image's file in its output.
    file: Option<String>,
    /// The machine's own emulator; if there is none, the second target is a tree that holds one.
    installed: Option<Emulator>,
}

/// Builds the host's image and boots it.
pub fn run(session: &Session, arguments: &VmArguments) -> Result<ExitCode, Failure> {
    let installable = Installable::parse(&arguments.installable, &session.configuration.working_directory)?;
    let fleet = Fleet::open(session, &installable.flake)?;
    let ((evaluated, host), flake) = fleet.with_packages(session, |flake| {
        session.progress.stage("evaluate", "Evaluating", || evaluate_host(session, flake, &installable))
    })?;
    let prepared = realise::prepare(session, &flake.trees, &evaluated)?;
    let built = realise::realise(session, &prepared, &evaluated)?;
    let mut paths = built.iter().map(realise::Built::path);
    let (Some(image_path), tools) = (paths.next().transpose()?, paths.next().transpose()?) else {
        return Err(Failure::NoOutput { name: host.name, output: "out".to_owned() });
    };
    let image = match &arguments.image {
        Some(file) => {
            let file = session.configuration.working_directory.join(file);
            std::fs::canonicalize(&file).map_err(|source| Failure::File {
                action: "read",
                path: file,
                source,
            })?
        }
        None => image::file(&prepared.store.real_path(image_path), host.file.as_deref())?,
    };
    let emulator = emulator(&prepared.store, tools, &host)?;

    let directory = arguments.state.as_ref().map_or_else(
        || default_state(session, &flake.directory, &host.name),
        |state| session.configuration.working_directory.join(state),
    );
    let state = MachineState::open(&directory)?;
    prepare_disk(session, arguments, &prepared.store, &state, &emulator, image_path, &image)?;
    let authorized_key = key::authorized_key(&state.key())?;
    arguments.port.map_or(Ok(()), ssh::check_is_free)?;
    let acceleration = acceleration(host.guest);
    let machine = Machine {
        architecture: host.guest,
        acceleration,
        memory: arguments.memory,
        processors: arguments.cpus,
        firmware: emulator.firmware.clone(),
        firmware_variables: state.firmware_variables(),
        disk: state.disk(),
        ssh_port: arguments.port,
        console: state.console(),
        socket: state.socket(),
        pid_file: state.pid_file(),
        credentials: vec![("ssh.authorized_keys.root".to_owned(), authorized_key)],
    };
    boot(session, arguments, &emulator, &machine, &state)
}

fn evaluate_host(
    session: &Session,
    flake: &ReadyFlake,
    installable: &Installable,
) -> Result<(Evaluated, Host), Failure> {
    let debian = flake.debian.clone();
    let search_path = std::env::var_os("PATH").unwrap_or_default();
    let installed = |system: &str, firmware| {
        Architecture::from_system(system).and_then(|guest| Emulator::installed(guest, firmware, &search_path))
    };
    let (evaluated, (name, file, system, firmware)) =
        evaluate::derivations_of_one(session, flake, None, |evaluation, value| {
            let name = evaluate::host_of(evaluation, value, &installable.attribute_path)?;
            let (image, file) = image::select(evaluation, value, &name, FORMAT)?;
            let firmware = image::firmware(evaluation, image)?;
            let system = evaluate::host_system(evaluation, value, &name)?;
            let guest = Architecture::from_system(&system);
            let mut selected = vec![(name.clone(), image)];
            if let (Some(guest), None, Some(base)) = (guest, installed(&system, firmware), &debian) {
                selected.push(pinned_emulator(evaluation, &base.store_path, guest)?);
            }
            Ok((selected, (name, file, system, firmware)))
        })?;
    match Architecture::from_system(&system) {
        Some(guest) => {
            let installed = installed(&system, firmware);
            Ok((evaluated, Host { name, guest, firmware, file, installed }))
        }
        None => Err(Failure::NoEmulator { host: name, system }),
    }
}

/// QEMU for a guest, out of the flake's pinned packages, for this machine.
fn pinned_emulator<'a>(
    evaluation: &Evaluation<'a>,
    base: &StorePath,
    guest: Architecture,
) -> Result<(String, ValueRef<'a>), EvalError> {
    let qemu = evaluate::vm_tools(evaluation, evaluation.store_path(base), &current_system())?;
    let name = guest.name();
    Ok((format!("qemu-{name}"), evaluation.select_parts(qemu, &[name], &[])?))
}

fn emulator(store: &LocalStore, tools: Option<&StorePath>, host: &Host) -> Result<Emulator, Failure> {
    match (&host.installed, tools, Architecture::of_this_machine()) {
        (Some(installed), _, _) => Ok(installed.clone()),
        (None, Some(tools), Some(this)) => {
            Ok(Emulator::in_tree(&store.real_path(tools), host.guest, host.firmware, this)?)
        }
        _ => Err(Failure::NoEmulator {
            host: host.name.clone(),
            system: format!("{}-linux", host.guest.name()),
        }),
    }
}

/// Each flake's host has a state of its own.
fn default_state(session: &Session, flake: &Path, host: &str) -> PathBuf {
    let flake = Hash::sha256(flake.as_os_str().as_encoded_bytes()).to_base32();
    let place = session.configuration.state_directory.join("vm");
    place.join(format!("{host}-{}", flake.get(..8).unwrap_or(&flake)))
}

/// Makes an empty disk over the image, unless there is one already; keeps the image from being collected.
fn prepare_disk(
    session: &Session,
    arguments: &VmArguments,
    store: &LocalStore,
    state: &MachineState,
    emulator: &Emulator,
    image_path: &StorePath,
    image: &Path,
) -> Result<(), Failure> {
    if !arguments.fresh && state.disk_is_over(image) {
        return Ok(());
    }
    if state.disk().exists() && !arguments.fresh {
        session.progress.say("The host has changed: its machine begins with an unused disk.");
    }
    state.discard_disk()?;
    store.add_root(&state.image_root(), image_path, RootTarget::Real)?;
    let failed = |action, path: &Path| {
        let path = path.to_owned();
        move |source| Failure::File { action, path, source }
    };
    let smallest = std::fs::metadata(image).map_err(failed("read", image))?.len();
    let size = (arguments.disk_size << 30).max(smallest.next_multiple_of(1 << 20));
    create_overlay(&state.disk(), image, BackingFormat::Raw, size).map_err(nix_build::Error::from)?;
    if let Firmware::Uefi { variables, .. } = &emulator.firmware {
        // Copied by content: the original is read-only, the machine's own is written.
        let content = std::fs::read(variables).map_err(failed("read", variables))?;
        std::fs::write(state.firmware_variables(), content)
            .map_err(failed("write", &state.firmware_variables()))?;
    }
    Ok(state.record_base(image)?)
}

/// Runs the machine until it ends, we are interrupted, or its command is done.
fn boot(
    session: &Session,
    arguments: &VmArguments,
    emulator: &Emulator,
    machine: &Machine,
    state: &MachineState,
) -> Result<ExitCode, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    let _guard = session.interrupts.guard(move || flag.store(true, Ordering::Relaxed));
    let lifetime = if arguments.detach { Lifetime::ItsOwn } else { Lifetime::Ours };
    let mut running = start(session, emulator, machine, state, lifetime, &stop)?;
    if !arguments.no_wait {
        let patience = Duration::from_secs(arguments.boot_timeout.unwrap_or(match running.acceleration() {
            Acceleration::Kvm => 120,
            Acceleration::Translation => 600,
        }));
        let waited = session
            .progress
            .stage("boot", "Booting (Ctrl-C shuts it down)", || running.wait_for_ssh(patience))?;
        if waited == Waited::Stopped {
            running.shut_down()?;
            return Err(Failure::Interrupted);
        }
    }
    if let Some(command) = &arguments.exec {
        let status = Command::new("ssh")
            .args(ssh::arguments(&state.key(), running.port()))
            .arg(command)
            .status()
            .map_err(|source| VmError::Start { program: "ssh".into(), source })?;
        running.shut_down()?;
        let code = status.code().and_then(|code| u8::try_from(code).ok());
        return Ok(ExitCode::from(code.unwrap_or(crate::failure::Status::Host as u8)));
    }
    print_access(arguments, state, &running)?;
    if arguments.detach {
        running.detach();
        return Ok(ExitCode::SUCCESS);
    }
    session.progress.say("The machine runs until it is shut down or Ctrl-C is pressed.");
    if running.wait_for_end()? == Waited::Stopped {
        session.progress.say("Shutting down.");
        running.shut_down()?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Starts the machine, without KVM where that is offered but does not work (as inside some virtual machines).
fn start(
    session: &Session,
    emulator: &Emulator,
    machine: &Machine,
    state: &MachineState,
    lifetime: Lifetime,
    stop: &Arc<AtomicBool>,
) -> Result<RunningMachine, Failure> {
    let start = |machine| RunningMachine::start(emulator, machine, state, lifetime, Arc::clone(stop));
    let mut running = start(machine)?;
    let waited = match running.wait_for_control() {
        Err(VmError::Ended { .. }) if machine.acceleration == Acceleration::Kvm => {
            session.progress.warn("KVM is there but does not work; the machine is emulated, which is slow");
            running = start(&Machine { acceleration: Acceleration::Translation, ..machine.clone() })?;
            running.wait_for_control()?
        }
        waited => waited?,
    };
    match waited {
        Waited::Ready => Ok(running),
        Waited::Stopped => Err(Failure::Interrupted),
    }
}

fn print_access(
    arguments: &VmArguments,
    state: &MachineState,
    running: &RunningMachine,
) -> Result<(), Failure> {
    let command = ssh::command(&state.key(), running.port());
    if !arguments.json {
        return output::line(&command);
    }
    output::json(&json!({
        "host": "127.0.0.1",
        "port": running.port(),
        "identityFile": state.key(),
        "sshCommand": command,
        "pid": running.pid(),
        "serialLog": state.console(),
    }))
}
