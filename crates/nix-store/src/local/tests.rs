use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::content_address::{ContentAddressMethod, References};
use crate::derivation::{Derivation, DerivationOutput};
use crate::error::{Error, Result};
use crate::hash::{Hash, HashAlgorithm};
use crate::nar::{FileKind, Node};
use crate::path_info::ValidPathInfo;
use crate::store_path::StorePath;

struct Place {
    directory: TempDir,
    store: LocalStore,
}

fn place() -> Place {
    let directory = tempfile::tempdir().unwrap();
    let store = LocalStore::open(StoreRoot::new(directory.path().join("root"))).unwrap();
    Place { directory, store }
}

impl Drop for Place {
    fn drop(&mut self) {
        remove_tree(self.directory.path()).unwrap();
    }
}

fn add_text(store: &LocalStore, name: &str, references: &[&StorePath]) -> StorePath {
    let references = references.iter().map(|path| (*path).clone()).collect();
    store.add_text(name, name.as_bytes(), &references).unwrap()
}

fn add_recursive(store: &LocalStore, source: &Path) -> Result<StorePath> {
    store.add_path("tree", source, ContentAddressMethod::Recursive, HashAlgorithm::Sha256)
}

#[test]
fn a_closure_is_sorted_and_the_same_from_any_side() {
    let place = place();
    let store = &place.store;
    let a = add_text(store, "a", &[]);
    let b = add_text(store, "b", &[&a]);
    let c = add_text(store, "c", &[&a]);
    let d = add_text(store, "d", &[&b, &c]);
    let closure = store.closure([&d]).unwrap();
    assert_eq!(closure.len(), 4);
    assert_eq!((&closure[0], &closure[3]), (&a, &d));
    assert_eq!(store.closure([&d, &a, &c]).unwrap().len(), 4);
    let unknown = StorePath::from_parts([1; 20], "unknown").unwrap();
    assert!(matches!(store.closure([&unknown]), Err(Error::NotValid { .. })));
    assert_eq!(store.referrers(&a).unwrap(), BTreeSet::from([b, c]));
}

#[test]
fn everything_of_a_path_is_read_back() {
    let place = place();
    let store = &place.store;
    let library = add_text(store, "library", &[]);
    let path = StorePath::from_parts([9; 20], "output").unwrap();
    let info = ValidPathInfo {
        path: path.clone(),
        deriver: Some(StorePath::from_parts([8; 20], "output.drv").unwrap()),
        nar_hash: Hash::sha256(b"x"),
        nar_size: 1 << 40,
        references: BTreeSet::from([library, path.clone()]),
        registration_time: 1234,
        ultimate: true,
        signatures: BTreeSet::from(["key-1:AA==".to_owned(), "key-2:BB==".to_owned()]),
        content_address: Some(
            "fixed:r:sha256:1b8m03r63zqhnjf7l5wnldhh7c134ap5vpj0850ymkq1iyzicy5s".parse().unwrap(),
        ),
    };
    store.register(std::slice::from_ref(&info)).unwrap();
    assert_eq!(store.path_info(&path).unwrap(), info);
    let unsigned =
        ValidPathInfo { signatures: BTreeSet::new(), ultimate: false, deriver: None, ..info.clone() };
    store.register(&[unsigned]).unwrap();
    let again = store.path_info(&path).unwrap();
    assert_eq!((again.signatures.len(), again.ultimate, again.deriver), (0, false, info.deriver));
}

#[test]
fn all_or_nothing_is_registered() {
    let place = place();
    let store = &place.store;
    let (good, bad) =
        (StorePath::from_parts([1; 20], "good").unwrap(), StorePath::from_parts([2; 20], "bad").unwrap());
    let missing = StorePath::from_parts([3; 20], "missing").unwrap();
    let good_info = ValidPathInfo::new(good.clone(), Hash::sha256(b""), 1);
    let mut bad_info = ValidPathInfo::new(bad, Hash::sha256(b""), 1);
    bad_info.references.insert(missing);
    let result = store.register(&[good_info, bad_info]);
    assert!(matches!(result, Err(Error::MissingReference { .. })), "{result:?}");
    assert!(!store.is_valid(&good).unwrap());
}

