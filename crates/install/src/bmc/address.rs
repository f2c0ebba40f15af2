use std::fmt;
use std::str::FromStr;

use url::Url;

use crate::error::{Error, Result};

/// The controller of a board, and one of its nodes: `turingpi://[USER@]HOST[:PORT]/NODE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BmcAddress {
    /// The user; `root` if none is named.
    pub user: String,
    /// The host's name or address.
    pub host: String,
    /// The port of HTTPS.
    pub port: u16,
    /// The node, 1 to 4.
    pub node: u8,
}

impl FromStr for BmcAddress {
    type Err = Error;

    /// NODE is a number or has `node` before it. A password is refused: others can read what a program was called with.
    fn from_str(text: &str) -> Result<Self> {
        let invalid =
            |reason: &str| Error::InvalidBmc { address: text.to_owned(), reason: reason.to_owned() };
        let url = Url::parse(text).map_err(|error| invalid(&error.to_string()))?;
        if url.scheme() != "turingpi" {
            return Err(invalid(
                "it does not begin with turingpi://, the only kind of controller that is known",
            ));
        }
        if url.password().is_some() {
            // Without what was given.
            let address = format!("turingpi://{}/…", url.host_str().unwrap_or_default());
            let reason = "a password does not belong into the address: name a file with it".to_owned();
            return Err(Error::InvalidBmc { address, reason });
        }
        let host =
            url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| invalid("it names no host"))?;
        let node = url.path().trim_matches('/');
        let node =
            node.strip_prefix("node").unwrap_or(node).parse().ok().filter(|node| (1..=4).contains(node));
        Ok(BmcAddress {
            user: if url.username().is_empty() { "root".to_owned() } else { url.username().to_owned() },
            host: host.to_owned(),
            port: url.port().unwrap_or(443),
            node: node.ok_or_else(|| invalid("it does not end in a node from 1 to 4, such as /3"))?,
        })
    }
}

impl fmt::Display for BmcAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "node {} of the board at {}", self.node, self.host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let address: BmcAddress = "turingpi://turingpi.local/3".parse().unwrap();
        let expected = BmcAddress { user: "root".into(), host: "turingpi.local".into(), port: 443, node: 3 };
        assert_eq!(address, expected);
        let address: BmcAddress = "turingpi://admin@10.0.0.2:8443/node4".parse().unwrap();
        assert_eq!((address.user.as_str(), address.port, address.node), ("admin", 8443, 4));
        for wrong in ["turingpi:///1", "turingpi://a", "turingpi://a/0", "turingpi://a/5", "https://a/1", "a"]
        {
            assert!(wrong.parse::<BmcAddress>().is_err(), "{wrong}");
        }
        let error = "turingpi://root:secret@a/1".parse::<BmcAddress>().unwrap_err().to_string();
        assert!(error.contains("a password does not belong") && !error.contains("secret"), "{error}");
    }
}
