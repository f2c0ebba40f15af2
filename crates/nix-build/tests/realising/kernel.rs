//! Indices of kernel modules and of hardware, beside those that Debian's own programs make.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::thread;
use std::time::Duration;

use nix_build::realise::NoObserver;
use nix_build::{Cancellation, Error};
use serde_json::json;

use crate::archive::{archive, command, packages, packages_in_part};
use crate::graph::{TestStore, Written, full_text};

/// The newest kernel's package: what `linux-image-amd64` depends on.
fn kernel_package() -> String {
    let groups = archive().index.newest("linux-image-amd64").unwrap().dependencies().unwrap();
    groups[0][0].name.to_owned()
}

/// The part of the kernel's package that is looked at: reading all modules takes depmod and a debug build long.
const PART: &[&str] = &[
    "usr/lib/modules/*/modules.*",
    "usr/lib/modules/*/kernel/{arch,block,crypto,fs,lib,mm}",
    "usr/lib/modules/*/kernel/drivers/{acpi,block,char,hid,input,md,nvme,scsi,virtio}",
    "usr/lib/modules/*/kernel/drivers/net/{ethernet/intel,*.ko.xz}",
    "usr/lib/modules/*/kernel/drivers/{pps,ptp,usb/common,usb/core,usb/host,usb/storage}",
];

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else if !target.exists() {
            fs::hard_link(entry.path(), &target).unwrap();
        }
    }
}

fn outputs(written: &[Written]) -> Vec<&str> {
    written.iter().map(|written| written.output.as_str()).collect()
}

fn all(written: &[Written]) -> Vec<&Written> {
    written.iter().collect()
}

