//! Secrets that hosts get when they are deployed to (`deployment.keys`, as colmena has them).
//!
//! A secret goes from where it is kept through standard input to its file. It is in no store, no argument of a program, no
//! message and no log; what people see is its name.

use std::fmt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::host::{Host, Rights, Script};

const PLACE: &str = include_str!("host/place-key.sh");

/// When a secret is brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UploadAt {
    /// Before the new generation is activated.
    PreActivation,
    /// When it runs.
    PostActivation,
}

/// A secret as the configuration declares it: exactly one of `text`, `file` and `command` says where it is.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Key {
    /// Its name among the host's secrets.
    #[serde(skip)]
    pub name: String,
    /// The secret.
    #[serde(deserialize_with = "secret_text")]
    text: Option<Zeroizing<String>>,
    /// A file of this machine that holds it.
    #[serde(rename = "keyFile")]
    pub file: Option<PathBuf>,
    /// A command, with its arguments, that prints it.
    #[serde(rename = "keyCommand")]
    command: Option<Vec<String>>,
    /// The directory on the host.
    #[serde(rename = "destDir")]
    directory: PathBuf,
    /// The name of the file there.
    #[serde(rename = "name")]
    file_name: String,
    /// Who owns it.
    user: String,
    /// Its group.
    group: String,
    /// Its mode, in octal digits.
    permissions: String,
    /// When it is brought.
    pub upload_at: UploadAt,
}

fn secret_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Zeroizing<String>>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(Zeroizing::new))
}

impl fmt::Debug for Key {
    /// Without the secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Key").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A secret that is here, ready to be brought.
#[derive(Clone)]
pub struct Secret {
    key: Key,
    bytes: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Secret {
    /// Without the secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.key.fmt(formatter)
    }
}

/// What a host said of a secret that it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// Its name.
    pub name: String,
    /// Whether the host had another one, or none.
    pub is_changed: bool,
    /// Whether its user or group was not there yet, so that it belongs to root.
    pub is_unowned: bool,
}

impl Key {
    /// Reads the options of a key.
    ///
    /// # Errors
    /// [`Error::InvalidKey`] says what is wrong with them, and nothing of the secret.
    pub fn read(host: &str, name: &str, options: &str) -> Result<Self> {
        let invalid = |problem: &str| Error::InvalidKey {
            host: host.to_owned(),
            key: name.to_owned(),
            problem: problem.to_owned(),
        };
        // What the parser says may quote what it read.
        let mut key: Key =
            serde_json::from_str(options).map_err(|_| invalid("its options cannot be read"))?;
        name.clone_into(&mut key.name);
        if key.file_name.contains('/') || key.file_name.is_empty() || !key.directory.is_absolute() {
            return Err(invalid("it has no path on the host"));
        }
        let sources = [key.text.is_some(), key.file.is_some(), key.command.is_some()];
        match sources.into_iter().filter(|has| *has).count() {
            1 => Ok(key),
            _ => Err(invalid("it needs one of text, keyFile and keyCommand")),
        }
    }

    /// Gets the secret from where it is kept.
    ///
    /// # Errors
    /// [`Error::NoSecret`] if the file cannot be read, or the command fails. What the command prints besides is repeated.
    pub fn secret(&self, host: &str) -> Result<Secret> {
        let missing = |said: String| Error::NoSecret { host: host.to_owned(), key: self.name.clone(), said };
        let bytes = match (&self.text, &self.file, self.command.as_deref()) {
            (Some(text), _, _) => text.as_bytes().to_vec(),
            (None, Some(file), _) => {
                std::fs::read(file).map_err(|error| missing(format!("{}: {error}", file.display())))?
            }
            (None, None, Some([program, arguments @ ..])) => {
                let output = Command::new(program)
                    .args(arguments)
                    .env("HOSTWRIGHT_HOST", host)
                    .stdin(Stdio::inherit())
                    .output()
                    .map_err(|error| missing(format!("{program}: {error}")))?;
                let stdout = Zeroizing::new(output.stdout);
                if !output.status.success() {
                    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
                    return Err(missing(format!("{program}: {}: {said}", output.status)));
                }
                stdout.to_vec()
            }
            (None, None, Some([]) | None) => return Err(missing("keyCommand is empty".to_owned())),
        };
        Ok(Secret { key: self.clone(), bytes: Zeroizing::new(bytes) })
    }
}

