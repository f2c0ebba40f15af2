//! Unpacking a package.

use std::{ffi::OsStr, fmt::Write, fs::File, io::Read, os::unix::ffi::OsStrExt, path::Path};

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};

use super::{
    DebError,
    ar::Ar,
    destination::Destination,
    member::{self, Kind, Member},
    path::{MemberPath, is_merge_link},
};
use crate::{
    control::Paragraph,
    error::{Error, Result},
};

/// Where the package's own description of itself lies in the tree.
const CONTROL_DIRECTORY: &str = "nix-support/debian";

/// Control members (scripts, lists of checksums) of the largest packages have a few megabytes.
const CONTROL_LIMIT: u64 = 64 << 20;

/// The largest package of the archive unpacks to some gigabytes.
const DEFAULT_LIMIT: u64 = 32 << 30;

/// How to unpack.
#[derive(Clone, Debug)]
pub struct UnpackOptions {
    include: Option<GlobSet>,
    limit: u64,
}

impl Default for UnpackOptions {
    /// Everything, up to 32 GiB.
    fn default() -> Self {
        UnpackOptions { include: None, limit: DEFAULT_LIMIT }
    }
}

impl UnpackOptions {
    /// Unpacks only members that match one of `globs`, or that lie below a directory that does. Paths are matched as they
    /// stand in the tree, without a leading slash: `usr/lib/u-boot/*/u-boot.bin`. `*` and `?` do not match a slash, `**`
    /// does. Without globs everything is unpacked.
    ///
    /// # Errors
    /// [`Error::MalformedGlob`].
    pub fn include<S: AsRef<str>>(mut self, globs: impl IntoIterator<Item = S>) -> Result<Self> {
        let mut set = GlobSetBuilder::new();
        let mut any = false;
        for glob in globs {
            set.add(parse_glob(glob.as_ref())?);
            any = true;
        }
        let malformed = |source: globset::Error| Error::MalformedGlob {
            glob: source.glob().unwrap_or_default().to_owned(),
            source,
        };
        self.include = if any { Some(set.build().map_err(malformed)?) } else { None };
        Ok(self)
    }

    /// Refuses packages that unpack to more than `bytes`.
    #[must_use]
    pub fn limit(mut self, bytes: u64) -> Self {
        self.limit = bytes;
        self
    }

    fn includes(&self, path: &MemberPath) -> bool {
        let Some(include) = &self.include else { return true };
        let path = path.as_path();
        path.ancestors().any(|path| !path.as_os_str().is_empty() && include.is_match(path))
    }
}

fn parse_glob(glob: &str) -> Result<Glob> {
    let relative = glob.trim_start_matches("./").trim_start_matches('/').trim_end_matches('/');
    GlobBuilder::new(relative)
        .literal_separator(true)
        .build()
        .map_err(|source| Error::MalformedGlob { glob: glob.to_owned(), source })
}

/// A member whose mode or owner a store path cannot hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModeException {
    /// Permission bits, setuid, setgid and sticky bit.
    pub mode: u32,
    /// Owner.
    pub uid: u64,
    /// Group.
    pub gid: u64,
    /// The member.
    pub path: MemberPath,
}

/// What was unpacked.
#[derive(Clone, Debug)]
pub struct UnpackedDeb {
    /// Text of the control file.
    pub control: String,
    /// The members that `nix-support/debian/modes` lists, by path.
    pub exceptions: Vec<ModeException>,
    /// Number of files and links written.
    pub files: u64,
    /// Bytes of file content written.
    pub bytes: u64,
}

impl UnpackedDeb {
    /// A field of the control file.
    pub fn field(&self, name: &str) -> Option<&str> {
        Paragraph::parse(&self.control).ok().and_then(|paragraph| paragraph.get(name))
    }
}