#[test]
fn module_indices_are_those_of_depmod() {
    let mut store = TestStore::new();
    let kernel = packages_in_part(&mut store, &[&kernel_package()], false, Some(PART));
    let tools = packages(&mut store, &["kmod", "libc6"], true);
    let merged = store.write(
        "usr",
        "builtin:merge-debs",
        json!({ "debs": outputs(&kernel), "subtree": "usr", "depmod": true }),
        &all(&kernel),
    );
    let mut wanted = all(&tools);
    wanted.push(&merged);
    store.realise(&wanted).unwrap();

    let ours = store.real(&merged).join("lib/modules");
    let version = fs::read_dir(&ours).unwrap().next().unwrap().unwrap().file_name();
    let version = version.to_str().unwrap();
    let ours = ours.join(version);
    let root = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let theirs = root.path().join("usr/lib/modules").join(version);
    copy(&store.real(&kernel[0]).join("usr/lib/modules").join(version), &theirs);
    // Debian's kmod looks for modules in /lib, which leads to /usr/lib on a host.
    symlink("usr/lib", root.path().join("lib")).unwrap();
    let status = command(&store, &tools, "usr/sbin/depmod")
        .args(["-b".as_ref(), root.path().as_os_str(), version.as_ref()])
        .status();
    assert!(status.unwrap().success());

    let identical = [
        "modules.alias",
        "modules.alias.bin",
        "modules.builtin.bin",
        "modules.builtin.alias.bin",
        "modules.devname",
        "modules.softdep",
        "modules.weakdep",
        "modules.symbols.bin",
    ];
    for name in identical {
        let (one, other) = (fs::read(ours.join(name)).unwrap(), fs::read(theirs.join(name)).unwrap());
        assert!(one == other, "{name} differs: {} and {} bytes", one.len(), other.len());
    }
    let lines = |path: &Path| -> BTreeSet<String> {
        fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
    };
    assert_eq!(lines(&ours.join("modules.symbols")), lines(&theirs.join("modules.symbols")));

    // Among modules that do not need each other the order is not defined.
    let dependencies = |path: &Path| -> BTreeMap<String, BTreeSet<String>> {
        let split = |line: &String| {
            let (module, needed) = line.split_once(':').unwrap();
            (module.to_owned(), needed.split_whitespace().map(str::to_owned).collect())
        };
        lines(path).iter().map(split).collect()
    };
    assert_eq!(dependencies(&ours.join("modules.dep")), dependencies(&theirs.join("modules.dep")));

    let resolved = |directory: &Path, query: &str| {
        let output = command(&store, &tools, "usr/sbin/modprobe")
            .args(["-d".as_ref(), directory.as_os_str()])
            .args(["-S", version, "--show-depends", query])
            .output()
            .unwrap();
        assert!(output.status.success(), "{query}: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let names: Vec<String> =
            text.lines().map(|line| line.rsplit('/').next().unwrap().trim().to_owned()).collect();
        names
    };
    let merged_root = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    symlink(store.real(&merged), merged_root.path().join("usr")).unwrap();
    symlink("usr/lib", merged_root.path().join("lib")).unwrap();
    for query in ["ext4", "virtio_net", "pci:v00008086d0000100Esv00001AF4sd00001100bc02sc00i00", "fs-vfat"] {
        let (one, other) = (resolved(merged_root.path(), query), resolved(root.path(), query));
        assert!(!one.is_empty());
        assert_eq!(one.last(), other.last(), "{query}");
        assert_eq!(BTreeSet::from_iter(&one), BTreeSet::from_iter(&other), "{query}");
    }
}

#[test]
fn modules_come_into_an_initrd_with_all_that_they_need() {
    let mut store = TestStore::new();
    let kernel = packages_in_part(&mut store, &[&kernel_package()], false, Some(PART));
    let version = kernel_package().strip_prefix("linux-image-").unwrap().to_owned();
    let names = ["ext4", "e1000e", "usb-storage", "raid456"];
    let initrd = |name: &str, extra: &[&str], optional: &[&str]| {
        let names: Vec<&str> = names.iter().chain(extra).copied().collect();
        let attributes = json!({
            "entries": [{ "path": "init", "text": "#!/bin/sh\n", "mode": "0755" }],
            "kernelModules": {
                "tree": kernel[0].output, "version": version, "names": names, "optionalNames": optional,
            },
            "compressor": "zstd",
        });
        store.write(name, "builtin:make-initrd", attributes, &all(&kernel))
    };
    let written = initrd("initrd", &["no-such-module"], &["no-such-module"]);
    store.realise(&[&written]).unwrap_or_else(|error| panic!("{}", full_text(&error)));
    let archive = zstd::decode_all(fs::File::open(store.real(&written).join("initrd")).unwrap()).unwrap();
    let files = cpio_files(&archive);
    let directory = format!("lib/modules/{version}/");
    let order = String::from_utf8(files[&format!("{directory}load-order")].clone()).unwrap();
    let order: Vec<&str> = order.lines().collect();
    for name in names {
        let file = format!("/{}.ko", name.replace('_', "-"));
        let module = order.iter().find(|path| path.replace('_', "-").ends_with(&file));
        assert!(module.is_some(), "{name}: {order:?}");
    }
    // Each is there as the kernel takes it, and what it needs stands before it.
    let modules = store.real(&kernel[0]).join("usr/lib/modules").join(&version);
    let mut loaded = BTreeSet::new();
    for path in &order {
        let content = &files[&format!("{directory}{path}")];
        let compressed = fs::read(modules.join(format!("{path}.xz"))).unwrap();
        let mut expected = Vec::new();
        liblzma::read::XzDecoder::new(compressed.as_slice()).read_to_end(&mut expected).unwrap();
        assert!(*content == expected, "{path}");
        let name = path.rsplit('/').next().unwrap().trim_end_matches(".ko").replace('-', "_");
        for needed in modinfo(content, "depends") {
            assert!(loaded.contains(&needed), "{path} needs {needed}");
        }
        loaded.insert(name);
    }
    let count = files.keys().filter(|path| path.ends_with(".ko")).count();
    assert_eq!(count, order.len());

    let error = store.realise(&[&initrd("bad", &["no-such-module"], &[])]).unwrap_err();
    assert!(full_text(&error).contains("has no module no-such-module"), "{}", full_text(&error));
}

/// The names in a field of a module's description, which is text in the file.
fn modinfo(module: &[u8], field: &str) -> Vec<String> {
    let key = format!("\0{field}=");
    let start = module.windows(key.len()).position(|window| window == key.as_bytes()).unwrap() + key.len();
    let end = start + module[start..].iter().position(|byte| *byte == 0).unwrap();
    let names = std::str::from_utf8(&module[start..end]).unwrap().split(',');
    names.filter(|name| !name.is_empty()).map(|name| name.replace('-', "_")).collect()
}

/// The regular files of an archive.
fn cpio_files(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut at = 0;
    let mut files = BTreeMap::new();
    loop {
        let field = |number: usize| {
            let text = std::str::from_utf8(&archive[at + 6 + number * 8..at + 14 + number * 8]).unwrap();
            usize::from_str_radix(text, 16).unwrap()
        };
        let (mode, size, length) = (field(1), field(6), field(11));
        let name = std::str::from_utf8(&archive[at + 110..at + 109 + length]).unwrap().to_owned();
        if name == "TRAILER!!!" {
            return files;
        }
        let start = (at + 110 + length).next_multiple_of(4);
        if mode & 0o170_000 == 0o100_000 {
            files.insert(name, archive[start..start + size].to_vec());
        }
        at = (start + size).next_multiple_of(4);
    }
}

/// Every property of every pattern of a compiled database, read from the file.
fn properties(file: &[u8]) -> BTreeMap<Vec<u8>, BTreeMap<Vec<u8>, Vec<u8>>> {
    fn word(file: &[u8], at: u64) -> u64 {
        u64::from_le_bytes(file[at as usize..at as usize + 8].try_into().unwrap())
    }
    fn text(file: &[u8], at: u64) -> &[u8] {
        let rest = &file[at as usize..];
        &rest[..rest.iter().position(|byte| *byte == 0).unwrap()]
    }
    struct Sizes {
        node: u64,
        child: u64,
        value: u64,
    }
    fn node(
        file: &[u8],
        sizes: &Sizes,
        at: u64,
        pattern: &mut Vec<u8>,
        found: &mut BTreeMap<Vec<u8>, BTreeMap<Vec<u8>, Vec<u8>>>,
    ) {
        let before = pattern.len();
        pattern.extend_from_slice(text(file, word(file, at)));
        let children = u64::from(file[at as usize + 8]);
        let values = word(file, at + 16);
        let first_value = at + sizes.node + children * sizes.child;
        for value in (0..values).map(|number| first_value + number * sizes.value) {
            let (key, text_of) = (text(file, word(file, value)), text(file, word(file, value + 8)));
            found.entry(pattern.clone()).or_default().insert(key.to_vec(), text_of.to_vec());
        }
        for child in (0..children).map(|number| at + sizes.node + number * sizes.child) {
            pattern.push(file[child as usize]);
            node(file, sizes, word(file, child + 8), pattern, found);
            pattern.pop();
        }
        pattern.truncate(before);
    }
    assert_eq!(&file[..8], b"KSLPHHRH");
    assert_eq!(word(file, 16), file.len() as u64);
    let sizes = Sizes { node: word(file, 32), child: word(file, 40), value: word(file, 48) };
    let mut found = BTreeMap::new();
    node(file, &sizes, word(file, 56), &mut Vec::new(), &mut found);
    found
}

#[test]
fn the_hardware_database_is_that_of_systemd() {
    let mut store = TestStore::new();
    let tools = packages(&mut store, &["udev"], true);
    let merged = store.write(
        "usr",
        "builtin:merge-debs",
        json!({ "debs": outputs(&tools), "subtree": "usr", "hwdb": true, "exclude": ["share/doc"] }),
        &all(&tools),
    );
    store.realise(&[&merged]).unwrap();
    let root = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    copy(&store.real(&merged).join("lib/udev/hwdb.d"), &root.path().join("usr/lib/udev/hwdb.d"));
    let run = |directory: &Path, arguments: &[&str]| {
        let output = command(&store, &tools, "usr/bin/systemd-hwdb")
            .arg("--root")
            .arg(directory)
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    run(root.path(), &["--usr", "update"]);
    let ours = fs::read(store.real(&merged).join("lib/udev/hwdb.bin")).unwrap();
    let theirs = fs::read(root.path().join("usr/lib/udev/hwdb.bin")).unwrap();
    let (ours, theirs) = (properties(&ours), properties(&theirs));
    assert!(ours.len() > 10_000, "{}", ours.len());
    let differing = ours.iter().zip(&theirs).find(|(one, other)| one != other);
    assert!(differing.is_none() && ours.len() == theirs.len(), "{differing:?}");

    // And systemd's own reader finds in our file what it finds in its own.
    let copied = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    fs::create_dir_all(copied.path().join("usr/lib/udev")).unwrap();
    fs::copy(store.real(&merged).join("lib/udev/hwdb.bin"), copied.path().join("usr/lib/udev/hwdb.bin"))
        .unwrap();
    let query = ["query", "usb:v046DpC52Bd1211dc00dsc00dp00ic03isc01ip01in00"];
    let found = run(copied.path(), &query);
    assert!(found.contains("ID_VENDOR_FROM_DATABASE=Logitech"), "{found}");
    assert_eq!(found, run(root.path(), &query));
}

#[test]
fn nothing_is_left_of_a_package_whose_unpacking_is_called_off() {
    let mut store = TestStore::new();
    let kernel = packages(&mut store, &[&kernel_package()], false);
    let root = store.store.root().store_directory();
    let has_begun = || {
        let names =
            fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names
            .filter(|name| name.ends_with(".tmp") && !name.ends_with(".deb.tmp"))
            .any(|name| fs::read_dir(root.join(name)).is_ok_and(|mut entries| entries.next().is_some()))
    };
    let cancellation = Cancellation::new();
    let (result, unpacked) = thread::scope(|scope| {
        let run =
            scope.spawn(|| store.realise_with(&all(&kernel), &store.settings(), &NoObserver, &cancellation));
        while !has_begun() && !run.is_finished() {
            thread::sleep(Duration::from_millis(5));
        }
        cancellation.cancel();
        (run.join().unwrap(), store.real(&kernel[0]).exists())
    });
    assert!(matches!(result, Err(Error::Cancelled)) && !unpacked, "{result:?}");
    assert!(!has_begun(), "what was unpacked until then is removed");
    store.verify_by_nix();
}
