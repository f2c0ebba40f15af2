//! Roots and collections: what Nix keeps we keep, what it removes we remove, and both at once.

use std::collections::BTreeSet;
use std::fs;
use std::ops::ControlFlow;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::nix::{Nix, add_output, open};
use nix_store::local::{
    CollectEvent, CollectOptions, KeepOptions, OldGenerations, RootSource, RootTarget, SpaceThresholds,
    delete_old_generations, generations,
};
use nix_store::{Derivation, DerivationOutput, Error, LocalStore, StorePath};

fn collect(nix: &Nix, keep: KeepOptions) -> BTreeSet<String> {
    let options = CollectOptions { keep, max_freed: None };
    let collection = open(nix).collect_garbage(&options, &mut |_| ControlFlow::Continue(())).unwrap();
    assert!(!collection.stopped);
    collection.removed.into_iter().collect()
}

/// A derivation, what it makes, and its other output, which is not there.
fn add_derivation(store: &LocalStore, name: &str) -> (StorePath, StorePath) {
    let output = store.directory().make_text_path(name, name.as_bytes(), &[]).unwrap();
    let mut derivation = Derivation::new(name);
    derivation.system = b"builtin".to_vec();
    derivation.builder = b"builtin:nothing".to_vec();
    derivation.outputs.insert("out".to_owned(), DerivationOutput::InputAddressed { path: output.clone() });
    let path = store.write_derivation(&derivation).unwrap();
    let mut info = add_output(store, name, name, &[]);
    assert_eq!(info.path, output);
    info.deriver = Some(path.clone());
    store.register(&[info]).unwrap();
    (path, output)
}

/// A store with every kind of root and garbage. The same in each place, but for times.
fn populate(nix: &Nix) {
    let store = open(nix);
    let library = add_output(&store, "library", "leaf", &[]).path;
    let program = add_output(&store, "program", library.base_name(), &[&library]).path;
    let direct = add_output(&store, "direct", "direct", &[]).path;
    let by_name = add_output(&store, "by-name", "by name", &[]).path;
    let generation = add_output(&store, "generation", "generation", &[]).path;
    let real = add_output(&store, "real", "real", &[]).path;
    let display = |path: &StorePath| store.directory().display(path);
    store.add_root(&nix.path("links/program"), &program, RootTarget::Logical).unwrap();
    let roots = store.root().roots_directory();
    fs::create_dir(roots.join("below")).unwrap();
    symlink(display(&direct), roots.join("below/link")).unwrap();
    fs::write(roots.join(by_name.base_name()), "").unwrap();
    symlink(display(&generation), store.root().profile("user-1-link")).unwrap();
    symlink("user-1-link", store.root().profile("user")).unwrap();
    // A link that leads nowhere, one whose target is no link, and an indirect root that is gone.
    symlink("/nonexistent/link", roots.join("nowhere")).unwrap();
    symlink("/proc/version", roots.join("auto/elsewhere")).unwrap();
    store.add_root(&nix.path("links/gone"), &real, RootTarget::Logical).unwrap();
    fs::remove_file(nix.path("links/gone")).unwrap();

    let (kept_derivation, kept) = add_derivation(&store, "kept");
    store.add_root(&nix.path("links/kept"), &kept, RootTarget::Logical).unwrap();
    let (rooted_derivation, _) = add_derivation(&store, "rooted");
    store.add_root(&nix.path("links/rooted.drv"), &rooted_derivation, RootTarget::Logical).unwrap();
    add_derivation(&store, "dead");
    assert_ne!(kept_derivation, rooted_derivation);

    let dead_library = add_output(&store, "dead-library", "dead leaf", &[]).path;
    add_output(&store, "dead-program", dead_library.base_name(), &[&dead_library]);
    let directory = store.root().store_directory();
    for leftover in [format!("{library}.tmp"), ".tmp-x".into(), "tmp-dir".into(), "not a path".into()] {
        fs::create_dir_all(directory.join(&leftover).join("read-only/below")).unwrap();
        fs::write(directory.join(leftover).join("read-only/file"), "x").unwrap();
    }
    fs::write(directory.join(format!("{dead_library}.lock")), "").unwrap();
    let lost = StorePath::from_parts([9; 20], "lost").unwrap();
    fs::write(directory.join(lost.base_name()), "not registered").unwrap();
}