/// Unpacks the file at `path` into the directory `destination`, which must be empty or not there yet (its parent must).
///
/// Content and names are as shipped, except that `/bin`, `/sbin` and `/lib*` lie below `usr`. Control members lie in
/// `nix-support/debian`; members whose mode or owner is not root's 0644 or 0755 are listed in `nix-support/debian/modes`,
/// lines of `MODE UID GID PATH`, the mode as four octal digits, by path.
///
/// # Errors
/// [`Error::Deb`], with the file's name. What was written until then stays.
pub fn unpack_file(path: &Path, destination: &Path, options: &UnpackOptions) -> Result<UnpackedDeb> {
    let origin = path.display().to_string();
    let file =
        File::open(path).map_err(|source| Error::Io { action: "open", path: path.to_owned(), source })?;
    unpack(file, &origin, destination, options)
}

/// Unpacks a package that is read from `reader`, as [`unpack_file`] does; `origin` names it in errors. The reader needs no
/// buffer of its own.
///
/// # Errors
/// [`Error::Deb`].
pub fn unpack(
    reader: impl Read,
    origin: &str,
    destination: &Path,
    options: &UnpackOptions,
) -> Result<UnpackedDeb> {
    unpack_members(reader, destination, options)
        .map_err(|source| Error::Deb { origin: origin.to_owned(), source })
}

fn unpack_members(
    reader: impl Read,
    destination: &Path,
    options: &UnpackOptions,
) -> Result<UnpackedDeb, DebError> {
    let mut ar = Ar::open(reader)?;
    check_format(&mut ar)?;
    let mut destination = Destination::create(destination, options.limit)?;
    let suffix = next_part(&mut ar, "control.tar")?;
    let control = control_members(&mut ar, &suffix, &mut destination)?;
    let suffix = next_part(&mut ar, "data.tar")?;
    let mut exceptions = Vec::new();
    let reader = member::decompress(&format!("data.tar{suffix}"), &suffix, &mut ar)?;
    member::for_each(reader, |member| data_member(member, &mut destination, options, &mut exceptions))?;
    // Reads the rest, so that a file that was cut off is noticed.
    while ar.next_member()?.is_some() {}
    exceptions.sort_by(|left, right| left.path.cmp(&right.path));
    let mut list = Vec::new();
    for ModeException { mode, uid, gid, path } in &exceptions {
        let mut line = String::new();
        // Writing to a string cannot fail.
        let _ = write!(line, "{mode:04o} {uid} {gid} ");
        list.extend_from_slice(line.as_bytes());
        list.extend_from_slice(path.as_bytes());
        list.push(b'\n');
    }
    if !list.is_empty() {
        destination.write(&MemberPath::parse(format!("{CONTROL_DIRECTORY}/modes").as_bytes())?, &list)?;
    }
    Ok(UnpackedDeb { control, exceptions, files: destination.files, bytes: destination.written })
}

/// The first member says which version of the format follows: `2.` and a minor version that does not matter.
fn check_format(ar: &mut Ar<impl Read>) -> Result<(), DebError> {
    let first = ar.next_member()?;
    if first.as_deref() != Some("debian-binary") {
        return Err(DebError::Container("it is an ar archive, but no Debian package".to_owned()));
    }
    let mut version = Vec::new();
    ar.take(64).read_to_end(&mut version).map_err(DebError::Read)?;
    if !version.starts_with(b"2.") {
        return Err(DebError::Container(format!(
            "it has version `{}` of the package format; version 2 is known",
            version.trim_ascii().escape_ascii()
        )));
    }
    Ok(())
}

/// Goes on to a part of the package and returns the suffix of its name, which tells the compression. Members that begin
/// with `_` may stand before it (deb(5)).
fn next_part(ar: &mut Ar<impl Read>, part: &str) -> Result<String, DebError> {
    loop {
        match ar.next_member()? {
            None => return Err(DebError::Container(format!("it has no {part}"))),
            Some(name) if name.starts_with('_') => {}
            Some(name) => {
                return name.strip_prefix(part).map(str::to_owned).ok_or_else(|| {
                    DebError::Container(format!("it has a member {name} where {part} should be"))
                });
            }
        }
    }
}

