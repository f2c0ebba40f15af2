//! Nix's base-32: 32 characters without `e`, `o`, `u` and `t`, and the bits taken from the end of the
//! input, so that the text reads in the opposite direction of RFC 4648's. Described in the Nix manual,
//! "Nix32 Encoding".

use crate::error::HashTextProblem;

/// The digits, in order of their values.
pub const ALPHABET: &[u8; 32] = b"0123456789abcdfghijklmnpqrsvwxyz";

const NOT_A_DIGIT: u8 = 0xff;

/// The value of each digit, [`NOT_A_DIGIT`] for any other byte.
const VALUES: [u8; 256] = {
    let mut table = [NOT_A_DIGIT; 256];
    let mut value = 0;
    while value < ALPHABET.len() {
        table[ALPHABET[value] as usize] = value as u8;
        value += 1;
    }
    table
};

/// Whether `byte` is one of the 32 digits.
#[inline]
pub const fn is_digit(byte: u8) -> bool {
    VALUES[byte as usize] != NOT_A_DIGIT
}

/// The number of digits that `bytes` bytes need.
pub const fn encoded_length(bytes: usize) -> usize {
    (bytes * 8).div_ceil(5)
}

/// Encodes `bytes`; 20 bytes make 32 digits, 32 bytes make 52.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(encoded_length(bytes.len()));
    for position in (0..encoded_length(bytes.len())).rev() {
        let bit = position * 5;
        let (index, shift) = (bit / 8, bit % 8);
        let low = bytes[index] as u16;
        let high = bytes.get(index + 1).map_or(0, |byte| *byte as u16);
        let value = ((high << 8 | low) >> shift) & 0x1f;
        text.push(ALPHABET[value as usize] as char);
    }
    text
}

/// Decodes `text` into `bytes`, whose length says how many digits there must be.
///
/// # Errors
/// A wrong length, a character that is not a digit, or set bits that no byte holds.
pub fn decode_into(text: &[u8], bytes: &mut [u8]) -> Result<(), HashTextProblem> {
    if text.len() != encoded_length(bytes.len()) {
        return Err(HashTextProblem::Length);
    }
    bytes.fill(0);
    for (position, digit) in text.iter().rev().enumerate() {
        let value = VALUES[*digit as usize];
        if value == NOT_A_DIGIT {
            return Err(HashTextProblem::Character);
        }
        let bit = position * 5;
        let (index, shift) = (bit / 8, bit % 8);
        let spread = (value as u16) << shift;
        bytes[index] |= spread as u8;
        let carry = (spread >> 8) as u8;
        match bytes.get_mut(index + 1) {
            Some(next) => *next |= carry,
            None if carry != 0 => return Err(HashTextProblem::UnusedBits),
            None => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_encoding() {
        // nix-hash --type sha1 --to-base32 087dd12336ede1684f7f6d425a1f2c4f356032f0
        assert_eq!(encode(&[]), "");
        assert_eq!(encode(&[0x1f]), "0z");
        assert_eq!(
            encode(b"\x08\x7d\xd1\x23\x36\xed\xe1\x68\x4f\x7f\x6d\x42\x5a\x1f\x2c\x4f\x35\x60\x32\xf0"),
            "y0r60dag5hgmlhkdgx7niqgd6qix2z88"
        );
    }

    #[test]
    fn bits_beyond_the_last_byte_are_refused() {
        let mut one = [0];
        assert_eq!(decode_into(b"zz", &mut one), Err(HashTextProblem::UnusedBits));
        assert_eq!(decode_into(b"0e", &mut one), Err(HashTextProblem::Character));
        assert_eq!(decode_into(b"0", &mut one), Err(HashTextProblem::Length));
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let mut decoded = vec![0; bytes.len()];
            decode_into(encode(&bytes).as_bytes(), &mut decoded).unwrap();
            prop_assert_eq!(decoded, bytes);
        }
    }
}
