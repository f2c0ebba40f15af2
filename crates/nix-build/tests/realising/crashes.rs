//! Processes that are killed, and processes that share a store.

use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::graph::{TestStore, Written};

/// The example of this crate, which cargo builds together with the tests.
fn program() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    tests.parent().and_then(|deps| deps.parent()).unwrap().join("examples/realise")
}

fn spawn(store: &TestStore, written: &Written) -> Child {
    Command::new(program())
        .arg(store.directory.path())
        .arg(written.derivation.base_name())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Some hundred files and a few trees of them.
fn graph(store: &TestStore) -> Written {
    let mut trees = Vec::new();
    for group in 0..12 {
        let files: Vec<Written> = (0..25)
            .map(|number| {
                let name = format!("file-{group}-{number}");
                let text = name.repeat(3000);
                store.write(&name, "builtin:write-file", json!({ "text": text }), &[])
            })
            .collect();
        let entries: Vec<_> = files
            .iter()
            .enumerate()
            .map(|(number, file)| json!({ "path": format!("d{number}/file"), "source": file.output }))
            .collect();
        let inputs: Vec<&Written> = files.iter().collect();
        let name = format!("tree-{group}");
        trees.push(store.write(&name, "builtin:make-tree", json!({ "entries": entries }), &inputs));
    }
    let links: Vec<_> = trees
        .iter()
        .enumerate()
        .map(|(number, tree)| json!({ "path": format!("{number}"), "symlink": tree.output }))
        .collect();
    let inputs: Vec<&Written> = trees.iter().collect();
    store.write("root", "builtin:make-tree", json!({ "entries": links }), &inputs)
}

#[test]
fn a_killed_process_leaves_a_store_that_verifies() {
    let kills = std::env::var("HOSTWRIGHT_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(15);
    let mut killed = 0;
    for round in 0..kills {
        let store = TestStore::new();
        let root = graph(&store);
        // Later and later, so that every stage of the work is hit.
        for patience in (5 + round % 13..).step_by(13).map(Duration::from_millis) {
            let mut child = spawn(&store, &root);
            std::thread::sleep(patience);
            child.kill().unwrap();
            let status = child.wait().unwrap();
            assert!(store.store.verify(true).unwrap().is_empty());
            if status.success() {
                break;
            }
            assert_eq!(status.signal(), Some(9));
            killed += 1;
        }
        completes(&store, &root);
        if killed >= kills {
            return;
        }
    }
    panic!("only {killed} were killed at work");
}

/// The next run does what the killed ones left, and tidies up.
fn completes(store: &TestStore, root: &Written) {
    let link = json!({ "entries": [{ "path": "root", "symlink": root.output }] });
    let last = store.write("last", "builtin:make-tree", link, &[root]);
    assert!(spawn(store, &last).wait().unwrap().success());
    store.verify_by_nix();
    let leftovers: Vec<_> = std::fs::read_dir(store.store.root().store_directory())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with('.') && name != ".links" || name.ends_with(".lock"))
        .collect();
    assert!(leftovers.is_empty(), "{leftovers:?}");
    let scratch = store.store.root().state_directory().join("hostwright/scratch");
    assert_eq!(std::fs::read_dir(scratch).unwrap().count(), 0);
}

#[test]
fn processes_share_a_store() {
    let store = TestStore::new();
    let root = graph(&store);
    let children: Vec<Child> = (0..3).map(|_| spawn(&store, &root)).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert!(store.real(&root).exists());
    store.verify_by_nix();
}
