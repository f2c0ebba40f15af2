//! Archives and single files from anywhere, by URL.
//!
//! A server may name a lasting address of what it delivers now, by the header `Link: <URL>; rel="immutable"`; that is what
//! is locked then ("Lockable HTTP Tarball Protocol" in the Nix manual).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix_store::{Hash, HashAlgorithm, nar};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::http::{Headers, is_passing};
use super::{Fetched, Fetcher, archive};
use crate::error::Error;
use crate::reference::{FlakeReference, Source, url::Url};
use crate::tree::{SourceTree, TREE_NAME};

/// What a URL delivered.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Known {
    tag: String,
    nar_hash: String,
    last_modified: u64,
    immutable: Option<String>,
}

/// A file or tree that a URL delivered.
#[derive(Debug)]
pub(crate) struct Delivered {
    pub(crate) nar_hash: Hash,
    pub(crate) place: PathBuf,
    pub(crate) last_modified: u64,
    /// A lasting address of the same.
    pub(crate) immutable: Option<String>,
}

impl Fetcher {
    pub(super) fn fetch_tarball(&self, reference: &FlakeReference) -> Result<Fetched, Error> {
        let Source::Tarball { url } = &reference.source else {
            return Err(self.unsupported(reference, "it is not an archive"));
        };
        let delivered = self.deliver(url, true)?;
        let mut locked = match &delivered.immutable {
            None => reference.clone(),
            Some(lasting) => {
                let mut lasting = FlakeReference::parse(lasting, true)?;
                if !matches!(lasting.source, Source::Tarball { .. }) {
                    return Err(Error::UnexpectedAnswer {
                        url: url.clone(),
                        reason: format!("its lasting address '{lasting}' is not that of an archive"),
                    });
                }
                lasting.directory.clone_from(&reference.directory);
                lasting
            }
        };
        if locked.last_modified().is_none() && delivered.last_modified > 0 {
            locked.other.set_integer("lastModified", delivered.last_modified);
        }
        let tree = self.named_tree(reference, delivered.nar_hash, delivered.place)?;
        Ok(Fetched { reference: locked, tree })
    }

    pub(super) fn fetch_file(&self, reference: &FlakeReference) -> Result<Fetched, Error> {
        let Source::File { url } = &reference.source else {
            return Err(self.unsupported(reference, "it is not a file"));
        };
        let delivered = self.deliver(url, false)?;
        let tree = self.named_tree(reference, delivered.nar_hash, delivered.place)?;
        Ok(Fetched { reference: reference.clone(), tree })
    }

    fn named_tree(
        &self,
        reference: &FlakeReference,
        nar_hash: Hash,
        place: PathBuf,
    ) -> Result<SourceTree, Error> {
        let name = reference.other.text("name").unwrap_or(TREE_NAME);
        SourceTree::new(&self.settings.store_dir, name, nar_hash, place)
    }

    /// What a URL delivers: an archive unpacked, or a file as it is.
    pub(crate) fn deliver(&self, url: &str, unpack: bool) -> Result<Delivered, Error> {
        let question = json!({ "kind": if unpack { "tarball" } else { "file" }, "url": url });
        let known = self.cache.recall::<Known>(&question).and_then(|record| {
            let place = self.cache.find(&Hash::parse(&record.value.nar_hash, None).ok()?)?;
            Some((record, place))
        });
        if let Some((record, place)) = &known
            && self.is_fresh(record.age)
        {
            return delivered(record.value.clone(), place.clone());
        }
        if let Ok(local) = Url::parse(url)
            && local.scheme == "file"
        {
            let path = PathBuf::from(&local.path);
            let (nar_hash, place, last_modified) =
                self.cache.add(|place| keep_local(&path, url, place, unpack))?;
            return Ok(Delivered { nar_hash, place, last_modified, immutable: None });
        }
        let tag = known.as_ref().map(|(record, _)| record.value.tag.as_str());
        let answer = match (self.get(url, &Headers::new(), tag), known) {
            (Ok(answer), Some((record, place))) if answer.status() == 304 => {
                self.cache.remember(&question, &record.value);
                return delivered(record.value, place);
            }
            (Ok(answer), _) => answer,
            (Err(error), Some((record, place))) if is_passing(&error) => {
                (self.settings.warn)(&format!("{error}; using what was fetched before"));
                return delivered(record.value, place);
            }
            (Err(error), _) => return Err(error),
        };
        let tag = answer.header("etag").unwrap_or_default().to_owned();
        let immutable = answer.links.iter().find_map(|link| immutable_link(link));
        let urls: Vec<String> = answer.urls.iter().skip(1).map(ToString::to_string).collect();
        let (nar_hash, place, last_modified) = self.cache.add(|place| match unpack {
            true => archive::unpack(answer, url, place),
            false => write(answer, url, place).map(|()| 0),
        })?;
        let known = Known { tag, nar_hash: nar_hash.to_sri(), last_modified, immutable };
        // Every address on the way leads to the same now.
        for url in urls.iter().map(String::as_str).chain([url]) {
            let question = json!({ "kind": if unpack { "tarball" } else { "file" }, "url": url });
            self.cache.remember(&question, &known);
        }
        Ok(Delivered { nar_hash, place, last_modified, immutable: known.immutable })
    }

