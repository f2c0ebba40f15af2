use sha2::{Digest, Sha256};
use std::fmt;

/// Where every identifier of an image comes from, so that the same input gives the same bytes.
///
/// Each identifier is a SHA-256 over the seed and the identifier's purpose; two purposes never share one.
#[derive(Clone, PartialEq, Eq)]
pub struct Seed(Vec<u8>);

/// A 128-bit identifier, in the byte order of RFC 9562 (as it is printed).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uuid(pub [u8; 16]);

impl Seed {
    /// A seed from any bytes: a store path's hash, a host's name.
    pub fn new(seed: impl AsRef<[u8]>) -> Self {
        Self(seed.as_ref().to_owned())
    }

    /// 32 bytes for `purpose`.
    pub fn bytes(&self, purpose: &str) -> [u8; 32] {
        let mut hasher = Sha256::new();
        // The length keeps seed and purpose apart: ("ab", "c") is not ("a", "bc").
        hasher.update((self.0.len() as u64).to_le_bytes());
        hasher.update(&self.0);
        hasher.update(purpose.as_bytes());
        hasher.finalize().into()
    }

    /// A UUID of version 8 (RFC 9562, section 5.8: made from data by the application's own rule).
    pub fn uuid(&self, purpose: &str) -> Uuid {
        let hash = self.bytes(purpose);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash[..16]);
        bytes[6] = (bytes[6] & 0x0f) | 0x80;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Uuid(bytes)
    }

    /// 32 bits for `purpose`: volume serial numbers, disk signatures.
    pub fn number(&self, purpose: &str) -> u32 {
        let hash = self.bytes(purpose);
        u32::from_le_bytes([hash[0], hash[1], hash[2], hash[3]])
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Seed({})", String::from_utf8_lossy(&self.0))
    }
}

impl Uuid {
    /// The bytes as GPT stores them: the first three fields are little-endian (UEFI 2.10, appendix A).
    pub fn to_guid_bytes(self) -> [u8; 16] {
        let mut bytes = self.0;
        bytes[0..4].reverse();
        bytes[4..6].reverse();
        bytes[6..8].reverse();
        bytes
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                formatter.write_str("-")?;
            }
            write!(formatter, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl std::str::FromStr for Uuid {
    type Err = NotAUuid;

    /// Reads the form with dashes (RFC 9562, section 4), whatever the case of its letters.
    fn from_str(text: &str) -> Result<Self, NotAUuid> {
        let lengths: Vec<usize> = text.split('-').map(str::len).collect();
        let digits: String = text.chars().filter(|c| *c != '-').collect();
        if lengths != [8, 4, 4, 4, 12] || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(NotAUuid);
        }
        u128::from_str_radix(&digits, 16).map(|number| Uuid(number.to_be_bytes())).map_err(|_| NotAUuid)
    }
}

/// A text that is no UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAUuid;

impl fmt::Debug for Uuid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes_and_seeds_are_kept_apart() {
        let seed = Seed::new("alpha");
        assert_ne!(seed.uuid("disk"), seed.uuid("root"));
        assert_ne!(seed.uuid("disk"), Seed::new("beta").uuid("disk"));
        assert_ne!(Seed::new("ab").bytes("c"), Seed::new("a").bytes("bc"));
        assert_eq!(seed.uuid("disk"), Seed::new("alpha").uuid("disk"));
    }

    #[test]
    fn a_printed_uuid_is_read_again() {
        let uuid = Seed::new("alpha").uuid("disk");
        assert_eq!(uuid.to_string().to_uppercase().parse(), Ok(uuid));
        for wrong in [
            "",
            "44444444-4444-4444-8888-88888888888",
            "44444444-4444-4444-8888-8888888888+8",
            "é4444444-4444-4444-8888-888888888",
        ] {
            assert_eq!(wrong.parse::<Uuid>(), Err(NotAUuid), "{wrong}");
        }
    }

    #[test]
    fn uuids_say_how_they_were_made() {
        let printed = Seed::new("alpha").uuid("disk").to_string();
        assert_eq!(printed.len(), 36);
        assert_eq!(&printed[14..15], "8");
    }
}
