//! `hostwright cache keygen NAME --secret-file FILE`

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use nix_store::SecretKey;
use serde_json::json;

use super::Session;
use crate::arguments::CacheKeygenArguments;
use crate::failure::Failure;
use crate::output;

/// Writes the secret key, prints the public one.
pub fn run(session: &Session, arguments: &CacheKeygenArguments) -> Result<(), Failure> {
    let key = SecretKey::generate(&arguments.name)?;
    let path = session.configuration.working_directory.join(&arguments.secret_file);
    let failed = |source| Failure::File { action: "write", path: path.clone(), source };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(failed)?;
    file.write_all(key.to_secret_text().as_bytes()).map_err(failed)?;
    let public = key.public_key().to_string();
    if arguments.json {
        output::json(&json!({ "publicKey": public, "secretFile": path }))
    } else {
        output::line(&public)
    }
}
