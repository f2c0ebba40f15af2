//! Archives and files by URL.

use std::io::Write;
use std::time::Duration;

use nix_flake::{Error, FlakeReference, Source};

use crate::server::{Answer, Server};
use crate::world::{World, nix_hash};

/// When all members of the archives here were changed.
const TIME: u64 = 1_600_000_000;

fn tar(members: &[(&str, &str, u32)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, text, mode) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(*mode);
        header.set_mtime(TIME);
        header.set_cksum();
        builder.append_data(&mut header, name, text.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap()
}

pub fn tar_gz(members: &[(&str, &str, u32)]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&tar(members)).unwrap();
    encoder.finish().unwrap()
}

const MEMBERS: [(&str, &str, u32); 2] = [("top/a", "1", 0o644), ("top/bin/b", "2", 0o755)];

#[test]
fn every_compression_is_unpacked_to_the_same() {
    let world = World::new();
    let plain = tar(&MEMBERS);
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip2.write_all(&plain).unwrap();
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
    xz.write_all(&plain).unwrap();
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    for (name, text, mode) in MEMBERS {
        zip.start_file(name, options.unix_permissions(mode)).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    let archives = [
        ("x.tar", plain.clone()),
        ("x.tar.gz", tar_gz(&MEMBERS)),
        ("x.tar.bz2", bzip2.finish().unwrap()),
        ("x.tar.xz", xz.finish().unwrap()),
        ("x.tar.zst", zstd::encode_all(plain.as_slice(), 1).unwrap()),
        ("x.zip", zip.finish().unwrap().into_inner()),
    ];
    let mut hashes = Vec::new();
    for (name, bytes) in archives {
        let file = world.path(name);
        std::fs::write(&file, bytes).unwrap();
        let fetched = world.fetch(&format!("file://{}", file.display())).unwrap();
        if name != "x.zip" {
            assert_eq!(fetched.reference.last_modified(), Some(TIME), "{name}");
        }
        assert!(fetched.tree.directory.join("a").is_file(), "{name}: the one directory is the tree");
        if let Some(hash) = nix_hash(&fetched.tree.directory) {
            assert_eq!(fetched.tree.nar_hash.to_sri(), hash);
        }
        hashes.push(fetched.tree.nar_hash);
    }
    hashes.dedup();
    assert_eq!(hashes.len(), 1);
}

#[test]
fn members_that_lead_elsewhere_are_refused() {
    let world = World::new();
    let secret = world.path("secret");
    std::fs::create_dir(&secret).unwrap();
    let link = |builder: &mut tar::Builder<Vec<u8>>, name: &str, target: &str| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        header.set_mtime(TIME);
        builder.append_link(&mut header, name, target).unwrap();
    };
    let file = |builder: &mut tar::Builder<Vec<u8>>, name: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.set_size(1);
        header.set_mode(0o644);
        header.set_mtime(TIME);
        header.set_cksum();
        builder.append(&header, b"x".as_slice()).unwrap();
    };
    let mut through_link = tar::Builder::new(Vec::new());
    link(&mut through_link, "top/out", &secret.display().to_string());
    file(&mut through_link, b"top/out/written");
    let mut upwards = tar::Builder::new(Vec::new());
    file(&mut upwards, b"top/../../written");
    for (name, builder) in [("link.tar", through_link), ("up.tar", upwards)] {
        let place = world.path(name);
        std::fs::write(&place, builder.into_inner().unwrap()).unwrap();
        let error = world.fetch(&format!("file://{}", place.display())).unwrap_err();
        assert!(matches!(error, Error::ArchiveMember { .. }), "{name}: {error:?}");
    }
    assert_eq!(std::fs::read_dir(&secret).unwrap().count(), 0);
    assert!(!world.path("cache/sources/written").exists());
}

#[test]
fn a_lasting_address_is_what_is_locked() {
    let server = Server::start(|asked| {
        match asked.path.as_str() {
        "/latest.tar.gz" => Answer::status(302).with("Location", "/real.tar.gz"),
        "/real.tar.gz" => Answer::ok(tar_gz(&MEMBERS)).with(
            "Link",
            "<https://example.org/v1.tar.gz?rev=0123456789abcdef0123456789abcdef01234567&revCount=7>; rel=\"immutable\"",
        ),
        _ => Answer::status(404),
    }
    });
    let world = World::new();
    let fetched = world.fetch(&format!("{}/latest.tar.gz?dir=sub", server.url())).unwrap();
    let Source::Tarball { url } = &fetched.reference.source else { panic!("{fetched:?}") };
    assert_eq!(url, "https://example.org/v1.tar.gz");
    assert_eq!(fetched.reference.other.integer("revCount"), Some(7));
    assert_eq!(fetched.reference.last_modified(), Some(TIME));
    assert_eq!(fetched.reference.directory, "sub");
}

#[test]
fn what_is_unchanged_is_not_sent_again() {
    let server = Server::start(|asked| match asked.headers.get("if-none-match").map(String::as_str) {
        Some("\"one\"") => Answer::status(304),
        _ => Answer::ok(tar_gz(&MEMBERS)).with("ETag", "\"one\""),
    });
    let mut world = World::new();
    let url = format!("tarball+{}/x", server.url());
    let first = world.fetch(&url).unwrap();
    world.settings.tarball_ttl = Duration::ZERO;
    assert_eq!(world.fetch(&url).unwrap(), first);
    assert_eq!(server.requests(), 2);
}

#[test]
fn single_files_are_trees_of_one_file() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/data?x=1" => Answer::ok("text"),
        _ => Answer::status(404),
    });
    let world = World::new();
    let reference = FlakeReference::parse(&format!("{}/data?x=1", server.url()), false).unwrap();
    let fetched = world.fetcher().fetch(&reference).unwrap();
    assert_eq!(std::fs::read_to_string(&fetched.tree.directory).unwrap(), "text");
    let missing = FlakeReference::parse(&format!("{}/none", server.url()), false).unwrap();
    let error = world.fetcher().fetch(&missing).unwrap_err();
    assert!(matches!(error, Error::Download(download::Error::Status { code: 404, .. })), "{error:?}");
}

#[test]
fn many_may_fetch_the_same_at_once() {
    let server = Server::start(|_| Answer::ok(tar_gz(&MEMBERS)));
    let world = World::new();
    let url = format!("{}/x.tar.gz", server.url());
    let hashes: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..6).map(|_| scope.spawn(|| world.fetch(&url).unwrap().tree.nar_hash.to_sri())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(hashes.iter().all(|hash| *hash == hashes[0]));
    // One tree, and nothing half written beside it.
    assert_eq!(std::fs::read_dir(world.path("cache/sources")).unwrap().count(), 1);
}

#[test]
fn names_and_passwords_come_from_the_netrc_file() {
    // "me:secret" in base 64.
    let server = Server::start(|asked| match asked.headers.get("authorization").map(String::as_str) {
        Some("Basic bWU6c2VjcmV0") => Answer::ok(tar_gz(&MEMBERS)),
        _ => Answer::status(401),
    });
    let mut world = World::new();
    let url = format!("{}/x.tar.gz", server.url());
    assert!(matches!(
        world.fetch(&url).unwrap_err(),
        Error::Download(download::Error::Status { code: 401, .. })
    ));
    let file = world.path("netrc");
    std::fs::write(&file, "machine 127.0.0.1 login me password secret\n").unwrap();
    world.settings.netrc_file = Some(file);
    assert!(world.fetch(&url).is_ok());
}
