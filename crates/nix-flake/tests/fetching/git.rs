//! Git repositories.

use std::os::unix::fs::PermissionsExt;

use nix_flake::{Error, Fetched, FlakeReference, Source};

use crate::server::GitServer;
use crate::world::{World, git, nix_hash, write};

fn text(fetched: &Fetched, name: &str) -> String {
    fetched.reference.other.text(name).unwrap_or_default().to_owned()
}

#[test]
fn a_clean_working_tree_is_its_commit() {
    let world = World::new();
    let place = world.repository("r", &[("flake.nix", "{ }"), ("a/b", "x")]);
    let commit = world.commit(&place, &[("a/b", "y")]);
    write(&place.join("untracked"), "z");
    let fetched = world.fetch(&format!("git+file://{}", place.display())).unwrap();
    assert_eq!(fetched.reference.revision.as_deref(), Some(commit.as_str()));
    assert_eq!(fetched.reference.branch.as_deref(), Some("refs/heads/main"));
    assert_eq!(fetched.reference.other.integer("revCount"), Some(2));
    assert_eq!(fetched.reference.last_modified(), Some(1_700_000_000));
    assert_eq!(fetched.tree.directory, place, "it is read where it is");
    assert!(fetched.tree.holds("a/b".as_ref()) && !fetched.tree.holds("untracked".as_ref()));
    // The same commit out of the object database is the same tree.
    let locked = world.fetch(&format!("git+file://{}?rev={commit}", place.display())).unwrap();
    assert_eq!(locked.tree.nar_hash, fetched.tree.nar_hash);
    assert_eq!(std::fs::read_to_string(locked.tree.directory.join("a/b")).unwrap(), "y");
    if let Some(hash) = nix_hash(&locked.tree.directory) {
        assert_eq!(locked.tree.nar_hash.to_sri(), hash);
    }
}

#[test]
fn a_changed_working_tree_has_no_commit() {
    let world = World::new();
    let place = world.repository("r", &[("a", "1"), ("b", "1"), ("c", "1")]);
    let head = git(&place, &["rev-parse", "HEAD"]);
    let url = format!("git+file://{}", place.display());
    let clean = world.fetch(&url).unwrap();
    let change = |change: &dyn Fn(), part: &str| {
        change();
        let dirty = world.fetch(&url).unwrap();
        assert_eq!(dirty.reference.revision, None, "{part}");
        assert_eq!(text(&dirty, "dirtyRev"), format!("{head}-dirty"), "{part}");
        assert_eq!(text(&dirty, "dirtyShortRev"), format!("{}-dirty", &head[..7]), "{part}");
        assert_eq!(dirty.reference.other.integer("revCount"), None, "{part}");
        dirty
    };
    let mut hashes = vec![clean.tree.nar_hash];
    hashes.push(change(&|| write(&place.join("a"), "2"), "content").tree.nar_hash);
    hashes.push(change(&|| write(&place.join("a"), "3"), "content again").tree.nar_hash);
    git(&place, &["checkout", "-q", "a"]);
    let executable =
        || std::fs::set_permissions(place.join("a"), std::fs::Permissions::from_mode(0o755)).unwrap();
    hashes.push(change(&executable, "mode").tree.nar_hash);
    git(&place, &["checkout", "-q", "a"]);
    let removed = change(&|| std::fs::remove_file(place.join("b")).unwrap(), "removed");
    assert!(!removed.tree.holds("b".as_ref()));
    hashes.push(removed.tree.nar_hash);
    git(&place, &["checkout", "-q", "b"]);
    let add = || {
        write(&place.join("new"), "");
        git(&place, &["add", "-N", "new"]);
    };
    let added = change(&add, "intent to add");
    assert!(added.tree.holds("new".as_ref()));
    hashes.push(added.tree.nar_hash);
    let count = hashes.len();
    hashes.sort_by_key(nix_store::Hash::to_sri);
    hashes.dedup();
    assert_eq!(hashes.len(), count, "every change is another tree");
    git(&place, &["reset", "-q", "new"]);
    assert_eq!(world.fetch(&url).unwrap(), clean);

    let mut strict = World::new();
    strict.settings.allow_dirty = false;
    write(&place.join("a"), "4");
    assert!(matches!(strict.fetch(&url).unwrap_err(), Error::DirtyTree { .. }));
}

