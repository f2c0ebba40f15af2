//! Caches at web servers that work.

use std::fs;
use std::process::Command;

use binary_cache::{Caches, Cancellation, Destination, Settings};
use nix_store::nar::Node;

use crate::fixture::{Listener, Place, add, assert_same, closure, fetch, noise};
use crate::server::{Answer, Asked, Server};
use crate::service::Nginx;

#[test]
fn a_push_by_put_can_be_fetched_and_is_not_repeated() {
    let place = Place::new();
    let store = place.store("store");
    let paths = closure(&store);
    let nginx = Nginx::start(&place.path("cache"), &place.path("nginx"));
    let url = format!("{}?compression=zstd&write-nar-listing=true", nginx.url());
    let destination = Destination::open(place.settings(), &url, Listener::new()).unwrap();
    let key = std::slice::from_ref(&place.key);
    let pushed = destination.push(&store, &paths[3..], key, &Cancellation::new()).unwrap();
    assert_eq!((pushed.added.len(), pushed.present.len()), (4, 0));
    let pushed = destination.push(&store, &paths[3..], key, &Cancellation::new()).unwrap();
    assert_eq!((pushed.added.len(), pushed.present.len()), (0, 4));

    let listener = Listener::new();
    let caches = Caches::new(place.settings(), [nginx.url().as_str()], listener.clone()).unwrap();
    let into = place.store("into");
    fetch(&caches, &into, &paths[3..]);
    assert_same(&store, &into, &paths);
    assert!(listener.warnings().is_empty());
    let verified = destination.verify(Some(&paths), &Cancellation::new()).unwrap();
    assert_eq!((verified.paths, verified.faults), (4, vec![]));
}

#[test]
fn one_connection_of_http_2_serves_many_look_ups() {
    let place = Place::new();
    let store = place.store("store");
    let paths: Vec<_> = (0..600)
        .map(|number| add(&store, &format!("small-{number}"), &Node::file(format!("{number}")), &[]))
        .collect();
    place.push(&store, "cache", "compression=none", &paths);
    let (certificate, key) = (place.path("certificate.pem"), place.path("key.pem"));
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        // The certificate is its own root, which may not be what a server shows unless it says so.
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", key.to_str().unwrap(), "-out", certificate.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let nginx = Nginx::secure(&place.path("cache"), &place.path("nginx"), &certificate, &key);
    let settings = Settings { certificate_file: Some(certificate), ..place.settings() };
    let caches = Caches::new(settings, [nginx.url().as_str()], Listener::new()).unwrap();
    let into = place.store("into");
    fetch(&caches, &into, &paths);
    assert_same(&store, &into, &paths);
    assert_eq!(nginx.multiplexed(), nginx.requests());
    assert!(nginx.requests() > 1200);
}

#[test]
fn names_and_passwords_come_from_netrc() {
    let place = Place::new();
    let store = place.store("store");
    let paths = closure(&store);
    place.push(&store, "cache", "", &paths);
    // me:secret
    fs::write(place.path("passwords"), "me:{PLAIN}secret\n").unwrap();
    let more = format!("auth_basic x; auth_basic_user_file {};", place.path("passwords").display());
    let nginx = Nginx::with(&place.path("cache"), &place.path("nginx"), &more);
    let netrc = place.path("netrc");

    let listener = Listener::new();
    let settings = Settings { netrc_file: Some(netrc.clone()), ..place.settings() };
    let caches = Caches::new(settings.clone(), [nginx.url().as_str()], listener.clone()).unwrap();
    assert!(caches.query(&paths, &Cancellation::new()).unwrap().is_empty());
    assert!(listener.one_warning().contains("401 Unauthorized"), "{}", listener.one_warning());

    fs::write(&netrc, "machine 127.0.0.1 login me password secret\n").unwrap();
    let listener = Listener::new();
    let caches = Caches::new(settings, [nginx.url().as_str()], listener.clone()).unwrap();
    let into = place.store("into");
    fetch(&caches, &into, &paths);
    assert_same(&store, &into, &paths);
    assert!(listener.warnings().is_empty());

    let in_address = nginx.url().replace("http://", "http://me:secret@");
    let caches = Caches::new(place.settings(), [in_address.as_str()], Listener::new()).unwrap();
    assert_eq!(caches.query(&paths, &Cancellation::new()).unwrap().len(), 4);
    assert!(!caches.name(0).contains("secret"));
}

