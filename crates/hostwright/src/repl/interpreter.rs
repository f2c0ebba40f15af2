//! Doing what the lines ask for.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::IsTerminal;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix_expr::{Display, EvalError, FunctionDocumentation, Scope, ValueRef};
use nix_flake::AttributePath;
use nix_store::StoreDir;
use nix_store::local::RootTarget;

use super::command::{COMMANDS, Line, Verb};
use super::completion::Completion;
use super::input::{Input, Read};
use super::{End, Step};
use crate::arguments::FunctionArguments;
use crate::commands::Session;
use crate::commands::eval::{file_value, function_arguments};
use crate::failure::Failure;
use crate::stages::evaluate::{self, Evaluation, Target};
use crate::stages::flake::ReadyFlake;
use crate::stages::world::World;
use crate::{output, report};

/// What a line does not end with the session: nothing, or the reason why it ends.
type Next = Result<Option<End>, Failure>;

/// One evaluation of the repl.
pub struct Interpreter<'r, 'a> {
    pub(super) session: &'r Session,
    pub(super) world: &'r World<'r>,
    pub(super) evaluation: &'r Evaluation<'a>,
    pub(super) scope: &'r RefCell<Scope<'a>>,
    pub(super) interrupted: Arc<AtomicBool>,
    pub(super) flakes: &'r BTreeMap<String, (ReadyFlake, AttributePath)>,
    pub(super) functions: &'r FunctionArguments,
    pub(super) steps: &'r mut Vec<Step>,
    pub(super) show_trace: &'r mut bool,
}

impl<'r, 'a> Interpreter<'r, 'a> {
    /// Takes the steps so far, then reads lines until one of them ends the evaluation.
    pub fn run(mut self, greeting: bool) -> Result<End, Failure> {
        if greeting && std::io::stdin().is_terminal() {
            output::line("Type :? for the commands, Ctrl-D to leave.")?;
        }
        for step in self.steps.clone() {
            let taken = self.guarded(|this| this.take(&step));
            match taken {
                Ok(Some(count)) => output::line(&added(count))?,
                Ok(None) => {}
                Err(failure) => self.complain(&failure),
            }
        }
        let completion = Completion {
            evaluation: self.evaluation,
            scope: self.scope,
            interrupted: Arc::clone(&self.interrupted),
            directory: &self.session.configuration.working_directory,
        };
        let history = self.session.configuration.state_directory.join("repl-history");
        let mut input = Input::open(completion, &history)?;
        // Between an answer and the next prompt there is nothing to stop, and the variables are not to be lost.
        let interrupts = &self.session.interrupts;
        let _idle = input.is_terminal().then(|| interrupts.guard_interruption(|| {}));
        loop {
            let text = match input.read()? {
                Read::Text(text) => text,
                Read::Discarded => continue,
                Read::End => return Ok(End::Quit),
            };
            match self.line(Line::parse(&text)) {
                Ok(None) => {}
                Ok(Some(end)) => return Ok(end),
                Err(failure @ Failure::StandardOutput { .. }) => return Err(failure),
                Err(failure) => self.complain(&failure),
            }
        }
    }

