//! Builds on other machines: Nix's own daemon behind an SSH server.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use base64::prelude::{BASE64_STANDARD, Engine};
use nix_build::realise::{
    BuildId, BuildObserver, BuilderQueue, Machine, Means, NoObserver, PlannedBuild, Realised, Settings,
    Wanted, plan_by, realise,
};
use nix_build::remote::RemoteMachine;
use nix_build::{Cancellation, Error};
use tempfile::TempDir;

use crate::graph::{Written, full_text};
use crate::shell::{Script, Shell};
use crate::ssh::SshServer;

/// A platform that only the other machine has.
const ELSEWHERE: &str = "elsewhere-linux";

/// Another machine: a Nix store, a daemon, an SSH server.
struct Other {
    place: TempDir,
    server: SshServer,
}

impl Other {
    /// A machine whose daemon is `program`.
    fn new(program: &str) -> Self {
        let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        fs::create_dir(place.path().join("home")).unwrap();
        let server = SshServer::start(place.path(), &Self::script(place.path(), &format!("exec {program}")));
        Other { place, server }
    }

    fn script(place: &Path, program: &str) -> String {
        format!(
            "export NIX_REMOTE='local?root={0}/root' HOME={0}/home NIX_CONFIG='extra-platforms = {ELSEWHERE}\n\
             build-users-group =\nsandbox = true\nsandbox-fallback = false\nsandbox-paths =\n\
             system-features = special benchmark\nsubstituters ='\n\
             {program} \"$@\"",
            place.canonicalize().unwrap().display()
        )
    }

    /// Its line in a file of machines, for these platforms and features.
    fn line(&self, systems: &str, fields: &str) -> String {
        let key = fs::read(self.place.path().join("host.pub")).unwrap();
        format!(
            "ssh-ng://127.0.0.1:{}?remote-program={} {systems} {} {fields} {}",
            self.server.port,
            self.server.daemon().display(),
            self.server.key("user").display(),
            BASE64_STANDARD.encode(key)
        )
    }

    /// The base names of its store paths.
    fn paths(&self) -> Vec<String> {
        let entries = fs::read_dir(self.place.path().join("root/nix/store")).into_iter().flatten();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = nix_store::local::remove_tree(&self.place.path().join("root"));
    }
}

#[derive(Default)]
struct Heard {
    warnings: Mutex<Vec<String>>,
    lines: Mutex<Vec<String>>,
    sent: Mutex<Vec<String>>,
    queues: Mutex<Vec<BuilderQueue>>,
}

impl BuildObserver for Heard {
    fn warning(&self, text: &str) {
        self.warnings.lock().unwrap().push(text.to_owned());
    }

    fn log_line(&self, _id: BuildId, line: &str) {
        self.lines.lock().unwrap().push(line.to_owned());
    }

    fn sent(&self, _id: BuildId, build: &PlannedBuild, machine: &str) {
        self.sent.lock().unwrap().push(format!("{} {machine}", build.name));
    }

    fn queues(&self, queues: &[BuilderQueue]) {
        self.queues.lock().unwrap().extend_from_slice(queues);
    }
}

fn means(lines: &[String]) -> Means {
    let builders = RemoteMachine::parse_list(&lines.join("\n"), &Machine::this().systems[0]).unwrap();
    Means { builders, ..Means::default() }
}

fn build(
    shell: &Shell,
    wanted: &[&Written],
    means: Means,
    observer: &dyn BuildObserver,
    cancellation: &Cancellation,
) -> Result<Realised, Error> {
    let wanted: Vec<Wanted> = wanted.iter().map(|written| Wanted::all(written.derivation.clone())).collect();
    let plan = plan_by(&means, &shell.store.store, &wanted)?;
    let settings = Settings { means, ..shell.settings() };
    realise(&shell.store.store, &plan, &settings, observer, cancellation)
}

fn script<'a>(name: &'a str, text: &str, system: Option<&'a str>, inputs: Vec<&'a Written>) -> Script<'a> {
    Script { name, text: text.to_owned(), system, inputs, ..Script::default() }
}

