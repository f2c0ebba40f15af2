//! `HASH.narinfo`: what a binary cache says of a path (`libstore/nar-info.cc` of Nix).

use crate::error::{Error, Result};
use crate::hash::{Hash, HashAlgorithm};
use crate::path_info::ValidPathInfo;
use crate::store_path::{StoreDir, StorePath};

/// The compression of an archive whose narinfo names none: that of the first caches.
const COMPRESSION_IF_MISSING: &str = "bzip2";

/// What stands for a deriver that is not known.
const UNKNOWN_DERIVER: &str = "unknown-deriver";

/// What a binary cache says of a path, and where the path's archive lies. Nothing of it is believed without a
/// signature, or before the archive was hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NarInfo {
    /// What will be known of the path when it is in a store. Neither `ultimate` nor the time of registration comes from
    /// the cache.
    pub info: ValidPathInfo,
    /// The archive's address, relative to that of the cache.
    pub url: String,
    /// The name of the archive's compression: `xz`, `bzip2`, `zstd`, `gzip`, `br`, `none`…
    pub compression: String,
    /// SHA-256 (nearly always) of the compressed archive.
    pub file_hash: Option<Hash>,
    /// Bytes of the compressed archive.
    pub file_size: Option<u64>,
}

impl NarInfo {
    /// Reads a narinfo. Fields that are not known are left to those who know them.
    ///
    /// # Errors
    /// [`Error::InvalidNarInfo`] for what is no list of fields, fields that occur twice, have a wrong value, or are
    /// missing, and hashes of archives that are not SHA-256.
    pub fn parse(directory: &StoreDir, text: &[u8]) -> Result<Self> {
        let text = std::str::from_utf8(text)
            .map_err(|_| Error::InvalidNarInfo { problem: "it is not text", line: 1 })?;
        let mut fields = Fields::default();
        let mut count = 0;
        for (index, line) in text.split_terminator('\n').enumerate() {
            count = index + 1;
            fields.read(directory, line).map_err(|problem| Error::InvalidNarInfo { problem, line: count })?;
        }
        let missing = |problem| Error::InvalidNarInfo { problem, line: count };
        let path = fields.path.ok_or_else(|| missing("StorePath is missing"))?;
        let url = fields.url.ok_or_else(|| missing("URL is missing"))?;
        let nar_hash = fields.nar_hash.ok_or_else(|| missing("NarHash is missing"))?;
        let nar_size = fields.nar_size.ok_or_else(|| missing("NarSize is missing"))?;
        let mut info = ValidPathInfo::new(path, nar_hash, nar_size);
        info.ultimate = false;
        info.references = fields.references.unwrap_or_default().into_iter().collect();
        info.deriver = fields.deriver.flatten();
        info.signatures = fields.signatures.into_iter().collect();
        info.content_address = fields.content_address;
        Ok(NarInfo {
            info,
            url,
            compression: fields.compression.unwrap_or_else(|| COMPRESSION_IF_MISSING.to_owned()),
            file_hash: fields.file_hash,
            file_size: fields.file_size,
        })
    }

    /// The file, byte for byte as Nix writes it.
    pub fn print(&self, directory: &StoreDir) -> String {
        let mut text = String::with_capacity(600);
        let mut field = |name: &str, value: &str| {
            text.push_str(name);
            text.push_str(": ");
            text.push_str(value);
            text.push('\n');
        };
        let info = &self.info;
        field("StorePath", &directory.display(&info.path));
        field("URL", &self.url);
        field("Compression", &self.compression);
        if let Some(hash) = &self.file_hash {
            field("FileHash", &hash.to_prefixed_base32());
        }
        if let Some(size) = self.file_size {
            field("FileSize", &size.to_string());
        }
        field("NarHash", &info.nar_hash.to_prefixed_base32());
        field("NarSize", &info.nar_size.to_string());
        let references: Vec<&str> = info.references.iter().map(StorePath::base_name).collect();
        field("References", &references.join(" "));
        if let Some(deriver) = &info.deriver {
            field("Deriver", deriver.base_name());
        }
        for signature in &info.signatures {
            field("Sig", signature);
        }
        if let Some(address) = &info.content_address {
            field("CA", &address.to_string());
        }
        text
    }
}

/// What was read so far.
#[derive(Default)]
struct Fields {
    path: Option<StorePath>,
    url: Option<String>,
    compression: Option<String>,
    file_hash: Option<Hash>,
    file_size: Option<u64>,
    nar_hash: Option<Hash>,
    nar_size: Option<u64>,
    references: Option<Vec<StorePath>>,
    deriver: Option<Option<StorePath>>,
    signatures: Vec<String>,
    content_address: Option<crate::content_address::ContentAddress>,
}

