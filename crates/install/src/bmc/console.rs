use std::net::{TcpStream, ToSocketAddrs};
use std::ops::ControlFlow;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::client::Bmc;
use crate::error::{Error, Result};

/// How often the console is read: at 115200 baud its 16 KiB are full after 1.4 s.
const PERIOD: Duration = Duration::from_millis(700);

/// What a system says that will not come up by itself.
const FAILURES: [&str; 4] = [
    "Kernel panic - not syncing",
    "You are in emergency mode",
    "Give root password for maintenance",
    "VFS: Unable to mount root fs",
];

/// What is new on a console of which one always sees the last part.
#[derive(Debug, Default)]
pub struct Console {
    seen: String,
}

/// How a node was seen to have started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Started {
    /// SSH answers.
    Ssh,
    /// Its console asks who is there.
    Login,
}

impl Console {
    /// What came since the last time. Where more came than the console keeps, that is all of it.
    pub fn news<'a>(&mut self, now: &'a str) -> &'a str {
        // The longest end of what was seen that is a beginning of what there is now, at any place the ring has moved on to.
        let mut start = 0;
        for (index, _) in self.seen.char_indices() {
            let rest = &self.seen[index..];
            if now.starts_with(rest) {
                start = rest.len();
                break;
            }
        }
        self.seen = now.to_owned();
        &now[start..]
    }
}

impl Bmc {
    /// Switches a node on and watches it start. `ssh` is its address and port, if known: then it has started when SSH answers there, else when
    /// its console asks for a login. What comes over the console is handed to `show`, which says whether to go on.
    ///
    /// # Errors
    ///
    /// [`Error::NotStarted`] after `limit`, and when the console says that nothing more will come; [`Error::Cancelled`];
    /// [`Error::Unreachable`], [`Error::Bmc`].
    pub fn start(
        &self,
        ssh: Option<&str>,
        limit: Duration,
        show: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Started> {
        let begun = Instant::now();
        let mut console = Console::default();
        // What is there before belongs to the system of before.
        console.news(&self.console()?);
        self.power(true)?;
        let mut tail = String::new();
        loop {
            let now = self.console()?;
            let news = console.news(&now);
            if show(news).is_break() {
                return Err(Error::Cancelled { path: self.address().to_string().into() });
            }
            tail.push_str(news);
            let cut = tail.len().saturating_sub(4096);
            let cut = (cut..tail.len()).find(|index| tail.is_char_boundary(*index)).unwrap_or(tail.len());
            tail.drain(..cut);
            let failed = |reason: String| Error::NotStarted { address: self.address().to_string(), reason };
            if let Some(failure) = FAILURES.iter().find(|failure| tail.contains(*failure)) {
                return Err(failed(format!("its console says '{failure}'")));
            }
            match ssh {
                Some(address) if ssh_answers(address) => return Ok(Started::Ssh),
                None if tail.contains(" login:") => return Ok(Started::Login),
                _ => {}
            }
            if begun.elapsed() > limit {
                let last = tail.lines().rev().find(|line| !line.trim().is_empty());
                return Err(failed(match last {
                    Some(line) => format!("nothing more came for a while after '{}'", line.trim()),
                    None => "its console said nothing".to_owned(),
                }));
            }
            sleep(PERIOD);
        }
    }
}

/// Whether a server of SSH is there: it speaks first (RFC 4253, section 4.2).
fn ssh_answers(address: &str) -> bool {
    use std::io::Read;
    const PATIENCE: Duration = Duration::from_secs(2);
    let Ok(addresses) = address.to_socket_addrs() else { return false };
    addresses.into_iter().any(|address| {
        let Ok(mut stream) = TcpStream::connect_timeout(&address, PATIENCE) else { return false };
        let mut greeting = [0; 4];
        stream.set_read_timeout(Some(PATIENCE)).is_ok()
            && stream.read_exact(&mut greeting).is_ok()
            && &greeting == b"SSH-"
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// However a ring moves on between two looks, nothing is told twice and nothing that it holds is left out.
        #[test]
        fn all_of_a_ring_is_told_once(steps in prop::collection::vec(0_usize..12, 1..20)) {
            const RING: usize = 12;
            let written: String = (0..200).map(|number| format!("{number} ")).collect();
            let (mut console, mut told, mut end) = (Console::default(), String::new(), 0);
            for step in steps {
                end += step;
                let start = end.saturating_sub(RING);
                told.push_str(console.news(&written[start..end]));
            }
            prop_assert_eq!(&told, &written[..end]);
        }
    }

    #[test]
    fn what_was_lost_is_not_made_up() {
        let mut console = Console::default();
        assert_eq!(console.news("abc"), "abc");
        assert_eq!(console.news("xyz"), "xyz");
        assert_eq!(console.news("xyz"), "");
    }
}
