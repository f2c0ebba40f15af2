//! An SD card of any NixOS toplevel that is in a store, whoever built it: laid out as nixpkgs' SD images are
//! (`nixos/modules/installer/sd-card/sd-image.nix`), with U-Boot's menu as its `extlinux-conf-builder` writes it.
//!
//! A toplevel says all that is needed: `kernel`, `initrd` and `dtbs` are links, `kernel-params` and `init` are files
//! (RFC 125 has the same in `boot.json`). What a board's firmware wants is no part of it and comes from a store path of its
//! own.

use std::fs;
use std::path::Path;

use nix_store::{StorePath, ValidPathInfo};

use crate::builders::{
    Compression, DiskImage, Entry, FileSystemName, ImageFormat, Partition, PartitionTable, Purpose,
};
use crate::error::{Error, IoContext, Result};
use crate::inputs::Inputs;

const MIB: u64 = 1 << 20;

/// nixpkgs' own (`sdImage.firmwarePartitionID`, `firmwarePartitionOffset`).
const FIRMWARE_ID: &str = "0x2178694e";
const GAP: u64 = 8 * MIB;

/// Room that stays free until the host has grown its file system.
const FREE_SPACE: u64 = 64 * MIB;

/// An SD card to be made.
#[derive(Debug, Clone)]
pub struct ToplevelCard<'a> {
    /// The system.
    pub toplevel: &'a StorePath,
    /// A store path with what a board's firmware reads; an empty partition without it.
    pub firmware: Option<&'a StorePath>,
    /// Bytes of the partition for it, a multiple of 1 MiB.
    pub firmware_size: u64,
    /// How the image is compressed.
    pub compression: Option<Compression>,
}