impl Fields {
    fn read(&mut self, directory: &StoreDir, line: &str) -> Result<(), &'static str> {
        let (name, value) = line
            .split_once(": ")
            .or_else(|| {
                // An editor, or a server, may have cut the blank behind an empty value.
                line.strip_suffix(':').map(|name| (name, ""))
            })
            .ok_or("'FIELD: VALUE' is expected")?;
        match name {
            "StorePath" => {
                once(&mut self.path, directory.parse(value.as_bytes()).map_err(|_| "a bad store path")?)
            }
            "URL" if value.is_empty() => Err("an empty URL"),
            "URL" => once(&mut self.url, value.to_owned()),
            "Compression" if value.is_empty() => Ok(()),
            "Compression" => once(&mut self.compression, value.to_owned()),
            "FileHash" => {
                once(&mut self.file_hash, Hash::parse_any_prefixed(value).map_err(|_| "a bad hash")?)
            }
            "FileSize" => once(&mut self.file_size, value.parse().map_err(|_| "a bad size")?),
            "NarHash" => once(&mut self.nar_hash, archive_hash(value)?),
            "NarSize" => match value.parse() {
                Ok(0) | Err(_) => Err("a bad size"),
                Ok(size) => once(&mut self.nar_size, size),
            },
            "References" => {
                let paths = value.split(' ').filter(|name| !name.is_empty()).map(StorePath::from_base_name);
                once(&mut self.references, paths.collect::<Result<_>>().map_err(|_| "a bad reference")?)
            }
            "Deriver" => {
                let deriver = match value {
                    UNKNOWN_DERIVER | "" => None,
                    _ => Some(StorePath::from_base_name(value).map_err(|_| "a bad deriver")?),
                };
                once(&mut self.deriver, deriver)
            }
            // The database keeps them with blanks between.
            "Sig"
                if value.contains(|character: char| character.is_whitespace() || character.is_control()) =>
            {
                Err("a bad signature")
            }
            "Sig" => {
                self.signatures.push(value.to_owned());
                Ok(())
            }
            "CA" if value.is_empty() => Ok(()),
            "CA" => once(&mut self.content_address, value.parse().map_err(|_| "a bad content address")?),
            _ => Ok(()),
        }
    }
}

fn once<T>(field: &mut Option<T>, value: T) -> Result<(), &'static str> {
    match field.replace(value) {
        None => Ok(()),
        Some(_) => Err("a field that was there before"),
    }
}

