//! What an evaluation may do: pure, restricted, experimental features, the search path, building.

#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::Ordering;

use nix_expr::{
    DerivationTable, ErrorKind, EvalError, EvalIo, Feature, Features, FetchRequest, Fetched, FileSystemIo,
    FileSystemOptions, FileType, IoError, PathToAdd, Realisation, SearchPathEntry, Settings, evaluate,
};
use nix_store::{StoreDir, StorePath};

fn with(settings: &Settings, io: &(dyn EvalIo + Sync), expression: &str) -> Result<String, EvalError> {
    evaluate(settings, io, |session| {
        let value = session.evaluate_text(expression, "«test»", Path::new("/"))?;
        session.force_deep(value)?;
        session.print(value)
    })
}

fn entry(prefix: &str, path: &Path) -> SearchPathEntry {
    SearchPathEntry { prefix: prefix.to_owned(), path: path.display().to_string() }
}

fn message(result: Result<String, EvalError>) -> String {
    result.unwrap_err().message.clone()
}

#[test]
fn pure_evaluation_sees_nothing_of_the_machine() {
    let settings =
        Settings { pure: true, search_path: vec![entry("x", Path::new("/etc"))], ..Settings::default() };
    let io = FileSystemIo::new(FileSystemOptions { pure: true, ..FileSystemOptions::default() });
    let pure = |expression: &str| with(&settings, &io, expression);
    assert_eq!(pure("builtins.nixPath").unwrap(), "[ ]");
    assert_eq!(pure("builtins.getEnv \"PATH\"").unwrap(), "\"\"");
    assert_eq!(pure("[ (builtins ? currentSystem) (builtins ? currentTime) ]").unwrap(), "[ false false ]");
    assert_eq!(pure("builtins.pathExists /etc").unwrap(), "false");
    for expression in ["builtins.readFile /etc/hostname", "import /etc/nixos", "\"${/etc}\""] {
        let error = pure(expression).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Restricted, "{expression}: {error}");
        assert!(error.message.contains("pure evaluation mode"), "{error}");
    }
    assert!(message(pure("<x>")).contains("pure evaluation mode"));
    let stored = "/nix/store/00000000000000000000000000000000-x";
    assert!(message(pure(&format!("builtins.storePath \"{stored}\""))).contains("not allowed in pure"));
    assert_eq!(pure("builtins.readFile (builtins.toFile \"a\" \"b\")").unwrap(), "\"b\"");
}

#[test]
fn restricted_evaluation_reads_the_search_path_only() {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("a.nix"), "1").unwrap();
    let settings = Settings {
        restricted: true,
        search_path: vec![entry("x", place.path())],
        allowed_uris: vec!["https://allowed.example/a".to_owned()],
        ..Settings::default()
    };
    let io = FileSystemIo::new(FileSystemOptions {
        restricted: true,
        allowed: vec![place.path().to_owned()],
        ..FileSystemOptions::default()
    });
    let restricted = |expression: &str| with(&settings, &io, expression);
    assert_eq!(restricted("import <x/a.nix>").unwrap(), "1");
    assert_eq!(restricted("builtins ? currentSystem").unwrap(), "true");
    assert_eq!(restricted("builtins.getEnv \"PATH\"").unwrap(), "\"\"");
    let refused = message(restricted("builtins.readFile /etc/hostname"));
    assert!(refused.ends_with("is forbidden in restricted mode"), "{refused}");
    for (uri, allowed) in [
        ("https://allowed.example/a", true),
        ("https://allowed.example/a/b", true),
        ("https://allowed.example/ab", false),
        ("https://other.example/a", false),
        ("file:///etc/hostname", false),
    ] {
        let refused = message(restricted(&format!("builtins.fetchurl \"{uri}\"")));
        assert_eq!(!refused.contains("restricted mode"), allowed, "{uri}: {refused}");
    }
}

