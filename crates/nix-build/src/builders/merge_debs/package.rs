//! What an unpacked package says of itself in its control file (Debian policy, chapters 5 and 7).

use std::fs;
use std::path::{Path, PathBuf};

use debian::control::Paragraph;
use debian::dependency::{Dependency, Relation, parse_groups};

use crate::error::{Error, PackageConflict, Result};

/// Where `builtin:unpack-deb` puts the control file.
pub(super) const CONTROL_FILE: &str = "nix-support/debian/control";

/// An unpacked package.
#[derive(Debug)]
pub(super) struct Package {
    /// Its logical store path.
    pub(super) store_path: String,
    /// Where it really lies.
    pub(super) real: PathBuf,
    pub(super) name: String,
    pub(super) architecture: String,
    version: String,
    provides: Vec<Declaration>,
    replaces: Vec<Declaration>,
    conflicts: Vec<Declaration>,
    breaks: Vec<Declaration>,
    /// The script that runs before the package is unpacked, if it diverts files.
    diverting_script: Option<String>,
    /// The control file as it is.
    control: String,
}

/// One element of `Replaces` and its kin: a name and, perhaps, a range of versions.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Declaration {
    /// As it is written.
    text: String,
    name: String,
    range: Option<(Relation, String)>,
}

impl Package {
    /// Reads the control file of the package at `real`.
    pub(super) fn read(store_path: &str, real: &Path) -> Result<Self> {
        let control = real.join(CONTROL_FILE);
        let text = match fs::read_to_string(&control) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::attribute(
                    "debs",
                    format!("'{store_path}' is no unpacked package: it has no {CONTROL_FILE}"),
                ));
            }
            Err(error) => return Err(Error::io("read", &control, error)),
        };
        let invalid = |problem: String| Error::InvalidFormat { path: control.clone(), problem };
        let paragraph = Paragraph::parse(&text).map_err(|error| invalid(error.to_string()))?;
        let required = |name: &str| {
            paragraph.get(name).map(str::to_owned).ok_or_else(|| invalid(format!("no field '{name}'")))
        };
        let relations = |name: &str| -> Result<Vec<Declaration>> {
            let groups = parse_groups(paragraph.get(name).unwrap_or_default())
                .map_err(|error| invalid(format!("field '{name}': {error}")))?;
            Ok(groups.iter().flatten().map(Declaration::new).collect())
        };
        Ok(Package {
            store_path: store_path.to_owned(),
            real: real.to_path_buf(),
            name: required("Package")?,
            architecture: required("Architecture")?,
            version: required("Version")?,
            provides: relations("Provides")?,
            replaces: relations("Replaces")?,
            conflicts: relations("Conflicts")?,
            breaks: relations("Breaks")?,
            diverting_script: diverting_script(real)?,
            control: text,
        })
    }

    /// The paragraph of an installed package in dpkg's list.
    pub(super) fn status(&self) -> String {
        let (first, rest) = self.control.split_once('\n').unwrap_or((&self.control, ""));
        format!("{first}\nStatus: install ok installed\n{}\n\n", rest.trim_end())
    }

    /// Whether the package moves other packages' files of this name away. Scripts are not run here, and put their paths together
    /// in all ways that a shell offers, but they name the file.
    pub(super) fn diverts(&self, file_name: &str) -> bool {
        let names = |character: char| character.is_whitespace() || "/\"'=;".contains(character);
        self.diverting_script.as_ref().is_some_and(|script| script.split(names).any(|word| word == file_name))
    }

    /// Whether this package's files win over those of `other`.
    pub(super) fn replaces_files_of(&self, other: &Package) -> bool {
        self.replaces.iter().any(|relation| relation.names(other))
    }
}

/// The text of `preinst` if it calls dpkg-divert.
fn diverting_script(package: &Path) -> Result<Option<String>> {
    let path = package.join("nix-support/debian/preinst");
    match fs::read(&path) {
        Ok(bytes) => {
            Ok(Some(String::from_utf8_lossy(&bytes).into_owned()).filter(|text| text.contains("dpkg-divert")))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("read", &path, error)),
    }
}

impl Declaration {
    fn new(dependency: &Dependency<'_>) -> Self {
        Declaration {
            text: dependency.to_string(),
            name: dependency.name.to_owned(),
            range: dependency.version.map(|(relation, bound)| (relation, bound.to_owned())),
        }
    }

    /// Whether this is about `package` by its own name and version.
    fn names(&self, package: &Package) -> bool {
        self.name == package.name && self.admits(&package.version)
    }

    /// Whether this is about something that `package` provides. A range of versions is only met by a versioned
    /// provision.
    fn names_provided_by(&self, package: &Package) -> bool {
        package.provides.iter().any(|provided| {
            provided.name == self.name
                && match &provided.range {
                    Some((_, version)) => self.admits(version),
                    None => self.range.is_none(),
                }
        })
    }

    fn admits(&self, version: &str) -> bool {
        self.range.as_ref().is_none_or(|(relation, bound)| relation.holds(version, bound))
    }
}

/// # Errors
/// [`Error::PackageConflict`] for the first package, by name, that declares that it cannot be installed with another of
/// them.
pub(super) fn check_conflicts(packages: &[Package]) -> Result<()> {
    for package in packages {
        let declared = package
            .conflicts
            .iter()
            .map(|relation| ("Conflicts", relation))
            .chain(package.breaks.iter().map(|relation| ("Breaks", relation)));
        for (field, relation) in declared {
            let other = packages.iter().find(|other| {
                // A package may conflict with what it provides itself, and so be the only one that does.
                other.name != package.name && (relation.names(other) || relation.names_provided_by(other))
            });
            if let Some(other) = other {
                return Err(Error::PackageConflict(Box::new(PackageConflict {
                    package: package.name.clone(),
                    version: package.version.clone(),
                    other: other.name.clone(),
                    other_version: other.version.clone(),
                    field,
                    relation: relation.text.clone(),
                })));
            }
        }
    }
    Ok(())
}
