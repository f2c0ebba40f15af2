//! What the Tab key offers: commands, files, variables, and attributes of whatever stands before the last dot.

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use nix_expr::Scope;

use super::command::{COMMANDS, Line, Verb, is_name};
use crate::stages::evaluate::Evaluation;

/// Attributes that take longer to find out are not offered.
const PATIENCE: Duration = Duration::from_secs(3);

/// Finds completions in a session.
pub struct Completion<'r, 'a> {
    /// The session.
    pub evaluation: &'r Evaluation<'a>,
    /// The repl's own variables.
    pub scope: &'r RefCell<Scope<'a>>,
    /// What stops the session's evaluation.
    pub interrupted: Arc<AtomicBool>,
    /// Where relative paths start from.
    pub directory: &'r Path,
}

impl Completion<'_, '_> {
    /// What may stand at the end of `line`: where the word begins, and the words.
    pub fn find(&self, line: &str) -> (usize, Vec<String>) {
        if line.starts_with(':') && !line.contains(char::is_whitespace) {
            let names = COMMANDS.iter().flat_map(|command| command.names).copied();
            return (0, names.filter(|name| name.starts_with(line)).map(str::to_owned).collect());
        }
        if let Line::Command(Verb::Load | Verb::LoadFlake, _) = Line::parse(line) {
            let start = line.rfind(char::is_whitespace).map_or(0, |blank| blank + 1);
            return (start, files(&line[start..], self.directory));
        }
        let is_word = |character: char| character.is_ascii_alphanumeric() || "_-'.".contains(character);
        let start = line
            .char_indices()
            .rev()
            .take_while(|(_, character)| is_word(*character))
            .last()
            .map_or(line.len(), |(start, _)| start);
        let word = &line[start..];
        match word.rsplit_once('.') {
            None => (start, self.variables(word)),
            Some((set, begun)) => {
                (start + set.len() + 1, within(PATIENCE, &self.interrupted, || self.attributes(set, begun)))
            }
        }
    }

    fn variables(&self, begun: &str) -> Vec<String> {
        let scope = self.scope.borrow();
        let own = scope.keys().map(String::as_str);
        let mut names: Vec<String> = own
            .chain(self.evaluation.global_names())
            .filter(|name| name.starts_with(begun) && (begun.starts_with('_') || !name.starts_with("__")))
            .map(str::to_owned)
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The attributes of a value whose names begin so. A value that has an error has none.
    fn attributes(&self, set: &str, begun: &str) -> Vec<String> {
        if !set.split('.').all(is_name) {
            return Vec::new();
        }
        let value = self.evaluation.delay_text(set, "«completion»", self.directory, &self.scope.borrow());
        let names = value.and_then(|value| self.evaluation.attribute_names(value)).unwrap_or_default();
        names.into_iter().filter(|name| name.starts_with(begun) && is_name(name)).collect()
    }
}

/// Runs `work`, and stops the evaluation in it after a while.
fn within<T>(patience: Duration, interrupted: &AtomicBool, work: impl FnOnce() -> T) -> T {
    let (done, is_done) = mpsc::channel::<()>();
    let result = std::thread::scope(|scope| {
        scope.spawn(move || {
            if is_done.recv_timeout(patience) == Err(mpsc::RecvTimeoutError::Timeout) {
                interrupted.store(true, Ordering::Relaxed);
            }
        });
        let result = work();
        drop(done);
        result
    });
    interrupted.store(false, Ordering::Relaxed);
    result
}

/// Files and directories whose paths begin so.
fn files(begun: &str, directory: &Path) -> Vec<String> {
    let (parent, name) = match begun.rsplit_once('/') {
        Some((parent, name)) => (format!("{parent}/"), name),
        None => (String::new(), begun),
    };
    let Ok(entries) = std::fs::read_dir(directory.join(&parent)) else { return Vec::new() };
    let mut found: Vec<String> = entries
        .flatten()
        .filter_map(|entry| {
            let entry_name = entry.file_name().into_string().ok()?;
            let hidden = entry_name.starts_with('.') && !name.starts_with('.');
            let slash = if entry.path().is_dir() { "/" } else { "" };
            (entry_name.starts_with(name) && !hidden).then(|| format!("{parent}{entry_name}{slash}"))
        })
        .collect();
    found.sort_unstable();
    found
}

#[cfg(test)]
mod tests {
    use nix_expr::{FileSystemIo, Settings, evaluate};

    use super::*;

    fn completions(definition: &str, line: &str) -> (usize, Vec<String>) {
        let settings = Settings::default();
        let directory = Path::new("/");
        evaluate(&settings, &FileSystemIo::default(), |evaluation| {
            let defined = evaluation.delay_text(definition, "«test»", directory, &Scope::new())?;
            let scope = RefCell::new(Scope::from([("own".to_owned(), defined)]));
            let interrupted = Arc::clone(&settings.interrupted);
            Ok(Completion { evaluation, scope: &scope, interrupted, directory }.find(line))
        })
        .unwrap()
    }

    #[test]
    fn variables_and_attributes_are_offered() {
        assert_eq!(completions("1", "1 + ow"), (4, vec!["own".to_owned()]));
        assert_eq!(completions("1", "builtins.isA"), (9, vec!["isAttrs".to_owned()]));
        assert_eq!(
            completions("{ ab = { cd = 1; ce = 2; }; }", "[ own.ab.c"),
            (9, vec!["cd".into(), "ce".into()])
        );
        assert_eq!(completions("1", ":bu"), (0, vec![":build".to_owned()]));
    }

    #[test]
    fn values_with_errors_offer_nothing() {
        for definition in [
            "throw \"x\"",
            "1",
            "x: x",
            "let x = x; in x",
            "let f = n: 1 + f n; in f 0",
            "{ a = abort \"\"; }",
        ] {
            assert_eq!(completions(definition, "own.a.b"), (6, Vec::new()), "{definition}");
        }
    }

    #[test]
    fn endless_evaluation_is_stopped() {
        let interrupted = AtomicBool::new(false);
        within(Duration::from_millis(5), &interrupted, || {
            while !interrupted.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
        });
        assert!(!interrupted.load(Ordering::Relaxed));
    }
}
