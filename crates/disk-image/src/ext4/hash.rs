//! The hash by which ext4 sorts the names of large directories: half MD4 over the bytes taken as unsigned
//! (kernel documentation, filesystems/ext4, "Hash Tree Directories").

/// The four words of a file system's hash seed.
pub(super) type HashSeed = [u32; 4];

/// The largest hash stands for the end of a directory and is never given to a name.
const END_OF_DIRECTORY: u32 = 0x7fff_ffff << 1;

/// Major and minor hash of a name. The major's lowest bit is clear: it marks collisions in the index.
pub(super) fn half_md4(name: &[u8], seed: &HashSeed) -> (u32, u32) {
    let mut state = *seed;
    let mut rest = name;
    while !rest.is_empty() {
        transform(&mut state, &words(rest));
        rest = rest.get(32..).unwrap_or(&[]);
    }
    let major = match state[1] & !1 {
        END_OF_DIRECTORY => END_OF_DIRECTORY - 2,
        major => major,
    };
    (major, state[2])
}

/// The first 32 bytes of `rest` as big-endian words, padded with its length.
fn words(rest: &[u8]) -> [u32; 8] {
    let length = rest.len() as u32;
    let padding = (length | length << 8) | (length | length << 8) << 16;
    let mut words = [padding; 8];
    for (word, bytes) in words.iter_mut().zip(rest.chunks(4)) {
        *word = bytes.iter().fold(padding, |word, byte| word << 8 | u32::from(*byte));
    }
    words
}

fn transform(state: &mut [u32; 4], input: &[u32; 8]) {
    let [mut a, mut b, mut c, mut d] = *state;
    let mut round = |function: fn(u32, u32, u32) -> u32, order: [usize; 8], add: u32, shifts: [u32; 4]| {
        for (index, place) in order.into_iter().enumerate() {
            let sum = a.wrapping_add(function(b, c, d)).wrapping_add(input[place]).wrapping_add(add);
            (a, b, c, d) = (d, sum.rotate_left(shifts[index % 4]), b, c);
        }
    };
    // RFC 1320's three functions, constants and shifts, on half of the input.
    round(|x, y, z| z ^ (x & (y ^ z)), [0, 1, 2, 3, 4, 5, 6, 7], 0, [3, 7, 11, 19]);
    round(|x, y, z| (x & y).wrapping_add((x ^ y) & z), [1, 3, 5, 7, 0, 2, 4, 6], 0x5a82_7999, [3, 5, 9, 13]);
    round(|x, y, z| x ^ y ^ z, [3, 7, 2, 6, 1, 5, 0, 4], 0x6ed9_eba1, [3, 9, 11, 15]);
    for (word, add) in state.iter_mut().zip([a, b, c, d]) {
        *word = word.wrapping_add(add);
    }
}
