//! `builtin:disk-image`: a partitioned disk as one file, with closures in its file systems.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::{fs, io, thread};

use disk_image::tree::HostPolicy;
use disk_image::{FileContent, FileSystem, ImagePlan, PartitionType, Seed, SizePolicy, TableKind, VolumeId};
use liblzma::stream::{Check, MtStreamBuilder};
use liblzma::write::XzEncoder;
use nix_store::local::write_fresh_database;
use nix_store::nar::Node;
use nix_store::{Hash, HashAlgorithm, Hasher, HashingWriter, StorePath, ValidPathInfo};
use serde::Deserialize;

use crate::builders::context::Context;
use crate::builders::entry::{Entry, store_paths, tree_of};
use crate::builders::image_hash;
use crate::builders::image_manifest::{self, ImagePath};
use crate::builders::image_tree::add_tree;
use crate::error::{Error, IoContext, Result};
use crate::tree::TreePath;

/// The time of everything in an image that is no store path, in seconds since 1970: that of store paths. FAT, whose times begin
/// in 1980, has its own first day instead.
const TIME: i64 = 1;

/// The version of the database's schema, as Nix writes it beside the database.
const SCHEMA: &[u8] = b"10";

/// The compressors' own defaults.
const ZSTD_LEVEL: i32 = 3;
const XZ_LEVEL: u32 = 6;

/// Three dictionaries of level 6, as `xz -T0` has it (xz(1), `--block-size`).
const XZ_BLOCK: u64 = 24 << 20;

/// Where an output says what it is (Hydra's manual, "Build products").
const SUPPORT: &str = "nix-support";
const PRODUCTS: &str = "hydra-build-products";

/// The attributes of `builtin:disk-image`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DiskImage {
    /// The form of the file.
    pub image_format: ImageFormat,
    /// Its name in the output.
    pub file_name: String,
    /// The kind of partition table.
    #[serde(default)]
    pub partition_table: PartitionTable,
    /// The directory of the output that the file lies in; also the kind of build product. The output itself without it.
    pub directory: Option<String>,
    /// How the file is compressed.
    pub compression: Option<Compression>,
    /// All identifiers follow from this.
    pub seed: String,
    /// The signature of an MBR disk: `0x` and eight hexadecimal digits.
    pub signature: Option<String>,
    /// Bytes before the first partition.
    #[serde(default)]
    pub gap: u64,
    /// What the host takes from what is put before the first partition for one machine.
    #[serde(default)]
    pub takes: Vec<String>,
    /// The SHA-256 of packages in hexadecimal, by `NAME_VERSION`, for the list of what the image holds.
    #[serde(default)]
    pub deb_hashes: BTreeMap<String, String>,
    /// The partitions in their order on the disk.
    pub partitions: Vec<Partition>,
}

/// The form of an image's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImageFormat {
    /// The disk's bytes, sparse.
    Raw,
    /// QEMU's format, without what is empty.
    Qcow2,
}

/// The kind of a partition table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PartitionTable {
    /// GUID partition table.
    #[default]
    Gpt,
    /// Master boot record.
    Mbr,
}

/// How an image's file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Zstandard (RFC 8878).
    Zstd,
    /// The .xz format.
    Xz,
}

/// What a partition is for, as the discoverable partitions specification has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Purpose {
    /// EFI system partition.
    #[serde(rename = "esp")]
    Esp,
    /// The root of an x86-64 system.
    #[serde(rename = "linux-root-x86-64")]
    RootX86,
    /// The root of a 64-bit ARM system.
    #[serde(rename = "linux-root-arm64")]
    RootArm,
    /// Anything of Linux.
    #[serde(rename = "linux")]
    Linux,
    /// What a board's firmware reads.
    #[serde(rename = "firmware")]
    Firmware,
}

/// A partition's file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileSystemName {
    /// FAT.
    Vfat,
    /// ext4.
    Ext4,
}

/// One partition.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Partition {
    /// Its name in the partition table.
    pub name: String,
    /// What it is for.
    #[serde(rename = "type")]
    pub purpose: Purpose,
    /// Its file system.
    pub file_system: FileSystemName,
    /// Whether it is marked as the one to boot from.
    #[serde(default)]
    pub bootable: bool,
    /// The file system's label.
    pub label: String,
    /// The file system's identifier: a UUID, or for FAT `0x` and eight hexadecimal digits.
    pub volume_id: Option<String>,
    /// Bytes; as many as the content needs without it.
    pub size: Option<u64>,
    /// Bytes that stay free, where the size follows from the content.
    #[serde(default)]
    pub free_space: u64,
    /// What is in it.
    #[serde(default)]
    pub entries: Vec<Entry>,
    /// Store paths: their whole closure goes to `/nix/store` of the file system.
    #[serde(default)]
    pub closure: Vec<String>,
    /// Whether the file system gets a store's database in which the closure is valid, and the first of `closure` becomes the
    /// system's first generation.
    #[serde(default)]
    pub register_store: bool,
}

