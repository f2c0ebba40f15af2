//! How builds end: by themselves, by a limit, by a kill.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use nix_build::realise::{BuildId, BuildObserver, NoObserver, Settings, read_log};
use nix_build::{Cancellation, Error};

use crate::graph::full_text;
use crate::shell::{Script, Shell, helper};

/// How many processes of the machine have `text` among their arguments.
fn processes_with(text: &str) -> usize {
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| fs::read(entry.path().join("cmdline")).ok())
        .filter(|arguments| arguments.split(|byte| *byte == 0).any(|argument| argument == text.as_bytes()))
        .count()
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < Duration::from_secs(10), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A time to sleep that no other process of this machine sleeps.
fn unique_seconds(salt: u32) -> String {
    format!("{}{salt:03}", 9_000_000 + std::process::id())
}

#[test]
fn a_daemon_does_not_outlive_its_build() {
    let shell = Shell::new();
    let seconds = unique_seconds(1);
    let text = format!(
        "setsid sleep {seconds} > /dev/null 2>&1 < /dev/null & setsid nohup sleep {seconds} & echo x > $out"
    );
    assert_eq!(shell.read(&shell.script("daemon", &text)), "x\n");
    assert_eq!(processes_with(&seconds), 0);
}

#[test]
fn a_failure_says_how_and_shows_the_end_of_the_log() {
    #[derive(Default)]
    struct Lines(Mutex<Vec<String>>);
    impl BuildObserver for Lines {
        fn log_line(&self, _id: BuildId, line: &str) {
            self.0.lock().unwrap().push(line.to_owned());
        }
    }
    let shell = Shell::new();
    let text =
        "seq 1 40; echo '@nix {\"action\":\"setPhase\"}' >&2; printf 'one\\rtwo\\n'; printf end; exit 3";
    let written = shell.script("failing", text);
    let lines = Lines::default();
    let settings = Settings { keep_failed: true, ..shell.settings() };
    let error = shell.realise_with(&[&written], &settings, &lines).unwrap_err();
    assert!(full_text(&error).contains("the builder failed with exit code 3"), "{}", full_text(&error));
    let Error::Failed { failures, .. } = &error else { panic!("{error}") };
    let tail = &failures[0].log_tail;
    assert_eq!(tail.len(), 25);
    assert_eq!(tail[22..24], ["two", "end"]);
    let seen = lines.0.into_inner().unwrap();
    assert_eq!((seen[0].as_str(), seen.len()), ("1", 43));
    let log =
        String::from_utf8(read_log(shell.store.store.root(), &written.derivation).unwrap().unwrap()).unwrap();
    assert!(log.starts_with("1\n2\n") && log.contains("one\rtwo\nend\n"), "{log}");
    let path = failures[0].log.clone().unwrap();
    assert!(path.extension().is_some_and(|extension| extension == "bz2"), "{}", path.display());
    let kept = tail[24].strip_prefix("the build directory is kept: ").unwrap();
    assert!(Path::new(kept).is_dir());
    assert!(!shell.store.real(&written).exists());
    let killed = shell.script("killed", "sh -c 'kill -9 $$'; kill -9 $$; exec $busybox false");
    assert!(shell.fail(&killed).contains("exit code 1"));
    let unmade = shell.script("unmade", "echo x > $out.other");
    assert!(shell.fail(&unmade).contains(&format!("made no output 'out' at '{}'", unmade.output)));
    let absent = shell.write(Script { name: "absent", text: "exec /bin/none".into(), ..Script::default() });
    assert!(shell.fail(&absent).contains("exit code 127"), "{}", shell.fail(&absent));
}

#[test]
fn builds_that_take_too_long_are_ended() {
    let shell = Shell::new();
    let seconds = unique_seconds(2);
    let slow = shell.script("slow", &format!("while true; do echo x; sleep 0.1; done & sleep {seconds}"));
    let silent = shell.script("silent", &format!("echo x; sleep {seconds}"));
    let timeout = Settings { timeout: Some(Duration::from_millis(700)), ..shell.settings() };
    let silence = Settings { max_silent_time: Some(Duration::from_millis(600)), ..shell.settings() };
    for (written, settings, message) in [
        (&slow, &timeout, "took longer than 0.7 seconds"),
        (&silent, &silence, "printed nothing for 0.6 seconds"),
    ] {
        let begin = Instant::now();
        let error = shell.realise_with(&[written], settings, &NoObserver).unwrap_err();
        assert!(full_text(&error).contains(message), "{}", full_text(&error));
        assert!(begin.elapsed() < Duration::from_secs(5));
        assert_eq!(processes_with(&seconds), 0);
    }
}

