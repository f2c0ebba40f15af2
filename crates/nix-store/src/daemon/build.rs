//! Builds through a daemon.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::time::Duration;

use super::connection::ProtocolVersion;
use super::log::without_colours;
use super::wire::{Message, read_flag, read_list, read_number, read_text};
use crate::derivation::{Derivation, DerivationOutput};
use crate::error::{Error, Result};
use crate::store_path::{StoreDir, StorePath};

/// Which outputs of a derivation are wanted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum OutputNames {
    /// All that it has.
    All,
    /// These.
    Names(BTreeSet<String>),
}

/// Something that a store can be asked to have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum DerivedPath {
    /// A path, which a substituter may have.
    Opaque(StorePath),
    /// Outputs of a derivation, which may have to be built.
    Built {
        /// The derivation.
        derivation: StorePath,
        /// Which of its outputs.
        outputs: OutputNames,
    },
}

impl DerivedPath {
    /// `PATH`, `DRV!*` or `DRV!out,dev`: how the protocol has it.
    pub fn display(&self, directory: &StoreDir) -> String {
        match self {
            DerivedPath::Opaque(path) => directory.display(path),
            DerivedPath::Built { derivation, outputs: OutputNames::All } => {
                format!("{}!*", directory.display(derivation))
            }
            DerivedPath::Built { derivation, outputs: OutputNames::Names(names) } => {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                format!("{}!{}", directory.display(derivation), names.join(","))
            }
        }
    }

    /// Reads what [`Self::display`] writes.
    pub(super) fn parse(directory: &StoreDir, text: &str) -> Result<Self> {
        match text.split_once('!') {
            None => Ok(DerivedPath::Opaque(directory.parse(text.as_bytes())?)),
            Some((derivation, names)) => Ok(DerivedPath::Built {
                derivation: directory.parse(derivation.as_bytes())?,
                outputs: match names {
                    "*" => OutputNames::All,
                    names => OutputNames::Names(names.split(',').map(str::to_owned).collect()),
                },
            }),
        }
    }
}

/// How a daemon builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BuildMode {
    /// What is not valid.
    #[default]
    Normal,
    /// What is not valid or damaged.
    Repair,
    /// Again, to see whether the result is the same.
    Check,
}

impl BuildMode {
    pub(super) fn number(self) -> u64 {
        match self {
            BuildMode::Normal => 0,
            BuildMode::Repair => 1,
            BuildMode::Check => 2,
        }
    }
}

/// How a build ended (`build-result.hh` of Nix).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildStatus {
    /// It was built.
    Built,
    /// A substituter had it.
    Substituted,
    /// It was there.
    AlreadyValid,
    /// It failed and would again.
    PermanentFailure,
    /// An input is not what it should be.
    InputRejected,
    /// The output is not what it should be.
    OutputRejected,
    /// It failed, but may not the next time.
    TransientFailure,
    /// It failed before, and that was remembered.
    CachedFailure,
    /// It took too long, or was silent for too long.
    TimedOut,
    /// Something else failed.
    MiscFailure,
    /// Something that it needs failed.
    DependencyFailed,
    /// It said too much.
    LogLimitExceeded,
    /// It gave another result than before.
    NotDeterministic,
    /// It is the same as another derivation whose outputs are there.
    ResolvesToAlreadyValid,
    /// No substituter has it.
    NoSubstituters,
}

impl BuildStatus {
    fn of_number(number: u64) -> Result<Self> {
        Ok(match number {
            0 => BuildStatus::Built,
            1 => BuildStatus::Substituted,
            2 => BuildStatus::AlreadyValid,
            3 => BuildStatus::PermanentFailure,
            4 => BuildStatus::InputRejected,
            5 => BuildStatus::OutputRejected,
            6 => BuildStatus::TransientFailure,
            7 => BuildStatus::CachedFailure,
            8 => BuildStatus::TimedOut,
            9 => BuildStatus::MiscFailure,
            10 => BuildStatus::DependencyFailed,
            11 => BuildStatus::LogLimitExceeded,
            12 => BuildStatus::NotDeterministic,
            13 => BuildStatus::ResolvesToAlreadyValid,
            14 => BuildStatus::NoSubstituters,
            _ => return Err(Error::MalformedMessage { problem: "an unknown status of a build" }),
        })
    }

    /// Whether the outputs are there now.
    pub fn is_success(self) -> bool {
        matches!(
            self,
            BuildStatus::Built
                | BuildStatus::Substituted
                | BuildStatus::AlreadyValid
                | BuildStatus::ResolvesToAlreadyValid
        )
    }
}

