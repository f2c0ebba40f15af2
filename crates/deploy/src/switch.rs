//! Changing a running host so that it comes back by itself.
//!
//! The host does it alone: `host/switch.sh` runs as a unit of its own, notes how far it came, and goes back to the old
//! generation unless it is told within a time that all is well. What tells it is a new connection, as the one that began the
//! switch may only still stand because nothing has looked at it yet.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use nix_store::{StoreDir, StorePath};

use crate::error::{Error, Result};
use crate::host::{Host, Rights, Script};
use crate::state::{HostState, Phase, SwitchState, Verdict};

const PROGRAM: &str = include_str!("host/switch.sh");
const BEGIN: &str = include_str!("host/begin.sh");
const FOLLOW: &str = include_str!("host/follow.sh");
const DECIDE: &str = include_str!("host/decide.sh");

/// How long an activation and, if need be, another one back may take before the host is given up.
const SPARE: Duration = Duration::from_secs(120);

/// Between attempts to connect.
const PAUSE: Duration = Duration::from_millis(500);

/// How a switch is to be made.
#[derive(Debug, Clone)]
pub struct SwitchOptions {
    /// Whether the new generation also becomes the one that boots.
    pub is_kept: bool,
    /// The number of the generation, if it is one of the host's that is gone back to.
    pub generation: Option<u64>,
    /// Whether the host goes back by itself.
    pub rolls_back: bool,
    /// How long the host waits for the confirmation after the activation.
    pub confirm_timeout: Duration,
    /// How long the activation may take.
    pub activation_timeout: Duration,
}

/// What a switch is made with: how the host is reached anew, what makes sure that it is well, and who hears what it says.
pub struct Surroundings<'a> {
    /// Connects once more.
    pub connect: &'a dyn Fn() -> Result<Host>,
    /// Makes sure that the host is well; gets the units that had failed before.
    pub check: &'a dyn Fn(&Host, &BTreeSet<String>) -> Result<()>,
    /// Hears what the activation prints.
    pub heard: &'a (dyn Fn(&str) + Sync),
    /// Hears what is being done.
    pub doing: &'a (dyn Fn(&str) + Sync),
    /// Whether somebody pressed Ctrl-C; the host then goes back.
    pub interrupted: &'a (dyn Fn() -> bool + Sync),
}

/// Makes `system`, which must be in the host's store, the generation that runs. `before` is the host's state at the moment.
///
/// # Errors
/// Those before anything was changed. What happens later is the [`Verdict`].
pub fn switch(
    host: &Host,
    before: &HostState,
    system: &StorePath,
    options: &SwitchOptions,
    with: &Surroundings<'_>,
) -> Result<Verdict> {
    if !before.programs.contains("systemd-run") {
        return Err(Error::Lacks { host: host.name().to_owned(), program: "systemd-run" });
    }
    let id = identity()?;
    let system = StoreDir::default().display(system);
    let goal = match (options.is_kept, options.generation) {
        (false, _) => "test".to_owned(),
        (true, None) => "switch".to_owned(),
        (true, Some(number)) => number.to_string(),
    };
    let rolls_back = if options.rolls_back { "yes" } else { "no" };
    let confirm = options.confirm_timeout.as_secs().max(1).to_string();
    let activate = options.activation_timeout.as_secs().max(1).to_string();
    (with.doing)("activating");
    let begin = Script {
        action: "begin the switch",
        text: BEGIN,
        arguments: &[&id, &system, &goal, rolls_back, &confirm, &activate, &PROGRAM.len().to_string()],
        rights: Rights::Root,
        patience: Duration::from_secs(60),
    };
    match host.run_with(&begin, PROGRAM.as_bytes(), |_| {}) {
        // It may have begun all the same; the host is asked.
        Err(error) if error.is_passing() => {}
        other => drop(other?),
    }
    let follow = Script {
        action: "tell how the activation goes",
        text: FOLLOW,
        arguments: &[&id],
        rights: Rights::Root,
        patience: options.activation_timeout + SPARE,
    };
    let followed = host.run_with(&follow, b"", with.heard).ok();
    let followed = followed.and_then(|printed| SwitchState::parse(&printed)).filter(|state| state.id == id);
    let failed_before: BTreeSet<String> = before.failed.iter().cloned().collect();
    let ends = Instant::now() + options.confirm_timeout + options.activation_timeout + SPARE;
    let seen = Seen { id: &id, failed_before: &failed_before, followed };
    Ok(conclude(&seen, options, with, ends))
}