fn control_members(
    ar: &mut Ar<impl Read>,
    suffix: &str,
    destination: &mut Destination,
) -> Result<String, DebError> {
    let reader = member::decompress(&format!("control.tar{suffix}"), suffix, ar)?;
    let mut control = None;
    member::for_each(reader, |mut member| {
        let name = MemberPath::parse(&member.raw_path)?;
        match member.kind {
            Kind::Directory if name.is_root() => return Ok(()),
            Kind::File if !name.as_bytes().contains(&b'/') => {}
            _ => {
                return Err(DebError::Path {
                    path: name.to_string(),
                    problem: "is no plain file among the control members",
                });
            }
        }
        if name.as_bytes() == b"modes" {
            return Err(DebError::Path { path: name.to_string(), problem: "has a name that is taken" });
        }
        if member.size > CONTROL_LIMIT {
            return Err(DebError::TooLarge { limit: CONTROL_LIMIT });
        }
        let mut content = Vec::new();
        member.content.read_to_end(&mut content).map_err(DebError::Read)?;
        let path = MemberPath::parse(&[CONTROL_DIRECTORY.as_bytes(), b"/", name.as_bytes()].concat())?;
        destination.file(&path, member.mode & 0o111 != 0, &mut content.as_slice(), content.len() as u64)?;
        if name.as_bytes() == b"control" {
            let text = String::from_utf8(content).map_err(|error| DebError::Control(error.to_string()))?;
            Paragraph::parse(&text).map_err(|error| DebError::Control(error.to_string()))?;
            control = Some(text);
        }
        Ok(())
    })?;
    control.ok_or_else(|| DebError::Control("it is not there".to_owned()))
}

fn data_member<R: Read>(
    mut member: Member<'_, R>,
    destination: &mut Destination,
    options: &UnpackOptions,
    exceptions: &mut Vec<ModeException>,
) -> Result<(), DebError> {
    let path = MemberPath::parse(&member.raw_path)?;
    if let Kind::Symlink(target) = &member.kind
        && is_merge_link(&member.raw_path, target)
    {
        return Ok(());
    }
    if path.is_root() {
        return match member.kind {
            Kind::Directory => Ok(()),
            _ => Err(DebError::Path { path: "./".to_owned(), problem: "is the root and no directory" }),
        };
    }
    if !options.includes(&path) {
        return Ok(());
    }
    let usual_mode = match member.kind {
        Kind::Directory => {
            destination.directory(&path)?;
            member.mode == 0o755
        }
        Kind::File => {
            let executable = member.mode & 0o111 != 0;
            destination.file(&path, executable, &mut member.content, member.size)?;
            member.mode == if executable { 0o755 } else { 0o644 }
        }
        Kind::HardLink(target) => {
            let original = MemberPath::parse(&target)?;
            destination.hard_link(&path, &original)?;
            // The same file: its mode was seen with its first name, but it is looked up by every name.
            let same = exceptions.iter().find(|exception| exception.path == original).cloned();
            exceptions.extend(same.map(|exception| ModeException { path, ..exception }));
            return Ok(());
        }
        Kind::Symlink(target) => {
            if target.is_empty() || target.contains(&0) || !path.link_stays_within(&target) {
                return Err(DebError::Link {
                    path: path.to_string(),
                    target: target.escape_ascii().to_string(),
                    problem: "which leads out of the package",
                });
            }
            return destination.symlink(&path, Path::new(OsStr::from_bytes(&target)));
        }
    };
    if !usual_mode || member.uid != 0 || member.gid != 0 {
        exceptions.push(ModeException { mode: member.mode, uid: member.uid, gid: member.gid, path });
    }
    Ok(())
}