#[test]
fn branches_tags_and_commits_are_found() {
    let world = World::new();
    let place = world.repository("r", &[("a", "1")]);
    let first = git(&place, &["rev-parse", "HEAD"]);
    git(&place, &["tag", "-a", "v1", "-m", "one"]);
    git(&place, &["checkout", "-q", "-b", "other"]);
    let second = world.commit(&place, &[("a", "2")]);
    let url = format!("git+file://{}", place.display());
    let revision = |query: &str| world.fetch(&format!("{url}?{query}")).unwrap().reference.revision.unwrap();
    assert_eq!(revision("ref=main"), first);
    assert_eq!(revision("ref=v1"), first);
    assert_eq!(revision("ref=refs/heads/other"), second);
    assert_eq!(revision(&format!("rev={first}")), first);
    for (query, part) in
        [("ref=none", "branch or tag 'none'"), (&format!("rev={}", "0".repeat(40)), "commit 0000")]
    {
        let error = world.fetch(&format!("{url}?{query}")).unwrap_err();
        assert!(matches!(error, Error::NoSuchRevision { .. }) && error.to_string().contains(part), "{error}");
    }
    // A bare repository, and one more working tree of the same.
    let bare = world.path("bare.git");
    git(&world.path(""), &["clone", "-q", "--bare", "r", "bare.git"]);
    let fetched = world.fetch(&format!("git+file://{}", bare.display())).unwrap();
    assert_eq!(fetched.reference.revision.as_ref(), Some(&second));
    git(&place, &["worktree", "add", "-q", "../tree", "main"]);
    let tree = world.path("tree");
    let fetched = world.fetch(&format!("git+file://{}", tree.display())).unwrap();
    assert_eq!(fetched.reference.revision, Some(first));
}

#[test]
fn new_repositories_shallow_ones_and_none_at_all() {
    let world = World::new();
    let empty = world.path("empty");
    std::fs::create_dir(&empty).unwrap();
    git(&empty, &["init", "-q", "-b", "main"]);
    let fetched = world.fetch(&format!("git+file://{}", empty.display())).unwrap();
    assert_eq!(fetched.reference.revision, Some("0".repeat(40)));
    assert_eq!(fetched.reference.last_modified(), Some(0));

    let place = world.repository("r", &[("a", "1")]);
    world.commit(&place, &[("a", "2")]);
    let url = format!("file://{}", place.display());
    git(&world.path(""), &["clone", "-q", "--depth", "1", &url, "shallow"]);
    let shallow = format!("git+file://{}", world.path("shallow").display());
    let error = world.fetch(&format!("{shallow}?ref=main")).unwrap_err();
    assert!(matches!(error, Error::ShallowRepository { .. }));
    assert!(world.fetch(&format!("{shallow}?ref=main&shallow=1")).is_ok());
    // A working tree is taken as it is, with the history that it has.
    assert_eq!(world.fetch(&shallow).unwrap().reference.other.integer("revCount"), Some(1));
    assert!(matches!(world.fetch("git+file:///nonexistent").unwrap_err(), Error::Git { .. }));
}

#[test]
fn what_archives_leave_out_is_left_out_when_asked_for() {
    let world = World::new();
    let place = world.repository(
        "r",
        &[
            (".gitattributes", "secret export-ignore\nd export-ignore\n"),
            ("a", "1"),
            ("secret", "2"),
            ("d/e", "3"),
        ],
    );
    let url = format!("git+file://{}", place.display());
    for query in ["exportIgnore=1", "exportIgnore=1&ref=main"] {
        let fetched = world.fetch(&format!("{url}?{query}")).unwrap();
        let there =
            |name: &str| fetched.tree.holds(name.as_ref()) && fetched.tree.directory.join(name).exists();
        assert!(there("a") && !there("secret") && !there("d"), "{query}");
    }
    let all = world.fetch(&url).unwrap();
    assert!(all.tree.holds("secret".as_ref()));
}

