//! Which builder makes a derivation's outputs.

use std::path::Path;

use nix_store::{Derivation, Hash};

use crate::builders::{
    Attributes, BuildEnv, ConcatFiles, Context, DiskImage, FetchUrl, MakeInitrd, MakeTree, MergeDebs,
    UnpackDeb, WriteFile, parse_attributes,
};
use crate::error::{Error, Result};
use crate::realise::machine::Machine;

/// A builder that runs inside the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InProcess {
    /// `builtin:buildenv`
    BuildEnv,
    /// `builtin:concat-files`
    ConcatFiles,
    /// `builtin:disk-image`
    DiskImage,
    /// `builtin:fetchurl`
    FetchUrl,
    /// `builtin:make-initrd`
    MakeInitrd,
    /// `builtin:make-tree`
    MakeTree,
    /// `builtin:merge-debs`
    MergeDebs,
    /// `builtin:unpack-deb`
    UnpackDeb,
    /// `builtin:write-file`
    WriteFile,
}

/// What makes a derivation's outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Builder {
    /// A builder that runs inside the process.
    InProcess(InProcess),
    /// A program of the derivation's own, in a sandbox, or on another machine if one is free.
    Sandboxed,
    /// A program of the derivation's own on another machine, as it cannot run on this one.
    Remote,
}

impl Builder {
    /// The builder of a derivation.
    ///
    /// # Errors
    /// Why there is none.
    pub fn of(derivation: &Derivation, machine: &Machine) -> Result<Self, Unbuildable> {
        if derivation.builder.starts_with(b"builtin:") {
            return InProcess::of(derivation).map(Builder::InProcess);
        }
        if derivation.outputs.values().any(|output| output.path().is_none()) {
            return Err(Unbuildable::FloatingOutputs);
        }
        machine.check(derivation)?;
        Ok(Builder::Sandboxed)
    }

    /// The builder's name, for people.
    pub fn name(self) -> &'static str {
        match self {
            Builder::InProcess(builder) => builder.name(),
            Builder::Sandboxed => "a program in a sandbox",
            Builder::Remote => "a program on another machine",
        }
    }

    /// Whether the builder is one of this process that waits for the network rather than for the processor.
    pub fn is_fetch(self) -> bool {
        self == InProcess::FetchUrl
    }

    /// Roughly how long a build takes, to begin early what much waits for: in tenths of a second for a usual host.
    pub(super) fn cost(self) -> u32 {
        match self {
            Builder::InProcess(builder) => builder.cost(),
            // Nobody knows; most are compilations.
            Builder::Sandboxed | Builder::Remote => 100,
        }
    }
}

impl PartialEq<InProcess> for Builder {
    fn eq(&self, other: &InProcess) -> bool {
        *self == Builder::InProcess(*other)
    }
}

/// Why a derivation cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unbuildable {
    /// Its builder is a program for another kind of machine.
    #[error("it needs a '{system}' machine; this one builds for {}", machine.join(", "))]
    OtherSystem {
        /// The platform that the builder runs on.
        system: String,
        /// The platforms of this machine.
        machine: Vec<String>,
    },
    /// It demands something of the machine (`requiredSystemFeatures`).
    #[error("it needs a machine with the features {}; this one has {}", missing.join(", "), listed(machine))]
    MissingFeatures {
        /// The features that this machine lacks.
        missing: Vec<String>,
        /// The features of this machine.
        machine: Vec<String>,
    },
    /// It runs nowhere.
    #[error("'max-jobs' is 0, so it is not built here, and no machine of 'builders' can build it")]
    NotHere,
    /// It demands to be built without a sandbox (`__noChroot`).
    #[error("it has '__noChroot' set and demands to be built without a sandbox, which is not done here")]
    WithoutSandbox,
    /// It stands for a package that the lock file does not have yet.
    #[error("it stands for a Debian package that is not locked yet; run 'hostwright lock'")]
    NeedsLock,
    /// There is no such builder.
    #[error("there is no builder '{builder}'")]
    UnknownBuilder {
        /// As the derivation has it.
        builder: String,
    },
    /// Its output's path is not known before the build.
    #[error("it has content-addressed outputs, which are not supported")]
    FloatingOutputs,
    /// A builder inside the process makes one output, `out`.
    #[error("'{builder}' makes one output 'out', but the derivation has others")]
    OtherOutputs {
        /// The builder.
        builder: &'static str,
    },
    /// Only an output whose hash is known in advance may come from the network.
    #[error("'builtin:fetchurl' needs a derivation whose output hash is given")]
    FetchWithoutHash,
}

