//! Waiting for SSH, and reaching it.

use std::io::{ErrorKind, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use super::VmError;

/// How every SSH server begins.
const GREETING: &[u8] = b"SSH-";

/// Fails if somebody listens on a port of 127.0.0.1.
pub fn check_is_free(port: u16) -> Result<(), VmError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map(drop).map_err(|_| VmError::PortTaken { port })
}

/// Listens for the greeting of an SSH server on a port (RFC 4253 section 4.2: `SSH-` at the beginning of a line).
///
/// The emulator's network accepts connections before the guest does and hands them on when it can. So one connection is
/// kept open for as long as it lasts: a server that finds dozens of them waiting, all gone, holds that against us
/// (`PerSourcePenalties` of sshd_config(5)).
#[derive(Debug)]
pub struct Greeting {
    port: u16,
    stream: Option<TcpStream>,
    heard: Vec<u8>,
}

impl Greeting {
    /// Nothing is listened to yet.
    pub fn on(port: u16) -> Self {
        Greeting { port, stream: None, heard: Vec::new() }
    }

    /// Listens for at most this long; whether the greeting came. To be asked again otherwise.
    pub fn came(&mut self, patience: Duration) -> bool {
        let stream = match self.stream.take() {
            Some(stream) => Some(stream),
            None => {
                self.heard.clear();
                let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
                TcpStream::connect_timeout(&address, patience).ok()
            }
        };
        let Some(mut stream) = stream else { return false };
        let mut bytes = [0; 64];
        let read = stream.set_read_timeout(Some(patience)).and_then(|()| stream.read(&mut bytes));
        match read {
            Ok(count @ 1..) => {
                self.heard.extend_from_slice(&bytes[..count]);
                if self.heard.len() < GREETING.len() {
                    self.stream = Some(stream);
                }
                self.heard.starts_with(GREETING)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                self.stream = Some(stream);
                false
            }
            // Closed or reset: the guest runs, but no server does yet.
            Ok(_) | Err(_) => false,
        }
    }
}

/// The arguments of `ssh` that reach the machine. Its host key is made by its first boot, so it is nobody's business to
/// remember it.
pub fn arguments(key: &Path, port: u16) -> Vec<String> {
    let mut arguments = vec!["-i".to_owned(), key.display().to_string(), "-p".to_owned(), port.to_string()];
    for option in
        ["IdentitiesOnly=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"]
    {
        arguments.extend(["-o".to_owned(), option.to_owned()]);
    }
    arguments.push("root@127.0.0.1".to_owned());
    arguments
}

/// The command to paste into a shell.
pub fn command(key: &Path, port: u16) -> String {
    let mut words = vec!["ssh".to_owned()];
    words.extend(arguments(key, port).iter().map(|word| quote(word)));
    words.join(" ")
}

/// Quotes a word for POSIX shells where it needs it.
fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./_-".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn the_command_can_be_pasted() {
        let command = command(Path::new("/a b/id"), 2222);
        assert!(command.starts_with("ssh -i '/a b/id' -p 2222 -o IdentitiesOnly=yes "), "{command}");
        assert!(command.ends_with(" root@127.0.0.1"));
        assert_eq!(quote("it's"), r"'it'\''s'");
    }

    #[test]
    fn only_the_greeting_counts() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(matches!(check_is_free(port), Err(VmError::PortTaken { .. })));
        let server = std::thread::spawn(move || {
            drop(listener.accept().unwrap());
            listener.accept().unwrap().0.write_all(b"HTTP/1.1").unwrap();
            let mut late = listener.accept().unwrap().0;
            std::thread::sleep(Duration::from_millis(500));
            late.write_all(b"SSH-2.0-x\r\n").unwrap();
        });
        let patience = Duration::from_secs(5);
        let mut greeting = Greeting::on(port);
        assert!(!greeting.came(patience));
        assert!(!greeting.came(patience));
        assert!(!greeting.came(Duration::from_millis(10)), "it comes late");
        assert!(greeting.came(patience), "on the same connection");
        server.join().unwrap();
        check_is_free(port).unwrap();
        assert!(!Greeting::on(port).came(patience));
    }
}
