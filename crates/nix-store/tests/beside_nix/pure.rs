//! Hashes, paths, archives and derivations: same paths, same bytes.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::GRAPH;
use crate::nix::Nix;
use nix_store::{
    ContentAddressMethod, Derivation, DerivationOutput, Error, Hash, HashAlgorithm, HashModuloMemo,
    References, StoreDir, StorePath, derivation_path, nar, output_placeholder,
};

#[test]
fn hashes_are_converted_alike() {
    let nix = Nix::new();
    for algorithm in [HashAlgorithm::Md5, HashAlgorithm::Sha1, HashAlgorithm::Sha256, HashAlgorithm::Sha512] {
        let name = algorithm.name();
        let hash = Hash::digest(algorithm, b"some data");
        let hash_file = nix.path("data");
        fs::write(&hash_file, "some data").unwrap();
        let flat = nix.text("nix-hash", &["--flat", "--type", name, hash_file.to_str().unwrap()]);
        assert_eq!(flat, hash.to_base16());
        assert_eq!(nar::hash_file(algorithm, &hash_file).unwrap(), hash);
        let to = |form: &str| nix.text("nix", &["hash", form, "--type", name, &hash.to_base16()]);
        assert_eq!(to("to-base32"), hash.to_base32());
        assert_eq!(to("to-base64"), hash.to_base64());
        assert_eq!(to("to-sri"), hash.to_sri());
    }
}

#[test]
fn archives_are_equal() {
    let nix = Nix::new();
    let tree = nix.path("tree");
    fs::create_dir_all(tree.join("empty")).unwrap();
    fs::create_dir_all(tree.join("B/c")).unwrap();
    for (name, contents) in
        [("a", "x".repeat(8)), ("B/c/long", "long".repeat(100_003)), ("a b", String::new())]
    {
        fs::write(tree.join(name), contents).unwrap();
    }
    fs::write(tree.join("\u{e9}"), "1").unwrap();
    fs::write(tree.join("program"), "#!").unwrap();
    fs::set_permissions(tree.join("program"), PermissionsExt::from_mode(0o744)).unwrap();
    fs::write(tree.join("group"), "not executable by its owner").unwrap();
    fs::set_permissions(tree.join("group"), PermissionsExt::from_mode(0o674)).unwrap();
    symlink("../nowhere", tree.join("link")).unwrap();

    let theirs = nix.run("nix-store", &["--dump", tree.to_str().unwrap()]);
    let mut ours = Vec::new();
    nar::dump(&tree, &mut ours).unwrap();
    assert!(ours == theirs, "the archives differ");

    let restored = nix.path("restored");
    nar::restore(&mut theirs.as_slice(), &restored).unwrap();
    assert!(nix.run("nix-store", &["--dump", restored.to_str().unwrap()]) == theirs);
    let (hash, size) = nar::hash_path(&tree).unwrap();
    assert_eq!(size, theirs.len() as u64);
    assert_eq!(hash.to_base16(), nix.text("nix-hash", &["--type", "sha256", tree.to_str().unwrap()]));
}

#[test]
fn content_addressed_paths_are_equal() {
    let nix = Nix::new();
    let directory = StoreDir::default();
    let file = nix.path("file");
    fs::write(&file, "content").unwrap();
    let (nar_hash, _) = nar::hash_path(&file).unwrap();
    let file_text = file.to_str().unwrap();

    let theirs = nix.text("nix-store", &["--add", file_text]);
    assert_eq!(directory.display(&directory.make_source_path("file", &nar_hash).unwrap()), theirs);

    for algorithm in [HashAlgorithm::Md5, HashAlgorithm::Sha1, HashAlgorithm::Sha256, HashAlgorithm::Sha512] {
        for method in [ContentAddressMethod::Flat, ContentAddressMethod::Recursive] {
            let mut arguments = vec!["--add-fixed", algorithm.name(), file_text];
            let hash = if method == ContentAddressMethod::Recursive {
                arguments.insert(0, "--recursive");
                let mut archive = Vec::new();
                nar::dump(&file, &mut archive).unwrap();
                Hash::digest(algorithm, &archive)
            } else {
                Hash::digest(algorithm, b"content")
            };
            let ours =
                directory.make_fixed_output_path("file", method, &hash, References::default()).unwrap();
            assert_eq!(directory.display(&ours), nix.text("nix-store", &arguments), "{method:?} {algorithm}");
        }
    }

    let theirs = nix.eval(r#"builtins.toFile "b" "see ${builtins.toFile "a" "text"}""#);
    let first = directory.make_text_path("a", b"text", &[]).unwrap();
    let second = format!("see {}", directory.display(&first));
    let second = directory.make_text_path("b", second.as_bytes(), &[first]).unwrap();
    assert_eq!(theirs, format!("\"{}\"", directory.display(&second)));
    assert_eq!(nix.eval(r#"builtins.placeholder "dev""#), format!("\"{}\"", output_placeholder("dev")));
}

#[test]
fn derivations_are_equal() {
    let nix = Nix::new();
    let directory = StoreDir::default();
    let root = nix.instantiate(GRAPH);
    let mut pending = vec![directory.parse(root.as_bytes()).unwrap()];
    let mut seen = BTreeSet::new();
    let read = |path: &StorePath| -> Result<(Vec<u8>, Derivation), Error> {
        let bytes = fs::read(nix.real_path(path)).unwrap();
        let derivation = Derivation::parse(&directory, path.derivation_name().unwrap(), &bytes)?;
        Ok((bytes, derivation))
    };
    while let Some(path) = pending.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        let (bytes, derivation) = read(&path).unwrap();
        assert!(derivation.print(&directory) == bytes, "{path}");
        assert_eq!(derivation_path(&directory, &derivation).unwrap(), path);
        pending.extend(derivation.input_drvs.keys().cloned());

        // Each output's path, from nothing.
        let memo = HashModuloMemo::new();
        let mut load = |path: &StorePath| Ok::<_, Error>(read(path)?.1);
        if let Some((method, hash, output)) = derivation.fixed_output() {
            let ours =
                directory.make_fixed_output_path(&derivation.name, method, hash, References::default());
            assert_eq!(ours.unwrap(), *output);
        } else {
            let mut blank = derivation.clone();
            for (name, output) in &mut blank.outputs {
                *output = DerivationOutput::Deferred;
                blank.env.insert(name, "");
            }
            let hash = blank.hash_modulo_masked(&directory, &memo, &mut load).unwrap();
            blank.assign_output_paths(&directory, &hash).unwrap();
            assert_eq!(blank, derivation);
        }
    }
    assert_eq!(seen.len(), 5);
}
