//! Outputs that another store has.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::{Arc, Mutex};

use nix_build::Cancellation;
use nix_build::builders::Log;
use nix_build::realise::{
    BuildObserver, Means, Settings, Substitutable, Substituter, SubstitutionError, Wanted, plan_by, realise,
};
use nix_store::{LocalStore, StorePath, StoreRoot, nar};

use crate::graph::{Written, full_text};
use crate::shell::{Script, Shell};

/// Offers all that a store has; `broken` ones cannot be had in the end.
struct Other {
    store: LocalStore,
    broken: BTreeSet<String>,
    questions: Mutex<Vec<usize>>,
}

impl Other {
    fn new(shell: &Shell, broken: &[&str]) -> Arc<Self> {
        let store = LocalStore::open(StoreRoot::new(shell.store.directory.path())).unwrap();
        let broken = broken.iter().map(|name| (*name).to_owned()).collect();
        Arc::new(Other { store, broken, questions: Mutex::default() })
    }
}

impl Substituter for Other {
    fn query(&self, paths: &BTreeSet<StorePath>) -> BTreeMap<StorePath, Substitutable> {
        self.questions.lock().unwrap().push(paths.len());
        let info = |path: &StorePath| self.store.query(path).unwrap();
        paths
            .iter()
            .filter_map(|path| {
                let info = info(path)?;
                let offer = Substitutable {
                    references: info.references,
                    nar_size: info.nar_size,
                    download_size: None,
                };
                Some((path.clone(), offer))
            })
            .collect()
    }

    fn fetch(
        &self,
        store: &LocalStore,
        path: &StorePath,
        log: &dyn Log,
        cancellation: &Cancellation,
    ) -> Result<(), SubstitutionError> {
        cancellation.check()?;
        if self.broken.contains(path.name()) {
            return Err("the archive is torn".into());
        }
        let mut archive = Vec::new();
        nar::dump(&self.store.real_path(path), &mut archive)?;
        log.progress(archive.len() as u64, None);
        Ok(store.add_nar(&self.store.path_info(path)?, &mut archive.as_slice())?)
    }
}

#[derive(Default)]
struct Warnings(Mutex<Vec<String>>);

impl BuildObserver for Warnings {
    fn warning(&self, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }
}

/// `top` refers to `middle` and needs `tool` to be built; `middle` refers to `leaf`.
fn graph(shell: &Shell) -> [Written; 4] {
    let tool = shell.script("tool", "echo tool > $out");
    let leaf = shell.script("leaf", "echo leaf > $out");
    let with = |name: &str, inputs: Vec<&Written>, refers: &Written| {
        let text = format!("cat {} > /dev/null; echo {} > $out", inputs[0].output, refers.output);
        shell.write(Script { name, text, inputs, ..Script::default() })
    };
    let middle = with("middle", vec![&leaf], &leaf);
    let top = with("top", vec![&tool, &middle], &middle);
    [tool, leaf, middle, top]
}

fn run(
    shell: &Shell,
    wanted: &Written,
    other: Arc<Other>,
    fallback: bool,
) -> (String, Result<(usize, usize), String>, Vec<String>) {
    let means = Means { substituter: Some(other), ..Means::default() };
    let wanted = [Wanted::all(wanted.derivation.clone())];
    let plan = plan_by(&means, &shell.store.store, &wanted).unwrap();
    let settings = Settings { means, fallback, ..shell.settings() };
    let warnings = Warnings::default();
    let realised = realise(&shell.store.store, &plan, &settings, &warnings, &Cancellation::new());
    let counts = realised.map(|realised| (realised.substituted, realised.built));
    (plan.to_string(), counts.map_err(|error| full_text(&error)), warnings.0.into_inner().unwrap())
}

#[test]
fn what_another_store_has_is_not_built() {
    let theirs = Shell::new();
    let [_, _, _, top] = graph(&theirs);
    theirs.realise(&[&top]).unwrap();
    let ours = Shell::new();
    let [tool, leaf, middle, top] = graph(&ours);
    let other = Other::new(&theirs, &[]);
    let (plan, counts, warnings) = run(&ours, &top, Arc::clone(&other), true);
    assert!(
        plan.starts_with("these 3 paths will be fetched (0.00 MiB to download, 0.00 MiB unpacked):\n"),
        "{plan}"
    );
    assert_eq!((counts, warnings), (Ok((3, 0)), vec![]));
    // One question a level: the output, and what it refers to.
    assert_eq!(*other.questions.lock().unwrap(), [1, 1, 1]);
    for (written, there) in [(&tool, false), (&leaf, true), (&middle, true), (&top, true)] {
        assert_eq!(ours.store.real(written).exists(), there, "{}", written.output);
    }
    ours.store.verify_by_nix();
}

#[test]
fn what_cannot_be_had_after_all_is_built() {
    let theirs = Shell::new();
    let [_, _, _, top] = graph(&theirs);
    theirs.realise(&[&top]).unwrap();
    let ours = Shell::new();
    let [tool, _, middle, top] = graph(&ours);
    let (_, counts, warnings) = run(&ours, &top, Other::new(&theirs, &["middle"]), false);
    let text = counts.unwrap_err();
    assert!(text.contains("-middle'") && text.contains("the archive is torn"), "{text}");
    assert!(warnings.is_empty());
    let (_, counts, warnings) = run(&ours, &top, Other::new(&theirs, &["middle"]), true);
    // The leaf came with the first run; the tool can be had, the other two are built.
    assert_eq!(counts, Ok((1, 2)));
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("-middle could not be fetched (the archive is torn); building instead"));
    assert!(fs::read_to_string(ours.store.real(&top)).unwrap().contains(&middle.output));
    assert!(ours.store.real(&tool).exists());
    ours.store.verify_by_nix();
}

#[test]
fn a_derivation_may_refuse_substitutes() {
    let theirs = Shell::new();
    let local = |shell: &Shell| {
        shell.write(Script {
            name: "local",
            text: "echo x > $out".into(),
            variables: vec![("allowSubstitutes", String::new())],
            ..Script::default()
        })
    };
    theirs.realise(&[&local(&theirs)]).unwrap();
    let ours = Shell::new();
    let (_, counts, _) = run(&ours, &local(&ours), Other::new(&theirs, &[]), true);
    assert_eq!(counts, Ok((0, 1)));
}
