//! A host of some three hundred packages, from downloaded packages to an image, beside the tools that people use for the
//! same: `cargo bench -p nix-build`.
//!
//! Measured are the whole (nothing in the store but the `.deb` files), and what a changed file of `/etc` costs after that. The
//! image is raw, or what `FORMAT` says (`qcow2`); `PHASES=1` shows what each kind of builder took. Each runs in a process of
//! its own, so that the largest memory is its own too. Then, in turns with ours, `dpkg-deb -x` on two processors and
//! `mke2fs -d` on what it unpacked: they do less (no merging, no hashes, no references, no indices, no initrd).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed benchmark has no figures"
)]

#[path = "../tests/realising/archive.rs"]
#[allow(dead_code, reason = "shared with the tests, which use all of it")]
mod archive;
#[path = "../tests/realising/graph.rs"]
#[allow(dead_code, reason = "shared with the tests, which use all of it")]
mod graph;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use archive::packages;
use graph::{TestStore, Written, full_text};
use measure::{Usage, measure, median};
use nix_build::Cancellation;
use nix_build::realise::{BuildId, BuildObserver, Outcome, PlannedBuild, Settings, Wanted, plan, realise};
use nix_store::{LocalStore, StorePath, StoreRoot};
use serde_json::json;

/// What the hosts of the example have, and what every host needs.
const PACKAGES: &[&str] = &[
    "bash",
    "bash-completion",
    "bind9-dnsutils",
    "bsdextrautils",
    "ca-certificates",
    "chrony",
    "curl",
    "dbus",
    "dosfstools",
    "e2fsprogs",
    "ethtool",
    "file",
    "gdb",
    "git",
    "gnupg",
    "htop",
    "init",
    "iotop-c",
    "iperf3",
    "iproute2",
    "iputils-ping",
    "jq",
    "kmod",
    "less",
    "libnss-systemd",
    "libpam-systemd",
    "linux-image-amd64",
    "login",
    "lsof",
    "man-db",
    "mtr-tiny",
    "nano",
    "ncdu",
    "net-tools",
    "netcat-openbsd",
    "nftables",
    "nmap",
    "openssh-server",
    "passwd",
    "pciutils",
    "python3",
    "ripgrep",
    "rsync",
    "socat",
    "strace",
    "sudo",
    "sysstat",
    "systemd",
    "systemd-resolved",
    "tcpdump",
    "tmux",
    "tree",
    "tzdata",
    "udev",
    "unzip",
    "usbutils",
    "util-linux",
    "vim",
    "wget",
    "wireguard-tools",
    "zip",
];

const ROUNDS: usize = 3;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [command, root, derivations @ ..] = arguments.as_slice()
        && command == "realise"
    {
        return realise_here(Path::new(root), derivations);
    }
    let own = std::env::current_exe().unwrap();
    let (mut whole, mut changed, mut unpacked, mut written) = (vec![], vec![], vec![], vec![]);
    // Kept to the end: an ext4 that has just removed many files is slow to make new ones.
    let mut kept = Vec::new();
    for round in 0..ROUNDS {
        let mut store = TestStore::new();
        let unpack = packages(&mut store, PACKAGES, true);
        fetch(&store, &unpack);
        let image = describe(&store, &unpack, "alpha");
        whole.push(measure(&mut realise_command(&own, &store, &image)));
        let other = describe(&store, &unpack, "beta");
        changed.push(measure(&mut realise_command(&own, &store, &other)));
        if round == 0 {
            let closure = store.store.closure([&parse(&store, &image.0)]).unwrap();
            let sizes = closure.iter().map(|path| store.store.path_info(path).unwrap().nar_size);
            let size = std::fs::metadata(store.real(&image.1).join("host.img")).unwrap().len();
            println!(
                "{} packages, closure of {} paths and {} MiB, image of {} MiB",
                unpack.len(),
                closure.len(),
                sizes.sum::<u64>() >> 20,
                size >> 20
            );
        }
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let list: String = debs(&store, &unpack).iter().map(|path| format!("{}\0", path.display())).collect();
        let file = directory.path().join("list");
        std::fs::write(&file, list).unwrap();
        let root = directory.path().join("root");
        std::fs::create_dir(&root).unwrap();
        // Each on its own, as tools do that cache what they unpacked; directly over each other dpkg-deb needs one process.
        let script = "xargs -0 -a \"$1\" -P 2 -I DEB sh -c 'd=\"$2/$(basename \"$1\")\" && mkdir \"$d\" && dpkg-deb -x \"$1\" \"$d\"' sh DEB \"$2\"";
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh"]).args([&file, &root]);
        unpacked.push(measure(&mut command));
        let target = directory.path().join("image");
        let mut command = Command::new("mke2fs");
        command.args(["-q", "-t", "ext4", "-F", "-E", "root_owner=0:0,lazy_itable_init=1", "-d"]);
        std::fs::File::create(&target).unwrap().set_len(6 << 30).unwrap();
        command.args([&root, &target]);
        written.push(measure(&mut command));
        kept.push((store, directory));
    }
    let [whole, changed, unpacked, written] = [whole, changed, unpacked, written].map(median);
    show("ours: unpack, merge, initrd, image", &whole);
    show("ours: a new image after a change", &changed);
    show("dpkg-deb -x, two at a time", &unpacked);
    show("mke2fs -d", &written);
    println!(
        "dpkg-deb and mke2fs together take {:.2} times as long as the whole and {:.2} times its processor's time, mke2fs {:.2} \
         times as long as the change",
        (unpacked.seconds + written.seconds) / whole.seconds,
        (unpacked.processor() + written.processor()) / whole.processor(),
        written.seconds / changed.seconds
    );
}

