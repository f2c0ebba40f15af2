//! What a builder finds.

use std::collections::BTreeMap;

use serde_json::json;

use crate::shell::{Script, Shell};

/// What a script printed, as `name=value` lines.
fn lines(text: &str) -> BTreeMap<&str, &str> {
    text.lines().filter_map(|line| line.split_once('=')).collect()
}

#[test]
fn the_environment_is_that_of_nix() {
    let shell = Shell::new();
    let written = shell.write(Script {
        name: "environment",
        // PATH is what the script needs to have; its first line says what it was.
        text: "unset PATH; env > $out; cat $longPath >> $out".into(),
        variables: vec![
            ("long", "content=of a file\n".into()),
            ("passAsFile", "long".into()),
            ("quoted", "a\nb 'c' \"d\" $e".into()),
        ],
        ..Script::default()
    });
    let text = shell.read(&written);
    let found = lines(&text);
    for (name, value) in [
        ("HOME", "/homeless-shelter"),
        ("NIX_BUILD_TOP", "/build"),
        ("NIX_LOG_FD", "2"),
        ("NIX_STORE", "/nix/store"),
        ("PWD", "/build"),
        ("TEMP", "/build"),
        ("TEMPDIR", "/build"),
        ("TERM", "xterm-256color"),
        ("TMP", "/build"),
        ("TMPDIR", "/build"),
        ("content", "of a file"),
        ("name", "environment"),
        ("out", written.output.as_str()),
        ("passAsFile", "long"),
    ] {
        assert_eq!(found.get(name).copied(), Some(value), "{name} in {text}");
    }
    assert!(!found.contains_key("long") && !found.contains_key("CARGO"), "{text}");
    assert!(text.contains("quoted=a\nb 'c' \"d\" $e\n"), "{text}");
}

#[test]
fn a_builder_is_an_ordinary_user_of_an_ordinary_system() {
    let shell = Shell::new();
    let text = "{ id -u; id -g; id -un; id -gn; hostname; umask; ulimit -c; tty || true; \
                grep -E '^(CapEff|CapPrm|CapAmb|NoNewPrivs|Seccomp):' /proc/self/status; \
                cat /etc/hosts; ls / /dev /etc; \
                echo x | tee /dev/null > /tmp/file;  touch /dev/shm/file; \
                dd if=/dev/zero bs=4 count=1 2>/dev/null | od -An -tx1; \
                ls -ld /nix/store /tmp | cut -c1-10; } > $out 2>&1";
    let written = shell.script("system", text);
    let found = shell.read(&written);
    let expected = "1000\n100\nnixbld\nnixbld\nlocalhost\n0022\n0\nnot a tty\n\
        CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapAmb:\t0000000000000000\n\
        NoNewPrivs:\t1\nSeccomp:\t2\n127.0.0.1 localhost\n::1 localhost\n";
    assert!(found.starts_with(expected), "{found}");
    let root: Vec<&str> =
        found.lines().skip_while(|line| *line != "/:").skip(1).take_while(|line| !line.is_empty()).collect();
    assert_eq!(root, ["build", "dev", "etc", "nix", "proc", "tmp"]);
    for device in ["fd", "full", "null", "ptmx", "pts", "random", "shm", "stdin", "tty", "urandom", "zero"] {
        assert!(found.lines().any(|line| line == device), "{device} in {found}");
    }
    assert!(found.contains("group\nhosts\npasswd\n"), "{found}");
    assert!(found.ends_with("00 00 00 00\ndrwxrwxr-t\ndrwxrwxrwt\n"), "{found}");
}

#[test]
fn structured_attributes_come_as_files() {
    let shell = Shell::new();
    let attributes = json!({
        "name": "structured", "words": ["a b", "c"], "number": 3,
        "exportReferencesGraph": { "graph": [shell.busybox.output] },
    });
    let written = shell.write(Script {
        name: "structured",
        text: "out=$(sed -n \"s/^declare -A outputs=(\\['out'\\]='\\(.*\\)' )$/\\1/p\" $NIX_ATTRS_SH_FILE); \
               cat $NIX_ATTRS_SH_FILE $NIX_ATTRS_JSON_FILE > $out"
            .into(),
        structured: Some(attributes),
        ..Script::default()
    });
    let text = shell.read(&written);
    assert!(text.contains("declare -a words=('a b' 'c' )\n"), "{text}");
    assert!(text.contains("declare number=3\n"), "{text}");
    let json: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(json["outputs"]["out"], written.output.as_str());
    assert_eq!(json["graph"][0]["path"], shell.busybox.output.as_str());
}

#[test]
fn closures_are_exported() {
    let shell = Shell::new();
    let first = shell.script("first", "echo 1 > $out");
    let second = shell.write(Script {
        name: "second",
        text: "echo $first > $out".into(),
        inputs: vec![&first],
        variables: vec![("first", first.output.clone())],
        ..Script::default()
    });
    let written = shell.write(Script {
        name: "closure",
        text: "cat graph > $out".into(),
        inputs: vec![&second],
        variables: vec![("exportReferencesGraph", format!("graph {}", second.output))],
        ..Script::default()
    });
    let mut expected =
        [format!("{}\n\n0\n", first.output), format!("{}\n\n1\n{}\n", second.output, first.output)];
    expected.sort();
    assert_eq!(shell.read(&written), expected.concat());
}

#[test]
fn settings_name_what_else_is_there() {
    let shell = Shell::new();
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    std::fs::write(directory.path().join("file"), "of the machine").unwrap();
    let written =
        shell.script("paths", "test ! -e /none; (: > /opt/x/file) 2>/dev/null || cat /opt/x/file > $out");
    let mut settings = shell.settings();
    settings.sandbox.paths = vec![
        format!("/opt/x={}", directory.path().display()).parse().unwrap(),
        "/none=/does/not/exist?".parse().unwrap(),
    ];
    shell.realise_with(&[&written], &settings, &nix_build::realise::NoObserver).unwrap();
    assert_eq!(std::fs::read_to_string(shell.store.real(&written)).unwrap(), "of the machine");
}

#[test]
fn a_tree_of_debian_can_be_the_root() {
    let shell = Shell::new();
    let usr = shell.write(Script {
        name: "tree",
        text: "mkdir -p $out/bin $out/lib64; cp $busybox $out/bin/sh; echo x > $out/lib64/file".into(),
        ..Script::default()
    });
    let written = shell.write(Script {
        name: "in-tree",
        text: "cat /lib64/file > $out; /bin/sh -c 'readlink /bin' >> $out; (: > /usr/bin/y) 2>/dev/null || echo read-only >> $out".into(),
        inputs: vec![&usr],
        variables: vec![("debianRoot", usr.output.clone())],
        ..Script::default()
    });
    assert_eq!(shell.read(&written), "x\nusr/bin\nread-only\n");
}
