//! What can begin, and where: the builds of a plan that wait for nothing any more, and who takes which.
//!
//! A build goes to another machine if one that can build it has room, as Nix does it: to the one with the least to do for its
//! speed. Otherwise it is built here, if that is possible, or waits. What is made inside the process, or says that it prefers
//! it (`preferLocalBuild`), stays here.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::realise::builder::Builder;
use crate::realise::failure::BuildFailure;
use crate::realise::observer::BuilderQueue;
use crate::realise::plan::{BuildId, Plan, PlannedBuild};
use crate::remote::{Needs, RemoteMachine};

/// Who works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Worker {
    /// A builder inside the process that waits for the network, or one on this machine's processors.
    Fetch,
    /// This machine.
    Here,
    /// The machine of this number.
    Machine(usize),
}

/// What a worker can do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// This build.
    Build(BuildId),
    /// This build has nobody left who could do it.
    Impossible(BuildId),
    /// Nothing now.
    Wait,
}

/// A build that can begin: those first that the longest chain of work waits for, of these the largest, as one that begins
/// last is waited for alone, then in the order of the plan.
type Ready = (u32, u64, Reverse<BuildId>);

/// A machine of `builders`.
#[derive(Debug, Clone)]
struct Station {
    slots: usize,
    speed: f64,
    running: usize,
    is_lost: bool,
}

/// Where a build could go.
#[derive(Debug, Clone, Default)]
struct Choices {
    here: bool,
    prefers_local: bool,
    machines: Vec<usize>,
}

/// The state of a run.
pub(super) struct State {
    builds: BTreeSet<Ready>,
    fetches: BTreeSet<Ready>,
    stations: Vec<Station>,
    choices: Vec<Choices>,
    /// How many builds each waits for still.
    missing: Vec<usize>,
    dependents: Vec<Vec<BuildId>>,
    priorities: Vec<u32>,
    weights: Vec<u64>,
    /// Builds that have neither ended nor been given up.
    pub(super) left: usize,
    pub(super) ended: Vec<bool>,
    pub(super) stopped: bool,
    pub(super) built: usize,
    pub(super) failures: Vec<BuildFailure>,
}

impl State {
    /// Everything that waits for nothing is ready. `weight` tells how large a build is, when it is ready.
    pub(super) fn of(plan: &Plan, machines: &[RemoteMachine], weight: &dyn Fn(&PlannedBuild) -> u64) -> Self {
        let count = plan.builds.len();
        let mut dependents: Vec<Vec<BuildId>> = vec![Vec::new(); count];
        let mut missing = vec![0; count];
        for (id, build) in plan.builds.iter().enumerate() {
            missing[id] = build.waits_for.len();
            for needed in &build.waits_for {
                dependents[*needed].push(id);
            }
        }
        // The plan has every build after those that it waits for, so from the end all dependents are known.
        let mut priorities: Vec<u32> = vec![0; count];
        for id in (0..count).rev() {
            let behind = dependents[id].iter().map(|dependent| priorities[*dependent]).max().unwrap_or(0);
            priorities[id] = behind + plan.builds[id].builder.cost();
        }
        let stations = machines.iter().map(|machine| Station {
            slots: machine.max_jobs,
            speed: machine.speed_factor,
            running: 0,
            is_lost: false,
        });
        let mut state = State {
            builds: BTreeSet::new(),
            fetches: BTreeSet::new(),
            stations: stations.collect(),
            choices: plan.builds.iter().map(|build| choices(build, machines)).collect(),
            missing,
            dependents,
            priorities,
            weights: vec![0; count],
            left: count,
            ended: vec![false; count],
            stopped: false,
            built: 0,
            failures: Vec::new(),
        };
        for (id, build) in plan.builds.iter().enumerate() {
            if state.missing[id] == 0 {
                state.make_ready(id, build, weight(build));
            }
        }
        state
    }

    fn make_ready(&mut self, id: BuildId, build: &PlannedBuild, weight: u64) {
        self.weights[id] = weight;
        let ready = (self.priorities[id], weight, Reverse(id));
        if build.builder.is_fetch() {
            self.fetches.insert(ready)
        } else {
            self.builds.insert(ready)
        };
    }

