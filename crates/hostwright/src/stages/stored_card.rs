//! Cards of systems that are in the store already.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indicatif::ProgressBar;
use nix_build::builders::{Compression, Context, Log};
use nix_build::{Inputs, ToplevelCard};
use nix_store::{LocalStore, StoreDir, StorePath, ValidPathInfo};

use crate::commands::Session;
use crate::failure::Failure;

/// Bytes of the partition for firmware: nixpkgs' own.
const FIRMWARE_SIZE: u64 = 30 << 20;

/// What card is wanted.
pub struct CardWanted<'a> {
    /// The system: a path of the store, or a link to one.
    pub toplevel: &'a Path,
    /// What the board's firmware reads.
    pub firmware: Option<&'a Path>,
    /// How the image is compressed.
    pub compression: Option<Compression>,
}

/// Makes the card in the directory `output`, which must not exist; the image's file in it.
pub fn make(
    session: &Session,
    store: &LocalStore,
    wanted: &CardWanted<'_>,
    output: &Path,
) -> Result<PathBuf, Failure> {
    let toplevel = store_path(session, wanted.toplevel)?;
    let firmware = wanted.firmware.map(|path| store_path(session, path)).transpose()?;
    let roots = [Some(&toplevel), firmware.as_ref()].into_iter().flatten();
    let real_store = store.real_path(&toplevel).parent().map(Path::to_owned).unwrap_or_default();
    let inputs = Inputs::new(StoreDir::default(), real_store, closure(store, roots.cloned().collect())?);
    let firmware_size = FIRMWARE_SIZE;
    let card = ToplevelCard {
        toplevel: &toplevel,
        firmware: firmware.as_ref(),
        firmware_size,
        compression: wanted.compression,
    };
    let image = card.describe(&inputs)?;
    let parent = output.parent().unwrap_or(Path::new("/"));
    let failed = |source| Failure::File { action: "write", path: parent.to_owned(), source };
    let scratch = tempfile::tempdir_in(parent).map_err(failed)?;
    let cancellation = nix_build::Cancellation::new();
    let stop = cancellation.clone();
    let _guard = session.interrupts.guard(move || stop.cancel());
    let log = CardLog { session, bar: session.progress.bytes("image", 0) };
    // Under its name when it is whole.
    let made = scratch.path().join("card");
    let context = Context {
        inputs: &inputs,
        scratch: scratch.path(),
        cancellation: &cancellation,
        log: &log,
        network: None,
    };
    session.progress.stage("image", "Making the image", || image.build(&context, &made)).map_err(
        |error| {
            if session.interrupts.interrupted() { Failure::Interrupted } else { error.into() }
        },
    )?;
    std::fs::rename(&made, output).map_err(|source| Failure::File {
        action: "write",
        path: output.to_owned(),
        source,
    })?;
    let directory = image.directory.as_ref().map_or_else(|| output.to_owned(), |name| output.join(name));
    Ok(directory.join(&image.file_name))
}

/// The store path that a path is or leads to; stores that lie elsewhere are looked into, too.
fn store_path(session: &Session, path: &Path) -> Result<StorePath, Failure> {
    let path = session.configuration.working_directory.join(path);
    let directory = StoreDir::default();
    let logical = |path: &Path| {
        let below =
            path.strip_prefix(&session.configuration.store_root).map(|below| Path::new("/").join(below));
        let logical = below.ok().filter(|below| below.starts_with(directory.as_str()));
        logical.unwrap_or_else(|| path.to_owned())
    };
    let mut logical_path = logical(&path);
    if !logical_path.starts_with(directory.as_str()) {
        let target = std::fs::read_link(&path).map_err(|source| Failure::File {
            action: "read",
            path: path.clone(),
            source,
        })?;
        logical_path = logical(&target);
    }
    Ok(directory.parse(logical_path.as_os_str().as_encoded_bytes())?)
}

/// All that some paths need, with what the store knows of it.
fn closure(store: &LocalStore, roots: Vec<StorePath>) -> Result<Vec<Arc<ValidPathInfo>>, Failure> {
    let mut seen: BTreeSet<StorePath> = roots.iter().cloned().collect();
    let mut pending = roots;
    let mut infos = Vec::new();
    while let Some(path) = pending.pop() {
        let info = store.path_info(&path)?;
        for reference in &info.references {
            if seen.insert(reference.clone()) {
                pending.push(reference.clone());
            }
        }
        infos.push(Arc::new(info));
    }
    Ok(infos)
}

/// Shows what the builder says.
struct CardLog<'a> {
    session: &'a Session,
    bar: ProgressBar,
}

impl Log for CardLog<'_> {
    fn line(&self, text: &str) {
        self.session.progress.detail(text);
    }

    fn progress(&self, done: u64, total: Option<u64>) {
        if let Some(total) = total {
            self.bar.set_length(total);
        }
        self.bar.set_position(done);
    }
}

impl Drop for CardLog<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
