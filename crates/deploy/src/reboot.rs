//! Generations that need a reboot: made the next to boot, tried, and kept when they were found well.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use nix_store::{StoreDir, StorePath};

use crate::error::{Error, Result};
use crate::host::{Host, Rights, Script};
use crate::state::{HostState, Verdict};
use crate::switch::Surroundings;

const BOOT: &str = include_str!("host/boot.sh");
const CONFIRM: &str = include_str!("host/confirm-boot.sh");

/// Between attempts to reach a host that restarts.
const PAUSE: Duration = Duration::from_secs(1);

/// The generation that boots next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextBoot {
    /// It boots from now on.
    Default,
    /// It boots once; the host goes back by itself unless it is confirmed.
    Trial,
}

/// Makes `system` the generation that boots next. With `confirm_within`, how long after its boot it may wait to be
/// confirmed, it is tried first by hosts that can do that.
///
/// # Errors
/// Those of running it.
pub fn set_next_boot(
    host: &Host,
    system: &StorePath,
    confirm_within: Option<Duration>,
    heard: &(dyn Fn(&str) + Sync),
) -> Result<NextBoot> {
    let system = StoreDir::default().display(system);
    let seconds = confirm_within.map(|span| span.as_secs().max(1).to_string()).unwrap_or_default();
    let script = Script {
        action: "make the generation the next to boot",
        text: BOOT,
        arguments: &[&system, &seconds],
        rights: Rights::Root,
        patience: Duration::from_secs(600),
    };
    let is_trial = host.run_with(&script, b"", heard)?.lines().any(|line| line == "trial");
    Ok(if is_trial { NextBoot::Trial } else { NextBoot::Default })
}

/// Restarts a host whose next boot is `system`, waits for it for `patience`, makes sure that it is well, and keeps the
/// generation.
///
/// # Errors
/// Those before the restart; what happens later is the [`Verdict`].
pub fn reboot(
    before: &HostState,
    (system, next): (&StorePath, NextBoot),
    patience: Duration,
    with: &Surroundings<'_>,
) -> Result<Verdict> {
    (with.doing)("rebooting");
    restart(&(with.connect)()?)?;
    let ends = Instant::now() + patience;
    let mut last = "it did not answer again".to_owned();
    (with.doing)("waiting for the host to come back");
    loop {
        thread::sleep(PAUSE);
        match look(before, system, next, with) {
            Ok(Some(verdict)) => return Ok(verdict),
            Ok(None) => {}
            Err(error @ Error::HostKeyChanged { .. }) => return Ok(Verdict::Unknown(error.to_string())),
            Err(error) => last = error.to_string(),
        }
        if Instant::now() >= ends {
            return Ok(Verdict::Unknown(last));
        }
        if (with.interrupted)() {
            return Err(Error::Interrupted);
        }
    }
}

fn restart(host: &Host) -> Result<()> {
    let script = Script {
        action: "restart",
        text: "exec systemctl reboot",
        arguments: &[],
        rights: Rights::Root,
        patience: Duration::from_secs(30),
    };
    match host.run(&script) {
        // The connection goes with the host.
        Err(error) if !error.is_passing() => Err(error),
        _ => Ok(()),
    }
}

fn look(
    before: &HostState,
    system: &StorePath,
    next: NextBoot,
    with: &Surroundings<'_>,
) -> Result<Option<Verdict>> {
    let host = (with.connect)()?;
    let state = HostState::read(&host)?;
    if state.boot == before.boot {
        return Ok(None);
    }
    if state.booted.as_ref() != Some(system) {
        return Ok(Some(Verdict::RolledBack(
            "the host booted another generation than the new one".to_owned(),
        )));
    }
    (with.doing)("checking");
    let failed_before: BTreeSet<String> = before.failed.iter().cloned().collect();
    match (with.check)(&host, &failed_before) {
        Ok(()) => {}
        Err(error @ Error::Unhealthy { .. }) if next == NextBoot::Trial => {
            // Its default is the old generation still.
            (with.doing)("restarting into the old generation");
            restart(&host)?;
            return Ok(Some(Verdict::RolledBack(error.to_string())));
        }
        Err(error @ Error::Unhealthy { .. }) => return Ok(Some(Verdict::Failed(error.to_string()))),
        Err(error) => return Err(error),
    }
    let system = StoreDir::default().display(system);
    host.run(&Script {
        action: "keep the generation",
        text: CONFIRM,
        arguments: &[&system, if next == NextBoot::Trial { "trial" } else { "default" }],
        rights: Rights::Root,
        patience: Duration::from_secs(120),
    })?;
    Ok(Some(Verdict::Applied))
}
