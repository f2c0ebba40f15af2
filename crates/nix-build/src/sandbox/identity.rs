//! Who the builder is: inside its user namespace, and to the rest of the machine.

use std::fs;
use std::path::PathBuf;

use rustix::process::{Gid, Pid, Uid, getegid, geteuid};

use crate::error::{IoContext, Result};

/// The builder's user number inside, as in Nix's sandbox.
pub(super) const INNER_USER: u32 = 1000;

/// The builder's group number inside, as in Nix's sandbox.
pub(super) const INNER_GROUP: u32 = 100;

/// Who builders are on the machine when root starts them: the first of the numbers that Nix sets aside for this
/// (its setting `start-id`), which belong to nobody. They must not be root there: the user who owns the kernel's settings in
/// /proc/sys can write them whatever its namespace.
const SET_ASIDE: u32 = 872_415_232;

/// Who the builder is on the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Identity {
    /// Who started this program.
    Ourselves,
    /// Somebody whom root can make its files belong to.
    SetAside,
}

impl Identity {
    /// The identity for builds of this process: root's are somebody else, if there is such a user where we are (in a
    /// container's namespace there need not be).
    pub(crate) fn detect() -> Self {
        let is_known = |map: &str| fs::read_to_string(map).is_ok_and(|map| maps(&map, SET_ASIDE));
        if geteuid().is_root() && is_known("/proc/self/uid_map") && is_known("/proc/self/gid_map") {
            Identity::SetAside
        } else {
            Identity::Ourselves
        }
    }

    /// Whether files must be given to the builder and taken back.
    pub(crate) fn owner(self) -> Option<(Uid, Gid)> {
        match self {
            Identity::Ourselves => None,
            Identity::SetAside => Some((Uid::from_raw(SET_ASIDE), Gid::from_raw(SET_ASIDE))),
        }
    }

    /// Whether the helper is another user at first than the builder.
    pub(super) fn changes_user(self) -> bool {
        self == Identity::SetAside
    }

    /// Writes the numbers that users and groups of a process have in its new user namespace (user_namespaces(7)).
    pub(super) fn map(self, process: Pid) -> Result<()> {
        let directory = PathBuf::from(format!("/proc/{}", process.as_raw_pid()));
        let write = |name: &str, text: String| {
            let path = directory.join(name);
            fs::write(&path, text).on("write", &path)
        };
        match self {
            Identity::Ourselves => {
                write("uid_map", format!("{INNER_USER} {} 1\n", geteuid().as_raw()))?;
                // Who may not set groups at all is the only one whom the kernel lets map its own.
                write("setgroups", String::from("deny"))?;
                write("gid_map", format!("{INNER_GROUP} {} 1\n", getegid().as_raw()))
            }
            Identity::SetAside => {
                let lines = |own: u32, inner: u32| format!("0 {own} 1\n{inner} {SET_ASIDE} 1\n");
                write("uid_map", lines(geteuid().as_raw(), INNER_USER))?;
                write("gid_map", lines(getegid().as_raw(), INNER_GROUP))
            }
        }
    }
}

/// Whether a map of a user namespace has a number.
fn maps(map: &str, number: u32) -> bool {
    map.lines().any(|line| {
        let mut fields = line.split_whitespace().map(|field| field.parse::<u64>().unwrap_or(0));
        let (first, _, count) = (fields.next(), fields.next(), fields.next());
        let number = u64::from(number);
        first.zip(count).is_some_and(|(first, count)| (first..first.saturating_add(count)).contains(&number))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_has_few_users() {
        assert!(maps("         0          0 4294967295\n", SET_ASIDE));
        assert!(!maps("0 100000 65536\n", SET_ASIDE));
        assert!(maps("0 1000 1\n1 100000 900000000\n", SET_ASIDE));
        assert!(!maps("", SET_ASIDE));
    }
}
