//! Commands on a host, wherever it runs.

use std::ffi::OsString;
use std::process::{Command, Output, Stdio};

/// A way to have root's shell on a host run commands.
pub struct Shell {
    /// The program and its arguments; the command follows as one more.
    program: Vec<OsString>,
}

impl Shell {
    /// A program that hands its last argument to root's shell on the host.
    pub fn new<S: Into<OsString>>(program: impl IntoIterator<Item = S>) -> Shell {
        Shell { program: program.into_iter().map(Into::into).collect() }
    }

    /// Runs a command on the host, which must succeed; its output without the last newline.
    pub fn run(&self, command: &str) -> String {
        let output = self.output(command);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}: {}\n{errors}", output.status);
        String::from_utf8(output.stdout).unwrap().trim_end_matches('\n').to_owned()
    }

    /// Runs a command on the host, however it ends: its status, and all that it said.
    pub fn attempt(&self, command: &str) -> (i32, String) {
        let output = self.output(&format!("({command}) 2>&1"));
        let status = output.status.code().unwrap_or(255);
        assert_ne!(status, 255, "nobody answers: {}", String::from_utf8_lossy(&output.stderr));
        (status, String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Whether a command fails on the host.
    pub fn fails(&self, command: &str) -> bool {
        let status = self.output(command).status.code();
        assert_ne!(status, Some(255), "nobody answers");
        status != Some(0)
    }

    /// systemd has finished starting and nothing has failed.
    pub fn assert_healthy(&self) {
        let state = self.output("systemctl is-system-running --wait");
        let failed = self.run("systemctl --failed --no-legend --plain");
        let state = String::from_utf8_lossy(&state.stdout).trim().to_owned();
        assert_eq!(
            (state.as_str(), failed.as_str()),
            ("running", ""),
            "{}",
            self.run("journalctl -b -p warning")
        );
    }

    /// What the command printed, and how it ended.
    pub fn output(&self, command: &str) -> Output {
        let mut process = Command::new(&self.program[0]);
        process.args(&self.program[1..]).arg(command).stdin(Stdio::null()).output().unwrap()
    }
}
