//! Source packages of Debian, from the mirror that apt uses. A machine's apt may know of no sources, so their index is
//! taken from the mirror, checked by the suite's signed release.

use std::fs;
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use debian::control::{Paragraph, Paragraphs};
use debian::{Archive, Fetch, Freshness, Keyring, Repository, RepositoryOptions, Sources};
use download::{BlockingDownloader, Cancellation, Progress, Request, Settings, Silent};

/// The suite whose Nix is the one that this project's evaluator follows.
const SUITE: &str = "trixie";

/// A directory out of the original source of a package. It is downloaded once and kept with the build.
pub fn unpacked(package: &str, directory: &str) -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("source-packages").join(package);
    let wanted = place.join(directory);
    if !wanted.exists() {
        let archive = download(package, &place);
        // Complete or not there at all, whenever this is interrupted.
        let parent = wanted.parent().unwrap();
        fs::create_dir_all(parent).unwrap();
        let unfinished = tempfile::tempdir_in(parent).unwrap();
        unpack(&archive, directory, unfinished.path());
        if fs::rename(unfinished.path(), &wanted).is_ok() {
            let _ = unfinished.keep();
        }
    }
    wanted
}

/// Downloads the original source of a package; returns the compressed archive.
fn download(package: &str, place: &Path) -> PathBuf {
    let sources = Sources::from_system().unwrap();
    let downloader = BlockingDownloader::new(Settings::default()).unwrap();
    let progress: Arc<dyn Progress> = Arc::new(Silent);
    let cancellation = Cancellation::new();
    let fetch = Fetch { downloader: &downloader, progress: &progress, cancellation: &cancellation };
    let options = RepositoryOptions {
        suite: SUITE.into(),
        components: vec!["main".into()],
        cache: place.join("cache"),
        freshness: Freshness::Refresh,
        accept_expired: false,
    };
    let repository = Repository::open(&sources, &Keyring::debian().unwrap(), options, fetch).unwrap();
    let release = repository.releases().next().unwrap();
    let get = |path: &str, size: u64, sha256: [u8; 32]| {
        let destination = place.join("cache").join(path.rsplit('/').next().unwrap());
        let request =
            Request::verified(sources.addresses(Archive::Debian, path), destination.clone(), size, sha256);
        downloader.fetch(&request, &Silent, &cancellation).unwrap();
        destination
    };
    let index = "main/source/Sources.xz";
    let file = release.file(index).expect("the release lists its sources");
    let index = get(&format!("dists/{SUITE}/{index}"), file.size, file.sha256);
    let mut text = String::new();
    liblzma::read::XzDecoder::new(fs::File::open(index).unwrap()).read_to_string(&mut text).unwrap();
    let mut paragraphs = Paragraphs::new(&text);
    let mut paragraph = Paragraph::default();
    while paragraphs.read_into(&mut paragraph).unwrap() {
        if paragraph.get("Package") != Some(package) {
            continue;
        }
        let directory = paragraph.get("Directory").unwrap();
        for line in paragraph.get("Checksums-Sha256").unwrap().lines() {
            let [sha256, size, name] = line.split_whitespace().collect::<Vec<_>>()[..] else { continue };
            if name.contains(".orig.tar.") && !name.ends_with(".asc") {
                let mut hash = [0; 32];
                for (byte, digits) in hash.iter_mut().zip(sha256.as_bytes().chunks(2)) {
                    *byte = u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap();
                }
                return get(&format!("{directory}/{name}"), size.parse().unwrap(), hash);
            }
        }
    }
    panic!("{SUITE} has no source package {package}");
}

/// Unpacks one directory of an archive, whose own outermost directory does not matter, into `place`.
fn unpack(archive: &Path, directory: &str, place: &Path) {
    let file = fs::File::open(archive).unwrap();
    let content: Box<dyn Read> = match archive.extension().unwrap().to_str().unwrap() {
        "xz" => Box::new(liblzma::read::XzDecoder::new(file)),
        "gz" => Box::new(flate2::read::GzDecoder::new(file)),
        other => panic!("an archive of a kind that is not known: {other}"),
    };
    for entry in tar::Archive::new(content).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().into_owned();
        let inner: PathBuf = path.components().skip(1).collect();
        let Ok(relative) = inner.strip_prefix(directory) else { continue };
        if relative.components().all(|part| matches!(part, Component::Normal(_))) {
            let destination = place.join(relative);
            fs::create_dir_all(destination.parent().unwrap()).unwrap();
            entry.unpack(destination).unwrap();
        }
    }
}
