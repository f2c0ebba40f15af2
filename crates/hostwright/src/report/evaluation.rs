//! Mistakes in a configuration, with the source lines that made them.

use std::fmt::Write;

use nix_expr::{ErrorKind, EvalError, SourceLocation, TraceFrame};

use super::alternatives;
use super::option::{OptionProblem, problem};
use super::style::Style;

/// Steps next to the error that are shown without `--show-trace`.
const INNER_STEPS: usize = 2;
/// Steps in the user's own files that are shown besides.
const OWN_STEPS: usize = 6;
/// Longer source lines are cut.
const LINE_LENGTH: usize = 140;

/// The text of an error's report.
pub fn render(error: &EvalError, advice: Option<String>, show_trace: bool, style: Style) -> String {
    let mut writer = Writer { out: String::new(), style };
    writer.message(&error.message);
    let about = problem(error);
    match &about {
        Some(about) if !about.definitions.is_empty() => writer.definitions(about),
        _ => writer.place(error),
    }
    if let Some(about) = &about
        && error.kind == ErrorKind::InfiniteRecursion
    {
        writer.line(&format!("  {}", recursion(about)));
    }
    if !error.suggestions.is_empty() {
        writer.line(&format!("  Did you mean {}?", alternatives(&error.suggestions)));
    }
    if let Some(argument) = missing_argument(error) {
        writer.line(&format!(
            "  A module has it only if its arguments name it: begin the file with {{ {argument}, ... }}:"
        ));
    }
    if let Some(advice) = advice {
        writer.line(&format!("  {advice}"));
    }
    writer.trace(error, show_trace);
    writer.out
}

/// The argument of modules that an undefined variable has the name of.
fn missing_argument(error: &EvalError) -> Option<&'static str> {
    const ARGUMENTS: [&str; 5] = ["config", "lib", "modulesPath", "options", "pkgs"];
    if error.kind != ErrorKind::UndefinedVariable {
        return None;
    }
    ARGUMENTS.into_iter().find(|name| error.message.contains(&format!("'{name}'")))
}

/// Which options an infinite recursion goes through.
fn recursion(about: &OptionProblem) -> String {
    // Innermost first: each is needed by the next.
    let options: Vec<&str> = about.options.iter().rev().map(String::as_str).collect();
    match (options.as_slice(), about.circular) {
        ([only], true) => format!("The option {only} needs itself."),
        ([first, ..], true) => format!("The option {}, which needs {first} again.", options.join(" needs ")),
        (_, false) => format!("It is met while evaluating the option {}.", options.join(", which needs ")),
        ([], true) => String::new(),
    }
}

struct Writer {
    out: String,
    style: Style,
}

impl Writer {
    fn line(&mut self, text: &str) {
        self.out.push_str(text);
        self.out.push('\n');
    }

    /// What is wrong. Further lines of the message stand below its first.
    fn message(&mut self, message: &str) {
        let message = self.style.foreign(message);
        let mut lines = message.trim_end().lines();
        let first = self.style.strong(lines.next().unwrap_or_default());
        let error = self.style.alarm("error:");
        self.line(&format!("{error} {first}"));
        for line in lines {
            self.line(format!("       {line}").trim_end());
        }
    }

    /// The error's own place, or that of the innermost step that has one.
    fn place(&mut self, error: &EvalError) {
        let of_step = || error.trace.iter().find_map(|frame| frame.location.as_ref());
        if let Some(place) = error.location.as_ref().or_else(of_step) {
            self.source(place);
        }
    }

    fn definitions(&mut self, about: &OptionProblem) {
        if let Some(option) = about.options.first() {
            let option = self.style.strong(option);
            self.line(&format!("  {option} is defined here:"));
        }
        for definition in &about.definitions {
            match &definition.place {
                Some(place) => self.source(place),
                None => {
                    let file = self.style.place(&definition.file);
                    self.line(&format!("  --> {file}"));
                }
            }
        }
    }

