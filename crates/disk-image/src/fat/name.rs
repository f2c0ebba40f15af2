//! Names on FAT: the long one in UTF-16 and the short one of eight and three characters that every file has
//! (Microsoft's FAT specification, sections 6 and 7).

use std::collections::HashSet;

/// Code units of a long name in one directory entry.
pub(super) const UNITS_PER_ENTRY: usize = 13;

/// The longest name in UTF-16 code units.
const LONGEST: usize = 255;

/// A name as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StoredName {
    /// Eleven bytes: base and extension, padded with spaces.
    pub(super) short: [u8; 11],
    /// The long name; empty when the short one says it all.
    pub(super) long: Vec<u16>,
}

impl StoredName {
    /// Directory entries that a file of this name takes.
    pub(super) fn entries(&self) -> usize {
        1 + self.long.len().div_ceil(UNITS_PER_ENTRY)
    }

    /// The checksum that ties long entries to their short one.
    pub(super) fn checksum(&self) -> u8 {
        self.short.iter().fold(0_u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte))
    }
}

/// The stored names of a directory's entries, in the same order.
///
/// # Errors
///
/// The index of a name that FAT cannot hold, and why.
pub(super) fn store_names(names: &[&[u8]]) -> Result<Vec<StoredName>, (usize, String)> {
    let mut folded = HashSet::new();
    let mut taken = HashSet::new();
    let mut stored = Vec::with_capacity(names.len());
    for (index, name) in names.iter().enumerate() {
        let text = check(name).map_err(|reason| (index, reason.to_owned()))?;
        if !folded.insert(text.to_uppercase()) {
            return Err((index, "another name differs from it only in case, which FAT ignores".to_owned()));
        }
        let short = exact_short(&text.to_ascii_uppercase());
        if let Some(short) = short {
            taken.insert(short);
        }
        stored.push((text, short));
    }
    let named = stored.into_iter().enumerate().map(|(index, (text, short))| match short {
        // A boot ROM finds `bootcode.bin` by its short name alone; everybody else reads the case off the long one.
        Some(short) if text == text.to_ascii_uppercase() => Ok(StoredName { short, long: Vec::new() }),
        Some(short) => Ok(StoredName { short, long: text.encode_utf16().collect() }),
        None => {
            let short = alias(text, &mut taken)
                .ok_or_else(|| (index, "there are too many names like it in its directory".to_owned()))?;
            Ok(StoredName { short, long: text.encode_utf16().collect() })
        }
    });
    named.collect()
}

fn check(name: &[u8]) -> Result<&str, &'static str> {
    const FORBIDDEN: &[char] = &['"', '*', '/', ':', '<', '>', '?', '\\', '|'];
    let text = std::str::from_utf8(name).map_err(|_| "its name is not UTF-8")?;
    if text.chars().any(|character| character < ' ' || character == '\x7f' || FORBIDDEN.contains(&character))
    {
        Err("its name has a character that FAT does not allow")
    } else if text.ends_with(['.', ' ']) || text.starts_with(' ') {
        Err("its name begins or ends with a space, or ends with a dot")
    } else if text.encode_utf16().count() > LONGEST {
        Err("its name is longer than 255 UTF-16 code units")
    } else {
        Ok(text)
    }
}

fn is_short_character(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"!#$%&'()-@^_`{}~".contains(&byte)
}

/// The short form of a name that is one already: upper case, eight and three characters.
fn exact_short(text: &str) -> Option<[u8; 11]> {
    let (base, extension) = match text.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (text, ""),
    };
    let fits = |part: &str, most: usize| part.len() <= most && part.bytes().all(is_short_character);
    if base.is_empty() || !fits(base, 8) || !fits(extension, 3) {
        return None;
    }
    Some(join(base.as_bytes(), extension.as_bytes()))
}

fn join(base: &[u8], extension: &[u8]) -> [u8; 11] {
    let mut short = [b' '; 11];
    short[..base.len()].copy_from_slice(base);
    short[8..8 + extension.len()].copy_from_slice(extension);
    short
}

/// A short name with a number that is not yet taken.
fn alias(text: &str, taken: &mut HashSet<[u8; 11]>) -> Option<[u8; 11]> {
    let trimmed = text.trim_start_matches('.');
    let (base, extension) = trimmed.rsplit_once('.').unwrap_or((trimmed, ""));
    let reduce = |part: &str, most: usize| -> Vec<u8> {
        part.chars()
            .filter(|character| !matches!(character, ' ' | '.'))
            .map(|character| {
                let upper = character.to_ascii_uppercase();
                u8::try_from(upper).ok().filter(|byte| is_short_character(*byte)).unwrap_or(b'_')
            })
            .take(most)
            .collect()
    };
    let base = reduce(base, 6);
    let extension = reduce(extension, 3);
    (1..1_000_000_u32).find_map(|number| {
        let tail = format!("~{number}");
        let mut numbered = base[..base.len().min(8 - tail.len())].to_vec();
        numbered.extend_from_slice(tail.as_bytes());
        let short = join(&numbered, &extension);
        taken.insert(short).then_some(short)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(names: &[&str]) -> Vec<StoredName> {
        let bytes: Vec<&[u8]> = names.iter().map(|name| name.as_bytes()).collect();
        store_names(&bytes).unwrap()
    }

    #[test]
    fn short_names_stay_alone() {
        let names = stored(&["EFI", "BOOTX64.EFI", "loader.conf", "start4.elf"]);
        assert_eq!(&names[0].short, b"EFI        ");
        assert_eq!(&names[1].short, b"BOOTX64 EFI");
        assert!(names[1].long.is_empty());
        assert_eq!(&names[2].short, b"LOADER~1CON");
        assert_eq!(String::from_utf16(&names[2].long).unwrap(), "loader.conf");
        assert_eq!(&names[3].short, b"START4  ELF");
        assert_eq!(String::from_utf16(&names[3].long).unwrap(), "start4.elf");
    }

    #[test]
    fn aliases_never_meet() {
        let names = stored(&["LOADER~1.CON", "loader.conf", "loader.config", ".config", "ü.txt"]);
        let short: HashSet<_> = names.iter().map(|name| name.short).collect();
        assert_eq!(short.len(), names.len());
        assert_eq!(&names[1].short, b"LOADER~2CON");
        assert_eq!(&names[3].short, b"CONFIG~1   ");
        assert_eq!(&names[4].short, b"_~1     TXT");
    }

    #[test]
    fn refuses_what_fat_cannot_hold() {
        for name in [&b"a:b"[..], b"a\xff", b"a.", b" a", b"tab\t"] {
            assert!(store_names(&[name]).is_err());
        }
        let (index, reason) = store_names(&[b"README", b"readme"]).unwrap_err();
        assert_eq!(index, 1);
        assert!(reason.contains("case"));
    }
}
