//! What the command line asks for.

use std::ffi::OsString;
use std::path::PathBuf;

use nix_expr::{Feature, SearchPathEntry, Settings, parse_search_path, parse_search_path_entry};

/// What `--help` prints.
pub const HELP: &str = "\
Usage: nix-instantiate [OPTION]... [FILE | -E EXPRESSION | -]...

Evaluates Nix expressions with this project's evaluator; the options are those of Nix's program of this name.

  --eval               print what the expressions evaluate to instead of writing derivations to the store
  --parse              print the expressions as they were understood
  --find-file          look the arguments up in the search path
  --strict, --json, --xml, --raw, --no-location
                       how --eval prints
  -A, --attr PATH      take this attribute of each expression
  -E, --expr           the arguments are expressions, not files
  --arg NAME EXPR, --argstr NAME TEXT
                       give functions this argument
  -I ENTRY             an entry of the search path
  --store URL          local?root=DIRECTORY, a directory, or dummy://
  --read-write-mode    --eval puts into the store what a value takes from the file system
  --pure-eval, --impure, --max-call-depth N, --trace-verbose, --abort-on-warn, --show-trace
                       as in Nix
";

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// Write derivations to the store and print their paths.
    Instantiate,
    /// Print values.
    Evaluate,
    /// Print expressions.
    Parse,
    /// Print where `<…>` leads.
    FindFile,
    /// Print the version.
    Version,
    /// Print how to call the program.
    Help,
}

/// How values are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// As in the language.
    Nix,
    /// As JSON.
    Json,
    /// As XML.
    Xml,
    /// A string as it is.
    Raw,
}

/// Something to evaluate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file, or something to be looked up in the search path.
    File(String),
    /// An expression.
    Text(String),
    /// Standard input.
    Input,
}

/// The value of `--arg` or `--argstr`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    /// An expression.
    Expression(String),
    /// A string.
    Text(String),
}

/// A command line.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// What is to be done.
    pub goal: Goal,
    /// How values are printed.
    pub format: Format,
    /// Whether values are evaluated in depth.
    pub strict: bool,
    /// Whether an error comes with the way to it.
    pub show_trace: bool,
    /// The attributes to take of each source; the source itself if there are none.
    pub attributes: Vec<String>,
    /// Arguments for functions.
    pub arguments: Vec<(String, Argument)>,
    /// What to evaluate.
    pub sources: Vec<Source>,
    /// The directory that the store lies in; `None` for the machine's own.
    pub store_root: Option<PathBuf>,
    /// The directory that store paths begin with.
    pub store_directory: String,
    /// Whether `--eval` puts into the store what a value depends on.
    pub writes: bool,
    /// How to evaluate.
    pub settings: Settings,
}

/// A command line that cannot be understood.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsageError {
    /// Nothing follows an option that wants a value.
    #[error("'{0}' needs {1} argument(s)")]
    Missing(String, usize),
    /// No such option.
    #[error("unrecognised flag '{0}'; see --help")]
    Unknown(String),
    /// The value of an option is not of its form.
    #[error("'{value}' is no value for '{option}'")]
    Value {
        /// The option.
        option: String,
        /// Its value.
        value: String,
    },
    /// An argument is not UTF-8.
    #[error("the argument '{0}' is not UTF-8")]
    Encoding(String),
}

/// Options with one value that only matter to builds or to Nix itself.
const IGNORED_WITH_VALUE: &[&str] =
    &["--timeout", "--max-silent-time", "--max-jobs", "-j", "--cores", "--log-format", "--eval-store"];
/// Options without value that only matter to builds or to Nix itself.
const IGNORED: &[&str] = &[
    "--indirect",
    "--dry-run",
    "--quiet",
    "-v",
    "--verbose",
    "-Q",
    "--no-build-output",
    "--keep-going",
    "-k",
    "--keep-failed",
    "-K",
    "--fallback",
    "--repair",
    "--no-location",
];

