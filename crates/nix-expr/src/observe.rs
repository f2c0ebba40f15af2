//! What an evaluation asked the world, and whether it would get the same answers again.
//!
//! The language is pure: the same expression, given the same answers by its [`EvalIo`], has the same value. So a value may
//! be remembered together with every question that led to it, and is good for as long as all answers are what they were:
//! whatever changes that was never asked about changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix_store::{Hash, StoreDir, StorePath};
use serde::{Deserialize, Serialize};

use crate::io::{
    AddMethod, DerivationTable, EvalIo, FetchAttribute, FetchRequest, Fetched, FileType, IoError, PathToAdd,
    Realisation,
};

/// Something that an evaluation asked. Paths are logical.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Question {
    /// What does the file hold?
    File(PathBuf),
    /// What does the path name?
    Type(PathBuf),
    /// What is in the directory?
    Directory(PathBuf),
    /// Where does the symbolic link lead?
    Link(PathBuf),
    /// What does the environment variable hold?
    Variable(Vec<u8>),
    /// What does the store path refer to? Its last part is given, `HASH-NAME`.
    References(String),
    /// What store path does a file or tree become?
    Added {
        /// The name of the store path.
        name: String,
        /// Where the file or tree is.
        path: PathBuf,
        /// Whether its bytes are hashed, or its NAR.
        flat: bool,
        /// The paths below it that a filter let through, relative to it; all if `None`.
        kept: Option<BTreeSet<PathBuf>>,
    },
}

impl Question {
    /// The path that the question is about, if it is about one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Question::File(path)
            | Question::Type(path)
            | Question::Directory(path)
            | Question::Link(path)
            | Question::Added { path, .. } => Some(path),
            Question::Variable(_) | Question::References(_) => None,
        }
    }

    /// The question about another path.
    #[must_use]
    pub fn about(self, other: PathBuf) -> Question {
        match self {
            Question::File(_) => Question::File(other),
            Question::Type(_) => Question::Type(other),
            Question::Directory(_) => Question::Directory(other),
            Question::Link(_) => Question::Link(other),
            Question::Added { name, flat, kept, .. } => Question::Added { name, path: other, flat, kept },
            Question::Variable(_) | Question::References(_) => self,
        }
    }

    /// Asks again. The answer is a hash that is equal for equal answers; all refusals are equal.
    pub fn ask(&self, io: &dyn EvalIo) -> Answer {
        match self {
            Question::File(path) => answer_file(&io.read_file(path)),
            Question::Type(path) => answer_type(&io.file_type(path)),
            Question::Directory(path) => answer_directory(&io.read_directory(path)),
            Question::Link(path) => answer_link(&io.read_link(path)),
            Question::Variable(name) => answer_variable(io.environment_variable(name).as_deref()),
            Question::References(path) => match StorePath::from_base_name(path) {
                Ok(path) => answer_references(&io.references(&path)),
                Err(_) => Answer::of(None),
            },
            Question::Added { name, path, flat, kept } => {
                let method = if *flat { AddMethod::Flat } else { AddMethod::Recursive };
                let mut offered = Offered::default();
                let mut filter = |entry: &Path, kind: FileType| {
                    offered.add(entry.strip_prefix(path).unwrap_or(entry), kind);
                    let relative = entry.strip_prefix(path).unwrap_or(entry);
                    Ok(kept.as_ref().is_none_or(|kept| kept.contains(relative)))
                };
                let request = PathToAdd {
                    name,
                    path,
                    method,
                    expected: None,
                    filter: kept.is_some().then_some(&mut filter),
                };
                let added = io.add_path(request);
                answer_added(&added, &offered)
            }
        }
    }
}

/// The answer to a [`Question`], hashed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer(String);

impl Answer {
    fn of(bytes: Option<&[u8]>) -> Answer {
        match bytes {
            Some(bytes) => Answer(Hash::sha256(bytes).to_base16()),
            None => Answer("refused".to_owned()),
        }
    }
}

fn answer_file(found: &Result<Vec<u8>, IoError>) -> Answer {
    Answer::of(found.as_deref().ok())
}

