//! Values that are alike, evaluated together: the same comes out as from evaluations by themselves.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::path::Path;

use nix_expr::{EvaluationPool, FileSystemIo, Observer, Question, Session, Settings, ValueRef, evaluate_in};

/// The values of a set that are not evaluated yet.
fn values<'a>(session: &Session<'a>, file: &Path, names: &[String]) -> Vec<ValueRef<'a>> {
    let set = session.evaluate_file(file).unwrap();
    names.iter().map(|name| session.attribute(set, name).unwrap().unwrap()).collect()
}

/// What each value of the set in a file is as JSON: by itself, and as far as turns give it; how values are grouped, and
/// whether it was of use that the first group was evaluated together.
struct Compared {
    alone: Vec<String>,
    groups: Vec<Vec<usize>>,
    together: Vec<String>,
    useful: bool,
}

fn compared(code: &str) -> Compared {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("main.nix");
    std::fs::write(&file, code).unwrap();
    std::fs::write(directory.path().join("a.nix"), "{ from = \"a\"; }").unwrap();
    std::fs::write(directory.path().join("b.nix"), "{ from = \"b\"; }").unwrap();
    let (pool, settings, io) = (EvaluationPool::default(), Settings::default(), FileSystemIo::default());
    let names: Vec<String> =
        evaluate_in(&pool, &settings, &io, |session| session.attribute_names(session.evaluate_file(&file)?))
            .unwrap();
    let alone = names
        .iter()
        .map(|name| {
            let outcome = evaluate_in(&pool, &settings, &io, |session| {
                let value = values(session, &file, std::slice::from_ref(name))[0];
                Ok(session.to_json(value)?.text)
            });
            outcome.unwrap_or_else(|error| error.message.clone())
        })
        .collect();
    let (groups, together, useful) = evaluate_in(&pool, &settings, &io, |session| {
        let values = values(session, &file, &names);
        let groups = session.groups(&values);
        let first: Vec<_> = groups[0].iter().map(|index| values[*index]).collect();
        let turns = session.in_turns(&first, |turn| Ok(session.to_json(first[turn])?.text));
        let texts = turns.outcomes.into_iter();
        let texts =
            texts.map(|outcome| outcome.unwrap_or_else(|error| error.message.clone())).collect::<Vec<_>>();
        Ok((groups, texts, turns.useful))
    })
    .unwrap();
    Compared { alone, groups, together, useful }
}

/// All values are alike and come out as they do alone.
#[track_caller]
fn all_alike(code: &str) {
    let found = compared(code);
    assert_eq!(found.groups, [(0..found.alone.len()).collect::<Vec<_>>()], "{code}");
    assert_eq!(found.together, found.alone, "{code}");
}