/// The daemons to test with: Debian's, and another that the environment names.
fn daemons() -> Vec<String> {
    let other = std::env::var("HOSTWRIGHT_OTHER_NIX_DAEMON").ok();
    [String::from("nix-daemon")].into_iter().chain(other).collect()
}

#[test]
fn what_another_machine_builds_is_brought_back() {
    for daemon in daemons() {
        let other = Other::new(&daemon);
        let shell = Shell::new();
        // One that runs anywhere and is kept here, one that this machine's platform cannot run, one that needs both.
        let here = shell.write(Script {
            variables: vec![("preferLocalBuild", "1".into())],
            ..script("here", "echo here > $out", None, vec![])
        });
        let text = "echo made elsewhere; mkdir $out $dev; echo $dev > $out/refers; echo x > $dev/x; chmod 400 $dev/x";
        let there = shell
            .write(Script { more_outputs: vec!["dev"], ..script("there", text, Some(ELSEWHERE), vec![]) });
        let text = format!("cat {} {}/refers > $out", here.output, there.output);
        let both = shell.write(Script {
            variables: vec![("requiredSystemFeatures", "special".into())],
            ..script("both", &text, None, vec![&here, &there])
        });
        let system = Machine::this().systems[0].clone();
        let machine = other.line(&format!("{system},{ELSEWHERE}"), "2 1 special -");
        let heard = Heard::default();
        let realised = build(&shell, &[&both], means(&[machine]), &heard, &Cancellation::new());
        let realised = realised.unwrap_or_else(|error| {
            panic!("{}\n{}", full_text(&error), heard.lines.lock().unwrap().join("\n"))
        });
        assert_eq!(realised.built, 3);
        let sent = heard.sent.into_inner().unwrap();
        let place = format!("ssh-ng://127.0.0.1:{}", other.server.port);
        assert_eq!(sent, [format!("there {place}"), format!("both {place}")], "{daemon}");
        assert!(heard.lines.lock().unwrap().iter().any(|line| line == "made elsewhere"));
        assert!(heard.warnings.lock().unwrap().is_empty());
        assert!(heard.queues.lock().unwrap().iter().any(|queue| (queue.running, queue.slots) == (1, 2)));
        let text = fs::read_to_string(shell.store.real(&both)).unwrap();
        assert!(text.starts_with("here\n/nix/store/") && text.ends_with("-there-dev\n"), "{text}");
        assert_eq!(shell.store.references(&there), ["there-dev"]);
        let log = nix_build::realise::read_log(shell.store.store.root(), &there.derivation).unwrap();
        assert_eq!(log.unwrap(), b"made elsewhere\n");
        // The inputs went there, and nothing that was not needed.
        let paths = other.paths();
        assert!(paths.iter().any(|path| path.ends_with("-here")), "{paths:?}");
        assert!(!paths.iter().any(|path| path.ends_with(".deb")), "{paths:?}");
        shell.store.verify_by_nix();
        let root = other.place.path().join("root").canonicalize().unwrap();
        let verified = Command::new("nix-store")
            .args(["--verify", "--check-contents", "--store", &format!("local?root={}", root.display())])
            .output()
            .unwrap();
        assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    }
}

#[test]
fn failures_there_are_failures_here() {
    for daemon in daemons() {
        let other = Other::new(&daemon);
        let shell = Shell::new();
        let bad = shell.write(script("bad", "echo it breaks; exit 7", Some(ELSEWHERE), vec![]));
        let good = shell.write(script("good", "echo x > $out", Some(ELSEWHERE), vec![]));
        let machine = other.line(ELSEWHERE, "1 1 - -");
        let error =
            build(&shell, &[&bad], means(std::slice::from_ref(&machine)), &NoObserver, &Cancellation::new());
        let Err(error @ Error::Failed { .. }) = error else { panic!("{error:?}") };
        let text = full_text(&error);
        assert!(text.contains("could not build it") && text.contains("exit code 7"), "{text}");
        let Error::Failed { failures, .. } = &error else { panic!() };
        assert_eq!(failures[0].log_tail, ["it breaks"]);
        // The machine is as good as before.
        assert_eq!(
            build(&shell, &[&good], means(&[machine]), &NoObserver, &Cancellation::new()).unwrap().built,
            1
        );
    }
}

