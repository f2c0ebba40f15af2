//! Whether a host is well: no unit has failed that had not before, and every check of its configuration passes, from the
//! side that it is to be made from.

use std::collections::BTreeSet;
use std::io::{Read, Seek};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use download::Url;

use crate::error::{Error, Result};
use crate::host::{Host, Rights, Script, quoted};
use crate::inventory::{HealthChecks, Side};

const HEALTH: &str = include_str!("host/health.sh");

/// How long one attempt at a check may take.
const ATTEMPT: Duration = Duration::from_secs(10);

/// Between attempts.
const PAUSE: Duration = Duration::from_millis(300);

/// Between looks at whether an attempt has come to its end.
const LOOK: Duration = Duration::from_millis(10);

/// A page may be no longer than this; only its status counts.
const LARGEST_PAGE: u64 = 16 << 20;

/// Makes sure that a host is well. `address` is where this machine finds it, `failed_before` the units that had failed
/// before. It ends at once when it is `interrupted`.
///
/// # Errors
/// [`Error::Unhealthy`] names the check; [`Error::Interrupted`]; others if the host cannot be asked.
pub fn check(
    host: &Host,
    address: &str,
    checks: &HealthChecks,
    failed_before: &BTreeSet<String>,
    interrupted: &dyn Fn() -> bool,
) -> Result<()> {
    let patience = Duration::from_secs(checks.timeout);
    check_units(host, patience, failed_before, interrupted)?;
    let deadline = Instant::now() + patience;
    let until =
        |name: &str, attempt: &dyn Fn() -> Result<(), String>| until(deadline, name, attempt, interrupted);
    for (name, check) in &checks.tcp {
        let target = check.host.as_deref();
        until(name, &|| match check.from {
            Side::Client => listens(target.unwrap_or(address), check.port, interrupted),
            Side::Host => {
                on_host(host, &listens_command(target.unwrap_or("127.0.0.1"), check.port), interrupted)
            }
        })?;
    }
    for (name, check) in &checks.http {
        until(name, &|| match check.from {
            Side::Client => page(&check.url, interrupted),
            Side::Host => on_host(host, &page_command(&check.url)?, interrupted),
        })?;
    }
    for (name, check) in &checks.command {
        until(name, &|| match check.from {
            Side::Client => here(&check.command, host.name(), address, ATTEMPT, interrupted),
            Side::Host => on_host(host, &check.command, interrupted),
        })?;
    }
    Ok(())
}

fn check_units(
    host: &Host,
    patience: Duration,
    failed_before: &BTreeSet<String>,
    interrupted: &dyn Fn() -> bool,
) -> Result<()> {
    let script = Script {
        action: "tell which units have failed",
        text: HEALTH,
        arguments: &[&patience.as_secs().to_string()],
        rights: Rights::User,
        patience: patience + Duration::from_secs(30),
    };
    let printed = host.run_unless(interrupted, &script, b"", |_| {})?;
    let worse: Vec<&str> =
        printed.lines().filter(|unit| !unit.is_empty() && !failed_before.contains(*unit)).collect();
    match worse.is_empty() {
        true => Ok(()),
        false => {
            Err(Error::Unhealthy { check: "units".to_owned(), said: format!("failed: {}", worse.join(" ")) })
        }
    }
}

/// Tries until it passes or the time is over; services may need a moment until they answer.
fn until(
    deadline: Instant,
    name: &str,
    attempt: &dyn Fn() -> Result<(), String>,
    interrupted: &dyn Fn() -> bool,
) -> Result<()> {
    loop {
        match attempt() {
            Ok(()) => return Ok(()),
            Err(_) if interrupted() => return Err(Error::Interrupted),
            Err(_) if Instant::now() + PAUSE < deadline => thread::sleep(PAUSE),
            Err(said) => return Err(Error::Unhealthy { check: name.to_owned(), said }),
        }
    }
}

fn on_host(host: &Host, command: &str, interrupted: &dyn Fn() -> bool) -> Result<(), String> {
    let script = Script {
        action: "make a check",
        text: command,
        arguments: &[],
        rights: Rights::Root,
        patience: ATTEMPT,
    };
    host.run_unless(interrupted, &script, b"", |_| {}).map(drop).map_err(|error| error.to_string())
}

