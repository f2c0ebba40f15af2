//! The running emulator.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::attached::attached;
use super::emulator::Emulator;
use super::machine::{Acceleration, Machine};
use super::state::MachineState;
use super::{VmError, qmp, ssh};

/// How long the emulator may take to answer on its control socket.
const START_PATIENCE: Duration = Duration::from_secs(120);

/// How long a guest may take to shut down before its power is cut.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(90);

/// How often the emulator and the signal flag are looked at.
const POLL: Duration = Duration::from_millis(100);

/// An emulator that we started. Dropping it kills and reaps it, unless it was detached.
#[derive(Debug)]
pub struct RunningMachine {
    child: Option<Child>,
    socket: PathBuf,
    console: PathBuf,
    emulator_log: PathBuf,
    /// Zero until the emulator has told it.
    port: u16,
    acceleration: Acceleration,
    stop: Arc<AtomicBool>,
}

/// How long a machine may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// As long as the thread that starts it.
    Ours,
    /// Until it is shut down.
    ItsOwn,
}

/// How waiting ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Waited {
    /// What was waited for came.
    Ready,
    /// We were asked to stop.
    Stopped,
}

impl RunningMachine {
    /// Starts the machine. It runs in a process group of its own, so that Ctrl-C reaches us alone and the guest is shut
    /// down in order; if we are killed it is killed, too, unless it is to have a life of its own. `stop` is set when we
    /// are asked to stop.
    pub fn start(
        emulator: &Emulator,
        machine: &Machine,
        state: &MachineState,
        lifetime: Lifetime,
        stop: Arc<AtomicBool>,
    ) -> Result<Self, VmError> {
        for file in [state.console(), state.socket(), state.pid_file()] {
            // Left by a run that was killed; absent otherwise.
            let _ = fs::remove_file(file);
        }
        let log_file = state.emulator_log();
        let log = File::create(&log_file).map_err(VmError::file("write", &log_file))?;
        let log_too = log.try_clone().map_err(VmError::file("write", &log_file))?;
        let mut program: Command = emulator.command();
        program.args(machine.arguments());
        let mut command = match lifetime {
            Lifetime::Ours => attached(&program),
            Lifetime::ItsOwn => program,
        };
        command
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(log_too)
            .current_dir(state.directory())
            .process_group(0);
        let child = command
            .spawn()
            .map_err(|source| VmError::Start { program: command.get_program().into(), source })?;
        Ok(RunningMachine {
            child: Some(child),
            socket: state.socket(),
            console: state.console(),
            emulator_log: log_file,
            port: 0,
            acceleration: machine.acceleration,
            stop,
        })
    }

    /// The emulator's process id.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// How the machine runs.
    pub fn acceleration(&self) -> Acceleration {
        self.acceleration
    }

    /// The port of 127.0.0.1 that leads to the guest's SSH, once [`RunningMachine::wait_for_control`] is over.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Waits until the control socket answers, which is when the processor runs.
    pub fn wait_for_control(&mut self) -> Result<Waited, VmError> {
        let socket = self.socket.clone();
        let mut port = 0;
        let mut source = std::io::Error::from(std::io::ErrorKind::TimedOut);
        let waited = self.wait(START_PATIENCE, || match qmp::forwarded_port(&socket) {
            Ok(told) => {
                port = told;
                true
            }
            Err(error) => {
                source = error;
                false
            }
        })?;
        self.port = port;
        waited.ok_or_else(|| VmError::NoControl {
            seconds: START_PATIENCE.as_secs(),
            source,
            output: last_lines(&self.emulator_log),
        })
    }

    /// Waits until SSH greets.
    pub fn wait_for_ssh(&mut self, patience: Duration) -> Result<Waited, VmError> {
        let mut greeting = ssh::Greeting::on(self.port);
        let waited = self.wait(patience, || greeting.came(POLL))?;
        waited.ok_or_else(|| VmError::NoAnswer {
            seconds: patience.as_secs(),
            log: self.console.clone(),
            console: last_lines(&self.console),
        })
    }

    /// Waits for something, or until we are asked to stop; nothing comes of it if patience ends first.
    fn wait(
        &mut self,
        patience: Duration,
        mut came: impl FnMut() -> bool,
    ) -> Result<Option<Waited>, VmError> {
        let start = Instant::now();
        while start.elapsed() < patience {
            if self.stop.load(Ordering::Relaxed) {
                return Ok(Some(Waited::Stopped));
            }
            if let Some(status) = self.poll()? {
                return Err(self.ended(status));
            }
            if came() {
                return Ok(Some(Waited::Ready));
            }
            std::thread::sleep(POLL);
        }
        Ok(None)
    }

    /// Waits until the machine ends by itself or we are asked to stop.
    pub fn wait_for_end(&mut self) -> Result<Waited, VmError> {
        loop {
            match self.poll()? {
                Some(status) if status.success() => {
                    self.child = None;
                    return Ok(Waited::Ready);
                }
                Some(status) => return Err(self.ended(status)),
                None if self.stop.load(Ordering::Relaxed) => return Ok(Waited::Stopped),
                None => std::thread::sleep(POLL),
            }
        }
    }

    /// Presses the power button, waits for the guest to shut down, cuts its power if it does not.
    pub fn shut_down(mut self) -> Result<(), VmError> {
        if qmp::power_down(&self.socket).is_ok() {
            let start = Instant::now();
            while start.elapsed() < SHUTDOWN_PATIENCE {
                if self.poll()?.is_some() {
                    self.child = None;
                    return Ok(());
                }
                std::thread::sleep(POLL);
            }
        }
        Ok(())
    }

    /// Leaves the machine running after us.
    pub fn detach(mut self) {
        self.child = None;
    }

    fn poll(&mut self) -> Result<Option<ExitStatus>, VmError> {
        match &mut self.child {
            Some(child) => child.try_wait().map_err(VmError::file("wait for the emulator of", &self.console)),
            None => Ok(None),
        }
    }

    fn ended(&mut self, status: ExitStatus) -> VmError {
        self.child = None;
        VmError::Ended { status: status.to_string(), output: last_lines(&self.emulator_log) }
    }
}

impl Drop for RunningMachine {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It is gone already or will be now; either way it is reaped.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The end of a log, as much as a person reads.
fn last_lines(file: &Path) -> String {
    const MOST: u64 = 4096;
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(file)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(MOST)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let text = read().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    // A console holds escape sequences; on a person's terminal they would do harm.
    let clean: String = text.chars().filter(|c| *c == '\n' || *c == '\t' || !c.is_control()).collect();
    let lines: Vec<&str> = clean.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}