    /// A place with its line, and a caret below it.
    fn source(&mut self, place: &SourceLocation) {
        let file = self.style.place(&format!("{}:{}:{}", place.file, place.line, place.column));
        self.line(&format!("  --> {file}"));
        let (text, column) = excerpt(&place.line_text, place.column.saturating_sub(1) as usize);
        let number = format!("{:>6}", place.line);
        let _ = writeln!(self.out, "  {} | {text}", self.style.place(&number));
        let caret = self.style.alarm("^");
        let _ = writeln!(self.out, "  {:>6} | {:column$}{caret}", "", "");
    }

    fn step(&mut self, frame: &TraceFrame, with_source: bool) {
        let message = self.style.foreign(frame.message.trim_end_matches(':'));
        self.line(&format!("  … {}", message.trim_end().replace('\n', "\n    ")));
        match &frame.location {
            Some(place) if with_source => self.source(place),
            Some(place) => {
                let place = self.style.place(&format!("{}:{}:{}", place.file, place.line, place.column));
                self.line(&format!("    at {place}"));
            }
            None => {}
        }
    }

    fn trace(&mut self, error: &EvalError, show_trace: bool) {
        let total = error.trace.len() + error.omitted_frames;
        if total == 0 {
            return;
        }
        self.line("");
        let shown = if show_trace { vec![true; error.trace.len()] } else { chosen(&error.trace) };
        let mut hidden = 0;
        for (index, frame) in error.trace.iter().enumerate() {
            if index == error.omitted_after {
                hidden += error.omitted_frames;
            }
            if !shown[index] {
                hidden += 1;
                continue;
            }
            if show_trace && hidden > 0 {
                self.line(&format!("  … {} left out …", left_out(hidden)));
                hidden = 0;
            }
            self.step(frame, show_trace);
        }
        if error.trace.len() <= error.omitted_after {
            hidden += error.omitted_frames;
        }
        if hidden > 0 && !show_trace {
            self.line(&format!("  ({} left out; --show-trace shows them)", left_out(hidden)));
        } else if hidden > 0 {
            self.line(&format!("  … {} left out …", left_out(hidden)));
        }
    }
}

fn left_out(count: usize) -> String {
    if count == 1 { "1 step is".to_owned() } else { format!("{count} steps are") }
}

/// Which steps are shown in short: those next to the error, and those that the user has written or will know.
fn chosen(trace: &[TraceFrame]) -> Vec<bool> {
    let mut shown = vec![false; trace.len()];
    let mut own: Vec<usize> = (0..trace.len())
        .filter(|index| is_own(&trace[*index]))
        .filter(|index| *index == 0 || trace[*index] != trace[*index - 1])
        .collect();
    if own.len() > OWN_STEPS {
        // Both ends tell more than the middle.
        own.drain(OWN_STEPS / 2..own.len() - OWN_STEPS / 2);
    }
    for index in own.into_iter().chain(0..INNER_STEPS.min(trace.len())) {
        shown[index] = true;
    }
    shown
}

/// Whether a step lies in a file of the user's own, or is a sentence about the configuration as the user knows it.
fn is_own(frame: &TraceFrame) -> bool {
    match &frame.location {
        Some(place) => {
            let file = place.file.as_str();
            let is_library =
                file.starts_with("hostwright:") || file.contains("/nix/store/") || file.contains("/.cache/");
            !is_library
        }
        None => frame.message.starts_with("while evaluating the option `"),
    }
}