#[test]
fn what_is_not_valid_gives_way() {
    let place = place();
    let store = &place.store;
    let source = place.directory.path().join("source");
    fs::create_dir(&source).unwrap();
    fs::write(source.join("file"), "contents").unwrap();
    let (hash, _) = crate::nar::hash_path(&source).unwrap();
    let path = store.directory().make_source_path("tree", &hash).unwrap();
    let text = store.directory().make_text_path("text", b"text", &[]).unwrap();
    for leftover in [
        store.real_path(&path),
        store.real_path(&text),
        store.root().store_directory().join(format!("{path}.tmp")),
    ] {
        fs::create_dir_all(leftover.join("read-only/below")).unwrap();
        fs::write(leftover.join("read-only/file"), "wrong").unwrap();
        canonicalise(&leftover).unwrap();
    }
    assert_eq!(add_recursive(store, &source).unwrap(), path);
    assert_eq!(add_text(store, "text", &[]), text);
    assert!(store.verify(true).unwrap().is_empty());
    let mut left: Vec<_> = fs::read_dir(store.root().store_directory())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    let mut expected = vec![path.to_string(), text.to_string()];
    expected.sort();
    assert_eq!(left, expected);
}

#[test]
fn metadata_becomes_canonical_and_trees_can_be_removed() {
    let place = place();
    let tree = place.directory.path().join("tree");
    fs::create_dir_all(tree.join("closed/below")).unwrap();
    fs::write(tree.join("closed/program"), "").unwrap();
    fs::set_permissions(tree.join("closed/program"), PermissionsExt::from_mode(0o6700)).unwrap();
    fs::set_permissions(tree.join("closed"), PermissionsExt::from_mode(0o000)).unwrap();
    let outside = place.directory.path().join("outside");
    fs::write(&outside, "").unwrap();
    let before = fs::symlink_metadata(&outside).unwrap();
    symlink(&outside, tree.join("link")).unwrap();
    canonicalise(&tree).unwrap();
    let mode = |path: &Path| fs::symlink_metadata(path).unwrap().mode() & 0o7777;
    assert_eq!(mode(&tree.join("closed")), 0o555);
    assert_eq!(mode(&tree.join("closed/program")), 0o555);
    for path in ["", "closed", "closed/below", "closed/program", "link"] {
        assert_eq!(fs::symlink_metadata(tree.join(path)).unwrap().mtime(), 1, "{path}");
    }
    let after = fs::symlink_metadata(&outside).unwrap();
    assert_eq!((before.mode(), before.mtime()), (after.mode(), after.mtime()));
    remove_tree(&tree).unwrap();
    remove_tree(&tree).unwrap();
    assert!(!tree.exists() && outside.exists());

    let socket = place.directory.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    assert!(matches!(canonicalise(&socket), Err(Error::UnsupportedFileType { .. })));
    assert!(matches!(add_recursive(&place.store, &socket), Err(Error::UnsupportedFileType { .. })));
}

#[test]
fn a_filter_decides_what_is_added() {
    let place = place();
    let source = place.directory.path().join("source");
    fs::create_dir(&source).unwrap();
    fs::write(source.join("kept"), "1").unwrap();
    symlink("/dev/null", source.join("dropped")).unwrap();
    let mut filter = |path: &Path, kind: Option<FileKind>| {
        assert_eq!(kind == Some(FileKind::Symlink), path.ends_with("dropped"));
        Ok::<_, Error>(path.ends_with("kept"))
    };
    let (method, algorithm) = (ContentAddressMethod::Recursive, HashAlgorithm::Sha256);
    let path = place.store.add_path_filtered("x", &source, method, algorithm, &mut filter).unwrap();
    let node = Node::Directory([(b"kept".to_vec(), Node::file("1"))].into());
    assert_eq!(place.store.add_node("x", &node).unwrap(), path);
    let other = Node::Directory([(b"kept".to_vec(), Node::file("2"))].into());
    let other = place.store.add_node("x", &other).unwrap();
    assert_ne!(other, path);
    assert!(place.store.verify(true).unwrap().is_empty());
}