impl ToplevelCard<'_> {
    /// The image, to be built with the same inputs: the closures of both paths.
    ///
    /// # Errors
    ///
    /// [`Error::NotAToplevel`]; [`Error::NotAnInput`]; I/O errors.
    pub fn describe(&self, inputs: &Inputs) -> Result<DiskImage> {
        let path = inputs.store_dir().display(self.toplevel);
        let text = |name: &str| self.text(inputs, &path, name);
        text("init")?;
        let parameters = text("kernel-params")?;
        let kernel = self.file(inputs, &path, "kernel")?.ok_or_else(|| missing(&path, "kernel"))?;
        let initrd = self.file(inputs, &path, "initrd")?.ok_or_else(|| missing(&path, "initrd"))?;
        let device_trees = self.file(inputs, &path, "dtbs")?;
        let version = text("nixos-version").unwrap_or_default();

        let mut lines =
            format!("LINUX ../nixos/{}\nINITRD ../nixos/{}\n", boot_name(&kernel), boot_name(&initrd));
        let mut entries = vec![source(&kernel), source(&initrd)];
        if let Some(trees) = &device_trees {
            lines.push_str(&format!("FDTDIR ../nixos/{}\n", boot_name(trees)));
            entries.push(source(trees));
        }
        lines.push_str(&format!("APPEND init={path}/init {}\n", parameters.trim()));
        let menu = format!(
            "# Written by each switch; changes are lost.\nDEFAULT nixos-default\n\
             MENU TITLE ------------------------------------------------------------\nTIMEOUT 50\n\n\
             LABEL nixos-default\nMENU LABEL NixOS - Default\n{lines}\n\
             LABEL nixos-1-default\nMENU LABEL NixOS - Configuration 1 ({})\n{lines}",
            version.trim()
        );
        entries.push(written("boot/extlinux/extlinux.conf", menu));
        let roots = [self.toplevel].into_iter();
        let closure = inputs.closure_of(roots)?;
        // Hosts whose configuration has nixpkgs' module read this at their first start, and grow.
        entries
            .push(written("nix-path-registration", registration(inputs, closure.iter().map(|info| &**info))));
        entries.extend(["dev", "etc", "home", "mnt", "proc", "run", "sys", "tmp", "var"].map(directory));
        let firmware = self.firmware.map(|firmware| Entry {
            path: ".".to_owned(),
            source: Some(inputs.store_dir().display(firmware)),
            ..Entry::default()
        });
        let extension = match self.compression {
            None => "img",
            Some(Compression::Zstd) => "img.zst",
            Some(Compression::Xz) => "img.xz",
        };
        Ok(DiskImage {
            image_format: ImageFormat::Raw,
            file_name: format!("{}.{extension}", self.toplevel.name()),
            partition_table: PartitionTable::Mbr,
            directory: Some("sd-image".to_owned()),
            compression: self.compression,
            // Of one toplevel all cards are the same, and of another one they are others.
            seed: path.clone(),
            signature: Some(FIRMWARE_ID.to_owned()),
            gap: GAP,
            takes: Vec::new(),
            deb_hashes: Default::default(),
            partitions: vec![
                Partition {
                    name: "firmware".to_owned(),
                    purpose: Purpose::Firmware,
                    file_system: FileSystemName::Vfat,
                    bootable: false,
                    label: "FIRMWARE".to_owned(),
                    volume_id: Some(FIRMWARE_ID.to_owned()),
                    size: Some(self.firmware_size),
                    free_space: 0,
                    entries: firmware.into_iter().collect(),
                    closure: Vec::new(),
                    register_store: false,
                },
                Partition {
                    name: "root".to_owned(),
                    purpose: Purpose::Linux,
                    file_system: FileSystemName::Ext4,
                    // U-Boot looks for its menu there.
                    bootable: true,
                    label: "NIXOS_SD".to_owned(),
                    volume_id: None,
                    size: None,
                    free_space: FREE_SPACE,
                    entries,
                    closure: vec![path],
                    register_store: true,
                },
            ],
        })
    }

    /// A small text file of the toplevel.
    fn text(&self, inputs: &Inputs, toplevel: &str, name: &str) -> Result<String> {
        let found = inputs.resolve(&format!("{toplevel}/{name}"))?.ok_or_else(|| missing(toplevel, name))?;
        fs::read_to_string(&found.real).on("read", &found.real)
    }

    /// Where a link of the toplevel leads to in the store; `None` without it.
    fn file(&self, inputs: &Inputs, toplevel: &str, name: &str) -> Result<Option<String>> {
        let found = inputs.resolve(&format!("{toplevel}/{name}"))?;
        Ok(found.and_then(|found| inputs.logical(&found.real)))
    }
}

fn missing(toplevel: &str, name: &str) -> Error {
    Error::NotAToplevel { path: toplevel.to_owned(), missing: name.to_owned() }
}

/// The name that a store path's file has in /boot: without the store's directory, with dashes for slashes.
fn boot_name(logical: &str) -> String {
    let below = Path::new(logical).components().skip(3).map(|part| part.as_os_str().to_string_lossy());
    below.collect::<Vec<_>>().join("-")
}

fn source(logical: &str) -> Entry {
    let path = format!("boot/nixos/{}", boot_name(logical));
    Entry { path, source: Some(logical.to_owned()), ..Entry::default() }
}

fn written(path: &str, text: String) -> Entry {
    Entry { path: path.to_owned(), text: Some(text), ..Entry::default() }
}

fn directory(path: &str) -> Entry {
    let mode = (path == "tmp").then(|| "1777".to_owned());
    Entry { path: path.to_owned(), directory: Some(true), mode, ..Entry::default() }
}

/// As `nix-store --load-db` reads it: path, hash, size, deriver, number of references, references.
fn registration<'a>(inputs: &Inputs, closure: impl Iterator<Item = &'a ValidPathInfo>) -> String {
    let mut text = String::new();
    for info in closure {
        let show = |path: &StorePath| inputs.store_dir().display(path);
        let (hash, size) = (info.nar_hash.to_base16(), info.nar_size);
        text.push_str(&format!("{}\n{hash}\n{size}\n\n{}\n", show(&info.path), info.references.len()));
        for reference in &info.references {
            text.push_str(&format!("{}\n", show(reference)));
        }
    }
    text
}
