//! A small HTTP server that misbehaves on request.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

/// What a client asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    pub path: String,
    /// Start of the range asked for.
    pub range: Option<u64>,
    pub headers: HashMap<String, String>,
}

/// What the server does.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Closes the connection after so many bytes of the body.
    pub cut: Option<usize>,
    /// Goes silent after so many bytes of the body.
    pub stall: Option<usize>,
}

impl Answer {
    /// The whole body.
    pub fn ok(body: &[u8]) -> Self {
        Answer { status: 200, body: body.to_vec(), ..Answer::default() }
    }

    /// Only a status.
    pub fn status(status: u16) -> Self {
        Answer { status, ..Answer::default() }
    }

    /// The body or the rest of it, as asked.
    pub fn ranged(body: &[u8], asked: &Asked) -> Self {
        match asked.range {
            Some(start) => Answer {
                status: 206,
                headers: vec![(
                    "Content-Range".into(),
                    format!("bytes {start}-{}/{}", body.len() - 1, body.len()),
                )],
                body: body[start as usize..].to_vec(),
                ..Answer::default()
            },
            None => Answer::ok(body),
        }
    }
}

/// A running server; it ends with the test.
pub struct Server {
    address: SocketAddr,
    pub asked: Arc<Mutex<Vec<Asked>>>,
    pub body_bytes: Arc<AtomicU64>,
    pub most_at_once: Arc<AtomicUsize>,
}

impl Server {
    /// Answers as `answer` says; it is told how often the server was asked before.
    pub fn start(answer: impl Fn(&Asked, usize) -> Answer + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Server {
            address: listener.local_addr().unwrap(),
            asked: Arc::default(),
            body_bytes: Arc::default(),
            most_at_once: Arc::default(),
        };
        let (asked, bytes, most) =
            (server.asked.clone(), server.body_bytes.clone(), server.most_at_once.clone());
        let answer = Arc::new(answer);
        let at_once = Arc::new(AtomicUsize::new(0));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { continue };
                let (asked, bytes, most, at_once, answer) =
                    (asked.clone(), bytes.clone(), most.clone(), at_once.clone(), answer.clone());
                thread::spawn(move || {
                    let Some(request) = read_request(&stream) else { return };
                    let before = {
                        let mut asked = asked.lock().unwrap();
                        asked.push(request.clone());
                        asked.len() - 1
                    };
                    let now = at_once.fetch_add(1, Ordering::SeqCst) + 1;
                    most.fetch_max(now, Ordering::SeqCst);
                    let answer = answer(&request, before);
                    // Before the client has everything and may ask for more.
                    at_once.fetch_sub(1, Ordering::SeqCst);
                    serve(stream, &answer, &bytes);
                });
            }
        });
        server
    }

    pub fn url(&self, path: &str) -> url::Url {
        format!("http://{}{path}", self.address).parse().unwrap()
    }

    pub fn requests(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    pub fn body_bytes(&self) -> u64 {
        self.body_bytes.load(Ordering::SeqCst)
    }
}

fn read_request(stream: &TcpStream) -> Option<Asked> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    let path = first.split(' ').nth(1)?.to_owned();
    let mut headers = HashMap::new();
    for line in lines {
        let line = line.ok()?;
        let Some((name, value)) = line.split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let range = headers
        .get("range")
        .and_then(|range| range.strip_prefix("bytes="))
        .and_then(|range| range.trim_end_matches('-').parse().ok());
    Some(Asked { path, range, headers })
}

fn serve(mut stream: TcpStream, answer: &Answer, bytes: &AtomicU64) {
    let mut head = format!("HTTP/1.1 {} X\r\nConnection: close\r\n", answer.status);
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !answer.headers.iter().any(|(name, _)| name == "Content-Length") {
        head.push_str(&format!("Content-Length: {}\r\n", answer.body.len()));
    }
    head.push_str("\r\n");
    if stream.write_all(head.as_bytes()).is_err() {
        return;
    }
    let end = answer.cut.or(answer.stall).unwrap_or(answer.body.len()).min(answer.body.len());
    for chunk in answer.body[..end].chunks(8 << 10) {
        if stream.write_all(chunk).is_err() {
            return;
        }
        bytes.fetch_add(chunk.len() as u64, Ordering::SeqCst);
    }
    let _ = stream.flush();
    if answer.stall.is_some() {
        thread::sleep(Duration::from_secs(20));
    }
}
