//! What the modules of a package say of themselves, kept beside them so that they need not be decompressed again.
//!
//! Format (our own): lines of a keyword and a value. `module PATH` (relative to the package's root) begins a module; `alias`,
//! `softdep`, `weakdep`, `export` and `import` belong to the module before them. The first line names the
//! version of the format.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::kernel::module::Module;

/// Where a package has its summary.
pub const SUMMARY_FILE: &str = "nix-support/debian/kernel-modules";

const HEADER: &str = "kernel-modules 1";

/// The modules of some packages by the real path of their files.
#[derive(Debug, Default)]
pub struct Summaries {
    modules: HashMap<PathBuf, Module>,
}

impl Summaries {
    /// Adds the summary of the package at the real path `package`, if it has one.
    ///
    /// # Errors
    /// [`Error::InvalidFormat`] for one that is malformed.
    pub fn add(&mut self, package: &Path) -> Result<()> {
        let file = package.join(SUMMARY_FILE);
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(Error::io("read", &file, error)),
        };
        let modules = parse(&text)
            .ok_or_else(|| Error::InvalidFormat { path: file, problem: String::from("malformed") })?;
        self.modules.extend(modules.into_iter().map(|(path, module)| (package.join(path), module)));
        Ok(())
    }

    /// What is known of the module in a file.
    pub fn get(&self, file: &Path) -> Option<&Module> {
        self.modules.get(file)
    }
}

/// Writes a summary of modules, given by path relative to the package's root.
pub fn print(modules: &[(String, Module)]) -> String {
    let mut text = format!("{HEADER}\n");
    let mut line = |keyword: &str, value: &str| {
        text.push_str(keyword);
        text.push(' ');
        text.push_str(value);
        text.push('\n');
    };
    for (path, module) in modules {
        line("module", path);
        let parts = [
            ("alias", &module.aliases),
            ("softdep", &module.soft_dependencies),
            ("weakdep", &module.weak_dependencies),
            ("export", &module.exports),
            ("import", &module.imports),
        ];
        for (keyword, values) in parts {
            values.iter().for_each(|value| line(keyword, value));
        }
    }
    text
}

fn parse(text: &str) -> Option<Vec<(String, Module)>> {
    let mut lines = text.lines();
    if lines.next()? != HEADER {
        return None;
    }
    let mut modules: Vec<(String, Module)> = Vec::new();
    for line in lines {
        let (keyword, value) = line.split_once(' ')?;
        if keyword == "module" {
            modules.push((value.to_owned(), Module::default()));
            continue;
        }
        let (_, module) = modules.last_mut()?;
        let values = match keyword {
            "alias" => &mut module.aliases,
            "softdep" => &mut module.soft_dependencies,
            "weakdep" => &mut module.weak_dependencies,
            "export" => &mut module.exports,
            "import" => &mut module.imports,
            _ => return None,
        };
        values.push(value.to_owned());
    }
    Some(modules)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_summary_reads_back(
            modules in proptest::collection::vec(
                ("[a-z/]{1,8}\\.ko", proptest::collection::vec("[ -~]{0,10}", 0..4), proptest::collection::vec("[a-z_]{1,8}", 0..4)),
                0..5,
            )
        ) {
            let modules: Vec<(String, Module)> = modules
                .into_iter()
                .map(|(path, aliases, exports)| {
                    let imports = exports.clone();
                    (path, Module { soft_dependencies: aliases.clone(), aliases, exports, imports, ..Module::default() })
                })
                .collect();
            prop_assert_eq!(parse(&print(&modules)), Some(modules));
        }
    }

    #[test]
    fn malformed_summaries_are_refused() {
        for text in ["", "x", "kernel-modules 1\nalias a", "kernel-modules 1\nmodule a\nother b"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
