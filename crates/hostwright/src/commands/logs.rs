//! `hostwright logs HOST`

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::ExitCode;

use deploy::host::quoted;

use super::{Session, ssh};
use crate::arguments::LogsArguments;
use crate::failure::Failure;
use crate::output;

/// Prints what the last change of a host said, or becomes `journalctl` on it.
pub fn run(session: &Session, arguments: &LogsArguments) -> Result<ExitCode, Failure> {
    let hosts = ssh::one(session, &arguments.host)?;
    let Some(host) = hosts.hosts.first() else {
        return Err(Failure::Usage(format!("'{}' names no host", arguments.host)));
    };
    if arguments.unit.is_none() && !arguments.follow && !arguments.boot {
        let directory = hosts.log_directory(session).join(&host.name);
        let Some(newest) = newest(&directory) else {
            return Err(Failure::Usage(format!(
                "'{}' was not changed from here yet; -b prints its journal",
                host.name
            )));
        };
        let text = fs::read_to_string(&newest).map_err(|source| Failure::File {
            action: "read",
            path: newest.clone(),
            source,
        })?;
        output::write(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    let address = hosts.address(host)?;
    let mut words = Vec::new();
    if !address.is_root(hosts.ssh_settings()) {
        words.extend(host.deployment.privilege_escalation_command.iter().map(|word| quoted(word)));
    }
    words.extend(["journalctl", "--no-pager"].map(str::to_owned));
    if arguments.follow {
        words.push("--follow".to_owned());
    }
    if arguments.boot {
        words.push("--boot".to_owned());
    }
    if let Some(unit) = &arguments.unit {
        words.push(format!("--unit={}", quoted(unit)));
    }
    let settings = deploy::SshSettings { may_ask: true, ..hosts.ssh_settings().clone() };
    let mut command = address.command(&settings);
    command.arg("--").arg(&address.host).arg(words.join(" "));
    let source = command.exec();
    Err(deploy::Error::Start { program: "ssh".to_owned(), source }.into())
}

/// Their names are the times of their beginning.
fn newest(directory: &std::path::Path) -> Option<PathBuf> {
    let entries = fs::read_dir(directory).ok()?.flatten().map(|entry| entry.path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "log")).max()
}
