use super::name::{StoredName, UNITS_PER_ENTRY};

/// Bytes of a directory entry.
pub(super) const ENTRY: usize = 32;

/// `DIR_Attr`.
const VOLUME_LABEL: u8 = 0x08;
const DIRECTORY: u8 = 0x10;
const ARCHIVE: u8 = 0x20;
const LONG_NAME: u8 = 0x0f;

/// What a directory entry says besides its name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    pub(super) directory: bool,
    pub(super) cluster: u32,
    pub(super) size: u32,
    pub(super) mtime: i64,
}

/// The entries of one name: the parts of the long name, last part first, then the short entry.
pub(super) fn encode(bytes: &mut Vec<u8>, name: &StoredName, target: &Target) {
    let parts = name.long.chunks(UNITS_PER_ENTRY);
    let last = parts.len();
    for (index, part) in parts.enumerate().rev() {
        // After the last character a zero, then ones.
        let mut units = [0xffff; UNITS_PER_ENTRY];
        units[..part.len()].copy_from_slice(part);
        if let Some(end) = units.get_mut(part.len()) {
            *end = 0;
        }
        let mut entry = [0; ENTRY];
        entry[0] = (index + 1) as u8 | if index + 1 == last { 0x40 } else { 0 };
        entry[11] = LONG_NAME;
        entry[13] = name.checksum();
        let places = (1..11).step_by(2).chain((14..26).step_by(2)).chain((28..32).step_by(2));
        for (unit, place) in units.iter().zip(places) {
            entry[place..place + 2].copy_from_slice(&unit.to_le_bytes());
        }
        bytes.extend_from_slice(&entry);
    }
    bytes.extend_from_slice(&short_entry(&name.short, target));
}

/// `.` or `..`.
pub(super) fn encode_dot(bytes: &mut Vec<u8>, dots: usize, target: &Target) {
    let mut name = [b' '; 11];
    name[..dots].fill(b'.');
    bytes.extend_from_slice(&short_entry(&name, target));
}

/// The root directory's entry with the label.
pub(super) fn encode_label(bytes: &mut Vec<u8>, label: &[u8; 11], time: i64) {
    let mut entry = short_entry(label, &Target { directory: false, cluster: 0, size: 0, mtime: time });
    entry[11] = VOLUME_LABEL;
    bytes.extend_from_slice(&entry);
}

fn short_entry(name: &[u8; 11], target: &Target) -> [u8; ENTRY] {
    let mut entry = [0; ENTRY];
    entry[..11].copy_from_slice(name);
    entry[11] = if target.directory { DIRECTORY } else { ARCHIVE };
    let (date, time) = date_and_time(target.mtime);
    entry[14..16].copy_from_slice(&time.to_le_bytes());
    entry[16..18].copy_from_slice(&date.to_le_bytes());
    entry[18..20].copy_from_slice(&date.to_le_bytes());
    entry[20..22].copy_from_slice(&((target.cluster >> 16) as u16).to_le_bytes());
    entry[22..24].copy_from_slice(&time.to_le_bytes());
    entry[24..26].copy_from_slice(&date.to_le_bytes());
    entry[26..28].copy_from_slice(&(target.cluster as u16).to_le_bytes());
    entry[28..32].copy_from_slice(&target.size.to_le_bytes());
    entry
}

/// Seconds since 1970 UTC as FAT's date and time; what is outside 1980 to 2107 becomes the nearest date.
fn date_and_time(seconds: i64) -> (u16, u16) {
    const FIRST: i64 = 315_532_800;
    const LAST: i64 = 4_354_819_198;
    let seconds = seconds.clamp(FIRST, LAST);
    let (day, second) = (seconds / 86_400, seconds % 86_400);
    // Days to a date by eras of 400 years that begin on the first of March.
    let shifted = day + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    let date = ((year - 1980) << 9) | (month << 5) | day;
    let time = ((second / 3600) << 11) | ((second / 60 % 60) << 5) | (second % 60 / 2);
    (date as u16, time as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let split = |seconds| {
            let (date, time) = date_and_time(seconds);
            (1980 + (date >> 9), date >> 5 & 15, date & 31, time >> 11, time >> 5 & 63, (time & 31) * 2)
        };
        assert_eq!(split(1), (1980, 1, 1, 0, 0, 0));
        assert_eq!(split(951_827_696), (2000, 2, 29, 12, 34, 56));
        assert_eq!(split(1_709_251_199), (2024, 2, 29, 23, 59, 58));
        assert_eq!(split(i64::MAX), (2107, 12, 31, 23, 59, 58));
    }
}
