//! A host in QEMU: from a disk image to a machine that answers on SSH.
//!
//! [`machine`] plans the command line (pure), [`process`] runs it, [`attached`] so that it ends with us, [`qmp`] talks to it, [`state`] holds what is kept
//! between runs, [`ssh`] waits for the host to answer, and [`emulator`] finds QEMU and its firmware.

pub mod attached;
pub mod emulator;
pub mod key;
pub mod machine;
pub mod process;
mod qmp;
pub mod ssh;
pub mod state;

use std::path::PathBuf;

/// What can go wrong with a virtual machine.
#[derive(Debug, thiserror::Error)]
pub enum VmError {
    /// The pinned package set's QEMU tree lacks something.
    #[error("there is no {what} in {}", .tree.display())]
    IncompleteEmulator {
        /// `usr/bin/qemu-system-x86_64`, …
        what: String,
        /// The tree that was looked in.
        tree: PathBuf,
    },
    /// The emulator could not be started at all.
    #[error("cannot start {}", .program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The emulator ended by itself, and not well.
    #[error("the virtual machine ended with {status}{}", said(.output))]
    Ended {
        /// `exit status: 1`, `signal: 9`
        status: String,
        /// The end of what the emulator wrote.
        output: String,
    },
    /// The emulator did not tell on its control socket which port leads to the guest.
    #[error("the emulator did not tell within {seconds} s which port leads to the host{}", said(.output))]
    NoControl {
        /// How long was waited.
        seconds: u64,
        /// What came of asking the last time.
        #[source]
        source: std::io::Error,
        /// The end of what the emulator wrote.
        output: String,
    },
    /// SSH did not answer in time.
    #[error(
        "the host did not answer on SSH within {seconds} s; the end of its console ({}):\n{console}",
        .log.display()
    )]
    NoAnswer {
        /// How long was waited.
        seconds: u64,
        /// The log of the serial console.
        log: PathBuf,
        /// Its last lines.
        console: String,
    },
    /// The port is taken.
    #[error("port {port} of 127.0.0.1 is taken; choose another with --port, or leave --port out")]
    PortTaken {
        /// The port.
        port: u16,
    },
    /// The same machine runs already.
    #[error("this machine is running already (process {pid}); its state is in {}", .directory.display())]
    Running {
        /// The emulator's process.
        pid: u32,
        /// Where the state is.
        directory: PathBuf,
    },
    /// No key could be made.
    #[error("cannot make an SSH key")]
    Key(#[source] ssh_key::Error),
    /// A file of the machine's state could not be read or written.
    #[error("cannot {action} {}", .path.display())]
    File {
        /// "read", "write"…
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

impl VmError {
    fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> VmError {
        let path = path.into();
        move |source| VmError::File { action, path, source }
    }
}

fn said(output: &str) -> String {
    let output = output.trim();
    if output.is_empty() { String::new() } else { format!("; it said:\n{output}") }
}
