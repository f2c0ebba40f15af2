//! What an evaluation may do, and where it looks.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// An entry of the search path: `<prefix/…>` is looked up in `path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchPathEntry {
    /// The first part that the entry is for; empty for all.
    pub prefix: String,
    /// Where it leads: a path, or something that the evaluation's I/O can fetch.
    pub path: String,
}

/// A feature of the language that Nix 2.26 calls experimental and has to be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Feature {
    /// Derivations whose output paths are known after the build only (`ca-derivations`).
    CaDerivations,
    /// Derivations that build derivations, and `builtins.outputOf` (`dynamic-derivations`).
    DynamicDerivations,
    /// `builtins.fetchClosure` (`fetch-closure`).
    FetchClosure,
    /// `builtins.fetchTree` (`fetch-tree`); comes with flakes.
    FetchTree,
    /// `builtins.getFlake` and its kin (`flakes`).
    Flakes,
    /// Derivations that may give something else at each build (`impure-derivations`).
    ImpureDerivations,
    /// Dates and times in `builtins.fromTOML` (`parse-toml-timestamps`).
    ParseTomlTimestamps,
    /// The operators `|>` and `<|` (`pipe-operators`).
    PipeOperators,
}

impl Feature {
    /// All of them.
    pub const ALL: [Feature; 8] = [
        Feature::CaDerivations,
        Feature::DynamicDerivations,
        Feature::FetchClosure,
        Feature::FetchTree,
        Feature::Flakes,
        Feature::ImpureDerivations,
        Feature::ParseTomlTimestamps,
        Feature::PipeOperators,
    ];

    /// The name that Nix's setting `experimental-features` has for it.
    pub fn name(self) -> &'static str {
        match self {
            Feature::CaDerivations => "ca-derivations",
            Feature::DynamicDerivations => "dynamic-derivations",
            Feature::FetchClosure => "fetch-closure",
            Feature::FetchTree => "fetch-tree",
            Feature::Flakes => "flakes",
            Feature::ImpureDerivations => "impure-derivations",
            Feature::ParseTomlTimestamps => "parse-toml-timestamps",
            Feature::PipeOperators => "pipe-operators",
        }
    }

    /// The feature of a name; `None` for one that the language knows nothing of.
    pub fn find(name: &str) -> Option<Feature> {
        Feature::ALL.into_iter().find(|feature| feature.name() == name)
    }
}

/// A set of [`Feature`]s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features(u16);

impl Features {
    /// None of them.
    pub const NONE: Features = Features(0);

    /// The set with one more. Flakes bring `fetchTree` along.
    #[must_use]
    pub const fn with(self, feature: Feature) -> Features {
        let more = match feature {
            Feature::Flakes => 1 << Feature::Flakes as u16 | 1 << Feature::FetchTree as u16,
            other => 1 << other as u16,
        };
        Features(self.0 | more)
    }

    /// Whether a feature is in the set.
    pub const fn has(self, feature: Feature) -> bool {
        self.0 & (1 << feature as u16) != 0
    }

    /// The features that a list of names, divided by blanks, asks for; names that concern other parts of Nix are passed
    /// over.
    pub fn parse(text: &str) -> Features {
        text.split_whitespace().filter_map(Feature::find).fold(Features::NONE, Features::with)
    }
}

impl Default for Features {
    /// Flakes, without which nothing of this program works, and no other.
    fn default() -> Self {
        Features::NONE.with(Feature::Flakes)
    }
}

/// What an evaluation has to say while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// `builtins.trace`
    Trace,
    /// `builtins.warn`, and warnings of the evaluator's own.
    Warning,
}