/// A source line as it is shown, and the column of a byte in it: tabs are blanks, and what is too long is cut.
fn excerpt(line: &str, offset: usize) -> (String, usize) {
    let shown: Vec<char> =
        line.chars().map(|character| if character == '\t' { ' ' } else { character }).collect();
    let column = line.char_indices().take_while(|(place, _)| *place < offset).count();
    if shown.len() <= LINE_LENGTH {
        return (shown.into_iter().collect(), column);
    }
    let start = column.saturating_sub(LINE_LENGTH / 2).min(shown.len() - LINE_LENGTH);
    let end = start + LINE_LENGTH;
    let mut text = String::new();
    if start > 0 {
        text.push('…');
    }
    text.extend(&shown[start..end]);
    if end < shown.len() {
        text.push('…');
    }
    (text, column - start + usize::from(start > 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;

    fn place(file: &str, line: u32, column: u32, text: &str) -> SourceLocation {
        SourceLocation { file: file.into(), is_file: true, line, column, line_text: text.into() }
    }

    fn frame(message: &str, location: Option<SourceLocation>) -> TraceFrame {
        TraceFrame { message: message.into(), location }
    }

    /// An attribute that is missing, far below a module of the user's.
    fn missing_attribute() -> EvalError {
        let mut error = EvalError::new(ErrorKind::MissingAttribute, "attribute 'opensh' missing");
        error.location = Some(place("/fleet/web.nix", 7, 28, "    networking.hostName = pkgs.opensh;"));
        error.suggestions = vec!["openssh".into()];
        error.trace.push(frame(
            "while evaluating the attribute 'value'",
            Some(place("hostwright:debian/lib/modules/merge.nix", 269, 7, "      value = checked;")),
        ));
        for line in 0..20 {
            let library = place("hostwright:debian/lib/lists.nix", line, 1, "map f");
            error.trace.push(frame("while calling a function", Some(library)));
        }
        error.trace.push(frame("while evaluating the option `networking.hostName':", None));
        error.trace.push(frame(
            "while calling 'host'",
            Some(place("/fleet/flake.nix", 3, 9, "  web = host \"web\";")),
        ));
        error
    }

    #[test]
    fn a_short_report_shows_the_users_own_steps() {
        assert_snapshot!(render(&missing_attribute(), None, false, Style::PLAIN));
    }

    #[test]
    fn the_whole_trace_has_source_lines() {
        let mut error = missing_attribute();
        error.trace.drain(3..20);
        error.omitted_frames = 900;
        error.omitted_after = 3;
        assert_snapshot!(render(&error, None, true, Style::PLAIN));
    }

    #[test]
    fn colours_of_messages_are_kept_for_terminals_only() {
        let error = EvalError::new(
            ErrorKind::Throw,
            "\u{1b}[31mFailed assertions:\u{1b}[0m\n- the antenna is not mounted",
        );
        assert_snapshot!(render(&error, None, false, Style::PLAIN));
        let coloured = render(&error, None, false, Style { colours: true, unicode: true });
        assert!(coloured.contains("\u{1b}[31mFailed"));
    }

    #[test]
    fn a_conflict_shows_every_definition() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("web.nix");
        std::fs::write(&file, "{\n  time.timeZone = \"UTC\";\n}\n").unwrap();
        let message = format!(
            "The option `time.timeZone' has conflicting definition values:\n- In `{}': \"UTC\"\n- In `hostwright:debian/nixos/x.nix': \"CET\"",
            file.display()
        );
        let mut error = EvalError::new(ErrorKind::Throw, message);
        error.location = Some(place("hostwright:debian/lib/options.nix", 179, 11, "          throw \"…\""));
        let text = render(&error, None, false, Style::PLAIN);
        assert_snapshot!(text.replace(&directory.path().display().to_string(), "/fleet"));
    }

    #[test]
    fn a_circle_of_options_is_named() {
        let mut error = EvalError::new(ErrorKind::InfiniteRecursion, "infinite recursion encountered");
        error.location = Some(place(
            "/fleet/web.nix",
            2,
            55,
            "{ networking.hostName = lib.mkForce config.networking.hostName; }",
        ));
        for option in ["networking.fqdn", "networking.hostName", "system.name"] {
            error.trace.push(frame(&format!("while evaluating the option `{option}':"), None));
        }
        assert_snapshot!(render(&error, None, false, Style::PLAIN));
    }

    #[test]
    fn long_lines_are_cut_around_the_place() {
        let line = format!("{}ERROR{}", "a".repeat(500), "é".repeat(500));
        let (text, column) = excerpt(&line, 500);
        assert!(text.chars().count() <= LINE_LENGTH + 2);
        assert!(text.chars().skip(column).collect::<String>().starts_with("ERROR"));
        assert_eq!(excerpt("\té = x", 4), (" é = x".into(), 3));
    }
}