#[test]
fn an_archive_must_be_what_it_is_said_to_be() {
    let place = place();
    let mut archive = Vec::new();
    Node::file("right").dump(&mut archive).unwrap();
    let path = StorePath::from_parts([5; 20], "x").unwrap();
    let wrong = ValidPathInfo::new(path.clone(), Hash::sha256(b"wrong"), archive.len() as u64);
    let result = place.store.add_nar(&wrong, &mut archive.as_slice());
    assert!(matches!(result, Err(Error::HashMismatch { .. })), "{result:?}");
    assert!(!place.store.is_valid(&path).unwrap() && !place.store.real_path(&path).exists());
    assert_eq!(fs::read_dir(place.store.root().store_directory()).unwrap().count(), 0);
    let right = ValidPathInfo::new(path.clone(), Hash::sha256(&archive), 0);
    place.store.add_nar(&right, &mut archive.as_slice()).unwrap();
    assert_eq!(place.store.path_info(&path).unwrap().nar_size, archive.len() as u64);
}

#[test]
fn verification_names_what_is_wrong() {
    let place = place();
    let store = &place.store;
    let (a, b, c) = (add_text(store, "a", &[]), add_text(store, "b", &[]), add_text(store, "c", &[]));
    remove_tree(&store.real_path(&a)).unwrap();
    let real = store.real_path(&b);
    fs::set_permissions(&real, PermissionsExt::from_mode(0o644)).unwrap();
    fs::write(&real, "changed").unwrap();
    let mut problems = store.verify(true).unwrap();
    problems.sort_by(|x, y| x.path.name().cmp(y.path.name()));
    assert_eq!(problems.len(), 2);
    assert!(problems[0].path == a && matches!(problems[0].kind, ProblemKind::Missing));
    assert!(problems[1].path == b && matches!(problems[1].kind, ProblemKind::Modified { .. }));
    assert_eq!(store.verify(false).unwrap().len(), 1);
    assert!(store.is_valid(&c).unwrap());
}

