//! Builders for another architecture, under an emulator of Debian's that only the sandbox knows.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use download::{BlockingDownloader, Expected, Request, Silent, Url};
use nix_build::realise::{Means, NoObserver, Settings, Wanted, plan_by, realise};
use nix_build::sandbox::{SandboxPath, SandboxSettings, find_emulator};

use crate::archive::archive;
use crate::graph::full_text;
use crate::shell::{Script, Shell};

/// Unpacks a package for an architecture; its version is that of the one for this machine.
fn unpack(name: &str, architecture: &str) -> PathBuf {
    let archive = archive();
    let package = archive.index.newest(name).unwrap();
    let file = package.file().replace("_amd64.deb", &format!("_{architecture}.deb"));
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{architecture}"));
    if place.join("usr").exists() {
        return place;
    }
    let deb = place.with_extension("deb");
    let request = Request {
        urls: vec![Url::parse(&format!("{}/{file}", archive.mirror)).unwrap()],
        destination: deb.clone(),
        expected: Expected::default(),
    };
    let downloader = BlockingDownloader::new(download::Settings::default()).unwrap();
    downloader.fetch(&request, &Silent, &download::Cancellation::new()).unwrap();
    assert!(Command::new("dpkg-deb").arg("-x").args([&deb, &place]).status().unwrap().success());
    place
}

#[test]
fn a_foreign_builder_and_its_children_run() {
    let shell = Shell::new();
    let emulator = find_emulator("aarch64-linux", &[unpack("qemu-user", "amd64").join("usr/bin")]).unwrap();
    let foreign = unpack("busybox-static", "arm64").join("usr/bin/busybox");
    let table = || fs::read_dir("/proc/sys/fs/binfmt_misc").map(Iterator::count).unwrap_or_default();
    let before = table();

    // The shell of this architecture begins, and what it starts is a program of the other, which starts another.
    let text = "/foreign/busybox uname -m > $out; /foreign/busybox sh -c '/foreign/busybox uname -m' >> $out; \
                test ! -e /proc/sys/fs/binfmt_misc/emulator";
    let written = shell.write(Script {
        name: "foreign",
        text: text.into(),
        system: Some("aarch64-linux"),
        ..Script::default()
    });
    let run = |emulators| {
        let sandbox_path: SandboxPath = format!("/foreign/busybox={}", foreign.display()).parse().unwrap();
        let sandbox = SandboxSettings { paths: vec![sandbox_path], emulators, ..shell.settings().sandbox };
        let mut means = Means::default();
        means.machine.systems.push("aarch64-linux".to_owned());
        let wanted = [Wanted::all(written.derivation.clone())];
        let plan = plan_by(&means, &shell.store.store, &wanted).unwrap();
        let settings = Settings { means, sandbox, ..shell.settings() };
        realise(&shell.store.store, &plan, &settings, &NoObserver, &nix_build::Cancellation::new())
    };
    // Without an emulator such a program does not run, unless the machine's own table has one.
    if before <= 2 {
        let failed = run(Default::default()).unwrap_err();
        assert!(full_text(&failed).contains("failed with exit code"), "{}", full_text(&failed));
    }
    let realised = run([("aarch64-linux".to_owned(), emulator)].into());
    realised.unwrap_or_else(|error| panic!("{}", full_text(&error)));
    assert_eq!(fs::read_to_string(shell.store.real(&written)).unwrap(), "aarch64\naarch64\n");
    assert_eq!(table(), before);
    shell.store.verify_by_nix();
}
