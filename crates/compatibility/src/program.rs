//! A program with the command line of `nix-instantiate`, run and measured.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wait4::Wait4;

use crate::{Error, Result};

/// A `nix-instantiate`: Nix's, or this project's.
#[derive(Clone, Debug)]
pub struct Program {
    /// The file.
    pub file: PathBuf,
    /// The version, such as `2.26.3`; `None` for this project's.
    pub version: Option<String>,
}

/// What a run used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Processor time in user mode, in seconds.
    pub seconds: f64,
    /// The most memory that one process of it held, in bytes.
    pub bytes: u64,
}

impl Cost {
    /// Time adds up; of memory the most counts.
    pub fn add(&mut self, other: Cost) {
        self.seconds += other.seconds;
        self.bytes = self.bytes.max(other.bytes);
    }
}

/// What a run answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The exit status; `None` if a signal ended the program.
    pub status: Option<i32>,
    /// Standard output; bytes that are not UTF-8 are replaced.
    pub output: String,
    /// Standard error, likewise.
    pub errors: String,
    /// What it used.
    pub cost: Cost,
}

impl Answer {
    /// Whether the program says that all went well.
    pub fn succeeded(&self) -> bool {
        self.status == Some(0)
    }

    /// The last line of standard error that names an error, for a report.
    pub fn error_line(&self) -> String {
        let line = self.errors.lines().rev().find(|line| line.contains("error:"));
        let line = line.or_else(|| self.errors.lines().last()).unwrap_or_default().trim();
        match self.status {
            Some(_) => line.chars().take(300).collect(),
            None => format!("ended by a signal; {line}"),
        }
    }
}

/// One run to be made.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The arguments.
    pub arguments: Vec<OsString>,
    /// Environment variables besides those that every run gets.
    pub environment: Vec<(String, OsString)>,
    /// The directory that it runs in; `/` if there is none.
    pub directory: Option<PathBuf>,
    /// The file that is its standard input.
    pub input: Option<PathBuf>,
}

impl Request {
    /// A run with these arguments.
    pub fn new<I: AsRef<OsStr>>(arguments: impl IntoIterator<Item = I>) -> Self {
        let arguments = arguments.into_iter().map(|argument| argument.as_ref().to_owned()).collect();
        Request { arguments, ..Request::default() }
    }

    /// The same run in another directory.
    pub fn within(mut self, directory: &Path) -> Self {
        self.directory = Some(directory.to_owned());
        self
    }
}

impl Program {
    /// A Nix, asked for its version.
    ///
    /// # Errors
    /// It cannot be run, or is no Nix.
    pub fn nix(file: &Path) -> Result<Self> {
        let file = fs::canonicalize(file.parent().unwrap_or(file))
            .map(|directory| directory.join(file.file_name().unwrap_or_default()))
            .map_err(Error::io("find", file))?;
        let output = Command::new(&file)
            .arg("--version")
            .output()
            .map_err(|source| Error::Run { program: file.clone(), source })?;
        let printed = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        match printed.strip_prefix("nix-instantiate (Nix) ") {
            Some(version) => Ok(Program { file, version: Some(version.to_owned()) }),
            None => Err(Error::NotNix { program: file, printed }),
        }
    }

    /// This project's evaluator.
    pub fn ours(file: PathBuf) -> Self {
        Program { file, version: None }
    }

    /// How a report calls it.
    pub fn name(&self) -> String {
        match &self.version {
            Some(version) => format!("Nix {version}"),
            None => "Hostwright".to_owned(),
        }
    }

    /// Runs it, with a home of its own and nothing of the caller's settings of Nix.
    ///
    /// # Errors
    /// It cannot be started. That it fails is an answer.
    pub fn run(&self, request: &Request) -> Result<Answer> {
        run(&self.file, request)
    }
}

/// Runs any program as [`Program::run`] does: a script that calls `nix-instantiate`, for one.
///
/// # Errors
/// It cannot be started.
pub fn run(file: &Path, request: &Request) -> Result<Answer> {
    let place = tempfile::tempdir().map_err(Error::io("make a directory in", std::env::temp_dir()))?;
    let (output, errors) = (place.path().join("output"), place.path().join("errors"));
    let create = |path: &Path| File::create(path).map_err(Error::io("write", path));
    let input = match &request.input {
        Some(path) => Stdio::from(File::open(path).map_err(Error::io("read", path))?),
        None => Stdio::null(),
    };
    let mut command = Command::new(file);
    command
        .args(&request.arguments)
        .current_dir(request.directory.as_deref().unwrap_or(Path::new("/")))
        .stdin(input)
        .stdout(create(&output)?)
        .stderr(create(&errors)?)
        .env("HOME", place.path())
        // No answer may depend on the language of whoever runs this, or on a configuration of Nix.
        .env("LC_ALL", "C.UTF-8")
        .env("NIX_CONF_DIR", place.path());
    for name in ["NIX_PATH", "NIX_REMOTE", "NIX_CONFIG", "XDG_CONFIG_HOME", "NIX_STORE_DIR", "TERM"] {
        command.env_remove(name);
    }
    command.envs(request.environment.iter().map(|(name, value)| (name, value)));
    let failed = |source| Error::Run { program: file.to_owned(), source };
    let used = command.spawn().map_err(failed)?.wait4().map_err(failed)?;
    let read = |path: &Path| fs::read(path).map_err(Error::io("read", path));
    Ok(Answer {
        status: used.status.code(),
        output: String::from_utf8_lossy(&read(&output)?).into_owned(),
        errors: String::from_utf8_lossy(&read(&errors)?).into_owned(),
        cost: Cost { seconds: Duration::as_secs_f64(&used.rusage.utime), bytes: used.rusage.maxrss },
    })
}
