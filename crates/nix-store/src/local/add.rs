//! Adding content to a store.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::path::Path;

use super::canonical::{canonicalise, copy_canonical, create_file, finish_file, remove_tree};
use super::database::Registration;
use super::store::{LocalStore, outputs_with_paths};
use super::unfinished::{Begin, put_into_place};
use crate::content_address::{ContentAddress, ContentAddressMethod, References};
use crate::derivation::Derivation;
use crate::error::{Error, Result};
use crate::hash::{Hash, HashAlgorithm, HashingReader, HashingWriter};
use crate::nar::{self, Filter, Node};
use crate::path_info::ValidPathInfo;
use crate::store_path::StorePath;

/// A text that is to become a store path, and its references.
struct Text {
    path: StorePath,
    content: Vec<u8>,
    references: BTreeSet<StorePath>,
    /// If it is a derivation.
    outputs: Option<BTreeMap<String, StorePath>>,
}

impl LocalStore {
    /// Adds a copy of `source` (a symlink is copied as such) under the name `name`, and makes it valid.
    ///
    /// # Errors
    /// A bad name; a directory with a method that hashes single files; [`Error::FileChanged`] if the source changes while
    /// it is copied; those of the file system.
    pub fn add_path(
        &self,
        name: &str,
        source: &Path,
        method: ContentAddressMethod,
        algorithm: HashAlgorithm,
    ) -> Result<StorePath> {
        self.add_path_filtered(name, source, method, algorithm, &mut |_, _| Ok::<_, Error>(true))
    }

    /// As [`Self::add_path`], without the files that `filter` refuses (as [`nar::dump_filtered`] asks it). The
    /// filter is asked twice if the path is not in the store yet.
    pub fn add_path_filtered<E: From<Error>>(
        &self,
        name: &str,
        source: &Path,
        method: ContentAddressMethod,
        algorithm: HashAlgorithm,
        filter: &mut Filter<'_, E>,
    ) -> Result<StorePath, E> {
        let (address, _) = address_of(source, method, algorithm, filter)?;
        let path = self.directory().make_content_addressed_path(name, &address, References::default())?;
        self.add_temporary_roots([&path])?;
        if self.is_valid(&path)? {
            return Ok(path);
        }
        let Begin::Unfinished(mut unfinished) = self.begin(&path)? else { return Ok(path) };
        copy_canonical(source, unfinished.place(), filter)?;
        let (copied, nar) =
            address_of(unfinished.place(), method, algorithm, &mut |_, _| Ok::<_, Error>(true))?;
        if copied != address {
            return Err(Error::FileChanged { path: source.to_path_buf() }.into());
        }
        let (nar_hash, nar_size) = match nar {
            Some(nar) => nar,
            None => nar::hash_path(unfinished.place())?,
        };
        unfinished.put_into_place()?;
        let mut info = ValidPathInfo::new(path.clone(), nar_hash, nar_size);
        info.ultimate = false;
        info.content_address = Some(address);
        self.register(&[info])?;
        Ok(path)
    }

    /// Adds an object in memory, addressed by its archive (recursive SHA-256).
    pub fn add_node(&self, name: &str, node: &Node) -> Result<StorePath> {
        let (nar_hash, nar_size) = node.nar_hash()?;
        let path = self.directory().make_source_path(name, &nar_hash)?;
        let mut info = ValidPathInfo::new(path.clone(), nar_hash, nar_size);
        info.ultimate = false;
        info.content_address =
            Some(ContentAddress { method: ContentAddressMethod::Recursive, hash: nar_hash });
        self.add_temporary_roots([&path])?;
        if !self.is_valid(&path)? {
            let mut archive = Vec::new();
            node.dump(&mut archive)?;
            self.add_nar(&info, &mut archive.as_slice())?;
        }
        Ok(path)
    }

    /// Adds a text that refers to the valid paths `references` (what `builtins.toFile` does).
    pub fn add_text(
        &self,
        name: &str,
        content: &[u8],
        references: &BTreeSet<StorePath>,
    ) -> Result<StorePath> {
        let sorted: Vec<StorePath> = references.iter().cloned().collect();
        let path = self.directory().make_text_path(name, content, &sorted)?;
        let text = Text {
            path: path.clone(),
            content: content.to_vec(),
            references: references.clone(),
            outputs: None,
        };
        self.add_texts(vec![text])?;
        Ok(path)
    }

    /// Writes a derivation to the store, where its inputs must be valid; returns its path.
    pub fn write_derivation(&self, derivation: &Derivation) -> Result<StorePath> {
        let mut paths = self.write_derivations([derivation])?;
        paths.pop().ok_or_else(|| Error::NotValid { path: derivation.name.clone() })
    }

