//! What lies beside an image: its checksum as sha256sum(1) has it, and a list of what is in it, as SPDX 2.3 in JSON
//! (https://spdx.github.io/spdx-spec/v2.3/). The same image has the same list: no clock, and a namespace that follows from
//! the content.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use debian::control::{Paragraph, Paragraphs};
use nix_store::Hash;
use serde_json::{Value, json};

use crate::builders::licenses::{self, Declared, OtherLicense};
use crate::error::{Error, IoContext, Result};

/// Where a path of the closure lists the packages that it was merged from, in dpkg's format (base/nixos/modules/config).
const STATUS: &str = "share/dpkg/status";

/// The time of all that is in an image.
const CREATED: &str = "1970-01-01T00:00:01Z";

/// A path of the image's closure.
pub(super) struct ImagePath {
    /// Its name, without the hash.
    pub name: String,
    /// Its whole path.
    pub logical: String,
    /// Where it lies.
    pub real: PathBuf,
    /// The SHA-256 of its archive.
    pub nar_hash: Hash,
}

/// A package of Debian.
#[derive(Debug)]
struct DebianPackage {
    name: String,
    version: String,
    architecture: String,
    maintainer: Option<String>,
    homepage: Option<String>,
    licenses: Option<Declared>,
}

/// The line of an image's checksum file.
pub(super) fn checksum_line(hash: &Hash, file_name: &str) -> String {
    format!("{}  {file_name}\n", hash.to_base16())
}

/// The list of what an image holds. `deb_hashes` are SHA-256 of packages, in hexadecimal, by `NAME_VERSION`.
pub(super) fn spdx(
    file_name: &str,
    image: Option<&Hash>,
    closure: &[ImagePath],
    deb_hashes: &BTreeMap<String, String>,
) -> Result<String> {
    let mut debs = Vec::new();
    for path in closure {
        let status = path.real.join(STATUS);
        if status.is_file() {
            let text = std::fs::read_to_string(&status).on("read", &status)?;
            debs.extend(packages(&status, &text, &path.real)?);
        }
    }
    let key = |deb: &DebianPackage| (deb.name.clone(), deb.version.clone(), deb.architecture.clone());
    debs.sort_by_cached_key(key);
    debs.dedup_by_key(|deb| key(deb));
    let sha256 = |hex: String| json!([{ "algorithm": "SHA256", "checksumValue": hex }]);
    let mut packages = vec![package("SPDXRef-image", file_name)];
    packages[0]["primaryPackagePurpose"] = json!("OPERATING-SYSTEM");
    if let Some(hash) = image {
        packages[0]["checksums"] = sha256(hash.to_base16());
    }
    let mut others: BTreeMap<String, OtherLicense> = BTreeMap::new();
    for deb in debs {
        let id = format!("SPDXRef-deb-{}-{}", identifier(&deb.name), identifier(&deb.architecture));
        let mut listed = package(&id, &deb.name);
        listed["versionInfo"] = json!(deb.version);
        if let Some(hash) = deb_hashes.get(&format!("{}_{}", deb.name, deb.version)) {
            listed["checksums"] = sha256(hash.clone());
        }
        if let Some(maintainer) = deb.maintainer {
            listed["supplier"] = json!(format!("Person: {maintainer}"));
        }
        if let Some(homepage) = deb.homepage {
            listed["homepage"] = json!(homepage);
        }
        if let Some(licenses) = deb.licenses {
            listed["licenseDeclared"] = json!(licenses.expression);
            others.extend(licenses.others);
        }
        let purl = format!(
            "pkg:deb/debian/{}@{}?arch={}",
            percent(&deb.name),
            percent(&deb.version),
            deb.architecture
        );
        listed["externalRefs"] = json!([{
            "referenceCategory": "PACKAGE-MANAGER",
            "referenceType": "purl",
            "referenceLocator": purl,
        }]);
        packages.push(listed);
    }
    for path in closure {
        let id = format!("SPDXRef-path-{}", identifier(path.logical.rsplit('/').next().unwrap_or_default()));
        let mut listed = package(&id, &path.name);
        listed["packageFileName"] = json!(path.logical);
        // Of the path's archive: what a Nix store calls its narHash.
        listed["checksums"] = sha256(path.nar_hash.to_base16());
        packages.push(listed);
    }
    let mut relationships = vec![relationship("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-image")];
    for listed in &packages[1..] {
        let id = listed["SPDXID"].as_str().unwrap_or_default();
        relationships.push(relationship("SPDXRef-image", "CONTAINS", id));
    }
    let others = others.into_iter().map(|(identifier, other)| {
        json!({ "licenseId": identifier, "name": other.name, "extractedText": other.text })
    });
    let others: Vec<Value> = others.collect();
    let content = json!({ "packages": packages, "licenses": others, "relationships": relationships });
    let hash = Hash::sha256(content.to_string().as_bytes()).to_base16();
    let mut document = json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": file_name,
        "documentNamespace": format!("urn:sha256:{hash}"),
        "creationInfo": { "created": CREATED, "creators": ["Tool: hostwright"] },
        "packages": content["packages"],
        "relationships": content["relationships"],
    });
    if !others.is_empty() {
        document["hasExtractedLicensingInfos"] = json!(others);
    }
    Ok(format!("{document:#}\n"))
}

