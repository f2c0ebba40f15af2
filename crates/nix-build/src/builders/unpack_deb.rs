//! `builtin:unpack-deb`: the content of a Debian package as shipped. No maintainer script runs.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use debian::control::Paragraph;
use debian::deb::{UnpackOptions, UnpackedDeb, unpack};
use serde::Deserialize;

use crate::builders::context::Context;
use crate::cancellation::Cancellation;
use crate::error::{Error, IoContext, Result};
use crate::kernel::{self, summary};
use crate::tree::{Node, Selection, import};

/// The attributes of `builtin:unpack-deb`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct UnpackDeb {
    /// The `.deb`.
    pub src: String,
    /// The name that it must have.
    pub package: String,
    /// The version that it must have.
    pub version: String,
    /// The architecture that it must have.
    pub architecture: String,
    /// Patterns of what is unpacked; everything without it.
    pub include: Option<Vec<String>>,
}

impl UnpackDeb {
    /// Unpacks the package. One with kernel modules gets a summary of them.
    ///
    /// # Errors
    /// A malformed package; [`Error::OtherPackage`].
    pub fn build(&self, context: &Context<'_>, output: &Path) -> Result<()> {
        let source = context.inputs.require_file(&self.src)?;
        let options = UnpackOptions::default().include(self.include.iter().flatten())?;
        let file = File::open(&source).on("open", &source)?;
        let reader = Cancellable { file, cancellation: context.cancellation };
        let unpacked = unpack(reader, &source.display().to_string(), output, &options);
        // It may have failed because the reader stopped.
        context.cancellation.check()?;
        self.check(&unpacked?, &source)?;
        summarise_modules(context, output)
    }

    fn check(&self, unpacked: &UnpackedDeb, source: &Path) -> Result<()> {
        let paragraph = Paragraph::parse(&unpacked.control).map_err(|error| Error::InvalidFormat {
            path: source.to_path_buf(),
            problem: error.to_string(),
        })?;
        let field = |name: &str| paragraph.get(name).unwrap_or_default();
        let describe = |package: &str, version: &str, architecture: &str| {
            format!("{package} {version} ({architecture})")
        };
        let found = describe(field("Package"), field("Version"), field("Architecture"));
        let expected = describe(&self.package, &self.version, &self.architecture);
        if found == expected {
            Ok(())
        } else {
            Err(Error::OtherPackage { path: source.to_path_buf(), found, expected })
        }
    }
}

/// A package whose reading ends when the build is to stop: the largest take seconds to unpack.
struct Cancellable<'build> {
    file: File,
    cancellation: &'build Cancellation,
}

impl Read for Cancellable<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.cancellation.check().map_err(io::Error::other)?;
        self.file.read(buffer)
    }
}

/// Writes down what the modules below `usr/lib/modules` say of themselves.
fn summarise_modules(context: &Context<'_>, output: &Path) -> Result<()> {
    const MODULES: &str = "usr/lib/modules";
    let directory = output.join(MODULES);
    if !directory.try_exists().on("examine", &directory)? {
        return Ok(());
    }
    let tree = import(&directory, &Selection::default())?;
    let mut modules = Vec::new();
    for (version, node) in &tree.children {
        let (Some(version), Node::Directory(node)) = (version.to_str(), node) else { continue };
        let found = kernel::read_modules(node, &summary::Summaries::default(), context.cancellation)?;
        let prefix = format!("{MODULES}/{version}");
        modules.extend(found.into_iter().map(|(path, module)| (format!("{prefix}/{path}"), module)));
    }
    if modules.is_empty() {
        return Ok(());
    }
    let file = output.join(summary::SUMMARY_FILE);
    fs::write(&file, summary::print(&modules)).on("write", &file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_ends_when_the_build_is_called_off() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("package");
        fs::write(&path, "content").unwrap();
        let cancellation = Cancellation::new();
        let mut reader = Cancellable { file: File::open(&path).unwrap(), cancellation: &cancellation };
        let mut buffer = [0; 3];
        assert_eq!(reader.read(&mut buffer).unwrap(), 3);
        cancellation.cancel();
        assert!(reader.read(&mut buffer).is_err());
    }
}
