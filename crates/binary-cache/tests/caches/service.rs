//! Real servers, each with a port of its own, that end with the test.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A port that nobody has. Somebody else might take it before the server does; then the server does not start.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[track_caller]
fn wait_for(port: u16, child: &mut Child) {
    let begun = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(child.try_wait().unwrap().is_none(), "the server ended");
        assert!(begun.elapsed() < Duration::from_secs(20), "the server does not answer");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// nginx, that gives a directory away and takes files by PUT.
pub struct Nginx {
    child: Child,
    port: u16,
    directory: PathBuf,
    secure: bool,
}

impl Nginx {
    pub fn start(root: &Path, directory: &Path) -> Self {
        Self::with(root, directory, "")
    }

    /// With more lines for the location.
    pub fn with(root: &Path, directory: &Path, more: &str) -> Self {
        Self::configured(root, directory, "", "", more)
    }

    /// With TLS and HTTP/2.
    pub fn secure(root: &Path, directory: &Path, certificate: &Path, key: &Path) -> Self {
        let tls =
            format!("ssl_certificate {}; ssl_certificate_key {};", certificate.display(), key.display());
        Self::configured(root, directory, " ssl http2", &tls, "")
    }

    fn configured(root: &Path, directory: &Path, listen: &str, server: &str, more: &str) -> Self {
        fs::create_dir_all(directory).unwrap();
        fs::create_dir_all(root).unwrap();
        let port = free_port();
        let at = directory.display();
        let configuration = format!(
            "daemon off; worker_processes 2; pid {at}/pid; error_log {at}/error.log;
             events {{ worker_connections 1024; }}
             http {{
                 access_log {at}/access.log; client_max_body_size 0; keepalive_requests 100000; sendfile on;
                 client_body_temp_path {at}/body; proxy_temp_path {at}/proxy; fastcgi_temp_path {at}/fastcgi;
                 uwsgi_temp_path {at}/uwsgi; scgi_temp_path {at}/scgi;
                 server {{
                     listen 127.0.0.1:{port}{listen}; {server}
                     location / {{ root {}; dav_methods PUT; create_full_put_path on; {more} }}
                 }}
             }}",
            root.display(),
        );
        let file = directory.join("nginx.conf");
        fs::write(&file, configuration).unwrap();
        let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap());
        let mut command = Command::new("sh");
        // nginx as root gives its work to another user, who may not read what is here.
        let user = if is_root() { "user root; " } else { "" };
        let script = format!("exec nginx -e {at}/error.log -c {} -g '{user}'", file.display());
        let mut child = command
            .args(["-c", &script])
            .env("PATH", path)
            .stderr(Stdio::inherit())
            .spawn()
            .expect("Debian's package nginx-light is needed");
        wait_for(port, &mut child);
        Nginx { child, port, directory: directory.to_path_buf(), secure: !listen.is_empty() }
    }

    pub fn url(&self) -> String {
        match self.secure {
            true => format!("https://localhost:{}", self.port),
            false => format!("http://127.0.0.1:{}", self.port),
        }
    }

    /// The access log, to which nothing is added any more: lines are written after the answers.
    fn log(&self) -> String {
        let mut before = String::new();
        loop {
            std::thread::sleep(Duration::from_millis(100));
            let now = fs::read_to_string(self.directory.join("access.log")).unwrap();
            if now == before {
                return now;
            }
            before = now;
        }
    }

    /// How often it was asked for something.
    pub fn requests(&self) -> usize {
        self.log().lines().count()
    }

    /// How often it was asked for something over HTTP/2.
    pub fn multiplexed(&self) -> usize {
        self.log().lines().filter(|line| line.contains("HTTP/2")).count()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its workers end with it when it is asked to; it is killed if that fails.
        let asked = Command::new("kill").arg(self.child.id().to_string()).status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    output.stdout.starts_with(b"0\n")
}

/// An S3-compatible service that checks signatures, with one bucket.
pub struct Bucket {
    child: Child,
    port: u16,
    pub directory: PathBuf,
}

impl Bucket {
    pub const NAME: &'static str = "paths";
    pub const KEYS: (&'static str, &'static str) = ("TESTKEY", "test-secret");

    pub fn start(directory: &Path) -> Self {
        fs::create_dir_all(directory.join(Self::NAME)).unwrap();
        let port = free_port();
        let mut child = Command::new(program())
            .args(["--host", "127.0.0.1", "--port", &port.to_string()])
            .args(["--access-key", Self::KEYS.0, "--secret-key", Self::KEYS.1])
            .arg(directory)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("./test installs s3s-fs into target/s3");
        wait_for(port, &mut child);
        Bucket { child, port, directory: directory.join(Self::NAME) }
    }

    pub fn url(&self) -> String {
        format!("s3://{}?endpoint=127.0.0.1:{}&scheme=http&region=us-east-1", Self::NAME, self.port)
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where `./test` puts the service: beside what cargo builds.
fn program() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let target = own.ancestors().find(|directory| directory.join("s3/bin/s3s-fs").exists());
    target.expect("./test installs s3s-fs into target/s3").join("s3/bin/s3s-fs")
}
