//! A mirror of the archive that is right in all but what a test changes: it sends clients on to the machine's own mirror,
//! except for the paths that the test answers itself.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use debian::{Archive, Sources};

/// What a mirror does with a request.
pub enum Answer {
    /// What the real mirror does.
    AsItIs,
    /// Another content.
    Content(Vec<u8>),
    /// The head of an answer with this length, then only this much of it, and the connection ends.
    Truncated(usize, Vec<u8>),
    /// That it is not there.
    Gone,
    /// Nothing, for so long that the client is interrupted before.
    Stall,
}

/// A mirror on a port of this machine; ends with the process.
pub struct Mirror {
    pub url: String,
    pub security_url: String,
}

impl Mirror {
    /// Answers requests with what `answer` says of their path below the mirror, such as `dists/trixie/InRelease`.
    pub fn start(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Mirror {
        let sources = Sources::from_system().unwrap();
        let real = |archive| sources.mirrors(archive).first().map(ToString::to_string).unwrap();
        let places = [("debian/", real(Archive::Debian)), ("debian-security/", real(Archive::Security))];
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (answer, places) = (Arc::new(answer), Arc::new(places));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, places) = (Arc::clone(&answer), Arc::clone(&places));
                thread::spawn(move || serve(&stream, &*answer, &*places));
            }
        });
        let url = |name| format!("http://127.0.0.1:{port}/{name}");
        Mirror { url: url("debian"), security_url: url("debian-security") }
    }

    /// A port that nobody listens on.
    pub fn down() -> Mirror {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = |name| format!("http://127.0.0.1:{port}/{name}");
        Mirror { url: url("debian"), security_url: url("debian-security") }
    }

    /// The options that make the program use it.
    pub fn options(&self) -> [&str; 4] {
        ["--mirror", &self.url, "--security-mirror", &self.security_url]
    }
}

/// One connection; a client that goes away ends it.
fn serve(stream: &TcpStream, answer: &dyn Fn(&str) -> Answer, places: &[(&str, String)]) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut request = String::new();
        if reader.read_line(&mut request).unwrap_or(0) == 0 {
            return;
        }
        let mut header = String::new();
        while reader.read_line(&mut header).unwrap_or(0) > 2 {
            header.clear();
        }
        let path = request.split(' ').nth(1).unwrap_or_default().trim_start_matches('/');
        let found = places.iter().find_map(|(prefix, real)| Some((path.strip_prefix(prefix)?, real)));
        let Some((path, real)) = found else { return };
        let mut stream = stream;
        let sent = match answer(path) {
            Answer::AsItIs => write!(
                stream,
                "HTTP/1.1 302 Found\r\nLocation: {}/{path}\r\nContent-Length: 0\r\n\r\n",
                real.trim_end_matches('/')
            ),
            Answer::Content(content) => {
                write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", content.len())
                    .and_then(|()| stream.write_all(&content))
            }
            Answer::Truncated(length, content) => {
                let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n")
                    .and_then(|()| stream.write_all(&content));
                return;
            }
            Answer::Gone => write!(stream, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
            Answer::Stall => {
                thread::sleep(Duration::from_secs(120));
                return;
            }
        };
        if sent.is_err() {
            return;
        }
    }
}

/// A file as the machine's own mirror has it.
pub fn original(path: &str) -> Vec<u8> {
    let sources = Sources::from_system().unwrap();
    let urls = sources.addresses(Archive::Debian, path);
    let directory = tempfile::tempdir().unwrap();
    let destination = directory.path().join("file");
    let request =
        download::Request { urls, destination: destination.clone(), expected: download::Expected::default() };
    download::BlockingDownloader::new(download::Settings::default())
        .unwrap()
        .fetch(&request, &download::Silent, &download::Cancellation::new())
        .unwrap();
    std::fs::read(destination).unwrap()
}
