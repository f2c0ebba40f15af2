//! `hostwright eval FLAKE#ATTRIBUTE`

use std::path::Path;

use nix_expr::{EvalError, FileSystemIo, FileSystemOptions, Settings, ValueRef, evaluate, parse_search_path};
use nix_flake::{AttributePath, Installable};

use super::Session;
use crate::arguments::EvalArguments;
use crate::failure::Failure;
use crate::output;
use crate::stages::evaluate::{self, Evaluation};
use crate::stages::packages;

/// Evaluates and prints.
pub fn run(session: &Session, arguments: &EvalArguments) -> Result<(), Failure> {
    let text = if arguments.expr.is_some() || arguments.file.is_some() {
        expression(session, arguments)?
    } else {
        flake(session, arguments)?
    };
    if arguments.raw { output::write(&text) } else { output::line(&text) }
}

fn flake(session: &Session, arguments: &EvalArguments) -> Result<String, Failure> {
    let text = arguments.installable.as_deref().unwrap_or(".");
    let installable = Installable::parse(text, &session.configuration.working_directory)?;
    let fleet = packages::Fleet::open(session, &installable.flake)?;
    let (text, _) = fleet.with_packages(session, |flake| {
        session.progress.stage("evaluate", "Evaluating", || {
            evaluate::value(session, flake, |evaluation, value| {
                let value = evaluate::find(evaluation, value, &installable.attribute_path, false)?;
                render(evaluation, value, arguments)
            })
        })
    })?;
    Ok(text)
}

/// `--expr` and `--file`: no flake, and no purity, as in Nix.
fn expression(session: &Session, arguments: &EvalArguments) -> Result<String, Failure> {
    let directory = &session.configuration.working_directory;
    let search_path = std::env::var("NIX_PATH").map(|text| parse_search_path(&text)).unwrap_or_default();
    let settings = Settings { pure: false, search_path, ..Settings::default() };
    let io = FileSystemIo::new(FileSystemOptions {
        real_store: Some(session.configuration.store_root.join("nix/store")),
        ..FileSystemOptions::default()
    });
    let path: AttributePath = arguments.installable.as_deref().unwrap_or_default().parse()?;
    let text = session.progress.stage("evaluate", "Evaluating", || {
        evaluate(&settings, &io, |evaluation| {
            let value = match (&arguments.expr, &arguments.file) {
                (Some(text), _) => evaluation.evaluate_text(text, "«--expr»", directory)?,
                (None, Some(file)) => evaluation.evaluate_file(&directory.join(file))?,
                (None, None) => evaluation.null(),
            };
            let parts: Vec<&str> = path.0.iter().map(String::as_str).collect();
            let value = evaluation.select_parts(value, &parts, &[])?;
            render(evaluation, value, arguments)
        })
    })?;
    Ok(text)
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
    if arguments.strict || !(arguments.json || arguments.raw) {
        evaluation.force_deep(value)?;
    }
    if arguments.json {
        Ok(evaluation.to_json(value)?.text)
    } else if arguments.raw {
        Ok(evaluation.to_text(value)?.text)
    } else {
        evaluation.print(value)
    }
}