#[test]
fn one_of_many_threads_makes_a_path() {
    let place = place();
    let path = StorePath::from_parts([5; 20], "x").unwrap();
    let root = place.store.root();
    let made: usize = thread::scope(|scope| {
        let workers: Vec<_> = (0..8)
            .map(|_| {
                let path = &path;
                scope.spawn(move || {
                    let store = LocalStore::open(root.clone()).unwrap();
                    let Begin::Unfinished(mut unfinished) = store.begin(path).unwrap() else { return 0 };
                    assert!(!unfinished.place().exists());
                    fs::write(unfinished.place(), "made").unwrap();
                    thread::sleep(Duration::from_millis(5));
                    let info = unfinished.finish([path]).unwrap();
                    store.register(&[info]).unwrap();
                    1
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    assert_eq!(made, 1);
    assert_eq!(fs::read_dir(root.store_directory()).unwrap().count(), 1);
}

#[test]
fn a_store_is_read_where_nothing_can_be_written() {
    let place = place();
    let path = add_text(&place.store, "a", &[]);
    let root = place.store.root().clone();
    let reader = LocalStore::open_for(root.clone(), Access::ReadOnly).unwrap();
    assert!(reader.is_valid(&path).unwrap());
    assert!(matches!(reader.add_text("b", b"", &BTreeSet::new()), Err(Error::ReadOnly { .. })));
    assert!(matches!(reader.begin(&path), Err(Error::ReadOnly { .. })));
    let nothing = LocalStore::open_for(StoreRoot::new("/nonexistent"), Access::ReadOnly);
    assert!(matches!(nothing, Err(Error::NoStore { .. })));
    fs::write(root.database_directory().join("schema"), "9").unwrap();
    for access in [Access::ReadOnly, Access::ReadWrite] {
        let old = LocalStore::open_for(root.clone(), access);
        assert!(matches!(old, Err(Error::UnknownSchema { .. })));
    }
}

#[test]
fn a_damaged_database_is_an_error() {
    let place = place();
    let path = add_text(&place.store, "a", &[]);
    let database = place.store.root().database_directory().join("db.sqlite");
    let connection = rusqlite::Connection::open(&database).unwrap();
    connection.execute("update ValidPaths set hash = 'sha256:zz'", []).unwrap();
    let result = place.store.query(&path);
    assert!(matches!(result, Err(Error::InvalidDatabase { column: "hash", .. })), "{result:?}");
    connection.execute("update ValidPaths set path = '/etc/passwd'", []).unwrap();
    assert!(matches!(place.store.valid_paths(), Err(Error::InvalidDatabase { .. })));
    drop(connection);
    fs::write(&database, "no database").unwrap();
    for name in ["db.sqlite-wal", "db.sqlite-shm"] {
        let _ = fs::remove_file(database.with_file_name(name));
    }
    let result = LocalStore::open(place.store.root().clone());
    assert!(matches!(result, Err(Error::Database { .. })));
}

#[test]
fn a_full_disk_is_an_error_of_its_own() {
    let full = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL), None);
    assert!(Error::database(Path::new("db.sqlite"), full).is_out_of_space());
    // A real one: a database that may not grow.
    let place = place();
    let database = place.directory.path().join("small.sqlite");
    let connection = rusqlite::Connection::open(&database).unwrap();
    connection.execute_batch("create table t (x); pragma max_page_count = 3;").unwrap();
    let result = connection.execute("insert into t values (zeroblob(100000))", []);
    assert!(Error::database(&database, result.unwrap_err()).is_out_of_space());
    // /dev/full says ENOSPC to every write.
    let tree = place.directory.path().join("full");
    symlink("/dev/full", &tree).unwrap();
    let error = fs::write(&tree, "x").unwrap_err();
    assert!(matches!(Error::io("write", &tree, error), Error::OutOfSpace { .. }));
}

#[test]
fn outputs_of_derivations_are_recorded() {
    let place = place();
    let store = &place.store;
    let mut first = Derivation::new("first");
    let output = StorePath::from_parts([7; 20], "first").unwrap();
    first.outputs.insert("out".to_owned(), DerivationOutput::InputAddressed { path: output.clone() });
    let (first_path, text) = first.path_and_text(store.directory()).unwrap();
    let mut second = Derivation::new("second");
    second.input_drvs.insert(first_path.clone(), BTreeSet::from(["out".to_owned()]).into());
    assert!(matches!(store.write_derivation(&second), Err(Error::MissingReference { .. })));
    let paths = store.write_derivations([&second, &first]).unwrap();
    assert_eq!(paths[1], first_path);
    assert_eq!(store.derivation_outputs(&first_path).unwrap(), [("out".to_owned(), output)].into());
    assert_eq!(store.read_derivation(&first_path).unwrap(), first);
    assert_eq!(fs::read(store.real_path(&first_path)).unwrap(), text);
    assert_eq!(store.references(&paths[0]).unwrap(), BTreeSet::from([first_path]));
    assert_eq!(store.write_derivations([&first, &second]).unwrap().len(), 2);
}

#[test]
fn a_root_replaces_a_root_and_nothing_else() {
    let place = place();
    let store = &place.store;
    let (a, b) = (add_text(store, "a", &[]), add_text(store, "b", &[]));
    let link = place.directory.path().join("new/result");
    store.add_root(&link, &a, RootTarget::Real).unwrap();
    store.add_root(&link, &b, RootTarget::Real).unwrap();
    assert_eq!(fs::read(&link).unwrap(), b"b");
    let roots = store.root().roots_directory().join("auto");
    assert_eq!(fs::read_dir(&roots).unwrap().count(), 1);
    // Of a store with another root.
    fs::remove_file(&link).unwrap();
    symlink("/elsewhere/nix/store/00000000000000000000000000000000-x", &link).unwrap();
    store.add_root(&link, &a, RootTarget::Real).unwrap();
    let file = place.directory.path().join("file");
    fs::write(&file, "precious").unwrap();
    let foreign = place.directory.path().join("foreign");
    symlink(&file, &foreign).unwrap();
    for link in [&file, &foreign, &place.directory.path().join("new")] {
        let result = store.add_root(link, &a, RootTarget::Real);
        assert!(matches!(result, Err(Error::RootInTheWay { .. })), "{result:?}");
    }
    assert_eq!(fs::read(&foreign).unwrap(), b"precious");
    let unknown = StorePath::from_parts([1; 20], "unknown").unwrap();
    assert!(matches!(store.add_root(&link, &unknown, RootTarget::Real), Err(Error::NotValid { .. })));
}

#[test]
fn a_fresh_database_depends_on_its_paths_alone() {
    let place = place();
    let store = &place.store;
    let mut infos: Vec<ValidPathInfo> = Vec::new();
    let mut last: Option<StorePath> = None;
    for number in 0..50 {
        let path = add_text(store, &format!("text-{number}"), &last.iter().collect::<Vec<_>>());
        infos.push(store.path_info(&path).unwrap());
        last = Some(path);
    }
    let write = |name: &str, infos: &[ValidPathInfo]| {
        let path = place.directory.path().join(name);
        write_fresh_database(&path, store.directory(), infos).map(|()| fs::read(&path).unwrap())
    };
    let first = write("first", &infos).unwrap();
    infos.reverse();
    infos[3].registration_time = 99;
    infos.push(infos[0].clone());
    assert!(write("second", &infos).unwrap() == first);
    assert!(matches!(write("second", &infos), Err(Error::Io { .. })));
    infos.retain(|info| info.path.name() != "text-7");
    assert!(matches!(write("third", &infos), Err(Error::MissingReference { .. })));
}

/// Not a test of its own: the process that [`a_killed_process_leaves_a_good_store`] kills.
#[test]
fn adds_until_it_is_killed() {
    let Some(root) = env::var_os("STORE_TO_ADD_TO") else { return };
    let root = Path::new(&root);
    let store = LocalStore::open(StoreRoot::new(root)).unwrap();
    store.remove_leftovers().unwrap();
    for number in store.valid_paths().unwrap().len().. {
        let source = root.with_file_name("source");
        store
            .add_path(
                &format!("tree-{number}"),
                &source,
                ContentAddressMethod::Recursive,
                HashAlgorithm::Sha1,
            )
            .unwrap();
        store.add_text(&format!("text-{number}"), b"text", &BTreeSet::new()).unwrap();
    }
}

#[test]
fn a_killed_process_leaves_a_good_store() {
    let place = place();
    let source = place.directory.path().join("source");
    for number in 0..40 {
        fs::create_dir_all(source.join(format!("{number}/below"))).unwrap();
        fs::write(source.join(format!("{number}/below/file")), number.to_string().repeat(5000)).unwrap();
    }
    let root = place.store.root().path();
    for round in 1..6 {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "local::tests::adds_until_it_is_killed", "--nocapture"])
            .env("STORE_TO_ADD_TO", root)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let before = place.store.valid_paths().unwrap().len();
        while place.store.valid_paths().unwrap().len() < before + 2 {
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(Duration::from_millis(round * 3));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(place.store.verify(true).unwrap().is_empty());
    }
    place.store.remove_leftovers().unwrap();
    assert!(!place.store.valid_paths().unwrap().is_empty());
    for entry in fs::read_dir(place.store.root().store_directory()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(!name.contains(".tmp") && !name.ends_with(".lock"), "{name}");
    }
    let (hash, _) = crate::nar::hash_path(&source).unwrap();
    let path = place
        .store
        .directory()
        .make_fixed_output_path("tree", ContentAddressMethod::Recursive, &hash, References::default())
        .unwrap();
    assert_eq!(add_recursive(&place.store, &source).unwrap(), path);
}
