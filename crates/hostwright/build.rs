//! Puts the Debian base, `base/` of this repository, and the trees of `inputs/` into the program: a table of their files,
//! each by `include_bytes!`.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or(io::ErrorKind::NotFound)?);
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?);
    let repository = manifest.join("../..").canonicalize()?;
    let inputs = repository.join("inputs");
    println!("cargo::rerun-if-changed={}", inputs.display());
    let mut trees = vec![("debian".to_owned(), repository.join("base"))];
    for entry in fs::read_dir(&inputs)? {
        let entry = entry?;
        trees.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
    }
    trees.sort();
    let mut table = String::from("&[\n");
    for (name, directory) in trees {
        let _ = writeln!(table, "({name:?}, &[");
        write_files(&directory, &mut table)?;
        table.push_str("]),\n");
    }
    table.push(']');
    fs::write(out.join("trees.rs"), table)
}

fn write_files(directory: &Path, table: &mut String) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", directory.display());
    let mut files = Vec::new();
    list(directory, &mut files)?;
    files.sort();
    for file in files {
        let name = file.strip_prefix(directory).map_err(io::Error::other)?;
        let executable = fs::metadata(&file)?.permissions().mode() & 0o100 != 0;
        let _ = writeln!(
            table,
            "    BundledFile {{ path: {name:?}, executable: {executable}, contents: include_bytes!({file:?}) }},"
        );
    }
    Ok(())
}

/// Regular files only: symlinks have no place in the trees, and editors' leftovers must not change their hashes.
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
