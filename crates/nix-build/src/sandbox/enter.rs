//! The last steps of a process before it is the builder: it is the first of its process namespace already.

use std::io;
use std::os::fd::BorrowedFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::Mode;
use rustix::process::{
    Gid, Resource, Rlimit, Signal, Uid, chdir, set_parent_process_death_signal, setrlimit, setsid, umask,
};
use rustix::thread::{set_no_new_privs, set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use super::description::{Description, StepContext, StepFailed};
use super::{mounts, raw, system_calls};

/// Becomes who and what the builder is. `helper` is readable once the helper has died.
pub(super) fn enter(description: &Description, helper: BorrowedFd<'_>) -> Result<(), StepFailed> {
    // Signals of the terminal go to a whole session: not to this one.
    setsid().step(|| String::from("begin a session"))?;
    mounts::change_root(description.root.as_path())?;
    chdir(description.directory.as_path()).step(|| String::from("enter the build directory"))?;
    let no_core_files = Rlimit { current: Some(0), maximum: None };
    setrlimit(Resource::Core, no_core_files).step(|| String::from("turn off core files"))?;
    umask(Mode::WGRP | Mode::WOTH);
    raw::set_personality(description.is_32_bit).step(|| String::from("set the personality"))?;
    if description.changes_user {
        become_user(description).step(|| String::from("become the builder's user"))?;
    }
    // After the change of user, which takes it back.
    set_parent_process_death_signal(Some(Signal::KILL))
        .step(|| String::from("bind the builder to its helper"))?;
    if has_died(helper) {
        return Err(StepFailed::new("start the builder", io::Error::other("the helper has died")));
    }
    set_no_new_privs(true).step(|| String::from("give up new privileges"))?;
    system_calls::restrict().step(|| String::from("restrict system calls"))
}

fn become_user(description: &Description) -> rustix::io::Result<()> {
    let (user, group) = (Uid::from_raw(description.user), Gid::from_raw(description.group));
    set_thread_groups(&[])?;
    set_thread_res_gid(group, group, group)?;
    set_thread_res_uid(user, user, user)
}

/// Whether the other end of a pipe that only the helper has is closed.
fn has_died(helper: BorrowedFd<'_>) -> bool {
    let mut files = [PollFd::from_borrowed_fd(helper, PollFlags::IN)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut files, Some(&at_once)).is_ok_and(|ready| ready > 0)
}