impl DiskImage {
    /// Writes the image, and `nix-support/hydra-build-products`, which says that it is one. Returns the hash and the size of the
    /// output's archive if they were found out on the way, as they are for a raw image.
    pub fn build(&self, context: &Context<'_>, output: &Path) -> Result<Option<(Hash, u64)>> {
        let names = [("fileName", Some(&self.file_name)), ("directory", self.directory.as_ref())];
        for (attribute, name) in names.into_iter().filter_map(|(attribute, name)| Some((attribute, name?))) {
            if TreePath::parse(name)?.names().len() != 1 {
                return Err(Error::attribute(attribute, format!("'{name}' is not a plain file name")));
            }
        }
        if self.compression.is_some() && self.image_format != ImageFormat::Raw {
            return Err(Error::attribute("compression", "only raw images are compressed"));
        }
        let partitions = self
            .partitions
            .iter()
            .enumerate()
            .map(|(number, partition)| partition.describe(number, context))
            .collect::<Result<Vec<_>>>()?;
        let image = disk_image::DiskImage {
            seed: Seed::new(&self.seed),
            timestamp: TIME,
            table: match self.partition_table {
                PartitionTable::Gpt => TableKind::Gpt,
                PartitionTable::Mbr => TableKind::Mbr,
            },
            signature: self.signature.as_deref().map(|text| hexadecimal("signature", text)).transpose()?,
            gap: self.gap,
            takes: self.takes.clone(),
            partitions,
        };
        let plan = image.plan()?;
        for line in plan.to_string().lines() {
            context.log.line(line);
        }
        fs::create_dir(output).on("create", output)?;
        let support = output.join(SUPPORT);
        fs::create_dir(&support).on("create", &support)?;
        let products = support.join(PRODUCTS);
        // Relative, so that the image does not refer to itself.
        let line = match &self.directory {
            Some(directory) => format!("file {directory} {directory}/{}\n", self.file_name),
            None => format!("file {}-image {}\n", self.format_name(), self.file_name),
        };
        fs::write(&products, &line).on("write", &products)?;

        let directory = self.directory.as_ref().map_or_else(|| output.to_owned(), |name| output.join(name));
        fs::create_dir_all(&directory).on("create", &directory)?;
        let path = directory.join(&self.file_name);
        let mut progress = |progress: disk_image::Progress| {
            context.log.progress(progress.done, Some(progress.total));
            if context.cancellation.is_cancelled() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        // Of images in a directory of their own, which is to hold what belongs to them.
        let mut file_hash = None;
        let written = match self.image_format {
            ImageFormat::Raw if let Some(compression) = self.compression => {
                write_compressed(&plan, &path, compression, &mut progress)
                    .map(|hash| file_hash = Some(hash))
                    .map(|()| None)
            }
            ImageFormat::Raw if self.directory.is_some() => {
                let mut hash = FileHash(Hasher::new(HashAlgorithm::Sha256));
                plan.write_raw_observed(&path, &mut progress, &mut hash)
                    .map(|()| file_hash = Some(hash.0.finish()))
                    .map(|()| None)
            }
            ImageFormat::Raw => self.write_raw(&plan, &path, line, &mut progress),
            ImageFormat::Qcow2 => plan.write_qcow2(&path, &mut progress).map(|()| None),
        };
        match written {
            Err(disk_image::Error::Cancelled) => Err(Error::Cancelled),
            outcome => {
                let outcome = outcome?;
                if let Some(hash) = file_hash {
                    self.describe_content(&hash, &path, context)?;
                }
                Ok(outcome)
            }
        }
    }

    /// Writes the image's checksum and the list of what it holds beside it.
    fn describe_content(&self, hash: &Hash, image: &Path, context: &Context<'_>) -> Result<()> {
        let mut closure = Vec::new();
        let roots: Vec<String> =
            self.partitions.iter().flat_map(|partition| partition.closure.iter().cloned()).collect();
        let roots = store_paths(&roots, context.inputs)?;
        for info in context.inputs.closure_of(&roots)? {
            closure.push(ImagePath {
                name: info.path.name().to_owned(),
                logical: context.inputs.store_dir().display(&info.path).to_string(),
                real: context.inputs.real_path(&info.path)?,
                nar_hash: info.nar_hash,
            });
        }
        let list = image_manifest::spdx(&self.file_name, Some(hash), &closure, &self.deb_hashes)?;
        let checksum = image_manifest::checksum_line(hash, &self.file_name);
        for (extension, text) in [("sha256", checksum), ("spdx.json", list)] {
            let mut name = image.as_os_str().to_owned();
            name.push(format!(".{extension}"));
            fs::write(&name, text).on("write", Path::new(&name))?;
        }
        Ok(())
    }

    /// Writes the image while another thread hashes it.
    fn write_raw(
        &self,
        plan: &ImagePlan,
        path: &Path,
        products: String,
        progress: &mut dyn FnMut(disk_image::Progress) -> ControlFlow<()>,
    ) -> disk_image::Result<Option<(Hash, u64)>> {
        let products = BTreeMap::from([(PRODUCTS.as_bytes().to_vec(), Node::file(products))]);
        let support = [(SUPPORT, Node::Directory(products))];
        let (sender, receiver) = sync_channel(image_hash::PIECES);
        thread::scope(|scope| {
            let hashing =
                scope.spawn(|| image_hash::hash_output(receiver, (&self.file_name, plan.size()), &support));
            let mut sender = image_hash::Sender::new(sender);
            plan.write_raw_observed(path, progress, &mut sender)?;
            sender.flush();
            drop(sender);
            // Without a hash the output is read again.
            Ok(hashing.join().ok().and_then(io::Result::ok).flatten())
        })
    }

    fn format_name(&self) -> &'static str {
        match self.image_format {
            ImageFormat::Raw => "raw",
            ImageFormat::Qcow2 => "qcow2",
        }
    }
}