#[test]
fn a_dead_machine_costs_one_warning() {
    let other = Other::new("nix-daemon");
    let shell = Shell::new();
    let system = Machine::this().systems[0].clone();
    let dead = |systems: &str| format!("ssh-ng://127.0.0.1:1 {systems} - 3 10");
    let three: Vec<Written> = ["one", "two", "three"]
        .iter()
        .map(|name| shell.write(script(name, "echo x > $out", Some(ELSEWHERE), vec![])))
        .collect();
    let own = shell.write(script("own", "echo x > $out", None, vec![]));
    let heard = Heard::default();
    let wanted: Vec<&Written> = three.iter().chain([&own]).collect();
    let lines = [dead(&format!("{system},{ELSEWHERE}")), other.line(ELSEWHERE, "1 1 - -")];
    let realised = build(&shell, &wanted, means(&lines), &heard, &Cancellation::new()).unwrap();
    assert_eq!(realised.built, 4);
    let warnings = heard.warnings.into_inner().unwrap();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with("the builder ssh-ng://127.0.0.1:1 cannot be used: "), "{warnings:?}");

    // With nobody else who could, the machines are named.
    let four = shell.write(script("four", "echo x > $out", Some(ELSEWHERE), vec![]));
    let error = build(&shell, &[&four], means(&[dead(ELSEWHERE)]), &NoObserver, &Cancellation::new());
    let text = full_text(&error.unwrap_err());
    assert!(text.contains("none can be used: ssh-ng://127.0.0.1:1"), "{text}");
    // With no machine at all, the plan says what is needed.
    let error = build(&shell, &[&four], Means::default(), &NoObserver, &Cancellation::new()).unwrap_err();
    assert!(matches!(error, Error::CannotBuild { .. }), "{error}");
}

#[test]
fn a_machine_that_vanishes_gives_its_build_back() {
    let other = Other::new("nix-daemon");
    // The daemon is gone in the middle of whatever it does.
    other.server.set_daemon(&Other::script(other.place.path(), "exec timeout -s KILL 4 nix-daemon"));
    let shell = Shell::new();
    let first = shell.write(script("slow", "test -e $busybox; sleep 8; echo x > $out", None, vec![]));
    let system = Machine::this().systems[0].clone();
    let heard = Heard::default();
    let realised =
        build(&shell, &[&first], means(&[other.line(&system, "1 1 - -")]), &heard, &Cancellation::new());
    assert_eq!(realised.unwrap().built, 1);
    assert_eq!(heard.sent.lock().unwrap().len(), 1);
    assert_eq!(heard.warnings.lock().unwrap().len(), 1);
    shell.store.verify_by_nix();
}

#[test]
fn a_build_there_can_be_called_off() {
    let other = Other::new("nix-daemon");
    let shell = Shell::new();
    let long = shell.write(script("long", "echo begun; sleep 300", Some(ELSEWHERE), vec![]));
    let (heard, cancellation) = (Heard::default(), Cancellation::new());
    let machine = other.line(ELSEWHERE, "1 1 - -");
    thread::scope(|scope| {
        let run = scope.spawn(|| build(&shell, &[&long], means(&[machine]), &heard, &cancellation));
        let until = Instant::now() + Duration::from_secs(60);
        while heard.lines.lock().unwrap().is_empty() {
            assert!(Instant::now() < until && !run.is_finished(), "the build does not begin");
            thread::sleep(Duration::from_millis(20));
        }
        let begin = Instant::now();
        cancellation.cancel();
        assert!(matches!(run.join().unwrap(), Err(Error::Cancelled)));
        assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    });
}