fn answer_type(found: &Result<Option<FileType>, IoError>) -> Answer {
    match found {
        Ok(Some(kind)) => Answer(kind.name().to_owned()),
        Ok(None) => Answer("nothing".to_owned()),
        Err(_) => Answer::of(None),
    }
}

fn answer_directory(found: &Result<Vec<(Vec<u8>, FileType)>, IoError>) -> Answer {
    let Ok(entries) = found else { return Answer::of(None) };
    let mut entries: Vec<_> = entries.iter().map(|(name, kind)| (name.as_slice(), kind.name())).collect();
    entries.sort_unstable();
    let mut text = Vec::new();
    for (name, kind) in entries {
        text.extend_from_slice(kind.as_bytes());
        text.push(0);
        text.extend_from_slice(name);
        text.push(0);
    }
    Answer::of(Some(&text))
}

fn answer_link(found: &Result<Vec<u8>, IoError>) -> Answer {
    Answer::of(found.as_deref().ok())
}

fn answer_variable(found: Option<&[u8]>) -> Answer {
    Answer::of(found)
}

fn answer_references(found: &[StorePath]) -> Answer {
    let mut names: Vec<String> = found.iter().map(ToString::to_string).collect();
    names.sort_unstable();
    Answer::of(Some(names.join("\n").as_bytes()))
}

fn answer_added(added: &Result<StorePath, IoError>, offered: &Offered) -> Answer {
    match added {
        Ok(path) => Answer(format!("{path} {}", offered.hash())),
        Err(_) => Answer::of(None),
    }
}

