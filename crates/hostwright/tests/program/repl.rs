//! `hostwright repl`, through a pipe and through a terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::evaluation::{Place, WRITTEN};
use crate::fleet::Run;

fn session(place: &Place, arguments: &[&str], lines: &str) -> Run {
    let run = place.run_with_input(&[&["repl"], arguments].concat(), lines);
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    run
}

#[test]
fn lines_from_a_pipe_are_evaluated() {
    let place = Place::new();
    let run = session(
        &place,
        &[],
        "1 + 1\nx = { a = 1;\n b = { c = [ 1 ]; }; }\nx\n:p x.b\n:t x\n:t 1.5\n# a remark\n\nx.b.c == [ 1 ]\n",
    );
    assert_eq!(run.stdout, "2\n{\n  a = 1;\n  b = { ... };\n}\n{\n  c = [ 1 ];\n}\na set\na float\ntrue\n");
    assert_eq!(run.stderr, "");
}

#[test]
fn mistakes_do_not_end_it() {
    let place = Place::new();
    let lines = "throw \"first\"\nx.y\n1 )\nlet f = n: 1 + f n; in f 0\nlet x = x; in x\n:nonsense\n:p\n:te maybe\n[ (throw \"inner\") 1 ]\n2\n{ a =";
    let run = session(&place, &[], lines);
    assert_eq!(run.stdout, "[\n  «error: inner»\n  1\n]\n2\n");
    for said in [
        "error: first",
        "undefined variable 'x'",
        "syntax error",
        "max-call-depth exceeded",
        "infinite recursion",
        "':nonsense'",
        ":p wants EXPRESSION",
        ":te wants",
        "unexpected end of file",
    ] {
        assert!(run.stderr.contains(said), "{said:?} is missing in:\n{}", run.stderr);
    }
}

#[test]
fn files_are_loaded_and_read_again() {
    let place = Place::new();
    place.write("a.nix", "{ suffix ? \"\" }: { one = \"1${suffix}\"; }");
    let run = session(
        &place,
        &["--file", "a.nix", "--argstr", "suffix", "!", "--expr", "{ three = 3; }"],
        "one\nthree\ntwo = one + one\n:r\ntwo\n:a { one = 5; four = 4; }\n[ one four ]\n:l ./nowhere.nix\n",
    );
    let added = "Added 1 variable.\n";
    let expected =
        format!("{added}{added}\"1!\"\n3\n{added}{added}\"1!1!\"\nAdded 2 variables.\n[\n  5\n  4\n]\n");
    assert_eq!(run.stdout, expected);
    assert!(run.stderr.contains("nowhere.nix"), "{}", run.stderr);
}

#[test]
fn functions_are_described() {
    let place = Place::new();
    place.write("f.nix", "{\n  /** Adds one. */\n  increment = x: x + 1;\n  plain = x: x;\n}");
    let run = session(&place, &["--file", "f.nix"], ":doc map\n:doc increment\n:doc plain\n:doc 1\n:?\n");
    for said in [
        "builtins.map f list\n\nA list of what `f` returns",
        "The function 'increment', ",
        "f.nix:3:15\n\nAdds one.\n",
        "no documentation comment",
        "Only functions are documented",
        ":lf, :load-flake FLAKE",
    ] {
        assert!(run.stdout.contains(said), "{said:?} is missing in:\n{}", run.stdout);
    }
}

#[test]
fn derivations_are_built() {
    let place = Place::new();
    let lines = format!("d = {WRITTEN}\nd\n:b d\n:bl d\n(import d).built\n:b 1\n");
    let run = session(&place, &[], &lines);
    let drv = run.stdout.lines().next().unwrap();
    assert!(drv.starts_with("«derivation /nix/store/") && drv.ends_with("-w.drv»"), "{drv}");
    assert_eq!(run.stdout.matches("out -> /nix/store/").count(), 2, "{}", run.stdout);
    assert!(run.stdout.ends_with("./repl-result-out leads to it\n42\n"), "{}", run.stdout);
    let built = std::fs::read_to_string(place.here().join("repl-result-out")).unwrap();
    assert_eq!(built, "{ built = 42; }");
    assert!(run.stderr.contains("expected a set"), "{}", run.stderr);
}

