//! A board whose controller does what bmcd does (github.com/turing-machines/bmcd at version 2.3, `src/api/legacy.rs`,
//! `src/streaming_data_service.rs`, `src/serial_service`, `src/authentication`): paths, questions, forms of answers, the
//! counting of nodes, the ten seconds in which an upload must begin, unpacking by the file's name within the memory that is
//! there, a console of which the last 16 KiB are seen, tokens, and refusals.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

const NODES: usize = 4;
const RING: usize = 16 << 10;
/// What the real one finds free in its 128 MiB.
const FREE_MEMORY: u64 = 50 << 20;
const TOKEN: &str = "jkOU2FakZNrrrhO3TiHGLVOBPFcfnLlkXWZPTG5aZuiC4nKJu8HH2YZCfkgWDRPz";

pub struct Board {
    pub port: u16,
    /// Where the nodes' SSH answers once one is on.
    pub ssh: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    power: [bool; NODES],
    storage: [Vec<u8>; NODES],
    console: [Vec<u8>; NODES],
    boots_with: String,
    transfer: Option<Transfer>,
    logins: usize,
    cancelled: bool,
    breaks: bool,
    ssh: Option<TcpListener>,
}

struct Transfer {
    handle: u32,
    node: usize,
    packed: bool,
    size: u64,
    taken: bool,
    begun: Instant,
    state: Value,
}

impl Board {
    pub fn start() -> Board {
        let certificate = CertificateDer::from_pem_slice(include_bytes!("certificate.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_slice(include_bytes!("key.pem")).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let tls = Arc::new(tls);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let ssh = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = ssh.local_addr().unwrap();
        let mut state = State { ssh: Some(ssh), ..State::default() };
        state.boots_with = "U-Boot 2025.01\r\nStarting kernel ...\r\n".to_owned();
        for console in &mut state.console {
            console.extend(b"the last words of the system before\r\n");
        }
        let state = Arc::new(Mutex::new(state));
        let served = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (state, tls) = (Arc::clone(&served), Arc::clone(&tls));
                thread::spawn(move || {
                    let Ok(connection) = ServerConnection::new(tls) else { return };
                    let _ = serve(StreamOwned::new(connection, stream), &state);
                });
            }
        });
        Board { port, ssh: address, state }
    }

    pub fn storage(&self, node: usize) -> Vec<u8> {
        self.state.lock().unwrap().storage[node].clone()
    }

    pub fn boots_with(&self, text: &str) {
        self.state.lock().unwrap().boots_with = text.to_owned();
    }

    pub fn logins(&self) -> usize {
        self.state.lock().unwrap().logins
    }

    pub fn was_cancelled(&self) -> bool {
        self.state.lock().unwrap().cancelled
    }

    pub fn break_uploads(&self) {
        self.state.lock().unwrap().breaks = true;
    }

    pub fn mend_uploads(&self) {
        self.state.lock().unwrap().breaks = false;
    }
}

type Stream = BufReader<StreamOwned<ServerConnection, TcpStream>>;

fn serve(stream: StreamOwned<ServerConnection, TcpStream>, state: &Arc<Mutex<State>>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let mut words = line.split_whitespace();
        let (method, target) = (words.next().unwrap_or("").to_owned(), words.next().unwrap_or("").to_owned());
        let mut headers = HashMap::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line)?;
            let Some((name, value)) = line.trim().split_once(':') else { break };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let (status, body) = answer(&method, &target, &headers, length, &mut stream, state)?;
        write!(
            stream.get_mut(),
            "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nContent-Type: application/json\r\n\r\n{body}",
            body.len()
        )?;
        stream.get_mut().flush()?;
    }
}

fn result(status: u16, text: &str) -> (u16, String) {
    (status, json!({ "response": [{ "result": text }] }).to_string())
}

