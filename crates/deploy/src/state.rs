//! What a host is and does at the moment.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use nix_store::{StoreDir, StorePath};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::host::{Host, Rights, Script};

const READ: &str = include_str!("host/read.sh");

/// What a host is and does at the moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HostState {
    /// The generation that runs (`/run/current-system`).
    pub current: Option<StorePath>,
    /// The generation whose kernel runs (`/run/booted-system`).
    pub booted: Option<StorePath>,
    /// The generation that the system profile leads to.
    pub profile: Option<StorePath>,
    /// Its number.
    pub generation: Option<u64>,
    /// When the profile was changed, in seconds since 1970.
    pub since: Option<u64>,
    /// Which boot this is (`/proc/sys/kernel/random/boot_id`).
    pub boot: String,
    /// Seconds since then.
    pub uptime: u64,
    /// The processor, as `uname -m` has it.
    pub machine: String,
    /// Programs that are there, of those that deploying uses.
    pub programs: BTreeSet<String>,
    /// Size of the store's file system, and what is free there, in bytes.
    pub disk: Option<(u64, u64)>,
    /// What `systemctl is-system-running` says.
    pub running: String,
    /// Units that have failed.
    pub failed: Vec<String>,
    /// What became of the last switch.
    pub switch: Option<SwitchState>,
}

/// How far a switch came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// The generation is being made the running one.
    Activating,
    /// It runs, and waits for somebody who says that it is well.
    Waiting,
    /// It is made the one that boots.
    Confirming,
    /// It is done.
    Applied,
    /// The old generation is being made the running one.
    RollingBack,
    /// The old generation runs.
    RolledBack,
    /// Something failed, and the new generation was left as it is, as was asked for.
    Failed,
}

impl Phase {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "activating" => Phase::Activating,
            "waiting" => Phase::Waiting,
            "confirming" => Phase::Confirming,
            "applied" => Phase::Applied,
            "rolling-back" => Phase::RollingBack,
            "rolled-back" => Phase::RolledBack,
            "failed" => Phase::Failed,
            _ => return None,
        })
    }

    /// Whether nothing comes after it.
    pub fn is_final(self) -> bool {
        matches!(self, Phase::Applied | Phase::RolledBack | Phase::Failed)
    }
}

/// What a switch has noted on the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwitchState {
    /// Which switch.
    pub id: String,
    /// How far it came.
    pub phase: Phase,
    /// Why it went back or failed.
    pub reason: String,
    /// The generation before.
    pub old: Option<StorePath>,
    /// The generation that it is about.
    pub new: Option<StorePath>,
    /// The boot that it ran in.
    pub boot: String,
    /// Whether it still runs.
    pub is_active: bool,
}

/// What a switch came to, seen afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is under way.
    UnderWay(Phase),
    /// The new generation runs, and is kept.
    Applied,
    /// The old generation runs; why.
    RolledBack(String),
    /// The new generation runs, or a part of it; what is wrong.
    Failed(String),
    /// What is there is neither; why nothing better can be said.
    Unknown(String),
}

impl HostState {
    /// Asks a host.
    ///
    /// # Errors
    /// Those of running a script, and [`Error::Answer`].
    pub fn read(host: &Host) -> Result<Self> {
        let printed = host.run(&Script {
            action: "tell its state",
            text: READ,
            arguments: &[],
            rights: Rights::Root,
            patience: Duration::from_secs(60),
        })?;
        Self::parse(&printed).map_err(|problem| Error::Answer { host: host.name().to_owned(), problem })
    }

    fn parse(printed: &str) -> Result<Self, String> {
        let mut state = HostState::default();
        let mut switch = BTreeMap::new();
        let mut is_whole = false;
        for line in printed.lines() {
            let Some((name, value)) = line.split_once('=') else { continue };
            let path = || store_path(value);
            match name {
                "current" => state.current = path(),
                "booted" => state.booted = path(),
                "profile" => state.profile = path(),
                "generation" => {
                    let number = value.rsplit('/').next().and_then(|link| link.strip_suffix("-link"));
                    state.generation =
                        number.and_then(|link| link.rsplit('-').next()).and_then(|text| text.parse().ok());
                }
                "since" => state.since = value.parse().ok(),
                "boot" => state.boot = value.to_owned(),
                "uptime" => state.uptime = value.parse().unwrap_or(0),
                "machine" => state.machine = value.to_owned(),
                "program" => {
                    state.programs.insert(value.to_owned());
                }
                "disk" => {
                    let mut numbers = value.split(' ').map(|text| text.parse::<u64>().ok());
                    if let (Some(Some(size)), Some(Some(free))) = (numbers.next(), numbers.next()) {
                        state.disk = Some((size.saturating_mul(1024), free.saturating_mul(1024)));
                    }
                }
                "running" => state.running = value.to_owned(),
                "failed" => state.failed.push(value.to_owned()),
                "end" => is_whole = true,
                _ => {
                    if let Some(name) = name.strip_prefix("switch.") {
                        switch.insert(name, value);
                    }
                }
            }
        }
        if !is_whole {
            return Err("what it says of its state breaks off".to_owned());
        }
        if !switch.is_empty() {
            state.switch = SwitchState::of(&switch);
        }
        Ok(state)
    }

