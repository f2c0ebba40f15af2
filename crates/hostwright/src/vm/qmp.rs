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
    Connection::open(socket)?.execute("system_powerdown")
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
        connection.execute("qmp_capabilities")?;
        Ok(connection)
    }

    fn receive(&mut self) -> std::io::Result<Value> {
        let mut line = String::new();
        if self.reader.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        serde_json::from_str(&line).map_err(std::io::Error::other)
    }

    fn execute(&mut self, command: &str) -> std::io::Result<()> {
        let request = format!("{}\n", json!({ "execute": command }));
        self.reader.get_mut().write_all(request.as_bytes())?;
        loop {
            let answer = self.receive()?;
            if answer.get("return").is_some() {
                return Ok(());
            }
            if let Some(error) = answer.get("error") {
                return Err(std::io::Error::other(error.to_string()));
            }
            // Anything else is an event that nobody waits for.
        }
    }
}
