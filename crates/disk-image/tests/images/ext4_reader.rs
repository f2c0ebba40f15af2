//! An ext4 image read back through debugfs, by inode numbers, so that odd names are no matter.

use crate::tools::{run, show};
use std::collections::BTreeMap;
use std::path::Path;

/// What debugfs says of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub inode: u32,
    /// With the type.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub size: u64,
    pub links: u32,
    pub mtime: i64,
    /// The target of a symbolic link, the numbers of a device.
    pub content: Option<String>,
}

/// Runs debugfs commands; the output of each.
pub fn debugfs(image: &Path, commands: &[String]) -> Vec<Vec<u8>> {
    if commands.is_empty() {
        return Vec::new();
    }
    let script = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(script.path(), commands.join("\n") + "\n").unwrap();
    let output = run("debugfs", &["-f", show(script.path()), show(image)]);
    // Each command is echoed before its output.
    let mut rest = &output[..];
    let mut found = Vec::new();
    for (index, command) in commands.iter().enumerate() {
        let echo = format!("debugfs: {command}\n");
        rest = rest.strip_prefix(echo.as_bytes()).unwrap_or_else(|| panic!("no echo of {command}"));
        let end = match commands.get(index + 1) {
            Some(next) => {
                let echo = format!("debugfs: {next}\n");
                find(rest, echo.as_bytes()).unwrap_or_else(|| panic!("no echo of {next}"))
            }
            None => rest.len(),
        };
        found.push(rest[..end].to_vec());
        rest = &rest[end..];
    }
    found
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// All names of an image, without `.`, `..` and `lost+found`.
pub fn read_names(image: &Path) -> BTreeMap<Vec<u8>, Found> {
    let mut names: BTreeMap<Vec<u8>, u32> = BTreeMap::from([(Vec::new(), 2)]);
    let mut level: Vec<(Vec<u8>, u32)> = vec![(Vec::new(), 2)];
    while !level.is_empty() {
        let commands: Vec<String> = level.iter().map(|(_, inode)| format!("ls -p <{inode}>")).collect();
        let mut next = Vec::new();
        for ((path, _), listing) in level.iter().zip(debugfs(image, &commands)) {
            for line in listing.split(|byte| *byte == b'\n').filter(|line| line.first() == Some(&b'/')) {
                // /INODE/MODE/UID/GID/NAME/SIZE/
                let fields: Vec<&[u8]> = line.split(|byte| *byte == b'/').collect();
                let number = |index: usize| std::str::from_utf8(fields[index]).unwrap();
                let (inode, mode) = (number(1).parse().unwrap(), u32::from_str_radix(number(2), 8).unwrap());
                let name = fields[5];
                if inode == 0 || [&b"."[..], b"..", b"lost+found"].contains(&name) {
                    continue;
                }
                let full = if path.is_empty() { name.to_vec() } else { [path, &b"/"[..], name].concat() };
                if mode & 0o170_000 == 0o040_000 {
                    next.push((full.clone(), inode));
                }
                assert!(names.insert(full, inode).is_none(), "a name twice");
            }
        }
        level = next;
    }
    let inodes: Vec<u32> = names.values().copied().collect();
    let commands: Vec<String> = inodes.iter().map(|inode| format!("stat <{inode}>")).collect();
    let stats = debugfs(image, &commands);
    let parsed = names.into_iter().zip(stats);
    parsed.map(|((path, inode), stat)| (path, parse_stat(inode, &String::from_utf8_lossy(&stat)))).collect()
}

fn parse_stat(inode: u32, stat: &str) -> Found {
    let after = |key: &str| -> &str {
        let start = stat.find(key).unwrap_or_else(|| panic!("no {key} in {stat}")) + key.len();
        stat[start..].split_whitespace().next().unwrap()
    };
    let kind = match after("Type:") {
        "regular" => 0o100_000,
        "directory" => 0o040_000,
        "symlink" => 0o120_000,
        "character" => 0o020_000,
        "block" => 0o060_000,
        "FIFO" => 0o010_000,
        "socket" => 0o140_000,
        other => panic!("type {other}"),
    };
    // The seconds, then the further bits of the epoch.
    let (seconds, extra) = after("\n mtime: 0x").split_once(':').unwrap();
    let low = i64::from(u32::from_str_radix(seconds, 16).unwrap() as i32);
    let epoch = i64::from_str_radix(extra, 16).unwrap() & 3;
    let content = ["Fast link dest: ", "Device major/minor number: "]
        .iter()
        .find_map(|key| stat.split_once(key))
        .map(|(_, rest)| rest.lines().next().unwrap().to_owned());
    // Numbers above 2^31 are printed as negative ones.
    let id = |key: &str| after(key).parse::<i64>().unwrap() as u32;
    Found {
        inode,
        mode: kind | u32::from_str_radix(after("Mode:"), 8).unwrap(),
        uid: id("User:"),
        gid: id("Group:"),
        size: after(" Size:").parse().unwrap_or(0),
        links: after("Links:").parse().unwrap(),
        mtime: low + (epoch << 32),
        content,
    }
}

/// The bytes of a file or long symbolic link.
pub fn read_contents(image: &Path, inodes: &[u32]) -> BTreeMap<u32, Vec<u8>> {
    let directory = tempfile::tempdir().unwrap();
    let place = |inode: u32| directory.path().join(inode.to_string());
    let commands: Vec<String> =
        inodes.iter().map(|inode| format!("dump <{inode}> {}", place(*inode).display())).collect();
    debugfs(image, &commands);
    inodes.iter().map(|inode| (*inode, std::fs::read(place(*inode)).unwrap())).collect()
}

/// The extended attributes of inodes, by inode: all names that there are, and the values of those that are asked for.
pub fn read_xattrs(image: &Path, wanted: &[(u32, Vec<String>)]) -> BTreeMap<u32, BTreeMap<String, Vec<u8>>> {
    let directory = tempfile::tempdir().unwrap();
    let place = |inode: u32, index: usize| directory.path().join(format!("{inode}-{index}"));
    let mut commands = Vec::new();
    for (inode, names) in wanted {
        commands.push(format!("ea_list <{inode}>"));
        for (index, name) in names.iter().enumerate() {
            commands.push(format!("ea_get -f {} <{inode}> {name}", place(*inode, index).display()));
        }
    }
    let mut outputs = debugfs(image, &commands).into_iter();
    let mut found = BTreeMap::new();
    for (inode, names) in wanted {
        let listing = String::from_utf8_lossy(&outputs.next().unwrap()).into_owned();
        let lines = listing.lines().filter(|line| line.starts_with("  "));
        let mut values: BTreeMap<String, Vec<u8>> =
            lines.map(|line| (line.split_whitespace().next().unwrap().to_owned(), Vec::new())).collect();
        for (index, name) in names.iter().enumerate() {
            outputs.next();
            values.insert(name.clone(), std::fs::read(place(*inode, index)).unwrap());
        }
        found.insert(*inode, values);
    }
    found
}

/// The value of one extended attribute.
pub fn read_xattr(image: &Path, inode: u32, name: &str) -> Vec<u8> {
    read_xattrs(image, &[(inode, vec![name.to_owned()])])[&inode][name].clone()
}

/// Extents of a file as (first block in the file, first block on the disk, blocks), leaves only.
pub fn read_extents(image: &Path, inode: u32) -> Vec<(u64, u64, u64)> {
    let listing = &debugfs(image, &[format!("dump_extents -l <{inode}>")])[0];
    let text = String::from_utf8_lossy(listing).into_owned();
    let numbers = |line: &str| -> Vec<u64> {
        let words = line.split(|character: char| !character.is_ascii_digit()).filter(|word| !word.is_empty());
        words.map(|word| word.parse().unwrap()).collect()
    };
    // Level, levels, entry, entries, logical from, to, physical from, to, length.
    text.lines().skip(1).map(numbers).map(|fields| (fields[4], fields[6], fields[8])).collect()
}
