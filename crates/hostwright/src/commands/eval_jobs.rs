//! `hostwright eval-jobs FLAKE#ATTRIBUTE`

use std::cell::Cell;
use std::num::NonZeroUsize;

use nix_expr::{EvaluationPool, WalkLimits};

use super::Session;
use super::eval::{Expression, installable};
use crate::arguments::EvalJobsArguments;
use crate::configuration::processors;
use crate::failure::Failure;
use crate::progress::available_memory;
use crate::stages::evaluate;
use crate::stages::flake::ReadyFlake;
use crate::stages::jobs::{Jobs, Wishes};
use crate::stages::packages::{Fleet, may_be_missing_package};
use crate::stages::world::World;

/// Prints all derivations that are found.
pub fn run(session: &Session, arguments: &EvalJobsArguments) -> Result<(), Failure> {
    let wishes = Wishes {
        limits: limits(arguments.workers, arguments.max_memory_size),
        select: arguments.select.clone(),
        apply: arguments.apply.clone(),
        recurses: arguments.force_recurse,
        shows_meta: arguments.meta,
        shows_inputs: arguments.show_input_drvs,
        roots: arguments.gc_roots_dir.as_ref().map(|path| session.configuration.working_directory.join(path)),
    };
    let jobs = Jobs::new(session, wishes);
    match arguments.subject.is_expression() {
        true => expression(session, arguments, &jobs)?,
        false => flake(session, arguments, &jobs)?,
    }
    jobs.end()
}

fn flake(session: &Session, arguments: &EvalJobsArguments, jobs: &Jobs<'_>) -> Result<(), Failure> {
    let installable = installable(session, &arguments.subject)?;
    let system = &session.configuration.evaluation.system;
    let fleet = Fleet::open(session, &installable.flake)?;
    let is_first = Cell::new(true);
    let print = |flake: &ReadyFlake| {
        let waits_for_packages = is_first.replace(false) && flake.uses_debian();
        let pool = EvaluationPool::default();
        let world = evaluate::world(session, flake, &pool);
        jobs.print(
            &pool,
            &evaluate::flake_settings(session, flake),
            &world,
            waits_for_packages,
            |evaluation| {
                let value = evaluate::flake_value(evaluation, flake)?;
                evaluate::find(evaluation, value, &installable.attribute_path, false, system)
            },
        )
    };
    match fleet.with_packages(session, print) {
        // Nobody could be asked whether a package is missing: what else there is does not depend on that.
        Err(failure) if failure.evaluation_error().is_some_and(may_be_missing_package) => {
            fleet.with_pinned(session, print)?.0
        }
        printed => printed.map(|((), _)| ()),
    }
}

fn expression(session: &Session, arguments: &EvalJobsArguments, jobs: &Jobs<'_>) -> Result<(), Failure> {
    let expression = Expression::new(session, &arguments.subject)?;
    let pool = EvaluationPool::default();
    let files = evaluate::files(session, expression.is_pure);
    let files = nix_expr::FileSystemOptions { memory: pool.files(), ..files };
    let world = World::new(session, files, Vec::new());
    jobs.print(&pool, &evaluate::settings(session, expression.is_pure), &world, false, |evaluation| {
        let (value, named) = expression.value(evaluation)?;
        evaluation.auto_call(value, &named)
    })
}

/// How large an evaluation grows at most if nobody says, in MiB.
const LARGE: usize = 4096;

/// What evaluation may take. If nobody says, an evaluation takes no more than half of the memory that is free, and there are
/// as many as there are processors and room.
fn limits(workers: Option<NonZeroUsize>, mebibytes: Option<NonZeroUsize>) -> WalkLimits {
    let free = available_memory().and_then(|free| usize::try_from(free >> 20).ok()).unwrap_or(usize::MAX);
    let mebibytes = mebibytes.map_or((free / 2).clamp(1, LARGE), NonZeroUsize::get);
    let room = NonZeroUsize::new((free / mebibytes).min(processors()));
    WalkLimits {
        workers: workers.or(room).unwrap_or(NonZeroUsize::MIN),
        memory: mebibytes.saturating_mul(1 << 20),
    }
}
