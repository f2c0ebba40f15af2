//! Our ext4 writer against `mke2fs -d` on the same tree, side by side: `cargo bench -p disk-image`.
//!
//! The tree is a directory given in `TREE`, or one that is made up: 30000 files, 600 MB. Each writer runs in a process
//! of its own, in turns, several times; the median time, the processor's time, and the largest memory are printed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed benchmark has no figures"
)]

mod tree;

use disk_image::ext4::{Ext4Options, plan};
use disk_image::{Attributes, HostPolicy, Seed, SizePolicy, Tree};
use measure::{Usage, measure, median};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;
use tree::make_tree;

const ROUNDS: usize = 5;

fn main() {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some("write") {
        let (tree, image) = (arguments.next().unwrap(), arguments.next().unwrap());
        return write(Path::new(&tree), Path::new(&image));
    }
    let directory = tempfile::tempdir().unwrap();
    let tree = std::env::var_os("TREE").map_or_else(|| make_tree(directory.path()), PathBuf::from);
    let ours = directory.path().join("ours");
    let theirs = directory.path().join("theirs");
    write(&tree, &ours);
    let size = std::fs::metadata(&ours).unwrap().len();
    println!("image of {} MiB from {}", size >> 20, tree.display());

    let own = std::env::current_exe().unwrap();
    let mut results = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        let _ = std::fs::remove_file(&ours);
        let mut command = Command::new(&own);
        results[0].push(measure(command.arg("write").args([&tree, &ours])));
        let _ = std::fs::remove_file(&theirs);
        let mut command = Command::new("mke2fs");
        command.args(["-q", "-t", "ext4", "-F", "-E", "root_owner=0:0,lazy_itable_init=1", "-d"]);
        // Half as much again: mke2fs does not find the size that fits.
        let size = format!("{}k", (size + size / 2) / 1024);
        results[1].push(measure(command.args([&tree, &theirs]).arg(size)));
    }
    let [ours, theirs] = results.map(median);
    for (name, usage) in [("disk-image", &ours), ("mke2fs -d", &theirs)] {
        println!(
            "{name:>10}: {:6.2} s (processor {:.2}), {:6.1} MiB",
            usage.seconds,
            usage.processor(),
            usage.mebibytes
        );
    }
    let ratio = |of: fn(&Usage) -> f64| of(&theirs) / of(&ours);
    println!(
        "mke2fs takes {:.1} times as long, {:.1} times the processor's time, {:.1} times the memory",
        ratio(|usage| usage.seconds),
        ratio(Usage::processor),
        ratio(|usage| usage.mebibytes)
    );
}

fn write(tree: &Path, image: &Path) {
    let mut content = Tree::new(Attributes::root(0o755, 1));
    let policy = HostPolicy { xattrs: true, ..HostPolicy::STORE };
    content.add_host("", tree, &policy).unwrap();
    let size = SizePolicy::Fit { free: 64 << 20 };
    let options = Ext4Options::new("root", &Seed::new("benchmark"), 1, size);
    plan(content, options).unwrap().write_raw(image, &mut |_| ControlFlow::Continue(())).unwrap();
}