struct Seen<'a> {
    id: &'a str,
    failed_before: &'a BTreeSet<String>,
    /// What the first connection heard, if it lasted.
    followed: Option<SwitchState>,
}

/// Connects anew until the host says what became of the switch, and confirms it on the way.
fn conclude(seen: &Seen<'_>, options: &SwitchOptions, with: &Surroundings<'_>, ends: Instant) -> Verdict {
    if options.rolls_back
        && let Some(SwitchState { phase: Phase::Waiting, .. }) = &seen.followed
    {
        (with.doing)("connecting anew");
    }
    let mut last = match &seen.followed {
        Some(_) => String::new(),
        None => "the connection broke during the activation".to_owned(),
    };
    loop {
        let interrupted = (with.interrupted)();
        match look(seen, with, interrupted) {
            Ok(Some(verdict)) => return verdict,
            Ok(None) => {}
            // Somebody else answers: it will not be better in a while, and the host goes back by itself.
            Err(error @ Error::HostKeyChanged { .. }) => return Verdict::Unknown(error.to_string()),
            Err(error) => {
                last = error.to_string();
                (with.doing)("waiting for the host to answer");
            }
        }
        if Instant::now() >= ends {
            return Verdict::Unknown(last);
        }
        thread::sleep(PAUSE);
    }
}

/// Looks at the host over a new connection; `None` if there is nothing to be said yet.
fn look(seen: &Seen<'_>, with: &Surroundings<'_>, interrupted: bool) -> Result<Option<Verdict>> {
    let host = (with.connect)()?;
    let ours = |state: &HostState| state.switch.as_ref().is_some_and(|switch| switch.id == seen.id);
    let waits = matches!(&seen.followed, Some(state) if state.phase == Phase::Waiting);
    if !waits || interrupted {
        let state = HostState::read(&host)?;
        if !ours(&state) {
            return Ok(Some(Verdict::Unknown("the host knows nothing of this switch".to_owned())));
        }
        match state.verdict() {
            Some(Verdict::UnderWay(Phase::Waiting)) => {}
            Some(Verdict::UnderWay(_)) | None => return Ok(None),
            verdict => return Ok(verdict),
        }
    }
    (with.doing)("checking");
    let checked = if interrupted { Err(Error::Interrupted) } else { (with.check)(&host, seen.failed_before) };
    let refusal = match checked {
        Ok(()) => None,
        Err(Error::Interrupted) => Some("it was interrupted".to_owned()),
        Err(error @ Error::Unhealthy { .. }) => Some(error.to_string()),
        Err(error) => return Err(error),
    };
    (with.doing)(if refusal.is_some() { "rolling back" } else { "confirming" });
    let decision = if refusal.is_some() { "refused" } else { "confirmed" };
    let decide = Script {
        action: "end the switch",
        text: DECIDE,
        arguments: &[seen.id, decision, refusal.as_deref().unwrap_or_default()],
        rights: Rights::Root,
        patience: Duration::from_secs(600),
    };
    let printed = match host.run(&decide) {
        Ok(printed) => printed,
        // It had ended before, or the connection went with the way back: asked again.
        Err(_) => return HostState::read(&host).map(|state| state.verdict().filter(|v| !is_under_way(v))),
    };
    Ok(SwitchState::parse(&printed).and_then(|switch| {
        let boot = switch.boot.clone();
        let current = switch.new.clone();
        let state = HostState { switch: Some(switch), boot, current, ..HostState::default() };
        state.verdict().filter(|verdict| !is_under_way(verdict))
    }))
}

fn is_under_way(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::UnderWay(_))
}

/// A name for a switch that no other has.
fn identity() -> Result<String> {
    let file = tempfile::Builder::new()
        .prefix("")
        .rand_bytes(12)
        .tempfile()
        .map_err(|source| Error::io("make", &std::env::temp_dir(), source))?;
    let name = file.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(name)
}
