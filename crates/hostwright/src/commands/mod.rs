//! The verbs.

mod apply;
mod build;
mod cache;
mod completions;
mod copy;
mod diff;
pub mod eval;
mod eval_jobs;
mod exec;
mod flake;
mod flash;
mod flash_node;
mod gc;
mod generations;
mod image;
mod lint;
mod lock;
mod log;
mod logs;
mod man;
mod options;
mod packages;
mod personal;
mod repl;
mod rollback;
mod ssh;
mod status;
mod store;
mod store_of_daemon;
mod update;
mod vm;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use nix_flake::Fetcher;

use crate::arguments::{Arguments, Command, FlakeCommand};
use crate::configuration::Configuration;
use crate::failure::Failure;
use crate::interrupt::Interrupts;
use crate::progress::{Progress, Verbosity};
use crate::report;

/// What every verb works with.
pub struct Session {
    /// The settings.
    pub configuration: Configuration,
    /// Where people read what happens.
    pub progress: Progress,
    /// Ctrl-C.
    pub interrupts: Interrupts,
    /// What fetches trees: one for the whole run, which sees one content of each reference.
    fetcher: Arc<Fetcher>,
    /// Settings of Nix that the flake asks for and gets.
    pub flake_settings: OnceLock<BTreeMap<String, String>>,
    /// Whether errors come with the whole way to them.
    pub show_trace: bool,
}

impl Session {
    /// What fetches trees.
    pub fn fetcher(&self) -> Arc<Fetcher> {
        Arc::clone(&self.fetcher)
    }
}

/// Runs the verb that was asked for and reports its failure.
pub fn run(arguments: Arguments) -> ExitCode {
    let show_trace = arguments.global.show_trace;
    match dispatch(arguments) {
        Ok(status) => status,
        Err(failure) => {
            report::print(&failure, show_trace);
            failure.status().into()
        }
    }
}