fn names(directory: &Path) -> BTreeSet<String> {
    fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn both_keep_and_remove_the_same() {
    for (keep_outputs, keep_derivations) in [(false, true), (true, true), (true, false), (false, false)] {
        let (ours, theirs) = (Nix::new(), Nix::new());
        populate(&ours);
        populate(&theirs);
        let keep = KeepOptions { outputs: keep_outputs, derivations: keep_derivations };

        // What is dead, before anything is removed.
        let listed: BTreeSet<StorePath> = open(&ours)
            .find_garbage(&CollectOptions { keep, max_freed: None }, &[])
            .unwrap()
            .iter()
            .filter_map(|garbage| StorePath::from_base_name(&garbage.name).ok())
            .filter(|path| open(&ours).is_valid(path).unwrap())
            .collect();
        let settings =
            ["--option", "keep-outputs", &keep_outputs.to_string(), "--option", "keep-derivations"]
                .map(str::to_owned)
                .into_iter()
                .chain([keep_derivations.to_string()])
                .collect::<Vec<_>>();
        let with = |arguments: &[&str]| {
            let all: Vec<&str> =
                arguments.iter().copied().chain(settings.iter().map(String::as_str)).collect();
            theirs.text("nix-store", &all)
        };
        let store = open(&theirs);
        let dead: BTreeSet<StorePath> = with(&["--gc", "--print-dead"])
            .lines()
            .filter_map(|line| store.directory().parse(line.as_bytes()).ok())
            .filter(|path| store.is_valid(path).unwrap())
            .collect();
        assert_eq!(listed, dead, "{keep:?}");
        drop(store);

        let removed = collect(&ours, keep);
        with(&["--gc"]);
        assert!(listed.iter().all(|path| removed.contains(path.base_name())));
        assert_eq!(
            names(&open(&ours).root().store_directory())
                .into_iter()
                .chain([".links".to_owned()])
                .collect::<BTreeSet<_>>(),
            names(&open(&theirs).root().store_directory()),
            "{keep:?}"
        );
        assert_eq!(open(&ours).valid_paths().unwrap(), open(&theirs).valid_paths().unwrap());
        assert_eq!(
            names(&open(&ours).root().roots_directory().join("auto")).len(),
            names(&open(&theirs).root().roots_directory().join("auto")).len()
        );
        ours.run("nix-store", &["--verify", "--check-contents"]);
        assert!(collect(&ours, keep).is_empty());
    }
}

#[test]
fn both_find_the_same_roots() {
    let nix = Nix::new();
    populate(&nix);
    let store = open(&nix);
    // Nix does not know links to where the files really lie.
    let ours: BTreeSet<(String, String)> = store
        .find_roots()
        .unwrap()
        .into_iter()
        .filter(|root| matches!(root.source, RootSource::Link(_)))
        .map(|root| (root.source.path().display().to_string(), store.directory().display(&root.path)))
        .collect();
    let printed = nix.text("nix-store", &["--gc", "--print-roots"]);
    let theirs: BTreeSet<(String, String)> = printed
        .lines()
        .filter_map(|line| line.split_once(" -> "))
        .map(|(link, path)| (link.to_owned(), path.to_owned()))
        .filter(|(link, _)| link.starts_with('/') && !link.starts_with("/proc"))
        .collect();
    assert_eq!(ours, theirs);
    assert!(ours.len() >= 6, "{ours:?}");
    let library = store.valid_paths().unwrap().into_iter().find(|path| path.name() == "library").unwrap();
    let keeping = store.roots_needing(&library).unwrap();
    let links: Vec<_> = keeping.iter().filter(|root| matches!(root.source, RootSource::Link(_))).collect();
    assert_eq!(links.len(), 1);
    assert!(links[0].source.path().ends_with("links/program"));
}

#[test]
fn temporary_roots_and_running_processes_keep_paths_from_both() {
    let nix = Nix::new();
    let store = open(&nix);
    let open_path = add_output(&store, "open", "open", &[]).path;
    let in_environment = add_output(&store, "environment", "environment", &[]).path;
    let dead = add_output(&store, "dead", "dead", &[]).path;
    let library = add_output(&store, "library", "leaf", &[]).path;
    let rooted = add_output(&store, "rooted", library.base_name(), &[&library]).path;
    drop(store);
    let store = open(&nix);
    store.add_temporary_roots([&rooted]).unwrap();
    // A process that has a file of the store open, and one that names a path in its environment.
    let file = fs::File::open(store.real_path(&open_path).join("bin/file")).unwrap();
    let mut sleeper = std::process::Command::new("sleep")
        .arg("30")
        .env("SOMETHING", store.directory().display(&in_environment))
        .stdin(Stdio::from(file))
        .spawn()
        .unwrap();
    let making = StorePath::from_parts([3; 20], &"long-".repeat(42)).unwrap();
    let nix_store::local::Begin::Unfinished(unfinished) = store.begin(&making).unwrap() else { panic!() };
    fs::create_dir(unfinished.place()).unwrap();
    let dead_before = add_output(&store, "unused", "unused", &[]).path;
    for round in 0..2 {
        let place = unfinished.place().to_path_buf();
        if round == 0 {
            collect(&nix, KeepOptions::default());
        } else {
            nix.run("nix-store", &["--gc"]);
        }
        assert!(place.exists(), "{round}");
        for path in [&open_path, &in_environment, &library, &rooted, &dead_before] {
            // Nix does not see that a file is open if the store does not lie where its paths say.
            let unseen = round == 1 && *path == open_path;
            assert!(unseen || store.is_valid(path).unwrap(), "{round} {path}");
        }
        assert!(!store.is_valid(&dead).unwrap());
    }
    drop(unfinished);
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
    drop(store);
    // With the store closed, nothing protects anything any more.
    assert!(fs::read_dir(nix.root().join("nix/var/nix/temproots")).unwrap().next().is_none());
    collect(&nix, KeepOptions::default());
    assert!(open(&nix).valid_paths().unwrap().is_empty());
}

#[test]
fn a_limit_ends_a_collection() {
    let nix = Nix::new();
    let store = open(&nix);
    for number in 0..10 {
        add_output(&store, &format!("large-{number}"), &"x".repeat(100_000 + number), &[]);
    }
    drop(store);
    let store = open(&nix);
    let options = CollectOptions { max_freed: Some(250_000), ..CollectOptions::default() };
    let listed = store.find_garbage(&options, &[]).unwrap();
    let mut events = Vec::new();
    let mut observer = |event: CollectEvent<'_>| {
        if let CollectEvent::Removed { name, bytes } = event {
            events.push((name.to_owned(), bytes));
        }
        ControlFlow::Continue(())
    };
    let collection = store.collect_garbage(&options, &mut observer).unwrap();
    assert!(collection.stopped);
    assert_eq!(collection.removed.len(), 3);
    assert!((300_000..400_000).contains(&collection.bytes_freed), "{}", collection.bytes_freed);
    let listed: Vec<_> = listed.into_iter().map(|garbage| (garbage.name, garbage.bytes)).collect();
    assert_eq!(listed, events);
    assert_eq!(store.valid_paths().unwrap().len(), 7);

    let free = store.free_space().unwrap();
    let enough = SpaceThresholds { min_free: 1, max_free: u64::MAX };
    let mut nothing = |_: CollectEvent<'_>| ControlFlow::Continue(());
    let keep = KeepOptions::default();
    assert_eq!(store.collect_if_space_is_low(enough, keep, &mut nothing).unwrap(), None);
    let too_little = SpaceThresholds { min_free: u64::MAX, max_free: free + (1 << 40) };
    let collection = store.collect_if_space_is_low(too_little, keep, &mut nothing).unwrap().unwrap();
    assert_eq!(collection.removed.len(), 7);
    nix.run("nix-store", &["--verify", "--check-contents"]);
}

