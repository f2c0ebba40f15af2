//! Failures of the program's own stages, by miette: what happened, why, what to do next.

use std::fmt;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};
use nix_build::realise::BuildFailure;

use super::style::Style;
use crate::failure::Failure;

/// The text of a failure's report.
pub fn render(failure: &Failure, style: Style) -> String {
    let theme = match (style.unicode, style.colours) {
        (_, true) => GraphicalTheme::unicode(),
        (true, false) => GraphicalTheme::unicode_nocolor(),
        (false, false) => GraphicalTheme::none(),
    };
    let handler = GraphicalReportHandler::new_themed(theme).with_links(false).with_wrap_lines(false);
    let mut text = String::new();
    match handler.render_report(&mut text, &Report::new(failure)) {
        Ok(()) => text,
        Err(fmt::Error) => format!("error: {failure}\n"),
    }
}

/// A failure with what miette wants to know of it.
struct Report<'a> {
    failure: &'a Failure,
    builds: Vec<FailedBuild<'a>>,
}

/// One of several builds that failed in a run.
#[derive(Debug)]
struct FailedBuild<'a>(&'a BuildFailure);

impl fmt::Display for FailedBuild<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.0, f)?;
        if !self.0.log_tail.is_empty() {
            write!(f, "\nits last lines are:")?;
            self.0.log_tail.iter().try_for_each(|line| write!(f, "\n  {}> {line}", self.0.name))?;
        }
        Ok(())
    }
}

impl std::error::Error for FailedBuild<'_> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

impl Diagnostic for FailedBuild<'_> {}

impl<'a> Report<'a> {
    fn new(failure: &'a Failure) -> Self {
        let failures = match failure {
            Failure::Build(nix_build::Error::Failed { failures, .. }) => failures.as_slice(),
            _ => &[],
        };
        Report { failure, builds: failures.iter().map(FailedBuild).collect() }
    }
}

impl fmt::Debug for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.failure, f)
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.failure, f)
    }
}

impl std::error::Error for Report<'_> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.failure.source()
    }
}

impl Diagnostic for Report<'_> {
    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        self.failure.advice().map(|advice| Box::new(advice) as Box<dyn fmt::Display>)
    }

    fn related<'b>(&'b self) -> Option<Box<dyn Iterator<Item = &'b dyn Diagnostic> + 'b>> {
        let builds = self.builds.iter().map(|failed| failed as &dyn Diagnostic);
        if self.builds.is_empty() { None } else { Some(Box::new(builds)) }
    }
}
