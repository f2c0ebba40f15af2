//! How configurations are evaluated: the command line's options and Nix's settings, worked out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use nix_expr::{
    Confinement, Feature, Features, SearchPathEntry, current_system, parse_search_path,
    parse_search_path_entry,
};

use crate::arguments::EvaluationArguments;
use crate::configuration::Environment;
use crate::failure::Failure;

/// Nix's settings that concern evaluation.
pub const SETTINGS: [&str; 12] = [
    "abort-on-warn",
    "allow-import-from-derivation",
    "allowed-uris",
    "eval-system",
    "experimental-features",
    "extra-experimental-features",
    "max-call-depth",
    "nix-path",
    "pure-eval",
    "restrict-eval",
    "system",
    "trace-verbose",
];

/// How configurations are evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    /// Experimental features that are on.
    pub features: Features,
    /// `builtins.currentSystem`
    pub system: String,
    /// Where `<name>` is looked up.
    pub search_path: Vec<SearchPathEntry>,
    /// Whether only the search path may be read.
    pub restricted: bool,
    /// What may be fetched in restricted evaluation.
    pub allowed_uris: Vec<String>,
    /// Whether evaluation may build.
    pub import_from_derivation: bool,
    /// Whether nothing may be built or written.
    pub read_only: bool,
    /// Whether `builtins.traceVerbose` prints.
    pub trace_verbose: bool,
    /// Whether `builtins.warn` ends the evaluation.
    pub abort_on_warn: bool,
    /// How deep calls may nest.
    pub max_call_depth: u32,
}

impl Evaluation {
    /// Works out the settings. `nix` are Nix's, the command line's `--option` over `NIX_CONFIG`.
    ///
    /// # Errors
    /// A setting has a value that it cannot have.
    pub fn new(
        arguments: &EvaluationArguments,
        nix: &BTreeMap<String, String>,
        environment: Environment<'_>,
    ) -> Result<Self, Failure> {
        let text = |name: &str| nix.get(name).map(String::as_str);
        let mut features = Features::default();
        let asked = [text("experimental-features"), text("extra-experimental-features")];
        let asked = asked
            .into_iter()
            .flatten()
            .chain(arguments.extra_experimental_features.iter().map(String::as_str));
        for names in asked {
            features = Feature::ALL
                .into_iter()
                .filter(|feature| Features::parse(names).has(*feature))
                .fold(features, Features::with);
        }
        let nix_path = environment("NIX_PATH").map(|path| path.to_string_lossy().into_owned());
        let mut search_path: Vec<SearchPathEntry> =
            arguments.include.iter().filter_map(|entry| parse_search_path_entry(entry)).collect();
        search_path.extend(match (nix_path, text("nix-path")) {
            (Some(path), _) => parse_search_path(&path),
            (None, Some(entries)) => entries.split_whitespace().filter_map(parse_search_path_entry).collect(),
            (None, None) => default_search_path(environment),
        });
        let max_call_depth = match text("max-call-depth") {
            Some(text) => text.parse().map_err(|_| {
                Failure::Usage(format!("'{text}' is not a value of max-call-depth: give a number"))
            })?,
            None => nix_expr::Settings::default().max_call_depth,
        };
        Ok(Evaluation {
            features,
            system: arguments
                .system
                .as_deref()
                .or(text("eval-system").filter(|system| !system.is_empty()))
                .or(text("system"))
                .map_or_else(current_system, str::to_owned),
            search_path,
            restricted: arguments.restrict_eval || truth(nix, "restrict-eval", false)?,
            allowed_uris: text("allowed-uris")
                .unwrap_or_default()
                .split_whitespace()
                .map(str::to_owned)
                .collect(),
            import_from_derivation: !arguments.no_allow_import_from_derivation
                && truth(nix, "allow-import-from-derivation", true)?,
            read_only: false,
            trace_verbose: arguments.trace_verbose || truth(nix, "trace-verbose", false)?,
            abort_on_warn: truth(nix, "abort-on-warn", false)?,
            max_call_depth,
        })
    }