    /// What `worker` does next. It has the build then, and gives it back by [`Self::end`], [`Self::give_up`] or [`Self::lose`].
    pub(super) fn next(&mut self, worker: Worker) -> Next {
        if worker == Worker::Fetch {
            return self.fetches.pop_last().map_or(Next::Wait, |(_, _, Reverse(id))| Next::Build(id));
        }
        let mut found = None;
        for ready in self.builds.iter().rev() {
            let Reverse(id) = ready.2;
            let choices = &self.choices[id];
            if !choices.here && choices.machines.iter().all(|machine| self.stations[*machine].is_lost) {
                found = Some((*ready, Next::Impossible(id)));
                break;
            }
            if self.place(choices) == Some(worker) {
                found = Some((*ready, Next::Build(id)));
                break;
            }
        }
        let Some((ready, next)) = found else { return Next::Wait };
        self.builds.remove(&ready);
        if let (Worker::Machine(machine), Next::Build(_)) = (worker, next) {
            self.stations[machine].running += 1;
        }
        next
    }

    /// Where a build goes now; nowhere if it has to wait.
    fn place(&self, choices: &Choices) -> Option<Worker> {
        if choices.here && choices.prefers_local {
            return Some(Worker::Here);
        }
        let load = |station: &Station| station.running as f64 / station.speed;
        let best = choices
            .machines
            .iter()
            .map(|machine| (*machine, &self.stations[*machine]))
            .filter(|(_, station)| !station.is_lost && station.running < station.slots)
            .min_by(|(_, one), (_, other)| {
                load(one).total_cmp(&load(other)).then(other.speed.total_cmp(&one.speed))
            });
        match best {
            Some((machine, _)) => Some(Worker::Machine(machine)),
            None => choices.here.then_some(Worker::Here),
        }
    }

    /// `worker` has nothing to do with its build any more.
    fn leave(&mut self, worker: Worker) {
        if let Worker::Machine(machine) = worker {
            self.stations[machine].running -= 1;
        }
    }

    /// Marks a build as ended, and nothing more.
    pub(super) fn end(&mut self, id: BuildId, worker: Worker) {
        self.leave(worker);
        self.ended[id] = true;
        self.left -= 1;
    }

    /// Marks a build as done: what waited for it last is ready.
    pub(super) fn succeed(
        &mut self,
        id: BuildId,
        worker: Worker,
        plan: &Plan,
        weight: &dyn Fn(&PlannedBuild) -> u64,
    ) {
        self.end(id, worker);
        for dependent in self.dependents[id].clone() {
            self.missing[dependent] -= 1;
            if self.missing[dependent] == 0 && !self.ended[dependent] {
                let build = &plan.builds[dependent];
                self.make_ready(dependent, build, weight(build));
            }
        }
    }

    /// Marks a build and everything that waits for it as ended; returns those that had not ended yet.
    pub(super) fn give_up(&mut self, id: BuildId, worker: Worker) -> Vec<BuildId> {
        self.leave(worker);
        let mut pending = vec![id];
        let mut given_up = Vec::new();
        while let Some(id) = pending.pop() {
            if !std::mem::replace(&mut self.ended[id], true) {
                self.left -= 1;
                given_up.push(id);
                pending.extend(&self.dependents[id]);
            }
        }
        given_up
    }

    /// Puts back the build of a machine that is lost, which gets no further ones. Whether this is news.
    pub(super) fn lose(&mut self, id: BuildId, machine: usize, build: &PlannedBuild) -> bool {
        self.leave(Worker::Machine(machine));
        self.make_ready(id, build, self.weights[id]);
        !std::mem::replace(&mut self.stations[machine].is_lost, true)
    }

    /// Whether `worker` will get nothing more, whatever happens.
    pub(super) fn is_lost(&self, worker: Worker) -> bool {
        matches!(worker, Worker::Machine(machine) if self.stations[machine].is_lost)
    }

    /// The machines that could build it.
    pub(super) fn machines_of(&self, id: BuildId) -> &[usize] {
        &self.choices[id].machines
    }

