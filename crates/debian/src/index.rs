//! What an archive offers for one architecture: the paragraphs of its `Packages` files, reduced to what resolving, locking
//! and describing need.
//!
//! An index of Debian's main archive has about 65 000 packages in 55 MB of text. The fields that count are copied into one
//! string and referred to by offset, so that reading it takes one pass and a handful of allocations; packages are sorted
//! by name and, within a name, newest first, so that looking up is a binary search and no map has to be built.
//! Relationships are parsed when the resolver asks for them: it looks at less than a hundredth of them.

use std::cmp::Ordering;

use crate::{
    control::{Paragraph, Paragraphs},
    dependency::{self, Group},
    error::{Error, Result},
    version,
};

/// Position and length of a text in the index's arena.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    start: u32,
    length: u32,
}

#[derive(Clone, Debug)]
struct Record {
    name: Span,
    version: Span,
    description: Span,
    file: Span,
    relationships: [Span; FIELDS.len()],
    size: u64,
    sha256: [u8; 32],
    archive: u8,
    priority: Priority,
    essential: bool,
    multi_arch: MultiArch,
    architecture_all: bool,
}

/// The fields of a package that relate it to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relationship {
    /// Needed before it is unpacked.
    PreDepends,
    /// Needed for it to work.
    Depends,
    /// Must not be installed beside it.
    Conflicts,
    /// Does not work beside it.
    Breaks,
    /// Other names that it answers to.
    Provides,
    /// Packages whose files it may overwrite.
    Replaces,
}

/// Field names in the order of [`Relationship`]'s variants.
const FIELDS: [&str; 6] = ["Pre-Depends", "Depends", "Conflicts", "Breaks", "Provides", "Replaces"];

impl Relationship {
    /// The field's name in a control file.
    pub fn field(self) -> &'static str {
        FIELDS[self as usize]
    }
}

/// How much the archive thinks a package belongs to a system (Policy 2.5); smaller is more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are Policy's")]
pub enum Priority {
    Required,
    Important,
    Standard,
    Optional,
    Extra,
}

/// The field `Multi-Arch` (deb-control(5)). On a host with one architecture only `Allowed` makes a difference: it lets the
/// package satisfy a dependency qualified with `:any`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the field's values")]
pub enum MultiArch {
    No,
    Same,
    Foreign,
    Allowed,
}

/// Place of a package in an [`Index`]. Ordered as the index is: by name, newest version first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageId(pub(crate) u32);

/// All packages that are offered for one architecture (those for `all` included).
#[derive(Clone, Debug)]
pub struct Index {
    architecture: String,
    archives: Vec<String>,
    arena: String,
    records: Vec<Record>,
    provided: Vec<Provided>,
}

#[derive(Clone, Copy, Debug)]
struct Provided {
    name: Span,
    version: Option<Span>,
    by: PackageId,
}

/// One package of an index.
#[derive(Clone, Copy, Debug)]
pub struct Package<'a> {
    index: &'a Index,
    id: PackageId,
}

/// Collects the packages of several `Packages` files into an [`Index`].
#[derive(Debug)]
pub struct IndexBuilder {
    index: Index,
}

impl IndexBuilder {
    /// Begins an index for `architecture` (Debian's name: `amd64`, `arm64`).
    pub fn new(architecture: &str) -> Self {
        IndexBuilder {
            index: Index {
                architecture: architecture.to_owned(),
                archives: Vec::new(),
                arena: String::new(),
                records: Vec::new(),
                provided: Vec::new(),
            },
        }
    }

    /// Adds the paragraphs of one `Packages` file. `archive` names the archive whose root their file names start from
    /// (`debian`, `debian-security`); `origin` names the file in errors.
    ///
    /// Packages of another architecture are passed over.
    ///
    /// # Errors
    /// [`Error::MalformedIndex`] for text that is no index or lacks a field that every package must have.
    pub fn add(&mut self, archive: &str, origin: &str, text: &str) -> Result<()> {
        let malformed = |problem: String| Error::MalformedIndex { origin: origin.to_owned(), problem };
        let archive = match self.index.archives.iter().position(|known| known == archive) {
            Some(position) => position,
            None => {
                self.index.archives.push(archive.to_owned());
                self.index.archives.len() - 1
            }
        };
        let archive = u8::try_from(archive).map_err(|_| malformed("too many archives".to_owned()))?;
        // Half of the text is kept, as measured on Debian's main archive; offsets are 32 bits wide.
        if self.index.arena.len() + text.len() > u32::MAX as usize {
            return Err(malformed("it is larger than 4 GiB".to_owned()));
        }
        self.index.arena.reserve(text.len() / 2);
        let mut paragraphs = Paragraphs::new(text);
        let mut paragraph = Paragraph::default();
        while paragraphs.read_into(&mut paragraph).map_err(|source| malformed(source.to_string()))? {
            self.add_package(archive, &paragraph).map_err(malformed)?;
        }
        Ok(())
    }

