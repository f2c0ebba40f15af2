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
        limits: limits(arguments.workers, arguments.max_memory_size, free_mebibytes()),
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

/// The memory that is free, in MiB; as much as can be if the system does not say.
fn free_mebibytes() -> usize {
    available_memory().and_then(|free| usize::try_from(free >> 20).ok()).unwrap_or(usize::MAX)
}

/// How large all evaluations together grow at most if nobody says, in MiB.
const LARGE: usize = 6144;

/// The least that each evaluation grows to if nobody says, in MiB: the smaller they are, the more of them repeat the same.
const SMALL: usize = 2048;

/// What evaluation may take. If nobody says, there is an evaluation on each processor as far as there is room for each to grow,
/// and all together grow to no more than half of the memory that is free.
fn limits(workers: Option<NonZeroUsize>, mebibytes: Option<NonZeroUsize>, free: usize) -> WalkLimits {
    let room = free / 2;
    let each = mebibytes.map_or(SMALL, NonZeroUsize::get);
    let workers = workers.or(NonZeroUsize::new(processors().min(room / each))).unwrap_or(NonZeroUsize::MIN);
    let mebibytes =
        mebibytes.map_or_else(|| (LARGE / workers).max(SMALL).min(room / workers).max(1), NonZeroUsize::get);
    WalkLimits { workers, memory: mebibytes.saturating_mul(1 << 20) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evaluations_share_the_memory() {
        let number = |number| NonZeroUsize::new(number);
        let of = |workers, mebibytes, free| {
            let limits = limits(number(workers), number(mebibytes), free);
            (limits.workers.get(), limits.memory >> 20)
        };
        assert_eq!(of(1, 0, 100_000), (1, LARGE));
        assert_eq!(of(2, 0, 100_000), (2, LARGE / 2));
        assert_eq!(of(16, 0, 100_000), (16, SMALL));
        assert_eq!(of(2, 0, 2000), (2, 500), "half of what is free is left alone");
        assert_eq!(of(0, 0, 3000), (1, 1500), "one has room");
        assert_eq!(of(0, 0, 0), (1, 1));
        assert_eq!(of(3, 5, 2000), (3, 5), "what somebody says is done");
        assert_eq!(of(0, 1000, 2000), (1, 1000));
    }
}