/// How a build ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildResult {
    /// In one word.
    pub status: BuildStatus,
    /// What went wrong.
    pub error: String,
    /// How often it was built.
    pub times_built: u64,
    /// Whether it gave different results.
    pub is_non_deterministic: bool,
    /// When it began, in seconds since 1970; 0 if it did not.
    pub start_time: u64,
    /// When it ended, in seconds since 1970.
    pub stop_time: u64,
    /// The time of processors that it used, if that is known.
    pub cpu_user: Option<Duration>,
    /// The time of processors that the kernel used for it, if that is known.
    pub cpu_system: Option<Duration>,
    /// The outputs by name, where the daemon tells them.
    pub outputs: BTreeMap<String, StorePath>,
}

pub(super) fn read_build_result(
    reader: &mut (impl Read + ?Sized),
    version: ProtocolVersion,
) -> Result<BuildResult> {
    let mut result = BuildResult {
        status: BuildStatus::of_number(read_number(reader)?)?,
        error: without_colours(&read_text(reader)?),
        times_built: read_number(reader)?,
        is_non_deterministic: read_flag(reader)?,
        start_time: read_number(reader)?,
        stop_time: read_number(reader)?,
        cpu_user: None,
        cpu_system: None,
        outputs: BTreeMap::new(),
    };
    if version.minor >= 37 {
        result.cpu_user = read_duration(reader)?;
        result.cpu_system = read_duration(reader)?;
    }
    let outputs = read_list(reader, |reader| Ok((read_text(reader)?, read_text(reader)?)))?;
    for (id, realisation) in outputs {
        let malformed = Error::MalformedMessage { problem: "an output that cannot be read" };
        let name = id.rsplit_once('!').map(|(_, name)| name.to_owned());
        match (name, realised_path(&realisation)) {
            (Some(name), Some(path)) => result.outputs.insert(name, path),
            _ => return Err(malformed),
        };
    }
    Ok(result)
}

fn read_duration(reader: &mut (impl Read + ?Sized)) -> Result<Option<Duration>> {
    match read_number(reader)? {
        0 => Ok(None),
        1 => Ok(Some(Duration::from_micros(read_number(reader)?))),
        _ => Err(Error::MalformedMessage { problem: "a value that may be missing" }),
    }
}

/// The path in a realisation (Nix manual, "Realisation"), a text in JSON.
fn realised_path(realisation: &str) -> Option<StorePath> {
    let value: serde_json::Value = serde_json::from_str(realisation).ok()?;
    StorePath::from_base_name(value.get("outPath")?.as_str()?).ok()
}

/// Writes a derivation as the protocol has it: without its input derivations, whose outputs are among its sources.
pub(super) fn write_basic_derivation(message: &mut Message, directory: &StoreDir, derivation: &Derivation) {
    message.number(derivation.outputs.len() as u64);
    for (name, output) in &derivation.outputs {
        let path = output.path().map(|path| directory.display(path)).unwrap_or_default();
        let (algorithm, hash) = match output {
            DerivationOutput::InputAddressed { .. } | DerivationOutput::Deferred => Default::default(),
            DerivationOutput::Fixed { method, hash, .. } => {
                (format!("{}{}", method.prefix(), hash.algorithm()), hash.to_base16())
            }
            DerivationOutput::Floating { method, algorithm } => {
                (format!("{}{algorithm}", method.prefix()), String::new())
            }
        };
        message.string(name).string(path).string(algorithm).string(hash);
    }
    message.paths(directory, derivation.input_srcs.iter());
    message.string(&derivation.system).string(&derivation.builder).strings(derivation.args.iter());
    message.number(derivation.env.len() as u64);
    for (name, value) in derivation.env.iter() {
        message.string(name).string(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derived_paths_are_read_back() {
        let directory = StoreDir::default();
        let path = StorePath::from_parts([3; 20], "x.drv").unwrap();
        let names = OutputNames::Names(BTreeSet::from(["dev".to_owned(), "out".to_owned()]));
        for (derived, suffix) in [
            (DerivedPath::Opaque(path.clone()), ""),
            (DerivedPath::Built { derivation: path.clone(), outputs: OutputNames::All }, "!*"),
            (DerivedPath::Built { derivation: path.clone(), outputs: names }, "!dev,out"),
        ] {
            let text = derived.display(&directory);
            assert_eq!(text, format!("/nix/store/{path}{suffix}"));
            assert_eq!(DerivedPath::parse(&directory, &text).unwrap(), derived);
        }
        assert!(DerivedPath::parse(&directory, "x!out").is_err());
    }
}
