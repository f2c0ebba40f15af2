//! Evaluations that follow one another in a pool have the same results as evaluations by themselves.

#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

use std::path::Path;
use std::sync::Arc;

use nix_expr::{
    DerivationTable, ErrorKind, EvalError, EvaluationPool, Feature, Features, FileMemory, FileSystemIo,
    FileSystemOptions, Observer, Question, Settings, evaluate, evaluate_in,
};

/// The text that a file has as its value, and the derivations that it declares.
fn in_pool(
    pool: &EvaluationPool,
    settings: &Settings,
    file: &Path,
) -> Result<(String, DerivationTable), EvalError> {
    evaluate_in(pool, settings, &FileSystemIo::default(), |session| {
        let value = session.evaluate_file(file)?;
        Ok((session.to_text(value)?.text, session.derivations().clone()))
    })
}

fn text(pool: &EvaluationPool, file: &Path) -> String {
    in_pool(pool, &Settings::default(), file).unwrap().0
}

#[test]
fn a_file_is_read_anew_by_the_next_evaluation() {
    let directory = tempfile::tempdir().unwrap();
    let (main, library) = (directory.path().join("main.nix"), directory.path().join("library.nix"));
    std::fs::write(&main, "let l = import ./library.nix; in l.f 1 + l.g.name").unwrap();
    std::fs::write(&library, "rec { f = n: toString (n + 1); g.name = \"a\"; }").unwrap();
    let pool = EvaluationPool::default();
    assert_eq!(text(&pool, &main), "2a");
    assert_eq!(text(&pool, &main), "2a");
    std::fs::write(&library, "rec { f = n: toString (n + 2); g.name = \"b\"; }").unwrap();
    assert_eq!(text(&pool, &main), "3b");

    // A mistake has its place in the new text, and is found again.
    std::fs::write(&library, "{\n  f = n: m; g.name = 1; }").unwrap();
    for _ in 0..2 {
        let error = in_pool(&pool, &Settings::default(), &main).unwrap_err();
        assert_eq!(error.kind, ErrorKind::UndefinedVariable);
        let place = error.location.as_ref().unwrap();
        assert_eq!(
            (place.line, place.column, place.line_text.as_str()),
            (2, 10, "  f = n: m; g.name = 1; }")
        );
    }
    std::fs::write(&library, "{ f = toString; g.name = \"c\"; }").unwrap();
    assert_eq!(text(&pool, &main), "1c");
}

#[test]
fn code_is_read_by_the_rules_of_each_evaluation() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("main.nix");
    std::fs::write(&file, "1 |> toString").unwrap();
    let pool = EvaluationPool::default();
    let pipes = Settings { features: Features::NONE.with(Feature::PipeOperators), ..Settings::default() };
    assert_eq!(in_pool(&pool, &pipes, &file).unwrap().0, "1");
    let error = in_pool(&pool, &Settings::default(), &file).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Syntax);
    assert_eq!(in_pool(&pool, &pipes, &file).unwrap().0, "1");

    // Pure evaluation has fewer globals.
    std::fs::write(&file, "if builtins ? currentTime then \"impure\" else \"pure\"").unwrap();
    let pure = Settings { pure: true, ..Settings::default() };
    for (settings, wanted) in [(&pure, "pure"), (&Settings::default(), "impure"), (&pure, "pure")] {
        assert_eq!(in_pool(&pool, settings, &file).unwrap().0, wanted);
    }
}

#[test]
fn names_around_a_file_belong_to_its_code() {
    let directory = tempfile::tempdir().unwrap();
    let main = directory.path().join("main.nix");
    std::fs::write(directory.path().join("scoped.nix"), "let g = y: x + y; in g \"!\"").unwrap();
    std::fs::write(
        &main,
        r#"let scoped = scope: builtins.scopedImport scope ./scoped.nix;
        in scoped { x = "a"; } + scoped { x = "b"; } + scoped { w = "-"; x = "c"; } + scoped { x = "d"; }"#,
    )
    .unwrap();
    let pool = EvaluationPool::default();
    for _ in 0..2 {
        assert_eq!(text(&pool, &main), "a!b!c!d!");
    }
}

