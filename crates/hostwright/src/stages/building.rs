//! Builds, as people see them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use nix_build::realise::{BuildId, BuildObserver, BuilderQueue, InProcess, Outcome, Plan, PlannedBuild};

use crate::progress::Progress;

/// Shows builds and downloads while they run, and notes the time that they take.
pub struct Building<'a> {
    progress: &'a Progress,
    print_logs: bool,
    builds: ProgressBar,
    downloads: ProgressBar,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    names: HashMap<BuildId, String>,
    /// Bytes that each download under way has brought, and all that it will bring. Only these are shown: images and
    /// unpacking pass quickly.
    bytes: HashMap<BuildId, (u64, u64)>,
    /// Time spent on images, which are a stage of their own.
    images: Duration,
}

impl<'a> Building<'a> {
    /// Nothing is shown before something is planned.
    pub fn new(progress: &'a Progress, print_logs: bool) -> Self {
        Building {
            progress,
            print_logs,
            builds: progress.count("building", 0),
            downloads: progress.bytes("downloading", 0),
            state: Mutex::default(),
        }
    }

    /// Runs `work`, and splits the time that it takes into the stages `build` and `image`: an image waits for all else.
    pub fn watch<T>(&self, work: impl FnOnce(&Self) -> T) -> T {
        let begin = Instant::now();
        let result = work(self);
        let total = begin.elapsed();
        self.builds.finish_and_clear();
        self.downloads.finish_and_clear();
        let images = self.lock().images.min(total);
        self.progress.add_time("build", total - images);
        if !images.is_zero() {
            self.progress.add_time("image", images);
        }
        result
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BuildObserver for Building<'_> {
    fn planned(&self, plan: &Plan) {
        if !plan.substitutions.is_empty() {
            let paths = counted(plan.substitutions.len(), "path");
            self.progress.say(&format!("Getting {paths} from caches."));
        }
        let fetches = plan.fetches().count();
        let builds = plan.builds.len() - fetches;
        self.builds.inc_length(builds as u64);
        match (fetches, builds) {
            (0, 0) => {}
            (0, builds) => self.progress.say(&format!("Building {}.", counted(builds, "derivation"))),
            (fetches, builds) => self.progress.say(&format!(
                "Downloading {} and building {}.",
                counted(fetches, "file"),
                counted(builds, "derivation")
            )),
        }
    }

    fn warning(&self, text: &str) {
        self.progress.warn(text);
    }

    fn sent(&self, _id: BuildId, build: &PlannedBuild, machine: &str) {
        self.progress.detail(&format!("{} is built on {machine}", build.name));
    }

    fn queues(&self, queues: &[BuilderQueue]) {
        let queues: Vec<String> = queues.iter().map(describe).collect();
        self.builds.set_message(queues.join(", "));
    }

    fn started(&self, id: BuildId, build: &PlannedBuild) {
        let mut state = self.lock();
        state.names.insert(id, build.name.clone());
        if build.builder.is_fetch() {
            state.bytes.insert(id, (0, 0));
        } else {
            self.builds.set_message(build.name.clone());
        }
    }

    fn progress(&self, id: BuildId, done: u64, total: Option<u64>) {
        let mut state = self.lock();
        let Some((had, expected)) = state.bytes.get_mut(&id) else { return };
        let all = total.unwrap_or(done).max(*expected);
        self.downloads.inc_length(all - *expected);
        self.downloads.inc(done.saturating_sub(*had));
        (*had, *expected) = (done, all);
    }

    fn log_line(&self, id: BuildId, line: &str) {
        let name = self.lock().names.get(&id).cloned().unwrap_or_default();
        let line = format!("{name}> {line}");
        if self.print_logs { self.progress.say(&line) } else { self.progress.detail(&line) }
    }

    fn finished(&self, id: BuildId, build: &PlannedBuild, outcome: &Outcome<'_>, duration: Duration) {
        let mut state = self.lock();
        state.names.remove(&id);
        state.bytes.remove(&id);
        if build.builder == InProcess::DiskImage {
            state.images += duration;
        }
        drop(state);
        if !build.builder.is_fetch() {
            self.builds.inc(1);
        }
        if let Outcome::Built { nar_size } = outcome {
            self.progress.detail(&format!(
                "{} ({:.1} MiB, {:.2} s)",
                build.name,
                *nar_size as f64 / f64::from(1 << 20),
                duration.as_secs_f64()
            ));
        }
    }
}

/// `host 2/4, 3 waiting`
fn describe(queue: &BuilderQueue) -> String {
    let machine = queue.machine.rsplit(['/', '@']).next().unwrap_or_default();
    match (queue.slots, queue.waiting) {
        (0, _) => format!("{machine} lost"),
        (slots, 0) => format!("{machine} {}/{slots}", queue.running),
        (slots, waiting) => format!("{machine} {}/{slots}, {waiting} waiting", queue.running),
    }
}

/// `1 file`, `2 files`
fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
