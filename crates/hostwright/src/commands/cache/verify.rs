//! `hostwright cache verify URL [PATH…]`

use binary_cache::{Destination, Settings};
use serde_json::{Value, json};

use super::Session;
use crate::arguments::CacheVerifyArguments;
use crate::failure::Failure;
use crate::output;
use crate::stages::caches;

/// Reads the cache, and names each fault.
pub fn run(session: &Session, arguments: &CacheVerifyArguments) -> Result<(), Failure> {
    let paths = caches::store_paths(session, &arguments.paths)?;
    let settings = session.configuration.caches.settings.clone();
    let require_signatures = settings.require_signatures && !arguments.no_check_sigs;
    let settings = Settings { require_signatures, ..settings };
    let url = caches::absolute(session, &arguments.url);
    let destination = Destination::open(settings, &url, caches::observer(&session.progress, "Verifying"))?;
    let (cancellation, _guard) = caches::cancellation(session);
    let some = (!paths.is_empty()).then_some(paths.as_slice());
    let verified =
        session.progress.stage("verify", "Verifying", || destination.verify(some, &cancellation))?;
    if arguments.json {
        let faults: Vec<Value> = verified
            .faults
            .iter()
            .map(|fault| json!({ "path": fault.path, "problem": fault.problem }))
            .collect();
        output::json(&json!({
            "cache": destination.name(), "paths": verified.paths, "bytes": verified.bytes, "faults": faults,
        }))?;
    } else {
        for fault in &verified.faults {
            output::line(&format!("{}: {}", fault.path, fault.problem))?;
        }
    }
    if !verified.faults.is_empty() {
        let cache = destination.name().to_owned();
        return Err(Failure::CacheFaults { cache, count: verified.faults.len() });
    }
    if !arguments.json {
        session.progress.say(&format!(
            "All {} paths ({:.1} MiB) in {} are as they should be.",
            verified.paths,
            verified.bytes as f64 / f64::from(1 << 20),
            destination.name()
        ));
    }
    Ok(())
}