/// What each of several hosts declares is what it declares by itself, in whatever order they come.
#[test]
fn derivations_of_others_change_none() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(
        directory.path().join("packages.nix"),
        r#"{ flavour ? "" }: rec {
          make = name: more: derivation ({
            inherit name; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-c" ./source ];
          } // more);
          source = builtins.derivation {
            name = "source"; system = "builtin"; builder = "builtin:fetchurl"; outputHashMode = "flat";
            outputHash = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
          };
          tools = make "tools" { outputs = [ "out" "dev" ]; src = source; };
          structured = make "structured" { __structuredAttrs = true; list = [ 1 tools.dev ]; flag = true; };
          all = make "all" { inherit flavour; deep = structured.drvPath; none = null; no = false; yes = true; };
        }"#,
    )
    .unwrap();
    std::fs::write(directory.path().join("source"), "echo").unwrap();
    let host = |flavour: &str| {
        let file = directory.path().join(format!("{flavour}.nix"));
        let code =
            format!("with import ./packages.nix {{ flavour = \"{flavour}\"; }}; \"${{all}} ${{tools}}\"");
        std::fs::write(&file, code).unwrap();
        file
    };
    let hosts: Vec<_> = ["one", "two", "three"].iter().map(|flavour| host(flavour)).collect();
    let pool = EvaluationPool::default();
    for round in 0..2 {
        for file in &hosts {
            let together = in_pool(&pool, &Settings::default(), file).unwrap();
            let alone = in_pool(&EvaluationPool::default(), &Settings::default(), file).unwrap();
            assert_eq!(together, alone, "round {round}, {}", file.display());
            assert_eq!(together.1.len(), 4);
        }
    }
    let graphs: Vec<_> =
        hosts.iter().map(|file| in_pool(&pool, &Settings::default(), file).unwrap().1).collect();
    let shared = graphs[0].keys().filter(|path| graphs[1].contains_key(*path)).count();
    assert_eq!(shared, 3, "all but the one that has the flavour");

    // Another store has other paths.
    let elsewhere = FileSystemOptions {
        store_dir: nix_store::StoreDir::new("/elsewhere/store").unwrap(),
        ..FileSystemOptions::default()
    };
    let paths = |pool: &EvaluationPool| {
        let io = FileSystemIo::new(elsewhere.clone());
        let outcome = evaluate_in(pool, &Settings::default(), &io, |session| {
            let value = session.evaluate_file(&hosts[0])?;
            Ok(session.to_text(value)?.text)
        });
        outcome.unwrap()
    };
    assert_eq!(paths(&pool), paths(&EvaluationPool::default()));
    assert!(paths(&pool).starts_with("/elsewhere/store/"));
}

#[test]
fn evaluations_at_once_do_not_mix() {
    let directory = tempfile::tempdir().unwrap();
    let pool = EvaluationPool::default();
    let files: Vec<_> = (0..8)
        .map(|number| {
            let file = directory.path().join(format!("{number}.nix"));
            let code = format!(
                "let names = builtins.genList (n: \"name-${{toString n}}-{number}\") 500; in toString (map (name: {{ ${{name}} = name; }}.${{name}}) names)"
            );
            std::fs::write(&file, code).unwrap();
            file
        })
        .collect();
    let alone: Vec<String> = files.iter().map(|file| text(&EvaluationPool::default(), file)).collect();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for (file, wanted) in files.iter().zip(&alone) {
                    assert_eq!(text(&pool, file), *wanted);
                }
            });
        }
    });
}

#[test]
fn what_is_missing_is_looked_for_again() {
    let directory = tempfile::tempdir().unwrap();
    let memory = Arc::<FileMemory>::default();
    let exists = || {
        let io = FileSystemIo::new(FileSystemOptions {
            memory: Arc::clone(&memory),
            ..FileSystemOptions::default()
        });
        let found = evaluate(&Settings::default(), &io, |session| {
            let code = "builtins.pathExists ./made";
            let value = session.evaluate_text(code, "test", directory.path())?;
            session.to_bool(value)
        });
        found.unwrap()
    };
    assert!(!exists());
    std::fs::write(directory.path().join("made"), "").unwrap();
    assert!(exists());
}

