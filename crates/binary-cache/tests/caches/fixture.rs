//! A store with a closure in it, a key, and somebody who listens.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use binary_cache::{Caches, Cancellation, Destination, Observer, Settings};
use nix_store::nar::Node;
use nix_store::{LocalStore, SecretKey, StoreDir, StorePath, StoreRoot, TrustedKeys, ValidPathInfo};
use tempfile::TempDir;

/// A directory for one test, with stores in it.
pub struct Place {
    directory: TempDir,
    pub key: SecretKey,
}

impl Place {
    pub fn new() -> Self {
        Place { directory: tempfile::tempdir().unwrap(), key: SecretKey::generate("test-1").unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn store(&self, name: &str) -> LocalStore {
        LocalStore::open(StoreRoot::new(self.path(name))).unwrap()
    }

    /// The address of a cache in a directory.
    pub fn cache_url(&self, name: &str) -> String {
        format!("file://{}", self.path(name).display())
    }

    /// The key's file.
    pub fn key_file(&self) -> PathBuf {
        let path = self.path("secret");
        std::fs::write(&path, self.key.to_secret_text().as_bytes()).unwrap();
        path
    }

    /// Settings that believe the key, and are in no mood for waiting.
    pub fn settings(&self) -> Settings {
        Settings {
            trusted_keys: TrustedKeys::from_iter([self.key.public_key()]),
            attempts: 3,
            connect_timeout: Duration::from_secs(2),
            stall_timeout: Duration::from_secs(1),
            ..Settings::default()
        }
    }

    /// Pushes to the cache `name` in a directory, signed.
    pub fn push(&self, store: &LocalStore, name: &str, settings: &str, roots: &[StorePath]) {
        let url = format!("{}?{settings}", self.cache_url(name));
        let destination = Destination::open(self.settings(), &url, Listener::new()).unwrap();
        destination.push(store, roots, std::slice::from_ref(&self.key), &Cancellation::new()).unwrap();
    }
}

/// Remembers warnings.
#[derive(Default)]
pub struct Listener(Mutex<Vec<String>>);

impl Listener {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    pub fn warnings(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// The only warning.
    #[track_caller]
    pub fn one_warning(&self) -> String {
        let mut warnings = self.warnings();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        warnings.remove(0)
    }
}

impl Observer for Listener {
    fn warning(&self, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }
}

/// A path whose name does not follow from its content, so that it wants a signature.
pub fn add(store: &LocalStore, name: &str, node: &Node, references: &[&StorePath]) -> StorePath {
    add_at(store, &path_of(name), node, references)
}

pub fn add_at(store: &LocalStore, path: &StorePath, node: &Node, references: &[&StorePath]) -> StorePath {
    let (hash, size) = node.nar_hash().unwrap();
    let mut info = ValidPathInfo::new(path.clone(), hash, size);
    info.references = references.iter().map(|path| (*path).clone()).collect();
    let mut archive = Vec::new();
    node.dump(&mut archive).unwrap();
    store.add_nar(&info, &mut archive.as_slice()).unwrap();
    path.clone()
}

/// A path made of its name alone.
pub fn path_of(name: &str) -> StorePath {
    let digest = nix_store::Hash::sha256(name.as_bytes());
    StorePath::from_parts(nix_store::compress_hash(digest.bytes()), name).unwrap()
}

/// Bytes that do not compress.
pub fn noise(length: usize, mut seed: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bytes.extend_from_slice(&(seed >> 11).to_le_bytes()[..6]);
    }
    bytes.truncate(length);
    bytes
}

/// A closure with all kinds of files, references to others and to itself, a path that needs no signature, and one that is
/// too large to be brought whole. The root is the last.
pub fn closure(store: &LocalStore) -> Vec<StorePath> {
    let directory = StoreDir::default();
    let text = store.add_text("notes.txt", b"nothing of importance", &BTreeSet::new()).unwrap();
    let data = add(store, "data", &Node::file(noise(3 << 20, 1)), &[]);
    let library = path_of("library-1.0");
    let tree = Node::Directory(BTreeMap::from([
        (b"empty".to_vec(), Node::file("")),
        (b"directory".to_vec(), Node::Directory(BTreeMap::new())),
        (b"self".to_vec(), Node::file(directory.display(&library))),
        (b"a b\xc3\xa9".to_vec(), Node::file(vec![b'x'; 100_000])),
        (b"notes".to_vec(), Node::Symlink { target: directory.display(&text).into_bytes() }),
    ]));
    add_at(store, &library, &tree, &[&text, &library]);
    let script = format!("#!{}\n{}\n", directory.display(&library), directory.display(&data));
    let program = Node::Directory(BTreeMap::from([(
        b"bin".to_vec(),
        Node::Directory(BTreeMap::from([(
            b"run".to_vec(),
            Node::Regular { executable: true, contents: script.into_bytes() },
        )])),
    )]));
    let program = add(store, "program-2.0", &program, &[&library, &data]);
    vec![text, data, library, program]
}

/// Brings `roots` out of caches; what could not be had is a failure of the test.
#[track_caller]
pub fn fetch(caches: &Caches, store: &LocalStore, roots: &[StorePath]) {
    caches.fetch(store, roots.to_vec(), &Cancellation::new()).unwrap();
}

/// That both stores have the same of these paths, and that the second is sound.
#[track_caller]
pub fn assert_same(ours: &LocalStore, theirs: &LocalStore, paths: &[StorePath]) {
    for path in paths {
        let (one, other) = (ours.path_info(path).unwrap(), theirs.path_info(path).unwrap());
        assert_eq!(one.nar_hash, other.nar_hash, "{path}");
        assert_eq!(one.nar_size, other.nar_size, "{path}");
        assert_eq!(one.references, other.references, "{path}");
        assert_eq!(one.content_address, other.content_address, "{path}");
    }
    assert!(theirs.verify(true).unwrap().is_empty());
}

/// The only file below `directory` whose name contains `part`.
#[track_caller]
pub fn find(directory: &Path, part: &str) -> PathBuf {
    let mut found: Vec<PathBuf> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().unwrap().contains(part))
        .collect();
    assert_eq!(found.len(), 1, "{part}: {found:?}");
    found.remove(0)
}
