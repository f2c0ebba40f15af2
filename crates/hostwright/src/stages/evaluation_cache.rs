//! Results of evaluations, kept with all that they depend on.
//!
//! An entry holds a result and every question that its evaluation asked ([`nix_expr::Observer`]). It is good as long as all
//! the answers are what they were, so a file that was never read may change as it likes. What cannot change is not asked
//! again: the trees of locked inputs are part of the key by their hashes.
//!
//! The flake's own tree is named by its hash as well, and that changes with every file in it. Entries therefore speak of
//! it as [`HERE`], and a result that holds its store path depends on the whole tree.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use nix_expr::{AddMethod, AddedContent, AddedPath, Answer, EvalIo, Observer, Question};
use nix_store::{Derivation, Hash, LocalStore, StoreDir, StorePath};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::evaluate::{DerivationGraph, Evaluated, Target};
use super::flake::{ReadyFlake, write_atomically};
use crate::commands::Session;

/// Stands for the store path of the flake's own tree.
const HERE: &str = "/here";

/// So many states of the world are kept for one thing that is asked: people switch between branches.
const STATES: usize = 4;

/// Entries that nobody needed for so long are removed.
const LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Changes with the form of entries and with the program.
const FORM: &str = concat!("hostwright ", env!("CARGO_PKG_VERSION"), " evaluation 1");

/// The entries for one thing that may be asked of a flake.
pub struct EvaluationCache<'f> {
    directory: PathBuf,
    /// The logical path of the flake's own tree, as it is now.
    here: &'f Path,
    /// A question whose answer changes with anything in the flake's own tree.
    whole: Question,
}

/// One file.
#[derive(Serialize, Deserialize)]
struct Entry<T> {
    observations: Vec<(Question, Answer)>,
    targets: Vec<KeptTarget>,
    found: T,
}

#[derive(Serialize, Deserialize)]
struct KeptTarget {
    name: String,
    derivation: String,
    output: String,
    /// The derivation's text, in the form of `.drv` files.
    text: String,
}

/// What is needed only if something has to be built: in a file of its own.
#[derive(Serialize, Deserialize)]
struct KeptGraph {
    /// Derivations in the form of `.drv` files, by their paths.
    derivations: BTreeMap<String, String>,
    added: Vec<KeptPath>,
}

#[derive(Serialize, Deserialize)]
struct KeptPath {
    path: String,
    references: Vec<String>,
    content: KeptContent,
}

#[derive(Serialize, Deserialize)]
enum KeptContent {
    Text(String),
    Tree { real: PathBuf, flat: bool, kept: Option<Vec<PathBuf>> },
}

impl<'f> EvaluationCache<'f> {
    /// The entries for what `wanted` says in full, asked of a flake with a session's settings.
    pub fn of_flake(session: &Session, flake: &'f ReadyFlake, wanted: &str) -> Self {
        let configuration = &session.configuration;
        let settings = format!(
            "{:?} impure: {} of the flake: {:?}",
            configuration.evaluation,
            configuration.impure,
            session.flake_settings.get()
        );
        let here = flake.here.to_string_lossy();
        // Texts and trees that were added are found again where this checkout is.
        let checkout = flake.directory.to_string_lossy();
        let asked = [wanted, &settings, &flake.expression.replace(&*here, HERE), &checkout];
        let mut text = FORM.to_owned();
        for part in asked {
            text.push_str(&format!("\n{}:{part}", part.len()));
        }
        EvaluationCache {
            directory: configuration
                .cache_directory
                .join("evaluation")
                .join(Hash::sha256(text.as_bytes()).to_base32()),
            here: &flake.here,
            whole: Question::File(flake.source_info.0.clone()),
        }
    }

