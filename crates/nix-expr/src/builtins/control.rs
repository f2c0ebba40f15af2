//! Evaluation order, errors and messages.

use super::Builtin;
use crate::error::{ErrorKind, FrameText};
use crate::eval::{Coercion, Evaluated, Evaluator};
use crate::position::Position;
use crate::symbol::known;
use crate::value::{Slot, Value};

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::untraced("abort", 1, abort),
    Builtin::untraced("__addErrorContext", 2, add_error_context),
    Builtin::new("break", 1, |e, args, at| e.force(args[0], at)),
    Builtin::new("__deepSeq", 2, |e, args, at| {
        let value = e.force(args[0], at)?;
        e.force_deep(value, at)?;
        e.force(args[1], at)
    }),
    Builtin::untraced("import", 1, import),
    Builtin::untraced("scopedImport", 2, scoped_import),
    Builtin::new("__seq", 2, |e, args, at| {
        e.force(args[0], at)?;
        e.force(args[1], at)
    }),
    Builtin::untraced("throw", 1, throw),
    Builtin::new("__trace", 2, trace),
    Builtin::new("__traceVerbose", 2, |e, args, at| {
        if e.settings.trace_verbose { trace(e, args, at) } else { e.force(args[1], at) }
    }),
    Builtin::untraced("__tryEval", 1, try_eval),
    Builtin::new("__warn", 2, warn),
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
        other => crate::print::shallow(e, other),
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
    e.realise_context(context, at)?;
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
