//! What mistakes are told as.

#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

use std::fmt::Write;
use std::path::Path;

use insta::assert_snapshot;
use nix_expr::{EvalError, FileSystemIo, FunctionDocumentation, Scope, Settings, evaluate};

fn error_in(expression: &str, directory: &Path) -> EvalError {
    evaluate(&Settings::default(), &FileSystemIo::default(), |session| {
        let value = session.evaluate_text(expression, "«test»", directory)?;
        session.force_deep(value)
    })
    .unwrap_err()
}

/// All that is known of an error, as text.
fn told(expression: &str) -> String {
    let error = error_in(expression, Path::new("/"));
    let mut text = format!("{error}\n");
    for suggestion in &error.suggestions {
        let _ = writeln!(text, "did you mean {suggestion}?");
    }
    for frame in &error.trace {
        let place = frame.location.as_ref().map(|place| format!(" at {}:{}", place.line, place.column));
        let _ = writeln!(text, "… {}{}", frame.message, place.unwrap_or_default());
    }
    text
}

#[test]
fn names_that_look_alike_are_suggested() {
    assert_snapshot!(told("{ services.openssh = 1; }.services.opensh"));
    assert_snapshot!(told("let enableFoo = 1; in enabelFoo"));
    assert_snapshot!(told("({ name, version ? 1 }: name) { name = 1; verison = 2; }"));
    assert_snapshot!(told("with { hello = 1; }; helo"));
}

#[test]
fn files_that_look_alike_are_suggested() {
    let place = tempfile::tempdir().unwrap();
    std::fs::create_dir(place.path().join("modules")).unwrap();
    std::fs::write(place.path().join("modules/network.nix"), "1").unwrap();
    for (expression, suggestion) in [
        ("import ./modules/netwrok.nix", "network.nix"),
        ("import ./module/network.nix", "modules"),
        ("builtins.readFile ./modules/network.nic", "network.nix"),
        ("builtins.readDir ./modulse", "modules"),
        ("\"${./modules/network.nx}\"", "network.nix"),
    ] {
        let error = error_in(expression, place.path());
        assert_eq!(error.suggestions, [suggestion], "{expression}: {error}");
    }
}

#[test]
fn traces_lead_to_the_mistake() {
    assert_snapshot!(told(
        "let\n  add = a: b: a + b;\n  twice = x: add x x;\nin { result = builtins.map twice [ { } ]; }"
    ));
    assert_snapshot!(told("builtins.addErrorContext \"while evaluating the option `a.b':\" (throw \"no\")"));
    assert_snapshot!(told(
        "(derivation { name = \"d\"; system = \"x\"; builder = \"b\"; a = { }; }).drvPath"
    ));
}

#[test]
fn both_ends_of_a_long_trace_are_kept() {
    let error = error_in(
        "let f = n: if n == 0 then throw \"deep\" else 1 + f (n - 1);\nin { outermost = f 2000; }",
        Path::new("/"),
    );
    assert_eq!(error.trace.len(), 300);
    assert_eq!(error.omitted_after, 200);
    assert!(error.omitted_frames > 1500, "{}", error.omitted_frames);
    assert!(error.trace.last().unwrap().message.contains("outermost"), "{:?}", error.trace.last());
}

#[test]
fn functions_are_documented_by_their_comments() {
    let text = "{\n  /** Adds one.\n\n      # Example\n  */\n  increment = x: x + 1;\n  plain = x: x;\n}";
    let found = evaluate(&Settings::default(), &FileSystemIo::default(), |session| {
        let set = session.evaluate_text(text, "«test»", Path::new("/"))?;
        let scope: Scope<'_> = session.attributes(set)?;
        let of = |expression: &str| {
            let value = session.delay_text(expression, "«repl»", Path::new("/"), &scope)?;
            session.documentation(value)
        };
        Ok([of("increment")?, of("plain")?, of("builtins.map (x: x)")?, of("1")?])
    })
    .unwrap();
    let [increment, plain, map, number] = found;
    let Some(FunctionDocumentation::Function { name, location, text }) = increment else { unreachable!() };
    assert_eq!((name.as_deref(), location.unwrap().line), (Some("increment"), 6));
    assert_eq!(text.as_deref(), Some("Adds one.\n\n# Example"));
    assert!(matches!(plain, Some(FunctionDocumentation::Function { text: None, .. })));
    assert!(
        matches!(map, Some(FunctionDocumentation::Builtin(found)) if found.name == "map" && found.arguments == "f list")
    );
    assert_eq!(number, None);
}
