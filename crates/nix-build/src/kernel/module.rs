//! What a module says of itself.

use object::{Object, ObjectSection, ObjectSymbol};

use crate::kernel::compression::decompress;

/// What the ELF file of a module tells: its `.modinfo` section and its symbol table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Module {
    /// Patterns of devices and names that the module stands for.
    pub aliases: Vec<String>,
    /// Modules to load before or after it if they exist (`pre: a b post: c`).
    pub soft_dependencies: Vec<String>,
    /// Modules that it may load itself.
    pub weak_dependencies: Vec<String>,
    /// Symbols that it offers to others.
    pub exports: Vec<String>,
    /// Symbols that it takes from the kernel or from other modules.
    pub imports: Vec<String>,
}

impl Module {
    /// Reads a module file as it lies in a package, compressed or not.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn read(file_name: &str, bytes: &[u8]) -> Result<Self, String> {
        let decompressed;
        let elf = if bytes.starts_with(&object::elf::ELFMAG) {
            bytes
        } else {
            decompressed = decompress(file_name, bytes)
                .map_err(|error| format!("it cannot be decompressed: {error}"))?;
            &decompressed
        };
        let file = object::File::parse(elf).map_err(|error| format!("it is not a kernel module: {error}"))?;
        let mut module = Module::default();
        if let Some(section) = file.section_by_name(".modinfo") {
            let data =
                section.data().map_err(|error| format!("its section .modinfo is malformed: {error}"))?;
            for (key, value) in entries(data) {
                match key.as_str() {
                    "alias" => module.aliases.push(value),
                    "softdep" => module.soft_dependencies.push(value),
                    "weakdep" => module.weak_dependencies.push(value),
                    _ => {}
                }
            }
        }
        for symbol in file.symbols() {
            let Ok(name) = symbol.name() else {
                return Err(String::from("its symbol table has a name that is no text"));
            };
            // A line end would break the text files that names go to.
            if name.contains('\n') {
                return Err(String::from("its symbol table has a name with a line end"));
            }
            if let Some(exported) = name.strip_prefix("__ksymtab_") {
                module.exports.push(exported.to_owned());
            } else if symbol.is_undefined() && !name.is_empty() {
                module.imports.push(name.to_owned());
            }
        }
        // A module without local symbols still has the names of what it exports.
        if module.exports.is_empty()
            && let Some(section) = file.section_by_name("__ksymtab_strings")
            && let Ok(data) = section.data()
        {
            module.exports = strings(data).filter(|name| !name.contains('\n')).collect();
        }
        Ok(module)
    }
}

/// Strings that end with NUL; empty ones are padding.
pub(super) fn strings(data: &[u8]) -> impl Iterator<Item = String> {
    data.split(|byte| *byte == 0)
        .filter(|text| !text.is_empty())
        .map(|text| String::from_utf8_lossy(text).into_owned())
}

/// `KEY=VALUE` strings of a `.modinfo` section. A line end in a value would break the text files it goes to.
fn entries(data: &[u8]) -> impl Iterator<Item = (String, String)> {
    strings(data).filter(|text| !text.contains('\n')).filter_map(|text| {
        let (key, value) = text.split_once('=')?;
        Some((key.to_owned(), value.to_owned()))
    })
}

/// The name of the module in a file, as modprobe knows it: up to `.ko`, with underscores. `None` for other files.
pub fn module_name(file_name: &str) -> Option<String> {
    let (stem, extension) = file_name.split_once(".ko")?;
    let known = matches!(extension, "" | ".xz" | ".zst" | ".gz");
    (known && !stem.is_empty()).then(|| stem.replace('-', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::strategy::ValueTree;
    use proptest::test_runner::{Config, TestRunner};

    #[test]
    fn names_have_underscores() {
        assert_eq!(module_name("snd-hda-intel.ko.xz").as_deref(), Some("snd_hda_intel"));
        assert_eq!(module_name("a.ko").as_deref(), Some("a"));
        assert_eq!(module_name(".ko"), None);
        assert_eq!(module_name("a.ko.sig"), None);
        assert_eq!(module_name("modules.dep"), None);
    }

    #[test]
    fn what_is_no_module_is_an_error() {
        assert!(Module::read("a.ko", b"not ELF").is_err());
        assert!(Module::read("a.ko.xz", b"not xz").is_err());
        assert!(Module::read("a.ko.zst", b"\x28\xb5\x2f\xfd").is_err());
        assert!(Module::read("a.ko", b"\x7fELF").is_err());
    }

    #[test]
    fn harmed_modules_are_read_or_refused() {
        // A program is no module, but it has sections and symbols too. It is large: changes are taken back.
        let mut bytes = std::fs::read("/proc/self/exe").unwrap();
        let sections = u64::from_le_bytes(bytes[40..48].try_into().unwrap()) as usize;
        let length = bytes.len();
        let mut runner = TestRunner::new(Config { cases: 60, ..Config::default() });
        let places = prop_oneof![0..64usize, sections..length];
        let changes = proptest::collection::vec((places, any::<u8>()), 1..4);
        for _ in 0..60 {
            let changes = changes.new_tree(&mut runner).unwrap().current();
            let before: Vec<u8> = changes.iter().map(|(place, _)| bytes[*place]).collect();
            changes.iter().for_each(|(place, value)| bytes[*place] = *value);
            if let Ok(module) = Module::read("a.ko", &bytes) {
                let names = [&module.aliases, &module.exports, &module.imports];
                assert!(names.into_iter().flatten().all(|name| !name.contains('\n')));
            }
            let taken_back = changes.iter().zip(before).rev();
            taken_back.for_each(|((place, _), value)| bytes[*place] = value);
        }
    }

    proptest! {
        #[test]
        fn noise_is_no_module(noise in proptest::collection::vec(any::<u8>(), 0..200), kind in 0usize..4) {
            let name = ["a.ko", "a.ko.xz", "a.ko.zst", "a.ko.gz"][kind];
            prop_assert!(Module::read(name, &noise).is_err());
            let elf = [object::elf::ELFMAG.as_slice(), &[2, 1, 1], &noise].concat();
            let _ = Module::read(name, &elf);
        }
    }
}
