//! `netrc`: names and passwords for hosts (netrc(5)), the file that `netrc-file` names.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use download::{Header, Url};

use crate::error::{Error, Result};

/// Names and passwords for hosts. They are not shown.
#[derive(Clone, Default)]
pub struct Netrc {
    machines: BTreeMap<String, Login>,
    default: Option<Login>,
}

#[derive(Clone, Default)]
struct Login {
    name: String,
    password: String,
}

impl Netrc {
    /// Reads the file; one that is not there has no entries.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::InvalidFile`].
    pub fn read(path: &Path) -> Result<Self> {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text).map_err(|problem| Error::InvalidFile {
                path: path.to_path_buf(),
                problem: problem.to_owned(),
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Netrc::default()),
            Err(error) => Err(Error::io("read", path, error)),
        }
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        let mut netrc = Netrc::default();
        // A macro goes on to the next empty line, and is nothing for us.
        let mut kept = String::new();
        let mut in_macro = false;
        for line in text.lines() {
            in_macro = (in_macro && !line.trim().is_empty()) || line.trim_start().starts_with("macdef ");
            if !in_macro && !line.trim_start().starts_with('#') {
                kept.push_str(line);
                kept.push('\n');
            }
        }
        let mut words = kept.split_ascii_whitespace();
        let mut machine: Option<(Option<String>, Login)> = None;
        let missing = "a word is missing at its end";
        while let Some(word) = words.next() {
            match (word, &mut machine) {
                ("machine", _) => {
                    netrc.add(machine.take());
                    machine = Some((Some(words.next().ok_or(missing)?.to_owned()), Login::default()));
                }
                ("default", _) => {
                    netrc.add(machine.take());
                    machine = Some((None, Login::default()));
                }
                ("login", Some((_, login))) => login.name = unquoted(words.next().ok_or(missing)?),
                ("password", Some((_, login))) => login.password = unquoted(words.next().ok_or(missing)?),
                ("account", Some(_)) => {
                    words.next().ok_or(missing)?;
                }
                _ => return Err("'machine', 'default', 'login', 'password' or 'account' is expected"),
            }
        }
        netrc.add(machine);
        Ok(netrc)
    }

    fn add(&mut self, machine: Option<(Option<String>, Login)>) {
        match machine {
            // The first entry for a host is the one that counts.
            Some((Some(name), login)) => {
                self.machines.entry(name).or_insert(login);
            }
            Some((None, login)) => {
                self.default.get_or_insert(login);
            }
            None => {}
        }
    }

    /// The header that logs in at `url`, if there is something to log in with. What stands in the address itself counts more.
    pub fn authorization(&self, url: &Url) -> Option<Header> {
        if !url.username().is_empty() || url.password().is_some() {
            return None;
        }
        let login = self.machines.get(url.host_str()?).or(self.default.as_ref())?;
        let digits = BASE64.encode(format!("{}:{}", login.name, login.password));
        Some(("Authorization".to_owned(), format!("Basic {digits}")))
    }
}

impl std::fmt::Debug for Netrc {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_set().entries(self.machines.keys()).finish()
    }
}

/// curl takes passwords in quotation marks, too.
fn unquoted(word: &str) -> String {
    match word.strip_prefix('"').and_then(|word| word.strip_suffix('"')) {
        Some(inner) => inner.replace("\\\"", "\"").replace("\\\\", "\\"),
        None => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(netrc: &Netrc, url: &str) -> Option<String> {
        netrc.authorization(&url.parse().unwrap()).map(|(_, value)| value)
    }

    #[test]
    fn entries_are_found_by_host() {
        let netrc = Netrc::parse(
            "# comment\nmachine a.example.org login me password \"s3\"\nmacdef init\n machine x\n\n\
             machine b.example.org\n\tlogin you\n\taccount none\n\tpassword p\nmachine a.example.org password late\n",
        )
        .unwrap();
        let basic = |text: &str| Some(format!("Basic {}", BASE64.encode(text)));
        assert_eq!(header(&netrc, "https://a.example.org/x"), basic("me:s3"));
        assert_eq!(header(&netrc, "http://b.example.org:81"), basic("you:p"));
        assert_eq!(header(&netrc, "https://c.example.org"), None);
        assert_eq!(header(&netrc, "https://other@a.example.org"), None);
        let netrc = Netrc::parse("default login d password e").unwrap();
        assert_eq!(header(&netrc, "https://c.example.org"), basic("d:e"));
        assert!(!format!("{netrc:?}").contains('e'));
    }

    #[test]
    fn nonsense_is_an_error_and_no_file_is_none() {
        assert!(Netrc::parse("machine").is_err());
        assert!(Netrc::parse("login me").is_err());
        assert!(Netrc::read(Path::new("/nonexistent/netrc")).unwrap().machines.is_empty());
    }
}