#[test]
fn single_paths_are_deleted_unless_they_are_needed() {
    let nix = Nix::new();
    let store = open(&nix);
    let library = add_output(&store, "library", "leaf", &[]).path;
    let program = add_output(&store, "program", library.base_name(), &[&library]).path;
    let lone = add_output(&store, "lone", "lone", &[]).path;
    store.add_root(&nix.path("links/lone"), &lone, RootTarget::Logical).unwrap();
    drop(store);
    let store = open(&nix);
    let delete = |paths: &[&StorePath], ignore_roots| {
        let paths: Vec<StorePath> = paths.iter().map(|path| (*path).clone()).collect();
        let mut observer = |_: CollectEvent<'_>| ControlFlow::Continue(());
        store.delete_paths(&paths, KeepOptions::default(), ignore_roots, &mut observer)
    };
    for (path, what) in [(&library, "program"), (&lone, "links/lone")] {
        let Err(Error::StillAlive { reason, .. }) = delete(&[path], false) else { panic!("{path}") };
        assert!(reason.contains(what), "{reason}");
    }
    assert!(matches!(delete(&[&library, &lone], true), Err(Error::StillAlive { .. })));
    assert_eq!(store.valid_paths().unwrap().len(), 3);
    let collection = delete(&[&library, &program], false).unwrap();
    assert_eq!(collection.removed, [program.base_name(), library.base_name()]);
    delete(&[&lone], true).unwrap();
    assert!(store.valid_paths().unwrap().is_empty());
    nix.run("nix-store", &["--verify", "--check-contents"]);
}

