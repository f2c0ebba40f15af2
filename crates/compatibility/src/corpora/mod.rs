//! Collections of Nix code, and how each is put to two evaluators.

pub mod derivations;
pub mod language;
pub mod library;
pub mod packages;
pub mod parsing;
pub mod systems;

use std::path::PathBuf;

use crate::answers::Answers;
use crate::program::Program;

/// What all corpora need.
pub struct Bench {
    /// This project's evaluator.
    pub ours: Program,
    /// The versions of Nix beside it.
    pub nixes: Vec<Program>,
    /// Nix's answers of earlier runs.
    pub answers: Answers,
    /// A directory for stores and lists of names.
    pub scratch: PathBuf,
}

/// Tells the user what is going on.
fn tell(text: &str) {
    eprintln!("{text}");
}

/// What differs between two texts, briefly: the first line that does.
fn first_difference(ours: &str, theirs: &str) -> String {
    let (mut our_lines, mut their_lines) = (ours.lines(), theirs.lines());
    loop {
        match (our_lines.next(), their_lines.next()) {
            (None, None) => return "line ends differ".to_owned(),
            (ours, theirs) if ours == theirs => {}
            (ours, theirs) => {
                let show = |line: Option<&str>| match line {
                    Some(line) => format!(
                        "'{}'",
                        around_difference(
                            line,
                            ours.or(theirs).unwrap_or_default(),
                            theirs.unwrap_or_default()
                        )
                    ),
                    None => "the end".to_owned(),
                };
                return format!("here {}, in Nix {}", show(ours), show(theirs));
            }
        }
    }
}

/// The part of a line around the place at which two lines part.
fn around_difference(line: &str, ours: &str, theirs: &str) -> String {
    let common = ours.bytes().zip(theirs.bytes()).take_while(|(a, b)| a == b).count();
    let mut start = common.saturating_sub(40).min(line.len());
    while !line.is_char_boundary(start) {
        start -= 1;
    }
    let mut shown: String = line[start..].chars().take(120).collect();
    if start > 0 {
        shown.insert(0, '…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_shown() {
        assert_eq!(first_difference("a\nb\n", "a\nc\n"), "here 'b', in Nix 'c'");
        assert_eq!(first_difference("a\n", "a\nc\n"), "here the end, in Nix 'c'");
        let long = "x".repeat(200);
        assert!(first_difference(&format!("{long}1"), &format!("{long}2")).len() < 150);
    }
}
