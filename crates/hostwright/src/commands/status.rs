//! `hostwright status [FLAKE] --on …`

use deploy::{HostState, Verdict};
use nix_store::{StoreDir, StorePath};
use serde_json::{Value, json};

use super::Session;
use crate::arguments::StatusArguments;
use crate::failure::Failure;
use crate::output;
use crate::stages::hosts::{FleetHost, Hosts, open_fleet};

/// Asks the hosts and prints a table.
pub fn run(session: &Session, arguments: &StatusArguments) -> Result<(), Failure> {
    let (fleet, only) = open_fleet(session, &arguments.flake, &arguments.hosts)?;
    let hosts = Hosts::find(session, &fleet, only.as_deref(), &arguments.hosts)?;
    let found = session.progress.stage("ask", "Asking the hosts", || {
        hosts.each(|host| hosts.connect(host).and_then(|host| HostState::read(&host)))
    });
    let rows: Vec<(&FleetHost, deploy::Result<HostState>)> = hosts.hosts.iter().zip(found).collect();
    if arguments.json {
        for (host, state) in &rows {
            output::json(&describe(&host.name, state))?;
        }
    } else {
        output::write(&table(&rows))?;
    }
    hosts.conclude(rows.iter().filter(|(_, state)| state.is_err()).count())
}

/// Whether what runs and what booted are two generations.
fn restart_pending(state: &HostState) -> bool {
    state.needs_reboot(|_, _| false)
}

fn verdict(state: &HostState) -> Option<(&'static str, Option<String>)> {
    Some(match state.verdict()? {
        Verdict::UnderWay(_) => ("under-way", None),
        Verdict::Applied => ("applied", None),
        Verdict::RolledBack(reason) => ("rolled-back", Some(reason)),
        Verdict::Failed(reason) => ("failed", Some(reason)),
        Verdict::Unknown(reason) => ("unknown", Some(reason)),
    })
}

fn describe(host: &str, state: &deploy::Result<HostState>) -> Value {
    let state = match state {
        Ok(state) => state,
        Err(error) => return json!({ "host": host, "reachable": false, "error": error.to_string() }),
    };
    let path = |path: &Option<StorePath>| path.as_ref().map(|path| StoreDir::default().display(path));
    let last = verdict(state).map(|(outcome, reason)| json!({ "outcome": outcome, "reason": reason }));
    json!({
        "host": host,
        "reachable": true,
        "generation": state.generation,
        "since": state.since,
        "current": path(&state.current),
        "booted": path(&state.booted),
        "profile": path(&state.profile),
        "drifted": state.current != state.profile,
        "bootedOther": restart_pending(state),
        "state": state.running,
        "failed": state.failed,
        "uptime": state.uptime,
        "diskSize": state.disk.map(|(size, _)| size),
        "diskFree": state.disk.map(|(_, free)| free),
        "lastSwitch": last,
    })
}

/// Columns as wide as they need to be.
fn table(rows: &[(&FleetHost, deploy::Result<HostState>)]) -> String {
    let mut lines = vec![["HOST", "GENERATION", "SINCE", "STATE", "DISK FREE", "NOTES"].map(str::to_owned)];
    for (host, state) in rows {
        lines.push(match state {
            Ok(state) => row(&host.name, state),
            Err(error) => {
                let first = error.to_string().lines().next().unwrap_or_default().to_owned();
                [host.name.clone(), "-".into(), "-".into(), "unreachable".into(), "-".into(), first]
            }
        });
    }
    let widths: Vec<usize> = (0..6)
        .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for line in lines {
        let cells: Vec<String> =
            line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

fn row(host: &str, state: &HostState) -> [String; 6] {
    let mut notes = Vec::new();
    if state.current != state.profile {
        notes.push("runs another generation than the one that boots".to_owned());
    }
    if restart_pending(state) {
        notes.push("booted an older generation".to_owned());
    }
    if !state.failed.is_empty() {
        notes.push(format!("failed: {}", state.failed.join(" ")));
    }
    match verdict(state) {
        Some(("applied", _)) | None => {}
        Some((outcome, reason)) => {
            notes.push(format!(
                "last switch {outcome}{}",
                reason.map(|r| format!(": {r}")).unwrap_or_default()
            ));
        }
    }
    let generation = state.generation.map_or_else(|| "-".to_owned(), |number| number.to_string());
    let disk = state.disk.map_or_else(|| "-".to_owned(), |(_, free)| output::bytes(free));
    [host.to_owned(), generation, age(state.since), state.running.clone(), disk, notes.join("; ")]
}

/// `3 h`: how long ago, in the largest unit that says something. A generation of an image has no time.
fn age(since: Option<u64>) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let Some(since) = since.filter(|since| *since > 1) else { return "image".to_owned() };
    let seconds = now.as_secs().saturating_sub(since);
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}
