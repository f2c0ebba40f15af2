//! The four system calls of the sandbox that have no safe interface, all of them made by the helper, which has one thread.
#![allow(
    unsafe_code,
    reason = "each is unsafe for what it does to other threads or to open files; the helper has neither"
)]

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::thread::UnshareFlags;

/// unshare(2) for namespaces.
pub(super) fn unshare(namespaces: UnshareFlags) -> io::Result<()> {
    // SAFETY: the call is unsafe because threads that share files would stop to; namespaces alone are unshared here.
    unsafe { rustix::thread::unshare_unsafe(namespaces.difference(UnshareFlags::FILES)) }.map_err(Into::into)
}

/// Runs `enter` in the process that becomes `command`, just before it does.
pub(super) fn before_exec(
    command: &mut Command,
    enter: impl FnMut() -> io::Result<()> + Send + Sync + 'static,
) {
    // SAFETY: between fork(2) and exec(3) only what other threads may have left locked is out of bounds. The helper has
    // one thread, so nothing is locked.
    unsafe { command.pre_exec(enter) };
}

/// Closes every file but standard input, output and error: whoever started this program may have left some open.
pub(super) fn close_inherited_files() -> io::Result<()> {
    // SAFETY: called first thing in the helper, when no value owns a file yet.
    match unsafe { libc::syscall(libc::SYS_close_range, 3 as libc::c_uint, libc::c_uint::MAX, 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Has programs loaded at the same addresses each time, and, for builds of 32-bit systems, the kernel call itself one.
pub(super) fn set_personality(is_32_bit: bool) -> io::Result<()> {
    /// PER_LINUX32 of linux/personality.h.
    const FOR_32_BIT: libc::c_int = 0x0008;
    let kind = if is_32_bit { FOR_32_BIT } else { 0 };
    // SAFETY: changes how the next program is loaded; no memory of this one.
    match unsafe { libc::personality((kind | libc::ADDR_NO_RANDOMIZE) as libc::c_ulong) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