    /// A file by its content, if it has been fetched before: its place.
    pub(crate) fn known_file(&self, sha256: &Hash) -> Option<PathBuf> {
        let question = json!({ "kind": "flat", "sha256": sha256.to_base32() });
        let nar_hash = self.cache.recall::<String>(&question)?.value;
        self.cache.find(&Hash::parse(&nar_hash, None).ok()?)
    }

    /// The hash of a file's bytes, remembered for [`Fetcher::known_file`].
    pub(crate) fn file_hash(&self, delivered: &Delivered) -> Result<Hash, Error> {
        let hash = nar::hash_file(HashAlgorithm::Sha256, &delivered.place)?;
        let question = json!({ "kind": "flat", "sha256": hash.to_base32() });
        self.cache.remember(&question, &delivered.nar_hash.to_sri());
        Ok(hash)
    }
}

fn delivered(known: Known, place: PathBuf) -> Result<Delivered, Error> {
    let nar_hash = Hash::parse(&known.nar_hash, None)?;
    Ok(Delivered { nar_hash, place, last_modified: known.last_modified, immutable: known.immutable })
}

fn keep_local(path: &Path, url: &str, place: &Path, unpack: bool) -> Result<u64, Error> {
    let file = fs::File::open(path).map_err(Error::file("read", path))?;
    match unpack {
        true => archive::unpack(file, url, place),
        false => write(file, url, place).map(|()| 0),
    }
}

fn write(mut reader: impl io::Read, url: &str, place: &Path) -> Result<(), Error> {
    let mut file = fs::File::create(place).map_err(Error::file("write", place))?;
    io::copy(&mut reader, &mut file).map_err(|source| Error::Archive { url: url.to_owned(), source })?;
    Ok(())
}

/// The target of `<URL>; rel="immutable"`, out of a header that may hold several links (RFC 8288).
fn immutable_link(header: &str) -> Option<String> {
    let mut rest = header;
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>')?;
        let target = &rest[start + 1..end];
        rest = &rest[end + 1..];
        let parameters = &rest[..rest.find('<').unwrap_or(rest.len())];
        let is_immutable = parameters.split([';', ',']).any(|parameter| {
            parameter.split_once('=').is_some_and(|(name, value)| {
                name.trim().eq_ignore_ascii_case("rel") && value.trim().trim_matches('"') == "immutable"
            })
        });
        if is_immutable {
            return Some(target.to_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::immutable_link;

    #[test]
    fn lasting_addresses_are_found_among_links() {
        let target = Some("https://x/y.tar.gz?rev=1,2".to_owned());
        for header in [
            "<https://x/y.tar.gz?rev=1,2>; rel=\"immutable\"",
            "<https://x/z>; rel=next, <https://x/y.tar.gz?rev=1,2>; Rel=immutable",
        ] {
            assert_eq!(immutable_link(header), target, "{header}");
        }
        for header in ["", "<x", "<https://x/y>; rel=\"next\"", "https://x; rel=immutable"] {
            assert_eq!(immutable_link(header), None, "{header}");
        }
    }
}
