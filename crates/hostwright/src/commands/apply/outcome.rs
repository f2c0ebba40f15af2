//! What became of a host.

use std::time::Duration;

use deploy::plan::{PackageChange, UnitChanges};
use nix_store::{StoreDir, StorePath};
use serde::Serialize;
use serde_json::{Value, json};

use crate::output;

/// What became of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The generation was built.
    Built,
    /// The host has it.
    Pushed,
    /// The host said what it would do.
    Planned,
    /// It runs already.
    Unchanged,
    /// It runs (or boots next), and was found well.
    Applied,
    /// It was not wanted, after it had been shown.
    Skipped,
    /// The old generation runs again.
    RolledBack,
    /// Something failed, and nothing was brought back.
    Failed,
    /// The host could not be reached, and nothing was changed.
    Unreachable,
    /// Nobody knows.
    Unknown,
}

impl Outcome {
    /// Whether it is what was asked for.
    pub fn is_success(self) -> bool {
        match self {
            Outcome::Built
            | Outcome::Pushed
            | Outcome::Planned
            | Outcome::Unchanged
            | Outcome::Applied
            | Outcome::Skipped => true,
            Outcome::RolledBack | Outcome::Failed | Outcome::Unreachable | Outcome::Unknown => false,
        }
    }
}

/// What became of a host, and all that was found out on the way.
#[derive(Debug, Clone)]
pub struct Report {
    /// Its name.
    pub host: String,
    /// What became of it.
    pub outcome: Outcome,
    /// Why, where there is something to say.
    pub reason: Option<String>,
    /// The generation that ran before.
    pub old: Option<StorePath>,
    /// The new one.
    pub new: Option<StorePath>,
    /// Packages that change.
    pub packages: Vec<PackageChange>,
    /// Units that change.
    pub units: UnitChanges,
    /// The names of the host's secrets.
    pub secrets: Vec<String>,
    /// Those of them that it had not, or others of the name.
    pub changed_secrets: Vec<String>,
    /// Whether the host has to restart for all of it.
    pub needs_reboot: bool,
    /// What was copied.
    pub copied: deploy::CopyReport,
    /// Bytes that went through SSH to the host.
    pub sent: u64,
    /// How long it took.
    pub time: Duration,
    /// The file with everything that was said.
    pub log: Option<std::path::PathBuf>,
}

impl Report {
    /// Of a host that nothing is known of yet.
    pub fn of(host: &str) -> Self {
        Report {
            host: host.to_owned(),
            outcome: Outcome::Unknown,
            reason: None,
            old: None,
            new: None,
            packages: Vec::new(),
            units: UnitChanges::default(),
            secrets: Vec::new(),
            changed_secrets: Vec::new(),
            needs_reboot: false,
            copied: deploy::CopyReport::default(),
            sent: 0,
            time: Duration::ZERO,
            log: None,
        }
    }

    /// Of a host that nothing was done with.
    pub fn failed(host: &str, reason: &str) -> Self {
        Report { outcome: Outcome::Failed, reason: Some(reason.to_owned()), ..Self::of(host) }
    }

    /// One line for people.
    pub fn sentence(&self) -> String {
        let what = match self.outcome {
            Outcome::Built => "built",
            Outcome::Pushed => "has it",
            Outcome::Planned => "nothing was changed",
            Outcome::Unchanged => "runs it already",
            Outcome::Applied if self.needs_reboot => "done; it needs a restart for all of it",
            Outcome::Applied => "done",
            Outcome::Skipped => "left as it is",
            Outcome::RolledBack => "ROLLED BACK to the old generation",
            Outcome::Failed => "FAILED",
            Outcome::Unreachable => "UNREACHABLE, nothing was changed",
            Outcome::Unknown => "UNKNOWN: look at the host",
        };
        let mut text = format!("{}: {what}", self.host);
        if let Some(reason) = &self.reason {
            text.push_str(&format!(": {reason}"));
        }
        text.push_str(&format!(" ({:.1} s, {} sent)", self.time.as_secs_f64(), output::bytes(self.sent)));
        if let (false, Some(log)) = (self.outcome.is_success(), &self.log) {
            text.push_str(&format!("\n  all that was said: {}", log.display()));
        }
        text
    }

    /// The object of `--json`.
    pub fn json(&self) -> Value {
        let path = |path: &Option<StorePath>| path.as_ref().map(|path| StoreDir::default().display(path));
        json!({
            "host": self.host,
            "outcome": self.outcome,
            "reason": self.reason,
            "old": path(&self.old),
            "new": path(&self.new),
            "packages": self.packages,
            "units": self.units.units,
            "secrets": self.secrets,
            "changedSecrets": self.changed_secrets,
            "needsReboot": self.needs_reboot,
            "copied": {
                "paths": self.copied.paths.len(),
                "rebuilt": self.copied.rebuilt,
                "narBytes": self.copied.nar_bytes,
                "bytes": self.copied.bytes,
            },
            "bytesSent": self.sent,
            "seconds": (self.time.as_secs_f64() * 1000.0).round() / 1000.0,
            "log": self.log,
        })
    }
}
