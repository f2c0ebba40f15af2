//! Evaluating what anybody may have written, for a bounded time.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError, Weak};
use std::time::{Duration, Instant};

use nix_expr::{
    EvalError, Feature, Features, FileSystemIo, FileSystemOptions, Session, Settings, ValueRef, evaluate,
};

use crate::expressions;

/// How long an evaluation may go on before it is told to stop.
const FUEL: Duration = Duration::from_secs(1);

/// No input may take longer, on a busy machine and without optimisation: whoever is told to stop must do so.
const PATIENCE: Duration = Duration::from_secs(20);

/// Evaluations under way, with the times at which they are to be told to stop.
static WATCHED: Mutex<Vec<(Instant, Weak<AtomicBool>)>> = Mutex::new(Vec::new());

/// Has an evaluation told to stop when its time has run out. One thread does this for all.
fn watch(interrupted: &Arc<AtomicBool>) {
    static WATCHER: Once = Once::new();
    WATCHER.call_once(|| {
        std::thread::spawn(|| {
            loop {
                std::thread::sleep(FUEL / 20);
                let now = Instant::now();
                let mut watched = WATCHED.lock().unwrap_or_else(PoisonError::into_inner);
                watched.retain(|(end, interrupted)| match interrupted.upgrade() {
                    Some(interrupted) if *end <= now => {
                        interrupted.store(true, Ordering::Relaxed);
                        false
                    }
                    Some(_) => true,
                    None => false,
                });
            }
        });
    });
    let end = Instant::now() + FUEL;
    WATCHED.lock().unwrap_or_else(PoisonError::into_inner).push((end, Arc::downgrade(interrupted)));
}

/// Evaluates within bounds of time, depth and stack, where there is nothing to read.
pub(crate) fn bounded<T: Send>(
    body: impl for<'s, 'a> FnOnce(&'s Session<'a>) -> Result<T, EvalError> + Send,
) -> Result<T, EvalError> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let settings = Settings {
        pure: true,
        max_call_depth: 500,
        stack_size: 64 << 20,
        features: Features::NONE.with(Feature::PipeOperators),
        interrupted: Arc::clone(&interrupted),
        report: |_, _| {},
        ..Settings::default()
    };
    let io = FileSystemIo::new(FileSystemOptions { pure: true, ..FileSystemOptions::default() });
    watch(&interrupted);
    let begun = Instant::now();
    let outcome = evaluate(&settings, &io, body);
    assert!(begun.elapsed() < PATIENCE, "it took {:?}", begun.elapsed());
    outcome
}

/// Asks for everything that can be asked of a value.
fn look_at<'a>(session: &Session<'a>, value: ValueRef<'a>) -> Result<(), EvalError> {
    let deep = session.force_deep(value);
    let printed = session.print(value)?;
    assert!(!printed.is_empty());
    // A value that can be evaluated in depth may still be none that JSON has; what is JSON must be readable.
    if let Ok(json) = session.to_json(value)
        && deep.is_ok()
        && let Ok(text) = std::str::from_utf8(&json.bytes)
    {
        let read = session.call(from_json(session)?, &[session.string(text)])?;
        let again = session.to_json(read)?;
        assert_eq!(again.text, json.text, "JSON that is read back is other JSON");
    }
    let _ = session.to_xml(value);
    let _ = session.to_text(value);
    let _ = session.is_derivation(value);
    Ok(())
}

fn from_json<'a>(session: &Session<'a>) -> Result<ValueRef<'a>, EvalError> {
    session.evaluate_text("builtins.fromJSON", "«fuzz»", Path::new("/"))
}

/// Any text as an expression.
pub fn text(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = bounded(|session| {
        let value = session.evaluate_text(text, "«fuzz»", Path::new("/"))?;
        look_at(session, value)
    });
}

/// An expression grown from bytes.
pub fn generated(bytes: &[u8]) {
    let expression = expressions::grow(bytes);
    let outcome = bounded(|session| {
        let value = session.evaluate_text(&expression, "«fuzz»", Path::new("/"))?;
        look_at(session, value)
    });
    if let Err(error) = outcome {
        // What is grown is well formed; and an error can be shown.
        assert_ne!(error.kind, nix_expr::ErrorKind::Syntax, "{expression}\n{error}");
        assert!(!error.to_string().is_empty());
    }
}

/// Calls a builtin with a text; what it makes of it, as JSON.
fn converted(builtin: &str, text: &str) -> Result<Vec<u8>, EvalError> {
    bounded(|session| {
        let function = session.evaluate_text(builtin, "«fuzz»", Path::new("/"))?;
        let value = session.call(function, &[session.string(text)])?;
        Ok(session.to_json(value)?.bytes)
    })
}

/// `fromJSON`: what is printed of what was read is read as the same.
pub fn json(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(printed) = converted("builtins.fromJSON", text)
        && let Ok(printed) = std::str::from_utf8(&printed)
    {
        let again = converted("builtins.fromJSON", printed);
        assert_eq!(again.ok().as_deref(), Some(printed.as_bytes()), "{text}");
    }
}

/// `fromTOML`.
pub fn toml(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(printed) = converted("builtins.fromTOML", text) {
        assert_eq!(printed.first(), Some(&b'{'), "{text}");
    }
}

pub const TEXT_SEEDS: &[&[u8]] = &[
    b"let f = n: if n == 0 then [ ] else [ n ] ++ f (n - 1); in f 5",
    b"rec { a = { b ? c, ... }@d: d; c = a { x = ./y; }; s = ''\n  ${toString 1}\n''; }",
    b"let f = x: f x; in f 1",
    b"builtins.foldl' (a: b: a // b) { } [ { a.b = 1; } { \"${\"a\"}\" = 2; } ]",
    b"with builtins; toXML (map (x: x * 1.5) (genList (x: x) 4))",
];
pub const GENERATED_SEEDS: &[&[u8]] = &[
    &[2, 0, 3, 9, 4, 8, 1, 1, 2, 5, 7, 3],
    &[8, 12, 200, 34, 7, 9, 11, 45, 120, 3, 2, 255, 17, 6, 88, 41, 13, 5, 5, 9, 90, 60],
    &[5, 44, 3, 7, 13, 80, 10, 0, 1, 14, 3, 3, 12, 8, 6, 5, 4, 15, 2, 70, 9, 9, 9, 33],
];
pub const JSON_SEEDS: &[&[u8]] = &[
    b"{\"a\": [1, -2.5e3, true, null, \"\\u00e9\\ud83d\\ude00\\n\"], \"a\": {}}",
    b"[[[[]]], 9223372036854775807, 0.1, -0, 1e400]",
    b"\"\\ud800\"",
];
pub const TOML_SEEDS: &[&[u8]] = &[
    b"a = 1\n[b]\nc.d = [1.5, \"x\\u00e9\", 'y', \"\"\"\nz\"\"\"]\n[[e]]\nf = true\n[[e]]\n",
    b"x = 0xff\ny = { z = -inf, n = nan }\n",
    b"d = 1979-05-27T07:32:00Z\n",
];