fn listed(features: &[String]) -> String {
    if features.is_empty() { String::from("none") } else { features.join(", ") }
}

impl InProcess {
    const ALL: [InProcess; 9] = [
        InProcess::BuildEnv,
        InProcess::ConcatFiles,
        InProcess::DiskImage,
        InProcess::FetchUrl,
        InProcess::MakeInitrd,
        InProcess::MakeTree,
        InProcess::MergeDebs,
        InProcess::UnpackDeb,
        InProcess::WriteFile,
    ];

    /// The builder's name, as derivations have it.
    pub fn name(self) -> &'static str {
        match self {
            InProcess::BuildEnv => "builtin:buildenv",
            InProcess::ConcatFiles => "builtin:concat-files",
            InProcess::DiskImage => "builtin:disk-image",
            InProcess::FetchUrl => "builtin:fetchurl",
            InProcess::MakeInitrd => "builtin:make-initrd",
            InProcess::MakeTree => "builtin:make-tree",
            InProcess::MergeDebs => "builtin:merge-debs",
            InProcess::UnpackDeb => "builtin:unpack-deb",
            InProcess::WriteFile => "builtin:write-file",
        }
    }

    /// The builder of a derivation.
    ///
    /// # Errors
    /// Why there is none.
    pub fn of(derivation: &Derivation) -> Result<Self, Unbuildable> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let builder = text(&derivation.builder);
        if builder == "builtin:hostwright-unlocked" {
            return Err(Unbuildable::NeedsLock);
        }
        if derivation.outputs.values().any(|output| output.path().is_none()) {
            return Err(Unbuildable::FloatingOutputs);
        }
        let known = Self::ALL.into_iter().find(|known| known.name() == builder);
        let known = known.ok_or(Unbuildable::UnknownBuilder { builder })?;
        if derivation.outputs.len() != 1 || !derivation.outputs.contains_key("out") {
            return Err(Unbuildable::OtherOutputs { builder: known.name() });
        }
        if known == InProcess::FetchUrl && derivation.fixed_output().is_none() {
            return Err(Unbuildable::FetchWithoutHash);
        }
        Ok(known)
    }

    /// Roughly how long a build takes, to begin early what much waits for: in tenths of a second for a usual host.
    pub(super) fn cost(self) -> u32 {
        match self {
            InProcess::WriteFile | InProcess::ConcatFiles => 1,
            InProcess::MakeTree | InProcess::BuildEnv => 1,
            InProcess::UnpackDeb => 2,
            InProcess::FetchUrl => 4,
            InProcess::MergeDebs | InProcess::MakeInitrd => 10,
            InProcess::DiskImage => 30,
        }
    }

    /// Makes the output of `derivation` at `place`. Returns the hash and the size of its archive if the builder knows them.
    pub(super) fn build(
        self,
        derivation: &Derivation,
        attributes: &Attributes,
        context: &Context<'_>,
        place: &Path,
    ) -> Result<Option<(Hash, u64)>> {
        macro_rules! structured {
            ($specification:ty) => {
                parse_attributes::<$specification>(self.name(), attributes.structured(self.name())?)?
                    .build(context, place)
            };
        }
        match self {
            InProcess::WriteFile => structured!(WriteFile),
            InProcess::MakeTree => structured!(MakeTree),
            InProcess::ConcatFiles => structured!(ConcatFiles),
            InProcess::UnpackDeb => structured!(UnpackDeb),
            InProcess::MergeDebs => structured!(MergeDebs),
            InProcess::MakeInitrd => structured!(MakeInitrd),
            InProcess::DiskImage => return structured!(DiskImage),
            InProcess::BuildEnv => BuildEnv::new(attributes)?.build(context, place),
            InProcess::FetchUrl => {
                let Some((method, hash, path)) = derivation.fixed_output() else {
                    return Err(Error::attribute("outputHash", Unbuildable::FetchWithoutHash.to_string()));
                };
                FetchUrl::new(attributes)?.build(path, method, hash, context, place)
            }
        }?;
        Ok(None)
    }
}
