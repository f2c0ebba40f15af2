//! `hostwright eval` without any flake.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::fleet::Run;

/// A directory to run the program in, with a home and a store of its own.
pub struct Place {
    directory: TempDir,
}

impl Place {
    pub fn new() -> Place {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("here")).unwrap();
        Place { directory }
    }

    /// Where the program runs.
    pub fn here(&self) -> PathBuf {
        self.directory.path().join("here")
    }

    pub fn home(&self) -> &Path {
        self.directory.path()
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.here().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Gives a program the surroundings of this place.
    pub fn surround(&self, command: &mut Command) {
        command
            .current_dir(self.here())
            .env("HOME", self.home())
            .env("HOSTWRIGHT_STORE", self.home().join("store"))
            .env_remove("NIX_PATH")
            .env_remove("NIX_CONFIG")
            .env_remove("XDG_CACHE_HOME")
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_DATA_HOME")
            .env_remove("XDG_STATE_HOME")
            .env_remove("EDITOR");
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hostwright"));
        self.surround(&mut command);
        command.args(["--timings", "none"]).args(arguments).stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Run {
        Run::of(self.command(arguments))
    }

    /// Runs the program with a text on its standard input.
    pub fn run_with_input(&self, arguments: &[&str], input: &str) -> Run {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        Run {
            status: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn eval(&self, arguments: &[&str]) -> String {
        let run = self.run(&[&["eval"], arguments].concat());
        assert_eq!(run.status, Some(0), "{arguments:?}:\n{}", run.stderr);
        run.stdout
    }
}

/// A derivation that is built inside the program.
pub const WRITTEN: &str = "derivation { name = \"w\"; system = \"builtin\"; builder = \"builtin:write-file\"; \
                           text = \"{ built = 42; }\"; __structuredAttrs = true; }";

/// What Nix 2.26.3's `nix eval` prints for the same arguments.
#[test]
fn values_are_printed_as_nix_eval_does() {
    let place = Place::new();
    for (expression, printed) in [
        (
            "{ a = 1+1; b = x: x; c = builtins.map; d = map (x: x); e = \"a\\nb\"; g = [ 1 [ 2 { } ] ]; h = /etc; i=1.5; \"a b\"=null; }",
            "{ a = 2; \"a b\" = null; b = «lambda b @ «string»:1:16»; c = «primop map»; d = «partially applied primop map»; \
             e = \"a\\nb\"; g = [ 1 [ 2 { } ] ]; h = /etc; i = 1.5; }",
        ),
        ("{ a = throw \"x\"; b = 1; }", "{ a = «error: x»; b = 1; }"),
        ("let x = { inherit x; y = [ x ]; }; in x", "{ x = «repeated»; y = [ «repeated» ]; }"),
        ("let a = { b = 1; }; in [ a a { } { } ]", "[ { b = 1; } «repeated» { } «repeated» ]"),
        ("{ x ? 2 }: x", "«lambda @ «string»:1:1»"),
        (
            "derivation { name = \"d\"; system = \"x\"; builder = \"b\"; }",
            "«derivation /nix/store/nzvhjdd45mdh8mkqm4vz4hdqsjrvkm8j-d.drv»",
        ),
    ] {
        assert_eq!(place.eval(&["--expr", expression]), format!("{printed}\n"), "{expression}");
    }
    assert_eq!(place.eval(&["--raw", "--expr", "{ outPath = \"x\"; }"]), "x");
    assert_eq!(
        place.eval(&["--json", "--expr", "{ b = [ 1.5 null ]; a = \"x\"; }"]),
        "{\"a\":\"x\",\"b\":[1.5,null]}\n"
    );
    assert_eq!(place.eval(&["--apply", "builtins.attrNames", "--expr", "{ a = 1; }"]), "[ \"a\" ]\n");
    assert!(place.eval(&["--xml", "--expr", "1"]).contains("<int value=\"1\" />"));
    place.run(&["eval", "--raw", "--expr", "1"]).fails_with(3, &["cannot coerce an integer to a string"]);
    place.run(&["eval", "--json", "--expr", "x: x"]).fails_with(3, &["JSON"]);
    place.run(&["eval", "--strict", "--expr", "{ a = throw \"inner\"; }"]).fails_with(3, &["inner"]);
}

#[test]
fn files_attributes_and_arguments_are_found() {
    let place = Place::new();
    place.write(
        "default.nix",
        "{ name ? \"nobody\", number ? 1 }: { greeting = \"hello ${name}\"; list = [ 1 (number + 1) ]; }",
    );
    place.write("plain.nix", "{ a.\"b c\" = 3; }");
    assert_eq!(place.eval(&["--file", "plain.nix", "a.\"b c\""]), "3\n");
    assert_eq!(place.eval(&["-f", ".", "-A", "greeting"]), "\"hello nobody\"\n");
    assert_eq!(place.eval(&["-f", "default.nix", "greeting", "--argstr", "name", "web"]), "\"hello web\"\n");
    assert_eq!(place.eval(&["-f", "default.nix", "list.1", "--arg", "number", "2 * 20"]), "41\n");
    assert_eq!(
        place.eval(&["-I", &format!("here={}", place.here().display()), "-f", "<here/plain.nix>", "a"]),
        "{ \"b c\" = 3; }\n"
    );
    assert_eq!(place.run_with_input(&["eval", "--file", "-"], "1 + 1").stdout, "2\n");
    place.run(&["eval", "-f", "plain.nix", "a.c"]).fails_with(3, &["attribute 'c'", "'a.c'"]);
    place.run(&["eval", "-f", "plian.nix"]).fails_with(3, &["plian.nix", "'plain.nix'"]);
    place.run(&["eval"]).fails_with(2, &["FLAKE#ATTRIBUTE"]);
}

#[test]
fn settings_of_nix_are_respected() {
    let place = Place::new();
    place.write("x.nix", "1");
    let here = place.here().display().to_string();
    place.run(&["eval", "--expr", "builtins.currentSystem"]).fails_with(3, &["currentSystem"]);
    place.run(&["eval", "--expr", "import ./x.nix"]).fails_with(3, &["pure evaluation mode"]);
    assert_eq!(place.eval(&["--impure", "--expr", "import ./x.nix"]), "1\n");
    assert_eq!(place.eval(&["--option", "pure-eval", "false", "--expr", "import ./x.nix"]), "1\n");
    assert_eq!(place.eval(&["--impure", "--system", "a-b", "--expr", "builtins.currentSystem"]), "\"a-b\"\n");
    assert_eq!(
        place.eval(&["--impure", "--eval-system", "a-b", "--expr", "builtins.currentSystem"]),
        "\"a-b\"\n"
    );
    place
        .run(&["eval", "--impure", "--restrict-eval", "--expr", "import ./x.nix"])
        .fails_with(3, &["restricted mode"]);
    let restricted =
        ["--impure", "--restrict-eval", "-I", &format!("x={here}"), "--expr", "import <x/x.nix>"];
    assert_eq!(place.eval(&restricted), "1\n");
    place.run(&["eval", "--expr", "1 |> (x: x)"]).fails_with(3, &["pipe-operators"]);
    assert_eq!(
        place.eval(&["--extra-experimental-features", "pipe-operators", "--expr", "1 |> (x: x)"]),
        "1\n"
    );
    let mut with_environment = place.command(&["eval", "--impure", "--expr", "[ <n/x.nix> (1 |> (x: x)) ]"]);
    with_environment
        .env("NIX_PATH", format!("n={here}"))
        .env("NIX_CONFIG", "extra-experimental-features = pipe-operators");
    assert_eq!(Run::of(with_environment).stdout, format!("[ {here}/x.nix 1 ]\n"));
}

#[test]
fn what_evaluation_reads_is_built() {
    let place = Place::new();
    let import = format!("(import ({WRITTEN})).built");
    place.run(&["eval", "--read-only", "--expr", &import]).fails_with(3, &["read-only"]);
    place
        .run(&["eval", "--no-allow-import-from-derivation", "--expr", &import])
        .fails_with(3, &["w.drv^out", "'allow-import-from-derivation' is disabled"]);
    assert_eq!(place.eval(&["--expr", &import]), "42\n");
    // It is there now, and need not be built again.
    assert_eq!(place.eval(&["--read-only", "--expr", &import]), "42\n");
    assert_eq!(place.eval(&["--expr", &format!("builtins.readFile ({WRITTEN})")]), "\"{ built = 42; }\"\n");
    assert_eq!(place.eval(&["--expr", &format!("builtins.pathExists \"${{{WRITTEN}}}\"")]), "true\n");
    let tree = "derivation { name = \"t\"; system = \"builtin\"; builder = \"builtin:write-file\"; text = \"x\"; \
                destination = \"a/b\"; __structuredAttrs = true; }";
    assert_eq!(
        place.eval(&["--expr", &format!("builtins.readDir \"${{{tree}}}/a\"")]),
        "{ b = \"regular\"; }\n"
    );
    let foreign = "import (derivation { name = \"f\"; system = \"x86_64-linux\"; builder = \"/bin/sh\"; })";
    place.run(&["eval", "--expr", foreign]).fails_with(3, &["f.drv", "/bin/sh"]);
}

#[test]
fn mistakes_are_shown_where_they_are() {
    let place = Place::new();
    place.write("lib.nix", "{\n  twice = f: x: f (f x);\n}");
    place.write("main.nix", "let lib = import ./lib.nix; in\n{\n  result = lib.twice (x: x + null) 1;\n}");
    let short = place.run(&["eval", "-f", "main.nix", "result"]);
    short.fails_with(3, &["error: cannot add null to a number", "main.nix:3:30", "(x: x + null)"]);
    let whole = place.run(&["eval", "-f", "main.nix", "result", "--show-trace"]);
    whole.fails_with(3, &["lib.nix:2:17", "twice = f: x: f (f x);", "while calling"]);
    assert!(!whole.stderr.contains("left out"), "{}", whole.stderr);
    let coloured = place.run(&["eval", "--expr", "throw \"\\u001b[31mred\""]);
    assert!(!coloured.stderr.contains('\u{1b}'), "{}", coloured.stderr);
    let escaped = "throw (builtins.fromJSON \"\\\"\\\\u001b[31mred\\\\u001b[0m\\\"\")";
    let coloured = place.run(&["eval", "--expr", escaped]);
    coloured.fails_with(3, &["error: red"]);
    assert!(!coloured.stderr.contains('\u{1b}'), "{}", coloured.stderr);
}