#[test]
fn experimental_features_have_to_be_asked_for() {
    let io = FileSystemIo::default();
    let plain = Settings::default();
    let all = Settings {
        features: Feature::ALL.into_iter().fold(Features::NONE, Features::with),
        ..Settings::default()
    };
    for (expression, feature) in [
        ("1 |> (x: x)", "pipe-operators"),
        ("builtins.fromTOML \"a = 1979-05-27\"", "parse-toml-timestamps"),
        (
            "(derivation { name = \"d\"; system = \"x\"; builder = \"b\"; __contentAddressed = true; }).drvPath",
            "ca-derivations",
        ),
        (
            "(derivation { name = \"d\"; system = \"x\"; builder = \"b\"; __impure = true; }).drvPath",
            "impure-derivations",
        ),
    ] {
        let refused = message(with(&plain, &io, expression));
        assert!(refused.contains(feature), "{refused}");
    }
    assert_eq!(with(&all, &io, "1 |> (x: x + 1)").unwrap(), "2");
    assert_eq!(
        with(&all, &io, "builtins.fromTOML \"a = 1979-05-27 07:32:00z\\nb = 07:32:00.50\"").unwrap(),
        "{ a = { _type = \"timestamp\"; value = \"1979-05-27 07:32:00Z\"; }; b = { _type = \"timestamp\"; value = \"07:32:00.50\"; }; }"
    );
    for name in ["outputOf", "fetchClosure"] {
        assert_eq!(with(&plain, &io, &format!("builtins ? {name}")).unwrap(), "false");
        assert_eq!(with(&all, &io, &format!("builtins ? {name}")).unwrap(), "true");
    }
    let none = Settings { features: Features::NONE, ..Settings::default() };
    assert_eq!(with(&none, &io, "builtins ? fetchTree").unwrap(), "false");
    assert!(message(with(&all, &io, "builtins.fetchClosure { }")).contains("not supported"));
}

#[test]
fn search_paths_are_tried_in_order() {
    let place = tempfile::tempdir().unwrap();
    for name in ["one", "two"] {
        std::fs::create_dir_all(place.path().join(name).join("lib")).unwrap();
        std::fs::write(place.path().join(name).join(format!("{name}.nix")), format!("\"{name}\"")).unwrap();
    }
    let settings = Settings {
        search_path: vec![
            entry("", Path::new("/nowhere/at/all")),
            entry("p", &place.path().join("one")),
            entry("", &place.path().join("two")),
            entry("", &place.path().join("one")),
        ],
        report: |_, _| {},
        ..Settings::default()
    };
    let io = FileSystemIo::default();
    let found = |expression: &str| with(&settings, &io, expression);
    assert_eq!(found("import <two.nix>").unwrap(), "\"two\"");
    assert_eq!(found("import <one.nix>").unwrap(), "\"one\"");
    assert_eq!(found("import <p/one.nix>").unwrap(), "\"one\"");
    assert_eq!(found("<p>").unwrap(), place.path().join("one").display().to_string());
    assert_eq!(found("<lib>").unwrap(), place.path().join("two/lib").display().to_string());
    let missing = message(found("<p/two.nix>"));
    assert_eq!(
        missing,
        "file 'p/two.nix' was not found in the Nix search path (add it using $NIX_PATH or -I)"
    );
    assert_eq!(found("builtins.tryEval <q>").unwrap(), "{ success = false; value = false; }");
}

/// A world that builds: every output becomes a file.
struct Builder {
    files: FileSystemIo,
    wanted: Mutex<Vec<Realisation>>,
    fetched: Mutex<Vec<FetchRequest>>,
}

impl EvalIo for Builder {
    fn store_dir(&self) -> &StoreDir {
        self.files.store_dir()
    }
    fn read_file(&self, path: &Path) -> Result<Vec<u8>, IoError> {
        self.files.read_file(path)
    }
    fn file_type(&self, path: &Path) -> Result<Option<FileType>, IoError> {
        self.files.file_type(path)
    }
    fn read_directory(&self, path: &Path) -> Result<Vec<(Vec<u8>, FileType)>, IoError> {
        self.files.read_directory(path)
    }
    fn read_link(&self, path: &Path) -> Result<Vec<u8>, IoError> {
        self.files.read_link(path)
    }
    fn environment_variable(&self, name: &[u8]) -> Option<Vec<u8>> {
        self.files.environment_variable(name)
    }
    fn current_time(&self) -> Option<i64> {
        self.files.current_time()
    }
    fn add_path(&self, path: PathToAdd<'_, '_>) -> Result<StorePath, IoError> {
        self.files.add_path(path)
    }
    fn add_text(&self, name: &str, text: &[u8], references: &[StorePath]) -> Result<StorePath, IoError> {
        self.files.add_text(name, text, references)
    }
    fn realise(&self, wanted: &[Realisation], derivations: &DerivationTable) -> Result<(), IoError> {
        for wanted in wanted {
            if let Realisation::Output { derivation, output } = wanted {
                let path = derivations[derivation].outputs[output].path().unwrap().clone();
                let real = self.files.options().real_store.clone().unwrap_or(PathBuf::from("/nowhere"));
                std::fs::write(real.join(path.base_name()), "{ built = true; }").unwrap();
                self.files.allow(path);
            }
            self.wanted.lock().unwrap().push(wanted.clone());
        }
        Ok(())
    }
    fn fetch(&self, request: &FetchRequest) -> Result<Fetched, IoError> {
        self.fetched.lock().unwrap().push(request.clone());
        Err(IoError::Failed { message: "there is no network".to_owned() })
    }
}

