//! What commands take: for benchmarks that set programs side by side.

use std::fmt;
use std::io::{Read, Seek};
use std::process::Command;
use std::time::Instant;

use mimalloc::MiMalloc;
use wait4::Wait4;

/// Benchmarks have the allocator of the program.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// What a run of a command took, with all processes that it started and waited for (wait4(2)).
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// Wall time, in seconds.
    pub seconds: f64,
    /// The processors' time in the programs themselves, in seconds.
    pub user: f64,
    /// The processors' time in the kernel, in seconds.
    pub system: f64,
    /// The most memory of the largest process, in mebibytes.
    pub mebibytes: f64,
}

impl Usage {
    /// The processors' time, in seconds.
    #[must_use]
    pub fn processor(&self) -> f64 {
        self.user + self.system
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Usage { seconds, user, mebibytes, .. } = self;
        write!(f, "wall {seconds:6.2} s  user {user:6.2} s  memory {mebibytes:5.0} MiB")
    }
}

/// Runs a command to its end. What it prints goes where the command says; what it says on standard error is for the panic.
///
/// # Panics
/// The command cannot be run or fails: a benchmark without figures.
#[expect(clippy::panic, clippy::expect_used, reason = "a failed benchmark has no figures")]
pub fn measure(command: &mut Command) -> Usage {
    let mut said = tempfile::tempfile().expect("a file for what the command says");
    command.stderr(said.try_clone().expect("a file that is used twice"));
    let begun = Instant::now();
    let ended = command.spawn().and_then(|child| child.wait4());
    let seconds = begun.elapsed().as_secs_f64();
    let ended = ended.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    if !ended.status.success() {
        let mut text = String::new();
        let _ = said.rewind().and_then(|()| said.read_to_string(&mut text));
        panic!("{command:?}: {}: {text}", ended.status);
    }
    Usage {
        seconds,
        user: ended.rusage.utime.as_secs_f64(),
        system: ended.rusage.stime.as_secs_f64(),
        mebibytes: ended.rusage.maxrss as f64 / f64::from(1 << 20),
    }
}

/// As [`measure`], with what the command prints.
///
/// # Panics
/// As [`measure`]; it prints something else than text.
#[expect(clippy::expect_used, reason = "a failed benchmark has no figures")]
pub fn measure_printed(command: &mut Command) -> (String, Usage) {
    let mut printed = tempfile::tempfile().expect("a file for what the command prints");
    let usage = measure(command.stdout(printed.try_clone().expect("a file that is used twice")));
    let mut text = String::new();
    printed.rewind().and_then(|()| printed.read_to_string(&mut text)).expect("what the command printed");
    (text, usage)
}

/// The run in the middle by wall time, with the most memory of all.
///
/// # Panics
/// There is none.
#[must_use]
pub fn median(mut runs: Vec<Usage>) -> Usage {
    runs.sort_by(|one, other| one.seconds.total_cmp(&other.seconds));
    let mebibytes = runs.iter().map(|run| run.mebibytes).fold(0.0, f64::max);
    Usage { mebibytes, ..runs[runs.len() / 2] }
}
