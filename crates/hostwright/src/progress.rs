//! What a person sees while we work, and how long each stage took. All of it goes to standard error.

use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::arguments::{LogFormat, TimingsFormat};

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Errors only.
    Quiet,
    /// One line a stage, times at the end.
    Normal,
    /// What each stage decides.
    Verbose,
    /// Everything.
    Debug,
}

/// The reporter of a run.
#[derive(Debug)]
pub struct Progress {
    verbosity: Verbosity,
    bars: Option<MultiProgress>,
    timings: TimingsFormat,
    stages: Mutex<Vec<(&'static str, Duration)>>,
}

impl Progress {
    /// A reporter on standard error. Bars are shown on a terminal only, unless asked for.
    pub fn new(verbosity: Verbosity, format: LogFormat, timings: TimingsFormat) -> Self {
        let bars = match format {
            LogFormat::Raw => false,
            LogFormat::Bar => true,
            LogFormat::Auto => std::io::stderr().is_terminal(),
        } && verbosity > Verbosity::Quiet;
        Progress {
            verbosity,
            bars: bars.then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr())),
            timings,
            stages: Mutex::new(Vec::new()),
        }
    }

    /// Whether nothing but errors is said.
    pub fn is_quiet(&self) -> bool {
        self.verbosity == Verbosity::Quiet
    }

    /// A sentence that everybody wants to read.
    pub fn say(&self, message: &str) {
        self.line(Verbosity::Normal, message);
    }

    /// A sentence for `-v`.
    pub fn detail(&self, message: &str) {
        self.line(Verbosity::Verbose, message);
    }

    /// Something is odd, but we go on.
    pub fn warn(&self, message: &str) {
        self.line(Verbosity::Normal, &format!("warning: {message}"));
    }

    fn line(&self, weight: Verbosity, message: &str) {
        if self.verbosity < weight {
            return;
        }
        let write = || {
            // Nobody reads it when standard error is closed, and that is no reason to stop.
            let _ = writeln!(std::io::stderr().lock(), "{message}");
        };
        match &self.bars {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }

    /// Runs a stage and notes its time. On a terminal `message` spins meanwhile.
    pub fn stage<T>(&self, name: &'static str, message: &str, work: impl FnOnce() -> T) -> T {
        let bar = self.bars.as_ref().map(|bars| {
            let bar = bars.add(ProgressBar::new_spinner());
            bar.set_message(message.to_owned());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        if bar.is_none() {
            self.detail(message);
        }
        let start = Instant::now();
        let result = work();
        self.add_time(name, start.elapsed());
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
        result
    }

    /// Adds to a stage's time.
    pub fn add_time(&self, name: &'static str, time: Duration) {
        let mut stages = self.stages.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match stages.iter_mut().find(|(known, _)| *known == name) {
            Some((_, total)) => *total += time,
            None => stages.push((name, time)),
        }
    }

    /// A bar that counts bytes; nothing where no bars are shown.
    pub fn bytes(&self, message: &str, total: u64) -> ProgressBar {
        self.bar(message, total, "{msg:<20} {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}")
    }

    /// A line that says what is being done with one of several things; nothing where no bars are shown.
    pub fn line_of(&self, name: &str) -> ProgressBar {
        let Some(bars) = &self.bars else { return ProgressBar::hidden() };
        let bar = bars.add(ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix}: {msg} {elapsed:.dim}") {
            bar.set_style(style);
        }
        bar.set_prefix(name.to_owned());
        bar.enable_steady_tick(Duration::from_millis(120));
        bar
    }

    /// A bar that counts things.
    pub fn count(&self, message: &str, total: u64) -> ProgressBar {
        self.bar(message, total, "{msg:<20} {bar:30} {pos}/{len}")
    }

    fn bar(&self, message: &str, total: u64, template: &str) -> ProgressBar {
        let Some(bars) = &self.bars else { return ProgressBar::hidden() };
        let bar = bars.add(ProgressBar::new(total));
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(message.to_owned());
        bar
    }

    /// Prints the time of each stage and the peak of memory, as was asked for.
    pub fn finish(&self) {
        let stages = self.stages.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if stages.is_empty() {
            return;
        }
        let peak = peak_memory();
        match self.timings {
            TimingsFormat::None => {}
            TimingsFormat::Text => self.say(&format!("{}.", describe(&stages, peak))),
            TimingsFormat::Json => {
                let stages: Vec<_> = stages
                    .iter()
                    .map(|(name, time)| serde_json::json!({ "name": name, "seconds": time.as_secs_f64() }))
                    .collect();
                let report = serde_json::json!({ "stages": stages, "peakMemoryBytes": peak });
                let _ = writeln!(std::io::stderr().lock(), "{report}");
            }
        }
    }
}

fn describe(stages: &[(&'static str, Duration)], peak: Option<u64>) -> String {
    let mut parts: Vec<String> =
        stages.iter().map(|(name, time)| format!("{name} {:.1} s", time.as_secs_f64())).collect();
    if let Some(peak) = peak {
        parts.push(format!("peak memory {} MiB", peak >> 20));
    }
    parts.join(", ")
}

/// The most memory that this process has had at once, in bytes: `VmHWM` of proc_pid_status(5).
fn peak_memory() -> Option<u64> {
    memory("/proc/self/status", "VmHWM:")
}

/// Memory that can be had without swapping, in bytes: `MemAvailable` of proc_meminfo(5).
pub fn available_memory() -> Option<u64> {
    memory("/proc/meminfo", "MemAvailable:")
}

/// A size in a file of the kernel's, in bytes.
fn memory(file: &str, field: &str) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(field))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_one_sentence() {
        let stages = [("evaluate", Duration::from_millis(412)), ("image", Duration::from_secs(2))];
        assert_eq!(describe(&stages, Some(300 << 20)), "evaluate 0.4 s, image 2.0 s, peak memory 300 MiB");
        assert!(peak_memory().unwrap() > 1 << 20);
        assert!(available_memory().unwrap() > 1 << 20);
    }

    #[test]
    fn a_stage_that_runs_twice_is_listed_once() {
        let progress = Progress::new(Verbosity::Quiet, LogFormat::Raw, TimingsFormat::None);
        progress.add_time("evaluate", Duration::from_secs(1));
        progress.add_time("lock", Duration::from_secs(1));
        progress.add_time("evaluate", Duration::from_secs(2));
        let stages = progress.stages.lock().unwrap();
        assert_eq!(*stages, [("evaluate", Duration::from_secs(3)), ("lock", Duration::from_secs(1))]);
    }
}
