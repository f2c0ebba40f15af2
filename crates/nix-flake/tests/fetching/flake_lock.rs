//! Lock files, as Nix writes them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use nix_flake::{
    Edge, Error, EvaluatedDeclarations, FlakeReference, InputPath, LockFile, LockOptions, LockedFlake,
    NothingBundled, RegistryScope, Sources, changes, lock, write_lock_file,
};
use nix_store::StoreDir;

use crate::world::{World, git, write};

impl World {
    fn lock_with(
        &self,
        place: &Path,
        old: Option<&LockFile>,
        options: &LockOptions,
    ) -> Result<LockedFlake, Error> {
        let store_dir = StoreDir::default();
        let fetcher = self.fetcher();
        let declarations = EvaluatedDeclarations::new(store_dir.clone());
        let sources = Sources {
            store_dir: &store_dir,
            fetcher: &fetcher,
            bundled: &NothingBundled,
            declarations: &declarations,
        };
        let reference = FlakeReference::parse_argument(&place.to_string_lossy(), Path::new("/"))?;
        let flake = sources.open(&reference, RegistryScope::Everything)?;
        lock(&sources, &flake, old, options)
    }

    fn lock(&self, place: &Path) -> LockFile {
        self.lock_with(place, None, &LockOptions::default()).unwrap().lock_file
    }

    fn flake(&self, name: &str, text: &str) -> PathBuf {
        let base = self.path("");
        let text = text.replace("BASE", base.to_str().unwrap().trim_end_matches('/'));
        self.repository(name, &[("flake.nix", &text)])
    }
}

/// What Nix writes for a flake; `None` where there is no Nix, or one that is too old to write the same (2.8 leaves out
/// nothing that these flakes have, but has other rules for relative paths).
fn by_nix(world: &World, place: &Path) -> Option<String> {
    let output = Command::new("nix")
        .args(["--extra-experimental-features", "nix-command flakes", "--store"])
        .arg(world.path("store"))
        .args(["flake", "lock"])
        .current_dir(place)
        .env("HOME", world.path("home"))
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .ok()?;
    let text = std::fs::read_to_string(place.join("flake.lock")).ok()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    git(place, &["reset", "-q", "--hard"]);
    git(place, &["clean", "-qf"]);
    Some(text)
}

fn path(text: &str) -> InputPath {
    text.parse().unwrap()
}

const LEAF: &str = "{ outputs = _: { }; }";

#[test]
fn the_file_is_the_one_that_nix_writes() {
    let world = World::new();
    world.flake("leaf", LEAF);
    world.flake("other", LEAF);
    let middle = world.flake(
        "middle",
        "{ inputs.leaf.url = \"git+file://BASE/leaf\"; inputs.data = { url = \"git+file://BASE/other\"; flake = false; }; \
         outputs = _: { }; }",
    );
    let text = world.lock(&middle).print();
    world.commit(&middle, &[("flake.lock", &text)]);
    for (name, flake) in [
        ("simple", "{ inputs.leaf.url = \"git+file://BASE/leaf\"; outputs = _: { }; }"),
        (
            "follows",
            "{ inputs.middle.url = \"git+file://BASE/middle\"; inputs.leaf.url = \"git+file://BASE/other\"; \
             inputs.middle.inputs.leaf.follows = \"leaf\"; outputs = _: { }; }",
        ),
        (
            "twice",
            "{ inputs.a.url = \"git+file://BASE/middle\"; inputs.b.url = \"git+file://BASE/middle\"; \
             inputs.leaf.url = \"git+file://BASE/leaf\"; outputs = _: { }; }",
        ),
    ] {
        let place = world.flake(name, flake);
        let ours = world.lock(&place);
        if let Some(theirs) = by_nix(&world, &place) {
            // Nix 2.8 has the branch by its short name; all else is the same to the byte.
            let theirs = theirs.replace("\"ref\": \"main\"", "\"ref\": \"refs/heads/main\"");
            assert_eq!(ours.print(), theirs, "{name}");
        }
        // What is locked is kept, and nothing is fetched for that.
        let again = world.lock_with(&place, Some(&ours), &LockOptions::default()).unwrap();
        assert_eq!(again.lock_file, ours, "{name}");
        assert_eq!(LockFile::parse(&ours.print(), Path::new("flake.lock")).unwrap(), ours, "{name}");
    }
}

