//! `builtin:make-initrd`: the archive that the kernel unpacks as its first root file system.
//!
//! Entries, the shared libraries of those that are ELF programs, and kernel modules with all that they need, decompressed (the
//! archive is compressed as a whole, which is smaller) and listed in an order in which they can be loaded.

mod libraries;
mod modules;

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use disk_image::cpio;
use serde::Deserialize;

use crate::builders::context::Context;
use crate::builders::entry::{Entry, tree_of};
use crate::builders::image_tree::add_tree;
use crate::error::{Error, IoContext, Result};
use crate::tree::TreePath;

pub use modules::KernelModules;

/// Fast, and within a few per cent of what slower levels reach on kernel modules.
const ZSTD_LEVEL: i32 = 3;

/// The attributes of `builtin:make-initrd`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct MakeInitrd {
    /// What is in the archive, the later over the earlier.
    pub entries: Vec<Entry>,
    /// Kernel modules.
    pub kernel_modules: Option<KernelModules>,
    /// Trees (unpacked packages) in which the shared libraries of `elf` entries are looked for, in this order.
    #[serde(default)]
    pub library_paths: Vec<String>,
    /// How the archive is compressed.
    #[serde(default)]
    pub compressor: Compressor,
    /// Archives that are put before this one as they are: early firmware, which must not be compressed.
    #[serde(default)]
    pub prepend: Vec<String>,
}

/// How an initrd is compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compressor {
    /// Zstandard.
    #[default]
    Zstd,
    /// gzip, for kernels and boot loaders that know nothing else.
    Gzip,
    /// xz, the smallest.
    Xz,
    /// Not at all.
    Cat,
}

impl MakeInitrd {
    /// Writes the archive to `initrd` in the output.
    pub fn build(&self, context: &Context<'_>, output: &Path) -> Result<()> {
        let mut tree = tree_of(&self.entries, context.inputs)?;
        let programs = self.entries.iter().filter(|entry| entry.elf);
        let programs = programs.map(|entry| TreePath::parse(&entry.path)).collect::<Result<Vec<_>>>()?;
        libraries::add(&mut tree, &programs, &self.library_paths, context.inputs)?;
        if let Some(modules) = &self.kernel_modules {
            modules.add(&mut tree, context)?;
        }
        context.cancellation.check()?;
        let mut image = disk_image::Tree::new(disk_image::Attributes::root(0o755, 1));
        add_tree(&mut image, &TreePath::root(), &tree.root, 1)?;
        fs::create_dir(output).on("create", output)?;
        let path = output.join("initrd");
        let mut file = BufWriter::with_capacity(1 << 20, File::create_new(&path).on("create", &path)?);
        for archive in &self.prepend {
            let real = context.inputs.require_file(archive)?;
            let mut source = File::open(&real).on("open", &real)?;
            io::copy(&mut source, &mut file).on("copy", &real)?;
        }
        self.compress(&image, &mut file, &path)?;
        file.flush().on("write", &path)
    }

    fn compress(&self, image: &disk_image::Tree, file: &mut impl Write, path: &Path) -> Result<()> {
        let named = |error: disk_image::Error| match error {
            disk_image::Error::Stream { source } => Error::io("write", path, source),
            other => Error::Image(other),
        };
        match self.compressor {
            Compressor::Cat => {
                cpio::write(image, file).map_err(named)?;
            }
            Compressor::Zstd => {
                let mut encoder = zstd::Encoder::new(file, ZSTD_LEVEL).on("write", path)?;
                // The number of threads does not change what is written as long as there is one.
                let threads = std::thread::available_parallelism().map_or(1, usize::from).min(8) as u32;
                encoder.multithread(threads).on("write", path)?;
                encoder.include_checksum(true).on("write", path)?;
                cpio::write(image, &mut encoder).map_err(named)?;
                encoder.finish().on("write", path)?;
            }
            Compressor::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::default());
                cpio::write(image, &mut encoder).map_err(named)?;
                encoder.finish().on("write", path)?;
            }
            Compressor::Xz => {
                // The kernel's decoder knows no checksum but CRC-32.
                let stream = liblzma::stream::Stream::new_easy_encoder(6, liblzma::stream::Check::Crc32)
                    .map_err(|error| Error::io("write", path, error.into()))?;
                let mut encoder = liblzma::write::XzEncoder::new_stream(file, stream);
                cpio::write(image, &mut encoder).map_err(named)?;
                encoder.finish().on("write", path)?;
            }
        }
        Ok(())
    }
}