/// What an evaluation depended on is known whole, although others have read the same files before.
#[test]
fn each_evaluation_is_seen_whole() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, code: &str| {
        let file = directory.path().join(name);
        std::fs::write(&file, code).unwrap();
        file
    };
    write("shared.nix", "{ tree = ./tree; names = builtins.attrNames (builtins.readDir ./.); }");
    write("tree", "content");
    let code = "let s = import ./shared.nix; in \"${s.tree}${toString s.names}\"";
    let hosts = [write("one.nix", code), write("two.nix", &format!("{code} + \"2\""))];
    let observed = |pool: &EvaluationPool, file: &Path| {
        let memory = pool.files();
        let io = FileSystemIo::new(FileSystemOptions { memory, ..FileSystemOptions::default() });
        let observer = Observer::new(&io);
        let outcome = evaluate_in(pool, &Settings::default(), &observer, |session| {
            let value = session.evaluate_file(file)?;
            Ok(session.to_text(value)?.text)
        });
        (outcome.unwrap(), observer.observations().unwrap())
    };
    let pool = EvaluationPool::default();
    for file in hosts.iter().chain(&hosts) {
        let (text, seen) = observed(&pool, file);
        let alone = observed(&EvaluationPool::default(), file);
        assert_eq!((&text, &seen), (&alone.0, &alone.1));
        let asked = |question| seen.contains_key(&question);
        assert!(asked(Question::File(directory.path().join("shared.nix"))));
        assert!(asked(Question::Directory(directory.path().to_owned())));
        assert!(!hosts.iter().filter(|host| *host != file).any(|other| asked(Question::File(other.clone()))));
    }
}

/// The parts of one tree that filters let through are told apart, in whatever order evaluations take them, and a tree is not
/// read again for a part that was taken before.
#[test]
fn filtered_trees_are_told_apart() {
    let directory = tempfile::tempdir().unwrap();
    let tree = directory.path().join("tree");
    std::fs::create_dir_all(tree.join("b/c")).unwrap();
    for (name, text) in [("a", "1"), ("b/c/d", "2"), ("b.x", "3"), ("e", "4")] {
        std::fs::write(tree.join(name), text).unwrap();
    }
    let host = |filter: &str| {
        let file = directory.path().join("host.nix");
        let code = format!("\"${{builtins.path {{ path = ./tree; name = \"tree\"; {filter} }}}}\"");
        std::fs::write(&file, code).unwrap();
        file
    };
    let filters = [
        "",
        "filter = path: type: true;",
        "filter = path: type: false;",
        "filter = path: type: type == \"directory\";",
        "filter = path: type: baseNameOf path != \"b\";",
        "filter = path: type: type == \"directory\" || baseNameOf path == \"d\";",
    ];
    let path = |memory: &Arc<FileMemory>, filter: &str| {
        let options = FileSystemOptions { memory: Arc::clone(memory), ..FileSystemOptions::default() };
        let value = evaluate(&Settings::default(), &FileSystemIo::new(options), |session| {
            let value = session.evaluate_file(&host(filter))?;
            Ok(session.to_text(value)?.text)
        });
        value.unwrap()
    };
    let alone: Vec<String> = filters.iter().map(|filter| path(&Arc::default(), filter)).collect();
    let different: std::collections::BTreeSet<&String> = alone.iter().collect();
    assert_eq!(different.len(), filters.len() - 1, "only keeping all is the same as no filter: {alone:?}");
    assert_eq!(alone[0], alone[1]);
    let memory = Arc::default();
    for _ in 0..2 {
        for (filter, alone) in filters.iter().zip(&alone) {
            assert_eq!(&path(&memory, filter), alone, "{filter}");
        }
        // What was seen of a tree is taken to stay as it was.
        std::fs::write(tree.join("b/c/d"), "5").unwrap();
    }
    assert_ne!(path(&Arc::default(), filters[5]), alone[5]);
}