/// Nix 2.8 wrote what the inner flake says as the origin; 2.26 writes what the outer one says.
#[test]
fn an_outer_flake_s_word_is_the_origin() {
    let world = World::new();
    world.flake("leaf", LEAF);
    world.flake("other", LEAF);
    world.flake("middle", "{ inputs.leaf.url = \"git+file://BASE/leaf\"; outputs = _: { }; }");
    let place = world.flake(
        "f",
        "{ inputs.middle.url = \"git+file://BASE/middle\"; \
         inputs.middle.inputs.leaf.url = \"git+file://BASE/other\"; outputs = _: { }; }",
    );
    let lock = world.lock(&place);
    let node = &lock.nodes[lock.find(&path("middle/leaf")).unwrap()];
    for reference in [&node.original, &node.locked] {
        assert!(reference.as_ref().unwrap().text("url").unwrap().ends_with("/other"));
    }
}

#[test]
fn an_update_changes_what_it_names() {
    let world = World::new();
    let leaf = world.flake("leaf", LEAF);
    let other = world.flake("other", LEAF);
    let place = world.flake(
        "f",
        "{ inputs.leaf.url = \"git+file://BASE/leaf\"; inputs.other.url = \"git+file://BASE/other\"; outputs = _: { }; }",
    );
    let first = world.lock(&place);
    let revision = |lock: &LockFile, input: &str| {
        let node = lock.find(&path(input)).unwrap();
        lock.nodes[node].locked.as_ref().unwrap().text("rev").unwrap().to_owned()
    };
    let new_leaf = world.commit(&leaf, &[("x", "1")]);
    let new_other = world.commit(&other, &[("x", "1")]);
    let update = |inputs: &[&str], recreate: bool| {
        let updates: BTreeSet<InputPath> = inputs.iter().map(|input| path(input)).collect();
        let options = LockOptions { updates, recreate, ..LockOptions::default() };
        world.lock_with(&place, Some(&first), &options)
    };
    assert_eq!(update(&[], false).unwrap().lock_file, first);
    let one = update(&["leaf"], false).unwrap().lock_file;
    assert_eq!(revision(&one, "leaf"), new_leaf);
    assert_eq!(revision(&one, "other"), revision(&first, "other"));
    let shown = changes(&first, &one);
    assert!(
        shown.starts_with("• Updated input 'leaf':\n    'git+file://") && shown.contains("\n  → '"),
        "{shown}"
    );
    assert!(!shown.contains("other"), "{shown}");
    let all = update(&[], true).unwrap().lock_file;
    assert_eq!((revision(&all, "leaf"), revision(&all, "other")), (new_leaf, new_other));
    let error = update(&["leef"], false).unwrap_err();
    assert!(error.to_string().contains("leaf, other"), "{error}");
}

#[test]
fn overrides_of_the_command_line_are_sticky() {
    let world = World::new();
    world.flake("leaf", LEAF);
    world.flake("mine", LEAF);
    let place = world.flake("f", "{ inputs.leaf.url = \"git+file://BASE/leaf\"; outputs = _: { }; }");
    let mine = FlakeReference::parse_argument(&world.path("mine").to_string_lossy(), Path::new("/")).unwrap();
    let options = |input: &str| LockOptions {
        overrides: BTreeMap::from([(path(input), mine.clone())]),
        ..LockOptions::default()
    };
    let overridden = world.lock_with(&place, None, &options("leaf")).unwrap().lock_file;
    let node = &overridden.nodes["leaf"];
    assert!(node.locked.as_ref().unwrap().text("url").unwrap().ends_with("/mine"));
    assert!(node.original.as_ref().unwrap().text("url").unwrap().ends_with("/leaf"));
    let kept = world.lock_with(&place, Some(&overridden), &LockOptions::default()).unwrap().lock_file;
    assert_eq!(kept, overridden);
    let error = world.lock_with(&place, None, &options("none")).unwrap_err();
    assert!(matches!(error, Error::UnknownOverride { .. }), "{error:?}");
}

