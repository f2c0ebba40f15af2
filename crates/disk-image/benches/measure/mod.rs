//! What the benchmarks of this crate share: a tree, and what a command takes.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// What a command took: wall time, processor's time, and the most memory of its largest process.
pub struct Usage {
    pub seconds: f64,
    pub processor: f64,
    pub mebibytes: f64,
}

/// Runs a command under GNU time, which says how much memory it took.
pub fn measure(command: &mut Command) -> Usage {
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
pub fn make_tree(directory: &Path) -> PathBuf {
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
