//! What a virtual machine keeps between runs: its disk, key, firmware variables and the log of its console.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::{VmError, qmp};

/// The state directory of one machine, locked against a second run.
#[derive(Debug)]
pub struct MachineState {
    directory: PathBuf,
    /// Held while the machine is being set up.
    _lock: File,
}

impl MachineState {
    /// Opens or makes the directory. Fails when a machine runs on it, ours or a detached one.
    pub fn open(directory: &Path) -> Result<Self, VmError> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(VmError::file("make the directory", directory))?;
        let lock_file = directory.join("lock");
        let lock = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(false)
            .open(&lock_file)
            .map_err(VmError::file("open", &lock_file))?;
        let state = MachineState { directory: directory.to_owned(), _lock: lock };
        if flock(&state._lock, FlockOperation::NonBlockingLockExclusive).is_err()
            || qmp::answers(&state.socket())
        {
            let pid = fs::read_to_string(state.pid_file()).ok().and_then(|text| text.trim().parse().ok());
            return Err(VmError::Running { pid: pid.unwrap_or(0), directory: directory.to_owned() });
        }
        Ok(state)
    }

    /// The directory itself.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The qcow2 overlay over the host's image.
    pub fn disk(&self) -> PathBuf {
        self.directory.join("disk.qcow2")
    }

    /// The private key that root accepts.
    pub fn key(&self) -> PathBuf {
        self.directory.join("id_ed25519")
    }

    /// The UEFI variables.
    pub fn firmware_variables(&self) -> PathBuf {
        self.directory.join("efi-variables.fd")
    }

    /// What the machine wrote to its serial console, of this run.
    pub fn console(&self) -> PathBuf {
        self.directory.join("console.log")
    }

    /// What the emulator itself wrote.
    pub fn emulator_log(&self) -> PathBuf {
        self.directory.join("emulator.log")
    }

    /// The emulator's control socket.
    pub fn socket(&self) -> PathBuf {
        self.directory.join("qmp")
    }

    /// The emulator's process id.
    pub fn pid_file(&self) -> PathBuf {
        self.directory.join("pid")
    }

    /// The link that keeps the image in the store.
    pub fn image_root(&self) -> PathBuf {
        self.directory.join("image-output")
    }

    /// Names the image that the disk lies over.
    fn base_record(&self) -> PathBuf {
        self.directory.join("image")
    }

    /// Whether the disk was made over this image. A disk over another one must not be used with it: an overlay holds
    /// only what differs.
    pub fn disk_is_over(&self, image: &Path) -> bool {
        self.disk().is_file()
            && fs::read_to_string(self.base_record())
                .is_ok_and(|recorded| Path::new(recorded.trim_end()) == image)
    }

    /// Removes what earlier runs left on the disk; keeps the key.
    pub fn discard_disk(&self) -> Result<(), VmError> {
        for file in [self.base_record(), self.disk(), self.firmware_variables()] {
            match fs::remove_file(&file) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(VmError::file("remove", file)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Notes that the disk is complete and over `image`. Written last: a disk without it is made anew.
    pub fn record_base(&self, image: &Path) -> Result<(), VmError> {
        let file = self.base_record();
        fs::write(&file, format!("{}\n", image.display())).map_err(VmError::file("write", file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_serves_one_machine_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let state = MachineState::open(directory.path()).unwrap();
        assert!(matches!(MachineState::open(directory.path()), Err(VmError::Running { .. })));
        drop(state);
        MachineState::open(directory.path()).unwrap();
    }

    #[test]
    fn a_disk_counts_only_with_its_record() {
        let directory = tempfile::tempdir().unwrap();
        let state = MachineState::open(directory.path()).unwrap();
        let image = Path::new("/image");
        fs::write(state.disk(), "").unwrap();
        assert!(!state.disk_is_over(image));
        state.record_base(image).unwrap();
        assert!(state.disk_is_over(image));
        assert!(!state.disk_is_over(Path::new("/other")));
        state.discard_disk().unwrap();
        assert!(!state.disk().exists());
        state.discard_disk().unwrap();
    }
}