    /// The language's settings for a pure or impure evaluation.
    pub fn settings(&self, pure: bool) -> nix_expr::Settings {
        nix_expr::Settings {
            pure,
            system: self.system.clone(),
            search_path: self.search_path.clone(),
            features: self.features,
            restricted: self.restricted,
            allowed_uris: self.allowed_uris.clone(),
            import_from_derivation: self.import_from_derivation,
            max_call_depth: self.max_call_depth,
            trace_verbose: self.trace_verbose,
            abort_on_warn: self.abort_on_warn,
            ..nix_expr::Settings::default()
        }
    }

    /// What confines an evaluation, and what it may read nevertheless. Relative entries of the search path are meant from
    /// `directory`.
    pub fn confinement(&self, pure: bool, directory: &Path) -> Option<(Confinement, Vec<PathBuf>)> {
        match (pure, self.restricted) {
            (true, _) => Some((Confinement::Pure, Vec::new())),
            (false, true) => {
                let entries = self.search_path.iter().map(|entry| directory.join(&entry.path)).collect();
                Some((Confinement::Restricted, entries))
            }
            (false, false) => None,
        }
    }
}

/// A setting that is `true` or `false`.
pub fn truth(nix: &BTreeMap<String, String>, name: &str, default: bool) -> Result<bool, Failure> {
    match nix.get(name).map(String::as_str) {
        None => Ok(default),
        Some("true" | "yes" | "1") => Ok(true),
        Some("false" | "no" | "0") => Ok(false),
        Some(other) => {
            Err(Failure::Usage(format!("'{other}' is not a value of {name}: it is true or false")))
        }
    }
}

/// Where Nix looks if nobody says where: the channels of the user and of root.
fn default_search_path(environment: Environment<'_>) -> Vec<SearchPathEntry> {
    const ROOT_CHANNELS: &str = "/nix/var/nix/profiles/per-user/root/channels";
    let entry = |prefix: &str, path: PathBuf| SearchPathEntry {
        prefix: prefix.to_owned(),
        path: path.to_string_lossy().into_owned(),
    };
    let home = environment("HOME").map(|home| PathBuf::from(home).join(".nix-defexpr/channels"));
    let all = [
        home.map(|channels| entry("", channels)),
        Some(entry("nixpkgs", Path::new(ROOT_CHANNELS).join("nixpkgs"))),
        Some(entry("", ROOT_CHANNELS.into())),
    ];
    all.into_iter().flatten().filter(|entry| Path::new(&entry.path).exists()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evaluation(
        arguments: &EvaluationArguments,
        nix: &[(&str, &str)],
        nix_path: Option<&str>,
    ) -> Result<Evaluation, Failure> {
        let nix = nix.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let environment = |name: &str| if name == "NIX_PATH" { nix_path.map(Into::into) } else { None };
        Evaluation::new(arguments, &nix, &environment)
    }

    #[test]
    fn the_command_line_is_stronger_than_settings() {
        let arguments = EvaluationArguments {
            include: vec!["x=/x".to_owned()],
            system: Some("aarch64-linux".to_owned()),
            extra_experimental_features: vec!["pipe-operators".to_owned()],
            ..EvaluationArguments::default()
        };
        let nix = [
            ("system", "i686-linux"),
            ("experimental-features", "nix-command parse-toml-timestamps"),
            ("restrict-eval", "true"),
            ("allowed-uris", "https://a/ https://b/"),
        ];
        let found = evaluation(&arguments, &nix, Some("y=/y:/z")).unwrap();
        assert_eq!(found.system, "aarch64-linux");
        let paths: Vec<&str> = found.search_path.iter().map(|entry| entry.path.as_str()).collect();
        assert_eq!(paths, ["/x", "/y", "/z"]);
        for feature in
            [Feature::PipeOperators, Feature::ParseTomlTimestamps, Feature::Flakes, Feature::FetchTree]
        {
            assert!(found.features.has(feature), "{feature:?}");
        }
        assert!(!found.features.has(Feature::CaDerivations));
        assert!(found.restricted && found.import_from_derivation);
        assert_eq!(found.allowed_uris, ["https://a/", "https://b/"]);
    }

    #[test]
    fn settings_that_cannot_be_are_refused() {
        let arguments = EvaluationArguments::default();
        assert!(evaluation(&arguments, &[("restrict-eval", "perhaps")], None).is_err());
        assert!(evaluation(&arguments, &[("max-call-depth", "deep")], None).is_err());
    }
}
