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

use disk_image::ext4::{Ext4Options, plan};
use disk_image::{Attributes, HostPolicy, Seed, SizePolicy, Tree};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

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
    for (name, results) in ["disk-image", "mke2fs -d"].into_iter().zip(&mut results) {
        results.sort_by(|left, right| left.seconds.total_cmp(&right.seconds));
        let median = &results[ROUNDS / 2];
        println!(
            "{name:>10}: {:6.2} s (fastest {:.2}, processor {:.2}), {:6.1} MiB",
            median.seconds, results[0].seconds, median.processor, median.mebibytes
        );
    }
    let ratio = |of: fn(&Usage) -> f64| of(&results[1][ROUNDS / 2]) / of(&results[0][ROUNDS / 2]);
    println!(
        "mke2fs takes {:.1} times as long, {:.1} times the processor's time, {:.1} times the memory",
        ratio(|usage| usage.seconds),
        ratio(|usage| usage.processor),
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

struct Usage {
    seconds: f64,
    processor: f64,
    mebibytes: f64,
}

/// Runs a command under GNU time, which says how much memory it took.
fn measure(command: &mut Command) -> Usage {
    let mut timed = Command::new("/usr/bin/time");
    timed.args(["-f", "%U %S %M"]).arg(command.get_program()).args(command.get_args());
    let start = Instant::now();
    let output = timed.output().expect("GNU time is installed (package time)");
    let seconds = start.elapsed().as_secs_f64();
    let report = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{report}");
    let last = report.lines().last().unwrap();
    let numbers: Vec<f64> = last.split(' ').map(|word| word.parse().unwrap()).collect();
    Usage { seconds, processor: numbers[0] + numbers[1], mebibytes: numbers[2] / 1024.0 }
}

/// 30000 files of sizes as they are in a system: most small, some large.
fn make_tree(directory: &Path) -> PathBuf {
    let root = directory.join("tree");
    let mut state = 1_u64;
    for number in 0..30_000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let size = match number % 1_000 {
            0 => 8 << 20,
            1..=20 => 300_000,
            _ => (state >> 33) as usize % 12_000,
        };
        let parent = root.join(format!("d{:02}/d{:02}", number % 40, number / 40 % 25));
        std::fs::create_dir_all(&parent).unwrap();
        std::fs::write(parent.join(format!("file-{number}")), vec![number as u8; size]).unwrap();
    }
    root
}