fn dispatch(arguments: Arguments) -> Result<ExitCode, Failure> {
    let Arguments { global, command } = arguments;
    // These two need nothing of the machine.
    match &command {
        Command::Completions(arguments) => return completions::run(arguments).map(|()| ExitCode::SUCCESS),
        Command::Man => return man::run().map(|()| ExitCode::SUCCESS),
        _ => {}
    }
    let verbosity = match (global.quiet, global.verbose) {
        (true, _) => Verbosity::Quiet,
        (false, 0) => Verbosity::Normal,
        (false, 1) => Verbosity::Verbose,
        (false, _) => Verbosity::Debug,
    };
    let progress = Progress::new(verbosity, global.log_format, global.timings);
    let working_directory = std::env::current_dir().map_err(|source| Failure::File {
        action: "find the working directory",
        path: ".".into(),
        source,
    })?;
    let limits = command.limits();
    let environment = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let (mut configuration, warnings) =
        Configuration::new(&global, &limits, &environment, &working_directory)?;
    configuration.evaluation.read_only = match &command {
        Command::Eval(arguments) => arguments.read_only,
        Command::EvalJobs(arguments) => arguments.read_only,
        _ => false,
    };
    if let Command::Flake(arguments) = &command {
        flake::configure(arguments, &mut configuration)?;
    }
    for warning in warnings {
        progress.warn(&warning);
    }
    let mut fetching = configuration.flakes.fetching.clone();
    match verbosity {
        Verbosity::Quiet => fetching.warn = |_| {},
        Verbosity::Normal => {}
        Verbosity::Verbose | Verbosity::Debug => fetching.note = |text| eprintln!("{text}"),
    }
    let fetcher = Fetcher::new(fetching).with_real_store(configuration.store_root.join("nix/store"));
    let fetcher = Arc::new(fetcher);
    let session = Session {
        configuration,
        progress,
        interrupts: Interrupts::watch(),
        fetcher,
        flake_settings: OnceLock::new(),
        show_trace: global.show_trace,
    };
    let result = match &command {
        Command::Completions(_) | Command::Man => Ok(ExitCode::SUCCESS),
        Command::Lock(arguments) => lock::run(&session, arguments).map(|()| ExitCode::SUCCESS),
        Command::Update(arguments) => update::run(&session, arguments).map(|()| ExitCode::SUCCESS),
        Command::Options(arguments) => options::run(&session, arguments).map(|()| ExitCode::SUCCESS),
        Command::Packages(arguments) => packages::run(&session, arguments).map(|()| ExitCode::SUCCESS),
        Command::Lint(arguments) => lint::run(&session, arguments).map(|()| ExitCode::SUCCESS),
        Command::Eval(arguments) => eval::run(&session, arguments).map(|()| ExitCode::SUCCESS),
        Command::EvalJobs(arguments) => eval_jobs::run(&session, arguments).map(|()| ExitCode::SUCCESS),
        Command::Repl(arguments) => repl::run(&session, arguments).map(|()| ExitCode::SUCCESS),
        Command::Build(arguments) => build::run(&session, arguments).map(|()| ExitCode::SUCCESS),
        Command::Image(arguments) => image::run(&session, arguments).map(|()| ExitCode::SUCCESS),
        Command::Flash(arguments) => flash::run(&session, arguments).map(|()| ExitCode::SUCCESS),
        Command::Vm(arguments) => vm::run(&session, arguments),
        Command::Apply(arguments) => apply::run(&session, arguments).map(|()| ExitCode::SUCCESS),
        Command::Status(arguments) => status::run(&session, arguments).map(|()| ExitCode::SUCCESS),
        Command::Rollback(arguments) => rollback::run(&session, arguments).map(|()| ExitCode::SUCCESS),
        Command::Generations(arguments) => generations::run(&session, arguments).map(|()| ExitCode::SUCCESS),
        Command::Diff(arguments) => diff::run(&session, arguments).map(|()| ExitCode::SUCCESS),
        Command::Exec(arguments) => exec::run(&session, arguments).map(|()| ExitCode::SUCCESS),
        Command::Ssh(arguments) => ssh::run(&session, arguments),
        Command::Logs(arguments) => logs::run(&session, arguments),
        Command::Cache(arguments) => cache::run(&session, arguments).map(|()| ExitCode::SUCCESS),
        Command::Copy(arguments) => copy::run(&session, arguments).map(|()| ExitCode::SUCCESS),
        Command::Log(arguments) => log::run(&session, arguments).map(|()| ExitCode::SUCCESS),
        Command::Flake(arguments) => flake::run(&session, arguments).map(|()| ExitCode::SUCCESS),
        Command::Gc(arguments) => gc::run(&session, arguments).map(|()| ExitCode::SUCCESS),
        Command::Store(arguments) => store::run(&session, arguments).map(|()| ExitCode::SUCCESS),
    };
    session.progress.finish();
    result
}

impl Command {
    /// How much may be done at once, for the verbs that build.
    fn limits(&self) -> crate::arguments::BuildLimits {
        match self {
            Command::Build(arguments) => arguments.limits.clone(),
            Command::Image(arguments) => arguments.limits.clone(),
            Command::Flash(arguments) => arguments.limits.clone(),
            Command::Vm(arguments) => arguments.limits.clone(),
            Command::Flake(arguments) => match &arguments.command {
                FlakeCommand::Check(arguments) => arguments.limits.clone(),
                _ => Default::default(),
            },
            Command::Apply(arguments) => arguments.limits.clone(),
            Command::Diff(arguments) => arguments.limits.clone(),
            Command::Status(_)
            | Command::Rollback(_)
            | Command::Generations(_)
            | Command::Exec(_)
            | Command::Ssh(_)
            | Command::Logs(_)
            | Command::Lock(_)
            | Command::Update(_)
            | Command::Options(_)
            | Command::Packages(_)
            | Command::Lint(_)
            | Command::Log(_)
            | Command::Eval(_)
            | Command::EvalJobs(_)
            | Command::Repl(_)
            | Command::Gc(_)
            | Command::Store(_)
            | Command::Cache(_)
            | Command::Copy(_)
            | Command::Completions(_)
            | Command::Man => Default::default(),
        }
    }
}
