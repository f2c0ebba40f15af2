//! The files beside the modules that depmod(8) writes: `modules.dep(5)` and its kin, as text and as index.

use std::fmt::Write as _;
use std::path::PathBuf;

use rayon::prelude::*;

use crate::cancellation::Cancellation;
use crate::error::{Error, Result};
use crate::kernel::builtin;
use crate::kernel::dependencies::{Member, ModuleSet};
use crate::kernel::index_file::Index;
use crate::kernel::module::{Module, module_name};
use crate::kernel::summary::Summaries;
use crate::tree::{Content, Directory, File, Node};

/// Computes the index files for the directory of one kernel version: their names and contents.
///
/// # Errors
/// A module that cannot be read, modules that need each other, [`Error::Cancelled`].
pub fn module_indices(
    version: &Directory,
    summaries: &Summaries,
    cancellation: &Cancellation,
) -> Result<Vec<(&'static str, Vec<u8>)>> {
    let order = text_of(version, "modules.order")?;
    let set = ModuleSet::new(read_modules(version, summaries, cancellation)?, &order)?;
    let mut files = tables(&set)?;
    files.push(("modules.builtin.bin", encode(&builtin::names(&text_of(version, "modules.builtin")?))?));
    if let Some(Node::File(file)) = version.children.get(std::ffi::OsStr::new("modules.builtin.modinfo")) {
        files.push(("modules.builtin.alias.bin", encode(&builtin::aliases(&file.content.read()?))?));
    }
    Ok(files)
}

/// Reads every module below a version's directory, in parallel, but for those that a summary describes.
pub fn read_modules(
    version: &Directory,
    summaries: &Summaries,
    cancellation: &Cancellation,
) -> Result<Vec<(String, Module)>> {
    let mut files = Vec::new();
    collect(version, "", &mut files);
    files
        .into_par_iter()
        .map(|(path, file)| {
            cancellation.check()?;
            if let Content::Stored { path: real, .. } = &file.content
                && let Some(module) = summaries.get(real)
            {
                return Ok((path, module.clone()));
            }
            let module = Module::read(&path, &file.content.read()?).map_err(|problem| {
                let real = match &file.content {
                    Content::Stored { path, .. } => path.to_path_buf(),
                    Content::Bytes(_) => PathBuf::from(&path),
                };
                Error::InvalidFormat { path: real, problem }
            })?;
            Ok((path, module))
        })
        .collect()
}

fn collect<'tree>(directory: &'tree Directory, prefix: &str, files: &mut Vec<(String, &'tree File)>) {
    for (name, node) in &directory.children {
        let Some(name) = name.to_str() else { continue };
        match node {
            // Sources and headers of a kernel lie behind links; modules never do.
            Node::Symlink(_) => {}
            Node::Directory(directory) => collect(directory, &format!("{prefix}{name}/"), files),
            Node::File(file) => {
                if module_name(name).is_some() {
                    files.push((format!("{prefix}{name}"), file));
                }
            }
        }
    }
}

fn text_of(directory: &Directory, name: &str) -> Result<String> {
    match directory.children.get(std::ffi::OsStr::new(name)) {
        Some(Node::File(file)) => Ok(String::from_utf8_lossy(&file.content.read()?).into_owned()),
        _ => Ok(String::new()),
    }
}

fn encode(index: &Index) -> Result<Vec<u8>> {
    index.encode().ok_or_else(|| Error::InvalidFormat {
        path: PathBuf::from("lib/modules"),
        problem: String::from("an index of its modules exceeds the format's 256 MiB"),
    })
}

/// The files that follow from the modules alone.
fn tables(set: &ModuleSet) -> Result<Vec<(&'static str, Vec<u8>)>> {
    let (mut dep, mut dep_index) = (String::new(), Index::default());
    let mut alias = String::from("# Aliases extracted from modules themselves.\n");
    let mut alias_index = Index::default();
    let mut symbols = String::from("# Aliases for symbols, used by symbol_request().\n");
    let mut symbol_index = Index::default();
    let mut soft = String::from("# Soft dependencies extracted from modules themselves.\n");
    let mut weak = String::from("# Weak dependencies extracted from modules themselves.\n");
    let mut devices = String::new();
    let mut symbol_lines: Vec<(&str, &str)> = Vec::new();
    for (priority, member) in (0u32..).zip(set.members()) {
        let name = &member.name;
        let mut line = format!("{}:", member.path);
        for needed in set.dependencies_of(member) {
            line.push(' ');
            line.push_str(&needed.path);
        }
        dep_index.insert(name, &line, priority);
        dep.push_str(&line);
        dep.push('\n');
        for pattern in &member.module.aliases {
            line_into(&mut alias, format_args!("alias {pattern} {name}"));
            alias_index.insert(&normalised(pattern), name, priority);
        }
        for symbol in &member.module.exports {
            symbol_lines.push((symbol, name));
            symbol_index.insert(&format!("symbol:{symbol}"), name, priority);
        }
        for dependency in &member.module.soft_dependencies {
            line_into(&mut soft, format_args!("softdep {name} {dependency}"));
        }
        for dependency in &member.module.weak_dependencies {
            line_into(&mut weak, format_args!("weakdep {name} {dependency}"));
        }
        if let Some(device) = device_node(member) {
            if devices.is_empty() {
                devices.push_str("# Device nodes to trigger on-demand module loading.\n");
            }
            line_into(&mut devices, format_args!("{device}"));
        }
    }
    symbol_lines.sort_unstable();
    for (symbol, name) in symbol_lines {
        line_into(&mut symbols, format_args!("alias symbol:{symbol} {name}"));
    }
    Ok(vec![
        ("modules.dep", dep.into_bytes()),
        ("modules.dep.bin", encode(&dep_index)?),
        ("modules.alias", alias.into_bytes()),
        ("modules.alias.bin", encode(&alias_index)?),
        ("modules.symbols", symbols.into_bytes()),
        ("modules.symbols.bin", encode(&symbol_index)?),
        ("modules.softdep", soft.into_bytes()),
        ("modules.weakdep", weak.into_bytes()),
        ("modules.devname", devices.into_bytes()),
    ])
}

fn line_into(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing into a string cannot fail.
    let _ = writeln!(text, "{line}");
}

/// `MODULE DEVICE TYPEMAJOR:MINOR` for a module with a device name and number among its aliases.
fn device_node(member: &Member) -> Option<String> {
    let aliases = &member.module.aliases;
    let device = aliases.iter().find_map(|alias| alias.strip_prefix("devname:"))?;
    let (kind, numbers) = aliases.iter().find_map(|alias| {
        let (kind, numbers) = alias
            .strip_prefix("char-major-")
            .map(|numbers| ('c', numbers))
            .or_else(|| alias.strip_prefix("block-major-").map(|numbers| ('b', numbers)))?;
        let (major, minor) = numbers.split_once('-')?;
        Some((kind, (major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?)))
    })?;
    Some(format!("{} {device} {kind}{}:{}", member.name, numbers.0, numbers.1))
}

/// An alias as it is looked up: dashes are underscores, but within brackets.
pub(super) fn normalised(alias: &str) -> String {
    let mut in_brackets = false;
    alias
        .chars()
        .map(|character| {
            match character {
                '[' => in_brackets = true,
                ']' => in_brackets = false,
                '-' if !in_brackets => return '_',
                _ => {}
            }
            character
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_outside_brackets_become_underscores() {
        assert_eq!(normalised("usb:v[0-9]d-x"), "usb:v[0-9]d_x");
        assert_eq!(normalised("char-major-10-235"), "char_major_10_235");
    }
}
