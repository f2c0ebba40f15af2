//! The direction of the house: a crate leans only on crates below it.

use std::collections::BTreeMap;
use std::path::Path;

/// Every crate with the crates of this workspace that it may use, as `docs/architecture.md` draws them.
const ALLOWED: &[(&str, &[&str])] = &[
    ("nix-store", &[]),
    ("download", &[]),
    ("disk-image", &[]),
    ("measure", &[]),
    ("install", &["disk-image", "download"]),
    ("nix-expr", &["nix-store"]),
    ("nix-flake", &["nix-store", "nix-expr", "download"]),
    ("debian", &["download"]),
    ("binary-cache", &["nix-store", "download"]),
    ("deploy", &["nix-store", "download"]),
    ("nix-build", &["nix-store", "binary-cache", "download", "debian", "disk-image"]),
    ("compatibility", &["nix-store", "nix-expr", "nix-flake", "download", "debian"]),
    ("hardening", &["nix-store", "nix-expr", "nix-flake"]),
    (
        "hostwright",
        &[
            "nix-store",
            "nix-expr",
            "nix-flake",
            "nix-build",
            "binary-cache",
            "download",
            "debian",
            "deploy",
            "disk-image",
            "install",
        ],
    ),
];

#[test]
fn crates_lean_only_on_crates_below_them() {
    let allowed: BTreeMap<_, _> = ALLOWED.iter().copied().collect();
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for entry in std::fs::read_dir(crates).unwrap() {
        let manifest = entry.unwrap().path().join("Cargo.toml");
        let manifest: toml::Table = std::fs::read_to_string(&manifest).unwrap().parse().unwrap();
        let name = manifest["package"]["name"].as_str().unwrap();
        let below = allowed.get(name).unwrap_or_else(|| panic!("{name} is not in the table of crates"));
        for section in ["dependencies", "build-dependencies"] {
            let Some(dependencies) = manifest.get(section).and_then(toml::Value::as_table) else { continue };
            for dependency in dependencies.keys().filter(|d| allowed.contains_key(d.as_str())) {
                assert!(below.contains(&dependency.as_str()), "{name} must not lean on {dependency}");
            }
        }
    }
}