/// Writes the image through a compressor, and gives the file's hash; there is no uncompressed file in between.
fn write_compressed(
    plan: &ImagePlan,
    path: &Path,
    compression: Compression,
    progress: &mut dyn FnMut(disk_image::Progress) -> ControlFlow<()>,
) -> disk_image::Result<Hash> {
    let failed = |source| disk_image::Error::Write { path: path.to_owned(), source };
    let file = BufWriter::new(File::create(path).map_err(failed)?);
    let file = HashingWriter::new(HashAlgorithm::Sha256, file);
    let workers = thread::available_parallelism().map_or(1, |count| count.get() as u32);
    let file = match compression {
        Compression::Zstd => {
            // With workers the bytes do not depend on their number (zstd(1), `-T`).
            let mut encoder = zstd::Encoder::new(file, ZSTD_LEVEL).map_err(failed)?;
            encoder.multithread(workers).map_err(failed)?;
            encoder.include_checksum(true).map_err(failed)?;
            encoder.set_pledged_src_size(Some(plan.size())).map_err(failed)?;
            plan.write_stream(&mut encoder, path, progress)?;
            encoder.finish().map_err(failed)?
        }
        Compression::Xz => {
            // Neither do they here: blocks are of one size.
            let stream = MtStreamBuilder::new()
                .preset(XZ_LEVEL)
                .threads(workers)
                .block_size(XZ_BLOCK)
                .check(Check::Crc64)
                .encoder()
                .map_err(|error| failed(error.into()))?;
            let mut encoder = XzEncoder::new_stream(file, stream);
            plan.write_stream(&mut encoder, path, progress)?;
            encoder.finish().map_err(failed)?
        }
    };
    let (hash, _, mut file) = file.finish();
    file.flush().map_err(failed)?;
    Ok(hash)
}

/// Hashes an image's file as it is written.
struct FileHash(Hasher);

impl disk_image::ByteObserver for FileHash {
    fn data(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn zeros(&mut self, count: u64) {
        static ZEROS: [u8; 64 << 10] = [0; 64 << 10];
        let mut left = count;
        while left > 0 {
            let now = ZEROS.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            self.0.update(&ZEROS[..now]);
            left -= now as u64;
        }
    }
}

/// `0x` and up to eight hexadecimal digits.
fn hexadecimal(attribute: &'static str, text: &str) -> Result<u32> {
    text.strip_prefix("0x").and_then(|digits| u32::from_str_radix(digits, 16).ok()).ok_or_else(|| {
        Error::attribute(attribute, format!("'{text}' is not '0x' and up to eight hexadecimal digits"))
    })
}

impl Partition {
    fn volume_id(&self) -> Result<Option<VolumeId>> {
        let Some(text) = &self.volume_id else { return Ok(None) };
        let id = match self.file_system {
            FileSystemName::Vfat => VolumeId::Serial(hexadecimal("volumeId", text)?),
            FileSystemName::Ext4 => VolumeId::Uuid(
                text.parse().map_err(|_| Error::attribute("volumeId", format!("'{text}' is no UUID")))?,
            ),
        };
        Ok(Some(id))
    }

