//! Numbers of a few bits: variable-length integers, bit packing, and the hybrid of runs and packed groups.

/// An unsigned LEB128 integer.
pub(super) fn varint(mut value: u64, out: &mut Vec<u8>) {
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

/// How many bits the value needs.
pub(super) fn width(value: u64) -> u32 {
    u64::BITS - value.leading_zeros()
}

/// Packs values of `width` bits, the lowest bit first, up to the next whole byte.
pub(super) fn pack(values: impl IntoIterator<Item = u64>, width: u32, out: &mut Vec<u8>) {
    let (mut waiting, mut bits) = (0_u128, 0);
    for value in values {
        waiting |= u128::from(value) << bits;
        bits += width;
        if bits >= u64::BITS {
            out.extend_from_slice(&(waiting as u64).to_le_bytes());
            waiting >>= u64::BITS;
            bits -= u64::BITS;
        }
    }
    let rest = waiting.to_le_bytes();
    out.extend(rest.iter().take(bits.div_ceil(8) as usize));
}

/// A run that is shorter is packed.
const RUN: usize = 8;

/// RLE / bit-packing hybrid: runs of at least eight equal values, and groups of eight packed ones between them.
pub(super) fn hybrid(values: &[u32], width: u32, out: &mut Vec<u8>) {
    let mut packed = 0;
    let mut at = 0;
    while let Some((first, behind)) = values.get(at..).and_then(<[u32]>::split_first) {
        let run = 1 + behind.iter().take_while(|value| *value == first).count();
        // What is packed ends at a group of eight; the run gives the values that its last group lacks.
        let lacking = (packed..at).len().wrapping_neg() % 8;
        if run >= lacking + RUN {
            groups(values.get(packed..at + lacking).unwrap_or_default(), width, out);
            varint(((run - lacking) as u64) << 1, out);
            let bytes = first.to_le_bytes();
            out.extend(bytes.iter().take(width.div_ceil(8) as usize));
            packed = at + run;
        }
        at += run;
    }
    groups(values.get(packed..).unwrap_or_default(), width, out);
}

fn groups(values: &[u32], width: u32, out: &mut Vec<u8>) {
    if values.is_empty() {
        return;
    }
    let groups = values.len().div_ceil(8);
    varint((groups as u64) << 1 | 1, out);
    let padding = std::iter::repeat_n(0, groups * 8 - values.len());
    pack(values.iter().map(|value| u64::from(*value)).chain(padding), width, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hybrid_of(values: &[u32], width: u32) -> Vec<u8> {
        let mut out = Vec::new();
        hybrid(values, width, &mut out);
        out
    }

    #[test]
    fn values_are_packed_lowest_bit_first() {
        let mut out = Vec::new();
        // The format's own example.
        pack(0..8, 3, &mut out);
        assert_eq!(out, [0b1000_1000, 0b1100_0110, 0b1111_1010]);
        out.clear();
        pack([u64::MAX, 1, u64::MAX], 64, &mut out);
        assert_eq!(out, [[0xff; 8], [1, 0, 0, 0, 0, 0, 0, 0], [0xff; 8]].concat());
        out.clear();
        pack([0; 32], 0, &mut out);
        assert!(out.is_empty());
    }

    #[test]
    fn runs_and_groups_follow_each_other() {
        assert_eq!(hybrid_of(&[5; 8], 3), [8 << 1, 5]);
        assert_eq!(hybrid_of(&[5; 7], 3), [1 << 1 | 1, 0b0110_1101, 0b1101_1011, 0b0001_0110]);
        assert_eq!(hybrid_of(&[300; 200], 9), [0x90, 3, 44, 1]);
        // Three values, completed by five of the run.
        let values = [[1, 2, 3].as_slice(), &[7; 13]].concat();
        assert_eq!(hybrid_of(&values, 3), [1 << 1 | 1, 0b1101_0001, 0b1111_1110, 0b1111_1111, 8 << 1, 7]);
        // The run is too short to complete the group and still be one.
        let values = [[1, 2, 3].as_slice(), &[7; 12]].concat();
        assert_eq!(hybrid_of(&values, 3).first(), Some(&(2 << 1 | 1)));
        assert!(hybrid_of(&[], 3).is_empty());
    }

    #[test]
    fn integers_take_as_many_bytes_as_they_need() {
        for (value, expected) in [(0, &[0][..]), (127, &[127]), (128, &[0x80, 1]), (300, &[0xac, 2])] {
            let mut out = Vec::new();
            varint(value, &mut out);
            assert_eq!(out, expected);
        }
        assert_eq!([0, 1, 2, 255, 256, u64::MAX].map(width), [0, 1, 2, 8, 9, 64]);
    }
}
