//! Buckets of a real S3-compatible service, which checks signatures.

use std::fs;
use std::time::Duration;

use binary_cache::{AwsEnvironment, Caches, Cancellation, Destination, Settings};
use nix_store::nar::Node;

use crate::fixture::{Listener, Place, add, assert_same, closure, fetch, find, noise};
use crate::service::Bucket;

fn settings(place: &Place) -> Settings {
    let keys = Some((Bucket::KEYS.0.to_owned(), Bucket::KEYS.1.to_owned()));
    let aws = AwsEnvironment { keys, ..AwsEnvironment::default() };
    // The service puts parts together before it answers, on a disk that others use.
    Settings { aws, stall_timeout: Duration::from_secs(20), ..place.settings() }
}

#[test]
fn what_is_pushed_can_be_fetched_signed_and_verified() {
    let place = Place::new();
    let store = place.store("store");
    let paths = closure(&store);
    let bucket = Bucket::start(&place.path("s3"));
    let url = format!(
        "{}&compression=zstd&write-nar-listing=true&secret-key={}",
        bucket.url(),
        place.key_file().display()
    );
    let destination = Destination::open(settings(&place), &url, Listener::new()).unwrap();
    let pushed = destination.push(&store, &paths[3..], &[], &Cancellation::new()).unwrap();
    assert_eq!((pushed.added.len(), pushed.present.len()), (4, 0));
    let pushed = destination.push(&store, &paths[3..], &[], &Cancellation::new()).unwrap();
    assert_eq!((pushed.added.len(), pushed.present.len()), (0, 4));

    let listener = Listener::new();
    let caches = Caches::new(settings(&place), [url.as_str()], listener.clone()).unwrap();
    let into = place.store("into");
    fetch(&caches, &into, &paths[3..]);
    assert_same(&store, &into, &paths);
    assert!(listener.warnings().is_empty(), "{:?}", listener.warnings());

    let other = nix_store::SecretKey::generate("other-1").unwrap();
    let signed = destination.sign(None, &[other], &Cancellation::new()).unwrap();
    assert_eq!(signed.signed, 4);
    let verified = destination.verify(None, &Cancellation::new()).unwrap();
    assert_eq!((verified.paths, verified.faults), (4, vec![]));
    let narinfo = find(&bucket.directory, &format!("{}.narinfo", paths[1].hash_part()));
    fs::write(narinfo, "nonsense").unwrap();
    let faults = destination.verify(None, &Cancellation::new()).unwrap().faults;
    assert!(faults.iter().any(|fault| fault.problem.contains("malformed")), "{faults:?}");
}

#[test]
fn large_archives_go_in_parts() {
    let place = Place::new();
    let store = place.store("store");
    let path = add(&store, "large", &Node::file(noise(70 << 20, 3)), &[]);
    let bucket = Bucket::start(&place.path("s3"));
    let url = format!("{}&compression=none", bucket.url());
    let destination = Destination::open(settings(&place), &url, Listener::new()).unwrap();
    let key = std::slice::from_ref(&place.key);
    destination.push(&store, std::slice::from_ref(&path), key, &Cancellation::new()).unwrap();
    let caches = Caches::new(settings(&place), [url.as_str()], Listener::new()).unwrap();
    let into = place.store("into");
    fetch(&caches, &into, std::slice::from_ref(&path));
    assert_same(&store, &into, std::slice::from_ref(&path));
}

#[test]
fn wrong_credentials_cost_one_warning_and_are_not_shown() {
    let place = Place::new();
    let store = place.store("store");
    let paths = closure(&store);
    let bucket = Bucket::start(&place.path("s3"));
    let destination = Destination::open(settings(&place), &bucket.url(), Listener::new()).unwrap();
    destination.push(&store, &paths, &[], &Cancellation::new()).unwrap();
    let keys = Some((Bucket::KEYS.0.to_owned(), "wrong-secret".to_owned()));
    let wrong = Settings { aws: AwsEnvironment { keys, ..AwsEnvironment::default() }, ..place.settings() };
    let listener = Listener::new();
    let caches = Caches::new(wrong.clone(), [bucket.url().as_str()], listener.clone()).unwrap();
    assert!(caches.query(&paths, &Cancellation::new()).unwrap().is_empty());
    let warning = listener.one_warning();
    assert!(!warning.contains("secret") && !warning.contains("X-Amz"), "{warning}");
    let destination = Destination::open(wrong, &bucket.url(), Listener::new()).unwrap();
    let error = destination.push(&store, &paths, &[], &Cancellation::new()).unwrap_err().to_string();
    assert!(!error.contains("X-Amz") && error.contains("403"), "{error}");
}
