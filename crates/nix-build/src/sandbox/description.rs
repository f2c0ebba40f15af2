//! What the supervisor tells the helper, and what the helper answers: JSON over two pipes.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Bytes that are text nearly always.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Bytes {
    Text(String),
    Other(Vec<u8>),
}

impl Bytes {
    pub(super) fn as_os_str(&self) -> &OsStr {
        match self {
            Bytes::Text(text) => OsStr::new(text),
            Bytes::Other(bytes) => OsStr::from_bytes(bytes),
        }
    }

    pub(super) fn as_path(&self) -> &Path {
        Path::new(self.as_os_str())
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        String::from_utf8(bytes).map_or_else(|error| Bytes::Other(error.into_bytes()), Bytes::Text)
    }
}

impl From<PathBuf> for Bytes {
    fn from(path: PathBuf) -> Self {
        OsString::from(path).into_vec().into()
    }
}

impl From<&Path> for Bytes {
    fn from(path: &Path) -> Self {
        path.to_path_buf().into()
    }
}

/// Something of the machine at a place in the sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Bind {
    /// Where it really lies.
    pub(super) source: Bytes,
    /// Where its mount point really lies, below the sandbox's root.
    pub(super) target: Bytes,
    /// Inputs cannot be written.
    pub(super) read_only: bool,
    /// Whether what is mounted below the source comes too, and whether device files work.
    pub(super) kind: BindKind,
}

/// How something is bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum BindKind {
    /// A store path: no mounts below it, no devices in it.
    StorePath,
    /// A device file.
    Device,
    /// Anything that the settings name.
    Other,
}

/// All that the helper needs to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Description {
    /// The directory that becomes `/`.
    pub(super) root: Bytes,
    /// The directories in it that can be written.
    pub(super) writable: Vec<Bytes>,
    /// What is bound in it, in this order.
    pub(super) binds: Vec<Bind>,
    /// Whether the sandbox has a network of its own, with nothing in it but itself.
    pub(super) private_network: bool,
    /// Whether the helper is the user namespace's root and gives that up, or the builder's user from the beginning.
    pub(super) changes_user: bool,
    /// The builder's user number inside.
    pub(super) user: u32,
    /// The builder's group number inside.
    pub(super) group: u32,
    /// Whether the builder is a program for a 32-bit system on a 64-bit machine.
    pub(super) is_32_bit: bool,
    /// What registers the emulator that runs the builder, if it needs one.
    pub(super) emulator: Option<String>,
    /// The program, as it is called inside.
    pub(super) builder: Bytes,
    /// Its arguments, without its name.
    pub(super) arguments: Vec<Bytes>,
    /// Its whole environment.
    pub(super) environment: Vec<(Bytes, Bytes)>,
    /// Where it begins, inside.
    pub(super) directory: Bytes,
}

/// What the helper answers, a line each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Answer {
    /// The namespaces are made; the helper waits to be told that its users are mapped.
    Unshared,
    /// The builder runs.
    Started,
    /// The sandbox cannot be made.
    Failed(StepFailed),
    /// The sandbox is made, and has no such builder or none that runs.
    NotStarted(StepFailed),
    /// The builder has ended by itself.
    Exited(i32),
    /// A signal ended the builder.
    Killed(i32),
}

impl From<StepFailed> for Answer {
    fn from(failed: StepFailed) -> Self {
        Answer::Failed(failed)
    }
}

/// A step on the way to a running builder that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StepFailed {
    /// What was being done, as an infinitive.
    pub(super) step: String,
    /// The system's error number, if it was the system's.
    pub(super) error_number: Option<i32>,
    /// The error's text otherwise.
    pub(super) message: String,
}

impl StepFailed {
    pub(super) fn new(step: impl Into<String>, error: impl Into<std::io::Error>) -> Self {
        let error = error.into();
        StepFailed { step: step.into(), error_number: error.raw_os_error(), message: error.to_string() }
    }
}

/// Gives a result the step that it is about.
pub(super) trait StepContext<T> {
    fn step(self, step: impl FnOnce() -> String) -> Result<T, StepFailed>;
}

impl<T, E: Into<std::io::Error>> StepContext<T> for Result<T, E> {
    fn step(self, step: impl FnOnce() -> String) -> Result<T, StepFailed> {
        self.map_err(|error| StepFailed::new(step(), error))
    }
}