fn parse(store: &TestStore, written: &Written) -> StorePath {
    store.store.directory().parse(written.output.as_bytes()).unwrap()
}

/// The `.deb` files behind unpacked packages.
fn debs(store: &TestStore, unpacked: &[Written]) -> Vec<PathBuf> {
    let outputs = unpacked.iter().flat_map(|package| {
        let derivation = store.store.read_derivation(&package.derivation).unwrap();
        derivation.input_drvs.keys().cloned().collect::<Vec<_>>()
    });
    outputs
        .map(|path| {
            let derivation = store.store.read_derivation(&path).unwrap();
            store.store.real_path(derivation.outputs["out"].path().unwrap())
        })
        .collect()
}

/// Brings the packages into the store, which is not measured.
fn fetch(store: &TestStore, unpacked: &[Written]) {
    let wanted: Vec<Wanted> = unpacked
        .iter()
        .flat_map(|package| store.store.read_derivation(&package.derivation).unwrap().input_drvs.into_keys())
        .map(Wanted::all)
        .collect();
    let plan = plan(&store.store, &wanted).unwrap();
    let observer = nix_build::realise::NoObserver;
    realise(&store.store, &plan, &store.settings(), &observer, &Cancellation::new()).unwrap();
}

/// The derivations of a host: its toplevel and its image.
fn describe(store: &TestStore, unpacked: &[Written], name: &str) -> (Written, Written) {
    let all: Vec<&Written> = unpacked.iter().collect();
    let outputs: Vec<&str> = unpacked.iter().map(|package| package.output.as_str()).collect();
    let merge = |subtree: &str, indices: bool| {
        let attributes = json!({
            "debs": outputs, "subtree": subtree, "depmod": indices, "hwdb": indices,
            "exclude": ["share/doc", "share/man", "share/locale"],
        });
        store.write(subtree, "builtin:merge-debs", attributes, &all)
    };
    let (usr, etc) = (merge("usr", true), merge("etc", false));
    let of = |name: &str| {
        let found = unpacked.iter().find(|package| {
            // After the directory and the hash comes the name.
            package.output["/nix/store/".len() + 33..].starts_with(name)
        });
        found.unwrap_or_else(|| panic!("no package {name}")).output.clone()
    };
    let kernel = of("linux-image-6");
    let version = kernel.split("linux-image-").nth(1).unwrap();
    let version = &version[..version.find("-amd64").unwrap() + "-amd64".len()];
    let initrd = json!({
        "entries": [
            { "path": "init", "symlink": "usr/lib/systemd/systemd" },
            { "path": "usr/lib/systemd/systemd", "source": format!("{}/usr/lib/systemd/systemd", of("systemd-2")), "elf": true },
            { "path": "usr/bin/udevadm", "source": format!("{}/usr/bin/udevadm", of("udev-2")), "elf": true },
            { "path": "usr/sbin/e2fsck", "source": format!("{}/usr/sbin/e2fsck", of("e2fsprogs-1")), "elf": true },
        ],
        "libraryPaths": outputs,
        "kernelModules": {
            "tree": kernel, "version": version,
            "names": ["ext4", "vfat", "virtio_net", "virtio_blk", "virtio_scsi", "ahci", "nvme", "xhci_pci", "usb_storage", "dm_mod", "overlay"],
            "optionalNames": ["virtio_net", "virtio_blk", "ext4", "dm_mod"],
        },
        "compressor": "zstd",
    });
    let initrd = store.write("initrd", "builtin:make-initrd", initrd, &all);
    let configuration = store.write(
        "etc-host",
        "builtin:make-tree",
        json!({ "entries": [{ "path": "hostname", "text": name }] }),
        &[],
    );
    let toplevel = store.write(
        "toplevel",
        "builtin:make-tree",
        json!({ "entries": [
            { "path": "usr", "symlink": usr.output },
            { "path": "etc", "symlink": configuration.output },
            { "path": "etc-debian", "symlink": etc.output },
            { "path": "initrd", "symlink": format!("{}/initrd", initrd.output) },
        ] }),
        &[&usr, &etc, &configuration, &initrd],
    );
    let format = std::env::var("FORMAT").unwrap_or_else(|_| "raw".to_owned());
    let image = json!({
        "imageFormat": format, "fileName": "host.img", "partitionTable": "gpt", "seed": "bench",
        "partitions": [
            {
                "name": "esp", "type": "esp", "fileSystem": "vfat", "label": "ESP", "size": 512 << 20,
                "entries": [{ "path": "initrd", "source": format!("{}/initrd", initrd.output) }],
            },
            {
                "name": "root", "type": "linux-root-x86-64", "fileSystem": "ext4", "label": "nixos",
                "freeSpace": 512 << 20, "entries": [{ "path": "usr", "directory": true }],
                "closure": [toplevel.output], "registerStore": true,
            },
        ],
        "unsafeDiscardReferences": { "out": true },
    });
    let image = store.write("image", "builtin:disk-image", image, &[&toplevel, &initrd]);
    (toplevel, image)
}

