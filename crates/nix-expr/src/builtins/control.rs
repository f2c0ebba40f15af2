//! Evaluation order, errors and messages.

use super::Builtin;
use crate::error::{ErrorKind, FrameText};
use crate::eval::{Coercion, Evaluated, Evaluator};
use crate::position::Position;
use crate::symbol::known;
use crate::value::{Slot, Value};

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::untraced("abort", 1, abort)
        .doc("s", "Ends the evaluation with a message. Unlike `throw`, nothing catches it."),
    Builtin::untraced("__addErrorContext", 2, add_error_context)
        .doc("message value", "Evaluates `value`; should that fail, `message` becomes part of the trace."),
    Builtin::new("break", 1, |e, args, at| e.force(args[0], at))
        .doc("v", "Returns its argument. Where a debugger runs, it stops there."),
    Builtin::new("__deepSeq", 2, |e, args, at| {
        let value = e.force(args[0], at)?;
        e.force_deep(value, at)?;
        e.force(args[1], at)
    })
    .doc("e1 e2", "Evaluates `e1` and everything in it, then returns `e2`."),
    Builtin::untraced("import", 1, import).doc(
        "path",
        "The value of the expression in a file, or in `default.nix` of a directory. A file is \
         evaluated once only.",
    ),
    Builtin::untraced("scopedImport", 2, scoped_import).doc(
        "scope path",
        "As `import`, but the attributes of `scope` are variables in the file and hide those \
         of the language.",
    ),
    Builtin::new("__seq", 2, |e, args, at| {
        e.force(args[0], at)?;
        e.force(args[1], at)
    })
    .doc("e1 e2", "Evaluates `e1` to its outermost constructor, then returns `e2`."),
    Builtin::untraced("throw", 1, throw).doc("s", "An error with a message. `tryEval` catches it."),
    Builtin::new("__trace", 2, trace).doc("e1 e2", "Prints `e1` on standard error and returns `e2`."),
    Builtin::new("__traceVerbose", 2, |e, args, at| {
        if e.settings.trace_verbose { trace(e, args, at) } else { e.force(args[1], at) }
    })
    .doc(
        "e1 e2",
        "As `trace` if the setting `trace-verbose` is on; otherwise it returns `e2` in \
         silence.",
    ),
    Builtin::untraced("__tryEval", 1, try_eval).doc(
        "e",
        "Evaluates a value to its outermost constructor: a set of `success` and `value`. Only \
         `throw`, failed `assert` and failed lookups of `<name>` make it `{ success = false; \
         value = false; }`; other errors are not caught.",
    ),
    Builtin::new("__warn", 2, warn).doc(
        "e1 e2",
        "Prints the string `e1` as a warning on standard error and returns `e2`. With the \
         setting `abort-on-warn` it is an error.",
    ),
];

type Arguments<'b, 'a> = &'b [&'a Slot<'a>];

fn message<'a>(e: &Evaluator<'a>, slot: &'a Slot<'a>, at: Position) -> Result<String, crate::error::Error> {
    let text = e.coerce(e.force(slot, at)?, at, Coercion::INTERPOLATION)?;
    Ok(String::from_utf8_lossy(text.bytes).into_owned())
}

fn abort<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let text = message(e, args[0], at)?;
    e.fail(ErrorKind::Abort, at, format!("evaluation aborted with the following error message: '{text}'"))
}

fn throw<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let text = message(e, args[0], at)?;
    e.fail(ErrorKind::Throw, at, text)
}

fn try_eval<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let (success, value) = match e.force(args[0], at) {
        Ok(_) => (true, args[0]),
        Err(error) if error.is_catchable() => (false, e.slot(Value::Bool(false))),
        Err(error) => return Err(error),
    };
    Ok(e.attrs(vec![
        crate::attrs::Attr {
            name: known::SUCCESS,
            position: Position::NONE,
            value: e.slot(Value::Bool(success)),
        },
        crate::attrs::Attr { name: known::VALUE, position: Position::NONE, value },
    ]))
}

fn add_error_context<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    e.force(args[1], at).map_err(|mut error| {
        match message(e, args[0], at) {
            Ok(text) => error.frame(Position::NONE, FrameText::Owned(text)),
            Err(other) => return other,
        }
        error
    })
}

fn trace<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let text = match e.force(args[0], at)? {
        Value::String(string) => String::from_utf8_lossy(string.bytes).into_owned(),
        other => String::from_utf8_lossy(&crate::show::show(e, other, crate::show::Display::KNOWN)?.text)
            .into_owned(),
    };
    (e.settings.report)(crate::settings::Report::Trace, &text);
    e.force(args[1], at)
}

fn warn<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let text = e.force_string(args[0], at)?;
    (e.settings.report)(crate::settings::Report::Warning, &String::from_utf8_lossy(text.bytes));
    if e.settings.abort_on_warn {
        return e.fail(
            ErrorKind::Abort,
            at,
            "aborting because of the warning above, as 'abort-on-warn' says",
        );
    }
    e.force(args[1], at)
}

/// The path that an import names, once what it depends on exists.
fn import_path<'a>(
    e: &Evaluator<'a>,
    slot: &'a Slot<'a>,
    at: Position,
) -> Result<Vec<u8>, crate::error::Error> {
    let mut context = Default::default();
    let path = e.coerce_to_path(e.force(slot, at)?, at, &mut context)?;
    e.realise_context(&context, at)?;
    Ok(path)
}

fn import<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let path = import_path(e, args[0], at)?;
    if let Some(derivation) = super::derivation::imported(e, &path, at)? {
        return Ok(derivation);
    }
    e.import(&path, at)
}

fn scoped_import<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let scope = e.force_attrs(args[0], at)?;
    let path = import_path(e, args[1], at)?;
    e.scoped_import(scope, &path, at)
}