#[test]
fn relative_inputs_lie_in_the_tree_of_their_parent() {
    let world = World::new();
    world.flake("leaf", LEAF);
    let place = world
        .flake("f", "{ inputs.sub.url = \"path:./sub\"; inputs.deep.url = ./sub/deep; outputs = _: { }; }");
    let base = world.path("");
    let sub = format!(
        "{{ inputs.deep.url = \"path:./deep\"; inputs.leaf.url = \"git+file://{}leaf\"; outputs = _: {{ }}; }}",
        base.display()
    );
    world.commit(&place, &[("sub/flake.nix", &sub), ("sub/deep/flake.nix", LEAF)]);
    let locked = world.lock_with(&place, None, &LockOptions::default()).unwrap();
    let lock = &locked.lock_file;
    let parent = |node: &str| lock.nodes[node].parent.clone();
    assert_eq!(parent("sub"), Some(vec![]));
    assert_eq!(parent("deep_2"), Some(vec!["sub".to_owned()]));
    assert_eq!(lock.nodes["sub"].locked, lock.nodes["sub"].original);
    assert_eq!(lock.nodes["deep"].locked.as_ref().unwrap().text("path"), Some("sub/deep"));
    let directories: BTreeMap<String, &str> =
        locked.nodes.iter().map(|node| (node.path.to_string(), node.directory.as_str())).collect();
    assert_eq!(directories["sub/deep"], "sub/deep");
    assert_eq!(directories["deep"], "sub/deep");
    // The same out of the lock file.
    let again = world.lock_with(&place, Some(lock), &LockOptions::default()).unwrap();
    assert_eq!(&again.lock_file, lock);
    assert_eq!(
        again.nodes.iter().map(|node| &node.directory).collect::<Vec<_>>(),
        locked.nodes.iter().map(|node| &node.directory).collect::<Vec<_>>()
    );
    let outside = world.flake("g", "{ inputs.x.url = \"path:../f\"; outputs = _: { }; }");
    let error = world.lock_with(&outside, None, &LockOptions::default()).unwrap_err();
    assert!(matches!(error.innermost(), Error::InvalidReference { .. }), "{error:?}");
}

#[test]
fn declarations_that_cannot_be_locked_say_why() {
    let world = World::new();
    world.flake("leaf", LEAF);
    type IsExpected = fn(&Error) -> bool;
    let cases: [(&str, &str, IsExpected); 5] = [
        (
            "dangling",
            "{ inputs.leaf.url = \"git+file://BASE/leaf\"; inputs.x.follows = \"leaf/none\"; outputs = _: { }; }",
            |error| matches!(error, Error::DanglingFollows { .. }),
        ),
        ("cycle", "{ inputs.a.follows = \"b\"; inputs.b.follows = \"a\"; outputs = _: { }; }", |error| {
            matches!(error, Error::FollowsCycle { .. })
        }),
        ("self", "{ inputs.self2.url = \"git+file://BASE/self\"; outputs = _: { }; }", |error| {
            matches!(error, Error::CircularInput { .. })
        }),
        ("registry", "{ outputs = { self, nowhere }: { }; }", |error| {
            matches!(error, Error::NotInRegistry { .. })
        }),
        ("noflake", "{ inputs.d.url = \"git+file://BASE/data\"; outputs = _: { }; }", |error| {
            matches!(error, Error::NotAFlake { .. })
        }),
    ];
    world.repository("data", &[("x", "")]);
    for (name, text, is_expected) in cases {
        let place = world.flake(name, text);
        let error = world.lock_with(&place, None, &LockOptions::default()).unwrap_err();
        assert!(is_expected(error.innermost()), "{name}: {error:?}");
    }
    let place = world.flake("untracked", LEAF);
    git(&place, &["rm", "-q", "--cached", "flake.nix"]);
    let error = world.lock_with(&place, None, &LockOptions::default()).unwrap_err();
    assert!(error.to_string().contains("add flake.nix"), "{error}");
}

