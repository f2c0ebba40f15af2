//! Everything between packages and an image of a host.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Command, Stdio};

use serde_json::json;

use crate::archive::packages;
use crate::graph::{TestStore, Written};

/// The derivations of a small host: `usr`, initrd and image.
struct Host {
    usr: Written,
    initrd: Written,
    image: Written,
}

fn outputs(written: &[Written]) -> Vec<&str> {
    written.iter().map(|written| written.output.as_str()).collect()
}

fn describe(store: &mut TestStore) -> Host {
    let environment = packages(store, &["bash", "util-linux", "e2fsprogs", "udev", "passwd"], true);
    // A small kernel's package with modules; the large one is indexed by another test.
    let kernel = packages(store, &["busybox-static"], false);
    let all: Vec<&Written> = environment.iter().chain(&kernel).collect();
    let everything: Vec<&str> = all.iter().map(|written| written.output.as_str()).collect();
    let usr = store.write(
        "usr",
        "builtin:merge-debs",
        json!({
            "debs": everything,
            "subtree": "usr",
            "exclude": ["share/doc/**", "share/man", "share/locale/**"],
            "entries": [{ "path": "bin/editor", "symlink": "true" }],
            "hwdb": true,
        }),
        &all,
    );
    let of = |name: &str| {
        let found = environment.iter().chain(&kernel).find(|package| package.output.contains(name));
        found.unwrap().clone()
    };
    let (e2fsprogs, busybox) = (of("-e2fsprogs-"), of("-busybox-static-"));
    let initrd = store.write(
        "initrd",
        "builtin:make-initrd",
        json!({
            "entries": [
                { "path": "init", "text": "#!/bin/busybox sh\n", "mode": "0755" },
                { "path": "bin/busybox", "source": format!("{}/usr/bin/busybox", busybox.output), "mode": "0755" },
                { "path": "bin/e2fsck", "source": format!("{}/usr/sbin/e2fsck", e2fsprogs.output), "elf": true },
                { "path": "root", "directory": true, "mode": "0700" },
                { "path": "secret", "text": "x", "mode": "0400", "uid": 7, "gid": 8 },
            ],
            "libraryPaths": outputs(&environment),
            "compressor": "zstd",
        }),
        &all,
    );
    let toplevel = store.write(
        "toplevel",
        "builtin:make-tree",
        json!({ "entries": [
            { "path": "usr", "symlink": usr.output },
            { "path": "initrd", "symlink": format!("{}/initrd", initrd.output) },
        ] }),
        &[&usr, &initrd],
    );
    let image = store.write(
        "image",
        "builtin:disk-image",
        json!({
            "imageFormat": "raw",
            "fileName": "host.img",
            "partitionTable": "gpt",
            "seed": "alpha",
            "partitions": [
                {
                    "name": "esp", "type": "esp", "fileSystem": "vfat", "label": "ESP",
                    "size": 67_108_864, "freeSpace": null,
                    "entries": [{ "path": "initrd", "source": format!("{}/initrd", initrd.output) }],
                },
                {
                    "name": "root", "type": "linux-root-x86-64", "fileSystem": "ext4", "label": "root",
                    "freeSpace": 16_777_216,
                    "entries": [
                        { "path": "bin", "symlink": "usr/bin" },
                        { "path": "tmp", "directory": true, "mode": "1777" },
                        { "path": "etc/shadow", "text": "root:!::::::\n", "mode": "0640", "gid": 42 },
                    ],
                    "closure": [toplevel.output],
                    "registerStore": true,
                },
            ],
            "unsafeDiscardReferences": { "out": true },
        }),
        &[&toplevel, &initrd],
    );
    Host { usr, initrd, image }
}

#[test]
fn a_host_is_the_same_in_every_store() {
    let mut one = TestStore::new();
    let host = describe(&mut one);
    one.realise(&[&host.image]).unwrap();
    one.verify_by_nix();
    check_usr(&one, &host.usr);
    check_initrd(&one, &host.initrd);
    check_image(&one, &host.image);
    assert_eq!(one.realise(&[&host.image]).unwrap().built, 0);

    let mut other = TestStore::new();
    let again = describe(&mut other);
    assert_eq!(again.image.output, host.image.output);
    let mut settings = other.settings();
    settings.max_jobs = 1;
    let observer = nix_build::realise::NoObserver;
    other.realise_with(&[&again.image], &settings, &observer, &nix_build::Cancellation::new()).unwrap();
    for (first, second) in
        [(&host.usr, &again.usr), (&host.initrd, &again.initrd), (&host.image, &again.image)]
    {
        assert_eq!(one.nar_hash(first), other.nar_hash(second), "{}", first.output);
    }
}

fn check_usr(store: &TestStore, usr: &Written) {
    let usr = store.real(usr);
    // The programs of /bin and /usr/bin are in one place, linked, not copied.
    let bash = fs::metadata(usr.join("bin/bash")).unwrap();
    assert!(bash.nlink() >= 2);
    assert_eq!(bash.permissions().mode() & 0o7777, 0o555);
    assert_eq!(fs::read_link(usr.join("bin/editor")).unwrap().to_str(), Some("true"));
    assert!(usr.join("lib/udev/hwdb.bin").exists());
    assert!(usr.join("lib64/ld-linux-x86-64.so.2").exists());
    assert!(!usr.join("share/man").exists());
    assert!(fs::read_dir(usr.join("share/doc")).map_or(0, Iterator::count) == 0);
}

