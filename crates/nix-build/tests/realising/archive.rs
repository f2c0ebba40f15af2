//! Packages of Debian's archive, from the mirror that this machine's apt uses.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use debian::{Environment, Index, IndexBuilder, Package, Versions, solve};
use download::{BlockingDownloader, Expected, Request, Silent, Url};
use nix_store::{Hash, HashAlgorithm};
use serde_json::json;

use crate::graph::{TestStore, Written};

/// trixie's packages for amd64.
pub struct Archive {
    pub mirror: String,
    pub index: Index,
}

/// How long the index is good for: packages that it names disappear from mirrors some time after there are newer ones.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// The index, kept between runs.
pub fn archive() -> &'static Archive {
    static ARCHIVE: OnceLock<Archive> = OnceLock::new();
    ARCHIVE.get_or_init(|| {
        let mirror = mirror_of_apt().expect("apt's sources name a mirror of Debian");
        let compressed = Path::new(env!("CARGO_TARGET_TMPDIR")).join("trixie-amd64-Packages.xz");
        let age = fs::metadata(&compressed).and_then(|metadata| metadata.modified());
        let is_fresh = age.is_ok_and(|time| time.elapsed().is_ok_and(|age| age < KEPT));
        if !is_fresh {
            let url = format!("{mirror}/dists/trixie/main/binary-amd64/Packages.xz");
            let request = Request {
                urls: vec![Url::parse(&url).unwrap()],
                destination: compressed.clone(),
                expected: Expected::default(),
            };
            let downloader = BlockingDownloader::new(download::Settings::default()).unwrap();
            downloader.fetch(&request, &Silent, &download::Cancellation::new()).unwrap();
        }
        let bytes = fs::read(&compressed).unwrap();
        let mut text = String::new();
        std::io::Read::read_to_string(&mut liblzma::read::XzDecoder::new(bytes.as_slice()), &mut text)
            .unwrap();
        let mut builder = IndexBuilder::new("amd64");
        builder.add("debian", "trixie", &text).unwrap();
        Archive { mirror, index: builder.finish().unwrap() }
    })
}

fn mirror_of_apt() -> Option<String> {
    let directory = fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = directory.map(|entry| entry.path()).collect();
    files.push(PathBuf::from("/etc/apt/sources.list"));
    files.sort();
    files.iter().filter_map(|file| fs::read_to_string(file).ok()).find_map(|text| {
        let mut words = text.split_whitespace();
        words
            .find(|word| word.starts_with("http") && word.trim_end_matches('/').ends_with("/debian"))
            .map(|word| word.trim_end_matches('/').to_owned())
    })
}

/// Brings packages here once for all runs: what is tested then fetches them from a directory.
fn download(archive: &Archive, packages: &[Package<'_>]) -> PathBuf {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("archive");
    let requests: Vec<Request> = packages
        .iter()
        .map(|package| {
            let url = Url::parse(&format!("{}/{}", archive.mirror, package.file())).unwrap();
            let destination = directory.join(package.file());
            fs::create_dir_all(destination.parent().unwrap()).unwrap();
            Request::verified(vec![url], destination, package.size(), package.sha256())
        })
        .filter(|request| !request.destination.exists())
        .collect();
    let downloader = BlockingDownloader::new(download::Settings::default()).unwrap();
    downloader.fetch_all(requests, Arc::new(Silent), &download::Cancellation::new()).unwrap();
    directory
}

/// The derivations that fetch and unpack some packages, and all that they need if `closure`.
pub fn packages(store: &mut TestStore, names: &[&str], closure: bool) -> Vec<Written> {
    packages_in_part(store, names, closure, None)
}

/// As [`packages`], with the files that the patterns of `include` take.
pub fn packages_in_part(
    store: &mut TestStore,
    names: &[&str],
    closure: bool,
    include: Option<&[&str]>,
) -> Vec<Written> {
    let archive = archive();
    let selected: Vec<_> = if closure {
        let packages = names.iter().map(|name| name.parse().unwrap()).collect();
        let environment = Environment { name: "test".to_owned(), packages };
        let solution = solve(&archive.index, &environment, &Versions::default()).unwrap();
        solution.packages.iter().map(|id| archive.index.package(*id)).collect()
    } else {
        names.iter().map(|name| archive.index.newest(name).unwrap()).collect()
    };
    let directory = download(archive, &selected);
    store.mirrors = nix_build::builders::Mirrors::new();
    store.mirrors.add("debian", [format!("file://{}", directory.display())]);
    selected
        .into_iter()
        .map(|package| {
            let store_name = |text: &str| text.replace(['~', ':'], "-").replace("%3a", "-");
            let file = package.file().rsplit('/').next().unwrap();
            let url = format!("mirror://debian/{}", package.file());
            let hash = Hash::from_bytes(HashAlgorithm::Sha256, &package.sha256()).unwrap();
            let deb = store.write_fixed(&store_name(file), json!({ "url": url }), hash);
            let attributes = json!({
                "src": deb.output,
                "package": package.name(),
                "version": package.version(),
                "architecture": package.architecture(),
                "include": include,
            });
            let name = store_name(&format!("{}-{}", package.name(), package.version()));
            store.write(&name, "builtin:unpack-deb", attributes, &[&deb])
        })
        .collect()
}

/// Runs a program of unpacked packages with their own loader and libraries.
pub fn command(store: &TestStore, packages: &[Written], program: &str) -> std::process::Command {
    let roots: Vec<PathBuf> = packages.iter().map(|package| store.real(package)).collect();
    let find = |path: &str| {
        let found = roots.iter().map(|root| root.join(path)).find(|path| path.exists());
        found.unwrap_or_else(|| panic!("no package has {path}"))
    };
    let libraries: Vec<String> = roots
        .iter()
        .flat_map(|root| {
            ["usr/lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu/systemd"].map(|path| root.join(path))
        })
        .filter(|path| path.is_dir())
        .map(|path| path.to_string_lossy().into_owned())
        .collect();
    let mut command = std::process::Command::new(find("usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"));
    command.arg("--library-path").arg(libraries.join(":"));
    command.arg("--argv0").arg(program.rsplit('/').next().unwrap());
    command.arg(fs::canonicalize(find(program)).unwrap());
    command
}