fn listens(host: &str, port: u16, interrupted: &dyn Fn() -> bool) -> Result<(), String> {
    let target = format!("{host}:{port}");
    over_the_network(&target, interrupted, async {
        tokio::net::TcpStream::connect((host, port))
            .await
            .map(drop)
            .map_err(|error| format!("{target}: {error}"))
    })
}

/// Bash opens connections itself (bash(1), REDIRECTION), and every host has it.
fn listens_command(host: &str, port: u16) -> String {
    let open = format!("exec 3<>/dev/tcp/{host}/{port}");
    format!("timeout 5 bash -c {}", quoted(&open))
}

fn page_command(url: &str) -> Result<String, String> {
    let parsed = Url::parse(url).map_err(|error| format!("{url}: {error}"))?;
    let curl = format!("curl -fsS -o /dev/null --max-time 8 -- {}", quoted(url));
    let (Some(host), "http") = (parsed.host_str(), parsed.scheme()) else { return Ok(curl) };
    let path = match parsed.query() {
        Some(query) => format!("{}?{query}", parsed.path()),
        None => parsed.path().to_owned(),
    };
    let port = parsed.port().unwrap_or(80);
    // Without curl, a question that every server understands (RFC 1945).
    let ask = format!(
        "exec 3<>/dev/tcp/{host}/{port}; printf \"GET %s HTTP/1.0\\r\\nHost: %s\\r\\n\\r\\n\" \"$1\" \"$2\" >&3; \
         read -r _ status _ <&3; case $status in 2??) ;; *) echo \"status $status\" >&2; exit 1 ;; esac"
    );
    Ok(format!(
        "if command -v curl >/dev/null; then {curl}; else timeout 8 bash -c {} bash {} {}; fi",
        quoted(&ask),
        quoted(&path),
        quoted(host)
    ))
}

fn page(url: &str, interrupted: &dyn Fn() -> bool) -> Result<(), String> {
    let told = |error: &dyn std::fmt::Display| format!("{url}: {error}");
    let parsed = Url::parse(url).map_err(|error| told(&error))?;
    over_the_network(url, interrupted, async {
        let settings = download::Settings { attempts: 1, ..download::Settings::default() };
        let web = download::Web::new(settings).map_err(|error| told(&error))?;
        web.get(&parsed, &[], LARGEST_PAGE).await.map(drop).map_err(|error| told(&error))
    })
}

/// What `attempt` comes to, unless it takes longer than [`ATTEMPT`] or is interrupted.
fn over_the_network(
    target: &str,
    interrupted: &dyn Fn() -> bool,
    attempt: impl Future<Output = Result<(), String>>,
) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("{target}: {error}"))?;
    let end = async {
        let deadline = Instant::now() + ATTEMPT;
        while Instant::now() < deadline && !interrupted() {
            tokio::time::sleep(LOOK).await;
        }
        Err(format!("{target}: no answer within {} s", ATTEMPT.as_secs()))
    };
    let result = runtime.block_on(async {
        tokio::select! {
            answer = attempt => answer,
            end = end => end,
        }
    });
    // A name that is still being looked up holds nobody up.
    runtime.shutdown_background();
    result
}

