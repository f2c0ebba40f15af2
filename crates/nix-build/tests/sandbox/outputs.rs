//! What becomes of outputs.

use std::fs;

use nix_build::Cancellation;
use nix_build::realise::{NoObserver, Wanted, plan_check, realise};
use nix_store::{ContentAddressMethod, DerivationOutput, Hash};
use serde_json::json;

use crate::graph::{Written, full_text};
use crate::shell::{Script, Shell};

#[test]
fn outputs_are_registered_with_what_they_refer_to() {
    let shell = Shell::new();
    let input = shell.script("input", "echo x > $out");
    let written = shell.write(Script {
        name: "several",
        text: "mkdir -p $out/bin $dev; echo $input > $out/bin/a; chmod 700 $out/bin/a; ln -s $out $dev/out; \
               touch -d '2001-01-01' $out; chmod 500 $out; umask 077; echo $busybox | tr a-z b-za > $dev/b"
            .into(),
        inputs: vec![&input],
        variables: vec![("input", input.output.clone())],
        more_outputs: vec!["dev"],
        ..Script::default()
    });
    shell.realise(&[&written]).unwrap();
    assert_eq!(shell.store.references(&written), ["input"]);
    let dev = shell.store.store.derivation_outputs(&written.derivation).unwrap()["dev"].clone();
    let references = shell.store.store.references(&dev).unwrap();
    assert_eq!(references.iter().map(|path| path.name()).collect::<Vec<_>>(), ["several"]);
    let info = shell.store.store.path_info(&dev).unwrap();
    assert_eq!(info.deriver, Some(written.derivation.clone()));
    shell.store.verify_by_nix();
}

fn fixed(shell: &Shell, name: &str, text: &str, method: ContentAddressMethod, hash: Hash) -> Written {
    let directory = shell.store.store.directory();
    let path = directory.make_fixed_output_path(name, method, &hash, Default::default()).unwrap();
    let output = DerivationOutput::Fixed { path, method, hash };
    shell.write(Script { name, text: text.into(), fixed: Some(output), ..Script::default() })
}

#[test]
fn known_hashes_are_checked() {
    let shell = Shell::new();
    let (flat, recursive) = (ContentAddressMethod::Flat, ContentAddressMethod::Recursive);
    let right = fixed(&shell, "right", "printf x > $out", flat, Hash::sha256(b"x"));
    let tree = nix_store::nar::Node::file(*b"x").nar_hash().unwrap().0;
    let right_tree = fixed(&shell, "right-tree", "printf x > $out", recursive, tree);
    shell.realise(&[&right, &right_tree]).unwrap();
    shell.store.verify_by_nix();
    let wrong = fixed(&shell, "wrong", "printf y > $out", flat, Hash::sha256(b"x"));
    let text = shell.fail(&wrong);
    for hash in [Hash::sha256(b"x"), Hash::sha256(b"y")] {
        assert!(text.contains(&hash.to_sri()), "{text}");
    }
    assert!(text.contains("wanted sha256-") && text.contains("got sha256-"), "{text}");
    let directory = fixed(&shell, "directory", "mkdir $out", flat, Hash::sha256(b"x"));
    assert!(shell.fail(&directory).contains("regular file that is not executable"));
    let executable = fixed(&shell, "executable", "printf x > $out; chmod +x $out", flat, Hash::sha256(b"x"));
    assert!(shell.fail(&executable).contains("regular file that is not executable"));
    for failed in [&wrong, &directory, &executable] {
        assert!(!shell.store.real(failed).exists());
    }
}

#[test]
fn demands_on_references_are_checked() {
    let shell = Shell::new();
    let leaf = shell.script("leaf", "echo x > $out");
    let middle = shell.write(Script {
        name: "middle",
        text: format!("echo {} > $out", leaf.output),
        inputs: vec![&leaf],
        ..Script::default()
    });
    let with = |name: &str, variable: &str, value: String| {
        shell.write(Script {
            name,
            text: format!("echo {} $out > $out", middle.output),
            inputs: vec![&middle],
            variables: vec![(variable, value)],
            ..Script::default()
        })
    };
    let both = format!("{} out", middle.output);
    for (name, variable, value, forbidden) in [
        ("a", "allowedReferences", both.clone(), None),
        ("b", "allowedReferences", String::new(), Some(middle.output.clone())),
        ("c", "allowedRequisites", both, Some(leaf.output.clone())),
        ("d", "disallowedReferences", leaf.output.clone(), None),
        ("e", "disallowedRequisites", leaf.output.clone(), Some(leaf.output.clone())),
    ] {
        let written = with(name, variable, value);
        match forbidden {
            None => drop(shell.realise(&[&written]).unwrap()),
            Some(path) => {
                let text = shell.fail(&written);
                assert!(text.contains("must not refer to") && text.contains(&path), "{text}");
                assert!(!shell.store.real(&written).exists());
            }
        }
    }
    let structured = shell.write(Script {
        name: "structured",
        text: "out=$(sed -n \"s/^declare -A outputs=(\\['out'\\]='\\(.*\\)' )$/\\1/p\" $NIX_ATTRS_SH_FILE); \
               dd if=/dev/zero of=$out bs=1k count=64 2>/dev/null"
            .into(),
        structured: Some(json!({ "name": "structured", "outputChecks": { "out": { "maxSize": 1000 } } })),
        ..Script::default()
    });
    let text = shell.fail(&structured);
    assert!(text.contains("more than the allowed 1000"), "{text}");
}

#[test]
fn special_files_are_refused() {
    let shell = Shell::new();
    let written = shell.script("fifo", "mkdir $out; mkfifo $out/fifo");
    assert!(shell.fail(&written).contains("fifo"), "{}", shell.fail(&written));
    assert!(fs::symlink_metadata(shell.store.real(&written)).is_err());
}

#[test]
fn builds_can_be_compared_with_what_they_made_before() {
    let shell = Shell::new();
    let steady = shell.script("steady", "echo x > $out");
    let random = shell.script("random", "cat /proc/sys/kernel/random/uuid > $out");
    shell.realise(&[&steady, &random]).unwrap();
    let before = fs::read(shell.store.real(&random)).unwrap();
    let check = |written: &Written| {
        let wanted = [Wanted::all(written.derivation.clone())];
        let settings = shell.settings();
        let plan = plan_check(&settings.means, &shell.store.store, &wanted).unwrap();
        assert!(plan.builds.len() == 1 && plan.builds[0].is_check);
        realise(&shell.store.store, &plan, &settings, &NoObserver, &Cancellation::new())
    };
    check(&steady).unwrap();
    let text = full_text(&check(&random).unwrap_err());
    assert!(text.contains("was built again and is not the same"), "{text}");
    assert_eq!(fs::read(shell.store.real(&random)).unwrap(), before);
    shell.store.verify_by_nix();
}
