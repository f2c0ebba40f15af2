use super::FatOptions;
use super::directory::ENTRY;
use super::geometry::{FatType, Geometry, ROOT_ENTRIES, SECTOR};
use super::name::{StoredName, store_names};
use crate::error::{Error, Result};
use crate::gpt::ALIGNMENT;
use crate::image::{Meter, Progress, SizePolicy};
use crate::target::{RawTarget, Target};
use crate::tree::{NodeId, NodeKind, Tree, display_path};
use std::fmt;
use std::ops::ControlFlow;
use std::path::Path;

/// A volume laid out: every file has its clusters.
#[derive(Clone, Debug)]
pub struct FatPlan {
    pub(super) tree: Tree,
    pub(super) options: FatOptions,
    pub(super) label: [u8; 11],
    pub(super) geometry: Geometry,
    pub(super) directories: Vec<Directory>,
    pub(super) files: Vec<File>,
    /// The first cluster that is free; all after it are.
    pub(super) next_cluster: u64,
    content: u64,
}

/// A directory and its clusters. The root directory of FAT16 has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Directory {
    pub(super) node: NodeId,
    pub(super) parent: usize,
    pub(super) first: u64,
    pub(super) clusters: u64,
    pub(super) entries: Vec<(StoredName, Child)>,
}

/// What an entry of a directory stands for: a position among the directories or the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Child {
    Directory(usize),
    File(usize),
}

/// A file and its clusters; an empty one has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct File {
    pub(super) node: NodeId,
    pub(super) size: u64,
    pub(super) first: u64,
    pub(super) clusters: u64,
}

/// The largest directory: programs count its entries in 16 bits.
const MOST_ENTRIES: usize = 65_536;

/// The smallest volume that is made, and the unit in which sizes are found: that of partitions.
const SMALLEST: u64 = 4 << 20;
const STEP: u64 = ALIGNMENT;

pub(super) fn plan(tree: Tree, options: FatOptions) -> Result<FatPlan> {
    let label = options.stored_label()?;
    let (mut directories, mut files) = collect(&tree)?;
    let (mut sectors, free) = match options.size {
        SizePolicy::Exact(bytes) => (bytes / SECTOR, 0),
        SizePolicy::Fit { free } => {
            let content: u64 = files.iter().map(|file| file.size).sum();
            ((content + free).max(SMALLEST).next_multiple_of(STEP) / SECTOR, free)
        }
    };
    loop {
        let fits = Geometry::new(sectors)
            .and_then(|geometry| Some((geometry, allocate(&mut directories, &mut files, &geometry, free)?)));
        match (fits, options.size) {
            (Some((geometry, next_cluster)), _) => {
                let content = files.iter().map(|file| file.size).sum();
                return Ok(FatPlan {
                    tree,
                    options,
                    label,
                    geometry,
                    directories,
                    files,
                    next_cluster,
                    content,
                });
            }
            (None, SizePolicy::Exact(available)) => {
                let fitting = FatOptions { size: SizePolicy::Fit { free: 0 }, ..options };
                let plan = self::plan(tree, fitting)?;
                if plan.size() <= available {
                    return Err(Error::InvalidPartition {
                        partition: plan.options.label,
                        reason: format!("no FAT volume can have {available} bytes"),
                    });
                }
                let needed = plan.size();
                return Err(Error::TooSmall { partition: plan.options.label, needed, available });
            }
            (None, SizePolicy::Fit { .. }) if sectors > u64::from(u32::MAX) => {
                return Err(Error::InvalidPartition {
                    partition: options.label,
                    reason: "its content is larger than a FAT volume can be (2 TiB)".to_owned(),
                });
            }
            (None, SizePolicy::Fit { .. }) => {
                sectors += (sectors * SECTOR / 256).next_multiple_of(STEP) / SECTOR
            }
        }
    }
}

