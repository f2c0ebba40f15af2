//! What the benchmarks of this crate write.

use std::path::{Path, PathBuf};

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
