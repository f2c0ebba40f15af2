use proptest::prelude::*;

use super::*;

#[test]
fn arguments_prefer_directories_that_exist() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(directory.path().join("examples/one")).unwrap();
    let parse = |text: &str| FlakeReference::parse_argument(text, directory.path()).unwrap();
    let expected = directory.path().join("examples/one").to_string_lossy().into_owned();
    for text in ["examples/one", "./examples/one", "path:examples/one", "examples/../examples/one/."] {
        assert_eq!(parse(text).source, Source::Path { path: expected.clone() }, "{text}");
    }
    assert_eq!(parse("./examples?dir=one").directory, "one");
    assert!(matches!(parse("nixpkgs/nixos-25.05").source, Source::Indirect { .. }));
    assert_eq!(parse("").source, Source::Path { path: directory.path().to_string_lossy().into_owned() });
}

#[test]
fn a_path_in_a_repository_means_the_repository() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("a b");
    std::fs::create_dir_all(root.join("hosts/one/deep")).unwrap();
    std::fs::create_dir(root.join(".git")).unwrap();
    std::fs::write(root.join("hosts/one/flake.nix"), "{ }").unwrap();
    let url = format!("git+file://{}/a%20b", directory.path().display());
    for place in ["a b/hosts/one", "a b/hosts/one/deep", "a b/hosts/one/flake.nix"] {
        let reference = FlakeReference::parse_argument(&format!("./{place}"), directory.path()).unwrap();
        assert_eq!(reference.to_string(), format!("{url}?dir=hosts/one"), "{place}");
    }
    // Not beyond the repository's root.
    let (reference, fragment) = FlakeReference::parse_argument_with_fragment(".#y%2ez", &root).unwrap();
    assert_eq!((reference.to_string(), fragment.as_str()), (url, "y.z"));
}

#[test]
fn what_is_no_reference_says_why() {
    for (text, part) in [
        ("ftp://x/y", "scheme 'ftp:' is not known"),
        ("hostwright:", "hostwright:NAME"),
        ("path:", "empty"),
        ("path:/a?dir=../b", "leaves the tree"),
        ("path:/a?wrong=1", "unknown parameter 'wrong'"),
        ("github:NixOS", "OWNER/REPOSITORY"),
        ("github:a/b/c?ref=d", "two branches"),
        ("github:a/b?host=x_y", "not a host"),
        ("git+https://h/r?ref=a..b", "cannot be the name"),
        ("a b", "expected a directory"),
        ("path:/ü", "percent-encoded"),
        ("x#y", "fragment"),
        ("path:/a%00", "control character"),
    ] {
        let message = FlakeReference::parse(text, true).unwrap_err().to_string();
        assert!(message.contains(part), "{text}: {message}");
    }
}

/// `[{"url": …, "attributes": {…} or null}]`, what `builtins.parseFlakeRef` of Nix 2.26.3 says of each URL, and
/// `"string"`, what its `builtins.flakeRefToString` makes of that.
const BY_NIX: &str = include_str!("nix-2.26.json");

#[test]
fn every_form_is_read_and_printed_as_nix_does() {
    let cases: Vec<serde_json::Value> = serde_json::from_str(BY_NIX).unwrap();
    assert!(cases.len() > 60);
    for case in cases {
        let url = case["url"].as_str().unwrap();
        let ours = FlakeReference::parse(url, true);
        match case.get("attributes").filter(|attributes| !attributes.is_null()) {
            // The builtin takes no relative paths; inputs may be some.
            None if url.starts_with('.') => assert!(ours.unwrap().is_relative_path()),
            None => assert!(ours.is_err(), "{url}: Nix refuses it, but it was read as {ours:?}"),
            Some(expected) => {
                let ours = ours.unwrap_or_else(|error| panic!("{error}"));
                assert_eq!(&serde_json::to_value(ours.to_attributes()).unwrap(), expected, "{url}");
                assert_eq!(ours.to_string(), case["string"].as_str().unwrap(), "{url}");
                assert_eq!(FlakeReference::from_attributes(&ours.to_attributes()).unwrap(), ours, "{url}");
            }
        }
    }
}

proptest! {
    #[test]
    fn both_forms_read_back(
        kind in 0..8usize,
        name in "[a-z][a-z0-9_-]{0,8}",
        branch in proptest::option::of("[a-z][a-z0-9-]{0,8}"),
        revision in proptest::option::of("[0-9a-f]{40}"),
        directory in "([a-z]{1,4}(/[a-z ]{1,4}){0,2})?",
        nar_hash in proptest::option::of("sha256-[A-Za-z0-9+/]{43}="),
    ) {
        let source = match kind {
            0 => Source::Bundled { name: name.clone() },
            1 => Source::Path { path: format!("/{name}/x é%#?") },
            2 => Source::Git { url: format!("https://{name}/x.git?a=b%26c") },
            3 => Source::Mercurial { url: format!("ssh://{name}/x") },
            4 => Source::Forge { forge: Forge::GitLab, owner: name.clone(), repository: format!("{name}.x") },
            5 => Source::Tarball { url: format!("https://{name}/x.tar.gz?a=b") },
            6 => Source::File { url: format!("file:///{name}") },
            _ => Source::Indirect { name: name.clone() },
        };
        let mut reference = FlakeReference::new(source);
        match &reference.source {
            Source::Git { .. } | Source::Mercurial { .. } | Source::Indirect { .. } => {
                reference.branch = branch.clone();
                reference.revision = revision.clone();
            }
            Source::Forge { .. } => match &revision {
                Some(revision) => reference.revision = Some(revision.clone()),
                None => reference.branch = branch.clone(),
            },
            Source::Path { .. } => reference.revision = revision.clone(),
            _ => {}
        }
        reference.directory = directory;
        let hashable = !matches!(reference.source, Source::Git { .. } | Source::Mercurial { .. } | Source::Indirect { .. });
        if let Some(hash) = nar_hash.filter(|_| hashable) {
            reference.other.set_text("narHash", hash);
        }
        prop_assert_eq!(&FlakeReference::from_attributes(&reference.to_attributes()).unwrap(), &reference);
        let is_flake = !matches!(reference.source, Source::File { .. });
        // The URL form of indirect references and of files with a directory has no place for it in Nix either.
        prop_assert_eq!(&FlakeReference::parse(&reference.to_string(), is_flake).unwrap(), &reference);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,40}", scheme in "(path|github|git\\+https|flake|tarball\\+file|hg\\+ssh)?:?") {
        let _ = FlakeReference::parse(&format!("{scheme}{text}"), true);
        let _ = FlakeReference::parse(&text, false);
        let _ = FlakeReference::parse_argument(&text, Path::new("/nonexistent"));
    }
}
