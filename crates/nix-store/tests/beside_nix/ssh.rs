//! An SSH server of our own on this machine, whose users get a Nix daemon.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

/// A process that serves a test and ends with it.
pub struct Server(pub Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server for whoever has the key `user`; the key `host` is its own.
pub struct SshServer {
    _process: Server,
    place: PathBuf,
    pub port: u16,
}

impl SshServer {
    /// Begins to serve, with all files in the directory `place`. Who logs in finds there the program `nix-daemon`, which does what the
    /// shell script `daemon` says.
    pub fn start(place: &Path, daemon: &str) -> Self {
        let run = |command: &mut Command| {
            let output = command.output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        };
        for key in ["host", "user"] {
            run(Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(place.join(key)));
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {0}/host\nAuthorizedKeysFile {0}/user.pub\nStrictModes no\n\
             UsePAM no\nPidFile none\nPasswordAuthentication no\n",
            place.display()
        );
        fs::write(place.join("sshd_config"), config).unwrap();
        // Where it separates its privileges, if it runs as root and the distribution's own server never ran.
        let _ = fs::create_dir_all("/run/sshd");
        let process = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f"])
            .arg(place.join("sshd_config"))
            .stderr(fs::File::create(place.join("sshd.log")).unwrap())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("cannot run sshd (Debian's package openssh-server has it): {error}")
            });
        let server = SshServer { _process: Server(process), place: place.to_owned(), port };
        server.set_daemon(daemon);
        let until = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until, "sshd does not answer");
            thread::sleep(Duration::from_millis(10));
        }
        server
    }

    /// Has the program do something else for those who log in later.
    pub fn set_daemon(&self, script: &str) {
        let new = self.place.join("nix-daemon.new");
        fs::write(&new, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&new, PermissionsExt::from_mode(0o755)).unwrap();
        fs::rename(&new, self.daemon()).unwrap();
    }

    /// The program's place.
    pub fn daemon(&self) -> PathBuf {
        self.place.join("nix-daemon")
    }

    /// A private key: `user`, with which one may log in, or `host`, with which nobody may.
    pub fn key(&self, name: &str) -> PathBuf {
        self.place.join(name)
    }
}