    /// The result of an entry that still holds. Only the targets' own derivations are in its graph if their outputs are
    /// valid in `store`.
    pub fn recall<T: DeserializeOwned>(
        &self,
        io: &dyn EvalIo,
        store: Option<&LocalStore>,
    ) -> Option<(Evaluated, T)> {
        self.states().into_iter().find_map(|(_, file)| {
            let entry: Entry<T> = serde_json::from_slice(&std::fs::read(&file).ok()?).ok()?;
            let mut answers = entry.observations.into_iter();
            let holds = answers.all(|(question, answer)| self.arrived(question).ask(io) == answer);
            if !holds {
                return None;
            }
            let evaluated = restore(entry.targets, &file, store)?;
            // What is used is kept; a file that cannot be touched is kept as long as others are.
            let _ = std::fs::File::open(&file).and_then(|file| file.set_modified(SystemTime::now()));
            Some((evaluated, entry.found))
        })
    }

    /// Keeps a result. That it cannot be kept is no reason to fail.
    pub fn remember<T: Serialize>(&self, observer: &Observer<'_>, evaluated: &Evaluated, found: &T) {
        let Some(observations) = observer.observations() else { return };
        let _ = self.write(observer, observations, evaluated, found);
    }

    fn write<T: Serialize>(
        &self,
        io: &dyn EvalIo,
        observations: BTreeMap<Question, Answer>,
        evaluated: &Evaluated,
        found: &T,
    ) -> Option<()> {
        let directory = StoreDir::default();
        let mut kept: Vec<(Question, Answer)> = observations
            .into_iter()
            .filter(|(question, _)| !self.is_pinned(question))
            .map(|(question, answer)| (self.departed(question), answer))
            .collect();
        let print = |derivation: &Derivation| String::from_utf8(derivation.print(&directory)).ok();
        let mut targets = Vec::new();
        for target in &evaluated.targets {
            targets.push(KeptTarget {
                name: target.name.clone(),
                derivation: target.derivation.to_string(),
                output: target.output.clone(),
                text: print(evaluated.graph.get(&target.derivation)?)?,
            });
        }
        let mut derivations = BTreeMap::new();
        for (path, derivation) in &evaluated.graph {
            derivations.insert(path.to_string(), print(derivation)?);
        }
        let added = evaluated.added.iter().map(KeptPath::of).collect::<Option<Vec<_>>>()?;
        let graph = serde_json::to_vec(&KeptGraph { derivations, added }).ok()?;
        let tree = self.here.file_name()?.to_str()?;
        let tree = tree.split('-').next()?.as_bytes();
        let found_text = serde_json::to_vec(found).ok()?;
        if [&graph, &found_text].iter().any(|text| memchr::memmem::find(text, tree).is_some()) {
            kept.push((self.departed(self.whole.clone()), self.whole.ask(io)));
        }
        let name = Hash::sha256(&serde_json::to_vec(&kept).ok()?).to_base32();
        let entry = Entry { observations: kept, targets, found };
        std::fs::create_dir_all(&self.directory).ok()?;
        let file = self.directory.join(name);
        // The graph first: an entry that can be seen is whole.
        write_atomically(&graph_file(&file), &graph).ok()?;
        write_atomically(&file, &serde_json::to_vec(&entry).ok()?).ok()?;
        self.prune();
        Some(())
    }

    /// Whether the answer is part of the key already: other trees than the flake's own are named by their hashes.
    fn is_pinned(&self, question: &Question) -> bool {
        question.path().is_some_and(|path| {
            path.starts_with(StoreDir::default().as_str()) && !path.starts_with(self.here)
        })
    }

    fn departed(&self, question: Question) -> Question {
        moved(question, self.here, Path::new(HERE))
    }

    fn arrived(&self, question: Question) -> Question {
        moved(question, Path::new(HERE), self.here)
    }

