//! `hostwright exec --on … -- COMMAND`

use std::time::Duration;

use deploy::host::quoted;
use deploy::{Error, Rights, Script};
use serde_json::json;

use super::Session;
use crate::arguments::ExecArguments;
use crate::failure::Failure;
use crate::output;
use crate::stages::hosts::{Hosts, open_fleet};

/// Runs a command on hosts, and prints what each prints behind its name.
pub fn run(session: &Session, arguments: &ExecArguments) -> Result<(), Failure> {
    let (fleet, only) = open_fleet(session, &arguments.flake, &arguments.hosts)?;
    let hosts = Hosts::find(session, &fleet, only.as_deref(), &arguments.hosts)?;
    let text = match arguments.command.as_slice() {
        [command] => command.clone(),
        words => words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "),
    };
    let script = Script {
        action: "run the command",
        text: &text,
        arguments: &[],
        rights: if arguments.root { Rights::Root } else { Rights::User },
        patience: Duration::from_secs(arguments.timeout),
    };
    let results = hosts.each(|host| {
        let name = &host.name;
        let printed = hosts.connect(host).and_then(|host| {
            host.run_with(&script, b"", |line| {
                if !arguments.json {
                    session.progress.say(&format!("{name}| {line}"));
                }
            })
        });
        (name.clone(), printed)
    });
    let mut failed = 0;
    for (name, result) in &results {
        let (status, printed, error) = match result {
            Ok(printed) => (Some(0), printed.as_str(), None),
            Err(Error::Remote { status, said, .. }) => (Some(*status), "", Some(said.clone())),
            Err(error) => (None, "", Some(error.to_string())),
        };
        failed += usize::from(error.is_some());
        if arguments.json {
            output::json(&json!({ "host": name, "status": status, "output": printed, "error": error }))?;
            continue;
        }
        let lines: String = printed.lines().map(|line| format!("{name}| {line}\n")).collect();
        output::write(&lines)?;
        match (status, error) {
            (Some(status @ 1..), _) => session.progress.say(&format!("{name}: status {status}")),
            (_, Some(error)) => session.progress.say(&format!("{name}: {error}")),
            _ => {}
        }
    }
    hosts.conclude(failed)
}
