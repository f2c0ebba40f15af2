//! Caches that are dead, slow, or lie: one warning, and the work goes on with the others.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use binary_cache::{Caches, Cancellation, Destination, Error, Kind, Settings};
use nix_store::nar::Node;
use nix_store::{Hash, LocalStore, NarInfo, StoreDir, StorePath};

use crate::fixture::{Listener, Place, add, assert_same, closure, fetch, find, noise};
use crate::server::{Answer, Asked};
use crate::web::serve;

/// A store, a sound cache of it, and a copy of the cache for a server to spoil.
struct Two {
    place: Place,
    store: LocalStore,
    paths: Vec<StorePath>,
}

impl Two {
    fn new() -> Self {
        let place = Place::new();
        let store = place.store("store");
        let paths = closure(&store);
        place.push(&store, "good", "compression=zstd&priority=50", &paths);
        place.push(&store, "bad", "compression=zstd&priority=10", &paths);
        Two { place, store, paths }
    }

    fn bad(&self) -> std::path::PathBuf {
        self.place.path("bad")
    }

    /// Brings everything from the cache at `url` and the sound one; the only warning, and how long it took.
    #[track_caller]
    fn fetch_beside(&self, url: &str) -> (String, Duration) {
        let listener = Listener::new();
        let urls = [url.to_owned(), self.place.cache_url("good")];
        let caches =
            Caches::new(self.place.settings(), urls.iter().map(String::as_str), listener.clone()).unwrap();
        let into = self.place.store("into");
        let begun = Instant::now();
        fetch(&caches, &into, &self.paths);
        let took = begun.elapsed();
        assert_same(&self.store, &into, &self.paths);
        drop(into);
        nix_store::local::remove_tree(&self.place.path("into")).unwrap();
        (listener.one_warning(), took)
    }

    /// A server of the cache to spoil, of which some answers are others.
    #[track_caller]
    fn warning(&self, otherwise: impl Fn(&Asked) -> Option<Answer> + Send + Sync + 'static) -> String {
        let server = serve(self.bad(), otherwise);
        let (warning, took) = self.fetch_beside(server.url("/").as_str());
        assert!(took < Duration::from_secs(10), "{took:?}");
        warning
    }

    /// As [`Self::warning`], with the file of the one path's narinfo rewritten.
    #[track_caller]
    fn warning_for(&self, path: &StorePath, change: impl Fn(&mut NarInfo)) -> String {
        let directory = StoreDir::default();
        let file = self.bad().join(format!("{}.narinfo", path.hash_part()));
        let before = fs::read(&file).unwrap();
        let mut narinfo = NarInfo::parse(&directory, &before).unwrap();
        change(&mut narinfo);
        fs::write(&file, narinfo.print(&directory)).unwrap();
        let warning = self.warning(|_| None);
        // In a directory it is the same.
        self.fetch_beside(&self.place.cache_url("bad"));
        fs::write(&file, before).unwrap();
        warning
    }
}

fn web_page(_: &Asked) -> Option<Answer> {
    Some(Answer::ok(b"<!DOCTYPE html>\n<html><body>Please log in: <a href=\"/\">here</a></body></html>\n"))
}

