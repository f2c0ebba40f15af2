//! Packages made by hand, well formed or not.

use std::io::Write;

/// A member of `data.tar`: header fields as they are, without the checks that a tar writer makes.
#[derive(Clone)]
pub struct Member<'a> {
    pub path: &'a [u8],
    pub kind: u8,
    pub mode: u32,
    pub owner: (u64, u64),
    pub target: &'a [u8],
    pub content: &'a [u8],
}

impl<'a> Member<'a> {
    pub fn file(path: &'a str, content: &'a str) -> Self {
        Member {
            path: path.as_bytes(),
            kind: b'0',
            mode: 0o644,
            owner: (0, 0),
            target: b"",
            content: content.as_bytes(),
        }
    }

    pub fn directory(path: &'a str) -> Self {
        Member { kind: b'5', mode: 0o755, ..Member::file(path, "") }
    }

    pub fn symlink(path: &'a str, target: &'a str) -> Self {
        Member { kind: b'2', mode: 0o777, target: target.as_bytes(), ..Member::file(path, "") }
    }

    pub fn hard_link(path: &'a str, target: &'a str) -> Self {
        Member { kind: b'1', target: target.as_bytes(), ..Member::file(path, "") }
    }

    pub fn mode(self, mode: u32) -> Self {
        Member { mode, ..self }
    }

    pub fn owner(self, uid: u64, gid: u64) -> Self {
        Member { owner: (uid, gid), ..self }
    }

    pub fn kind(self, kind: u8) -> Self {
        Member { kind, ..self }
    }
}

pub fn tar(members: &[Member<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for member in members {
        if member.path.len() > 100 {
            header(&mut out, b"././@LongLink", b'L', 0, (0, 0), b"", member.path.len() + 1);
            content(&mut out, &[member.path, b"\0"].concat());
        }
        if member.target.len() > 100 {
            header(&mut out, b"././@LongLink", b'K', 0, (0, 0), b"", member.target.len() + 1);
            content(&mut out, &[member.target, b"\0"].concat());
        }
        header(
            &mut out,
            member.path,
            member.kind,
            member.mode,
            member.owner,
            member.target,
            member.content.len(),
        );
        content(&mut out, member.content);
    }
    out.extend([0; 1024]);
    out
}

fn header(
    out: &mut Vec<u8>,
    path: &[u8],
    kind: u8,
    mode: u32,
    owner: (u64, u64),
    target: &[u8],
    size: usize,
) {
    let mut header = [0; 512];
    let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &path[..path.len().min(100)]);
    put(100, format!("{mode:07o}").as_bytes());
    put(108, format!("{:07o}", owner.0).as_bytes());
    put(116, format!("{:07o}", owner.1).as_bytes());
    put(124, format!("{size:011o}").as_bytes());
    put(136, b"00000000000");
    put(148, b"        ");
    put(156, &[kind]);
    put(157, &target[..target.len().min(100)]);
    put(257, b"ustar  \0");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    out.extend(header);
}

fn content(out: &mut Vec<u8>, content: &[u8]) {
    out.extend(content);
    out.extend(vec![0; content.len().next_multiple_of(512) - content.len()]);
}

pub fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = b"!<arch>\n".to_vec();
    for (name, content) in members {
        writeln!(out, "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`", 0, 0, 0, 100_644, content.len()).unwrap();
        out.extend(*content);
        if content.len() % 2 == 1 {
            out.push(b'\n');
        }
    }
    out
}

pub const CONTROL: &str = "Package: example\nVersion: 1.0-1\nArchitecture: all\nDescription: example\n";

/// A package with these members, uncompressed.
pub fn deb(members: &[Member<'_>]) -> Vec<u8> {
    let control = tar(&[Member::directory("./"), Member::file("./control", CONTROL)]);
    ar(&[("debian-binary", b"2.0\n"), ("control.tar", &control), ("data.tar", &tar(members))])
}
