//! Packages that have the same paths.

use std::fs;

use nix_build::Error;
use serde_json::json;

use crate::archive::packages;
use crate::graph::{TestStore, Written, full_text};

/// A package as if it had been unpacked.
fn package(store: &TestStore, name: &str, fields: &str, files: &[(&str, &str)]) -> Written {
    let control = format!("Package: {name}\nVersion: 1\nArchitecture: all\n{fields}");
    let mut entries = vec![json!({ "path": "nix-support/debian/control", "text": control })];
    entries.extend(files.iter().map(|(path, text)| json!({ "path": path, "text": text })));
    store.write(name, "builtin:make-tree", json!({ "entries": entries }), &[])
}

fn merge(store: &TestStore, packages: &[&Written]) -> Result<Written, Error> {
    let debs: Vec<&str> = packages.iter().map(|package| package.output.as_str()).collect();
    let attributes = json!({ "debs": debs, "subtree": "usr" });
    let merged = store.write("usr", "builtin:merge-debs", attributes, packages);
    store.realise(&[&merged])?;
    Ok(merged)
}

#[test]
fn a_path_of_two_packages_is_decided_as_dpkg_does() {
    let store = TestStore::new();
    let file = |text| [("usr/share/common", text), ("usr/share/same", "same")];
    let one = package(&store, "one", "", &file("one"));
    let other = package(&store, "other", "", &file("other"));
    let text = full_text(&merge(&store, &[&one, &other]).unwrap_err());
    assert!(
        text.contains("/usr/share/common") && text.contains("'one'") && text.contains("'other'"),
        "{text}"
    );

    let content = |merged: &Written| fs::read_to_string(store.real(merged).join("share/common")).unwrap();
    let replacing = package(&store, "replacing", "Replaces: one (<< 2)\n", &file("replacing"));
    assert_eq!(content(&merge(&store, &[&one, &replacing]).unwrap()), "replacing");
    let too_old = package(&store, "too-old", "Replaces: one (<< 1)\n", &file("too old"));
    assert!(merge(&store, &[&one, &too_old]).is_err());

    let conflicting = package(&store, "conflicting", "Conflicts: one\n", &[("usr/x", "")]);
    let text = full_text(&merge(&store, &[&one, &conflicting]).unwrap_err());
    assert!(text.contains("cannot be installed together") && text.contains("Conflicts: one"), "{text}");
    store.verify_by_nix();
}

#[test]
fn a_package_that_diverts_a_file_has_its_own() {
    let mut store = TestStore::new();
    let vim = packages(&mut store, &["vim-runtime", "vim-tiny"], false);
    let merged = merge(&store, &vim.iter().collect::<Vec<_>>())
        .unwrap_or_else(|error| panic!("{}", full_text(&error)));
    let runtime = vim.iter().find(|package| package.output.contains("vim-runtime")).unwrap();
    let directory = |root: std::path::PathBuf| root.join("share/vim/vim91/doc");
    for name in ["help.txt", "tags"] {
        let read = |root| fs::read(directory(root).join(name)).unwrap();
        assert!(read(store.real(&merged)) == read(store.real(runtime).join("usr")), "{name}");
    }
    let script = "case $1 in install) dpkg-divert --add /usr/share/elsewhere;; esac";
    let file = |text| [("usr/share/common", text), ("nix-support/debian/preinst", script)];
    let (one, other) =
        (package(&store, "one", "", &file("one")), package(&store, "other", "", &file("other")));
    assert!(merge(&store, &[&one, &other]).is_err());
}