/// Serves the files of a cache, but for what `otherwise` answers.
pub fn serve(
    directory: std::path::PathBuf,
    otherwise: impl Fn(&Asked) -> Option<Answer> + Send + Sync + 'static,
) -> Server {
    Server::start(move |asked, _| match otherwise(asked) {
        Some(answer) => answer,
        None => match fs::read(directory.join(asked.path.trim_start_matches('/'))) {
            Ok(content) => Answer::ranged(&content, asked),
            Err(_) => Answer::status(404),
        },
    })
}

#[test]
fn broken_transfers_are_taken_up_where_they_stopped() {
    let place = Place::new();
    let store = place.store("store");
    let path = add(&store, "large", &Node::file(noise(4 << 20, 7)), &[]);
    place.push(&store, "cache", "compression=none", std::slice::from_ref(&path));
    for ranges in [true, false] {
        let directory = place.path("cache");
        let server = serve(directory.clone(), move |asked| {
            let is_archive = asked.path.starts_with("/nar/");
            let content = is_archive.then(|| fs::read(directory.join(&asked.path[1..])).unwrap())?;
            // Every connection breaks after a mebibyte and a half of what the client has not got yet.
            let whole = Answer::ok(&content);
            let known = asked.range.unwrap_or(0) as usize;
            let mut answer = if ranges { Answer::ranged(&content, asked) } else { whole };
            let cut = (3 << 19) + if ranges { 0 } else { known };
            if answer.body.len() > cut {
                answer.cut = Some(cut);
            }
            Some(answer)
        });
        let url = server.url("/").to_string();
        let listener = Listener::new();
        let caches = Caches::new(place.settings(), [url.as_str()], listener.clone()).unwrap();
        let into = place.store(&format!("into-{ranges}"));
        fetch(&caches, &into, std::slice::from_ref(&path));
        assert_same(&store, &into, std::slice::from_ref(&path));
        assert!(listener.warnings().is_empty(), "{:?}", listener.warnings());
        let archives =
            server.asked.lock().unwrap().iter().filter(|asked| asked.path.starts_with("/nar/")).count();
        assert_eq!(archives, 3);
        if ranges {
            assert!(server.body_bytes() < 5 << 20, "what was there was brought again");
        }
    }
}

#[test]
fn the_cache_with_the_lowest_priority_is_asked_first() {
    let place = Place::new();
    let store = place.store("store");
    let paths = closure(&store);
    place.push(&store, "late", "priority=60", &paths);
    place.push(&store, "early", "priority=20", &paths);
    place.push(&store, "some", "priority=30", &paths[..1]);
    let names = ["late", "early", "some"].map(|name| place.cache_url(name));
    let query = |urls: &[&str]| {
        let caches = Caches::new(place.settings(), urls.iter().copied(), Listener::new()).unwrap();
        let found = caches.query(&paths, &Cancellation::new()).unwrap();
        assert_eq!(found.len(), 4);
        found.values().map(|available| caches.name(available.cache).to_owned()).collect::<Vec<_>>()
    };
    assert!(query(&[&names[0], &names[1]]).iter().all(|name| *name == names[1]));
    let late_first = format!("{}?priority=1", names[0]);
    assert!(query(&[&names[1], &late_first]).iter().all(|name| *name == names[0]));
    assert_eq!(query(&[&names[2], &names[0]]).iter().filter(|name| **name == names[2]).count(), 1);
    // Only caches that want to be asked for what is perhaps not needed are.
    place.push(&store, "mass", "want-mass-query=true", &paths);
    let many = |url: &str| {
        let caches = Caches::new(place.settings(), [url], Listener::new()).unwrap();
        caches.query_many(&paths, &Cancellation::new()).unwrap().len()
    };
    assert_eq!((many(&names[0]), many(&place.cache_url("mass"))), (0, 4));
}

#[test]
fn signatures_are_added_to_what_is_there() {
    let place = Place::new();
    let store = place.store("store");
    let paths = closure(&store);
    let url = place.cache_url("cache");
    let destination = Destination::open(place.settings(), &url, Listener::new()).unwrap();
    destination.push(&store, &paths, &[], &Cancellation::new()).unwrap();
    let unsigned = destination.verify(None, &Cancellation::new()).unwrap().faults;
    // The text's path follows from its content.
    assert_eq!(unsigned.len(), 3);
    let sign = || destination.sign(None, std::slice::from_ref(&place.key), &Cancellation::new()).unwrap();
    assert_eq!(sign().signed, 4);
    assert_eq!((sign().signed, sign().unchanged), (0, 4));
    assert_eq!(destination.verify(None, &Cancellation::new()).unwrap().faults, []);
    let signed = binary_cache::sign_store(&store, &paths, std::slice::from_ref(&place.key)).unwrap();
    assert_eq!(signed.signed, 4);
    assert_eq!(store.path_info(&paths[3]).unwrap().signatures.len(), 1);
}