    /// What became of the last switch, seen now.
    pub fn verdict(&self) -> Option<Verdict> {
        let switch = self.switch.as_ref()?;
        Some(match switch.phase {
            Phase::Applied => Verdict::Applied,
            Phase::RolledBack => Verdict::RolledBack(switch.reason.clone()),
            Phase::Failed => Verdict::Failed(switch.reason.clone()),
            phase if switch.is_active => Verdict::UnderWay(phase),
            _ if switch.boot != self.boot => match &self.current {
                current if *current == switch.old => Verdict::RolledBack(
                    "the host restarted before it was confirmed, and booted the old generation".to_owned(),
                ),
                current if *current == switch.new && self.profile == switch.new => Verdict::Applied,
                _ => Verdict::Unknown("the host restarted during the switch".to_owned()),
            },
            phase => Verdict::Unknown(format!("the switch ended by force while it was {phase:?}")),
        })
    }

    /// Whether the kernel or what starts it is not that of the generation that runs.
    pub fn needs_reboot(&self, same_boot_files: impl FnOnce(&StorePath, &StorePath) -> bool) -> bool {
        match (&self.current, &self.booted) {
            (Some(current), Some(booted)) => current != booted && !same_boot_files(current, booted),
            _ => false,
        }
    }
}

impl SwitchState {
    /// Reads what the host's program noted: NAME=VALUE lines.
    pub fn parse(text: &str) -> Option<Self> {
        Self::of(&text.lines().filter_map(|line| line.split_once('=')).collect())
    }

    fn of(values: &BTreeMap<&str, &str>) -> Option<Self> {
        let value = |name| values.get(name).copied().unwrap_or_default();
        Some(SwitchState {
            id: value("id").to_owned(),
            phase: Phase::parse(value("phase"))?,
            reason: value("reason").to_owned(),
            old: store_path(value("old")),
            new: store_path(value("new")),
            boot: value("boot").to_owned(),
            is_active: values.contains_key("active"),
        })
    }
}

fn store_path(text: &str) -> Option<StorePath> {
    StoreDir::default().parse(text.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "/nix/store/00000000000000000000000000000000-nixos-system-a-1";
    const NEW: &str = "/nix/store/11111111111111111111111111111111-nixos-system-a-1";

    fn state(current: &str, boot: &str, phase: &str, active: &str) -> HostState {
        HostState::parse(&format!(
            "motd of the shell\ncurrent={current}\nbooted={OLD}\nprofile={OLD}\ngeneration=system-12-link\nsince=5\n\
             boot={boot}\nuptime=7\nmachine=x86_64\nprogram=perl\ndisk=100 40\nrunning=degraded\nfailed=a=b.service\n\
             {active}switch.id=x\nswitch.phase={phase}\nswitch.reason=units failed: a.service\nswitch.old={OLD}\n\
             switch.new={NEW}\nswitch.boot=one\nend=\n"
        ))
        .unwrap()
    }

    #[test]
    fn a_state_is_read() {
        let found = state(OLD, "one", "applied", "");
        assert_eq!(found.generation, Some(12));
        assert_eq!(found.disk, Some((102_400, 40_960)));
        assert_eq!(found.failed, ["a=b.service"]);
        assert!(HostState::parse("current=/x\n").is_err(), "it breaks off");
    }

    #[test]
    fn the_verdict_is_what_is_there() {
        let active = "switch.active=yes\n";
        assert_eq!(state(NEW, "one", "applied", "").verdict(), Some(Verdict::Applied));
        assert_eq!(
            state(OLD, "one", "rolled-back", "").verdict(),
            Some(Verdict::RolledBack("units failed: a.service".to_owned()))
        );
        assert_eq!(state(NEW, "one", "waiting", active).verdict(), Some(Verdict::UnderWay(Phase::Waiting)));
        assert!(matches!(state(OLD, "two", "waiting", "").verdict(), Some(Verdict::RolledBack(_))));
        assert!(matches!(state(NEW, "two", "confirming", "").verdict(), Some(Verdict::Unknown(_))));
        assert!(matches!(state(NEW, "one", "activating", "").verdict(), Some(Verdict::Unknown(_))));
    }
}