#[test]
fn generations_are_those_that_nix_makes_and_deletes() {
    let nix = Nix::new();
    let store = open(&nix);
    let profile = store.root().profile("test");
    for number in 0..4 {
        let path = add_output(&store, &format!("generation-{number}"), &number.to_string(), &[]).path;
        nix.run(
            "nix-env",
            &["--profile", profile.to_str().unwrap(), "--set", &store.directory().display(&path)],
        );
    }
    let (all, current) = generations(&profile).unwrap();
    assert_eq!(all.iter().map(|generation| generation.number).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(current, Some(4));
    // The first two are of last year.
    for generation in &all[..2] {
        let status = std::process::Command::new("touch")
            .args(["--no-dereference", "--date", "2020-01-01"])
            .arg(&generation.link)
            .status();
        assert!(status.unwrap().success());
    }
    let (all, _) = generations(&profile).unwrap();
    let old = OldGenerations::older_than("30d", std::time::SystemTime::now()).unwrap();
    let profiles = store.root().profiles_directory();
    drop(store);
    let store = open(&nix);
    let found = delete_old_generations(&profiles, old, true).unwrap();
    assert_eq!(found, all[..1]);
    let options = CollectOptions::default();
    assert_eq!(store.find_garbage(&options, &[]).unwrap(), []);
    let garbage = store.find_garbage(&options, &found).unwrap();
    assert_eq!(garbage.len(), 1);
    assert!(garbage[0].name.ends_with("-generation-0"));
    let printed = nix.try_run(
        "nix-env",
        &["--profile", profile.to_str().unwrap(), "--delete-generations", "30d", "--dry-run"],
    );
    let printed = String::from_utf8(printed.stderr).unwrap();
    assert_eq!(printed.lines().filter(|line| line.contains("would remove")).count(), 1, "{printed}");
    assert_eq!(delete_old_generations(&profiles, old, false).unwrap(), found);
    assert_eq!(delete_old_generations(&profiles, OldGenerations::All, false).unwrap().len(), 2);
    assert_eq!(generations(&profile).unwrap().0.len(), 1);
    collect(&nix, KeepOptions::default());
    assert_eq!(store.valid_paths().unwrap().len(), 1);
    let listed = nix.text("nix-env", &["--profile", profile.to_str().unwrap(), "--list-generations"]);
    assert!(listed.contains("(current)") && listed.lines().count() == 1, "{listed}");
}

#[test]
fn a_collection_that_is_held_off_can_be_given_up() {
    let nix = Nix::new();
    let store = open(&nix);
    let guard = store.hold_off_collection().unwrap();
    let mut asked = 0;
    let result = store.collect_garbage(&CollectOptions::default(), &mut |event| {
        assert_eq!(event, CollectEvent::Waiting);
        asked += 1;
        ControlFlow::Break(())
    });
    assert!(matches!(result, Err(Error::CollectionHeldOff { .. })));
    assert_eq!(asked, 1);
    drop(guard);
    std::thread::sleep(Duration::from_millis(1));
    assert!(collect(&nix, KeepOptions::default()).is_empty());
}