    /// Runs something that Ctrl-C stops.
    fn guarded<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        self.session.interrupts.clear();
        let stop = Arc::clone(&self.interrupted);
        let guard = self.session.interrupts.guard_interruption(move || stop.store(true, Ordering::Relaxed));
        let result = work(self);
        drop(guard);
        self.session.interrupts.clear();
        self.interrupted.store(false, Ordering::Relaxed);
        result
    }

    fn complain(&self, failure: &Failure) {
        match failure {
            Failure::Interrupted => self.session.progress.say("Interrupted."),
            Failure::Evaluation { error } => {
                let error = Box::new(self.world.explain((**error).clone()));
                report::print(&Failure::Evaluation { error }, *self.show_trace);
            }
            other => report::print(other, *self.show_trace),
        }
    }

    fn line(&mut self, line: Line<'_>) -> Next {
        match line {
            Line::Empty => Ok(None),
            Line::Evaluate(text) => self.show(text, Display::OUTLINE).map(|()| None),
            Line::Define { name, expression } => {
                let step = Step::Definition { name: name.to_owned(), expression: expression.to_owned() };
                self.remember(step).map(|()| None)
            }
            Line::Command(verb, argument) => self.command(verb, argument),
            Line::Unknown(word) => {
                Err(Failure::Usage(format!("there is no command '{word}'; :? lists them")))
            }
        }
    }

    fn command(&mut self, verb: Verb, argument: &str) -> Next {
        let wanted = COMMANDS.iter().find(|command| command.verb == verb);
        let optional = matches!(verb, Verb::Quit | Verb::Reload | Verb::Help | Verb::Trace);
        if let Some(command) = wanted
            && argument.is_empty()
            && !optional
        {
            let usage = format!("{} wants {}", command.names[0], command.argument);
            return Err(Failure::Usage(usage));
        }
        match verb {
            Verb::Add => self.remember(Step::Attributes(argument.to_owned()))?,
            Verb::Load => self.remember(Step::File(argument.to_owned()))?,
            Verb::LoadFlake => return Ok(Some(End::LoadFlake(argument.to_owned()))),
            Verb::Build | Verb::BuildAndLink => self.build(argument, verb == Verb::BuildAndLink)?,
            Verb::Document => self.document(argument)?,
            Verb::Edit => return self.edit(argument).map(|()| Some(End::Reload)),
            Verb::Print => self.show(argument, Display::WHOLE)?,
            Verb::Quit => return Ok(Some(End::Quit)),
            Verb::Reload => return Ok(Some(End::Reload)),
            Verb::Trace => {
                *self.show_trace = match argument {
                    "true" => true,
                    "false" => false,
                    "" => !*self.show_trace,
                    _ => return Err(Failure::Usage(":te wants true or false".to_owned())),
                };
                let state =
                    if *self.show_trace { "Traces are shown whole." } else { "Traces are shown in short." };
                output::line(state)?;
            }
            Verb::Type => {
                let name = self.guarded(|this| {
                    let value = this.value(argument)?;
                    this.evaluation.force(value)?;
                    Ok::<_, EvalError>(this.evaluation.describe(value))
                })?;
                output::line(name)?;
            }
            Verb::Help => output::write(&help())?,
        }
        Ok(None)
    }

    /// An expression's value, not evaluated yet.
    fn value(&self, expression: &str) -> Result<ValueRef<'a>, EvalError> {
        let directory = &self.session.configuration.working_directory;
        self.evaluation.delay_text(expression, "«string»", directory, &self.scope.borrow())
    }

    fn show(&mut self, expression: &str, display: Display) -> Result<(), Failure> {
        let (text, _) = self.guarded(|this| this.evaluation.show(this.value(expression)?, display))?;
        output::line(&text)
    }

    /// Takes a step and keeps it.
    fn remember(&mut self, step: Step) -> Result<(), Failure> {
        let count = self.guarded(|this| this.take(&step))?;
        // Of two definitions of one variable the later is enough, unless something between them used the former; so all
        // are kept.
        self.steps.push(step);
        match count {
            Some(count) => output::line(&added(count)),
            None => Ok(()),
        }
    }

    /// Makes the variables of a step. Returns how many they are, unless it is the one that was asked for.
    fn take(&mut self, step: &Step) -> Result<Option<usize>, Failure> {
        let value = match step {
            Step::Definition { name, expression } => {
                let value = self.value(expression)?;
                self.scope.borrow_mut().insert(name.clone(), value);
                return Ok(None);
            }
            Step::Attributes(expression) => self.value(expression)?,
            Step::File(file) => {
                let directory = &self.session.configuration.working_directory;
                let value = file_value(self.evaluation, file, directory)?;
                let named = function_arguments(self.evaluation, self.functions, directory)?;
                self.evaluation.auto_call(value, &named)?
            }
            Step::Flake(text) => {
                // One that could not be read again was complained about then.
                let Some((flake, path)) = self.flakes.get(text) else { return Ok(None) };
                let expression = &flake.expression;
                let flake = self.evaluation.evaluate_text(expression, "«flake»", "/".as_ref())?;
                let system = &self.session.configuration.evaluation.system;
                match path.0.as_slice() {
                    [host] if evaluate::host_names(self.evaluation, flake)?.contains(host) => {
                        let parts = ["nixosConfigurations", host];
                        self.evaluation.select_parts(flake, &parts, &[])?
                    }
                    _ => evaluate::find(self.evaluation, flake, path, false, system)?,
                }
            }
        };
        let attributes = self.evaluation.attributes(value)?;
        let count = attributes.len();
        self.scope.borrow_mut().extend(attributes);
        Ok(Some(count))
    }

    fn build(&mut self, expression: &str, link: bool) -> Result<(), Failure> {
        let (target, graph) = self.guarded(|this| {
            let value = this.value(expression)?;
            let derivation = this.evaluation.derivation_path(value)?;
            let output = match this.evaluation.attribute(value, "outputName")? {
                Some(output) => this.evaluation.to_text(output)?.text,
                None => "out".to_owned(),
            };
            let target = Target { name: derivation.name().to_owned(), derivation, output };
            Ok::<_, EvalError>((target, this.evaluation.derivations().clone()))
        })?;
        let output_name = target.output.clone();
        let (store, built) = self.guarded(|this| this.world.build(vec![target], &graph))?;
        for built in built {
            let path = built.path()?;
            output::line(&format!("{output_name} -> {}", StoreDir::default().display(path)))?;
            if link {
                let name = format!("repl-result-{output_name}");
                let link = self.session.configuration.working_directory.join(&name);
                store.add_root(&link, path, RootTarget::Real)?;
                output::line(&format!("./{name} leads to it"))?;
            }
        }
        Ok(())
    }

    fn document(&mut self, expression: &str) -> Result<(), Failure> {
        let found = self.guarded(|this| this.evaluation.documentation(this.value(expression)?))?;
        let mut text = String::new();
        match found {
            Some(FunctionDocumentation::Builtin(documented)) => {
                let call = format!("builtins.{} {}", documented.name, documented.arguments);
                let _ = write!(text, "{}\n\n{}\n", call.trim_end(), documented.text);
            }
            Some(FunctionDocumentation::Function { name, location, text: comment }) => {
                let name =
                    name.map_or_else(|| "A function".to_owned(), |name| format!("The function '{name}'"));
                let place = location
                    .map(|place| format!(", {}:{}:{}", place.file, place.line, place.column))
                    .unwrap_or_default();
                let comment = comment.unwrap_or_else(|| "It has no documentation comment.".to_owned());
                let _ = write!(text, "{name}{place}\n\n{comment}\n");
            }
            None => text.push_str("Only functions are documented, and this is none.\n"),
        }
        output::write(&text)
    }

    /// Opens an editor where a value is defined. Everything is read again afterwards.
    fn edit(&mut self, expression: &str) -> Result<(), Failure> {
        let place = self.guarded(|this| this.evaluation.definition(this.value(expression)?))?;
        let Some((file, line)) = place else {
            return Err(Failure::Usage("it is not known where this is defined".to_owned()));
        };
        let editor = std::env::var("VISUAL").or_else(|_| std::env::var("EDITOR"));
        let editor = editor.unwrap_or_else(|_| "nano".to_owned());
        let mut words = editor.split_whitespace();
        let mut command = Command::new(words.next().unwrap_or("nano"));
        command.args(words);
        if ["emacs", "nano", "vi", "kak"].iter().any(|known| editor.contains(known)) {
            command.arg(format!("+{line}"));
        }
        command.arg(&file).status().map_err(|source| Failure::File {
            action: "run the editor on",
            path: file.clone(),
            source,
        })?;
        Ok(())
    }
}

/// `Added 2 variables.`
fn added(count: usize) -> String {
    if count == 1 { "Added 1 variable.".to_owned() } else { format!("Added {count} variables.") }
}

/// What `:?` prints.
fn help() -> String {
    let mut text = String::new();
    let mut row = |left: &str, right: &str| {
        let _ = writeln!(text, "  {left:<28} {right}");
    };
    row("EXPRESSION", "Evaluate and show");
    row("NAME = EXPRESSION", "Make a variable");
    for command in COMMANDS {
        row(&format!("{} {}", command.names.join(", "), command.argument), command.help);
    }
    text
}