#[test]
fn one_that_is_not_there() {
    let two = Two::new();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (warning, took) = two.fetch_beside(&format!("http://{nobody}"));
    assert!(warning.contains("Connection refused") && warning.contains("not asked any more"), "{warning}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    let (warning, _) = two.fetch_beside("http://no-such-host.invalid");
    assert!(warning.contains("no-such-host.invalid"), "{warning}");
    let (warning, _) = two.fetch_beside(&two.place.cache_url("nothing"));
    assert!(warning.contains("there is no nix-cache-info"), "{warning}");
}

#[test]
fn one_that_takes_questions_and_never_answers() {
    let two = Two::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let (warning, took) = two.fetch_beside(&format!("http://{}", silent.local_addr().unwrap()));
    assert!(warning.contains("no answer in time"), "{warning}");
    assert!(took < Duration::from_secs(8), "{took:?}");
}

#[test]
fn one_that_stalls_in_the_middle() {
    let two = Two::new();
    let directory = two.bad();
    let warning = two.warning(move |asked| {
        let content =
            asked.path.starts_with("/nar/").then(|| fs::read(directory.join(&asked.path[1..])).unwrap())?;
        let stall = Some(content.len() / 2);
        Some(Answer { stall, ..Answer::ok(&content) })
    });
    assert!(warning.contains("no answer in time"), "{warning}");
    let warning = two.warning(|asked| {
        asked.path.ends_with(".narinfo").then(|| Answer { stall: Some(5), ..Answer::ok(b"StorePath: ") })
    });
    assert!(warning.contains("in time"), "{warning}");
}

#[test]
fn one_whose_server_is_broken() {
    let two = Two::new();
    let warning = two.warning(|_| Some(Answer::status(503)));
    assert!(warning.contains("503"), "{warning}");
    let warning = two.warning(|asked| asked.path.ends_with(".narinfo").then(|| Answer::status(500)));
    assert!(warning.contains("500") && warning.contains("not asked any more"), "{warning}");
    let warning = two.warning(|asked| asked.path.starts_with("/nar/").then(|| Answer::status(404)));
    assert!(warning.contains("404"), "{warning}");
}

#[test]
fn web_pages_instead_of_files() {
    let two = Two::new();
    let warning = two.warning(web_page);
    assert!(warning.contains("is not a binary cache"), "{warning}");
    let warning = two.warning(|asked| asked.path.ends_with(".narinfo").then(|| web_page(asked)).flatten());
    assert!(warning.contains("the narinfo is malformed"), "{warning}");
    let warning = two.warning(|asked| asked.path.starts_with("/nar/").then(|| web_page(asked)).flatten());
    assert!(warning.contains("is not the file that was expected"), "{warning}");
}

#[test]
fn one_for_another_store() {
    let two = Two::new();
    let warning =
        two.warning(|asked| (asked.path == "/nix-cache-info").then(|| Answer::ok(b"StoreDir: /gnu/store\n")));
    assert!(warning.contains("is for the store directory '/gnu/store', not '/nix/store'"), "{warning}");
}

#[test]
fn archives_that_are_cut_off_or_altered() {
    let two = Two::new();
    for (alter, expected) in [
        (cut as fn(&mut Vec<u8>), "is not the file that was expected"),
        (
            |content| {
                let middle = content.len() / 2;
                content[middle] ^= 1;
            },
            "delivers something wrong",
        ),
        (lengthen, "is not the file that was expected"),
    ] {
        let directory = two.bad();
        let warning = two.warning(move |asked| {
            let mut content = asked
                .path
                .starts_with("/nar/")
                .then(|| fs::read(directory.join(&asked.path[1..])).unwrap())?;
            alter(&mut content);
            Some(Answer::ok(&content))
        });
        assert!(warning.contains(expected), "{warning}");
    }
    // A server that closes early and says nothing of lengths.
    let directory = two.bad();
    let warning = two.warning(move |asked| {
        let content =
            asked.path.starts_with("/nar/").then(|| fs::read(directory.join(&asked.path[1..])).unwrap())?;
        let cut = Some(content.len() / 2);
        let headers = vec![("Content-Length".to_owned(), content.len().to_string())];
        Some(Answer {
            cut: cut.filter(|_| asked.range.is_none()).or(Some(0)),
            headers,
            ..Answer::ok(&content)
        })
    });
    assert!(warning.contains("cannot download"), "{warning}");
}

fn cut(content: &mut Vec<u8>) {
    content.truncate(content.len() - 10);
}

fn lengthen(content: &mut Vec<u8>) {
    content.extend_from_slice(b"more");
}

#[test]
fn narinfos_that_are_not_true() {
    let two = Two::new();
    let (data, library) = (&two.paths[1], &two.paths[2]);
    // What is signed cannot be changed without anybody noticing.
    let warning = two.warning_for(data, |narinfo| narinfo.info.nar_hash = Hash::sha256(b"another"));
    assert!(warning.contains("is not signed by any key of trusted-public-keys"), "{warning}");
    let warning = two.warning_for(library, |narinfo| narinfo.info.references.clear());
    assert!(warning.contains("is not signed"), "{warning}");
    let warning = two.warning_for(library, |narinfo| narinfo.info.nar_size += 1);
    assert!(warning.contains("is not signed"), "{warning}");
    // What is not signed can.
    let warning = two.warning_for(data, |narinfo| narinfo.compression = "xz".to_owned());
    assert!(warning.contains("cannot be unpacked"), "{warning}");
    let warning = two.warning_for(data, |narinfo| narinfo.compression = "rar".to_owned());
    assert!(warning.contains("'rar' is not a compression"), "{warning}");
    let warning = two.warning_for(data, |narinfo| {
        narinfo.compression = "none".to_owned();
        narinfo.file_size = None;
    });
    assert!(warning.contains("malformed NAR"), "{warning}");
    for elsewhere in ["../../../etc/passwd", "/etc/passwd", "nar/../../x"] {
        let warning = two.warning_for(data, |narinfo| narinfo.url = elsewhere.to_owned());
        assert!(warning.contains("lies outside of the cache"), "{warning}");
    }
}

#[test]
fn the_narinfo_of_another_path() {
    let two = Two::new();
    let other = two.bad().join(format!("{}.narinfo", two.paths[2].hash_part()));
    let asked_for = format!("/{}.narinfo", two.paths[1].hash_part());
    let warning =
        two.warning(move |asked| (asked.path == asked_for).then(|| Answer::ok(&fs::read(&other).unwrap())));
    assert!(warning.contains("it is about") && warning.contains("library-1.0"), "{warning}");
}

#[test]
fn signatures_are_asked_for_unless_they_need_not_be() {
    let place = Place::new();
    let store = place.store("store");
    let paths = closure(&store);
    let url = place.cache_url("cache");
    let destination = Destination::open(place.settings(), &url, Listener::new()).unwrap();
    destination.push(&store, &paths, &[], &Cancellation::new()).unwrap();
    let query = |settings: Settings, url: &str| {
        let listener = Listener::new();
        let caches = Caches::new(settings, [url], listener.clone()).unwrap();
        (caches.query(&paths, &Cancellation::new()).unwrap().len(), listener.warnings().len())
    };
    // The text's path follows from its content.
    assert_eq!(query(place.settings(), &url), (1, 1));
    assert_eq!(query(place.settings(), &format!("{url}?trusted=true")), (4, 0));
    assert_eq!(query(Settings { require_signatures: false, ..place.settings() }, &url), (4, 0));
    let caches = Caches::new(place.settings(), [url.as_str()], Listener::new()).unwrap();
    let error = caches.fetch(&place.store("into"), paths.clone(), &Cancellation::new()).unwrap_err();
    assert!(matches!(error, Error::Unsigned { .. }), "{error}");
}

#[test]
fn content_that_is_not_that_of_its_address() {
    let place = Place::new();
    let store = place.store("store");
    let path = store.add_text("text", b"right", &Default::default()).unwrap();
    let url = place.cache_url("cache");
    let destination = Destination::open(place.settings(), &url, Listener::new()).unwrap();
    destination.push(&store, std::slice::from_ref(&path), &[], &Cancellation::new()).unwrap();
    // Somebody who has no key puts another content there, with hashes that are right.
    let directory = StoreDir::default();
    let file = place.path("cache").join(format!("{}.narinfo", path.hash_part()));
    let mut narinfo = NarInfo::parse(&directory, &fs::read(&file).unwrap()).unwrap();
    let mut archive = Vec::new();
    Node::file("wrong").dump(&mut archive).unwrap();
    fs::write(place.path("cache/nar/wrong.nar"), &archive).unwrap();
    narinfo.url = "nar/wrong.nar".to_owned();
    narinfo.compression = "none".to_owned();
    narinfo.file_hash = None;
    narinfo.file_size = None;
    narinfo.info.nar_hash = Hash::sha256(&archive);
    narinfo.info.nar_size = archive.len() as u64;
    fs::write(&file, narinfo.print(&directory)).unwrap();
    let listener = Listener::new();
    let caches = Caches::new(place.settings(), [url.as_str()], listener.clone()).unwrap();
    let into = place.store("into");
    let error = caches.fetch(&into, [path], &Cancellation::new()).unwrap_err();
    assert!(matches!(error, Error::Wrong { .. }), "{error}");
    assert_eq!(error.kind(), Kind::Integrity);
    assert!(listener.one_warning().contains("content address"), "{}", listener.one_warning());
    assert!(into.valid_paths().unwrap().is_empty());
}

#[test]
fn archives_that_write_elsewhere_or_grow_without_end() {
    let place = Place::new();
    let store = place.store("store");
    let path = add(&store, "bomb", &Node::file(vec![0; 1 << 20]), &[]);
    place.push(&store, "cache", "compression=zstd", std::slice::from_ref(&path));
    let archive = find(&place.path("cache/nar"), ".nar");
    let settings = Settings { require_signatures: false, ..place.settings() };
    let attempt = |content: &[u8]| {
        fs::write(&archive, content).unwrap();
        let directory = StoreDir::default();
        let file = find(&place.path("cache"), ".narinfo");
        let mut narinfo = NarInfo::parse(&directory, &fs::read(&file).unwrap()).unwrap();
        narinfo.file_size = None;
        fs::write(&file, narinfo.print(&directory)).unwrap();
        let caches =
            Caches::new(settings.clone(), [place.cache_url("cache").as_str()], Listener::new()).unwrap();
        let into = place.store("into");
        let error = caches.fetch(&into, [path.clone()], &Cancellation::new()).unwrap_err();
        assert!(into.valid_paths().unwrap().is_empty());
        error.to_string()
    };
    let packed = |bytes: &[u8]| {
        let compression = binary_cache::compression::Compression::Zstd;
        let mut encoder = compression.encoder(Vec::new(), Default::default(), false).unwrap();
        std::io::Write::write_all(&mut encoder, bytes).unwrap();
        encoder.finish().unwrap()
    };
    let mut bomb = Vec::new();
    Node::file(vec![0; 64 << 20]).dump(&mut bomb).unwrap();
    let begun = Instant::now();
    let error = attempt(&packed(&bomb));
    assert!(error.contains("ends too early"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(5));
    let mut tree = Vec::new();
    let entries = [(b"..".to_vec(), Node::file("out"))];
    Node::Directory(entries.into_iter().collect()).dump(&mut tree).unwrap();
    let error = attempt(&packed(&tree));
    assert!(error.contains("a name that no file can have"), "{error}");
    assert!(!Path::new(&place.path("into/nix/out")).exists());
}

#[test]
fn paths_that_need_each_other_end() {
    let place = Place::new();
    let store = place.store("store");
    let one = add(&store, "one", &Node::file("1"), &[]);
    let two = add(&store, "two", &Node::file("2"), &[&one]);
    place.push(&store, "cache", "compression=none", std::slice::from_ref(&two));
    let directory = StoreDir::default();
    let file = place.path("cache").join(format!("{}.narinfo", one.hash_part()));
    let mut narinfo = NarInfo::parse(&directory, &fs::read(&file).unwrap()).unwrap();
    narinfo.info.references.insert(two.clone());
    place.key.sign_path(&directory, &mut narinfo.info).unwrap();
    fs::write(&file, narinfo.print(&directory)).unwrap();
    let listener = Listener::new();
    let caches =
        Caches::new(place.settings(), [place.cache_url("cache").as_str()], listener.clone()).unwrap();
    let error = caches.fetch(&place.store("into"), [two], &Cancellation::new()).unwrap_err();
    assert!(error.to_string().contains("itself through others"), "{error}");
    listener.one_warning();
}

#[test]
fn what_is_found_in_a_cache_by_verifying_it() {
    let two = Two::new();
    let directory = StoreDir::default();
    let destination =
        Destination::open(two.place.settings(), &two.place.cache_url("bad"), Listener::new()).unwrap();
    let verify = || destination.verify(None, &Cancellation::new()).unwrap();
    assert_eq!(verify().faults, []);
    let rewrite = |path: &StorePath, change: &dyn Fn(&mut NarInfo)| {
        let file = two.bad().join(format!("{}.narinfo", path.hash_part()));
        let mut narinfo = NarInfo::parse(&directory, &fs::read(&file).unwrap()).unwrap();
        change(&mut narinfo);
        fs::write(&file, narinfo.print(&directory)).unwrap();
        narinfo.url
    };
    let [text, data, library, program] = &two.paths[..] else { panic!("four paths") };
    fs::write(two.bad().join(format!("{}.narinfo", text.hash_part())), "<html>").unwrap();
    let url = rewrite(data, &|narinfo| narinfo.info.nar_hash = Hash::sha256(b"x"));
    let mut content = fs::read(two.bad().join(&url)).unwrap();
    lengthen(&mut content);
    fs::write(two.bad().join(url), content).unwrap();
    rewrite(library, &|narinfo| narinfo.info.references.clear());
    let url = rewrite(program, &|_| {});
    fs::remove_file(two.bad().join(url)).unwrap();
    let found: Vec<String> =
        verify().faults.iter().map(|fault| format!("{} {}", fault.path, fault.problem)).collect();
    for expected in [
        "the narinfo is malformed",
        "data it has no signature of a trusted key",
        "data FileSize is",
        "data FileHash is",
        "library-1.0 it has no signature",
        "library-1.0 it contains a reference to",
        "program-2.0 cannot download",
    ] {
        assert!(found.iter().any(|fault| fault.contains(expected)), "{expected}: {found:#?}");
    }
}

#[test]
fn when_all_fail_the_reason_is_told() {
    let two = Two::new();
    let server = serve(two.bad(), |asked| asked.path.starts_with("/nar/").then(|| Answer::ok(&noise(99, 1))));
    let listener = Listener::new();
    let url = server.url("/").to_string();
    let caches = Caches::new(two.place.settings(), [url.as_str()], listener.clone()).unwrap();
    let into = two.place.store("into");
    let error = caches.fetch(&into, two.paths.clone(), &Cancellation::new()).unwrap_err();
    assert_eq!(error.kind(), Kind::Integrity, "{error}");
    listener.one_warning();
    assert!(into.valid_paths().unwrap().is_empty());
    let error = caches.fetch(&into, [crate::fixture::path_of("unknown")], &Cancellation::new()).unwrap_err();
    assert!(matches!(error, Error::NotAvailable { .. }), "{error}");
}

#[test]
fn who_gives_up_keeps_what_is_complete() {
    let two = Two::new();
    let directory = two.bad();
    let cancellation = Cancellation::new();
    let cancel = cancellation.clone();
    // The large archive never comes.
    let server = serve(two.bad(), move |asked| {
        let content =
            asked.path.starts_with("/nar/").then(|| fs::read(directory.join(&asked.path[1..])).unwrap())?;
        if content.len() < 1 << 20 {
            return None;
        }
        let cancel = cancel.clone();
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(600));
            cancel.cancel();
        });
        Some(Answer { stall: Some(1000), ..Answer::ok(&content) })
    });
    let url = server.url("/").to_string();
    let caches = Caches::new(two.place.settings(), [url.as_str()], Listener::new()).unwrap();
    let into = two.place.store("into");
    let begun = Instant::now();
    let error = caches.fetch(&into, two.paths.clone(), &cancellation).unwrap_err();
    assert_eq!(error.kind(), Kind::Cancelled);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert_eq!(into.valid_paths().unwrap().len(), 2);
    assert!(into.verify(true).unwrap().is_empty());
}