/// All directories and files, parents first, in the order of their names.
fn collect(tree: &Tree) -> Result<(Vec<Directory>, Vec<File>)> {
    let directory = |node, parent| Directory { node, parent, first: 0, clusters: 0, entries: Vec::new() };
    let mut directories = vec![directory(NodeId::ROOT, 0)];
    let mut paths = vec![Vec::new()];
    let mut files = Vec::new();
    let mut position = 0;
    while position < directories.len() {
        let children: Vec<(&[u8], NodeId)> = tree.children(directories[position].node).collect();
        let names: Vec<&[u8]> = children.iter().map(|(name, _)| *name).collect();
        let path_of = |name: &[u8]| -> Vec<u8> { [&paths[position][..], b"/", name].concat() };
        let refuse = |name: &[u8], reason: String| Error::Unrepresentable {
            file_system: "FAT",
            path: display_path(&path_of(name)),
            reason,
        };
        let stored = store_names(&names).map_err(|(index, reason)| refuse(names[index], reason))?;
        let count: usize = stored.iter().map(StoredName::entries).sum();
        if count + 2 > MOST_ENTRIES {
            return Err(refuse(b"", "it has more entries than a FAT directory holds".to_owned()));
        }
        let mut entries = Vec::with_capacity(children.len());
        let mut found = Vec::new();
        for ((name, id), stored) in children.into_iter().zip(stored) {
            let child = match &tree.node(id).kind {
                NodeKind::Directory(_) => {
                    found.push((directory(id, position), path_of(name)));
                    Child::Directory(directories.len() + found.len() - 1)
                }
                NodeKind::File(file) if file.size() > u64::from(u32::MAX) => {
                    return Err(refuse(name, "it is larger than 4 GiB".to_owned()));
                }
                NodeKind::File(file) => {
                    files.push(File { node: id, size: file.size(), first: 0, clusters: 0 });
                    Child::File(files.len() - 1)
                }
                NodeKind::Symlink(_) => return Err(refuse(name, "it is a symbolic link".to_owned())),
                _ => return Err(refuse(name, "it is a device, pipe or socket".to_owned())),
            };
            entries.push((stored, child));
        }
        directories[position].entries = entries;
        for (directory, path) in found {
            directories.push(directory);
            paths.push(path);
        }
        position += 1;
    }
    Ok((directories, files))
}

/// Gives out clusters; the first free one, or `None` when they are not enough.
fn allocate(
    directories: &mut [Directory],
    files: &mut [File],
    geometry: &Geometry,
    free: u64,
) -> Option<u64> {
    let mut next = 2;
    for (position, directory) in directories.iter_mut().enumerate() {
        // The label in the root, `.` and `..` elsewhere.
        let own = if position == 0 { 1 } else { 2 };
        let entries = own + directory.entries.iter().map(|(name, _)| name.entries()).sum::<usize>();
        if position == 0 && geometry.kind == FatType::Fat16 {
            if entries as u64 > ROOT_ENTRIES {
                return None;
            }
            continue;
        }
        directory.first = next;
        directory.clusters = ((entries * ENTRY) as u64).div_ceil(geometry.cluster_bytes());
        next += directory.clusters;
    }
    for file in files {
        file.clusters = file.size.div_ceil(geometry.cluster_bytes());
        file.first = if file.clusters == 0 { 0 } else { next };
        next += file.clusters;
    }
    let end = geometry.clusters + 2;
    (next <= end && (end - next) * geometry.cluster_bytes() >= free).then_some(next)
}

impl FatPlan {
    /// Writes the volume alone, without a partition table, as [`ImagePlan::write_raw`] does for a whole disk.
    ///
    /// # Errors
    ///
    /// As [`ImagePlan::write_raw`].
    ///
    /// [`ImagePlan::write_raw`]: crate::ImagePlan::write_raw
    pub fn write_raw(
        &self,
        path: &Path,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<()> {
        let mut target = RawTarget::create(path)?;
        self.write(&mut target, 0, &mut Meter::new(self.content_size(), progress))?;
        target.finish(self.size())
    }

    /// Bytes of the volume.
    pub fn size(&self) -> u64 {
        self.geometry.sectors * SECTOR
    }

    /// Which FAT it became.
    pub fn fat_type(&self) -> FatType {
        self.geometry.kind
    }

    /// Bytes of files that are copied into it.
    pub fn content_size(&self) -> u64 {
        self.content
    }

    /// The options it was planned with.
    pub fn options(&self) -> &FatOptions {
        &self.options
    }
}

/// Two plans are equal when everything has the same place.
impl PartialEq for FatPlan {
    fn eq(&self, other: &Self) -> bool {
        self.options == other.options
            && self.geometry == other.geometry
            && self.directories == other.directories
            && self.files == other.files
    }
}

impl fmt::Display for FatPlan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.geometry.kind {
            FatType::Fat16 => "FAT16",
            FatType::Fat32 => "FAT32",
        };
        write!(
            formatter,
            "{name} `{}` {:04X}-{:04X}: {} clusters of {} bytes ({} free), {} bytes of files",
            self.options.label,
            self.options.serial >> 16,
            self.options.serial & 0xffff,
            self.geometry.clusters,
            self.geometry.cluster_bytes(),
            self.geometry.clusters + 2 - self.next_cluster,
            self.content,
        )
    }
}