    fn describe(&self, number: usize, context: &Context<'_>) -> Result<disk_image::Partition> {
        let mut tree = disk_image::Tree::new(disk_image::Attributes::root(0o755, TIME));
        let entries = tree_of(&self.entries, context.inputs)?;
        add_tree(&mut tree, &TreePath::root(), &entries.root, TIME)?;
        let roots = store_paths(&self.closure, context.inputs)?;
        if !roots.is_empty() {
            self.add_closure(&mut tree, &roots, number, context)?;
        } else if self.register_store {
            return Err(Error::attribute("registerStore", "the partition has no 'closure' to register"));
        }
        Ok(disk_image::Partition {
            name: self.name.clone(),
            kind: match self.purpose {
                Purpose::Esp => PartitionType::Esp,
                Purpose::RootX86 => PartitionType::LinuxRootX86_64,
                Purpose::RootArm => PartitionType::LinuxRootArm64,
                Purpose::Linux => PartitionType::Linux,
                Purpose::Firmware => PartitionType::BasicData,
            },
            bootable: self.bootable,
            file_system: match self.file_system {
                FileSystemName::Vfat => FileSystem::Vfat,
                FileSystemName::Ext4 => FileSystem::Ext4,
            },
            label: self.label.clone(),
            volume_id: self.volume_id()?,
            size: match self.size {
                Some(size) => SizePolicy::Exact(size),
                None => SizePolicy::Fit { free: self.free_space },
            },
            tree,
        })
    }

    fn add_closure(
        &self,
        tree: &mut disk_image::Tree,
        roots: &[StorePath],
        number: usize,
        context: &Context<'_>,
    ) -> Result<()> {
        let inputs = context.inputs;
        let closure = inputs.closure_of(roots)?;
        let directory = disk_image::Attributes::root(0o755, TIME);
        // As in every store: builders may add to it, nobody else may list it by accident.
        tree.add_directory(inputs.store_dir().as_str(), disk_image::Attributes::root(0o1775, TIME))?;
        for info in &closure {
            context.cancellation.check()?;
            let logical = inputs.store_dir().display(&info.path);
            tree.add_host(logical, &inputs.real_path(&info.path)?, &HostPolicy::STORE)?;
        }
        if !self.register_store {
            return Ok(());
        }
        let infos: Vec<ValidPathInfo> = closure.iter().map(|info| registered(info)).collect();
        let database = context.scratch.join(format!("db-{number}.sqlite"));
        write_fresh_database(&database, inputs.store_dir(), &infos)?;
        let content = fs::read(&database).on("read", &database)?;
        fs::remove_file(&database).on("remove", &database)?;
        for path in ["/nix/var/nix/db", "/nix/var/nix/profiles", "/nix/var/nix/gcroots"] {
            tree.add_directory(path, directory.clone())?;
        }
        let file = disk_image::Attributes::root(0o644, TIME);
        tree.add_file("/nix/var/nix/db/db.sqlite", FileContent::from_bytes(content), file.clone())?;
        tree.add_file("/nix/var/nix/db/schema", FileContent::from_bytes(SCHEMA), file)?;
        if let Some(system) = roots.first() {
            let link = disk_image::Attributes::root(0o777, TIME);
            let target = inputs.store_dir().display(system);
            tree.add_symlink("/nix/var/nix/profiles/system-1-link", target, link.clone())?;
            tree.add_symlink("/nix/var/nix/profiles/system", "system-1-link", link.clone())?;
            tree.add_symlink("/nix/var/nix/gcroots/profiles", "/nix/var/nix/profiles", link)?;
        }
        Ok(())
    }
}

/// What the image's store knows of a path: not who built it or when, which would differ from one store to the next.
fn registered(info: &ValidPathInfo) -> ValidPathInfo {
    let mut registered = ValidPathInfo::new(info.path.clone(), info.nar_hash, info.nar_size);
    registered.references = info.references.clone();
    registered.content_address = info.content_address;
    registered.signatures = BTreeSet::new();
    registered
}