/// What the values have in common, and what is large enough that it pays.
const LIBRARY: &str = "
  large = builtins.foldl' (sum: n: sum + n) 0 (builtins.genList (n: n) 20000);
  make = name: more: let self = { inherit name; greeting = \"hello ${self.name}\"; sum = large + more; }; in self;
";

#[test]
fn data_may_differ() {
    for hosts in [
        "a = make \"a\" 1; b = make \"b\" 2; c = make \"a\" 1;",
        "a = make \"a\" 1; b = make \"b\" 1; c = make \"c\" 1;",
        "a = { v = [ 1 2 { w = true; } ]; x = make \"a\" 0; }; b = { v = [ 1 3 { w = false; } ]; x = make \"a\" 0; };",
        "a = { v = [ ]; x = 1.5; n = null; }; b = { v = [ \"b\" ]; x = 2; n = { }; };",
        "a = (name: { inherit name; }) \"a\"; b = (name: { inherit name; }) \"b\";",
        "a = let x = \"a\"; y = x + \"!\"; in { inherit y; }; b = let x = \"b\"; y = x + \"!\"; in { inherit y; };",
        "a = with { x = 1; }; { y = x; }; b = with { x = 2; }; { y = x; };",
        "a = { x = { p = 1; }.p or 0; }; b = { x = { p = 2; }.p or 3; };",
        "a = rec { x = 1; y = x; z = if y == 1 then make \"one\" y else null; };
         b = rec { x = 2; y = x; z = if y == 1 then make \"one\" y else null; };",
    ] {
        all_alike(&format!("let {LIBRARY} in {{ {hosts} }}"));
    }
}

#[test]
fn calls_that_were_put_off_are_alike() {
    for set in [
        "builtins.mapAttrs make { a = 1; b = 2; c = 3; }",
        "builtins.mapAttrs (name: more: make (name + \"!\") more.x) { a.x = 1; b.x = 2; }",
        "builtins.listToAttrs (map (name: { inherit name; value = make name 1; }) [ \"a\" \"b\" \"c\" ])",
        "builtins.listToAttrs (builtins.genList (n: { name = \"n${toString n}\"; value = make \"n${toString n}\" n; }) 20)",
    ] {
        let found = compared(&format!("let {LIBRARY} in {set}"));
        let whole = found.groups.concat();
        assert_eq!(whole.len(), found.alone.len(), "{set}");
        assert!(found.groups[0].len() > 1, "{set}: {:?}", found.groups);
        let wanted: Vec<_> = found.groups[0].iter().map(|index| found.alone[*index].clone()).collect();
        assert_eq!(found.together, wanted, "{set}");
    }
}

#[test]
fn a_host_sees_the_others_as_they_are() {
    all_alike(&format!(
        "let {LIBRARY} hosts = {{
          a = {{ name = \"a\"; peer = hosts.b.name; all = map (h: h.name) (builtins.attrValues hosts); v = make \"x\" 1; }};
          b = {{ name = \"b\"; peer = hosts.b.name; all = map (h: h.name) (builtins.attrValues hosts); v = make \"x\" 1; }};
        }}; in hosts"
    ));
}

#[test]
fn places_are_those_of_each() {
    all_alike(&format!(
        "let {LIBRARY} f = set: {{ x = builtins.unsafeGetAttrPos \"x\" set; v = make \"x\" 1; }}; in {{
          a = f {{ x = 1; }};
          b = f {{
            x = 2; }};
          c = f   {{ x = 3; }};
        }}"
    ));
    all_alike(&format!(
        "let {LIBRARY} in {{ a = {{ x = __curPos; v = large; }};\n b = {{ x = __curPos; v = large; }}; }}"
    ));
}

#[test]
fn what_is_more_than_data_is_not_alike() {
    for hosts in [
        "a = make \"a\" 1; b = make \"b\" 1 // { x = 1; };",
        "a = x: x; b = x: x + 1;",
        "a = { f = 1 + 2; }; b = { f = 1 * 2; };",
        "a = make \"a\" 1; b = (n: make \"b\" n) 1;",
        "a = { x, y ? 1 }: x; b = { x, z ? 1 }: x;",
    ] {
        let code = format!("let {LIBRARY} in {{ {hosts} }}");
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("main.nix");
        std::fs::write(&file, &code).unwrap();
        let groups = evaluate_in(
            &EvaluationPool::default(),
            &Settings::default(),
            &FileSystemIo::default(),
            |session| Ok(session.groups(&values(session, &file, &["a".to_owned(), "b".to_owned()]))),
        );
        assert_eq!(groups.unwrap(), [vec![0], vec![1]], "{hosts}");
    }
}

#[test]
fn errors_are_left_to_evaluations_by_themselves() {
    let code = format!(
        "let {LIBRARY} check = n: if n == 2 then throw \"two\" else make \"x\" n; in
         {{ a = {{ v = check 1; }}; b = {{ v = check 2; }}; c = {{ v = check 3; }}; }}"
    );
    let found = compared(&code);
    assert_eq!(found.groups, [[0, 1, 2]]);
    assert_eq!(found.together, found.alone[..1]);
    assert_eq!(found.alone[1], "two");
    // Errors that the language catches are values.
    all_alike(&format!(
        "let {LIBRARY} check = n: builtins.tryEval (if n == 2 then throw \"two\" else large + n); in
         {{ a = {{ v = check 1; }}; b = {{ v = check 2; }}; c = {{ v = check 3; }}; }}"
    ));
}

/// Code that is read because of what differs is not the others'.
#[test]
fn files_of_their_own_tell_hosts_apart() {
    for code in [
        "{ a = { v = import ./a.nix; }; b = { v = import ./b.nix; }; }",
        "let load = name: import (./. + \"/${name}.nix\"); in { a = { v = load \"a\"; }; b = { v = load \"b\"; }; }",
    ] {
        let found = compared(code);
        assert_eq!(found.alone, [r#"{"v":{"from":"a"}}"#, r#"{"v":{"from":"b"}}"#]);
        assert_eq!(found.groups, [[0, 1]]);
        assert!(found.together.is_empty(), "{code}");
        assert!(!found.useful);
    }
}

/// What a value was read from is known by itself.
#[test]
fn each_depends_on_what_was_read_for_it() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    write("common", "all");
    std::fs::create_dir(directory.path().join("sources")).unwrap();
    for name in ["a", "b", "c"] {
        write(name, name);
        write(&format!("sources/{name}"), name);
    }
    write(
        "main.nix",
        &format!(
            "let {LIBRARY} common = builtins.readFile ./common; in
             builtins.mapAttrs (name: key: {{
               v = make name 1; inherit common; key = builtins.readFile key;
               first = if name == \"b\" then builtins.readFile ./a else null;
               source = \"${{./sources + \"/${{name}}\"}}\";
               again = \"${{./sources + \"/${{name}}\"}}!\";
               same = \"${{if name == \"a\" then ./sources/a else ./sources/b}}\";
             }}) {{ a = ./a; b = ./b; c = ./c; }}"
        ),
    );
    let file = directory.path().join("main.nix");
    let names = ["a", "b", "c"].map(str::to_owned);
    let (pool, settings, io) = (EvaluationPool::default(), Settings::default(), FileSystemIo::default());
    let observer = Observer::new(&io);
    let together = evaluate_in(&pool, &settings, &observer, |session| {
        let values = values(session, &file, &names);
        let turns = session.in_turns(&values, |turn| {
            let text = session.to_json(values[turn])?.text;
            Ok((text, observer.observations().unwrap()))
        });
        turns.outcomes.into_iter().collect::<Result<Vec<_>, _>>()
    })
    .unwrap();
    assert_eq!(together.len(), 3);
    for (name, (text, observations)) in names.iter().zip(together) {
        let observer = Observer::new(&io);
        let alone = evaluate_in(&pool, &settings, &observer, |session| {
            Ok(session.to_json(values(session, &file, std::slice::from_ref(name))[0])?.text)
        })
        .unwrap();
        assert_eq!(text, alone);
        let asked =
            |question: &Question| question.path().is_some_and(|path| path.starts_with(directory.path()));
        let below =
            |all: std::collections::BTreeMap<Question, _>| all.into_keys().filter(asked).collect::<Vec<_>>();
        assert_eq!(below(observations), below(observer.observations().unwrap()), "{name}");
    }
}
