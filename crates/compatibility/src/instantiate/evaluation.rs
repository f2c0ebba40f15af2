//! Evaluating what a command line asks for.

use std::fmt::Write;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix_expr::{
    ErrorKind, EvalError, FileSystemIo, FileSystemOptions, Session, SourceLocation, ValueRef, evaluate,
    show_parsed,
};
use nix_flake::{EvaluationFetcher, FetchSettings, Fetcher};
use nix_store::{StoreDir, StorePath, StoreRoot};

use super::arguments::{Argument, Format, Goal, Invocation, Source};
use super::{Failure, store};

/// What was printed before an error, and the error.
type Interrupted = (String, Failure);

/// Does what is asked; returns what is to be printed.
pub(super) fn run(invocation: &Invocation) -> Result<String, Interrupted> {
    let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
    let store_dir =
        StoreDir::new(&invocation.store_directory).map_err(|error| (String::new(), error.into()))?;
    let io = FileSystemIo::new(FileSystemOptions {
        fetcher: Some(Arc::new(EvaluationFetcher::new(fetcher(store_dir.clone())))),
        store_dir,
        real_store: invocation.store_root.as_ref().map(|root| StoreRoot::new(root).store_directory()),
        pure: invocation.settings.pure,
        ..FileSystemOptions::default()
    });
    let input = if invocation.sources.contains(&Source::Input) {
        let mut text = Vec::new();
        std::io::stdin().read_to_end(&mut text).map_err(|error| (String::new(), Failure::Input(error)))?;
        text
    } else {
        Vec::new()
    };
    let request = Request { invocation, io: &io, here: &here, input: &input };
    if invocation.goal == Goal::Parse {
        return request.parse();
    }
    let mut out = String::new();
    let evaluated = evaluate(&invocation.settings, &io, |session| {
        // The output survives an error that comes later.
        let mut text = String::new();
        let found = request.evaluate(session, &mut text);
        Ok((text, found, session.derivations().clone()))
    });
    let (text, found, graph) = evaluated.map_err(|error| (String::new(), error.into()))?;
    out.push_str(&text);
    let derivations = match found {
        Ok(derivations) => derivations,
        Err(error) => return Err((out, error.into())),
    };
    let root = StoreRoot::new(invocation.store_root.clone().unwrap_or_else(|| "/".into()));
    let written = match invocation.goal {
        Goal::Instantiate => store::write(&root, &io, &graph, &derivations),
        _ if invocation.writes => store::write_sources(&root, &io),
        _ => Ok(()),
    };
    written.map_err(|error| (String::new(), error.into()))?;
    Ok(out)
}

/// Fetches as Nix does by default, and keeps what it gets in the user's cache.
fn fetcher(store_dir: StoreDir) -> Arc<Fetcher> {
    let home = std::env::var_os("HOME").map_or_else(std::env::temp_dir, PathBuf::from);
    let cache = home.join(".cache/nix-instantiate");
    Arc::new(Fetcher::new(FetchSettings { store_dir, ..FetchSettings::new(cache) }))
}

struct Request<'r> {
    invocation: &'r Invocation,
    io: &'r FileSystemIo,
    here: &'r Path,
    input: &'r [u8],
}

