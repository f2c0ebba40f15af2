//! Puts the Debian base, `base/` of this repository, into the program: a table of its files, each by `include_bytes!`.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or(io::ErrorKind::NotFound)?);
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?);
    let base = manifest.join("../../base").canonicalize()?;
    println!("cargo::rerun-if-changed={}", base.display());
    let mut files = Vec::new();
    list(&base, &mut files)?;
    files.sort();
    let mut table = String::from("&[\n");
    for file in files {
        let name = file.strip_prefix(&base).map_err(io::Error::other)?;
        let executable = fs::metadata(&file)?.permissions().mode() & 0o100 != 0;
        let _ = writeln!(
            table,
            "    BundledFile {{ path: {name:?}, executable: {executable}, contents: include_bytes!({file:?}) }},"
        );
    }
    table.push(']');
    fs::write(out.join("base.rs"), table)
}

/// Regular files only: symlinks have no place in the base, and editors' leftovers must not change its hash.
fn list(directory: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let leftover = name.to_string_lossy().starts_with('.') || name.to_string_lossy().ends_with('~');
        if entry.file_type()?.is_dir() {
            list(&entry.path(), files)?;
        } else if !leftover {
            files.push(entry.path());
        }
    }
    Ok(())
}
