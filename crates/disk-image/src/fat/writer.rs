use super::boot::{BACKUP_SECTOR, INFORMATION_SECTOR, boot_sector, information_sector};
use super::directory::{Target as EntryTarget, encode, encode_dot, encode_label};
use super::geometry::{FatType, SECTOR};
use super::layout::{Child, FatPlan, File};
use crate::error::Result;
use crate::image::Meter;
use crate::target::{Target, write_content};
use crate::tree::{FileContent, NodeKind};

impl FatPlan {
    /// Writes the volume at `base` bytes from the start of the target.
    pub(crate) fn write(&self, target: &mut dyn Target, base: u64, meter: &mut Meter<'_>) -> Result<()> {
        let geometry = &self.geometry;
        target.write(base, &self.reserved_sectors(base))?;
        let fat = self.fat();
        for copy in 0..2 {
            let offset = base + (geometry.reserved + copy * geometry.fat) * SECTOR;
            target.write(offset, &fat)?;
            let length = fat.len() as u64;
            target.zero(offset + length, geometry.fat * SECTOR - length)?;
        }
        for position in 0..self.directories.len() {
            let entries = self.directory(position);
            let length = entries.len() as u64;
            let (offset, room) = match self.directories[position].first {
                0 => (geometry.root_start() * SECTOR, geometry.root * SECTOR),
                first => {
                    let room = self.directories[position].clusters * geometry.cluster_bytes();
                    (geometry.cluster_offset(first), room)
                }
            };
            target.write(base + offset, &entries)?;
            target.zero(base + offset + length, room - length)?;
        }
        for file in self.files.iter().filter(|file| file.clusters > 0) {
            if let NodeKind::File(content) = &self.tree.node(file.node).kind {
                self.write_file(target, base, file, content, meter)?;
            }
        }
        Ok(())
    }

    fn reserved_sectors(&self, base: u64) -> Vec<u8> {
        let geometry = &self.geometry;
        let hidden = u32::try_from(base / SECTOR).unwrap_or(0);
        let boot = boot_sector(geometry, &self.label, self.options.serial, hidden);
        let mut sectors = vec![0; (geometry.reserved * SECTOR) as usize];
        let mut put = |sector: u64, bytes: &[u8]| {
            let offset = (sector * SECTOR) as usize;
            sectors[offset..offset + bytes.len()].copy_from_slice(bytes);
        };
        put(0, &boot);
        if geometry.kind == FatType::Fat32 {
            let free = geometry.clusters + 2 - self.next_cluster;
            let information = information_sector(free as u32, self.next_cluster as u32);
            put(INFORMATION_SECTOR, &information);
            put(BACKUP_SECTOR, &boot);
            put(BACKUP_SECTOR + INFORMATION_SECTOR, &information);
        }
        sectors
    }

    /// The FAT as far as it is not zero.
    fn fat(&self) -> Vec<u8> {
        let (media, end) = match self.geometry.kind {
            FatType::Fat16 => (0xfff8, 0xffff),
            FatType::Fat32 => (0x0fff_fff8, 0x0fff_ffff),
        };
        let mut fat = Vec::new();
        let mut push = |value: u32| match self.geometry.kind {
            FatType::Fat16 => fat.extend_from_slice(&(value as u16).to_le_bytes()),
            FatType::Fat32 => fat.extend_from_slice(&value.to_le_bytes()),
        };
        push(media);
        push(end);
        let directories = self.directories.iter().map(|directory| (directory.first, directory.clusters));
        let files = self.files.iter().map(|file| (file.first, file.clusters));
        for (first, clusters) in directories.chain(files).filter(|(_, clusters)| *clusters > 0) {
            for cluster in first + 1..first + clusters {
                push(cluster as u32);
            }
            push(end);
        }
        fat
    }

    fn directory(&self, position: usize) -> Vec<u8> {
        let directory = &self.directories[position];
        let mut bytes = Vec::new();
        let mtime = |position: usize| self.tree.node(self.directories[position].node).attributes.mtime;
        let directory_target = |position: usize| EntryTarget {
            directory: true,
            cluster: self.directories[position].first as u32,
            size: 0,
            mtime: mtime(position),
        };
        if position == 0 {
            encode_label(&mut bytes, &self.label, self.options.timestamp);
        } else {
            encode_dot(&mut bytes, 1, &directory_target(position));
            let mut parent = directory_target(directory.parent);
            // The root is cluster 0 here, also where it has another.
            if directory.parent == 0 {
                parent.cluster = 0;
            }
            encode_dot(&mut bytes, 2, &parent);
        }
        for (name, child) in &directory.entries {
            let target = match *child {
                Child::Directory(child) => directory_target(child),
                Child::File(child) => {
                    let file = &self.files[child];
                    EntryTarget {
                        directory: false,
                        cluster: file.first as u32,
                        size: file.size as u32,
                        mtime: self.tree.node(file.node).attributes.mtime,
                    }
                }
            };
            encode(&mut bytes, name, &target);
        }
        bytes
    }

    fn write_file(
        &self,
        target: &mut dyn Target,
        base: u64,
        file: &File,
        content: &FileContent,
        meter: &mut Meter<'_>,
    ) -> Result<()> {
        let offset = base + self.geometry.cluster_offset(file.first);
        write_content(target, offset, content, 0..file.size, meter)?;
        let room = file.clusters * self.geometry.cluster_bytes();
        target.zero(offset + file.size, room - file.size)
    }
}
