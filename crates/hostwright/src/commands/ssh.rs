//! `hostwright ssh HOST`

use std::os::unix::process::CommandExt;
use std::process::ExitCode;

use super::Session;
use crate::arguments::{HostsArguments, SshArguments};
use crate::failure::Failure;
use crate::stages::hosts::{Hosts, open_fleet};

/// Becomes `ssh`, told where the host is and which keys it may have.
pub fn run(session: &Session, arguments: &SshArguments) -> Result<ExitCode, Failure> {
    let hosts = one(session, &arguments.host)?;
    let Some(host) = hosts.hosts.first() else {
        return Err(Failure::Usage(format!("'{}' names no host", arguments.host)));
    };
    let address = hosts.address(host)?;
    let settings = deploy::SshSettings { may_ask: true, ..hosts.ssh_settings().clone() };
    let mut command = address.command(&settings);
    command.arg("--").arg(&address.host).args(&arguments.command);
    let source = command.exec();
    Err(deploy::Error::Start { program: "ssh".to_owned(), source }.into())
}

/// The fleet with the one host that is meant: `FLAKE#HOST`, or its name in the flake of the working directory.
pub fn one(session: &Session, text: &str) -> Result<Hosts, Failure> {
    let arguments = HostsArguments { connect_timeout: 10, parallel: 1, ..HostsArguments::default() };
    let place = if text.contains('#') { text } else { "." };
    let (fleet, only) = open_fleet(session, place, &arguments)?;
    Hosts::find(session, &fleet, only.as_deref().or(Some(text)), &arguments)
}
