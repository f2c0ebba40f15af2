//! `hostwright eval FLAKE#ATTRIBUTE`

use std::io::Read;
use std::path::Path;

use nix_expr::{Display, EvalError, ValueRef, evaluate as run_evaluation};
use nix_flake::{AttributePath, Installable, nix_string};

use super::Session;
use crate::arguments::{EvalArguments, FunctionArguments};
use crate::failure::Failure;
use crate::output;
use crate::stages::evaluate::{self, Evaluation};
use crate::stages::packages;
use crate::stages::world::World;

/// Evaluates and prints.
pub fn run(session: &Session, arguments: &EvalArguments) -> Result<(), Failure> {
    let text = if arguments.expr.is_some() || arguments.file.is_some() {
        expression(session, arguments)?
    } else {
        flake(session, arguments)?
    };
    if arguments.raw || arguments.xml { output::write(&text) } else { output::line(&text) }
}

fn flake(session: &Session, arguments: &EvalArguments) -> Result<String, Failure> {
    let text = arguments.installable.as_deref().unwrap_or(".");
    let installable = Installable::parse(text, &session.configuration.working_directory)?;
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

/// `--expr` and `--file`: no flake. As in Nix, a file is evaluated impurely.
fn expression(session: &Session, arguments: &EvalArguments) -> Result<String, Failure> {
    let directory = &session.configuration.working_directory;
    let pure = !session.configuration.impure && arguments.file.is_none();
    let settings = evaluate::settings(session, pure);
    let world = World::new(session, evaluate::files(session, pure), Vec::new());
    let attribute = arguments.attr.as_deref().or(arguments.installable.as_deref()).unwrap_or_default();
    let path: AttributePath = attribute.parse()?;
    let standard_input = match arguments.file.as_deref() {
        Some("-") => Some(read_standard_input()?),
        _ => None,
    };
    let text = session.progress.stage("evaluate", "Evaluating", || {
        run_evaluation(&settings, &world, |evaluation| {
            let value = match (&arguments.expr, &standard_input, &arguments.file) {
                (Some(text), _, _) => evaluation.evaluate_text(text, "«string»", directory)?,
                (None, Some(text), _) => evaluation.evaluate_text(text, "«stdin»", directory)?,
                (None, None, Some(file)) => file_value(evaluation, file, directory)?,
                (None, None, None) => evaluation.null(),
            };
            let named = function_arguments(evaluation, &arguments.functions, directory)?;
            let parts: Vec<&str> = path.0.iter().map(String::as_str).collect();
            let mut value = evaluation.select_uncalled(value, &parts, &named)?;
            if !named.is_empty() {
                value = evaluation.auto_call(value, &named)?;
            }
            render(evaluation, value, arguments)
        })
    })?;
    Ok(text)
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

/// The values of `--arg` and `--argstr`.
pub fn function_arguments<'a>(
    evaluation: &Evaluation<'a>,
    arguments: &FunctionArguments,
    directory: &Path,
) -> Result<Vec<(String, ValueRef<'a>)>, EvalError> {
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
