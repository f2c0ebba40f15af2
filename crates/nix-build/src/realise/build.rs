//! One build: from a derivation whose inputs are valid to a valid output.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix_store::local::{Begin, Unfinished, canonicalise, remove_tree};
use nix_store::{
    ContentAddress, ContentAddressMethod, Derivation, Hash, HashingWriter, LocalStore, StorePath,
    ValidPathInfo, nar,
};

use crate::builders::{Attributes, Context, Log};
use crate::cancellation::Cancellation;
use crate::error::{Error, IoContext, Result};
use crate::inputs::Inputs;
use crate::realise::builder::{Builder, InProcess};
use crate::realise::log_file::LogFile;
use crate::realise::output_checks::Outputs;
use crate::realise::plan::PlannedBuild;
use crate::realise::sandboxed::Sandboxed;
use crate::realise::schedule::Settings;
use crate::realise::scratch::Scratch;
use crate::realise::valid_paths::ValidPaths;
use crate::remote::{Job, RemoteBuilder};

/// What all builds of a run share.
pub(super) struct Run<'run> {
    pub(super) store: &'run LocalStore,
    pub(super) valid: ValidPaths<'run>,
    pub(super) scratch: Scratch,
    pub(super) settings: &'run Settings,
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
    /// Builds a derivation, here or on another machine.
    ///
    /// Each output is made at a temporary place under its path's lock; `hashing` is called when all are made. They become
    /// valid in one transaction after they are complete, so a kill at any moment leaves a store that verifies.
    pub(super) fn build(
        &self,
        build: &PlannedBuild,
        remote: Option<&RemoteBuilder<'_>>,
        log: &LogFile<'_>,
        hashing: &dyn Fn(),
    ) -> Result<Done> {
        self.cancellation.check()?;
        if build.is_check {
            return self.check(build, log, hashing);
        }
        let derivation = &build.derivation;
        let mut unfinished = self.begin(build)?;
        if unfinished.is_empty() {
            return Ok(Done::AlreadyValid);
        }
        self.cancellation.check()?;
        let inputs = self.inputs(derivation)?;
        let attributes = Attributes::of(derivation, self.store.directory())?;
        let scratch = self.scratch.for_build()?;
        let places: BTreeMap<&str, PathBuf> =
            unfinished.iter().map(|(name, output)| (*name, output.place().to_path_buf())).collect();
        let hashed = match remote {
            None => self.make(build, &inputs, &attributes, &places, scratch.path(), log)?,
            Some(remote) => {
                remote.build(&Job {
                    store: self.store,
                    path: &build.derivation_path,
                    derivation,
                    inputs: &self.direct_inputs(derivation)?,
                    outputs: &build.outputs,
                    places: &places,
                    cancellation: &self.cancellation,
                    log: &|line| Log::line(log, line),
                })?;
                None
            }
        };
        self.cancellation.check()?;
        hashing();
        let mut infos: BTreeMap<String, ValidPathInfo> = BTreeMap::new();
        for (name, output) in &mut unfinished {
            let info =
                self.finish(build, &inputs, name, output, hashed, attributes.discards_references(name))?;
            infos.insert((*name).to_owned(), info);
        }
        let outputs = Outputs { infos: &infos, paths: &build.outputs, inputs: &inputs };
        if let Err(error) = outputs.check(&attributes) {
            for info in infos.values() {
                remove_tree(&self.store.real_path(&info.path))?;
            }
            return Err(error);
        }
        let infos: Vec<ValidPathInfo> = infos.into_values().collect();
        self.store.register(&infos)?;
        let size = infos.iter().map(|info| info.nar_size).sum();
        for info in infos {
            self.valid.add(info);
        }
        Ok(Done::Built(size))
    }

    /// Makes the outputs that have places. Returns the hash and the size of the archive if the builder knows them.
    fn make(
        &self,
        build: &PlannedBuild,
        inputs: &Inputs,
        attributes: &Attributes,
        places: &BTreeMap<&str, PathBuf>,
        scratch: &Path,
        log: &LogFile<'_>,
    ) -> Result<Option<(Hash, u64)>> {
        match build.builder {
            Builder::InProcess(builder) => {
                let context = Context {
                    inputs,
                    scratch,
                    cancellation: &self.cancellation,
                    log,
                    network: self.settings.network.as_ref(),
                };
                let Some(place) = places.get("out") else {
                    return Err(Error::NoSuchOutput {
                        derivation: build.derivation_path.base_name().to_owned(),
                        output: String::from("out"),
                    });
                };
                builder.build(&build.derivation, attributes, &context, place)
            }
            // Only the scheduler sends builds away; what is made by nobody else is made here.
            Builder::Sandboxed | Builder::Remote => {
                let sandboxed = Sandboxed {
                    build,
                    inputs,
                    attributes,
                    settings: self.settings,
                    cancellation: &self.cancellation,
                    scratch,
                    kept: self.store.root().state_directory().join("hostwright/failed").join(&build.name),
                };
                sandboxed.run(places, log)?;
                Ok(None)
            }
        }
    }

    /// Makes valid outputs once more, elsewhere, and compares.
    fn check(&self, build: &PlannedBuild, log: &LogFile<'_>, hashing: &dyn Fn()) -> Result<Done> {
        let inputs = self.inputs(&build.derivation)?;
        let attributes = Attributes::of(&build.derivation, self.store.directory())?;
        let scratch = self.scratch.for_build()?;
        let made = scratch.path().join("outputs");
        fs::create_dir(&made).on("create", &made)?;
        let places: BTreeMap<&str, PathBuf> =
            build.outputs.iter().map(|(name, path)| (name.as_str(), made.join(path.base_name()))).collect();
        let result = self.make(build, &inputs, &attributes, &places, scratch.path(), log);
        let compared = result.and_then(|_| {
            hashing();
            for (name, place) in &places {
                let path = &build.outputs[*name];
                // One that nobody has wanted so far can be anything.
                let Some(info) = self.valid.get(path)? else { continue };
                canonicalise(place)?;
                let (actual, _) = nar::hash_path(place)?;
                if actual != info.nar_hash {
                    return Err(Error::NotTheSame {
                        path: self.store.directory().display(path),
                        expected: Box::new(info.nar_hash),
                        actual: Box::new(actual),
                    });
                }
            }
            Ok(Done::AlreadyValid)
        });
        remove_tree(&made)?;
        compared
    }

    /// Locks the outputs of a build, in the order of their paths; returns those that have to be made, by name.
    fn begin<'build>(&self, build: &'build PlannedBuild) -> Result<BTreeMap<&'build str, Unfinished<'_>>> {
        let mut outputs: Vec<(&str, &StorePath)> =
            build.outputs.iter().map(|(name, path)| (name.as_str(), path)).collect();
        outputs.sort_by_key(|(_, path)| *path);
        let mut unfinished = BTreeMap::new();
        for (name, path) in outputs {
            match self.store.begin(path)? {
                Begin::Valid(info) => {
                    self.valid.add(info);
                }
                Begin::Unfinished(output) => {
                    unfinished.insert(name, output);
                }
            }
        }
        Ok(unfinished)
    }

    /// Checks, hashes and scans an output, and puts it into place.
    fn finish(
        &self,
        build: &PlannedBuild,
        inputs: &Inputs,
        name: &str,
        output: &mut Unfinished<'_>,
        hashed: Option<(Hash, u64)>,
        discards_references: bool,
    ) -> Result<ValidPathInfo> {
        let address = match build.derivation.fixed_output() {
            Some((method, hash, _)) if name == "out" => Some(verify(build, method, hash, output.place())?),
            _ => None,
        };
        // Whoever discards references does so to keep an image from holding on to what is in it.
        let mut info = match hashed {
            Some((hash, size)) if discards_references => output.finish_hashed(hash, size)?,
            _ if discards_references => output.finish([])?,
            _ => output.finish(inputs.closure().map(|info| &info.path).chain(build.outputs.values()))?,
        };
        if address.is_some() && !info.references.is_empty() {
            let path = self.store.directory().display(output.path());
            remove_tree(&self.store.real_path(output.path()))?;
            return Err(Error::FixedOutputReferences { path });
        }
        info.deriver = Some(build.derivation_path.clone());
        info.content_address = address;
        Ok(info)
    }

    /// How large a build is among those of its kind: the bytes of a package that is to be unpacked. An order for builds, so what
    /// cannot be found out counts as nothing.
    pub(super) fn weight(&self, build: &PlannedBuild) -> u64 {
        if !(build.builder == InProcess::UnpackDeb) {
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
