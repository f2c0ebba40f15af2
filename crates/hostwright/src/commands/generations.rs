//! `hostwright generations [FLAKE] --on …`

use std::time::Duration;

use deploy::{Host, Rights, Script};
use serde_json::{Value, json};

use super::Session;
use crate::arguments::GenerationsArguments;
use crate::failure::Failure;
use crate::output;
use crate::stages::hosts::{Hosts, open_fleet};

/// Prints a line a generation: its number, when it was made in seconds since 1970 and as people read it, its path.
const LIST: &str = "cd /nix/var/nix/profiles || exit
for link in system-*-link; do
  [ -L \"$link\" ] || continue
  number=${link#system-}; number=${number%-link}
  printf '%s %s %s %s\\n' \"$number\" \"$(stat -c %Y \"$link\")\" \"$(date -u -d @\"$(stat -c %Y \"$link\")\" +%Y-%m-%dT%H:%M:%SZ)\" \"$(readlink -f \"$link\")\"
done
printf 'profile %s\\ncurrent %s\\nbooted %s\\n' \"$(readlink system)\" \"$(readlink -f /run/current-system)\" \"$(readlink -f /run/booted-system)\"";

/// A generation that a host has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostGeneration {
    /// Its number.
    pub number: u64,
    /// When it was made.
    pub date: String,
    /// Its path.
    pub path: String,
    /// Whether the profile leads to it.
    pub is_profile: bool,
    /// Whether it runs.
    pub is_current: bool,
    /// Whether its kernel runs.
    pub is_booted: bool,
}

/// Asks the hosts and prints.
pub fn run(session: &Session, arguments: &GenerationsArguments) -> Result<(), Failure> {
    let (fleet, only) = open_fleet(session, &arguments.flake, &arguments.hosts)?;
    let hosts = Hosts::find(session, &fleet, only.as_deref(), &arguments.hosts)?;
    let found = session.progress.stage("ask", "Asking the hosts", || {
        hosts.each(|host| hosts.connect(host).and_then(|host| generations(&host)))
    });
    let mut failed = 0;
    for (host, found) in hosts.hosts.iter().zip(found) {
        match found {
            Ok(found) if arguments.json => {
                let all: Vec<Value> = found.iter().map(describe).collect();
                output::json(&json!({ "host": host.name, "generations": all }))?;
            }
            Ok(found) => {
                let lines: String = found.iter().map(line).collect();
                output::write(&format!("{}:\n{lines}", host.name))?;
            }
            Err(error) => {
                failed += 1;
                session.progress.say(&format!("{}: {error}", host.name));
            }
        }
    }
    hosts.conclude(failed)
}

/// The generations of a host's system profile, by number.
pub fn generations(host: &Host) -> deploy::Result<Vec<HostGeneration>> {
    let printed = host.run(&Script {
        action: "list its generations",
        text: LIST,
        arguments: &[],
        rights: Rights::User,
        patience: Duration::from_secs(60),
    })?;
    Ok(parse(&printed))
}

fn parse(printed: &str) -> Vec<HostGeneration> {
    let named = |name: &str| {
        printed.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).unwrap_or_default()
    };
    let (profile, current, booted) = (named("profile"), named("current"), named("booted"));
    let mut found: Vec<HostGeneration> = printed
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ');
            let number = fields.next()?.parse().ok()?;
            let (_, date, path) = (fields.next()?, fields.next()?, fields.next()?);
            Some(HostGeneration {
                number,
                date: date.to_owned(),
                path: path.to_owned(),
                is_profile: profile == format!("system-{number}-link"),
                is_current: path == current,
                is_booted: path == booted,
            })
        })
        .collect();
    found.sort_by_key(|generation| generation.number);
    found
}

fn describe(generation: &HostGeneration) -> Value {
    json!({
        "generation": generation.number,
        "date": generation.date,
        "path": generation.path,
        "profile": generation.is_profile,
        "current": generation.is_current,
        "booted": generation.is_booted,
    })
}

fn line(generation: &HostGeneration) -> String {
    let mut notes = Vec::new();
    for (holds, note) in
        [(generation.is_profile, "boots"), (generation.is_current, "runs"), (generation.is_booted, "booted")]
    {
        if holds {
            notes.push(note);
        }
    }
    let text =
        format!("  {:>4}  {}  {}  {}", generation.number, generation.date, generation.path, notes.join(", "));
    format!("{}\n", text.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generations_are_sorted_and_marked() {
        let found = parse(
            "10 5 1970-01-01T00:00:05Z /nix/store/b\n9 1 1970-01-01T00:00:01Z /nix/store/a\nprofile system-10-link\n\
             current /nix/store/a\nbooted /nix/store/a\n",
        );
        assert_eq!(found.iter().map(|generation| generation.number).collect::<Vec<_>>(), [9, 10]);
        assert_eq!(line(&found[0]), "     9  1970-01-01T00:00:01Z  /nix/store/a  runs, booted\n");
        assert_eq!(line(&found[1]), "    10  1970-01-01T00:00:05Z  /nix/store/b  boots\n");
    }
}
