//! The wire between this machine and a host in namespaces: a network that has them alone, so that what the host does to its
//! network can cut it off and nothing else.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle, sleep};
use std::time::{Duration, Instant};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::succeed;

/// The host's address on the wire, as it can be reached and as it is set.
const HOST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
pub const HOST_END: &str = "192.0.2.2/24";
/// This machine's end (RFC 5737 has the network for examples).
const OUR_END: &str = "192.0.2.1/24";

/// A user namespace, and the network of the wire's near end.
pub struct Wire {
    /// It lives as long as its standard input is open: it ends with the test, however that ends.
    keeper: Child,
    port: u16,
    ended: Arc<AtomicBool>,
    forwarding: Option<JoinHandle<()>>,
}

impl Wire {
    pub fn new() -> Wire {
        let keeper = Command::new("unshare")
            .args(["--user", "--net", "cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let process = format!("/proc/{}", keeper.id());
        let begun = Instant::now();
        let own = fs::read_link("/proc/self/ns/net").unwrap();
        while fs::read_link(format!("{process}/ns/net")).unwrap() == own {
            assert!(begun.elapsed() < Duration::from_secs(60), "there is no user namespace to have");
            sleep(Duration::from_millis(5));
        }
        // user_namespaces(7): the numbers of users are the same on both sides, the power over this machine is not.
        for map in ["uid_map", "gid_map"] {
            let written = fs::write(format!("{process}/{map}"), "0 0 65536\n");
            written.unwrap_or_else(|error| panic!("hosts in namespaces take root: {map}: {error}"));
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let ended = Arc::new(AtomicBool::new(false));
        let network = fs::File::open(format!("{process}/ns/net")).unwrap();
        let forwarding = {
            let ended = Arc::clone(&ended);
            thread::spawn(move || {
                // A namespace is a thread's own, and that of those that it starts.
                move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
                for connection in listener.incoming() {
                    if ended.load(Ordering::Relaxed) {
                        return;
                    }
                    if let Ok(connection) = connection {
                        thread::spawn(move || forward(connection));
                    }
                }
            })
        };
        Wire { keeper, port, ended, forwarding: Some(forwarding) }
    }

    /// Leads from here into the network of a process of the host.
    pub fn plug_in(&self, process: u32) {
        let script = format!(
            "ip link set lo up && ip link add wire1 type veth peer name wire0 netns /proc/{process}/ns/net && \
             ip address add {OUR_END} dev wire1 && ip link set wire1 up"
        );
        succeed(self.command("sh").args(["-c", &script]));
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// A command at this end, as root of the user namespace.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        let place = |kind: &str| format!("--{kind}=/proc/{}/ns/{kind}", self.keeper.id());
        command.args([&place("user"), &place("net"), "-S", "0", "-G", "0", "--", program]);
        command
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // It looks when somebody comes.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        if let Some(forwarding) = self.forwarding.take() {
            let _ = forwarding.join();
        }
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

/// Carries bytes both ways between a client and the host's SSH server.
fn forward(client: TcpStream) {
    let Ok(server) = TcpStream::connect((HOST, 22)) else { return };
    let (Ok(mut from_client), Ok(mut to_server)) = (client.try_clone(), server.try_clone()) else { return };
    thread::spawn(move || {
        let _ = io::copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Write);
    });
    let (mut from_server, mut to_client) = (server, client);
    let _ = io::copy(&mut from_server, &mut to_client);
    let _ = to_client.shutdown(Shutdown::Both);
}