#[test]
fn a_build_can_be_called_off() {
    let shell = Shell::new();
    let seconds = unique_seconds(3);
    let written = shell.script("long", &format!("sleep {seconds}"));
    let cancellation = Cancellation::new();
    let result = std::thread::scope(|scope| {
        let settings = shell.settings();
        let run = {
            let (shell, written, cancellation) = (&shell, &written, cancellation.clone());
            scope.spawn(move || shell.store.realise_with(&[written], &settings, &NoObserver, &cancellation))
        };
        wait_until("the build begins", || processes_with(&seconds) > 0);
        cancellation.cancel();
        run.join().unwrap()
    });
    assert!(matches!(result, Err(Error::Cancelled)));
    assert_eq!(processes_with(&seconds), 0);
}

#[test]
fn a_killed_run_leaves_nothing_running_and_the_next_completes() {
    let shell = Shell::new();
    let seconds = unique_seconds(4);
    let flag = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let first = shell.script("first", "echo first > $out");
    let second = shell.write(Script {
        name: "second",
        // The first time it hangs, with a process in a session of its own.
        text: format!("cat {} > $out; test -e /proc/1/environ; if test ! -s /etc/none; then setsid sleep {seconds} & sleep {seconds}; fi", first.output),
        inputs: vec![&first],
        ..Script::default()
    });
    let mut run = Command::new(helper())
        .arg(shell.store.directory.path())
        .arg(second.derivation.base_name())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("the build begins", || processes_with(&seconds) == 2);
    run.kill().unwrap();
    run.wait().unwrap();
    wait_until("the builder ends", || processes_with(&seconds) == 0);
    assert!(shell.store.store.verify(true).unwrap().is_empty());
    assert!(shell.store.real(&first).exists() && !shell.store.real(&second).exists());
    // The same derivation, with something in its surroundings that lets it end.
    fs::write(flag.path().join("none"), "x").unwrap();
    let mut settings = shell.settings();
    settings.sandbox.paths =
        vec![format!("/etc/none={}", flag.path().join("none").display()).parse().unwrap()];
    let realised = shell.realise_with(&[&second], &settings, &NoObserver).unwrap();
    assert_eq!(realised.built, 1);
    assert_eq!(fs::read_to_string(shell.store.real(&second)).unwrap(), "first\n");
    let scratch = shell.store.store.root().state_directory().join("hostwright/scratch");
    assert_eq!(fs::read_dir(scratch).unwrap().count(), 0);
    shell.store.verify_by_nix();
}

#[test]
fn keep_going_builds_the_rest() {
    let shell = Shell::new();
    let bad = shell.script("bad", "exit 1");
    let fine = shell.script("fine", "sleep 0.5; echo x > $out");
    let settings = Settings { keep_going: true, max_jobs: 2, ..shell.settings() };
    let error = shell.realise_with(&[&bad, &fine], &settings, &NoObserver).unwrap_err();
    assert_eq!(error.to_string(), "1 build failed");
    assert!(shell.store.real(&fine).exists());
}

#[test]
fn what_this_machine_cannot_build_is_said_first() {
    let shell = Shell::new();
    let foreign = shell.write(Script { name: "foreign", system: Some("vax-linux"), ..Script::default() });
    let text = shell.fail(&foreign);
    assert!(text.contains("'vax-linux' machine; this one builds for"), "{text}");
    let variables = vec![("requiredSystemFeatures", "benchmark quantum".to_owned())];
    let special = shell.write(Script { name: "special", variables, ..Script::default() });
    let text = shell.fail(&special);
    assert!(text.contains("features quantum; this one has benchmark, big-parallel"), "{text}");
}

#[test]
fn kills_at_any_moment_leave_a_store_that_verifies() {
    let shell = Shell::new();
    let parts: Vec<_> = (0..6)
        .map(|number| {
            let text =
                format!("mkdir $out; for i in $(seq 200); do echo {number} > $out/$i; done; sleep 0.05");
            shell.script(&format!("part-{number}"), &text)
        })
        .collect();
    let list: Vec<&str> = parts.iter().map(|part| part.output.as_str()).collect();
    let whole = shell.write(Script {
        name: "whole",
        text: format!("cat {}/1 > $out; echo {} >> $out", list.join("/1 "), list.join(" ")),
        inputs: parts.iter().collect(),
        ..Script::default()
    });
    let run = || {
        Command::new(helper())
            .arg(shell.store.directory.path())
            .arg(whole.derivation.base_name())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    // Later and later, so that every step of a build is hit.
    for milliseconds in (3..150).step_by(9) {
        let mut run = run();
        std::thread::sleep(Duration::from_millis(milliseconds));
        run.kill().unwrap();
        run.wait().unwrap();
        assert!(shell.store.store.verify(true).unwrap().is_empty());
    }
    assert!(run().wait().unwrap().success());
    assert!(fs::read_to_string(shell.store.real(&whole)).unwrap().starts_with("0\n1\n2\n"));
    shell.store.verify_by_nix();
    let scratch = shell.store.store.root().state_directory().join("hostwright/scratch");
    assert_eq!(fs::read_dir(scratch).unwrap().count(), 0);
}