#[test]
fn submodules_are_empty_unless_asked_for() {
    let world = World::new();
    let inner = world.repository("inner", &[("x", "1")]);
    let outer = world.repository("outer", &[("a", "1")]);
    git(&outer, &["submodule", "--quiet", "add", &format!("file://{}", inner.display()), "sub"]);
    world.commit(&outer, &[]);
    let url = format!("git+file://{}", outer.display());
    let plain = world.fetch(&format!("{url}?ref=main")).unwrap();
    assert!(plain.tree.directory.join("sub").is_dir() && !plain.tree.directory.join("sub/x").exists());
    let full = world.fetch(&format!("{url}?ref=main&submodules=1")).unwrap();
    assert_eq!(std::fs::read_to_string(full.tree.directory.join("sub/x")).unwrap(), "1");
    let working = world.fetch(&format!("{url}?submodules=1")).unwrap();
    assert!(working.tree.holds("sub/x".as_ref()) && working.reference.revision.is_some());
    assert_eq!(working.tree.nar_hash, full.tree.nar_hash);
    write(&outer.join("sub/x"), "2");
    assert_eq!(world.fetch(&format!("{url}?submodules=1")).unwrap().reference.revision, None);
}

#[test]
fn repositories_are_fetched_over_http_and_kept() {
    let mut world = World::new();
    let place = world.repository("served/r", &[("a", "1")]);
    let first = git(&place, &["rev-parse", "HEAD"]);
    let server = GitServer::start(&world.path("served"));
    let url = format!("git+{}/r", server.url());
    let fetched = world.fetch(&url).unwrap();
    assert_eq!(fetched.reference.revision.as_ref(), Some(&first));
    assert_eq!(fetched.reference.branch.as_deref(), Some("refs/heads/main"));
    assert_eq!(fetched.reference.other.integer("revCount"), Some(1));
    let second = world.commit(&place, &[("a", "2")]);
    // What is known is believed for a while, by any process.
    assert_eq!(world.fetch(&url).unwrap().reference.revision.as_ref(), Some(&first));
    let asked = server.requests();
    world.settings.tarball_ttl = std::time::Duration::ZERO;
    assert_eq!(world.fetch(&url).unwrap().reference.revision.as_ref(), Some(&second));
    assert!(server.requests() > asked);
    // A commit that is here needs no server.
    world.settings.offline = true;
    let locked = FlakeReference::parse(&format!("{url}?ref=main&rev={first}"), true).unwrap();
    assert_eq!(world.fetcher().fetch(&locked).unwrap().tree, fetched.tree);
    let missing = FlakeReference::parse(&format!("git+{}/other?ref=main", server.url()), true).unwrap();
    assert!(matches!(world.fetcher().fetch(&missing).unwrap_err(), Error::Offline { .. }));
    world.settings.offline = false;
    let error = world.fetcher().fetch(&missing).unwrap_err();
    assert!(matches!(error, Error::GitRemote { .. }), "{error:?}");

    let shallow = world.fetch(&format!("{url}?ref=main&shallow=1")).unwrap();
    assert_eq!(shallow.reference.other.integer("revCount"), None);
    git(&place, &["checkout", "-q", "--detach"]);
    let loose = world.commit(&place, &[("a", "3")]);
    git(&place, &["update-ref", "refs/pull/1/head", &loose]);
    git(&place, &["checkout", "-q", "main"]);
    let all = world.fetch(&format!("{url}?ref=main&rev={loose}&allRefs=1")).unwrap();
    assert_eq!(std::fs::read_to_string(all.tree.directory.join("a")).unwrap(), "3");
}

#[test]
fn a_wrong_hash_is_refused_with_both() {
    let world = World::new();
    let place = world.repository("r", &[("a", "1")]);
    let commit = git(&place, &["rev-parse", "HEAD"]);
    let mut reference = FlakeReference::new(Source::Git { url: format!("file://{}", place.display()) });
    reference.revision = Some(commit);
    let wrong = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    reference.other.set_text("narHash", wrong);
    let error = world.fetcher().fetch_locked(&reference).unwrap_err();
    let Error::ContentMismatch { expected, got, .. } = &error else { panic!("{error:?}") };
    assert_eq!(expected, wrong);
    assert!(error.to_string().contains(got.as_str()));
}