/// The paths that a filter was asked about. It decides by path and type alone, so if it is asked about the same ones,
/// it lets the same ones through.
#[derive(Default)]
struct Offered(BTreeSet<(PathBuf, &'static str)>);

impl Offered {
    fn add(&mut self, relative: &Path, kind: FileType) {
        self.0.insert((relative.to_owned(), kind.name()));
    }

    fn hash(&self) -> String {
        let mut text = Vec::new();
        for (path, kind) in &self.0 {
            text.extend_from_slice(kind.as_bytes());
            text.push(0);
            text.extend_from_slice(path.as_os_str().as_bytes());
            text.push(0);
        }
        Answer::of(Some(&text)).0
    }
}

/// Passes questions on to another world, and remembers them with their answers.
pub struct Observer<'w> {
    world: &'w (dyn EvalIo + Sync),
    seen: Mutex<Seen>,
    repeatable: AtomicBool,
}

/// Questions with their answers.
#[derive(Default)]
struct Seen {
    /// What was asked for all turns of an evaluation.
    shared: BTreeMap<Question, Answer>,
    /// What was asked for the turn alone that it is.
    own: BTreeMap<Question, Answer>,
    turn: u32,
    /// Whether it is asked for the turn alone.
    is_own: bool,
}

impl<'w> Observer<'w> {
    /// An observer that nothing was asked of yet.
    pub fn new(world: &'w (dyn EvalIo + Sync)) -> Self {
        Observer { world, seen: Mutex::default(), repeatable: AtomicBool::new(true) }
    }

    /// All questions so far with their answers; of those that were asked for one turn of a shared evaluation alone, only the
    /// last turn's. `None` if something was asked whose answer says nothing about the next
    /// time: the clock, or what an unpinned URL leads to.
    pub fn observations(&self) -> Option<BTreeMap<Question, Answer>> {
        self.repeatable.load(Ordering::Relaxed).then(|| {
            let seen = self.lock();
            seen.shared
                .iter()
                .chain(&seen.own)
                .map(|(question, answer)| (question.clone(), answer.clone()))
                .collect()
        })
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn see(&self, question: Question, answer: Answer) {
        // An answer that changes while an evaluation runs belongs to no state of the world.
        let mut seen = self.lock();
        if [&seen.shared, &seen.own]
            .iter()
            .any(|seen| seen.get(&question).is_some_and(|before| *before != answer))
        {
            self.repeatable.store(false, Ordering::Relaxed);
            return;
        }
        let seen = if seen.is_own { &mut seen.own } else { &mut seen.shared };
        seen.insert(question, answer);
    }
}

impl EvalIo for Observer<'_> {
    fn store_dir(&self) -> &StoreDir {
        self.world.store_dir()
    }

    fn read_file(&self, path: &Path) -> Result<Vec<u8>, IoError> {
        let found = self.world.read_file(path);
        self.see(Question::File(path.to_owned()), answer_file(&found));
        found
    }

    fn read_file_unless(
        &self,
        path: &Path,
        known: Option<&Hash>,
    ) -> Result<(Hash, Option<Vec<u8>>), IoError> {
        let found = self.world.read_file_unless(path, known);
        let answer = match &found {
            Ok((hash, _)) => Answer(hash.to_base16()),
            Err(_) => Answer::of(None),
        };
        self.see(Question::File(path.to_owned()), answer);
        found
    }

    fn file_type(&self, path: &Path) -> Result<Option<FileType>, IoError> {
        let found = self.world.file_type(path);
        self.see(Question::Type(path.to_owned()), answer_type(&found));
        found
    }

    fn read_directory(&self, path: &Path) -> Result<Vec<(Vec<u8>, FileType)>, IoError> {
        let found = self.world.read_directory(path);
        self.see(Question::Directory(path.to_owned()), answer_directory(&found));
        found
    }

    fn read_link(&self, path: &Path) -> Result<Vec<u8>, IoError> {
        let found = self.world.read_link(path);
        self.see(Question::Link(path.to_owned()), answer_link(&found));
        found
    }

    fn environment_variable(&self, name: &[u8]) -> Option<Vec<u8>> {
        let found = self.world.environment_variable(name);
        self.see(Question::Variable(name.to_owned()), answer_variable(found.as_deref()));
        found
    }

    fn current_time(&self) -> Option<i64> {
        let found = self.world.current_time();
        if found.is_some() {
            self.repeatable.store(false, Ordering::Relaxed);
        }
        found
    }

    fn add_path(&self, request: PathToAdd<'_, '_>) -> Result<StorePath, IoError> {
        let PathToAdd { name, path, method, expected, filter } = request;
        let mut offered = Offered::default();
        let mut kept = filter.is_some().then(BTreeSet::new);
        let added = match filter {
            None => self.world.add_path(PathToAdd { name, path, method, expected, filter: None }),
            Some(filter) => {
                let mut watched = |entry: &Path, kind: FileType| {
                    let keep = filter(entry, kind)?;
                    let relative = entry.strip_prefix(path).unwrap_or(entry);
                    offered.add(relative, kind);
                    if keep && let Some(kept) = &mut kept {
                        kept.insert(relative.to_owned());
                    }
                    Ok(keep)
                };
                let filter: Option<&mut crate::io::PathFilter<'_>> = Some(&mut watched);
                self.world.add_path(PathToAdd { name, path, method, expected, filter })
            }
        };
        let answer = answer_added(&added, &offered);
        let flat = method == AddMethod::Flat;
        self.see(Question::Added { name: name.to_owned(), path: path.to_owned(), flat, kept }, answer);
        added
    }

    fn add_text(&self, name: &str, text: &[u8], references: &[StorePath]) -> Result<StorePath, IoError> {
        self.world.add_text(name, text, references)
    }

    fn references(&self, path: &StorePath) -> Vec<StorePath> {
        let found = self.world.references(path);
        self.see(Question::References(path.to_string()), answer_references(&found));
        found
    }

    fn realise(&self, wanted: &[Realisation], derivations: &DerivationTable) -> Result<(), IoError> {
        self.world.realise(wanted, derivations)
    }

    fn fetch(&self, request: &FetchRequest) -> Result<Fetched, IoError> {
        // What pure evaluation fetches is pinned by its hash.
        if !request.pure {
            self.repeatable.store(false, Ordering::Relaxed);
        }
        self.world.fetch(request)
    }

    fn parse_flake_reference(&self, text: &str) -> Result<BTreeMap<String, FetchAttribute>, IoError> {
        self.world.parse_flake_reference(text)
    }

    fn print_flake_reference(
        &self,
        attributes: &BTreeMap<String, FetchAttribute>,
    ) -> Result<String, IoError> {
        self.world.print_flake_reference(attributes)
    }

    fn flake_expression(&self, reference: &str, pure: bool) -> Result<String, IoError> {
        // As with fetching.
        if !pure {
            self.repeatable.store(false, Ordering::Relaxed);
        }
        self.world.flake_expression(reference, pure)
    }

    fn asked_for(&self, turn: Option<u32>) {
        let mut seen = self.lock();
        seen.is_own = turn.is_some();
        if let Some(turn) = turn
            && turn != seen.turn
        {
            seen.turn = turn;
            seen.own.clear();
        }
    }

    fn user_path(&self, path: &Path) -> PathBuf {
        self.world.user_path(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file_system::{FileSystemIo, FileSystemOptions};
    use crate::{Settings, evaluate};

    /// Evaluates a file below a directory, and gives the text of its value with what was asked on the way.
    fn observed(directory: &Path) -> (String, Option<BTreeMap<Question, Answer>>) {
        let io = FileSystemIo::new(FileSystemOptions::default());
        let observer = Observer::new(&io);
        let text = evaluate(&Settings::default(), &observer, |session| {
            let value = session.evaluate_file(&directory.join("main.nix"))?;
            Ok(session.to_text(value)?.text)
        });
        (text.unwrap(), observer.observations())
    }

    fn holds(observations: &BTreeMap<Question, Answer>) -> bool {
        let io = FileSystemIo::new(FileSystemOptions::default());
        observations.iter().all(|(question, answer)| question.ask(&io) == *answer)
    }

    #[test]
    fn only_what_was_asked_about_matters() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = directory.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write(
            "main.nix",
            r#"let
              read = import ./read.nix;
              unread = import ./unread.nix;
              tree = builtins.path {
                path = ./tree;
                name = "tree";
                filter = path: type: type == "directory" || builtins.match ".*\\.nix" path != null;
              };
              there = builtins.pathExists ./absent;
              names = builtins.attrNames (builtins.readDir ./listed);
            in "${read}${tree}${builtins.toString there}${builtins.toString names}""#,
        );
        for (name, text) in [
            ("read.nix", "\"a\""),
            ("unread.nix", "1"),
            ("tree/kept.nix", "1"),
            ("tree/left", "1"),
            ("listed/a", ""),
        ] {
            write(name, text);
        }
        let (text, observations) = observed(directory.path());
        let observations = observations.unwrap();
        let text_form = serde_json::to_string(&observations.iter().collect::<Vec<_>>()).unwrap();
        let read: Vec<(Question, Answer)> = serde_json::from_str(&text_form).unwrap();
        assert_eq!(read.into_iter().collect::<BTreeMap<_, _>>(), observations);
        assert!(holds(&observations));

        write("unread.nix", "2");
        write("tree/left", "2");
        write("listed/a", "content is not listed");
        assert!(holds(&observations), "nothing of this was asked about");
        assert_eq!(observed(directory.path()).0, text);

        for (name, before, after) in [
            ("main.nix", None, "\"\""),
            ("read.nix", Some("\"a\""), "\"b\""),
            ("tree/kept.nix", Some("1"), "2"),
        ] {
            let old = std::fs::read_to_string(directory.path().join(name)).unwrap();
            write(name, after);
            assert!(!holds(&observations), "{name} was read");
            write(name, before.unwrap_or(&old));
            assert!(holds(&observations), "{name} is as it was");
        }
        for name in ["absent", "listed/b", "tree/new.nix", "tree/new"] {
            write(name, "");
            assert!(!holds(&observations), "{name} is new");
            std::fs::remove_file(directory.path().join(name)).unwrap();
        }
        assert!(holds(&observations));
    }

    #[test]
    fn the_clock_has_no_answer_that_lasts() {
        let io = FileSystemIo::new(FileSystemOptions::default());
        let observer = Observer::new(&io);
        let evaluated = evaluate(&Settings::default(), &observer, |session| {
            let value = session.evaluate_text("builtins.currentTime", "test", Path::new("/"))?;
            session.to_int(value)
        });
        assert!(evaluated.unwrap() > 0);
        assert_eq!(observer.observations(), None);
    }
}
