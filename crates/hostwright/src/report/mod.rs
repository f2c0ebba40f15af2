//! Failures as people read them: what happened, where in their files, what to do next.
//!
//! Mistakes in a configuration are shown by [`evaluation`], with source lines; [`option`] finds out what an error of a
//! NixOS module is about. All other failures are shown by [`failure`].

mod evaluation;
mod failure;
mod option;
mod style;

use std::io::Write;

use crate::failure::Failure;
use style::Style;

/// Prints a failure on standard error.
pub fn print(failure: &Failure, show_trace: bool) {
    let text = render(failure, show_trace, Style::of_standard_error());
    // Nobody reads it when standard error is closed, and that is no reason to stop.
    let _ = write!(std::io::stderr().lock(), "{text}");
}

/// What [`print`] prints where there are no colours.
pub fn text(failure: &Failure, show_trace: bool) -> String {
    render(failure, show_trace, Style::PLAIN)
}

fn render(failure: &Failure, show_trace: bool, style: Style) -> String {
    match failure.evaluation_error() {
        Some(error) => evaluation::render(error, failure.advice(), show_trace, style),
        None => failure::render(failure, style),
    }
}

/// `'a', 'b' or 'c'`
pub fn alternatives(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}
