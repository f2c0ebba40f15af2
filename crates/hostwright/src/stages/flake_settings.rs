//! `nixConfig`: settings that a flake asks for. People decide whether it gets them.
//!
//! As in Nix, a few settings are harmless and taken as they are; others are taken with `--accept-flake-config`, when they
//! were trusted before, or when somebody at a terminal says so. All others are named and passed over.

use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;

use super::flake::write_atomically;
use crate::commands::Session;

/// Settings that any flake may make.
const HARMLESS: [&str; 6] = [
    "bash-prompt",
    "bash-prompt-prefix",
    "bash-prompt-suffix",
    "commit-lock-file-summary",
    "commit-lockfile-summary",
    "flake-registry",
];

/// Decisions that were made before: by setting and value.
type Decisions = BTreeMap<String, BTreeMap<String, bool>>;

/// The settings of a flake that it gets.
pub fn accepted(session: &Session, asked: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let file = &session.configuration.flakes.trusted_settings;
    let mut decisions = read(file);
    let mut accepted = BTreeMap::new();
    for (name, value) in asked {
        let plain = name.strip_prefix("extra-").unwrap_or(name);
        let known = decisions.get(name).and_then(|values| values.get(value)).copied();
        let is_accepted = if HARMLESS.contains(&plain) || session.configuration.flakes.accept_settings {
            true
        } else if let Some(known) = known {
            session.progress.detail(&format!(
                "The flake's setting {name} = {value} was decided on before, in {}.",
                file.display()
            ));
            known
        } else if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() {
            let yes = ask(&format!("Shall the flake set '{name}' to '{}'? (y/N) ", printable(value)));
            let word = if yes { "trusted" } else { "untrusted" };
            if ask(&format!("Shall this value be {word} from now on? (y/N) ")) {
                decisions.entry(name.clone()).or_default().insert(value.clone(), yes);
                write(session, file, &decisions);
            }
            yes
        } else {
            false
        };
        if is_accepted {
            accepted.insert(name.clone(), value.clone());
        } else {
            session.progress.warn(&format!(
                "the flake asks for the setting {name} = {}, which is not trusted and not taken; --accept-flake-config takes it",
                printable(value)
            ));
        }
    }
    accepted
}

/// A value as it may stand on a terminal.
fn printable(value: &str) -> String {
    value.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

fn ask(question: &str) -> bool {
    let mut error = std::io::stderr().lock();
    let mut answer = String::new();
    let asked = error.write_all(question.as_bytes()).and_then(|()| error.flush());
    let answered = asked.and_then(|()| std::io::stdin().lock().read_line(&mut answer));
    answered.is_ok() && answer.trim_start().to_lowercase().starts_with('y')
}

fn read(file: &Path) -> Decisions {
    // Decisions that cannot be read are made again.
    let text = std::fs::read_to_string(file).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

fn write(session: &Session, file: &Path, decisions: &Decisions) {
    let text = serde_json::to_string(decisions).unwrap_or_default();
    let directory = file.parent().unwrap_or(Path::new("."));
    let written = std::fs::create_dir_all(directory).and_then(|()| write_atomically(file, text.as_bytes()));
    if let Err(error) = written {
        session.progress.warn(&format!("cannot write {}: {error}", file.display()));
    }
}