impl Invocation {
    /// Reads the arguments that follow the program's name, and `NIX_PATH`, `NIX_REMOTE`, `NIX_STORE_DIR`, `NIX_CONFIG` and
    /// `NIX_ABORT_ON_WARN`.
    ///
    /// # Errors
    /// The arguments are none that the program takes.
    pub fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Self, UsageError> {
        let arguments: Vec<String> = arguments
            .map(|argument| {
                let encoding =
                    |argument: OsString| UsageError::Encoding(argument.to_string_lossy().into_owned());
                argument.into_string().map_err(encoding)
            })
            .collect::<Result<_, _>>()?;
        let mut reader = Reader {
            rest: arguments.into_iter(),
            found: Invocation::default(),
            positional: Vec::new(),
            expressions: false,
        };
        if let Ok(url) = std::env::var("NIX_REMOTE") {
            reader.found.store_root = store_root(&url)?;
        }
        if let Ok(directory) = std::env::var("NIX_STORE_DIR") {
            reader.found.store_in(directory)?;
        }
        // Nix's settings as text; here one to a line is enough.
        for line in std::env::var("NIX_CONFIG").unwrap_or_default().lines() {
            if let Some((name, value)) = line.split_once('=') {
                reader.setting(name.trim(), value.trim())?;
            }
        }
        reader.read()?;
        Ok(reader.finish())
    }
}

impl Invocation {
    /// Store paths begin with `directory`, and lie there.
    fn store_in(&mut self, directory: String) -> Result<(), UsageError> {
        let Some(root) = directory.strip_suffix("/nix/store") else {
            return Err(UsageError::Value { option: "NIX_STORE_DIR".into(), value: directory });
        };
        if !root.is_empty() {
            self.store_root = Some(PathBuf::from(root));
        }
        self.store_directory = directory;
        Ok(())
    }
}

impl Default for Invocation {
    fn default() -> Self {
        let abort_on_warn = std::env::var_os("NIX_ABORT_ON_WARN").is_some_and(|value| value == "1");
        Invocation {
            goal: Goal::Instantiate,
            format: Format::Nix,
            strict: false,
            show_trace: false,
            attributes: Vec::new(),
            arguments: Vec::new(),
            sources: Vec::new(),
            store_root: None,
            store_directory: "/nix/store".to_owned(),
            writes: false,
            settings: Settings { abort_on_warn, ..Settings::default() },
        }
    }
}

struct Reader {
    rest: std::vec::IntoIter<String>,
    found: Invocation,
    positional: Vec<String>,
    expressions: bool,
}

impl Reader {
    fn value(&mut self, option: &str, wanted: usize) -> Result<String, UsageError> {
        self.rest.next().ok_or_else(|| UsageError::Missing(option.to_owned(), wanted))
    }

    fn read(&mut self) -> Result<(), UsageError> {
        while let Some(argument) = self.rest.next() {
            self.option(&argument)?;
        }
        Ok(())
    }

    fn option(&mut self, option: &str) -> Result<(), UsageError> {
        let found = &mut self.found;
        match option {
            "--eval" | "--eval-only" => found.goal = Goal::Evaluate,
            "--parse" | "--parse-only" => found.goal = Goal::Parse,
            "--find-file" => found.goal = Goal::FindFile,
            "--version" => found.goal = Goal::Version,
            "--help" => found.goal = Goal::Help,
            "--strict" => found.strict = true,
            "--json" => found.format = Format::Json,
            "--xml" => found.format = Format::Xml,
            "--raw" => found.format = Format::Raw,
            "--show-trace" => found.show_trace = true,
            "--no-show-trace" => found.show_trace = false,
            "-E" | "--expr" => self.expressions = true,
            "--pure-eval" => found.settings.pure = true,
            "--impure" | "--no-pure-eval" => found.settings.pure = false,
            "--trace-verbose" => found.settings.trace_verbose = true,
            "--read-write-mode" => found.writes = true,
            "--readonly-mode" => found.writes = false,
            "--abort-on-warn" => found.settings.abort_on_warn = true,
            "-A" | "--attr" => {
                let path = self.value(option, 1)?;
                self.found.attributes.push(path);
            }
            "--arg" | "--argstr" => {
                let name = self.value(option, 2)?;
                let value = self.value(option, 2)?;
                let value =
                    if option == "--arg" { Argument::Expression(value) } else { Argument::Text(value) };
                self.found.arguments.push((name, value));
            }
            "-I" | "--include" => {
                let entry = self.value(option, 1)?;
                self.found.settings.search_path.extend(parse_search_path_entry(&entry));
            }
            "--store" | "--add-root" => {
                let value = self.value(option, 1)?;
                if option == "--store" {
                    self.found.store_root = store_root(&value)?;
                }
            }
            "--option" => {
                let name = self.value(option, 2)?;
                let value = self.value(option, 2)?;
                self.setting(&name, &value)?;
            }
            "--max-call-depth"
            | "--extra-experimental-features"
            | "--experimental-features"
            | "--system"
            | "--store-dir"
            | "--restrict-eval" => {
                let value =
                    if option == "--restrict-eval" { "true".to_owned() } else { self.value(option, 1)? };
                self.setting(option.trim_start_matches("--"), &value)?;
            }
            ignored if IGNORED.contains(&ignored) => {}
            ignored if IGNORED_WITH_VALUE.contains(&ignored) => {
                self.value(option, 1)?;
            }
            "-" => self.positional.push(option.to_owned()),
            unknown if unknown.starts_with('-') => return Err(UsageError::Unknown(unknown.to_owned())),
            _ => self.positional.push(option.to_owned()),
        }
        Ok(())
    }

