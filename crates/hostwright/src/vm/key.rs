//! The key that opens a virtual machine.

use std::path::Path;

use ssh_key::rand_core::OsRng;
use ssh_key::{Algorithm, LineEnding, PrivateKey};

use super::VmError;

/// Reads the machine's key, or makes one. Returns the public half as `authorized_keys` has it.
pub fn authorized_key(file: &Path) -> Result<String, VmError> {
    let key = if file.exists() {
        PrivateKey::read_openssh_file(file).map_err(VmError::Key)?
    } else {
        let mut key = PrivateKey::random(&mut OsRng, Algorithm::Ed25519).map_err(VmError::Key)?;
        key.set_comment("hostwright vm");
        // Written with mode 0600.
        key.write_openssh_file(file, LineEnding::LF).map_err(VmError::Key)?;
        key
    };
    key.public_key().to_openssh().map_err(VmError::Key)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_is_private() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("id_ed25519");
        let first = authorized_key(&file).unwrap();
        assert!(first.starts_with("ssh-ed25519 "), "{first}");
        assert_eq!(authorized_key(&file).unwrap(), first);
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