impl Secret {
    /// When it is to be brought.
    pub fn upload_at(&self) -> UploadAt {
        self.key.upload_at
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.key.name
    }

    /// Brings it to the host, where its file is the old one or the new one at any moment.
    ///
    /// # Errors
    /// Those of running it.
    pub fn upload(&self, host: &Host) -> Result<Placed> {
        let Key { name, directory, file_name, user, group, permissions, .. } = &self.key;
        let path = directory.join(file_name).display().to_string();
        let printed = host.run_with(
            &Script {
                action: "take a secret",
                text: PLACE,
                arguments: &[name, &path, user, group, permissions, &self.bytes.len().to_string()],
                rights: Rights::Root,
                patience: Duration::from_secs(60),
            },
            &self.bytes,
            |_| {},
        )?;
        let says = |word: &str| printed.lines().any(|line| line == word);
        Ok(Placed { name: name.clone(), is_changed: says("changed"), is_unowned: says("unowned") })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use serde_json::json;

    use super::*;
    use crate::host::Privilege;

    fn key(place: &std::path::Path, source: (&str, serde_json::Value)) -> Result<Key> {
        let mut options = json!({
            "name": "token", "destDir": place, "user": "root", "group": "nobody-has-this-name", "permissions": "0440",
            "uploadAt": "pre-activation", "text": null, "keyFile": null, "keyCommand": null,
        });
        options[source.0] = source.1;
        Key::read("web", "token", &options.to_string())
    }

    fn here() -> Host {
        Host::here("web", Privilege { command: Vec::new(), password: None })
    }

    #[test]
    fn a_secret_is_brought_from_wherever_it_is() {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("run/keys");
        let file = place.path().join("secret");
        std::fs::write(&file, b"of a file\0\xff").unwrap();
        let at = |source| key(&directory, source).unwrap().secret("web").unwrap().upload(&here()).unwrap();
        let there = || std::fs::read(directory.join("token")).unwrap();

        let placed = at(("text", json!("of the text")));
        assert_eq!(placed, Placed { name: "token".to_owned(), is_changed: true, is_unowned: true });
        assert_eq!(there(), b"of the text");
        let mode = std::fs::metadata(directory.join("token")).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o440);
        assert!(!at(("text", json!("of the text"))).is_changed);
        assert!(at(("keyFile", json!(file))).is_changed);
        assert_eq!(there(), b"of a file\0\xff");
        at(("keyCommand", json!(["sh", "-c", "printf %s \"$HOSTWRIGHT_HOST\""])));
        assert_eq!(there(), b"web");
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 1, "nothing else is left there");
    }

    #[test]
    fn messages_have_no_secrets() {
        let place = std::path::Path::new("/run/keys");
        let text = key(place, ("text", json!("hush"))).unwrap();
        let secret = text.secret("web").unwrap();
        assert!(!format!("{text:?} {secret:?}").contains("hush"));
        let unreadable = Key::read("web", "token", "{ \"text\": [ \"hush\" ] }").unwrap_err();
        assert!(!format!("{unreadable} {unreadable:?}").contains("hush"), "{unreadable:?}");
        let failing =
            key(place, ("keyCommand", json!(["sh", "-c", "echo hush; echo why >&2; exit 3"]))).unwrap();
        let error = failing.secret("web").unwrap_err().to_string();
        assert!(error.contains("why") && !error.contains("hush"), "{error}");
        assert!(matches!(key(place, ("text", json!(null))), Err(Error::InvalidKey { .. })));
    }
}
