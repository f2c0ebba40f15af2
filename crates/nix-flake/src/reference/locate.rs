//! References of the command line: paths are relative to where it was typed, and lead to the flake around them.

use std::path::{Path, PathBuf};

use super::url::Url;
use super::{FlakeReference, Source, normalise};
use crate::error::Error;

impl FlakeReference {
    /// Parses a reference of the command line, where paths are relative to `working_directory` and become absolute.
    ///
    /// A plain path means the nearest directory from it upwards that has a `flake.nix`, not beyond the root of a git
    /// repository; if that lies in a git repository, the reference is the repository, with the flake's place in it as its
    /// directory. `path:…` means the directory itself.
    ///
    /// Beyond Nix's grammar, a bare `some/directory` that exists is a path: Nix would look up `some` in the registry.
    pub fn parse_argument(text: &str, working_directory: &Path) -> Result<Self, Error> {
        let (reference, fragment) = Self::parse_argument_with_fragment(text, working_directory)?;
        if !fragment.is_empty() {
            let reason = format!("a fragment ('#{fragment}') is not allowed here");
            return Err(Error::InvalidReference { reference: text.to_owned(), reason });
        }
        Ok(reference)
    }

    /// As [`FlakeReference::parse_argument`], with what follows `#`, decoded, beside it.
    pub fn parse_argument_with_fragment(
        text: &str,
        working_directory: &Path,
    ) -> Result<(Self, String), Error> {
        let invalid = |reason: String| Error::InvalidReference { reference: text.to_owned(), reason };
        let (body, fragment) = text.split_once('#').unwrap_or((text, ""));
        let (path, query) = match body.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (body, None),
        };
        let is_plain = path.is_empty()
            || path.starts_with(['.', '/'])
            || (!path.contains(':') && working_directory.join(path).is_dir());
        if is_plain {
            let plain = match (path.is_empty(), query) {
                (true, query) => format!(".{}", query.map(|query| format!("?{query}")).unwrap_or_default()),
                (false, Some(query)) => format!("./{path}?{query}"),
                (false, None) => format!("./{path}"),
            };
            let reference = super::parse::parse_path(&plain).map_err(invalid)?;
            let fragment = super::url::decode(fragment).map_err(invalid)?;
            let place = normalise(&working_directory.join(if path.is_empty() { "." } else { path }));
            return Ok((located(reference, place), fragment));
        }
        let (mut reference, fragment) = Self::parse_with_fragment(text, true).map_err(invalid)?;
        match &mut reference.source {
            Source::Path { path } => {
                *path = normalise(&working_directory.join(&*path)).to_string_lossy().into_owned();
            }
            Source::Git { url } => {
                if let Ok(mut parsed) = Url::parse(url)
                    && parsed.scheme == "file"
                    && !parsed.path.starts_with('/')
                {
                    let path = normalise(&working_directory.join(&parsed.path));
                    parsed.path = path.to_string_lossy().into_owned();
                    *url = parsed.to_string();
                }
            }
            _ => {}
        }
        Ok((reference, fragment))
    }
}

/// The flake around a place of this machine, with what the reference says beside its path.
fn located(mut reference: FlakeReference, place: PathBuf) -> FlakeReference {
    let start = match place.file_name() {
        // People complete file names.
        Some(name) if name == "flake.nix" && place.is_file() => {
            place.parent().map_or_else(|| place.clone(), Path::to_owned)
        }
        _ => place,
    };
    // Whatever is around a place that does not exist is not what was meant.
    if !start.exists() {
        reference.source = Source::Path { path: start.to_string_lossy().into_owned() };
        return reference;
    }
    let flake = nearest_flake(&start).unwrap_or(start);
    let repository = flake.ancestors().find(|directory| directory.join(".git").exists());
    let named_directory = !reference.directory.is_empty();
    match repository {
        // A directory named beside a flake below the repository's root would be two directories at once.
        Some(root) if !named_directory || root == flake => {
            if let Ok(inside) = flake.strip_prefix(root)
                && !named_directory
            {
                reference.directory = inside.to_string_lossy().into_owned();
            }
            let path = root.to_string_lossy().into_owned();
            let url =
                Url { scheme: "file".to_owned(), authority: Some(String::new()), path, ..Url::default() };
            reference.source = Source::Git { url: url.to_string() };
            if root.join(".git/shallow").exists() {
                reference.other.0.insert("shallow".to_owned(), crate::attributes::Attribute::Boolean(true));
            }
        }
        _ => reference.source = Source::Path { path: flake.to_string_lossy().into_owned() },
    }
    reference
}

/// The nearest directory from `start` upwards with a `flake.nix`, not beyond the root of a git repository.
fn nearest_flake(start: &Path) -> Option<PathBuf> {
    for directory in start.ancestors() {
        if directory.join("flake.nix").exists() {
            return Some(directory.to_owned());
        }
        if directory.join(".git").exists() {
            return None;
        }
    }
    None
}