    /// The files of entries, newest first.
    fn states(&self) -> Vec<(SystemTime, PathBuf)> {
        let Ok(entries) = std::fs::read_dir(&self.directory) else { return Vec::new() };
        let mut states: Vec<(SystemTime, PathBuf)> = entries
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let path = entry.path();
                let is_entry =
                    path.extension().is_none() && !entry.file_name().as_encoded_bytes().starts_with(b".");
                is_entry.then_some(())?;
                Some((entry.metadata().ok()?.modified().ok()?, path))
            })
            .collect();
        states.sort();
        states.reverse();
        states
    }

    fn prune(&self) {
        for (_, file) in self.states().into_iter().skip(STATES) {
            let _ = std::fs::remove_file(&file);
            let _ = std::fs::remove_file(graph_file(&file));
        }
        // What is asked no more goes with its directory.
        let Some(all) = self.directory.parent().and_then(|all| std::fs::read_dir(all).ok()) else { return };
        for entry in all.filter_map(Result::ok) {
            let modified = entry.metadata().and_then(|metadata| metadata.modified());
            if modified.is_ok_and(|time| time.elapsed().is_ok_and(|age| age > LIFETIME)) {
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
    }
}

/// The question, about `to` where it was about `from`.
fn moved(question: Question, from: &Path, to: &Path) -> Question {
    match question.path().and_then(|path| path.strip_prefix(from).ok()).map(Path::to_owned) {
        Some(rest) if rest.as_os_str().is_empty() => question.about(to.to_owned()),
        Some(rest) => question.about(to.join(rest)),
        None => question,
    }
}

fn graph_file(entry: &Path) -> PathBuf {
    entry.with_extension("graph")
}

/// What was kept, as an evaluation gives it.
fn restore(targets: Vec<KeptTarget>, file: &Path, store: Option<&LocalStore>) -> Option<Evaluated> {
    let mut evaluated = Evaluated::default();
    let mut is_built = true;
    for target in targets {
        let path = StorePath::from_base_name(&target.derivation).ok()?;
        let derivation = parse(&path, &target.text)?;
        let output = derivation.outputs.get(&target.output).and_then(|output| output.path());
        let valid = |path: &StorePath| store.is_some_and(|store| store.is_valid(path).unwrap_or(false));
        is_built &= valid(&path) && output.is_some_and(valid);
        evaluated.graph.insert(path.clone(), Arc::new(derivation));
        evaluated.targets.push(Target { name: target.name, derivation: path, output: target.output });
    }
    if is_built {
        return Some(evaluated);
    }
    let kept: KeptGraph = serde_json::from_slice(&std::fs::read(graph_file(file)).ok()?).ok()?;
    let mut graph = DerivationGraph::new();
    for (path, text) in &kept.derivations {
        let path = StorePath::from_base_name(path).ok()?;
        let derivation = parse(&path, text)?;
        graph.insert(path, Arc::new(derivation));
    }
    evaluated.graph = graph;
    evaluated.added = kept.added.into_iter().map(KeptPath::restore).collect::<Option<_>>()?;
    Some(evaluated)
}

fn parse(path: &StorePath, text: &str) -> Option<Derivation> {
    Derivation::parse(&StoreDir::default(), path.derivation_name()?, text.as_bytes()).ok()
}

impl KeptPath {
    fn of(added: &AddedPath) -> Option<KeptPath> {
        let content = match &added.content {
            AddedContent::Text(text) => KeptContent::Text(String::from_utf8(text.clone()).ok()?),
            AddedContent::Tree { real, method, kept } => KeptContent::Tree {
                real: real.clone(),
                flat: *method == AddMethod::Flat,
                kept: kept.as_ref().map(|kept| kept.iter().cloned().collect()),
            },
        };
        let references = added.references.iter().map(ToString::to_string).collect();
        Some(KeptPath { path: added.path.to_string(), references, content })
    }

    fn restore(self) -> Option<AddedPath> {
        let content = match self.content {
            KeptContent::Text(text) => AddedContent::Text(text.into_bytes()),
            KeptContent::Tree { real, flat, kept } => AddedContent::Tree {
                real,
                method: if flat { AddMethod::Flat } else { AddMethod::Recursive },
                kept: kept.map(|kept| kept.into_iter().collect()),
            },
        };
        let references = self.references.iter().map(|path| StorePath::from_base_name(path).ok());
        Some(AddedPath {
            path: StorePath::from_base_name(&self.path).ok()?,
            content,
            references: references.collect::<Option<_>>()?,
        })
    }
}