    fn add_package(&mut self, archive: u8, paragraph: &Paragraph<'_>) -> std::result::Result<(), String> {
        let mut name = "";
        let mut version = "";
        let mut architecture = "";
        let mut file = "";
        let mut description = "";
        let mut size = None;
        let mut sha256 = None;
        let mut priority = Priority::Optional;
        let mut essential = false;
        let mut multi_arch = MultiArch::No;
        let mut relationships = [""; FIELDS.len()];
        for field in &paragraph.fields {
            let value = field.value;
            match field.name {
                "Package" => name = value,
                "Version" => version = value,
                "Architecture" => architecture = value,
                "Filename" => file = value,
                "Description" => description = value.lines().next().unwrap_or_default(),
                "Size" => size = value.parse::<u64>().ok(),
                "SHA256" => sha256 = parse_sha256(value),
                "Priority" => {
                    priority = match value {
                        "required" => Priority::Required,
                        "important" => Priority::Important,
                        "standard" => Priority::Standard,
                        "extra" => Priority::Extra,
                        _ => Priority::Optional,
                    }
                }
                "Essential" => essential = value == "yes",
                "Multi-Arch" => {
                    multi_arch = match value {
                        "same" => MultiArch::Same,
                        "foreign" => MultiArch::Foreign,
                        "allowed" => MultiArch::Allowed,
                        _ => MultiArch::No,
                    }
                }
                other => {
                    if let Some(position) = FIELDS.iter().position(|field| *field == other) {
                        relationships[position] = value;
                    }
                }
            }
        }
        if name.is_empty() {
            return Err("a package has no name".to_owned());
        }
        let architecture_all = architecture == "all";
        if !architecture_all && architecture != self.index.architecture {
            return Ok(());
        }
        if !is_package_name(name) {
            return Err(format!("`{}` is no name for a package", name.escape_debug()));
        }
        version.parse::<version::Version>().map_err(|error| format!("package {name}: {error}"))?;
        let size = size.ok_or_else(|| format!("package {name} has no usable Size"))?;
        let sha256 = sha256.ok_or_else(|| format!("package {name} has no usable SHA256"))?;
        if !is_pool_path(file) {
            return Err(format!("package {name}: `{}` is no path below the archive", file.escape_debug()));
        }
        let record = Record {
            name: self.keep(name),
            version: self.keep(version),
            description: self.keep(description),
            file: self.keep(file),
            relationships: relationships.map(|value| self.keep(value)),
            size,
            sha256,
            archive,
            priority,
            essential,
            multi_arch,
            architecture_all,
        };
        self.index.records.push(record);
        Ok(())
    }

    fn keep(&mut self, text: &str) -> Span {
        // Checked in `add`: the arena never grows past 4 GiB.
        let start = self.index.arena.len() as u32;
        self.index.arena.push_str(text);
        Span { start, length: text.len() as u32 }
    }

    /// Sorts what was added. Of packages with the same name and version the one that was added first stays.
    ///
    /// # Errors
    /// [`Error::MalformedDependency`] for a `Provides` that cannot be read.
    pub fn finish(self) -> Result<Index> {
        let mut index = self.index;
        let mut records = std::mem::take(&mut index.records);
        records.sort_by(|left, right| {
            index
                .text(left.name)
                .cmp(index.text(right.name))
                .then_with(|| version::compare(index.text(right.version), index.text(left.version)))
        });
        records.dedup_by(|later, earlier| {
            index.text(later.name) == index.text(earlier.name)
                && version::compare(index.text(later.version), index.text(earlier.version)) == Ordering::Equal
        });
        index.records = records;
        let mut provided = Vec::new();
        for (position, record) in index.records.iter().enumerate() {
            let field = record.relationships[Relationship::Provides as usize];
            if field.length == 0 {
                continue;
            }
            let by = PackageId(position as u32);
            for entry in index.package(by).groups(Relationship::Provides)?.into_iter().flatten() {
                // Only `=` has a meaning in Provides (Policy 7.1).
                let version = match entry.version {
                    Some((dependency::Relation::Equal, version)) => Some(index.span_of(version)),
                    Some(_) => continue,
                    None => None,
                };
                provided.push(Provided { name: index.span_of(entry.name), version, by });
            }
        }
        provided.sort_by(|left, right| {
            index.text(left.name).cmp(index.text(right.name)).then(left.by.cmp(&right.by))
        });
        index.provided = provided;
        Ok(index)
    }
}

impl Index {
    /// The architecture it was made for.
    pub fn architecture(&self) -> &str {
        &self.architecture
    }

