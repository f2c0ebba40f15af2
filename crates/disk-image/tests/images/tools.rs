use disk_image::{Attributes, FileContent, Tree};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;

/// Runs a program that must succeed; its output, with the messages on standard error left out.
pub fn run(program: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(program)
        .args(arguments)
        .env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin")
        .env("LC_ALL", "C")
        .env("MTOOLS_SKIP_CHECK", "1")
        .env("TZ", "UTC")
        .output()
        .unwrap_or_else(|error| panic!("{program} cannot be started, which these tests need: {error}"));
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    output.stdout
}

/// The same as text.
pub fn text(program: &str, arguments: &[&str]) -> String {
    String::from_utf8_lossy(&run(program, arguments)).into_owned()
}

pub fn show(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// e2fsck finds nothing to repair and nothing to remark.
pub fn check_ext4(image: &Path) {
    let report = text("e2fsck", &["-f", "-n", show(image)]);
    let remarks: Vec<&str> = report
        .lines()
        .filter(|line| !line.starts_with("Pass ") && !line.contains(" files (") && !line.is_empty())
        .collect();
    assert!(remarks.is_empty(), "{report}");
}

pub fn go_on(_: disk_image::Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

pub const TIME: i64 = 1_700_000_000;

pub fn empty_tree() -> Tree {
    Tree::new(Attributes::root(0o755, TIME))
}

pub fn file(mode: u16) -> Attributes {
    Attributes::root(mode, TIME)
}

pub fn bytes(content: impl AsRef<[u8]>) -> FileContent {
    FileContent::from_bytes(content.as_ref())
}

/// Bytes that do not repeat within a block.
pub fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..length).map(|_| next()).collect()
}