#[test]
fn pure_evaluation_locks_nothing_that_may_change() {
    let world = World::new();
    world.flake("leaf", LEAF);
    let place = world.flake("f", "{ inputs.leaf.url = \"git+file://BASE/leaf\"; outputs = _: { }; }");
    let pure =
        LockOptions { allow_unlocked: false, registries: RegistryScope::Nothing, ..LockOptions::default() };
    let error = world.lock_with(&place, None, &pure).unwrap_err();
    assert!(matches!(error.innermost(), Error::NotLocked { .. }), "{error:?}");
    let lock = world.lock(&place);
    assert!(world.lock_with(&place, Some(&lock), &pure).is_ok());
}

#[test]
fn inputs_with_changes_pin_nothing() {
    let world = World::new();
    let leaf = world.flake("leaf", LEAF);
    let place = world.flake("f", "{ inputs.leaf.url = \"git+file://BASE/leaf\"; outputs = _: { }; }");
    assert_eq!(world.lock(&place).unlocked_input(), None);
    write(&leaf.join("flake.nix"), "{ outputs = _: { x = 1; }; }");
    let unlocked = world.lock(&place).unlocked_input().unwrap();
    assert!(unlocked.to_string().ends_with("/leaf"));
}

#[test]
fn a_written_file_is_tracked_without_its_content() {
    let world = World::new();
    world.flake("leaf", LEAF);
    let place = world.flake("f", "{ inputs.leaf.url = \"git+file://BASE/leaf\"; outputs = _: { }; }");
    let lock = world.lock(&place);
    let reference = FlakeReference::parse_argument(&place.to_string_lossy(), Path::new("/")).unwrap();
    let file = write_lock_file(&world.fetcher(), &reference, &lock).unwrap();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), lock.print());
    assert_eq!(git(&place, &["status", "--short"]), " A flake.lock");
    assert_eq!(git(&place, &["diff", "--cached", "--name-only"]), "");
    assert!(world.fetcher().fetch(&reference).unwrap().tree.holds("flake.lock".as_ref()));
    // A second time changes nothing; git reads what was written.
    write_lock_file(&world.fetcher(), &reference, &lock).unwrap();
    git(&place, &["commit", "-qam", "locked"]);
    assert_eq!(git(&place, &["status", "--short"]), "");
    // What is ignored stays so.
    let ignoring = world.flake("g", LEAF);
    world.commit(&ignoring, &[(".gitignore", "flake.lock\n")]);
    let reference = FlakeReference::parse_argument(&ignoring.to_string_lossy(), Path::new("/")).unwrap();
    write_lock_file(&world.fetcher(), &reference, &lock).unwrap();
    assert_eq!(git(&ignoring, &["status", "--short"]), "");
    let remote = FlakeReference::parse("github:a/b", true).unwrap();
    assert!(matches!(
        write_lock_file(&world.fetcher(), &remote, &lock).unwrap_err(),
        Error::NotWritable { .. }
    ));
}

#[test]
fn a_lock_file_that_shares_nodes_is_taken_apart() {
    let world = World::new();
    world.flake("leaf", LEAF);
    let place = world.flake(
        "f",
        "{ inputs.a.url = \"git+file://BASE/leaf\"; inputs.b.url = \"git+file://BASE/leaf\"; outputs = _: { }; }",
    );
    let mut lock = world.lock(&place);
    lock.nodes.remove("b");
    lock.nodes.get_mut("root").unwrap().inputs.insert("b".into(), Edge::Node("a".into()));
    let again = world.lock_with(&place, Some(&lock), &LockOptions::default()).unwrap().lock_file;
    assert_eq!(again, world.lock(&place));
}