    /// Number of packages, older versions of the same name counted too.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is no package in it.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// All packages, by name, newest version first.
    pub fn packages(&self) -> impl Iterator<Item = Package<'_>> {
        (0..self.records.len()).map(|position| self.package(PackageId(position as u32)))
    }

    /// The package at a place that this index gave out.
    pub fn package(&self, id: PackageId) -> Package<'_> {
        Package { index: self, id }
    }

    /// All versions of the package of this name, newest first.
    pub fn versions(&self, name: &str) -> impl ExactSizeIterator<Item = Package<'_>> + use<'_> {
        let start = self.records.partition_point(|record| self.text(record.name) < name);
        let length = self.records[start..].partition_point(|record| self.text(record.name) == name);
        (start..start + length).map(|position| self.package(PackageId(position as u32)))
    }

    /// The newest version of the package of this name.
    pub fn newest(&self, name: &str) -> Option<Package<'_>> {
        self.versions(name).next()
    }

    /// The packages that name `name` in their `Provides`, with the version that they provide it at; by name of the
    /// package.
    pub fn providers(&self, name: &str) -> impl Iterator<Item = (Package<'_>, Option<&str>)> + use<'_> {
        let start = self.provided.partition_point(|entry| self.text(entry.name) < name);
        let length = self.provided[start..].partition_point(|entry| self.text(entry.name) == name);
        self.provided[start..start + length]
            .iter()
            .map(|entry| (self.package(entry.by), entry.version.map(|version| self.text(version))))
    }

    /// The newest versions of the packages marked `Essential: yes`: those that no other package names among its
    /// dependencies, because every Debian system has them (Policy 3.8).
    pub fn essential(&self) -> impl Iterator<Item = Package<'_>> {
        let mut last = "";
        self.packages().filter(move |package| {
            let newest = package.name() != last;
            last = package.name();
            newest && package.is_essential()
        })
    }

    fn text(&self, span: Span) -> &str {
        &self.arena[span.start as usize..(span.start + span.length) as usize]
    }

    /// The span of a text that was cut out of the arena.
    fn span_of(&self, text: &str) -> Span {
        let start = text.as_ptr() as usize - self.arena.as_ptr() as usize;
        Span { start: start as u32, length: text.len() as u32 }
    }

    fn record(&self, id: PackageId) -> &Record {
        &self.records[id.0 as usize]
    }
}

impl<'a> Package<'a> {
    /// Its place in the index.
    pub fn id(self) -> PackageId {
        self.id
    }

    /// Its name.
    pub fn name(self) -> &'a str {
        self.index.text(self.index.record(self.id).name)
    }

    /// Its version; well formed.
    pub fn version(self) -> &'a str {
        self.index.text(self.index.record(self.id).version)
    }

    /// `all`, or the index's architecture.
    pub fn architecture(self) -> &'a str {
        if self.index.record(self.id).architecture_all { "all" } else { &self.index.architecture }
    }

    /// First line of its description.
    pub fn description(self) -> &'a str {
        self.index.text(self.index.record(self.id).description)
    }

    /// Where its `.deb` lies below the archive's root.
    pub fn file(self) -> &'a str {
        self.index.text(self.index.record(self.id).file)
    }

    /// The archive that [`file`](Self::file) is relative to.
    pub fn archive(self) -> &'a str {
        &self.index.archives[usize::from(self.index.record(self.id).archive)]
    }

    /// Length of its `.deb` in bytes.
    pub fn size(self) -> u64 {
        self.index.record(self.id).size
    }

    /// SHA-256 of its `.deb`.
    pub fn sha256(self) -> [u8; 32] {
        self.index.record(self.id).sha256
    }

    /// Its priority.
    pub fn priority(self) -> Priority {
        self.index.record(self.id).priority
    }

    /// Whether every Debian system has it.
    pub fn is_essential(self) -> bool {
        self.index.record(self.id).essential
    }

    /// Its `Multi-Arch` field.
    pub fn multi_arch(self) -> MultiArch {
        self.index.record(self.id).multi_arch
    }

    /// The text of a relationship field; empty if it is not there.
    pub fn relationship(self, field: Relationship) -> &'a str {
        self.index.text(self.index.record(self.id).relationships[field as usize])
    }

    /// A relationship field, parsed, without the parts that are for other architectures.
    ///
    /// # Errors
    /// [`Error::MalformedDependency`].
    pub fn groups(self, field: Relationship) -> Result<Vec<Group<'a>>> {
        let mut groups = dependency::parse_groups(self.relationship(field)).map_err(|source| {
            Error::MalformedDependency { package: self.name().to_owned(), field: field.field(), source }
        })?;
        for group in &mut groups {
            group.retain(|dependency| dependency.applies_to(&self.index.architecture));
        }
        groups.retain(|group| !group.is_empty());
        Ok(groups)
    }

    /// What has to be there for it to work: `Pre-Depends` and `Depends`.
    ///
    /// # Errors
    /// [`Error::MalformedDependency`].
    pub fn dependencies(self) -> Result<Vec<Group<'a>>> {
        let mut groups = self.groups(Relationship::PreDepends)?;
        groups.extend(self.groups(Relationship::Depends)?);
        Ok(groups)
    }
}

impl PartialEq for Package<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.index, other.index) && self.id == other.id
    }
}

/// Policy 5.6.7, a little wider: capital letters and `_` occur in archives other than Debian's.
pub(crate) fn is_package_name(name: &str) -> bool {
    name.len() <= 255
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte))
}

/// A relative path that cannot lead out of the archive, and that can stand in a URL's path as it is.
pub(crate) fn is_pool_path(path: &str) -> bool {
    !path.is_empty()
        && path.len() <= 1024
        && path.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
        && path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/+-._~%:=,@!".contains(&byte))
}

fn parse_sha256(text: &str) -> Option<[u8; 32]> {
    crate::hex::decode(text)
}
