//! What the helper mounts in the sandbox's root before the builder starts.

use std::path::{Path, PathBuf};

use rustix::fs::{StatVfsMountFlags, statvfs};
use rustix::io::Errno;
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_bind_recursive, mount_change,
    mount_remount, unmount,
};
use rustix::process::{chdir, pivot_root};

use super::description::{Bind, BindKind, Description, StepContext, StepFailed};
use super::emulation;

/// Memory for `/dev/shm`, as a part of what the machine has.
const SHARED_MEMORY: &std::ffi::CStr = c"size=50%,mode=1777";

/// Mounts everything but `/proc`, which has to know the builder's process namespace.
pub(super) fn mount_all(description: &Description) -> Result<(), StepFailed> {
    let root = description.root.as_path();
    // Nothing that is mounted from now on shows elsewhere.
    mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE)
        .step(|| String::from("separate the sandbox's mounts from the machine's"))?;
    // Only a mount point can become a root. What can be written are mounts of their own in one that cannot.
    let bind_itself = |path: &Path| mount_bind(path, path).step(|| format!("bind '{}'", path.display()));
    bind_itself(root)?;
    description.writable.iter().try_for_each(|path| bind_itself(path.as_path()))?;
    for bind in &description.binds {
        let result = bind_one(bind);
        result.step(|| {
            format!("bind '{}' at '{}'", bind.source.as_path().display(), bind.target.as_path().display())
        })?;
    }
    let devices = root.join("dev");
    let memory = devices.join("shm");
    mount("none", &memory, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, SHARED_MEMORY)
        .step(|| format!("mount shared memory at '{}'", memory.display()))?;
    let terminals = devices.join("pts");
    mount(
        "none",
        &terminals,
        "devpts",
        MountFlags::NOSUID | MountFlags::NOEXEC,
        c"newinstance,mode=0620,ptmxmode=0666",
    )
    .step(|| format!("mount pseudo-terminals at '{}'", terminals.display()))?;
    if let Some(registration) = &description.emulator {
        // The builder's own /proc comes to lie over it, so that it stays as long as the sandbox and shows nowhere.
        emulation::register(registration, &root.join("proc"))?;
    }
    make_read_only(root, MountFlags::empty()).step(|| format!("write-protect '{}'", root.display()))
}

fn bind_one(bind: &Bind) -> Result<(), Errno> {
    let (source, target) = (bind.source.as_path(), bind.target.as_path());
    match bind.kind {
        BindKind::StorePath | BindKind::Device => mount_bind(source, target)?,
        BindKind::Other => mount_bind_recursive(source, target)?,
    }
    if !bind.read_only {
        return Ok(());
    }
    let no_devices = if bind.kind == BindKind::StorePath { MountFlags::NODEV } else { MountFlags::empty() };
    make_read_only(target, no_devices)
}

/// Forbids to write through a mount, and to gain privileges.
fn make_read_only(place: &Path, flags: MountFlags) -> Result<(), Errno> {
    // What the machine's mount forbids, a user namespace cannot allow again.
    let kept = statvfs(place)?.f_flag;
    let mut flags = flags | MountFlags::BIND | MountFlags::RDONLY | MountFlags::NOSUID;
    for (has, flag) in [
        (StatVfsMountFlags::NODEV, MountFlags::NODEV),
        (StatVfsMountFlags::NOEXEC, MountFlags::NOEXEC),
        (StatVfsMountFlags::NOATIME, MountFlags::NOATIME),
        (StatVfsMountFlags::NODIRATIME, MountFlags::NODIRATIME),
        (StatVfsMountFlags::RELATIME, MountFlags::RELATIME),
    ] {
        if kept.contains(has) {
            flags |= flag;
        }
    }
    mount_remount(place, flags, c"")
}

/// Mounts `/proc` for the calling process's namespace, and makes `root` the root of the file system.
pub(super) fn change_root(root: &Path) -> Result<(), StepFailed> {
    let processes: PathBuf = root.join("proc");
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("none", &processes, "proc", flags, None).step(|| String::from("mount /proc in the sandbox"))?;
    chdir(root).step(|| format!("enter '{}'", root.display()))?;
    // The old root comes to lie on the new one, and is taken off.
    pivot_root(".", ".").step(|| String::from("change the root of the file system"))?;
    unmount(".", UnmountFlags::DETACH).step(|| String::from("leave the machine's file system"))?;
    chdir("/").step(|| String::from("enter the sandbox's root"))
}