/// Settings of an evaluation.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Pure evaluation: no environment, no clock, no search path, no reading outside of the allowed roots.
    pub pure: bool,
    /// `builtins.currentSystem`, such as `x86_64-linux`. Not visible to pure evaluation.
    pub system: String,
    /// `-I` and `NIX_PATH`, first wins.
    pub search_path: Vec<SearchPathEntry>,
    /// Experimental features that are on.
    pub features: Features,
    /// Restricted evaluation (Nix's setting `restrict-eval`): no environment, and only URIs that are allowed. Which files
    /// may be read is decided by the evaluation's I/O.
    pub restricted: bool,
    /// Prefixes of URIs that may be fetched from in restricted evaluation (Nix's setting `allowed-uris`).
    pub allowed_uris: Vec<String>,
    /// Whether evaluation may build (Nix's setting `allow-import-from-derivation`).
    pub import_from_derivation: bool,
    /// How deep calls may nest; Nix's default is 10 000.
    pub max_call_depth: u32,
    /// Size of the evaluation's stack in bytes. Only what is used takes memory.
    pub stack_size: usize,
    /// Whether `builtins.traceVerbose` prints.
    pub trace_verbose: bool,
    /// Whether `builtins.warn` aborts the evaluation (Nix's setting `abort-on-warn`).
    pub abort_on_warn: bool,
    /// Becomes true when the evaluation is to stop, for Ctrl-C.
    pub interrupted: Arc<AtomicBool>,
    /// Where messages go; standard error by default.
    pub report: fn(Report, &str),
}

fn report_to_stderr(kind: Report, text: &str) {
    match kind {
        Report::Trace => eprintln!("trace: {text}"),
        Report::Warning => eprintln!("evaluation warning: {text}"),
    }
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            pure: false,
            system: current_system(),
            search_path: Vec::new(),
            features: Features::default(),
            restricted: false,
            allowed_uris: Vec::new(),
            import_from_derivation: true,
            max_call_depth: 10_000,
            stack_size: 1 << 30,
            trace_verbose: false,
            abort_on_warn: false,
            interrupted: Arc::default(),
            report: report_to_stderr,
        }
    }
}

/// The Nix name of the system that this program runs on.
pub fn current_system() -> String {
    let system = match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    let architecture = match std::env::consts::ARCH {
        "x86" => "i686",
        "arm" => "armv7l",
        other => other,
    };
    format!("{architecture}-{system}")
}

/// Reads a search path in the form of `NIX_PATH`: entries `PATH` or `PREFIX=PATH`, separated by colons. The colon of a
/// URL's scheme separates nothing.
pub fn parse_search_path(text: &str) -> Vec<SearchPathEntry> {
    let mut entries = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let mut end = rest.find(':').unwrap_or(rest.len());
        // The colon of `channel:x` and `https://x` belongs to the entry.
        let start = rest[..end].find('=').map_or(0, |equals| equals + 1);
        let scheme = &rest[start..end];
        let is_scheme = matches!(scheme, "flake" | "channel") || rest[end..].starts_with("://");
        if is_scheme {
            end += 1;
            end += rest[end..].find(':').unwrap_or(rest.len() - end);
        }
        if let Some(entry) = parse_search_path_entry(&rest[..end]) {
            entries.push(entry);
        }
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    entries
}

/// Reads one entry: `PATH` or `PREFIX=PATH`. An empty one is nothing.
pub fn parse_search_path_entry(text: &str) -> Option<SearchPathEntry> {
    if text.is_empty() {
        return None;
    }
    let (prefix, path) = text.split_once('=').unwrap_or(("", text));
    Some(SearchPathEntry { prefix: prefix.to_owned(), path: path.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nix_path_is_split() {
        let entry = |prefix: &str, path: &str| SearchPathEntry { prefix: prefix.into(), path: path.into() };
        assert_eq!(
            parse_search_path("nixpkgs=/a:/b:x=https://h/t.tar.gz:channel:nixos"),
            [
                entry("nixpkgs", "/a"),
                entry("", "/b"),
                entry("x", "https://h/t.tar.gz"),
                entry("", "channel:nixos")
            ]
        );
        assert!(parse_search_path("").is_empty());
    }
}
