//! The report, `docs/compatibility.md`.

use std::fmt::Write;

use crate::reasons::Reasons;
use crate::results::{Beside, Comparison, Results};

/// Differences of one corpus that are listed; more would not be read.
const LISTED: usize = 60;

const HEAD: &str = "\
# How far Hostwright and Nix agree

The same Nix code is given to Hostwright's evaluator and to Nix, and the answers are compared to the byte. Where the answer
is the path of a derivation, an equal path means that the derivation and all derivations below it are equal: their
builders, arguments, environments, sources and outputs.

This file is written by

    cargo run --release -p compatibility -- \\
      --nix NIX-2.8.0/nix-instantiate --nix NIX-2.26.3/nix-instantiate \\
      --lang NIX-SOURCE/tests/functional/lang --lib NIXPKGS/lib --packages np14=NIXPKGS-2014 --packages np26=NIXPKGS \\
      --systems crates/compatibility/systems --nixpkgs NIXPKGS --derivations --write docs/compatibility.md

and any part of that; the corpora that are not run keep what was found the last time. np14 is nixpkgs as of March 2014, np26 of
July 2026 (26.11pre), with a stand-in for its table of Haskell packages. None of them is part of this repository.
In `./test`, Nix's language tests run against Debian's source package of Nix, and the project's own cases, its base and
its examples beside Debian's Nix.

* *Cases* counts what was asked of both programs. *Not in Nix* are cases that this version of Nix itself fails: tests that are
  newer than it, packages that it cannot evaluate. The other cases are *identical* or *different*.
* *Time* is processor time in user mode, *memory* the most that one process held; both are Hostwright's divided by Nix's
  for the cases that were compared, so less than 1 is less than Nix needs. Where many small processes are started (the language
  suite, the library's scripts), it is mostly starting that is measured.
";

/// Writes the report.
pub fn markdown(results: &Results, reasons: &Reasons) -> String {
    let mut corpora: Vec<_> = results.0.iter().collect();
    corpora.sort_by_key(|(name, result)| (result.order, *name));
    let mut out = String::from(HEAD);
    out.push_str("\n| Corpus | Nix | Cases | Not in Nix | Identical | Different | Time | Memory |\n");
    out.push_str("|---|---|--:|--:|--:|--:|--:|--:|\n");
    for (name, result) in &corpora {
        for (version, beside) in &result.beside {
            match beside {
                Beside::TooOld(_) => {
                    let _ = writeln!(out, "| {name} | {version} | – | – | – | – | – | – |");
                }
                Beside::Compared(found) => {
                    let _ = writeln!(
                        out,
                        "| {name} | {version} | {} | {} | {} | {} | {} | {} |",
                        found.cases,
                        found.not_in_nix,
                        found.identical,
                        found.cases - found.not_in_nix - found.identical,
                        ratio(found.ours.seconds, found.theirs.seconds),
                        ratio(found.ours.bytes as f64, found.theirs.bytes as f64),
                    );
                }
            }
        }
    }
    out.push_str("\nA dash: that version of Nix is too old for the corpus.\n\n## The corpora\n\n");
    for (name, result) in &corpora {
        let _ = writeln!(out, "* **{name}**: {}", result.description);
    }
    out.push_str("\n## What differs\n");
    let mut any = false;
    for (name, result) in &corpora {
        for (version, beside) in &result.beside {
            let Beside::Compared(found) = beside else { continue };
            if found.different.is_empty() {
                continue;
            }
            any = true;
            let _ = writeln!(out, "\n### {name}, beside Nix {version}\n");
            differences(&mut out, name, found, reasons);
        }
    }
    if !any {
        out.push_str("\nNothing.\n");
    }
    out
}

fn differences(out: &mut String, corpus: &str, found: &Comparison, reasons: &Reasons) {
    for (case, difference) in found.different.iter().take(LISTED) {
        let text = reasons.of(corpus, case).unwrap_or(difference);
        let _ = writeln!(out, "* `{case}`: {}", text.replace('|', "\\|"));
    }
    if found.different.len() > LISTED {
        let _ = writeln!(out, "* and {} more", found.different.len() - LISTED);
    }
}

/// A ratio with two digits that count.
fn ratio(ours: f64, theirs: f64) -> String {
    if theirs > 0.0 { format!("{:.2}", ours / theirs) } else { "–".to_owned() }
}

/// Whether a difference has no known reason.
pub fn has_unexplained(results: &Results, reasons: &Reasons) -> bool {
    results.0.iter().any(|(corpus, result)| {
        result.beside.values().any(|beside| match beside {
            Beside::Compared(found) => found.different.keys().any(|case| reasons.of(corpus, case).is_none()),
            Beside::TooOld(_) => false,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::CorpusResult;

    #[test]
    fn a_row_for_each_version() {
        let mut found = Comparison::default();
        found.count("a", None);
        found.count("b", Some("here 1, in Nix 2".into()));
        found.count_not_in_nix();
        found.ours.seconds = 1.0;
        found.theirs.seconds = 4.0;
        let mut result = CorpusResult { description: "Words.".into(), ..CorpusResult::default() };
        result.beside.insert("2.26.3".into(), Beside::Compared(found));
        result.beside.insert("2.8.0".into(), Beside::TooOld("error: no".into()));
        let mut results = Results::default();
        results.0.insert("words".into(), result);
        let text = markdown(&results, &Reasons::default());
        assert!(text.contains("| words | 2.26.3 | 3 | 1 | 1 | 1 | 0.25 | – |"), "{text}");
        assert!(text.contains("| words | 2.8.0 | – |"), "{text}");
        assert!(text.contains("* `b`: here 1, in Nix 2"), "{text}");
        assert!(has_unexplained(&results, &Reasons::default()));
    }
}