fn archive_hash(text: &str) -> Result<Hash, &'static str> {
    let hash = Hash::parse_any_prefixed(text).map_err(|_| "a bad hash")?;
    match hash.algorithm() {
        HashAlgorithm::Sha256 => Ok(hash),
        _ => Err("an archive's hash that is not SHA-256"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::content_address::{ContentAddress, ContentAddressMethod};

    // Written by nix copy --to 'file://cache?secret-key=secret', and a deriver added.
    const WRITTEN_BY_NIX: &str = "\
StorePath: /nix/store/0q5xkqvgjp92hv457pc4sayp4f32n1gz-dd
URL: nar/0dvipbjdgvw1clbgq4bv7kif7c1q9550qlya4qvjn05p304mvc3x.nar.xz
Compression: xz
FileHash: sha256:0dvipbjdgvw1clbgq4bv7kif7c1q9550qlya4qvjn05p304mvc3x
FileSize: 168
NarHash: sha256:1pj7swf7dl5z165j08n7vjgj9mvvrz3f878avc96lyxk3zjzfl6r
NarSize: 288
References: 
Deriver: 0q5xkqvgjp92hv457pc4sayp4f32n1gz-dd.drv
Sig: test-1:kOV0wLulvQ2v8jUKt7EZJHfd5vXPUERYHqY+N2THJw7nbdSDcp5Bxy62gx2F2+xZbpOWBSIwQ4uIFTRm7BIqDw==
CA: fixed:r:sha256:1pj7swf7dl5z165j08n7vjgj9mvvrz3f878avc96lyxk3zjzfl6r
";

    fn parse(text: &str) -> Result<NarInfo> {
        NarInfo::parse(&StoreDir::default(), text.as_bytes())
    }

    #[test]
    fn one_that_nix_wrote_is_printed_alike() {
        assert_eq!(parse(WRITTEN_BY_NIX).unwrap().print(&StoreDir::default()), WRITTEN_BY_NIX);
    }

    #[test]
    fn without_compression_it_is_bzip2() {
        for line in ["", "Compression: \n"] {
            let info = parse(&WRITTEN_BY_NIX.replace("Compression: xz\n", line)).unwrap();
            assert_eq!(info.compression, "bzip2");
        }
    }

    #[test]
    fn what_caches_of_other_makers_write() {
        let text = WRITTEN_BY_NIX
            .replace("References: \n", "References:\n")
            .replace("Deriver: 0q5xkqvgjp92hv457pc4sayp4f32n1gz-dd.drv", "Deriver: unknown-deriver")
            .replace("CA:", "System: x86_64-linux\nCA:");
        let info = parse(text.trim_end()).unwrap();
        assert!(info.info.references.is_empty() && info.info.deriver.is_none());
        assert!(info.info.content_address.is_some());
    }

    #[test]
    fn each_fault_is_named_with_its_line() {
        let fault = |from: &str, to: &str| parse(&WRITTEN_BY_NIX.replace(from, to)).unwrap_err().to_string();
        let cases = [
            (fault("/nix/store/0q5", "/gnu/store/0q5"), "a bad store path in line 1"),
            (
                fault("/nix/store/0q5xkqvgjp92hv457pc4sayp4f32n1gz-dd", "/nix/store/../x"),
                "a bad store path in line 1",
            ),
            (
                fault("URL: nar/0dvipbjdgvw1clbgq4bv7kif7c1q9550qlya4qvjn05p304mvc3x.nar.xz\n", ""),
                "URL is missing",
            ),
            (fault("NarHash: sha256:1pj7", "NarHash: sha256:1pj"), "a bad hash in line 6"),
            (fault("NarSize: 288", "NarSize: 0"), "a bad size in line 7"),
            (fault("NarSize: 288", "NarSize: -1"), "a bad size in line 7"),
            (fault("NarSize: 288", "NarSize: 99999999999999999999"), "a bad size in line 7"),
            (fault("NarSize: 288\n", ""), "NarSize is missing"),
            (fault("References: ", "References: ../../etc/passwd"), "a bad reference in line 8"),
            (fault("NarSize: 288", "URL: twice"), "a field that was there before in line 7"),
            (fault("Sig: test-1", "Sig: te st-1"), "a bad signature in line 10"),
            (fault("CA: fixed", "CA: mixed"), "a bad content address in line 11"),
        ];
        for (error, expected) in cases {
            assert!(error.contains(expected), "{error}: {expected}");
        }
        for page in ["<html>\n</html>", "", "\n\n", "404"] {
            assert!(parse(page).is_err(), "{page:?}");
        }
    }

    fn any_path() -> impl Strategy<Value = StorePath> {
        (any::<[u8; 20]>(), "[a-zA-Z0-9+_?=-][a-zA-Z0-9+._?=-]{0,30}")
            .prop_map(|(hash, name)| StorePath::from_parts(hash, &name).unwrap())
    }

    fn any_hash() -> impl Strategy<Value = Hash> {
        any::<[u8; 32]>().prop_map(|bytes| Hash::from_bytes(HashAlgorithm::Sha256, &bytes).unwrap())
    }

    prop_compose! {
        fn any_narinfo()(
            path in any_path(), nar_hash in any_hash(), nar_size in 1u64..,
            references in proptest::collection::btree_set(any_path(), 0..5),
            deriver in proptest::option::of(any_path()),
            signatures in proptest::collection::btree_set("[a-z0-9-]{1,9}:[A-Za-z0-9+/]{10}==", 0..3),
            address in proptest::option::of(any_hash()),
            url in "nar/[0-9a-z]{1,40}\\.nar\\.xz", compression in "xz|none|zstd|br",
            file_hash in proptest::option::of(any_hash()), file_size: Option<u64>,
        ) -> NarInfo {
            let mut info = ValidPathInfo::new(path, nar_hash, nar_size);
            info.ultimate = false;
            info.references = references;
            info.deriver = deriver;
            info.signatures = signatures;
            info.content_address =
                address.map(|hash| ContentAddress { method: ContentAddressMethod::Recursive, hash });
            NarInfo { info, url, compression, file_hash, file_size }
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(narinfo in any_narinfo()) {
            let directory = StoreDir::default();
            prop_assert_eq!(NarInfo::parse(&directory, narinfo.print(&directory).as_bytes()).unwrap(), narinfo);
        }

        #[test]
        fn damaged_ones_are_errors_or_other_valid_ones(
            narinfo in any_narinfo(), at: proptest::sample::Index, byte: u8, cut: bool,
        ) {
            let directory = StoreDir::default();
            let mut text = narinfo.print(&directory).into_bytes();
            let at = at.index(text.len());
            if cut { text.truncate(at) } else { text[at] = byte }
            if let Ok(read) = NarInfo::parse(&directory, &text) {
                let again = NarInfo::parse(&directory, read.print(&directory).as_bytes()).unwrap();
                prop_assert_eq!(again, read);
            }
        }

        #[test]
        fn any_bytes_end(bytes: Vec<u8>) {
            let _ = NarInfo::parse(&StoreDir::default(), &bytes);
        }
    }
}
