use crate::tools::{empty_tree, noise};
use disk_image::{Attributes, FileContent, NodeKind, Tree};
use proptest::prelude::*;

/// Something to add to a tree.
#[derive(Clone, Debug)]
pub enum Step {
    Directory,
    File {
        length: usize,
    },
    Symlink {
        length: usize,
    },
    Special {
        kind: u8,
        major: u32,
        minor: u32,
    },
    /// To one of the files before.
    HardLink {
        which: usize,
    },
}

/// A step with its place (one of the directories so far), name and attributes.
#[derive(Clone, Debug)]
pub struct Entry {
    pub parent: usize,
    pub name: Vec<u8>,
    pub step: Step,
    pub attributes: Attributes,
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    // Any byte but NUL, newline (which debugfs's listings cannot show) and slash.
    let byte = any::<u8>().prop_map(|byte| if matches!(byte, 0 | b'\n' | b'/') { b'_' } else { byte });
    prop_oneof![
        4 => "[a-z]{1,12}(\\.[a-z]{1,4})?".prop_map(String::into_bytes),
        1 => prop::collection::vec(byte, 1..40),
        1 => "[a-z0-9]{250,255}".prop_map(String::into_bytes),
    ]
    .prop_filter("not a name", |name| name != b"." && name != b".." && name != b"lost+found")
}

fn attributes() -> impl Strategy<Value = Attributes> {
    let id = prop_oneof![4 => Just(0_u32), 1 => 1_u32..70_000, 1 => any::<u32>()];
    let time = prop_oneof![Just(1_i64), 0..4_000_000_000_i64, -2_000_000_000..10_000_000_000_i64];
    let xattr = prop_oneof![
        6 => Just(None),
        1 => ("(user|security|trusted)\\.[a-z]{1,20}", prop::collection::vec(any::<u8>(), 1..80)).prop_map(Some),
        1 => ("user\\.[a-z]{1,200}", prop::collection::vec(any::<u8>(), 80..3_000)).prop_map(Some),
    ];
    (0..0o10_000_u16, id.clone(), id, time, xattr).prop_map(|(mode, uid, gid, mtime, xattr)| {
        let attributes = Attributes::root(mode, mtime).owned_by(uid, gid);
        match xattr {
            Some((name, value)) => attributes.with_xattr(name, value),
            None => attributes,
        }
    })
}

pub fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let length =
        prop_oneof![Just(0_usize), 1..100_usize, Just(4096_usize), 4095..4098_usize, 1..200_000_usize,];
    let step = prop_oneof![
        3 => Just(Step::Directory),
        5 => length.prop_map(|length| Step::File { length }),
        2 => prop_oneof![1..59_usize, 58..62_usize, 1..4_095_usize].prop_map(|length| Step::Symlink { length }),
        1 => (0..4_u8, 0..4_096_u32, 0..1_048_576_u32)
            .prop_map(|(kind, major, minor)| Step::Special { kind, major, minor }),
        1 => any::<usize>().prop_map(|which| Step::HardLink { which }),
    ];
    let entry = (any::<usize>(), name(), step, attributes())
        .prop_map(|(parent, name, step, attributes)| Entry { parent, name, step, attributes });
    prop::collection::vec(entry, 0..120)
}

/// The tree that the entries make; those whose name is taken are left out.
pub fn build(entries: &[Entry]) -> Tree {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let mut tree = empty_tree();
    let mut directories = vec![Vec::new()];
    let mut files: Vec<Vec<u8>> = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let parent: &Vec<u8> = &directories[entry.parent % directories.len()];
        let path =
            if parent.is_empty() { entry.name.clone() } else { [parent, &b"/"[..], &entry.name].concat() };
        let place = OsStr::from_bytes(&path);
        if tree.find(place).is_some() {
            continue;
        }
        let attributes = entry.attributes.clone();
        match &entry.step {
            Step::Directory => {
                tree.add_directory(place, attributes).unwrap();
                directories.push(path);
            }
            Step::File { length } => {
                let content = FileContent::from_bytes(noise(*length, index as u64 + 1));
                tree.add_file(place, content, attributes).unwrap();
                files.push(path);
            }
            Step::Symlink { length } => {
                let target: String =
                    (0..*length).map(|index| char::from(b'a' + (index % 26) as u8)).collect();
                tree.add_symlink(place, target, attributes).unwrap();
            }
            Step::Special { kind, major, minor } => {
                let (major, minor) = (*major, *minor);
                let kind = match kind {
                    0 => NodeKind::CharacterDevice { major, minor },
                    1 => NodeKind::BlockDevice { major, minor },
                    2 => NodeKind::Fifo,
                    _ => NodeKind::Socket,
                };
                tree.add_special(place, kind, attributes).unwrap();
            }
            Step::HardLink { which } if !files.is_empty() => {
                tree.add_hard_link(place, OsStr::from_bytes(&files[which % files.len()])).unwrap();
            }
            Step::HardLink { .. } => {}
        }
    }
    tree
}
