//! The repl: reads, evaluates, prints.
//!
//! An evaluation cannot forget what it has read, so everything that was brought into scope is kept as a list of
//! [`Step`]s: to read files again, or to see the trees of one more flake, a new evaluation begins and takes the same
//! steps. [`input`] reads lines, [`command`] says what they ask for, [`interpreter`] does it.

mod command;
mod completion;
mod input;
mod interpreter;

use std::collections::BTreeMap;

use nix_expr::evaluate;
use nix_flake::{AttributePath, Installable};

use crate::arguments::{FunctionArguments, ReplArguments};
use crate::commands::Session;
use crate::failure::Failure;
use crate::report;
use crate::stages::evaluate as stage;
use crate::stages::flake::ReadyFlake;
use crate::stages::packages::Fleet;
use crate::stages::world::World;
use interpreter::Interpreter;

/// Something that made variables.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// The attributes of a file's value.
    File(String),
    /// The outputs of a flake, or the attributes of one of them.
    Flake(String),
    /// The attributes of an expression's value.
    Attributes(String),
    /// A variable.
    Definition { name: String, expression: String },
}

/// Why an evaluation was left.
enum End {
    /// The repl ends.
    Quit,
    /// Read everything again.
    Reload,
    /// See one more flake.
    LoadFlake(String),
}

/// What a run of the repl keeps between its evaluations.
struct Repl<'s> {
    session: &'s Session,
    functions: &'s FunctionArguments,
    steps: Vec<Step>,
    flakes: BTreeMap<String, (ReadyFlake, AttributePath)>,
    show_trace: bool,
}

/// Reads, evaluates and prints until the end of the input.
pub fn run(session: &Session, arguments: &ReplArguments) -> Result<(), Failure> {
    let files = arguments.file.iter().cloned().map(Step::File);
    let expressions = arguments.expr.iter().cloned().map(Step::Attributes);
    let mut repl = Repl {
        session,
        functions: &arguments.functions,
        steps: files.chain(expressions).collect(),
        flakes: BTreeMap::new(),
        show_trace: session.show_trace,
    };
    for installable in &arguments.installables {
        repl.open_flake(installable)?;
        repl.steps.push(Step::Flake(installable.clone()));
    }
    let mut greeting = true;
    loop {
        match repl.evaluate(greeting)? {
            End::Quit => return Ok(()),
            End::Reload => {
                for installable in std::mem::take(&mut repl.flakes).into_keys() {
                    repl.try_flake(&installable);
                }
            }
            End::LoadFlake(installable) => {
                if repl.try_flake(&installable) {
                    repl.steps.push(Step::Flake(installable));
                }
            }
        }
        greeting = false;
    }
}

impl Repl<'_> {
    /// Finds a flake's trees.
    fn open_flake(&mut self, text: &str) -> Result<(), Failure> {
        let installable = Installable::parse(text, &self.session.configuration.working_directory)?;
        let fleet = Fleet::open(self.session, &installable.flake)?;
        let ((), ready) = fleet.with_packages(self.session, |_| Ok(()))?;
        self.flakes.insert(text.to_owned(), (ready, installable.attribute_path));
        Ok(())
    }

    /// Finds a flake's trees, or says why that cannot be.
    fn try_flake(&mut self, text: &str) -> bool {
        match self.open_flake(text) {
            Ok(()) => true,
            Err(failure) => {
                report::print(&failure, self.show_trace);
                false
            }
        }
    }

    /// One evaluation, from the steps so far until it is left.
    fn evaluate(&mut self, greeting: bool) -> Result<End, Failure> {
        let session = self.session;
        let mut options = stage::files(session, false);
        let mut trees = Vec::new();
        for (flake, _) in self.flakes.values() {
            options.mappings.extend(flake.mappings.iter().cloned());
            trees.extend(flake.trees.iter().cloned());
        }
        let mut world = World::new(session, options, trees);
        for (flake, _) in self.flakes.values() {
            world = world.with_flake(flake);
        }
        let settings = stage::settings(session, false);
        let result = evaluate(&settings, &world, |evaluation| {
            let scope = Default::default();
            let interpreter = Interpreter {
                session,
                world: &world,
                evaluation,
                scope: &scope,
                interrupted: settings.interrupted.clone(),
                flakes: &self.flakes,
                functions: self.functions,
                steps: &mut self.steps,
                show_trace: &mut self.show_trace,
            };
            Ok(interpreter.run(greeting))
        });
        result?
    }
}
