//! Images of hosts: which there are, and the file that each is.

use std::path::{Path, PathBuf};

use nix_expr::{ErrorKind, EvalError, ValueRef, closest};

use super::evaluate::{Evaluation, of_host, system_build};
use crate::failure::Failure;
use crate::vm::emulator::FirmwareKind;

/// The image of a host in a format, `system.build.images.FORMAT`, and the path of its file in the output, where the
/// image says so.
pub fn select<'a>(
    evaluation: &Evaluation<'a>,
    flake: ValueRef<'a>,
    host: &str,
    format: &str,
) -> Result<(ValueRef<'a>, Option<String>), EvalError> {
    let images = system_build(evaluation, flake, host, &["images"])?;
    let Some(image) = evaluation.attribute(images, format)? else {
        let formats = evaluation.attribute_names(images)?;
        let message = format!("the host '{host}' has no image '{format}'; it has {}", formats.join(", "));
        let mut error = EvalError::new(ErrorKind::MissingAttribute, message);
        error.suggestions = closest(format.as_bytes(), formats.iter().map(String::as_bytes));
        return Err(error);
    };
    let file = match evaluation.attribute(image, "filePath")? {
        Some(file) => Some(evaluation.to_text(file)?.text),
        None => None,
    };
    Ok((image, file))
}

/// Fails unless a host is of a system, such as `aarch64-linux`.
pub fn check_system<'a>(
    evaluation: &Evaluation<'a>,
    flake: ValueRef<'a>,
    host: &str,
    system: &str,
) -> Result<(), EvalError> {
    let found = of_host(evaluation, flake, host, &["pkgs", "stdenv", "hostPlatform", "system"])?;
    let found = evaluation.to_text(found)?.text;
    if found == system {
        return Ok(());
    }
    let message = format!(
        "the host '{host}' is of the system {found}, not of {system}: its nixpkgs.hostPlatform decides that"
    );
    Err(EvalError::new(ErrorKind::Value, message))
}

/// What a virtual machine needs to start from an image.
pub fn firmware<'a>(evaluation: &Evaluation<'a>, image: ValueRef<'a>) -> Result<FirmwareKind, EvalError> {
    let Some(firmware) = evaluation.attribute(image, "firmware")? else { return Ok(FirmwareKind::Uefi) };
    let name = evaluation.to_text(firmware)?.text;
    FirmwareKind::from_name(&name).ok_or_else(|| {
        EvalError::new(
            ErrorKind::Value,
            format!("the image says that it starts by '{name}', which is no firmware"),
        )
    })
}

/// The file of an image: what the image says, else the only file of its output.
pub fn file(output: &Path, named: Option<&str>) -> Result<PathBuf, Failure> {
    if let Some(file) = named.map(|name| output.join(name)).filter(|file| file.is_file()) {
        return Ok(file);
    }
    if output.is_file() {
        return Ok(output.to_owned());
    }
    let failed = |source| Failure::File { action: "read", path: output.to_owned(), source };
    let mut files = Vec::new();
    for entry in output.read_dir().map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_type().map_err(failed)?.is_file() {
            files.push(entry.path());
        }
    }
    match files.as_slice() {
        [only] => Ok(only.clone()),
        _ => Err(Failure::NoImage { directory: output.to_owned(), found: format!("{} files", files.len()) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_only_file_is_the_image() {
        let output = tempfile::tempdir().unwrap();
        std::fs::create_dir(output.path().join("nix-support")).unwrap();
        assert!(matches!(file(output.path(), None), Err(Failure::NoImage { .. })));
        std::fs::write(output.path().join("host.img"), "").unwrap();
        assert_eq!(file(output.path(), None).unwrap(), output.path().join("host.img"));
        std::fs::write(output.path().join("other"), "").unwrap();
        assert!(matches!(file(output.path(), None), Err(Failure::NoImage { .. })));
        assert_eq!(file(output.path(), Some("other")).unwrap(), output.path().join("other"));
    }
}
