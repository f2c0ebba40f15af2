//! One store, used by both.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::thread;

use rusqlite::Connection;

use crate::GRAPH;
use crate::nix::{Nix, add_output, open};
use nix_store::local::{RootTarget, write_fresh_database};
use nix_store::{
    ContentAddressMethod, Derivation, DerivationOutput, HashAlgorithm, LocalStore, StorePath, ValidPathInfo,
};

fn parse(store: &LocalStore, path: &str) -> StorePath {
    store.directory().parse(path.as_bytes()).unwrap()
}

fn lines(store: &LocalStore, text: &str) -> BTreeSet<StorePath> {
    text.lines().map(|line| parse(store, line)).collect()
}

/// A tree with every kind of file, and modes that are not a store's.
fn write_tree(tree: &Path) {
    fs::create_dir_all(tree.join("directory/empty")).unwrap();
    fs::write(tree.join("directory/file"), "contents").unwrap();
    fs::write(tree.join("program"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(tree.join("program"), PermissionsExt::from_mode(0o4711)).unwrap();
    fs::write(tree.join("secret"), "").unwrap();
    fs::set_permissions(tree.join("secret"), PermissionsExt::from_mode(0o600)).unwrap();
    symlink("directory/file", tree.join("link")).unwrap();
}

/// The schema of a database without comments, spacing and letter case.
fn schema(database: &Path) -> BTreeMap<String, String> {
    let connection = Connection::open(database).unwrap();
    let mut statement = connection.prepare("select name, coalesce(sql, '') from sqlite_master").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let normal = |sql: String| {
        let without_comments: Vec<&str> = sql.lines().map(|line| line.split("--").next().unwrap()).collect();
        let words: Vec<&str> = without_comments.iter().flat_map(|line| line.split_whitespace()).collect();
        words.join(" ").to_lowercase().replace("( ", "(").replace(" )", ")")
    };
    rows.map(|row: rusqlite::Result<(String, String)>| row.map(|(name, sql)| (name, normal(sql))).unwrap())
        .collect()
}

#[test]
fn the_schemas_are_equal() {
    let (theirs, ours) = (Nix::new(), Nix::new());
    theirs.run("nix-store", &["--verify"]);
    open(&ours);
    let database = |nix: &Nix| nix.root().join("nix/var/nix/db/db.sqlite");
    assert_eq!(schema(&database(&ours)), schema(&database(&theirs)));
    let version = |nix: &Nix| fs::read(nix.root().join("nix/var/nix/db/schema")).unwrap();
    assert_eq!(version(&ours), version(&theirs));
}

#[test]
fn nix_reads_what_we_wrote() {
    let nix = Nix::new();
    let store = open(&nix);
    let tree = nix.path("tree");
    write_tree(&tree);
    let mut added = BTreeSet::new();
    for method in [ContentAddressMethod::Recursive, ContentAddressMethod::Flat] {
        for algorithm in [HashAlgorithm::Sha1, HashAlgorithm::Sha256] {
            let source =
                if method == ContentAddressMethod::Flat { tree.join("program") } else { tree.clone() };
            added.insert(store.add_path("tree", &source, method, algorithm).unwrap());
        }
    }
    assert_eq!(added.len(), 4);
    let text = store.add_text("text", b"a text", &BTreeSet::new()).unwrap();
    let library = add_output(&store, "library", "leaf", &[]).path;
    let itself = store.directory().make_text_path("program", b"", &[]).unwrap();
    let content = format!("{} {} {itself}", store.directory().display(&library), text.hash_part());
    let program = add_output(&store, "program", &content, &[&library, &text, &added.pop_first().unwrap()]);
    assert_eq!(program.references, BTreeSet::from([library.clone(), text.clone()]));

    let mut derivation = Derivation::new("ours");
    derivation.system = b"builtin".to_vec();
    derivation.builder = b"builtin:nothing".to_vec();
    derivation.input_srcs.insert(text.clone());
    derivation.outputs.insert("out".to_owned(), DerivationOutput::InputAddressed { path: library.clone() });
    let drv = store.write_derivation(&derivation).unwrap();

    nix.run("nix-store", &["--verify", "--check-contents"]);
    let display = |path: &StorePath| store.directory().display(path);
    let closure = nix.text("nix-store", &["-qR", &display(&program.path)]);
    assert_eq!(
        lines(&store, &closure),
        BTreeSet::from([library.clone(), text.clone(), program.path.clone()])
    );
    assert_eq!(nix.text("nix-store", &["-q", "--outputs", &display(&drv)]), display(&library));
    assert_eq!(
        nix.text("nix-store", &["-q", "--hash", &display(&program.path)]),
        program.nar_hash.to_prefixed_base32()
    );
    assert_eq!(
        nix.text("nix-store", &["-q", "--size", &display(&program.path)]),
        program.nar_size.to_string()
    );
    // Paths and metadata are those that Nix gives.
    let other = Nix::new();
    let theirs = other.text("nix-store", &["--add", tree.to_str().unwrap()]);
    let modes = |root: &Path| {
        let listing = |path: &Path| {
            let metadata = fs::symlink_metadata(path).unwrap();
            (metadata.permissions().mode(), metadata.modified().unwrap())
        };
        ["", "directory", "directory/empty", "directory/file", "program", "secret", "link"]
            .map(|name| listing(&root.join(name)))
    };
    let theirs = parse(&store, &theirs);
    assert_eq!(modes(&store.real_path(&theirs)), modes(&other.real_path(&theirs)));
    assert!(nix.text("nix", &["path-info", "--json", "--all"]).contains(&display(&drv)));
}

#[test]
fn we_read_what_nix_wrote() {
    let nix = Nix::new();
    let root = nix.instantiate(GRAPH);
    let tree = nix.path("tree");
    write_tree(&tree);
    nix.run("nix-store", &["--add-fixed", "--recursive", "sha512", tree.to_str().unwrap()]);
    let store = open(&nix);
    let root = parse(&store, &root);
    let display = |path: &StorePath| store.directory().display(path);

    assert!(store.verify(true).unwrap().is_empty());
    let all = store.valid_paths().unwrap();
    assert_eq!(all.len(), 7);
    for path in &all {
        let info = store.path_info(path).unwrap();
        let query = |what: &str| nix.text("nix-store", &["-q", what, &display(path)]);
        assert_eq!(info.nar_hash.to_prefixed_base32(), query("--hash"));
        assert_eq!(info.nar_size.to_string(), query("--size"));
        assert_eq!(info.references, lines(&store, &query("--references")));
        assert_eq!(store.referrers(path).unwrap(), lines(&store, &query("--referrers")));
        assert!(info.content_address.is_some());
        if path.is_derivation() {
            let outputs: BTreeSet<_> = store.derivation_outputs(path).unwrap().into_values().collect();
            assert_eq!(outputs, lines(&store, &query("--outputs")));
        }
    }
    let closure = store.closure([&root]).unwrap();
    let theirs = nix.text("nix-store", &["-qR", &display(&root)]);
    assert_eq!(closure.iter().cloned().collect::<BTreeSet<_>>(), lines(&store, &theirs));
    for (index, path) in closure.iter().enumerate() {
        assert!(store.references(path).unwrap().iter().all(|path| closure[..=index].contains(path)));
    }

    // Written again into an empty store, everything is the same.
    let other = Nix::new();
    let copy = open(&other);
    let derivations: Vec<Derivation> = closure
        .iter()
        .filter(|path| path.is_derivation())
        .map(|path| store.read_derivation(path).unwrap())
        .collect();
    copy.add_text("script", b"echo", &BTreeSet::new()).unwrap();
    let mut reversed: Vec<&Derivation> = derivations.iter().collect();
    reversed.reverse();
    let paths = copy.write_derivations(reversed).unwrap();
    assert_eq!(paths.len(), 5);
    for path in &closure {
        let unchanging =
            |store: &LocalStore| ValidPathInfo { registration_time: 0, ..store.path_info(path).unwrap() };
        assert_eq!(unchanging(&copy), unchanging(&store));
        assert_eq!(copy.derivation_outputs(path).unwrap(), store.derivation_outputs(path).unwrap());
    }
    other.run("nix-store", &["--verify", "--check-contents"]);
}

#[test]
fn roots_keep_paths_from_nixs_collector() {
    let nix = Nix::new();
    let store = open(&nix);
    let library = add_output(&store, "library", "leaf", &[]).path;
    let kept = add_output(&store, "kept", library.base_name(), &[&library]).path;
    let dropped = add_output(&store, "dropped", "dropped", &[]).path;
    let link = nix.path("links/result");
    store.add_root(&link, &dropped, RootTarget::Logical).unwrap();
    store.add_root(&link, &kept, RootTarget::Logical).unwrap();
    let profile = store.root().profile("system");
    assert!(nix.text("nix-store", &["--gc", "--print-roots"]).contains(link.to_str().unwrap()));
    assert!(profile.starts_with(nix.root()));

    let leftover = store.root().store_directory().join(".tmp-leftover");
    fs::write(&leftover, "").unwrap();
    // What a process adds is safe until it closes the store.
    drop(store);
    let store = open(&nix);
    let guard = store.hold_off_collection().unwrap();
    thread::scope(|scope| {
        let collection = scope.spawn(|| nix.run("nix-store", &["--gc"]));
        // The collector waits, so what is made now is safe.
        let late = add_output(&store, "late", "late", &[]).path;
        store.add_root(&nix.path("links/late"), &late, RootTarget::Logical).unwrap();
        assert!(!collection.is_finished());
        drop(guard);
        collection.join().unwrap();
        assert!(store.is_valid(&late).unwrap());
    });
    assert!(store.is_valid(&kept).unwrap() && store.is_valid(&library).unwrap());
    assert!(!store.is_valid(&dropped).unwrap());
    assert!(!leftover.exists());
}

#[test]
fn both_add_at_the_same_time() {
    let nix = Nix::new();
    let sources: Vec<_> = (0..12).map(|number| nix.path(&format!("source-{number}"))).collect();
    for source in &sources {
        write_tree(source);
        fs::write(source.join("name"), source.to_str().unwrap()).unwrap();
    }
    thread::scope(|scope| {
        for turn in 0..4 {
            let (nix, sources) = (&nix, &sources);
            scope.spawn(move || {
                for index in 0..sources.len() {
                    let source = &sources[(index + turn * 3) % sources.len()];
                    if turn % 2 == 0 {
                        nix.run("nix-store", &["--add", source.to_str().unwrap()]);
                    } else {
                        let name = source.file_name().unwrap().to_str().unwrap();
                        let (method, algorithm) = (ContentAddressMethod::Recursive, HashAlgorithm::Sha256);
                        open(nix).add_path(name, source, method, algorithm).unwrap();
                    }
                }
            });
        }
    });
    let store = open(&nix);
    assert_eq!(store.valid_paths().unwrap().len(), sources.len());
    nix.run("nix-store", &["--verify", "--check-contents"]);
    let left: Vec<_> = fs::read_dir(store.root().store_directory())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name.to_str().unwrap().contains(".tmp") || name.to_str().unwrap().ends_with(".lock"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn nix_opens_a_fresh_database() {
    let nix = Nix::new();
    let store = open(&nix);
    let library = add_output(&store, "library", "leaf", &[]);
    let program = add_output(&store, "program", library.path.base_name(), &[&library.path]);
    let database = nix.root().join("nix/var/nix/db");
    drop(store);
    for name in ["db.sqlite", "db.sqlite-wal", "db.sqlite-shm"] {
        let _ = fs::remove_file(database.join(name));
    }
    let directory = nix_store::StoreDir::default();
    write_fresh_database(&database.join("db.sqlite"), &directory, &[program.clone(), library.clone()])
        .unwrap();
    nix.run("nix-store", &["--verify", "--check-contents"]);
    let references = nix.text("nix-store", &["-q", "--references", &directory.display(&program.path)]);
    assert_eq!(references, directory.display(&library.path));
}
