//! QEMU's machine protocol: JSON lines over a socket (QEMU's docs/interop/qmp-spec).

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

/// QEMU answers at once; a machine that is stuck must not hold us up.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether an emulator answers on the socket.
pub fn answers(socket: &Path) -> bool {
    socket.exists() && Connection::open(socket).is_ok()
}

/// Presses the power button.
pub fn power_down(socket: &Path) -> std::io::Result<()> {
    Connection::open(socket)?.execute("system_powerdown", &json!({})).map(drop)
}

/// The port of this machine that leads to the guest, once the emulator runs.
pub fn forwarded_port(socket: &Path) -> std::io::Result<u16> {
    let arguments = json!({ "command-line": "info usernet" });
    let answer = Connection::open(socket)?.execute("human-monitor-command", &arguments)?;
    let port = answer.as_str().and_then(forwarded_port_of);
    port.ok_or_else(|| std::io::Error::other("the emulator forwards no port"))
}

/// The source port of the first line about a forwarded port: state, descriptor, address, port, ….
fn forwarded_port_of(connections: &str) -> Option<u16> {
    let mut words = connections.lines().map(str::split_whitespace);
    words
        .find_map(|mut words| (words.next() == Some("TCP[HOST_FORWARD]")).then_some(words))?
        .nth(2)?
        .parse()
        .ok()
}

struct Connection {
    reader: BufReader<UnixStream>,
}

impl Connection {
    fn open(socket: &Path) -> std::io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut connection = Connection { reader: BufReader::new(stream) };
        connection.receive()?;
        connection.execute("qmp_capabilities", &json!({}))?;
        Ok(connection)
    }

    fn receive(&mut self) -> std::io::Result<Value> {
        let mut line = String::new();
        if self.reader.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        serde_json::from_str(&line).map_err(std::io::Error::other)
    }

    fn execute(&mut self, command: &str, arguments: &Value) -> std::io::Result<Value> {
        let request = format!("{}\n", json!({ "execute": command, "arguments": arguments }));
        self.reader.get_mut().write_all(request.as_bytes())?;
        loop {
            let mut answer = self.receive()?;
            if let Some(returned) = answer.get_mut("return") {
                return Ok(returned.take());
            }
            if let Some(error) = answer.get("error") {
                return Err(std::io::Error::other(error.to_string()));
            }
            // Anything else is an event that nobody waits for.
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forwarded_port_is_found_among_connections() {
        let connections = "Hub -1 (network):\r
  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\r
  TCP[ESTABLISHED]   15       127.0.0.1 50000       10.0.2.15    22     0     0\r
  TCP[HOST_FORWARD]  14       127.0.0.1 43603       10.0.2.15    22     0     0\r\n";
        assert_eq!(forwarded_port_of(connections), Some(43603));
        assert_eq!(forwarded_port_of("Hub -1 (network):\r\n"), None);
    }
}