fn builder(place: &Path, pure: bool) -> Builder {
    let options =
        FileSystemOptions { real_store: Some(place.to_owned()), pure, ..FileSystemOptions::default() };
    Builder { files: FileSystemIo::new(options), wanted: Mutex::default(), fetched: Mutex::default() }
}

const BUILT: &str = "derivation { name = \"d\"; system = \"x\"; builder = \"b\"; }";

#[test]
fn what_is_read_is_built_before() {
    let place = tempfile::tempdir().unwrap();
    for pure in [true, false] {
        let io = builder(place.path(), pure);
        let settings = Settings { pure, ..Settings::default() };
        for (expression, expected) in [
            (format!("import ({BUILT})"), "{ built = true; }"),
            (format!("builtins.readFile ({BUILT})"), "\"{ built = true; }\""),
            (format!("builtins.pathExists ({BUILT})"), "true"),
            (format!("builtins.readFileType ({BUILT}).outPath"), "\"regular\""),
            (format!("builtins.readFile \"${{{BUILT}}}\""), "\"{ built = true; }\""),
            (
                format!(
                    "builtins.hashFile \"md5\" ({BUILT}) == builtins.hashString \"md5\" \"{{ built = true; }}\""
                ),
                "true",
            ),
        ] {
            assert_eq!(with(&settings, &io, &expression).unwrap(), expected, "{expression}");
            let wanted = std::mem::take(&mut *io.wanted.lock().unwrap());
            assert!(
                matches!(&wanted[..], [Realisation::Output { output, .. }, ..] if output == "out"),
                "{wanted:?}"
            );
        }
        assert_eq!(with(&settings, &io, &format!("({BUILT}).name")).unwrap(), "\"d\"");
        assert!(io.wanted.lock().unwrap().is_empty());
    }
}

#[test]
fn building_can_be_forbidden() {
    let place = tempfile::tempdir().unwrap();
    let io = builder(place.path(), false);
    let settings = Settings { import_from_derivation: false, ..Settings::default() };
    let error = with(&settings, &io, &format!("import ({BUILT})")).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Build);
    assert!(error.message.starts_with("cannot build '/nix/store/"), "{error}");
    assert!(
        error.message.contains(
            "-d.drv^out' during evaluation because the option 'allow-import-from-derivation' is disabled"
        ),
        "{error}"
    );
    assert!(io.wanted.lock().unwrap().is_empty());
}

#[test]
fn entries_of_the_search_path_are_fetched() {
    let place = tempfile::tempdir().unwrap();
    let io = builder(place.path(), false);
    let remote = |path: &str| SearchPathEntry { prefix: "x".to_owned(), path: path.to_owned() };
    for (entry, builtin, url) in [
        ("https://a.example/b.tar.gz", "fetchTarball", "https://a.example/b.tar.gz"),
        (
            "channel:nixos-unstable",
            "fetchTarball",
            "https://channels.nixos.org/nixos-unstable/nixexprs.tar.xz",
        ),
        ("flake:github:a/b", "fetchTree", "github:a/b"),
    ] {
        let settings =
            Settings { search_path: vec![remote(entry)], report: |_, _| {}, ..Settings::default() };
        // An entry that cannot be fetched is passed over.
        assert!(message(with(&settings, &io, "<x>")).contains("was not found"), "{entry}");
        let fetched = std::mem::take(&mut *io.fetched.lock().unwrap());
        let [request] = &fetched[..] else { unreachable!("{fetched:?}") };
        assert_eq!((request.builtin, request.attributes.len()), (builtin, 1), "{entry}");
        assert_eq!(request.attributes["url"], nix_expr::FetchAttribute::String(url.to_owned()));
    }
}

#[test]
fn an_evaluation_can_be_interrupted() {
    let settings = Settings::default();
    let stop = settings.interrupted.clone();
    let watch = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(50));
        stop.store(true, Ordering::Relaxed);
    });
    let endless = "builtins.foldl' (a: b: builtins.length (builtins.genList (x: x) 1000)) 0 (builtins.genList (x: x) 100000000)";
    let error = with(&settings, &FileSystemIo::default(), endless).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Interrupted);
    watch.join().unwrap();
}

#[test]
fn warnings_can_be_errors() {
    let settings = Settings { abort_on_warn: true, report: |_, _| {}, ..Settings::default() };
    assert_eq!(
        with(&settings, &FileSystemIo::default(), "builtins.warn \"a\" 1").unwrap_err().kind,
        ErrorKind::Abort
    );
}
