//! `hostwright eval FLAKE#ATTRIBUTE`

use std::io::Read;
use std::path::Path;

use nix_expr::{Display, EvalError, ValueRef, evaluate as run_evaluation};
use nix_flake::{AttributePath, Installable, nix_string};

use super::Session;
use crate::arguments::{EvalArguments, FunctionArguments, SubjectArguments};
use crate::failure::Failure;
use crate::output;
use crate::stages::evaluate::{self, Evaluation};
use crate::stages::packages;
use crate::stages::world::World;

/// Evaluates and prints.
pub fn run(session: &Session, arguments: &EvalArguments) -> Result<(), Failure> {
    let text = match arguments.subject.is_expression() {
        true => expression(session, arguments)?,
        false => flake(session, arguments)?,
    };
    if arguments.raw || arguments.xml { output::write(&text) } else { output::line(&text) }
}

fn flake(session: &Session, arguments: &EvalArguments) -> Result<String, Failure> {
    let installable = installable(session, &arguments.subject)?;
    let fleet = packages::Fleet::open(session, &installable.flake)?;
    let system = &session.configuration.evaluation.system;
    let (text, _) = fleet.with_packages(session, |flake| {
        session.progress.stage("evaluate", "Evaluating", || {
            let key = Some(format!("{arguments:?}"));
            evaluate::value(session, flake, key, |evaluation, value| {
                let value = evaluate::find(evaluation, value, &installable.attribute_path, false, system)?;
                render(evaluation, value, arguments)
            })
        })
    })?;
    Ok(text)
}

fn expression(session: &Session, arguments: &EvalArguments) -> Result<String, Failure> {
    let expression = Expression::new(session, &arguments.subject)?;
    let world = World::new(session, evaluate::files(session, expression.is_pure), Vec::new());
    let text = session.progress.stage("evaluate", "Evaluating", || {
        run_evaluation(&evaluate::settings(session, expression.is_pure), &world, |evaluation| {
            let (mut value, named) = expression.value(evaluation)?;
            if !named.is_empty() {
                value = evaluation.auto_call(value, &named)?;
            }
            render(evaluation, value, arguments)
        })
    })?;
    Ok(text)
}

/// What of a flake is asked for.
pub fn installable(session: &Session, subject: &SubjectArguments) -> Result<Installable, Failure> {
    let text = subject.installable.as_deref().unwrap_or(".");
    Ok(Installable::parse(text, &session.configuration.working_directory)?)
}

/// What `--expr` or `--file` gives: no flake.
pub struct Expression<'e> {
    subject: &'e SubjectArguments,
    directory: &'e Path,
    path: AttributePath,
    standard_input: Option<String>,
    /// Whether it is evaluated purely. As in Nix, a file is not.
    pub is_pure: bool,
}

impl<'e> Expression<'e> {
    /// Reads what is not read by evaluation.
    pub fn new(session: &'e Session, subject: &'e SubjectArguments) -> Result<Self, Failure> {
        let attribute = subject.attr.as_deref().or(subject.installable.as_deref()).unwrap_or_default();
        let standard_input = match subject.file.as_deref() {
            Some("-") => Some(read_standard_input()?),
            _ => None,
        };
        Ok(Expression {
            subject,
            directory: &session.configuration.working_directory,
            path: attribute.parse()?,
            standard_input,
            is_pure: !session.configuration.impure && subject.file.is_none(),
        })
    }

    /// The value that is asked for, and the arguments for functions. It is not called with them yet.
    pub fn value<'a>(&self, evaluation: &Evaluation<'a>) -> Result<(ValueRef<'a>, Named<'a>), EvalError> {
        let value = match (&self.subject.expr, &self.standard_input, &self.subject.file) {
            (Some(text), _, _) => evaluation.evaluate_text(text, "«string»", self.directory)?,
            (None, Some(text), _) => evaluation.evaluate_text(text, "«stdin»", self.directory)?,
            (None, None, Some(file)) => file_value(evaluation, file, self.directory)?,
            (None, None, None) => evaluation.null(),
        };
        let named = function_arguments(evaluation, &self.subject.functions, self.directory)?;
        let parts: Vec<&str> = self.path.0.iter().map(String::as_str).collect();
        Ok((evaluation.select_uncalled(value, &parts, &named)?, named))
    }
}

fn read_standard_input() -> Result<String, Failure> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(|source| Failure::File {
        action: "read",
        path: "standard input".into(),
        source,
    })?;
    Ok(text)
}

/// The value of what `--file` names: a file or directory, `<name>`, or the URL of an archive.
pub fn file_value<'a>(
    evaluation: &Evaluation<'a>,
    file: &str,
    directory: &Path,
) -> Result<ValueRef<'a>, EvalError> {
    if file.starts_with('<') && file.ends_with('>') {
        return evaluation.evaluate_text(&format!("import {file}"), "«--file»", directory);
    }
    if file.contains("://") {
        let import = format!("import (fetchTarball {})", nix_string(file));
        return evaluation.evaluate_text(&import, "«--file»", directory);
    }
    evaluation.evaluate_file(&directory.join(file))
}

/// Values by the names of arguments.
pub type Named<'a> = Vec<(String, ValueRef<'a>)>;

/// The values of `--arg` and `--argstr`.
pub fn function_arguments<'a>(
    evaluation: &Evaluation<'a>,
    arguments: &FunctionArguments,
    directory: &Path,
) -> Result<Named<'a>, EvalError> {
    let mut named = Vec::new();
    for pair in arguments.expressions.chunks_exact(2) {
        named.push((pair[0].clone(), evaluation.evaluate_text(&pair[1], "«--arg»", directory)?));
    }
    for pair in arguments.strings.chunks_exact(2) {
        named.push((pair[0].clone(), evaluation.string(&pair[1])));
    }
    Ok(named)
}

fn render<'a>(
    evaluation: &Evaluation<'a>,
    value: ValueRef<'a>,
    arguments: &EvalArguments,
) -> Result<String, EvalError> {
    let value = match &arguments.apply {
        Some(function) => {
            let function = evaluation.evaluate_text(function, "«--apply»", Path::new("/"))?;
            evaluation.call(function, &[value])?
        }
        None => value,
    };
    if arguments.strict {
        evaluation.force_deep(value)?;
    }
    if arguments.json {
        return Ok(evaluation.to_json(value)?.text);
    }
    if arguments.raw {
        return Ok(evaluation.to_text(value)?.text);
    }
    if arguments.xml {
        return Ok(evaluation.to_xml(value)?.text);
    }
    let (text, error) = evaluation.show(value, Display::EVALUATED)?;
    match error {
        // Packages are pinned and the evaluation is repeated.
        Some(error) if packages::says_missing_package(&error) => Err(error),
        _ => Ok(text),
    }
}
