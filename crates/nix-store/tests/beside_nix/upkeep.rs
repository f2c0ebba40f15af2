//! Checking and repairing, and paths as streams.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;

use crate::GRAPH;
use crate::nix::{Nix, add_output, open};
use nix_store::local::{ProblemKind, remove_tree};
use nix_store::{ContentAddress, ContentAddressMethod, Error, Hash, HashAlgorithm, ValidPathInfo, nar};

#[test]
fn damage_is_found_and_put_right() {
    let (nix, good) = (Nix::new(), Nix::new());
    let mut paths = Vec::new();
    for place in [&nix, &good] {
        let store = open(place);
        let library = add_output(&store, "library", "leaf", &[]).path;
        let program = add_output(&store, "program", library.base_name(), &[&library]).path;
        let twin = add_output(&store, "twin", "leaf", &[]).path;
        let gone = add_output(&store, "gone", "gone", &[]).path;
        let lost = add_output(&store, "lost", gone.base_name(), &[&gone]).path;
        store.optimise().unwrap();
        paths = vec![library, program, twin, gone, lost];
    }
    let [library, program, twin, gone, lost] = paths.as_slice() else { panic!() };
    let store = open(&nix);
    // One file is changed under all its names, one path is missing, and two more that nobody has.
    let file = store.real_path(library).join("bin/file");
    fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
    fs::write(&file, "lead").unwrap();
    fs::set_permissions(&file, PermissionsExt::from_mode(0o444)).unwrap();
    for path in [program, gone, lost] {
        remove_tree(&store.real_path(path)).unwrap();
    }
    let problems = store.verify(true).unwrap();
    assert_eq!(problems.len(), 5);
    assert!(!nix.try_run("nix-store", &["--verify", "--check-contents"]).status.success());

    let source = open(&good);
    let mut asked = BTreeSet::new();
    let mut fetch = |info: &ValidPathInfo| -> Result<Option<Box<dyn Read>>, Error> {
        asked.insert(info.path.clone());
        match info.path.name() {
            "gone" | "lost" => Ok(None),
            // Another content than it should have.
            "twin" => {
                let mut archive = Vec::new();
                nar::Node::file("wrong").dump(&mut archive)?;
                Ok(Some(Box::new(std::io::Cursor::new(archive))))
            }
            _ => {
                let mut archive = Vec::new();
                nar::dump(&source.real_path(&info.path), &mut archive)?;
                Ok(Some(Box::new(std::io::Cursor::new(archive))))
            }
        }
    };
    let remaining = store.verify_and_repair(true, &mut fetch).unwrap();
    assert_eq!(remaining.len(), 1);
    assert!(remaining[0].path == *twin && matches!(remaining[0].kind, ProblemKind::Modified { .. }));
    assert!(!store.is_valid(gone).unwrap() && !store.is_valid(lost).unwrap());
    let mut archive = Vec::new();
    nar::dump(&source.real_path(twin), &mut archive).unwrap();
    store.repair(&store.path_info(twin).unwrap(), &mut archive.as_slice()).unwrap();
    assert!(store.verify(true).unwrap().is_empty());
    // The damaged file in `.links` is gone, and nothing is linked to it again.
    store.optimise().unwrap();
    nix.run("nix-store", &["--verify", "--check-contents"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "leaf");
    assert!(matches!(
        store.repair(&unknown_info(gone), &mut archive.as_slice()),
        Err(Error::NotValid { .. })
    ));
}

fn unknown_info(path: &nix_store::StorePath) -> ValidPathInfo {
    ValidPathInfo::new(path.clone(), Hash::sha256(b""), 0)
}

#[test]
fn streams_of_paths_are_those_of_nix() {
    let (ours, theirs, here) = (Nix::new(), Nix::new(), Nix::new());
    let store = open(&here);
    let library = add_output(&store, "library", &"leaf".repeat(50_000), &[]).path;
    let program = add_output(&store, "program", library.base_name(), &[&library]);
    let mut with_deriver = program.clone();
    let derivation = here.instantiate(GRAPH);
    let derivation = store.directory().parse(derivation.as_bytes()).unwrap();
    with_deriver.deriver = Some(derivation.clone());
    store.register(&[with_deriver]).unwrap();
    let closure: BTreeSet<_> = store.closure([&program.path, &derivation]).unwrap().into_iter().collect();
    let mut stream = Vec::new();
    store.export(&closure, &mut stream).unwrap();

    // Nix takes our stream, and what it writes of it is the same again.
    let file = theirs.path("stream");
    fs::write(&file, &stream).unwrap();
    let mut command = theirs.command("nix-store");
    let output = command.arg("--import").stdin(fs::File::open(&file).unwrap()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    theirs.run("nix-store", &["--verify", "--check-contents"]);
    let display = |path| store.directory().display(path);
    let arguments: Vec<String> =
        std::iter::once("--export".to_owned()).chain(closure.iter().map(display)).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let again = theirs.run("nix-store", &arguments);
    assert_eq!(again.len(), stream.len());

    let target = open(&ours);
    let added = target.import(&mut again.as_slice()).unwrap();
    assert_eq!(added.iter().cloned().collect::<BTreeSet<_>>(), closure);
    assert_eq!(target.import(&mut stream.as_slice()).unwrap().len(), closure.len());
    for path in &closure {
        let (one, other) = (store.path_info(path).unwrap(), target.path_info(path).unwrap());
        assert_eq!(
            (one.nar_hash, one.references, one.deriver),
            (other.nar_hash, other.references, other.deriver)
        );
    }
    ours.run("nix-store", &["--verify", "--check-contents"]);

    // Cut anywhere, it is an error, and what is left is a good store.
    let broken = Nix::new();
    let target = open(&broken);
    for end in (0..stream.len()).step_by(stream.len() / 40) {
        assert!(target.import(&mut &stream[..end]).is_err());
    }
    assert!(matches!(target.import(&mut [7u8; 8].as_slice()), Err(Error::MalformedMessage { .. })));
    broken.run("nix-store", &["--verify", "--check-contents"]);
    let names = fs::read_dir(target.root().store_directory()).unwrap();
    assert_eq!(
        names.filter(|name| name.as_ref().unwrap().file_name() != ".links").count(),
        target.valid_paths().unwrap().len()
    );
}

#[test]
fn a_content_address_must_be_that_of_the_content() {
    let nix = Nix::new();
    let store = open(&nix);
    let mut archive = Vec::new();
    nar::Node::file("content").dump(&mut archive).unwrap();
    let nar_hash = Hash::sha256(&archive);
    let methods = [
        (ContentAddressMethod::Flat, Hash::digest(HashAlgorithm::Sha1, b"content")),
        (ContentAddressMethod::Text, Hash::sha256(b"content")),
        (ContentAddressMethod::Recursive, nar_hash),
        (ContentAddressMethod::Recursive, Hash::digest(HashAlgorithm::Sha512, &archive)),
    ];
    for (method, hash) in methods {
        let address = ContentAddress { method, hash };
        let path = store.directory().make_content_addressed_path("x", &address, Default::default()).unwrap();
        let mut info = ValidPathInfo::new(path.clone(), nar_hash, archive.len() as u64);
        info.content_address = Some(address);
        // The right path for a wrong content, and a path that is another one's.
        let mut other = Vec::new();
        nar::Node::file("other").dump(&mut other).unwrap();
        let wrong = ValidPathInfo { nar_hash: Hash::sha256(&other), nar_size: 0, ..info.clone() };
        assert!(matches!(store.add_nar(&wrong, &mut other.as_slice()), Err(Error::HashMismatch { .. })));
        let stolen = nix_store::StorePath::from_parts([7; 20], "x").unwrap();
        let stolen = ValidPathInfo { path: stolen, ..info.clone() };
        let result = store.add_nar(&stolen, &mut archive.as_slice());
        assert!(matches!(result, Err(Error::WrongContentAddress { .. })), "{result:?}");
        assert!(!store.is_valid(&path).unwrap());
        store.add_nar(&info, &mut archive.as_slice()).unwrap();
    }
    assert_eq!(store.valid_paths().unwrap().len(), 4);
    nix.run("nix-store", &["--verify", "--check-contents"]);
}
