//! URLs as flake references have them: stricter than RFC 3986 in what they may hold, looser in what they may lack.
//!
//! The grammar is that of Nix's manual, "Flake references" and "URL-like syntax"; what may stand in each part follows
//! RFC 3986, with `"` and, in fragments, `^` beyond it.

use std::collections::BTreeMap;
use std::fmt;

/// A URL in its parts. All parts but the scheme and the authority are decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Url {
    /// Before the colon, `git+https`.
    pub(crate) scheme: String,
    /// Between `//` and the path; `None` without `//`.
    pub(crate) authority: Option<String>,
    /// The path.
    pub(crate) path: String,
    /// What follows `?`.
    pub(crate) query: BTreeMap<String, String>,
    /// What follows `#`.
    pub(crate) fragment: String,
}

/// Characters that stand for themselves in a path.
const IN_PATH: &[u8] = b":@/";
/// Characters that stand for themselves in a query.
const IN_QUERY: &[u8] = b":@/?";

impl Url {
    /// Takes a URL apart; what is wrong with it otherwise, in a few words.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once(':').ok_or("it has no scheme")?;
        if !is_scheme(scheme) {
            return Err(format!("'{scheme}' is not a scheme"));
        }
        let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
        let (body, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = match body.strip_prefix("//") {
            Some(rest) => {
                let end = rest.find('/').unwrap_or(rest.len());
                (Some(&rest[..end]), &rest[end..])
            }
            None => (None, body),
        };
        check(path, "/")?;
        check(query, "/? ")?;
        check(fragment, "/? ^")?;
        if let Some(authority) = authority {
            check(authority, "[]")?;
        }
        let transport = scheme.rsplit_once('+').map_or(scheme, |(_, transport)| transport);
        if transport == "file"
            && let Some(authority) = authority.filter(|authority| !authority.is_empty())
        {
            return Err(format!("a file is on this machine, not on '{authority}'"));
        }
        let path = if transport == "file" && path.is_empty() { "/" } else { path };
        Ok(Url {
            scheme: scheme.to_owned(),
            authority: authority.map(str::to_owned),
            path: decode(path)?,
            query: decode_query(query)?,
            fragment: decode(fragment)?,
        })
    }

    /// The scheme's last part: `https` of `git+https`.
    pub(crate) fn transport(&self) -> &str {
        self.scheme.rsplit_once('+').map_or(&self.scheme, |(_, transport)| transport)
    }

    /// The scheme's first part: `git` of `git+https`; `None` for plain `https`.
    pub(crate) fn application(&self) -> Option<&str> {
        self.scheme.split_once('+').map(|(application, _)| application)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.scheme)?;
        if let Some(authority) = &self.authority {
            write!(f, "//{authority}")?;
        }
        f.write_str(&encode(&self.path, IN_PATH))?;
        for (index, (name, value)) in self.query.iter().enumerate() {
            f.write_str(if index == 0 { "?" } else { "&" })?;
            write!(f, "{}={}", encode(name, IN_QUERY), encode(value, IN_QUERY))?;
        }
        if !self.fragment.is_empty() {
            write!(f, "#{}", encode(&self.fragment, b""))?;
        }
        Ok(())
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+.-".contains(&b))
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// Checks that a part holds only characters that may stand in it: those of RFC 3986's `pchar`, and `also`.
fn check(text: &str, also: &str) -> Result<(), String> {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next(), bytes.next()];
            if !digits.iter().all(|digit| digit.is_some_and(|digit| digit.is_ascii_hexdigit())) {
                return Err("a '%' is not followed by two hexadecimal digits".to_owned());
            }
            continue;
        }
        if !(is_unreserved(byte) || b"!$&'\"()*+,;=:@".contains(&byte) || also.as_bytes().contains(&byte)) {
            let character = text.chars().find(|c| !c.is_ascii() || *c == char::from(byte)).unwrap_or('?');
            return Err(format!("it contains {character:?}, which must be percent-encoded"));
        }
    }
    Ok(())
}

/// Replaces percent-escapes by what they stand for.
pub(crate) fn decode(text: &str) -> Result<String, String> {
    let decoded = percent_encoding::percent_decode_str(text)
        .decode_utf8()
        .map_err(|_| "its percent-escapes are not UTF-8".to_owned())?;
    match decoded.chars().find(|c| c.is_control()) {
        Some(character) => Err(format!("it contains the control character {character:?}")),
        None => Ok(decoded.into_owned()),
    }
}

/// Takes a query apart. The first of two parameters with one name counts; those without `=` are passed over.
pub(crate) fn decode_query(query: &str) -> Result<BTreeMap<String, String>, String> {
    let mut parameters = BTreeMap::new();
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        let value = decode(value)?;
        parameters.entry(decode(name)?).or_insert(value);
    }
    Ok(parameters)
}

/// Percent-encodes all but unreserved characters and those in `keep`.
pub(crate) fn encode(text: &str, keep: &[u8]) -> String {
    use std::fmt::Write;
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if is_unreserved(byte) || keep.contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}
