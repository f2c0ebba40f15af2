//! Failures as people read them: what happened, where in their files, what to do next.

use std::fmt;
use std::io::{IsTerminal, Write};

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents,
    SourceCode, SourceSpan, SpanContents,
};
use nix_build::realise::BuildFailure;
use nix_expr::{EvalError, SourceLocation};

use crate::failure::Failure;

/// Steps of a trace that are shown without `--show-trace`.
const SHORT_TRACE: usize = 4;

/// Prints a failure on standard error.
pub fn print(failure: &Failure, show_trace: bool) {
    let _ = write!(std::io::stderr().lock(), "{}", render(failure, show_trace));
}

/// The text of a failure's report.
fn render(failure: &Failure, show_trace: bool) -> String {
    let terminal = std::io::stderr().is_terminal();
    let colours = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let theme = match (terminal, colours) {
        (_, true) => GraphicalTheme::unicode(),
        (true, false) => GraphicalTheme::unicode_nocolor(),
        (false, false) => GraphicalTheme::none(),
    };
    let handler = GraphicalReportHandler::new_themed(theme).with_links(false).with_wrap_lines(false);
    let report = Report::new(failure, show_trace);
    let mut text = String::new();
    match handler.render_report(&mut text, &report) {
        Ok(()) => text,
        Err(fmt::Error) => format!("error: {failure}\n"),
    }
}

/// A failure with what miette wants to know of it.
struct Report<'a> {
    failure: &'a Failure,
    show_trace: bool,
    place: Option<Place>,
    builds: Vec<FailedBuild<'a>>,
}

/// One of several builds that failed in a run.
#[derive(Debug)]
struct FailedBuild<'a>(&'a BuildFailure);

impl fmt::Display for FailedBuild<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.0, f)
    }
}

impl std::error::Error for FailedBuild<'_> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

impl Diagnostic for FailedBuild<'_> {}

/// The file, line and source line that an error is about.
struct Place(SourceLocation);

impl SourceCode for Place {
    /// The one line that we have, under its own number.
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        _lines_before: usize,
        _lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let line = self.0.line.saturating_sub(1) as usize;
        Ok(Box::new(MietteSpanContents::new_named(
            self.0.file.clone(),
            self.0.line_text.as_bytes(),
            SourceSpan::from((0, self.0.line_text.len())),
            line,
            span.offset().min(self.0.line_text.len()),
            1,
        )))
    }
}

impl<'a> Report<'a> {
    fn new(failure: &'a Failure, show_trace: bool) -> Self {
        let error = failure.evaluation_error();
        // The error's own place, or that of the innermost step that has one.
        let place = error.and_then(|error| {
            let of_step = || error.trace.iter().find_map(|frame| frame.location.clone());
            error.location.clone().or_else(of_step).map(Place)
        });
        let failures = match failure {
            Failure::Build(nix_build::Error::Failed { failures, .. }) => failures.as_slice(),
            _ => &[],
        };
        let builds = failures.iter().map(FailedBuild).collect();
        Report { failure, show_trace, place, builds }
    }

    fn evaluation(&self) -> Option<&EvalError> {
        self.failure.evaluation_error()
    }

    fn trace(&self) -> Option<String> {
        let error = self.evaluation()?;
        let shown = if self.show_trace { error.trace.len() } else { SHORT_TRACE };
        let mut text = String::new();
        for frame in error.trace.iter().take(shown) {
            text.push_str(&frame.message);
            if let Some(place) = &frame.location {
                text.push_str(&format!("\n  at {}:{}:{}", place.file, place.line, place.column));
            }
            text.push('\n');
        }
        let hidden = error.trace.len().saturating_sub(shown) + error.omitted_frames;
        if hidden > 0 && self.show_trace {
            text.push_str(&format!("({hidden} more steps were left out)\n"));
        } else if hidden > 0 {
            text.push_str(&format!("({hidden} more steps: --show-trace)\n"));
        }
        (!text.is_empty()).then(|| text.trim_end().to_owned())
    }
}

impl fmt::Debug for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.failure, f)
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.evaluation() {
            // The place is shown with its source line.
            Some(error) => f.write_str(&error.message),
            None => fmt::Display::fmt(self.failure, f),
        }
    }
}

impl std::error::Error for Report<'_> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.failure.source()
    }
}

impl Diagnostic for Report<'_> {
    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        let mut parts = Vec::new();
        if let Some(error) = self.evaluation()
            && !error.suggestions.is_empty()
        {
            parts.push(format!("Did you mean {}?", alternatives(&error.suggestions)));
        }
        parts.extend(self.failure.advice());
        parts.extend(self.trace());
        if parts.is_empty() { None } else { Some(Box::new(parts.join("\n"))) }
    }

    fn related<'b>(&'b self) -> Option<Box<dyn Iterator<Item = &'b dyn Diagnostic> + 'b>> {
        let builds = self.builds.iter().map(|failed| failed as &dyn Diagnostic);
        if self.builds.is_empty() { None } else { Some(Box::new(builds)) }
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.place.as_ref().map(|place| place as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let place = &self.place.as_ref()?.0;
        let offset = (place.column.saturating_sub(1) as usize).min(place.line_text.len());
        Some(Box::new(std::iter::once(LabeledSpan::new_with_span(Some("here".to_owned()), (offset, 0)))))
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