fn answer(
    method: &str,
    target: &str,
    headers: &HashMap<String, String>,
    length: u64,
    stream: &mut Stream,
    state: &Arc<Mutex<State>>,
) -> io::Result<(u16, String)> {
    let url = url::Url::parse(&format!("https://board{target}")).unwrap();
    let query: HashMap<String, String> = url.query_pairs().into_owned().collect();
    if url.path() == "/api/bmc/authenticate" {
        let mut body = vec![0; length as usize];
        stream.read_exact(&mut body)?;
        state.lock().unwrap().logins += 1;
        let login: Value = serde_json::from_slice(&body)?;
        return Ok(match (login["username"].as_str(), login["password"].as_str()) {
            (Some("root"), Some("turing")) => {
                let session = json!({ "id": TOKEN, "name": "User Session", "description": "User Session", "username": "root" });
                (200, session.to_string())
            }
            _ => (403, "credentials incorrect".to_owned()),
        });
    }
    if headers.get("authorization") != Some(&format!("Bearer {TOKEN}")) {
        return Ok((401, "no authorization header provided".to_owned()));
    }
    if let Some(handle) = url.path().strip_prefix("/api/bmc/upload/") {
        if let Some(handle) = handle.strip_suffix("/cancel") {
            let mut state = state.lock().unwrap();
            state.cancelled = true;
            let known = state.transfer.as_mut().filter(|transfer| transfer.handle.to_string() == handle);
            if let Some(transfer) = known {
                transfer.state = json!({ "Error": "cancelled by user" });
            }
            return Ok(result(200, "ok"));
        }
        return upload(handle, method, headers, length, stream, state);
    }
    let parameter = |name: &str| query.get(name).map(String::as_str);
    let node = || parameter("node").and_then(|node| node.parse::<usize>().ok()).filter(|node| *node < NODES);
    let mut state = state.lock().unwrap();
    Ok(match (parameter("opt"), parameter("type")) {
        (Some("get"), Some("power")) => {
            let on = |node: usize| u8::from(state.power[node]).to_string();
            let nodes = json!([{ "node1": on(0), "node2": on(1), "node3": on(2), "node4": on(3) }]);
            (200, json!({ "response": [{ "result": nodes }] }).to_string())
        }
        (Some("set"), Some("power")) => {
            for node in 0..NODES {
                match parameter(&format!("node{}", node + 1)) {
                    Some("1") => switch_on(&mut state, node),
                    Some("0") => state.power[node] = false,
                    Some(_) => return Ok(result(400, "Invalid value for parameter")),
                    None => {}
                }
            }
            result(200, "ok")
        }
        (Some("get"), Some("uart")) => match node() {
            Some(node) => {
                let text = String::from_utf8_lossy(&state.console[node]).into_owned();
                (200, json!({ "response": [{ "uart": text }] }).to_string())
            }
            None => result(400, "Parameter `node` is out of range 0..3 of node IDs"),
        },
        (Some("get"), Some("flash")) => {
            let expired =
                |transfer: &Transfer| !transfer.taken && transfer.begun.elapsed() > Duration::from_secs(10);
            if let Some(transfer) = state.transfer.as_mut().filter(|transfer| expired(transfer)) {
                transfer.state = json!({ "Error": "Send timeout" });
            }
            let answer = state.transfer.as_ref().map_or(json!("Ready"), |transfer| transfer.state.clone());
            (200, answer.to_string())
        }
        (Some("set"), Some("flash")) => {
            let (Some(file), Some(node)) = (parameter("file"), node()) else {
                return Ok(result(400, "Invalid `file` query parameter"));
            };
            let Some(size) = parameter("length").and_then(|length| length.parse().ok()) else {
                return Ok(result(411, "Invalid `length` query parameter"));
            };
            let handle = 7 + state.transfer.as_ref().map_or(0, |transfer| transfer.handle);
            state.transfer = Some(Transfer {
                handle,
                node,
                packed: file.ends_with(".xz"),
                size,
                taken: false,
                begun: Instant::now(),
                state: transferring(handle, size, 0),
            });
            (200, json!({ "handle": handle }).to_string())
        }
        _ => result(400, "Invalid `type` parameter"),
    })
}

fn transferring(handle: u32, size: u64, written: u64) -> Value {
    json!({ "Transferring": {
        "id": handle, "process_name": "Node 3 upgrade service", "size": size, "cancelled": false, "bytes_written": written,
    } })
}