/// Runs a command of this machine; what it started ends with it when it takes longer than `patience` or is interrupted.
fn here(
    command: &str,
    host: &str,
    address: &str,
    patience: Duration,
    interrupted: &dyn Fn() -> bool,
) -> Result<(), String> {
    let said = tempfile::tempfile().map_err(|error| error.to_string())?;
    let errors = said.try_clone().map_err(|error| error.to_string())?;
    let mut child = Command::new("sh")
        .args(["-c", command])
        .env("HOSTWRIGHT_HOST", host)
        .env("HOSTWRIGHT_ADDRESS", address)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(errors)
        .process_group(0)
        .spawn()
        .map_err(|error| error.to_string())?;
    let deadline = Instant::now() + patience;
    let status = loop {
        match child.try_wait().map_err(|error| error.to_string())? {
            Some(status) => break status,
            None if Instant::now() < deadline && !interrupted() => thread::sleep(LOOK),
            None => {
                // It may end by itself at this moment.
                let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
                let _ = child.wait();
                return Err(format!("it took longer than {} s", patience.as_secs_f64()));
            }
        }
    };
    if status.success() {
        return Ok(());
    }
    let mut text = String::new();
    let mut said = said;
    // What cannot be read is not said.
    let _ = said.rewind().and_then(|()| said.read_to_string(&mut text));
    Err(format!("{status}: {}", text.trim()))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;

    use super::*;
    use crate::host::Privilege;

    fn never() -> bool {
        false
    }

    fn serve(answer: &'static [u8]) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut question = [0; 512];
                let _ = stream.read(&mut question);
                let _ = stream.write_all(answer);
            }
        });
        port
    }

    #[test]
    fn a_command_that_takes_too_long_ends_with_all_that_it_started() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("started");
        let command = format!("sleep 600 & echo $! >{}; wait", file.display());
        let said = here(&command, "web", "127.0.0.1", Duration::from_millis(500), &never).unwrap_err();
        assert_eq!(said, "it took longer than 0.5 s");
        let started = std::fs::read_to_string(file).unwrap();
        let status = || std::fs::read_to_string(format!("/proc/{}/stat", started.trim())).unwrap_or_default();
        // Dead, and perhaps not waited for yet by whoever has inherited it.
        let deadline = Instant::now() + Duration::from_secs(20);
        while !status().is_empty() && !status().contains(") Z ") {
            assert!(Instant::now() < deadline, "{}", status());
            thread::sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn pages_are_asked_for_from_both_sides() {
        let host = Host::here("this", Privilege { command: Vec::new(), password: None });
        let good = serve(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
        let bad = serve(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        for (port, well) in [(good, true), (bad, false)] {
            let url = format!("http://127.0.0.1:{port}/a?b=c");
            assert_eq!(on_host(&host, &page_command(&url).unwrap(), &never).is_ok(), well, "{url}");
            assert_eq!(page(&url, &never).is_ok(), well, "{url}: {:?}", page(&url, &never));
            assert!(listens("127.0.0.1", port, &never).is_ok());
            assert!(on_host(&host, &listens_command("127.0.0.1", port), &never).is_ok());
        }
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        assert!(listens("127.0.0.1", closed, &never).is_err());
        assert!(on_host(&host, &listens_command("127.0.0.1", closed), &never).is_err());
        assert!(page("nonsense", &never).is_err());
    }

    #[test]
    fn a_check_is_tried_until_it_passes() {
        let place = tempfile::tempdir().unwrap();
        let command = format!("echo x >>{0}/tries; test $(wc -l <{0}/tries) -ge 3", place.path().display());
        let deadline = Instant::now() + Duration::from_secs(20);
        until(deadline, "third", &|| here(&command, "h", "a", ATTEMPT, &never), &never).unwrap();
        let failing = || here("echo why >&2; exit 1", "h", "a", ATTEMPT, &never);
        match until(Instant::now(), "never", &failing, &never) {
            Err(Error::Unhealthy { check, said }) => {
                assert_eq!(check, "never");
                assert!(said.ends_with("why"), "{said}");
            }
            other => panic!("{other:?}"),
        }
    }

    /// Of whichever kind it is, a check that nothing answers ends when somebody does not want to wait for it.
    #[test]
    fn an_interrupted_check_ends_at_once() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", silent.local_addr().unwrap());
        let host = Host::here("this", Privilege { command: Vec::new(), password: None });
        for kind in ["page", "here", "on the host"] {
            let begun = Instant::now();
            let soon = || begun.elapsed() > Duration::from_millis(300);
            let attempt = || match kind {
                "page" => page(&url, &soon),
                "here" => here("sleep 600", "this", "127.0.0.1", ATTEMPT, &soon),
                _ => on_host(&host, "exec sleep 600", &soon),
            };
            let result = until(begun + Duration::from_secs(600), kind, &attempt, &soon);
            assert!(matches!(result, Err(Error::Interrupted)), "{result:?}");
            assert!(begun.elapsed() < ATTEMPT / 2, "{:?}", begun.elapsed());
        }
    }
}