fn package(id: &str, name: &str) -> Value {
    json!({
        "SPDXID": id,
        "name": name,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": false,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
        "copyrightText": "NOASSERTION",
    })
}

fn relationship(from: &str, kind: &str, to: &str) -> Value {
    json!({ "spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to })
}

/// Identifiers have letters, digits, dots and dashes only (SPDX 2.3, 3.2).
fn identifier(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
    text.chars().map(plain).collect()
}

/// As package URLs write a name or a version (purl-spec, "Character encoding").
fn percent(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// The packages that a list names, with the licenses that the files beside it declare. `usr` is where all of them lie.
fn packages(path: &Path, text: &str, usr: &Path) -> Result<Vec<DebianPackage>> {
    let mut found = Vec::new();
    let mut paragraphs = Paragraphs::new(text);
    let mut paragraph = Paragraph::default();
    loop {
        let read = paragraphs.read_into(&mut paragraph);
        match read.map_err(|error| Error::attribute("closure", format!("{}: {error}", path.display())))? {
            false => return Ok(found),
            true => {
                let field = |name: &str| paragraph.get(name).map(str::to_owned);
                if let (Some(name), Some(version)) = (field("Package"), field("Version")) {
                    let architecture = field("Architecture").unwrap_or_else(|| "all".to_owned());
                    let (maintainer, homepage) = (field("Maintainer"), field("Homepage"));
                    let licenses = copyright(usr, &name).as_deref().and_then(licenses::declared);
                    found.push(DebianPackage { name, version, architecture, maintainer, homepage, licenses });
                }
            }
        }
    }
}

/// A package's copyright file, which another package may hold for it (Debian's policy, 12.5).
fn copyright(usr: &Path, package: &str) -> Option<String> {
    let directory = usr.join("share/doc");
    let file = directory.join(package).join("copyright").canonicalize().ok()?;
    // A link is a package's word; it does not lead to files of this machine.
    let inside = file.starts_with(directory.canonicalize().ok()?);
    let bytes = inside.then(|| std::fs::read(file).ok())??;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_and_paths_are_listed_once_and_in_order() {
        let place = tempfile::tempdir().unwrap();
        let status = place.path().join(STATUS);
        std::fs::create_dir_all(status.parent().unwrap()).unwrap();
        let text = "Package: libc++1\nVersion: 1:19~rc-2\nArchitecture: arm64\nMaintainer: A <a@b>\n\n\
                    Package: bash\nVersion: 5.2\nArchitecture: arm64\n";
        std::fs::write(&status, text).unwrap();
        let documentation = place.path().join("share/doc");
        std::fs::create_dir_all(documentation.join("bash")).unwrap();
        let text = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n\
                    Files: *\nLicense: GPL-3+ and odd\n\nLicense: odd\n Do good.\n";
        std::fs::write(documentation.join("bash/copyright"), text).unwrap();
        std::os::unix::fs::symlink("/etc", documentation.join("libc++1")).unwrap();
        let path = |name: &str, real: &Path| ImagePath {
            name: name.to_owned(),
            logical: format!("/nix/store/00000000000000000000000000000000-{name}"),
            real: real.to_owned(),
            nar_hash: Hash::sha256(name.as_bytes()),
        };
        let closure = [path("usr", place.path()), path("etc", Path::new("/nonexistent"))];
        let hashes = BTreeMap::from([("bash_5.2".to_owned(), "ab".repeat(32))]);
        let text = spdx("card.img", Some(&Hash::sha256(b"image")), &closure, &hashes).unwrap();
        assert_eq!(text, spdx("card.img", Some(&Hash::sha256(b"image")), &closure, &hashes).unwrap());
        let document: Value = serde_json::from_str(&text).unwrap();
        let packages = document["packages"].as_array().unwrap();
        let names: Vec<_> = packages.iter().map(|package| package["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["card.img", "bash", "libc++1", "usr", "etc"]);
        assert_eq!(packages[1]["checksums"][0]["checksumValue"], "ab".repeat(32));
        let others = &document["hasExtractedLicensingInfos"];
        assert_eq!((&others[0]["name"], &others[0]["extractedText"]), (&json!("odd"), &json!("Do good.")));
        let declared = format!("GPL-3.0-or-later AND {}", others[0]["licenseId"].as_str().unwrap());
        assert_eq!(packages[1]["licenseDeclared"], declared);
        assert_eq!(packages[2]["licenseDeclared"], "NOASSERTION");
        assert_eq!(packages[2]["SPDXID"], "SPDXRef-deb-libc--1-arm64");
        assert_eq!(
            packages[2]["externalRefs"][0]["referenceLocator"],
            "pkg:deb/debian/libc%2B%2B1@1%3A19~rc-2?arch=arm64"
        );
        assert_eq!(document["relationships"].as_array().unwrap().len(), 5);
    }
}
