//! All derivations below a value, one JSON object a line, in the form of nix-eval-jobs.

mod visit;

use std::collections::{BTreeSet, HashSet};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use indicatif::ProgressBar;
use nix_expr::{EvalError, EvaluationPool, Settings, ValueRef, WalkLimits, walk};
use nix_store::local::RootTarget;
use nix_store::{LocalStore, StorePath};

use super::daemon::Daemon;
use super::evaluate::{Evaluated, Evaluation};
use super::realise;
use super::world::World;
use crate::commands::Session;
use crate::failure::Failure;
use crate::output;
use visit::Visit;

/// How many lines may wait to be printed: evaluation does not run far ahead of a reader.
const WAITING: usize = 256;

/// What is looked for, and what is said of it.
pub struct Wishes {
    /// What evaluation may take.
    pub limits: WalkLimits,
    /// A function from the value to the one that is looked through.
    pub select: Option<String>,
    /// A function from each derivation to what is said of it besides.
    pub apply: Option<String>,
    /// Whether sets are looked into that do not ask for it.
    pub recurses: bool,
    /// Whether the derivation's `meta` is said.
    pub shows_meta: bool,
    /// Whether the derivations that it needs are said.
    pub shows_inputs: bool,
    /// Where links to the `.drv` files are made.
    pub roots: Option<PathBuf>,
}

/// Derivations that are looked for.
pub struct Jobs<'s> {
    session: &'s Session,
    wishes: Wishes,
    told: Mutex<Told>,
}

/// What was found so far.
#[derive(Default)]
struct Told {
    /// Where something was found, or did not evaluate.
    places: HashSet<Vec<String>>,
    /// The derivations and sources that were handed on to be written.
    written: HashSet<StorePath>,
    failures: usize,
}

/// A line to be printed, after what it speaks of has been written.
struct Line {
    text: String,
    derivation: Option<StorePath>,
    new: Evaluated,
}

impl<'s> Jobs<'s> {
    /// Nothing is found yet.
    pub fn new(session: &'s Session, wishes: Wishes) -> Self {
        Jobs { session, wishes, told: Mutex::default() }
    }

    /// Prints what is below the value `root`, except for what was printed before. If `waits_for_packages`, it ends where a
    /// package may be missing that can be pinned.
    ///
    /// # Errors
    /// The value itself does not evaluate, or derivations cannot be written. What does not evaluate below it is printed.
    pub fn print(
        &self,
        pool: &EvaluationPool,
        settings: &Settings,
        world: &World<'_>,
        waits_for_packages: bool,
        root: impl for<'e, 'a> Fn(&'e Evaluation<'a>) -> Result<ValueRef<'a>, EvalError> + Sync,
    ) -> Result<(), Failure> {
        let begun = Instant::now();
        let reads_only = self.session.configuration.evaluation.read_only;
        let output = if reads_only { None } else { Some(Output::open(self.session)?) };
        let bar = match std::io::stdout().is_terminal() {
            true => ProgressBar::hidden(),
            false => self.session.progress.line_of("evaluating"),
        };
        let (sender, receiver) = sync_channel(WAITING);
        let (walked, printed) = thread::scope(|scope| {
            let printer = scope.spawn(|| self.print_lines(receiver, output, world, &bar));
            let visitor = Visit { jobs: self, world, waits_for_packages, root, sender };
            let walked = walk(pool, settings, world, self.wishes.limits, &visitor);
            // The printer ends when nothing more can come.
            drop(visitor);
            (walked, printer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        bar.finish_and_clear();
        self.session.progress.add_time("evaluate", begun.elapsed());
        printed?;
        walked.map_err(|error| world.explain(error).into())
    }

    /// What has become of all.
    ///
    /// # Errors
    /// Something does not evaluate.
    pub fn end(&self) -> Result<(), Failure> {
        let told = self.told();
        if told.places.is_empty() {
            self.session.progress.warn(match self.wishes.recurses {
                true => "there is no derivation here",
                false => "there is no derivation here; --force-recurse looks into all sets",
            });
        }
        match told.failures {
            0 => Ok(()),
            count => Err(Failure::JobsFailed { count, total: told.places.len() }),
        }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes and prints what comes, all that has come at once.
    fn print_lines(
        &self,
        receiver: Receiver<Line>,
        output: Option<Output>,
        world: &World<'_>,
        bar: &ProgressBar,
    ) -> Result<(), Failure> {
        let mut count = 0;
        while let Ok(first) = receiver.recv() {
            let lines: Vec<Line> = std::iter::once(first).chain(receiver.try_iter()).collect();
            let mut new = Evaluated::default();
            let mut text = String::new();
            let mut derivations = BTreeSet::new();
            for line in lines {
                new.extend(line.new);
                derivations.extend(line.derivation);
                text.push_str(&line.text);
                text.push('\n');
                count += 1;
            }
            if let Some(output) = &output {
                output.write(self.session, world, &new, &derivations)?;
                if let Some(roots) = &self.wishes.roots {
                    output.link(self.session, roots, &derivations)?;
                }
            }
            output::write(&text)?;
            bar.set_message(output::counted(count, "derivation"));
        }
        Ok(())
    }
}

/// Where derivations are written.
struct Output {
    store: LocalStore,
    daemon: Option<Daemon>,
}

impl Output {
    fn open(session: &Session) -> Result<Self, Failure> {
        let daemon = match &session.configuration.daemon {
            Some(choice) => Some(Daemon::connect(session, &choice.uri)?),
            None => None,
        };
        Ok(Output { store: realise::open_store(session)?, daemon })
    }

    fn write(
        &self,
        session: &Session,
        world: &World<'_>,
        new: &Evaluated,
        derivations: &BTreeSet<StorePath>,
    ) -> Result<(), Failure> {
        realise::write(&self.store, world.trees(), new)?;
        match &self.daemon {
            Some(daemon) => daemon.copy_to(session, &self.store, derivations).map(drop),
            None => Ok(()),
        }
    }

    fn link(
        &self,
        session: &Session,
        directory: &Path,
        derivations: &BTreeSet<StorePath>,
    ) -> Result<(), Failure> {
        std::fs::create_dir_all(directory).map_err(|source| Failure::File {
            action: "make the directory",
            path: directory.to_owned(),
            source,
        })?;
        for derivation in derivations {
            let link = directory.join(derivation.base_name());
            match &self.daemon {
                Some(daemon) => daemon.link(session, &link, derivation)?,
                None => self.store.add_root(&link, derivation, RootTarget::Real)?,
            }
        }
        Ok(())
    }
}
