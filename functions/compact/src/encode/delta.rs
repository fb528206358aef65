//! DELTA_BINARY_PACKED: numbers as packed differences to the one before.

use super::bits::{pack, varint, width};

/// Values of a block and of a miniblock, as the encoding calls them.
const BLOCK: usize = 128;
const MINIBLOCK: usize = 32;

fn zigzag(value: i64) -> u64 {
    (value.wrapping_shl(1) ^ (value >> 63)) as u64
}

/// Encodes the values. Differences wrap, so that every number of 64 bits can follow every other one. (Lengths of 31 bits
/// need no other arithmetic: their differences fit 32 bits.)
pub(super) fn delta(values: impl ExactSizeIterator<Item = i64>, out: &mut Vec<u8>) {
    let mut values = values;
    for number in [BLOCK, BLOCK / MINIBLOCK, values.len()] {
        varint(number as u64, out);
    }
    let mut last = values.next().unwrap_or_default();
    varint(zigzag(last), out);
    let mut differences = [0_i64; BLOCK];
    loop {
        let mut filled = 0;
        for (slot, value) in differences.iter_mut().zip(&mut values) {
            *slot = value.wrapping_sub(last);
            last = value;
            filled += 1;
        }
        let filled = differences.get(..filled).unwrap_or_default();
        let Some(least) = filled.iter().min() else { return };
        block(filled, *least, out);
    }
}

fn block(differences: &[i64], least: i64, out: &mut Vec<u8>) {
    varint(zigzag(least), out);
    let above = |difference: &i64| difference.wrapping_sub(least) as u64;
    let widths_at = out.len();
    out.extend([0; BLOCK / MINIBLOCK]);
    for (n, miniblock) in differences.chunks(MINIBLOCK).enumerate() {
        let bits = width(miniblock.iter().map(above).fold(0, |all, value| all | value));
        if let Some(slot) = out.get_mut(widths_at + n) {
            *slot = bits as u8;
        }
        let padding = std::iter::repeat_n(0, MINIBLOCK - miniblock.len());
        pack(miniblock.iter().map(above).chain(padding), bits, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_formats_own_examples_are_encoded() {
        let encoded = |values: &[i64]| {
            let mut out = Vec::new();
            delta(values.iter().copied(), &mut out);
            out
        };
        // 1 to 5: all differences are 1.
        assert_eq!(encoded(&[1, 2, 3, 4, 5]), [0x80, 1, 4, 5, 2, 2, 0, 0, 0, 0]);
        // 7, 5, 3, 1, 2, 3, 4, 5: the least difference is -2; the others are 0 0 0 3 3 3 3 above it, two bits each.
        let packed = [0b1100_0000, 0b0011_1111, 0, 0, 0, 0, 0, 0];
        assert_eq!(encoded(&[7, 5, 3, 1, 2, 3, 4, 5]), [&[0x80, 1, 4, 8, 14, 3, 2, 0, 0, 0][..], &packed].concat());
        assert_eq!(encoded(&[]), [0x80, 1, 4, 0, 0]);
        assert_eq!(encoded(&[9]), [0x80, 1, 4, 1, 18]);
    }
}