fn realise_command(own: &Path, store: &TestStore, (_, image): &(Written, Written)) -> Command {
    let mut command = Command::new(own);
    command.arg("realise").arg(store.directory.path()).arg(image.derivation.base_name());
    command
}

/// How long each kind of builder was busy, for whoever sets `PHASES`.
#[derive(Default)]
struct Phases(Mutex<Vec<(&'static str, String, Duration)>>);

impl BuildObserver for Phases {
    fn finished(&self, _id: BuildId, build: &PlannedBuild, _outcome: &Outcome<'_>, time: Duration) {
        self.0.lock().unwrap().push((build.builder.name(), build.name.clone(), time));
    }
}

fn realise_here(root: &Path, derivations: &[String]) {
    let begin = Instant::now();
    let store = LocalStore::open(StoreRoot::new(root)).unwrap();
    let wanted: Vec<Wanted> =
        derivations.iter().map(|name| Wanted::all(StorePath::from_base_name(name).unwrap())).collect();
    let phases = Phases::default();
    let plan = plan(&store, &wanted).unwrap();
    let planned = begin.elapsed();
    realise(&store, &plan, &Settings::default(), &phases, &Cancellation::new())
        .unwrap_or_else(|error| panic!("{}", full_text(&error)));
    if std::env::var_os("PHASES").is_none() {
        return;
    }
    let phases = phases.0.into_inner().unwrap();
    println!("planned in {planned:.2?}, {} builds in {:.2?}", plan.builds.len(), begin.elapsed());
    let mut builders: Vec<&str> = phases.iter().map(|phase| phase.0).collect();
    builders.sort_unstable();
    builders.dedup();
    for builder in builders {
        let own = phases.iter().filter(|phase| phase.0 == builder);
        let (longest, name) = own.clone().map(|phase| (phase.2, &phase.1)).max().unwrap();
        let (count, sum) = (own.clone().count(), own.map(|phase| phase.2).sum::<Duration>());
        println!("{builder:>22}: {count:4} in {sum:8.2?}, the longest {longest:8.2?} ({name})");
    }
}

fn show(name: &str, usage: &Usage) {
    println!(
        "{name:>36}: {:6.2} s, processor {:6.2} s, {:6.1} MiB",
        usage.seconds,
        usage.processor(),
        usage.mebibytes
    );
}
