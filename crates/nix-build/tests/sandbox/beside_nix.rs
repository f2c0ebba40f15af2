//! The same derivation, built here and by Nix.

use std::process::Command;

use crate::shell::{Script, Shell};

#[test]
fn nix_builds_the_same() {
    let (ours, theirs) = (Shell::new(), Shell::new());
    let script = || Script {
        name: "same",
        text:
            "mkdir -p $out/bin $out/share; echo hello > $out/share/text; ln -s ../share/text $out/bin/link; \
               cp $busybox $out/bin/program; chmod 700 $out/bin/program; echo $out $extra > $out/share/self; \
               test $NIX_BUILD_TOP = $TMPDIR; cat $filePath > $out/share/file"
                .into(),
        variables: vec![
            ("extra", "a  b".into()),
            ("file", "in a file".into()),
            ("passAsFile", "file".into()),
        ],
        ..Script::default()
    };
    let (own, other) = (ours.write(script()), theirs.write(script()));
    assert_eq!((&own.derivation, &own.output), (&other.derivation, &other.output));
    ours.realise(&[&own]).unwrap();
    let root = theirs.store.directory.path().canonicalize().unwrap();
    let nix = |program: &str, arguments: &[&str]| {
        let output = Command::new(program)
            .args(arguments)
            .args(["--store", &format!("local?root={}", root.display())])
            // Users to build as, which root needs, are a matter of the machine's.
            .args(["--option", "build-users-group", "", "--option", "substituters", ""])
            .output()
            .expect("Nix is needed to compare with: install Debian's nix-bin");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let derivation = format!("/nix/store/{}", other.derivation);
    nix("nix-store", &["--realise", &derivation]);
    let hash = nix("nix-store", &["--query", "--hash", &other.output]);
    assert_eq!(hash.trim(), ours.store.nar_hash(&own).to_prefixed_base32());
    ours.store.verify_by_nix();
}