    /// What the machines do.
    pub(super) fn queues(&self, machines: &[RemoteMachine]) -> Vec<BuilderQueue> {
        let waiting = |machine: &usize| {
            let can = |ready: &&Ready| self.choices[ready.2.0].machines.contains(machine);
            self.builds.iter().filter(can).count()
        };
        machines
            .iter()
            .enumerate()
            .map(|(number, machine)| BuilderQueue {
                machine: machine.name(),
                running: self.stations[number].running,
                slots: if self.stations[number].is_lost { 0 } else { self.stations[number].slots },
                waiting: waiting(&number),
            })
            .collect()
    }
}

fn choices(build: &PlannedBuild, machines: &[RemoteMachine]) -> Choices {
    // What was built is compared where it is.
    if matches!(build.builder, Builder::InProcess(_)) || build.is_check {
        return Choices { here: true, prefers_local: true, machines: Vec::new() };
    }
    let needs = Needs::of(&build.derivation);
    Choices {
        here: build.builder == Builder::Sandboxed,
        prefers_local: needs.prefers_local,
        machines: (0..machines.len()).filter(|number| machines[*number].can_build(&needs)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix_store::{Derivation, StorePath};

    fn build(number: u8, system: &str, builder: Builder, waits_for: Vec<BuildId>) -> PlannedBuild {
        let mut derivation = Derivation::new(format!("build-{number}"));
        derivation.system = system.as_bytes().to_vec();
        PlannedBuild {
            derivation_path: StorePath::from_parts([number; 20], "build.drv").unwrap(),
            name: derivation.name.clone(),
            builder,
            outputs: Default::default(),
            urls: Vec::new(),
            waits_for,
            is_check: false,
            derivation,
        }
    }

    fn state(builds: Vec<PlannedBuild>, machines: &str) -> (Plan, Vec<RemoteMachine>, State) {
        let plan = Plan { substitutions: Vec::new(), builds, wanted: Vec::new() };
        let machines = RemoteMachine::parse_list(machines, "x").unwrap();
        let state = State::of(&plan, &machines, &|_| 0);
        (plan, machines, state)
    }

    #[test]
    fn builds_go_where_there_is_room() {
        let builds = (0..6).map(|number| build(number, "x", Builder::Sandboxed, Vec::new())).collect();
        let (_, machines, mut state) = state(builds, "slow x - 2 1\nfast x - 2 4");
        // Nobody does anything: the faster one is first, and again, as it has less to do for its speed.
        assert_eq!(state.next(Worker::Machine(1)), Next::Build(0));
        assert_eq!(state.next(Worker::Machine(1)), Next::Wait);
        assert_eq!(state.next(Worker::Here), Next::Wait);
        assert_eq!(state.next(Worker::Machine(0)), Next::Build(1));
        assert_eq!(state.next(Worker::Machine(1)), Next::Build(2));
        assert_eq!(state.next(Worker::Machine(0)), Next::Build(3));
        assert_eq!(state.next(Worker::Here), Next::Build(4));
        let queues = state.queues(&machines);
        assert_eq!((queues[1].running, queues[1].slots, queues[1].waiting), (2, 2, 1));
    }

    #[test]
    fn what_only_others_can_build_waits_for_them() {
        let builds = vec![
            build(0, "y", Builder::Remote, Vec::new()),
            build(1, "y", Builder::Remote, Vec::new()),
            build(2, "x", Builder::Sandboxed, vec![0]),
        ];
        let (plan, _, mut state) = state(builds, "one y\nother y");
        assert_eq!(state.next(Worker::Here), Next::Wait);
        assert_eq!(state.next(Worker::Machine(0)), Next::Build(0));
        state.succeed(0, Worker::Machine(0), &plan, &|_| 0);
        assert_eq!(state.next(Worker::Here), Next::Build(2));
        // A machine that is lost gives its build back; with the last of them it is impossible.
        assert_eq!(state.next(Worker::Machine(0)), Next::Build(1));
        assert!(state.lose(1, 0, &plan.builds[1]));
        assert!(state.is_lost(Worker::Machine(0)) && !state.is_lost(Worker::Here));
        assert_eq!(state.next(Worker::Machine(0)), Next::Wait);
        assert_eq!(state.next(Worker::Machine(1)), Next::Build(1));
        assert!(state.lose(1, 1, &plan.builds[1]));
        assert_eq!(state.next(Worker::Here), Next::Impossible(1));
        assert_eq!(state.give_up(1, Worker::Here), [1]);
    }
}