fn check_initrd(store: &TestStore, initrd: &Written) {
    let file = fs::File::open(store.real(initrd).join("initrd")).unwrap();
    let archive = zstd::decode_all(file).unwrap();
    let listing = list_cpio(&archive);
    let names: BTreeSet<&str> = listing.iter().map(|entry| entry.0.as_str()).collect();
    for name in [
        "init",
        "bin/e2fsck",
        "usr/lib/x86_64-linux-gnu/libc.so.6",
        "usr/lib/x86_64-linux-gnu/libext2fs.so.2",
        "lib64/ld-linux-x86-64.so.2",
    ] {
        assert!(names.contains(name), "{name} is missing: {names:?}");
    }
    let attributes = |name: &str| listing.iter().find(|entry| entry.0 == name).unwrap().1;
    assert_eq!(attributes("secret"), (0o100_400, 7, 8));
    assert_eq!(attributes("init"), (0o100_755, 0, 0));
    assert_eq!(attributes("root"), (0o040_700, 0, 0));
}

/// Names with mode, owner and group.
fn list_cpio(archive: &[u8]) -> Vec<(String, (u32, u32, u32))> {
    let mut at = 0;
    let mut entries = Vec::new();
    loop {
        assert_eq!(&archive[at..at + 6], b"070701");
        let field = |number: usize| {
            let text = std::str::from_utf8(&archive[at + 6 + number * 8..at + 14 + number * 8]).unwrap();
            u32::from_str_radix(text, 16).unwrap()
        };
        let (size, length) = (field(6) as usize, field(11) as usize);
        let name = std::str::from_utf8(&archive[at + 110..at + 109 + length]).unwrap().to_owned();
        if name == "TRAILER!!!" {
            return entries;
        }
        entries.push((name, (field(1), field(2), field(3))));
        at = ((at + 110 + length).next_multiple_of(4) + size).next_multiple_of(4);
    }
}

/// Has the programs that would mend the file systems look at them.
fn check_image(store: &TestStore, image: &Written) {
    let directory = store.real(image);
    let products = fs::read_to_string(directory.join("nix-support/hydra-build-products")).unwrap();
    assert_eq!(products, "file raw-image host.img\n");
    let file = directory.join("host.img");
    let disk = fs::File::open(&file).unwrap();
    let mut entries = vec![0; 256];
    std::os::unix::fs::FileExt::read_exact_at(&disk, &mut entries, 1024).unwrap();
    let sector = |at: usize| u64::from_le_bytes(entries[at..at + 8].try_into().unwrap());
    let (first, last) = (sector(128 + 32), sector(128 + 40));
    let work = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let root = work.path().join("root.ext4");
    let mut source = fs::File::open(&file).unwrap();
    std::io::Seek::seek(&mut source, std::io::SeekFrom::Start(first * 512)).unwrap();
    let mut part = std::io::Read::take(source, (last - first + 1) * 512);
    std::io::copy(&mut part, &mut fs::File::create(&root).unwrap()).unwrap();
    let run = |program: &str, arguments: &[&str]| {
        let mut path = std::env::var("PATH").unwrap_or_default();
        path.push_str(":/usr/sbin:/sbin");
        let output = Command::new(program)
            .args(arguments)
            .arg(&root)
            .env("PATH", path)
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("{program} is needed to check images: {error}"));
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (clean, report) = run("e2fsck", &["-fn"]);
    assert!(clean, "{report}");
    let (_, stat) = run("debugfs", &["-R", "stat /etc/shadow"]);
    assert!(stat.contains("Mode:  0640") && stat.contains("Group:    42"), "{stat}");
    let (_, link) = run("debugfs", &["-R", "stat /nix/var/nix/profiles/system-1-link"]);
    assert!(link.contains("-toplevel"), "{link}");
    let (_, database) = run("debugfs", &["-R", "stat /nix/var/nix/db/db.sqlite"]);
    assert!(database.contains("Type: regular"), "{database}");

    // Nix finds in the image a store that is in order, and knows the first generation in it.
    let host = work.path().join("host");
    fs::create_dir(&host).unwrap();
    let (copied, report) = run("debugfs", &["-R", &format!("rdump /nix {}", host.display())]);
    assert!(copied, "{report}");
    let url = format!("local?root={}", host.canonicalize().unwrap().display());
    let nix = |arguments: &[&str]| {
        let output = Command::new("nix-store").args(arguments).args(["--store", &url]).output().unwrap();
        let (text, errors) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && !errors.contains("error"), "{arguments:?}: {text}{errors}");
        text.into_owned()
    };
    nix(&["--verify", "--check-contents"]);
    let target = fs::read_link(host.join("nix/var/nix/profiles/system-1-link")).unwrap();
    let closure = nix(&["--query", "--requisites", target.to_str().unwrap()]);
    let names: BTreeSet<&str> =
        closure.lines().filter_map(|path| path.split_once('-')).map(|path| path.1).collect();
    assert_eq!(names, BTreeSet::from(["initrd", "toplevel", "usr"]));
    nix_store::local::remove_tree(&host).unwrap();
}
