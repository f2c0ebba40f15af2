//! What happens when builds fail, are called off, or cannot be done.

use std::sync::Mutex;
use std::time::Duration;

use nix_build::realise::{
    BuildId, BuildObserver, FailureKind, NoObserver, Outcome, PlannedBuild, Settings, Wanted, plan, read_log,
    realise,
};
use nix_build::{Cancellation, Error};
use nix_store::DerivationOutput;
use serde_json::json;

use crate::graph::{TestStore, Written, full_text};

#[derive(Default)]
struct Record(Mutex<Vec<(String, &'static str)>>);

impl BuildObserver for Record {
    fn finished(&self, _id: BuildId, build: &PlannedBuild, outcome: &Outcome<'_>, _duration: Duration) {
        let outcome = match outcome {
            Outcome::Built { .. } => "built",
            Outcome::AlreadyValid => "valid",
            Outcome::Failed(_) => "failed",
            Outcome::Skipped => "skipped",
        };
        self.0.lock().unwrap().push((build.name.clone(), outcome));
    }
}

fn good(store: &TestStore, name: &str, inputs: &[&Written]) -> Written {
    let text: Vec<&str> = inputs.iter().map(|input| input.output.as_str()).collect();
    store.write(name, "builtin:write-file", json!({ "text": text.join("\n") }), inputs)
}

#[test]
fn keep_going_builds_all_that_does_not_wait_for_the_failure() {
    let store = TestStore::new();
    let bad = store.write("bad", "builtin:write-file", json!({ "txt": "x" }), &[]);
    let behind = good(&store, "behind", &[&bad]);
    let further = good(&store, "further", &[&behind]);
    let fine = good(&store, "fine", &[]);
    let root = good(&store, "root", &[&fine]);
    let record = Record::default();
    let settings = Settings { keep_going: true, ..Settings::default() };
    let error = store.realise_with(&[&further, &root], &settings, &record, &Cancellation::new()).unwrap_err();
    let Error::Failed { failures, skipped } = &error else { panic!("{error}") };
    assert_eq!((failures.len(), *skipped), (1, 2));
    assert_eq!(error.to_string(), "1 build failed; 2 others not done");
    let log = read_log(store.store.root(), &failures[0].derivation).unwrap().unwrap();
    let log = String::from_utf8(log).unwrap();
    assert!(log.contains("`txt`"), "{log}");
    let mut outcomes = record.0.into_inner().unwrap();
    outcomes.sort();
    let expected = [
        ("bad", "failed"),
        ("behind", "skipped"),
        ("fine", "built"),
        ("further", "skipped"),
        ("root", "built"),
    ];
    assert_eq!(outcomes, expected.map(|(name, outcome)| (name.to_owned(), outcome)));
    store.verify_by_nix();
}

#[test]
fn what_cannot_be_built_is_said_before_anything_is_built() {
    let store = TestStore::new();
    let fine = good(&store, "fine", &[]);
    let shell = store.write("shell", "/bin/sh", json!({}), &[&fine]);
    let unlocked = store.write("unlocked", "builtin:hostwright-unlocked", json!({}), &[&fine]);
    let unknown = store.write("unknown", "builtin:other", json!({}), &[&fine]);
    let fetch = store.write("fetch", "builtin:fetchurl", json!({ "url": "http://x.example/" }), &[&fine]);
    for (written, message, kind) in [
        (&shell, "'builtin' machine", FailureKind::Build),
        (&unlocked, "lock", FailureKind::Lock),
        (&unknown, "builtin:other", FailureKind::Build),
        (&fetch, "hash", FailureKind::Build),
    ] {
        let error = plan(&store.store, &[Wanted::all(written.derivation.clone())]).unwrap_err();
        assert!(full_text(&error).contains(message), "{}", full_text(&error));
        assert!(full_text(&error).contains(written.derivation.base_name()));
        assert_eq!(error.kind(), kind);
    }
    assert!(!store.real(&fine).exists());
}

#[test]
fn a_plan_can_be_shown_and_read_by_programs() {
    let store = TestStore::new();
    let hash = nix_store::Hash::sha256(b"x");
    let file = store.write_fixed("file", json!({ "url": "mirror://debian/file" }), hash);
    let root = good(&store, "root", &[&file]);
    let planned = plan(&store.store, &[Wanted::all(root.derivation.clone())]).unwrap();
    assert_eq!(
        planned.to_string(),
        format!(
            "this derivation will be built:\n  {}\nthis file will be fetched:\n  {}\n",
            root.derivation, file.derivation
        )
    );
    let value = serde_json::to_value(&planned).unwrap();
    assert_eq!(value["builds"][0]["builder"], "builtin:fetchurl");
    assert_eq!(value["builds"][0]["urls"], json!(["mirror://debian/file"]));
    assert_eq!(value["builds"][1]["waitsFor"], json!([0]));
}

#[test]
fn a_run_that_was_called_off_builds_nothing() {
    let store = TestStore::new();
    let file = good(&store, "file", &[]);
    let cancellation = Cancellation::new();
    cancellation.cancel();
    let error = store.realise_with(&[&file], &Settings::default(), &NoObserver, &cancellation).unwrap_err();
    assert!(matches!(error, Error::Cancelled));
    assert!(!store.real(&file).exists());
}

#[test]
fn an_output_with_a_known_hash_cannot_refer_to_the_store() {
    let store = TestStore::new();
    let input = good(&store, "input", &[]);
    let hash = nix_store::Hash::sha256(input.output.as_bytes());
    let method = nix_store::ContentAddressMethod::Flat;
    let path =
        store.store.directory().make_fixed_output_path("fixed", method, &hash, Default::default()).unwrap();
    let output = DerivationOutput::Fixed { path, method, hash };
    let attributes = json!({ "text": input.output });
    let fixed = store.write_with("fixed", "builtin:write-file", attributes, &[&input], output);
    let error = store.realise(&[&fixed]).unwrap_err();
    assert!(full_text(&error).contains("refers to store paths"), "{}", full_text(&error));
}

#[test]
fn two_threads_build_the_same_once() {
    let store = TestStore::new();
    let files: Vec<Written> = (0..40).map(|number| good(&store, &format!("file-{number}"), &[])).collect();
    let root = good(&store, "root", &files.iter().collect::<Vec<_>>());
    let planned = plan(&store.store, &[Wanted::all(root.derivation.clone())]).unwrap();
    let run = || {
        realise(&store.store, &planned, &Settings::default(), &NoObserver, &Cancellation::new())
            .unwrap()
            .built
    };
    let built: usize = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..3).map(|_| scope.spawn(run)).collect();
        runs.into_iter().map(|run| run.join().unwrap()).sum()
    });
    assert_eq!(built, 41);
    store.verify_by_nix();
}