impl Request<'_> {
    fn parse(&self) -> Result<String, Interrupted> {
        let mut out = String::new();
        for source in &self.invocation.sources {
            let shown = match source {
                Source::File(file) => self.here.join(file).canonicalize().and_then(|file| {
                    let file = if file.is_dir() { file.join("default.nix") } else { file };
                    let text = std::fs::read(&file)?;
                    let directory = file.parent().unwrap_or(Path::new("/")).to_owned();
                    Ok((text, file.display().to_string(), directory))
                }),
                Source::Text(text) => {
                    Ok((text.clone().into_bytes(), "«string»".to_owned(), self.here.to_owned()))
                }
                Source::Input => Ok((self.input.to_vec(), "«stdin»".to_owned(), self.here.to_owned())),
            };
            let shown = match shown {
                Ok((text, name, directory)) => {
                    show_parsed(&text, &name, &directory, &self.invocation.settings, self.io)
                }
                Err(error) => Err(EvalError::new(ErrorKind::Io, format!("cannot read {source:?}: {error}"))),
            };
            match shown {
                Ok(shown) => out.push_str(&shown),
                Err(error) => return Err((out, error.into())),
            }
            out.push('\n');
        }
        Ok(out)
    }

    /// Appends what is printed of each source to `out`; returns the derivations that are to be written.
    fn evaluate<'a>(&self, session: &Session<'a>, out: &mut String) -> Result<Vec<StorePath>, EvalError> {
        let mut arguments = Vec::new();
        for (name, argument) in &self.invocation.arguments {
            let value = match argument {
                Argument::Text(text) => session.string(text),
                Argument::Expression(text) => session.evaluate_text(text, "«--arg»", self.here)?,
            };
            arguments.push((name.clone(), value));
        }
        let mut derivations = Vec::new();
        if self.invocation.goal == Goal::FindFile {
            for source in &self.invocation.sources {
                let (Source::File(name) | Source::Text(name)) = source else { continue };
                let path =
                    session.evaluate_text(&format!("toString <{name}>"), "«--find-file»", self.here)?;
                out.push_str(&session.to_text(path)?.text);
                out.push('\n');
            }
            return Ok(derivations);
        }
        for source in &self.invocation.sources {
            let value = self.source(session, source)?;
            let whole = [String::new()];
            let attributes =
                if self.invocation.attributes.is_empty() { &whole[..] } else { &self.invocation.attributes };
            for attribute in attributes {
                let value = session.select(value, attribute, &arguments)?;
                if self.invocation.goal == Goal::Instantiate {
                    self.derivations(session, value, &arguments, true, &mut derivations)?;
                } else {
                    self.print(session, value, out)?;
                }
            }
        }
        for derivation in &derivations {
            let _ = writeln!(out, "{}", self.store_path_text(derivation));
        }
        Ok(derivations)
    }

    fn store_path_text(&self, path: &StorePath) -> String {
        use nix_expr::EvalIo;
        self.io.store_dir().display(path).to_string()
    }

    fn source<'a>(&self, session: &Session<'a>, source: &Source) -> Result<ValueRef<'a>, EvalError> {
        match source {
            Source::File(file) => match file.strip_prefix('<').and_then(|file| file.strip_suffix('>')) {
                Some(_) => session.evaluate_text(&format!("import {file}"), "«file»", self.here),
                None => session.evaluate_file(&self.here.join(file)),
            },
            Source::Text(text) => session.evaluate_text(text, "«string»", self.here),
            Source::Input => {
                let text = String::from_utf8_lossy(self.input);
                session.evaluate_text(&text, "«stdin»", self.here)
            }
        }
    }

    fn print<'a>(
        &self,
        session: &Session<'a>,
        value: ValueRef<'a>,
        out: &mut String,
    ) -> Result<(), EvalError> {
        match self.invocation.format {
            Format::Json => out.push_str(&session.to_json(value)?.text),
            Format::Xml => {
                out.push_str(&session.to_xml(value)?.text);
                return Ok(());
            }
            Format::Raw => {
                out.push_str(&session.to_text(value)?.text);
                return Ok(());
            }
            Format::Nix => {
                if self.invocation.strict {
                    session.force_deep(value)?;
                }
                out.push_str(&session.print(value)?);
            }
        }
        out.push('\n');
        Ok(())
    }

    /// The derivations that a value is, or that a set or list of them holds; below the first level only those of sets
    /// that ask for it with `recurseForDerivations`.
    fn derivations<'a>(
        &self,
        session: &Session<'a>,
        value: ValueRef<'a>,
        arguments: &[(String, ValueRef<'a>)],
        outermost: bool,
        found: &mut Vec<StorePath>,
    ) -> Result<(), EvalError> {
        let value = session.auto_call(value, arguments)?;
        match session.type_name(value)? {
            "set" if session.is_derivation(value)? => {
                let path = session.derivation_path(value)?;
                if !found.contains(&path) {
                    found.push(path);
                }
                Ok(())
            }
            "set" => {
                let recurses = match session.attribute(value, "recurseForDerivations")? {
                    Some(flag) => session.to_bool(flag)?,
                    None => false,
                };
                if !outermost && !recurses {
                    return Ok(());
                }
                for name in session.attribute_names(value)? {
                    if let Some(inner) = session.attribute(value, &name)? {
                        self.derivations(session, inner, arguments, false, found)?;
                    }
                }
                Ok(())
            }
            "list" => {
                for item in session.list_items(value)? {
                    self.derivations(session, item, arguments, false, found)?;
                }
                Ok(())
            }
            _ if !outermost => Ok(()),
            other => {
                Err(EvalError::new(ErrorKind::Type, format!("expected a derivation but found a {other}")))
            }
        }
    }
}

/// An error with the way that led to it, the outermost step first, as Nix shows it.
pub(super) fn describe(error: &EvalError, show_trace: bool) -> String {
    let mut text = String::from("error:");
    let place = |text: &mut String, location: Option<&SourceLocation>, indent: &str| {
        if let Some(place) = location {
            let _ = write!(text, "\n{indent}at {}:{}:{}", place.file, place.line, place.column);
        }
    };
    if show_trace {
        if error.omitted_frames > 0 {
            let _ = write!(text, "\n       ({} steps are not shown)", error.omitted_frames);
        }
        for frame in error.trace.iter().rev() {
            let _ = write!(text, "\n       … {}", without_escapes(&frame.message));
            place(&mut text, frame.location.as_ref(), "         ");
        }
        text.push_str("\n\n       error:");
    }
    let _ = write!(text, " {}", without_escapes(&error.message));
    place(&mut text, error.location.as_ref(), "       ");
    if !error.suggestions.is_empty() {
        let _ = write!(text, "\n       Did you mean {}?", error.suggestions.join(" or "));
    }
    text.push('\n');
    text
}

/// A text without the escape sequences that nixpkgs' messages colour themselves with: Nix, too, keeps them for terminals.
fn without_escapes(text: &str) -> String {
    if std::io::stderr().is_terminal() {
        return text.to_owned();
    }
    let mut parts = text.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|character: char| ('@'..='~').contains(&character));
        plain.push_str(end.map_or("", |end| &part[end + 1..]));
    }
    plain
}
