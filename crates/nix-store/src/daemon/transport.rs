//! The ways to a daemon.

use std::fs;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::local::collector_socket;

/// How much of what a connecting program says is kept.
const KEPT_WORDS: usize = 4 << 10;

/// How long a connecting program may take to end after its input has ended.
const END: Duration = Duration::from_secs(5);

/// Two streams, to a daemon and from it, and what must be ended with them.
pub struct Transport {
    place: String,
    reader: Option<Box<dyn Read + Send>>,
    writer: Box<dyn Write + Send>,
    program: Option<Program>,
    socket: Option<Arc<UnixStream>>,
}

/// Ends a connection while another thread uses it, which gets an error then. What the daemon does for the connection, such as
/// builds, it ends with it.
#[derive(Clone, Default)]
pub struct Interrupt {
    program: Option<Arc<Mutex<Child>>>,
    socket: Option<Arc<UnixStream>>,
}

impl Interrupt {
    /// Ends the connection.
    pub fn end(&self) {
        // Either may have ended by itself.
        if let Some(socket) = &self.socket {
            let _ = socket.shutdown(Shutdown::Both);
        }
        if let Some(child) = &self.program {
            let _ = child.lock().unwrap_or_else(PoisonError::into_inner).kill();
        }
    }
}

impl Transport {
    /// Any two streams; `place` names them in errors.
    pub fn of_streams(
        place: impl Into<String>,
        reader: impl Read + Send + 'static,
        writer: impl Write + Send + 'static,
    ) -> Self {
        Transport {
            place: place.into(),
            reader: Some(Box::new(reader)),
            writer: Box::new(writer),
            program: None,
            socket: None,
        }
    }

    /// The socket of a daemon on this machine.
    ///
    /// # Errors
    /// [`Error::Connect`] if nobody listens there.
    pub fn socket(path: &Path) -> Result<Self> {
        let place = path.display().to_string();
        let connect = || -> io::Result<_> {
            let stream = collector_socket::connect(path)?;
            Ok((stream.try_clone()?, stream.try_clone()?, stream))
        };
        let (reader, writer, stream) = connect().map_err(|source| Error::Connect {
            place: place.clone(),
            said: String::new(),
            source,
        })?;
        let mut transport = Self::of_streams(place, reader, writer);
        transport.socket = Some(Arc::new(stream));
        Ok(transport)
    }

    /// The standard streams of a program that is, or leads to, `nix-daemon --stdio`.
    ///
    /// # Errors
    /// [`Error::Connect`] if it cannot be started.
    pub fn program(place: impl Into<String>, command: &mut Command) -> Result<Self> {
        let place = place.into();
        let failed = |source| Error::Connect { place: place.clone(), said: String::new(), source };
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let (Some(input), Some(output), Some(errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(failed(io::ErrorKind::BrokenPipe.into()));
        };
        let said = Arc::new(Mutex::new(Vec::new()));
        let listener = thread::spawn({
            let said = said.clone();
            move || listen(errors, &said)
        });
        let program = Program { child: Arc::new(Mutex::new(child)), said, listener, kept: None };
        let mut transport = Self::of_streams(place, output, input);
        transport.program = Some(program);
        Ok(transport)
    }

    /// What names the daemon in errors.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The same with a file that must be there as long as the connecting program runs.
    #[must_use]
    pub(super) fn keeping(mut self, file: TemporaryFile) -> Self {
        if let Some(program) = &mut self.program {
            program.kept = Some(file);
        }
        self
    }

    /// What ends the connection from another thread.
    pub(super) fn interrupt(&self) -> Interrupt {
        Interrupt {
            program: self.program.as_ref().map(|program| program.child.clone()),
            socket: self.socket.clone(),
        }
    }

    pub(super) fn take_reader(&mut self) -> Box<dyn Read + Send> {
        self.reader.take().unwrap_or_else(|| Box::new(io::empty()))
    }

    pub(super) fn writer(&mut self) -> &mut (dyn Write + Send) {
        &mut *self.writer
    }

    /// What the connecting program said when it failed.
    pub(super) fn last_words(&mut self) -> String {
        match &mut self.program {
            Some(program) => program.last_words(),
            None => String::new(),
        }
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        // The daemon's end of work is the end of its input.
        self.writer = Box::new(io::sink());
        if let Some(socket) = &self.socket {
            // The daemon may have closed it already.
            let _ = socket.shutdown(Shutdown::Both);
        }
        if let Some(program) = &mut self.program {
            program.end();
        }
    }
}

struct Program {
    child: Arc<Mutex<Child>>,
    said: Arc<Mutex<Vec<u8>>>,
    listener: JoinHandle<()>,
    kept: Option<TemporaryFile>,
}

/// A file that is removed when it is not needed any more.
pub(super) struct TemporaryFile(pub(super) PathBuf);

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        // Somebody may have cleaned up.
        let _ = fs::remove_file(&self.0);
    }
}

impl Program {
    fn last_words(&mut self) -> String {
        self.end();
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&said).trim().replace('\r', "")
    }

    fn end(&mut self) {
        let wait = |ended: &mut dyn FnMut() -> bool| {
            let until = Instant::now() + END;
            while !ended() && Instant::now() < until {
                thread::sleep(Duration::from_millis(2));
            }
        };
        let child = || self.child.lock().unwrap_or_else(PoisonError::into_inner);
        wait(&mut || !matches!(child().try_wait(), Ok(None)));
        // It may have ended by itself.
        let _ = child().kill();
        let _ = child().wait();
        // A process that it left behind may hold the stream open for ever.
        wait(&mut || self.listener.is_finished());
        self.kept = None;
    }
}

/// Reads what a program says, so that it never waits, and keeps the end of it.
fn listen(mut errors: impl Read, said: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 1024];
    while let Ok(count) = errors.read(&mut buffer)
        && count > 0
    {
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        said.extend_from_slice(&buffer[..count]);
        let excess = said.len().saturating_sub(KEPT_WORDS);
        said.drain(..excess);
    }
}
