//! One build: from a derivation whose inputs are valid to a valid output.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use nix_store::local::Begin;
use nix_store::{
    ContentAddress, ContentAddressMethod, Derivation, Hash, HashingWriter, LocalStore, StorePath, nar,
};

use crate::builders::{Attributes, Context, Network};
use crate::cancellation::Cancellation;
use crate::error::{Error, IoContext, Result};
use crate::inputs::Inputs;
use crate::realise::builder::InProcess;
use crate::realise::log_file::LogFile;
use crate::realise::plan::PlannedBuild;
use crate::realise::scratch::Scratch;
use crate::realise::valid_paths::ValidPaths;

/// What all builds of a run share.
pub(super) struct Run<'run> {
    pub(super) store: &'run LocalStore,
    pub(super) valid: ValidPaths<'run>,
    pub(super) scratch: Scratch,
    pub(super) network: Option<&'run Network>,
    pub(super) cancellation: Cancellation,
}

/// How a build that did not fail ended.
pub(super) enum Done {
    /// The output became valid; the size of its NAR.
    Built(u64),
    /// It was valid when its lock was had.
    AlreadyValid,
}

impl Run<'_> {
    /// Builds a derivation.
    ///
    /// The output is made at a temporary place under its path's lock; `hashing` is called when it is made. It becomes valid in
    /// one transaction after it is complete, so a kill at any moment leaves a store that verifies.
    pub(super) fn build(&self, build: &PlannedBuild, log: &LogFile<'_>, hashing: &dyn Fn()) -> Result<Done> {
        self.cancellation.check()?;
        let derivation = &build.derivation;
        let Some(path) = build.outputs.get("out") else {
            return Err(Error::NoSuchOutput {
                derivation: build.derivation_path.base_name().to_owned(),
                output: String::from("out"),
            });
        };
        let mut unfinished = match self.store.begin(path)? {
            Begin::Valid(info) => {
                self.valid.add(info);
                return Ok(Done::AlreadyValid);
            }
            Begin::Unfinished(unfinished) => unfinished,
        };
        self.cancellation.check()?;
        let inputs = self.inputs(derivation)?;
        let attributes = Attributes::of(derivation, self.store.directory())?;
        let scratch = self.scratch.for_build()?;
        let context = Context {
            inputs: &inputs,
            scratch: scratch.path(),
            cancellation: &self.cancellation,
            log,
            network: self.network,
        };
        let hashed = build.builder.build(derivation, &attributes, &context, unfinished.place())?;
        self.cancellation.check()?;
        hashing();
        let address = match derivation.fixed_output() {
            Some((method, hash, _)) => Some(verify(build, method, hash, unfinished.place())?),
            None => None,
        };
        // Whoever discards references does so to keep an image from holding on to what is in it.
        let discards = attributes.discards_references("out");
        let mut info = match hashed {
            Some((hash, size)) if discards => unfinished.finish_hashed(hash, size)?,
            _ if discards => unfinished.finish([])?,
            _ => unfinished.finish(inputs.closure().map(|info| &info.path).chain([path]))?,
        };
        if address.is_some() && !info.references.is_empty() {
            return Err(Error::FixedOutputReferences { path: self.store.directory().display(path) });
        }
        info.deriver = Some(build.derivation_path.clone());
        info.content_address = address;
        self.store.register(std::slice::from_ref(&info))?;
        let size = info.nar_size;
        self.valid.add(info);
        Ok(Done::Built(size))
    }

    /// How large a build is among those of its kind: the bytes of a package that is to be unpacked. An order for builds, so what
    /// cannot be found out counts as nothing.
    pub(super) fn weight(&self, build: &PlannedBuild) -> u64 {
        if build.builder != InProcess::UnpackDeb {
            return 0;
        }
        let paths = self.direct_inputs(&build.derivation).unwrap_or_default();
        let sizes = paths.iter().filter_map(|path| self.valid.get(path).ok().flatten());
        sizes.map(|info| info.nar_size).sum()
    }

    /// What the derivation may read: its sources, the outputs of its input derivations, and what these refer to.
    fn inputs(&self, derivation: &Derivation) -> Result<Inputs> {
        let closure = self.valid.closure(self.direct_inputs(derivation)?)?;
        Ok(Inputs::new(self.store.directory().clone(), self.store.root().store_directory(), closure))
    }

    /// The sources of a derivation, and the outputs of its input derivations.
    fn direct_inputs(&self, derivation: &Derivation) -> Result<BTreeSet<StorePath>> {
        let mut direct: BTreeSet<StorePath> = derivation.input_srcs.clone();
        for (path, names) in &derivation.input_drvs {
            let input = self.store.read_derivation(path)?;
            direct.extend(super::plan::output_paths(path, &input, names)?.into_values());
        }
        Ok(direct)
    }
}

/// Checks an output whose hash was given in advance.
fn verify(
    build: &PlannedBuild,
    method: ContentAddressMethod,
    expected: &Hash,
    place: &Path,
) -> Result<ContentAddress> {
    let actual = match method {
        ContentAddressMethod::Flat | ContentAddressMethod::Text => {
            let metadata = fs::symlink_metadata(place).on("examine", place)?;
            if !metadata.is_file() || metadata.permissions().mode() & 0o111 != 0 {
                return Err(Error::WrongFileType {
                    path: build.name.clone(),
                    wanted: "a regular file that is not executable, as a flat output hash demands",
                });
            }
            nar::hash_file(expected.algorithm(), place)?
        }
        ContentAddressMethod::Recursive => {
            let mut writer = HashingWriter::new(expected.algorithm(), std::io::sink());
            nar::dump(place, &mut writer)?;
            writer.finish().0
        }
    };
    if actual == *expected {
        return Ok(ContentAddress { method, hash: actual });
    }
    Err(Error::HashMismatch {
        name: build.name.clone(),
        urls: build.urls.clone(),
        expected: Box::new(*expected),
        actual: Box::new(actual),
    })
}