fn upload(
    handle: &str,
    method: &str,
    headers: &HashMap<String, String>,
    length: u64,
    stream: &mut Stream,
    state: &Arc<Mutex<State>>,
) -> io::Result<(u16, String)> {
    let (handle, node, packed, size, breaks) = {
        let mut state = state.lock().unwrap();
        let breaks = state.breaks;
        let Some(transfer) = state.transfer.as_mut().filter(|transfer| !transfer.taken && method == "POST")
        else {
            return Ok(result(
                400,
                "cannot execute command in current state. current=Ready, expected=Transferring",
            ));
        };
        if transfer.handle.to_string() != handle {
            return Ok(result(400, "unauthorized request for handle"));
        }
        transfer.taken = true;
        (transfer.handle, transfer.node, transfer.packed, transfer.size, breaks)
    };
    let end = |value: Value| {
        let mut state = state.lock().unwrap();
        if let Some(transfer) = state.transfer.as_mut().filter(|transfer| transfer.handle == handle)
            && transfer.state.get("Transferring").is_some()
        {
            transfer.state = value;
        }
    };
    let boundary = headers["content-type"].split_once("boundary=").unwrap().1.to_owned();
    let mut form = stream.take(length);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if form.read_line(&mut head)? == 0 {
            return Ok(result(400, "Multipart form invalid"));
        }
    }
    assert!(head.starts_with(&format!("--{boundary}\r\n")), "{head}");
    let mut content = form.take(size);
    if breaks {
        io::copy(&mut (&mut content).take(100_000), &mut io::sink())?;
        end(json!({ "Error": "Send timeout" }));
        return Err(io::ErrorKind::ConnectionReset.into());
    }
    let mut storage = Vec::new();
    let mut buffer = vec![0; 512 << 10];
    let written: io::Result<()> = (|| {
        let decoder = liblzma::stream::Stream::new_stream_decoder(FREE_MEMORY, 0)?;
        let mut unpacked: Box<dyn Read> = match packed {
            true => Box::new(liblzma::read::XzDecoder::new_stream(&mut content, decoder)),
            false => Box::new(&mut content),
        };
        loop {
            match unpacked.read(&mut buffer)? {
                0 => return Ok(()),
                count => storage.extend(&buffer[..count]),
            }
            let mut state = state.lock().unwrap();
            let written = transferring(handle, size, storage.len() as u64);
            match state.transfer.as_mut().filter(|transfer| transfer.handle == handle) {
                Some(transfer) if transfer.state.get("Transferring").is_some() => transfer.state = written,
                _ => return Err(io::ErrorKind::Interrupted.into()),
            }
        }
    })();
    // What is left of the form, so that the connection can be used again.
    let mut rest = Vec::new();
    content.into_inner().read_to_end(&mut rest)?;
    match written {
        Ok(()) => {
            assert_eq!(rest, format!("\r\n--{boundary}--\r\n").into_bytes());
            // It reads back what it wrote, and that takes a while.
            thread::sleep(Duration::from_millis(700));
            let total = storage.len();
            let mut locked = state.lock().unwrap();
            locked.storage[node] = storage;
            locked.power[node] = false;
            drop(locked);
            end(json!({ "Done": [{ "secs": 1, "nanos": 0 }, total] }));
            Ok((200, String::new()))
        }
        Err(error) => {
            end(json!({ "Error": error.to_string() }));
            Ok(result(500, &error.to_string()))
        }
    }
}

/// The node's console goes on, and its SSH answers after a while, if its system does not say that it fails.
fn switch_on(state: &mut State, node: usize) {
    state.power[node] = true;
    let text = state.boots_with.clone();
    let console = &mut state.console[node];
    for line in 0..40 {
        console.extend(format!("[    0.{line:06}] a line of the kernel\r\n").bytes());
    }
    console.extend(text.bytes());
    let surplus = console.len().saturating_sub(RING);
    console.drain(..surplus);
    if let (true, Some(ssh)) = (text.contains("Starting kernel"), state.ssh.take()) {
        thread::spawn(move || {
            thread::sleep(Duration::from_secs(2));
            for mut stream in ssh.incoming().map_while(Result::ok) {
                let _ = stream.write_all(b"SSH-2.0-OpenSSH_10.0\r\n");
            }
        });
    }
}
