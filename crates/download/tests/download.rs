//! Downloads from servers that behave, and from servers that do not.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what fails here fails the test")]

mod server;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use download::{BlockingDownloader, Cancellation, Error, Expected, Progress, Request, Settings, Silent, Url};
use server::{Answer, Server};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

const SIZE: usize = 1 << 20;

fn body() -> Vec<u8> {
    (0..SIZE as u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

fn downloader() -> BlockingDownloader {
    BlockingDownloader::new(Settings {
        connections: 3,
        attempts: 3,
        back_off: Duration::from_millis(1),
        connect_timeout: Duration::from_secs(5),
        stall_timeout: Duration::from_millis(400),
        ..Settings::default()
    })
    .unwrap()
}

fn request(urls: Vec<Url>, destination: PathBuf) -> Request {
    Request::verified(urls, destination, SIZE as u64, Sha256::digest(body()).into())
}

fn fetch(request: &Request) -> Result<(), Error> {
    downloader().fetch(request, &Silent, &Cancellation::new())
}

fn part(destination: &Path) -> PathBuf {
    destination.with_added_extension("part")
}

fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let destination = directory.path().join("file.deb");
    (directory, destination)
}

#[test]
fn a_file_arrives_and_is_not_fetched_again() {
    let server = Server::start(|_, _| Answer::ok(&body()));
    let (_directory, destination) = place();
    let request = request(vec![server.url("/a")], destination.clone());
    fetch(&request).unwrap();
    assert_eq!(fs::read(&destination).unwrap(), body());
    assert!(!part(&destination).exists());
    fetch(&request).unwrap();
    assert_eq!(server.requests(), 1);
    fs::write(&destination, "damaged").unwrap();
    fetch(&request).unwrap();
    assert_eq!(fs::read(&destination).unwrap(), body());
}

#[test]
fn a_reset_is_taken_up_where_it_stopped() {
    let server = Server::start(|asked, before| Answer {
        cut: (before < 4).then_some(200_000),
        ..Answer::ranged(&body(), asked)
    });
    let (_directory, destination) = place();
    fetch(&request(vec![server.url("/a")], destination.clone())).unwrap();
    assert_eq!(fs::read(&destination).unwrap(), body());
    // Five answers, more than the attempts that are allowed without anything arriving, and no byte sent twice.
    assert_eq!(server.requests(), 5);
    assert_eq!(server.body_bytes(), SIZE as u64);
}

#[test]
fn a_later_run_goes_on_with_the_part() {
    let server = Server::start(|asked, _| Answer::ranged(&body(), asked));
    let (_directory, destination) = place();
    fs::write(part(&destination), &body()[..700_000]).unwrap();
    fetch(&request(vec![server.url("/a")], destination.clone())).unwrap();
    assert_eq!(fs::read(&destination).unwrap(), body());
    assert_eq!(server.asked.lock().unwrap()[0].range, Some(700_000));
    assert_eq!(server.body_bytes(), SIZE as u64 - 700_000);
}

#[test]
fn a_part_of_another_file_does_no_harm() {
    for junk in [vec![7; 700_000], vec![7; SIZE], vec![7; SIZE + 1]] {
        let server = Server::start(|asked, _| Answer::ranged(&body(), asked));
        let (_directory, destination) = place();
        fs::write(part(&destination), junk).unwrap();
        fetch(&request(vec![server.url("/a")], destination.clone())).unwrap();
        assert_eq!(fs::read(&destination).unwrap(), body());
    }
}

#[test]
fn a_server_without_ranges_begins_anew() {
    let server =
        Server::start(|_, before| Answer { cut: (before == 0).then_some(500_000), ..Answer::ok(&body()) });
    let (_directory, destination) = place();
    fetch(&request(vec![server.url("/a")], destination.clone())).unwrap();
    assert_eq!(fs::read(&destination).unwrap(), body());
    assert_eq!(server.asked.lock().unwrap()[1].range, Some(500_000));
}

#[test]
fn the_rest_is_asked_for_only_of_the_same_file() {
    let server = Server::start(|asked, before| {
        let tag = |tag: &str| vec![("ETag".to_owned(), tag.to_owned())];
        match before {
            0 => Answer { cut: Some(100), headers: tag("\"one\""), ..Answer::ok(&[b'x'; 1000]) },
            _ => {
                assert_eq!(asked.headers.get("if-range").map(String::as_str), Some("\"one\""));
                Answer { headers: tag("\"two\""), ..Answer::ok(b"the new one") }
            }
        }
    });
    let (_directory, destination) = place();
    let request = Request {
        urls: vec![server.url("/InRelease")],
        destination: destination.clone(),
        expected: Expected::default(),
    };
    fetch(&request).unwrap();
    assert_eq!(fs::read(&destination).unwrap(), b"the new one");
}

#[test]
fn wrong_content_sends_to_the_next_mirror_and_is_named() {
    let wrong = Server::start(|_, _| Answer::ok(&vec![0; SIZE]));
    let right = Server::start(|_, _| Answer::ok(&body()));
    let (_directory, destination) = place();
    fetch(&request(vec![wrong.url("/a"), right.url("/a")], destination.clone())).unwrap();
    assert_eq!(fs::read(&destination).unwrap(), body());

    let (_directory, destination) = place();
    let down = Server::start(|_, _| Answer::status(404));
    let error = fetch(&request(vec![wrong.url("/a"), down.url("/a")], destination.clone())).unwrap_err();
    assert!(error.is_integrity(), "{error}");
    let message = error.to_string();
    assert!(message.contains(wrong.url("/a").as_str()), "{message}");
    assert!(
        message.contains("30e14955ebf1352266dc2ff8067e68104607e750abb9d3b36582b8af909fcb58"),
        "{message}"
    );
    assert!(!destination.exists() && !part(&destination).exists());
}

#[test]
fn a_wrong_length_is_an_error() {
    let lengths: [(&str, Vec<u8>); 2] =
        [("shorter", body()[1..].to_vec()), ("longer", [body(), body()].concat())];
    for (name, content) in lengths {
        let server = Server::start(move |_, _| Answer::ok(&content));
        let (_directory, destination) = place();
        let error = fetch(&request(vec![server.url("/a")], destination.clone())).unwrap_err();
        assert!(matches!(error, Error::WrongSize { .. }), "{name}: {error}");
        assert_eq!(server.requests(), 1, "{name}");
        assert!(!destination.exists() && !part(&destination).exists());
    }
    // A server that says less than it sends, and one that promises more than it has.
    let server = Server::start(|_, _| Answer {
        headers: vec![("Content-Length".into(), (SIZE + 5).to_string())],
        ..Answer::ok(&body())
    });
    let (_directory, destination) = place();
    let error = fetch(&request(vec![server.url("/a")], destination)).unwrap_err();
    assert!(matches!(error, Error::WrongSize { .. }), "{error}");
}

#[test]
fn a_limit_holds_where_the_length_is_not_known() {
    let server = Server::start(|_, _| Answer::ok(&body()));
    let (_directory, destination) = place();
    let expected = Expected { limit: Some(1000), ..Expected::default() };
    let request = Request { urls: vec![server.url("/a")], destination, expected };
    assert!(matches!(fetch(&request), Err(Error::TooLarge { limit: 1000, .. })));
}

#[derive(Default)]
struct Counted {
    retries: AtomicUsize,
    bytes: AtomicU64,
}

impl Progress for Counted {
    fn advanced(&self, _: &Request, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::SeqCst);
    }

    fn retrying(&self, _: &Request, _: &str, _: Duration) {
        self.retries.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn passing_failures_are_tried_again_and_lasting_ones_are_not() {
    let server = Server::start(|_, before| match before {
        0 => Answer::status(503),
        1 => Answer::status(429),
        _ => Answer::ok(&body()),
    });
    let (_directory, destination) = place();
    let counted = Counted::default();
    let wanted = request(vec![server.url("/a")], destination);
    downloader().fetch(&wanted, &counted, &Cancellation::new()).unwrap();
    assert_eq!(counted.retries.load(Ordering::SeqCst), 2);
    assert_eq!(counted.bytes.load(Ordering::SeqCst), SIZE as u64);

    let server = Server::start(|_, _| Answer::status(500));
    let (_directory, destination) = place();
    let error = fetch(&request(vec![server.url("/a")], destination)).unwrap_err();
    assert!(matches!(error, Error::Status { code: 500, .. }), "{error}");
    assert_eq!(server.requests(), 3);

    let server = Server::start(|_, _| Answer::status(404));
    let (_directory, destination) = place();
    let error = fetch(&request(vec![server.url("/a")], destination)).unwrap_err();
    assert!(error.is_not_found(), "{error}");
    assert_eq!(server.requests(), 1);
}

#[test]
fn silence_ends_in_time_and_nobody_there_is_said_so() {
    let server = Server::start(|_, _| Answer { stall: Some(0), ..Answer::ok(&body()) });
    let (_directory, destination) = place();
    let begun = Instant::now();
    let error = fetch(&request(vec![server.url("/a")], destination)).unwrap_err();
    assert!(error.to_string().ends_with("no answer in time"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(10));

    let gone = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://user:secret@{}/a", listener.local_addr().unwrap())
    };
    let (_directory, destination) = place();
    let error = fetch(&request(vec![gone.parse().unwrap()], destination)).unwrap_err();
    let message = error.to_string();
    assert!(message.contains("refused") && !message.contains("secret"), "{message}");
}

#[test]
fn cancelling_leaves_a_part_to_go_on_with() {
    let server = Server::start(|asked, before| Answer {
        stall: (before == 0).then_some(400_000),
        ..Answer::ranged(&body(), asked)
    });
    let (_directory, destination) = place();
    let wanted = request(vec![server.url("/a")], destination.clone());
    let cancellation = Cancellation::new();
    let patient =
        BlockingDownloader::new(Settings { stall_timeout: Duration::from_secs(60), ..Settings::default() })
            .unwrap();
    thread::scope(|scope| {
        let running = scope.spawn(|| patient.fetch(&wanted, &Silent, &cancellation));
        while fs::metadata(part(&destination)).map_or(0, |metadata| metadata.len()) < 400_000 {
            thread::sleep(Duration::from_millis(5));
        }
        cancellation.cancel();
        assert!(matches!(running.join().unwrap(), Err(Error::Cancelled)));
    });
    assert!(!destination.exists());
    assert!(matches!(patient.fetch(&wanted, &Silent, &cancellation), Err(Error::Cancelled)));
    fetch(&wanted).unwrap();
    assert_eq!(server.asked.lock().unwrap()[1].range, Some(400_000));
    assert_eq!(fs::read(&destination).unwrap(), body());
}

#[test]
fn files_come_side_by_side_but_not_too_many() {
    let server = Server::start(|asked, _| {
        thread::sleep(Duration::from_millis(30));
        Answer::ok(asked.path.as_bytes())
    });
    let directory = tempfile::tempdir().unwrap();
    let requests: Vec<Request> = (0..20)
        .map(|number| {
            let path = format!("/{number}");
            let hash = Sha256::digest(&path).into();
            let destination = directory.path().join(number.to_string());
            Request::verified(vec![server.url(&path)], destination, path.len() as u64, hash)
        })
        .collect();
    downloader().fetch_all(requests, Arc::new(Silent), &Cancellation::new()).unwrap();
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 20);
    let most = server.most_at_once.load(Ordering::SeqCst);
    assert!((2..=3).contains(&most), "{most} at once");
}

#[test]
fn two_downloads_of_one_file_do_not_disturb_each_other() {
    let server = Server::start(|asked, _| Answer::ranged(&body(), asked));
    let (_directory, destination) = place();
    let wanted = request(vec![server.url("/a")], destination.clone());
    thread::scope(|scope| {
        let all: Vec<_> = (0..4).map(|_| scope.spawn(|| fetch(&wanted))).collect();
        all.into_iter().for_each(|one| one.join().unwrap().unwrap());
    });
    assert_eq!(fs::read(&destination).unwrap(), body());
    assert_eq!(server.body_bytes(), SIZE as u64);
    assert!(!part(&destination).exists());
}

#[test]
fn local_files_are_addresses_too() {
    let (directory, destination) = place();
    let source = directory.path().join("source");
    fs::write(&source, body()).unwrap();
    fetch(&request(vec![Url::from_file_path(&source).unwrap()], destination.clone())).unwrap();
    assert_eq!(fs::read(&destination).unwrap(), body());

    let (_directory, destination) = place();
    let missing = Url::from_file_path(directory.path().join("missing")).unwrap();
    let error = fetch(&request(vec![missing], destination.clone())).unwrap_err();
    assert!(error.is_not_found(), "{error}");
    let strange: Url = "ftp://127.0.0.1/a".parse().unwrap();
    let error = fetch(&request(vec![strange], destination.clone())).unwrap_err();
    assert!(matches!(error, Error::UnsupportedAddress { .. }), "{error}");
    let error = fetch(&request(vec![], destination)).unwrap_err();
    assert!(matches!(error, Error::NoAddress { .. }), "{error}");
}

#[test]
fn a_link_in_the_place_of_the_part_is_not_written_through() {
    let server = Server::start(|_, _| Answer::ok(&body()));
    let (directory, destination) = place();
    let victim = directory.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    std::os::unix::fs::symlink(&victim, part(&destination)).unwrap();
    assert!(matches!(fetch(&request(vec![server.url("/a")], destination)), Err(Error::Io { .. })));
    assert_eq!(fs::read(&victim).unwrap(), b"precious");
}
