//! What one machine has of its own, out of the arguments and the files that they name.

use std::fs;
use std::io::{self, BufRead};
use std::path::Path;

use install::personal::{Personal, Wifi};
use zeroize::Zeroizing;

use crate::arguments::PersonalArguments;
use crate::failure::Failure;

/// Reads the files. Nothing of them is shown, not even in errors.
pub fn read(arguments: &PersonalArguments) -> Result<Personal, Failure> {
    let mut personal = Personal::default();
    for file in &arguments.authorized_key {
        let text = read_secret(file)?;
        personal.authorize(&arguments.authorized_user, &file.display().to_string(), &text)?;
    }
    for file in &arguments.host_key {
        personal.add_host_key(&file.display().to_string(), &read_secret(file)?)?;
    }
    personal.hostname = arguments.hostname.as_deref().map(str::parse).transpose()?;
    if let Some(wifi) = &arguments.wifi {
        let (ssid, file) = wifi.rsplit_once(':').unwrap_or((wifi, "-"));
        let text = if file == "-" { read_line()? } else { read_secret(Path::new(file))? };
        let passphrase = Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned());
        personal.wifi = Some(Wifi::new(ssid, passphrase)?);
    }
    Ok(personal)
}

fn read_secret(file: &Path) -> Result<Zeroizing<String>, Failure> {
    let failed = |source| Failure::File { action: "read", path: file.to_owned(), source };
    fs::read_to_string(file).map(Zeroizing::new).map_err(failed)
}

fn read_line() -> Result<Zeroizing<String>, Failure> {
    let mut line = Zeroizing::new(String::new());
    io::stdin().lock().read_line(&mut line).map_err(|source| Failure::File {
        action: "read",
        path: "standard input".into(),
        source,
    })?;
    Ok(line)
}
