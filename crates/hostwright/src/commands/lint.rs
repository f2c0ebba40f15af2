//! `hostwright lint FLAKE#HOST`

use serde_json::json;

use super::Session;
use crate::arguments::LintArguments;
use crate::failure::Failure;
use crate::output;
use crate::stages::lint::{PackageReport, Report, lint};

/// Shows what packages' maintainer scripts would do that nothing does in their place.
pub fn run(session: &Session, arguments: &LintArguments) -> Result<(), Failure> {
    let report = lint(session, &arguments.host)?;
    let wanting = report.found.iter().filter(|package| package.missing().next().is_some()).count();
    if arguments.json {
        output::json(&json!({
            "host": report.host,
            "packages": report.packages,
            "missing": wanting,
            "found": report.found,
        }))?;
    } else {
        output::write(&text(&report, arguments.all))?;
    }
    if wanting > 0 {
        return Err(Failure::ScriptsNotProvided { host: report.host, count: wanting });
    }
    session.progress.say(&format!(
        "{}: of {} with {} that do something, all that is needed is done without them.",
        report.host,
        output::counted(report.packages, "package"),
        output::counted(report.found.len(), "script")
    ));
    Ok(())
}

fn text(report: &Report, all: bool) -> String {
    let mut text = String::new();
    for PackageReport { package, version, commands } in &report.found {
        let shown: Vec<_> = commands.iter().filter(|command| all || command.provided.is_none()).collect();
        if shown.is_empty() {
            continue;
        }
        text.push_str(&format!("{package} {version}\n"));
        for command in shown {
            text.push_str(&format!("    {}: {}\n", command.script, command.command));
            if let Some(how) = &command.provided {
                text.push_str(&format!("        instead: {how}\n"));
            }
        }
    }
    text
}