    /// Writes derivations to the store, which become valid together: they may refer to each other in any order.
    /// Returns their paths in the given order.
    ///
    /// # Errors
    /// [`Error::MissingReference`] for an input that is neither valid nor among them.
    pub fn write_derivations<'derivations>(
        &self,
        derivations: impl IntoIterator<Item = &'derivations Derivation>,
    ) -> Result<Vec<StorePath>> {
        let mut paths = Vec::new();
        let mut texts = Vec::new();
        for derivation in derivations {
            let (path, content) = derivation.path_and_text(self.directory())?;
            paths.push(path.clone());
            let references = derivation.references().into_iter().collect();
            texts.push(Text { path, content, references, outputs: Some(outputs_with_paths(derivation)) });
        }
        self.add_texts(texts)?;
        Ok(paths)
    }

    /// The content of a text's path cannot differ, so no lock is needed: of two processes that write it, the
    /// later one's file replaces an equal one.
    fn add_texts(&self, texts: Vec<Text>) -> Result<()> {
        self.add_temporary_roots(texts.iter().flat_map(|text| text.references.iter().chain([&text.path])))?;
        let mut infos = Vec::new();
        for text in texts {
            if self.is_valid(&text.path)? {
                continue;
            }
            self.write_text(&text)?;
            let content_hash = Hash::sha256(&text.content);
            let (nar_hash, nar_size) = Node::file(text.content).nar_hash()?;
            let mut info = ValidPathInfo::new(text.path, nar_hash, nar_size);
            info.references = text.references;
            info.ultimate = false;
            info.content_address =
                Some(ContentAddress { method: ContentAddressMethod::Text, hash: content_hash });
            infos.push((info, text.outputs));
        }
        let registrations: Vec<Registration<'_>> =
            infos.iter().map(|(info, outputs)| Registration { info, outputs: outputs.clone() }).collect();
        self.register_with_outputs(&registrations)
    }

    fn write_text(&self, text: &Text) -> Result<()> {
        let place = self.own_temporary_place(&text.path);
        let write = || {
            // Left by a killed process that had the same number.
            remove_tree(&place)?;
            let mut file = create_file(&place)?;
            file.write_all(&text.content).map_err(|error| Error::io("write", &place, error))?;
            finish_file(&file, 0o444, &place)?;
            drop(file);
            put_into_place(&place, &self.real_path(&text.path))?;
            self.optimise_added(&text.path)
        };
        write().inspect_err(|_| {
            // What cannot be removed now is a leftover for a collector.
            let _ = remove_tree(&place);
        })
    }

    /// Adds the path that `info` describes from its archive, and makes it valid; the references must be.
    ///
    /// # Errors
    /// [`Error::HashMismatch`] if the archive is not what `info` says, [`Error::WrongContentAddress`] if the path does not
    /// follow from the content address; those of [`nar::restore`].
    pub fn add_nar(&self, info: &ValidPathInfo, archive: &mut impl Read) -> Result<()> {
        self.add_temporary_roots(&info.references)?;
        let Begin::Unfinished(mut unfinished) = self.begin(&info.path)? else { return Ok(()) };
        let mut reader = HashingReader::new(HashAlgorithm::Sha256, archive);
        nar::restore(&mut reader, unfinished.place())?;
        let (actual, size, _) = reader.finish();
        if actual != info.nar_hash || (info.nar_size != 0 && size != info.nar_size) {
            return Err(Error::HashMismatch {
                path: info.path.base_name().to_owned(),
                expected: Box::new(info.nar_hash),
                actual: Box::new(actual),
            });
        }
        canonicalise(unfinished.place())?;
        if let Some(address) = &info.content_address {
            self.check_content_address(info, address, unfinished.place())?;
        }
        unfinished.put_into_place()?;
        let mut info = info.clone();
        info.nar_size = size;
        self.register(&[info])
    }
}

impl LocalStore {
    /// Whoever has no signature claims that a path follows from its content: so it must.
    fn check_content_address(
        &self,
        info: &ValidPathInfo,
        address: &ContentAddress,
        place: &Path,
    ) -> Result<()> {
        let mismatch = |actual| Error::HashMismatch {
            path: info.path.base_name().to_owned(),
            expected: Box::new(address.hash),
            actual: Box::new(actual),
        };
        let others: Vec<StorePath> =
            info.references.iter().filter(|path| **path != info.path).cloned().collect();
        let references = References { others: &others, itself: others.len() < info.references.len() };
        let path = self.directory().make_content_addressed_path(info.path.name(), address, references)?;
        if path != info.path {
            return Err(Error::WrongContentAddress {
                path: info.path.base_name().to_owned(),
                address: address.to_string(),
            });
        }
        // The hash of a path that refers to itself is that of its content with its own name blotted out, which is not
        // done here; such a path is taken by the hash of its archive.
        if references.itself {
            return Ok(());
        }
        let (actual, _) =
            address_of(place, address.method, address.hash.algorithm(), &mut |_, _| Ok::<_, Error>(true))?;
        if actual.hash == address.hash { Ok(()) } else { Err(mismatch(actual.hash)) }
    }
}

type NarHash = Option<(Hash, u64)>;

/// The content address of `path`, and the SHA-256 and size of its archive where these come with it.
fn address_of<E: From<Error>>(
    path: &Path,
    method: ContentAddressMethod,
    algorithm: HashAlgorithm,
    filter: &mut Filter<'_, E>,
) -> Result<(ContentAddress, NarHash), E> {
    match method {
        ContentAddressMethod::Flat | ContentAddressMethod::Text => {
            Ok((ContentAddress { method, hash: nar::hash_file(algorithm, path)? }, None))
        }
        ContentAddressMethod::Recursive => {
            let mut writer = HashingWriter::new(algorithm, std::io::sink());
            nar::dump_filtered(path, filter, &mut writer)?;
            let (hash, size, _) = writer.finish();
            let nar = (algorithm == HashAlgorithm::Sha256).then_some((hash, size));
            Ok((ContentAddress { method, hash }, nar))
        }
    }
}