    /// A setting of `nix.conf`. Those that the evaluation knows nothing of do nothing.
    fn setting(&mut self, name: &str, value: &str) -> Result<(), UsageError> {
        let settings = &mut self.found.settings;
        let wrong = || UsageError::Value { option: name.to_owned(), value: value.to_owned() };
        match name {
            "max-call-depth" => settings.max_call_depth = value.parse().map_err(|_| wrong())?,
            "extra-experimental-features" | "experimental-features" => {
                for feature in value.split_whitespace().filter_map(Feature::find) {
                    settings.features = settings.features.with(feature);
                }
            }
            "system" => settings.system = value.to_owned(),
            "pure-eval" => settings.pure = value == "true",
            "abort-on-warn" => settings.abort_on_warn = value == "true",
            "trace-verbose" => settings.trace_verbose = value == "true",
            _ => {}
        }
        Ok(())
    }

    fn finish(self) -> Invocation {
        let Reader { mut found, positional, expressions, .. } = self;
        let path: Vec<SearchPathEntry> =
            std::env::var("NIX_PATH").map(|text| parse_search_path(&text)).unwrap_or_default();
        found.settings.search_path.extend(path);
        found.sources = positional
            .into_iter()
            .map(|text| match (expressions, text.as_str()) {
                (_, "-") => Source::Input,
                (true, _) => Source::Text(text),
                (false, _) => Source::File(text),
            })
            .collect();
        // As in Nix: without anything to evaluate, the current directory is meant.
        if found.sources.is_empty() && found.goal != Goal::FindFile {
            found.sources.push(if expressions {
                Source::Input
            } else {
                Source::File("./default.nix".into())
            });
        }
        found
    }
}

/// The directory of a store's URL.
fn store_root(url: &str) -> Result<Option<PathBuf>, UsageError> {
    if matches!(url, "" | "dummy://" | "auto" | "daemon" | "local") {
        return Ok(None);
    }
    let root = url.strip_prefix("local?root=").or_else(|| url.starts_with('/').then_some(url));
    match root {
        Some(root) => Ok(Some(PathBuf::from(root))),
        None => Err(UsageError::Value { option: "--store".into(), value: url.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

    use super::*;

    fn parse(arguments: &[&str]) -> Result<Invocation, UsageError> {
        Invocation::parse(arguments.iter().map(OsString::from))
    }

    #[test]
    fn options_may_stand_anywhere() {
        let found = parse(&["--eval", "a.nix", "--strict", "--json", "-A", "x.y", "b.nix", "--timeout", "1"])
            .unwrap();
        assert_eq!((found.goal, found.format, found.strict), (Goal::Evaluate, Format::Json, true));
        assert_eq!(found.sources, [Source::File("a.nix".into()), Source::File("b.nix".into())]);
        assert_eq!(found.attributes, ["x.y"]);
    }

    #[test]
    fn arguments_keep_their_kind_and_order() {
        let found = parse(&["-E", "{ a, b }: a", "--arg", "a", "1 + 1", "--argstr", "b", "1 + 1"]).unwrap();
        assert_eq!(found.sources, [Source::Text("{ a, b }: a".into())]);
        assert_eq!(found.arguments[0], ("a".into(), Argument::Expression("1 + 1".into())));
        assert_eq!(found.arguments[1], ("b".into(), Argument::Text("1 + 1".into())));
    }

    #[test]
    fn a_store_is_a_directory() {
        let root = |url: &str| parse(&["--store", url, "x"]).map(|found| found.store_root);
        assert_eq!(root("local?root=/a").unwrap(), Some("/a".into()));
        assert_eq!(root("/b").unwrap(), Some("/b".into()));
        assert_eq!(root("dummy://").unwrap(), None);
        assert!(root("ssh://host").is_err());
    }

    #[test]
    fn what_is_no_option_is_refused() {
        assert_eq!(parse(&["--frobnicate"]).unwrap_err(), UsageError::Unknown("--frobnicate".into()));
        assert_eq!(parse(&["--arg", "a"]).unwrap_err(), UsageError::Missing("--arg".into(), 2));
        assert!(parse(&["--max-call-depth", "many"]).is_err());
    }
}
