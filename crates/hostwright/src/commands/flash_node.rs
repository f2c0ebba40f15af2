//! `hostwright flash IMAGE --bmc turingpi://HOST/NODE`

use std::fs;
use std::io::{self, IsTerminal};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use install::bmc::{
    Bmc, BmcAddress, Credentials, Fingerprint, Started, UploadPhase, UploadProgress, fingerprint, prepare,
};
use install::flash::Patch;
use install::source::ImageFile;
use serde_json::json;
use zeroize::Zeroizing;

use super::Session;
use super::flash::ask;
use crate::arguments::FlashArguments;
use crate::failure::Failure;
use crate::output;

/// How long a node may take to start: it makes its keys and grows its file system.
const PATIENCE: Duration = Duration::from_secs(600);

/// Where the password may come from besides a file.
const PASSWORD: &str = "HOSTWRIGHT_BMC_PASSWORD";

/// Sends the image to the controller, switches the node on, and watches it start.
pub fn run(
    session: &Session,
    arguments: &FlashArguments,
    address: &str,
    source: &ImageFile,
    patches: &[Patch],
) -> Result<(), Failure> {
    let address: BmcAddress = address.parse()?;
    let certificate = certificate(session, arguments, &address)?;
    let credentials = Credentials { password: password(arguments)? };
    session.progress.say(&format!(
        "write {}\n   to {address}, which is switched off and loses all that is on it",
        source.path().display()
    ));
    ask(arguments, "Write it?")?;

    let bmc = Bmc::connect(&address, certificate, &credentials)?;
    let stop = Arc::new(AtomicBool::new(false));
    let heard = Arc::clone(&stop);
    let _guard = session.interrupts.guard(move || heard.store(true, Ordering::Relaxed));
    let go_on =
        || if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };

    let place = tempfile::tempdir().map_err(|source| Failure::File {
        action: "write",
        path: std::env::temp_dir(),
        source,
    })?;
    let beside = place.path().join("image.img.xz");
    let packed = session.progress.stage("pack", "Packing the image", || prepare(source, patches, &beside))?;
    let begun = std::time::Instant::now();
    let bar = session.progress.bytes("Sending", 0);
    let mut phase = UploadPhase::Uploading;
    bmc.flash(&packed, &mut |progress: UploadProgress| {
        bar.set_length(progress.total);
        bar.set_position(progress.sent);
        if progress.phase != phase {
            phase = progress.phase;
            bar.set_message("The board reads back");
        }
        go_on()
    })?;
    bar.finish_and_clear();
    session.progress.add_time("flash", begun.elapsed());
    session.progress.say(&format!("The image is on {address}, and the board has read it back."));

    let mut started = None;
    if !arguments.no_start {
        session.progress.say("The node is switched on; what follows is its console.");
        let quiet = session.progress.is_quiet();
        let watched = session.progress.stage("boot", "Starting the node", || {
            bmc.start(arguments.ssh.as_deref(), PATIENCE, &mut |news| {
                if !quiet {
                    // Nobody reads it when standard error is closed, and that is no reason to stop.
                    let _ = io::Write::write_all(&mut io::stderr(), printable(news).as_bytes());
                }
                go_on()
            })
        })?;
        started = Some(watched);
        session.progress.say(match watched {
            Started::Ssh => "\nSSH answers.",
            Started::Login => "\nThe node has started: its console asks for a login.",
        });
    }
    if arguments.json {
        output::json(&json!({
            "image": source.path(),
            "board": address.host,
            "node": address.node,
            "started": started.map(|started| match started {
                Started::Ssh => "ssh",
                Started::Login => "login",
            }),
        }))?;
    }
    Ok(())
}

/// The certificate that was named, or the one that is shown and that somebody agrees to.
fn certificate(
    session: &Session,
    arguments: &FlashArguments,
    address: &BmcAddress,
) -> Result<Fingerprint, Failure> {
    if let Some(named) = &arguments.bmc_fingerprint {
        return Ok(named.parse()?);
    }
    let shown = fingerprint(address)?;
    session
        .progress
        .say(&format!("The certificate of {} has the SHA-256 fingerprint\n{shown}", address.host));
    if arguments.yes || !io::stdin().is_terminal() {
        return Err(Failure::Usage(format!(
            "a board's certificate is vouched for by nobody: if it is this one, say --bmc-fingerprint {shown}"
        )));
    }
    ask(arguments, "Is that your board?")?;
    Ok(shown)
}

fn password(arguments: &FlashArguments) -> Result<Zeroizing<String>, Failure> {
    let text = match &arguments.bmc_password_file {
        Some(file) => fs::read_to_string(file).map_err(|source| Failure::File {
            action: "read",
            path: file.clone(),
            source,
        })?,
        None => std::env::var(PASSWORD).map_err(|_| {
            Failure::Usage(format!(
                "the board wants a password: name a file with --bmc-password-file, or set {PASSWORD}"
            ))
        })?,
    };
    Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// A console's text without what would change the reader's terminal.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}
