//! Evaluates a file or an expression, much as `nix-instantiate --eval` does: for comparing with Nix.
//!
//!     evaluate [--strict] [--json] [--xml] [--parse] [--drv] [--stats] [-A PATH] [-I ENTRY] [--option NAME VALUE] (FILE | -E EXPRESSION)

use std::path::PathBuf;
use std::process::ExitCode;

use nix_expr::{
    EvalError, Features, FileSystemIo, Session, Settings, evaluate, parse_search_path,
    parse_search_path_entry,
};

#[derive(Default)]
struct Arguments {
    strict: bool,
    json: bool,
    xml: bool,
    drv: bool,
    stats: bool,
    attribute: String,
    named: Vec<(String, String, bool)>,
    expression: Option<String>,
    file: Option<PathBuf>,
    settings: Settings,
}

fn arguments() -> Option<Arguments> {
    let mut found = Arguments::default();
    let mut given = std::env::args().skip(1);
    while let Some(argument) = given.next() {
        match argument.as_str() {
            "--strict" => found.strict = true,
            "--eval" => {}
            "--json" => found.json = true,
            "--xml" => found.xml = true,
            "--drv" => found.drv = true,
            "--stats" => found.stats = true,
            "--pipes" => {
                found.settings.features = found.settings.features.with(nix_expr::Feature::PipeOperators);
            }
            "-A" => found.attribute = given.next()?,
            "--option" => match (given.next()?.as_str(), given.next()?.as_str()) {
                ("abort-on-warn", value) => found.settings.abort_on_warn = value == "true",
                ("experimental-features", names) => found.settings.features = Features::parse(names),
                _ => return None,
            },
            "--arg" => found.named.push((given.next()?, given.next()?, false)),
            "--argstr" => found.named.push((given.next()?, given.next()?, true)),
            "-I" => found.settings.search_path.extend(parse_search_path_entry(&given.next()?)),
            "-E" => found.expression = Some(given.next()?),
            _ => found.file = Some(PathBuf::from(argument)),
        }
    }
    if let Ok(path) = std::env::var("NIX_PATH") {
        found.settings.search_path.extend(parse_search_path(&path));
    }
    Some(found)
}

fn run(session: &Session<'_>, arguments: &Arguments) -> Result<String, EvalError> {
    let here = std::env::current_dir().unwrap_or_default();
    let mut named = Vec::new();
    for (name, text, is_string) in &arguments.named {
        let value = if *is_string {
            session.string(text)
        } else {
            session.evaluate_text(text, "«argument»", &here)?
        };
        named.push((name.clone(), value));
    }
    let value = match (&arguments.expression, &arguments.file) {
        (Some(text), _) => session.evaluate_text(text, "«string»", &here)?,
        (None, Some(file)) => session.evaluate_file(&here.join(file))?,
        (None, None) => session.null(),
    };
    let value = session.select(value, &arguments.attribute, &named)?;
    let out = if arguments.drv {
        session.derivation_path(value)?.to_string()
    } else if arguments.json {
        session.to_json(value)?.text
    } else if arguments.xml {
        session.to_xml(value)?.text
    } else {
        if arguments.strict {
            session.force_deep(value)?;
        }
        session.print(value)?
    };
    if arguments.stats {
        eprintln!("arena {} MB", session.memory() >> 20);
    }
    Ok(out)
}

fn main() -> ExitCode {
    let Some(arguments) = arguments() else { return ExitCode::from(2) };
    let io = FileSystemIo::default();
    match evaluate(&arguments.settings, &io, |session| run(session, &arguments)) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            for suggestion in &error.suggestions {
                eprintln!("  did you mean {suggestion}?");
            }
            for frame in error.trace.iter().take(30) {
                let place = frame.location.as_ref();
                let place = place.map(|place| format!(" at {}:{}:{}", place.file, place.line, place.column));
                eprintln!("  … {}{}", frame.message, place.unwrap_or_default());
            }
            ExitCode::FAILURE
        }
    }
}