#[test]
fn flakes_are_loaded() {
    let place = Place::new();
    place.write("flake.nix", "{ outputs = { self }: { answer = 42; nested.deep = 1; }; }");
    place.write("other/flake.nix", "{ outputs = { self }: { other = 7; }; }");
    let run = session(&place, &[".#nested"], "deep\n:lf ./other\nother + deep\n:lf ./nowhere\nother\n");
    assert!(
        run.stdout.contains("\n1\n") && run.stdout.contains("\n8\n") && run.stdout.ends_with("7\n"),
        "{}",
        run.stdout
    );
    assert!(run.stderr.contains("nowhere"), "{}", run.stderr);
}

/// A terminal with the repl in it.
struct Terminal {
    keyboard: File,
    screen: Arc<Mutex<String>>,
    child: Child,
}

impl Terminal {
    fn open(place: &Place) -> Terminal {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let open =
            || -> OwnedFd { rustix::fs::open(&name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap() };
        // Of a terminal that is its own, the program gets the signals, too.
        let mut command = Command::new("setsid");
        command.args(["--ctty", "--wait", env!("CARGO_BIN_EXE_hostwright"), "--timings", "none", "repl"]);
        place.surround(&mut command);
        command.env("TERM", "xterm").env("NO_COLOR", "1").stdin(open()).stdout(open()).stderr(open());
        let child = command.spawn().unwrap();
        let master = File::from(master);
        let mut reader = master.try_clone().unwrap();
        let screen = Arc::new(Mutex::new(String::new()));
        let written = Arc::clone(&screen);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // At the end of the program the terminal is gone, which is an error to its reader.
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                written.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..count]));
            }
        });
        Terminal { keyboard: master, screen, child }
    }

    fn press(&mut self, keys: &str) {
        self.screen.lock().unwrap().clear();
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until a text is on the screen that was not there before the last key.
    fn shows(&mut self, text: &str) {
        let end = Instant::now() + Duration::from_secs(60);
        while !self.screen.lock().unwrap().contains(text) {
            let ended = self.child.try_wait().unwrap();
            if ended.is_some() || Instant::now() > end {
                let screen = self.screen.lock().unwrap();
                panic!("{text:?} is missing in {screen:?}; the program: {ended:?}");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    fn status(mut self) -> Option<i32> {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            match self.child.try_wait().unwrap() {
                Some(status) => return status.code(),
                None if Instant::now() > end => {
                    self.child.kill().unwrap();
                    return None;
                }
                None => std::thread::sleep(Duration::from_millis(10)),
            }
        }
    }
}

const PROMPT: &str = "hostwright> ";

#[test]
fn a_terminal_completes_interrupts_and_ends() {
    let place = Place::new();
    let mut terminal = Terminal::open(&place);
    terminal.shows(PROMPT);
    terminal.press("{ answer = 40 +\r 2; }\r");
    terminal.shows("answer = 42;");
    terminal.press("builtins.isAttr\t { }\r");
    terminal.shows("true");
    terminal.press("x = { broken = throw \"y\"; fine = 1; }\r");
    terminal.shows(PROMPT);
    // What cannot be evaluated completes to nothing, and does no harm.
    terminal.press("x.broken.\t\u{15}x.fi\t + 4\r");
    terminal.shows("5");
    terminal.press("builtins.foldl' (a: b: builtins.length (builtins.genList (x: x) 999)) 0 (builtins.genList (x: x) 50000000)\r");
    std::thread::sleep(Duration::from_secs(1));
    terminal.press("\u{3}");
    terminal.shows("Interrupted.");
    terminal.press("6 * 7\r");
    terminal.shows("42");
    // A signal while nothing is evaluated ends nothing. It is given time to come before the next line.
    rustix::process::kill_process(terminal.pid(), Signal::INT).unwrap();
    std::thread::sleep(Duration::from_secs(1));
    terminal.press("6 * 9\r");
    terminal.shows("54");
    terminal.press("half a line\u{3}");
    terminal.shows(PROMPT);
    terminal.press("\u{4}");
    assert_eq!(terminal.status(), Some(0));
    let history = std::fs::read_to_string(place.home().join(".local/state/hostwright/repl-history")).unwrap();
    assert!(history.contains("6 * 7"), "{history}");
}
