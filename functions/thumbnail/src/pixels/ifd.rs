//! The directory of a TIFF file (TIFF 6.0 §2, BigTIFF), which EXIF data also is (Exif 2.32 §4.5).
//!
//! Reads single numbers at offsets and follows nothing: no recursion, no loop without a bound.

use super::at::{be16, be32, le16, le32};
use std::ops::Range;

/// Entries of one directory that are looked at.
const MAX_ENTRIES: u64 = 4096;
/// EXIF bytes that are looked at: one JPEG segment can't hold more.
const MAX_EXIF: usize = 65_536;

pub(super) const ORIENTATION: u16 = 274;

/// The orientation that EXIF data gives, 1 (upright) where it gives none or one outside 1..=8.
pub(super) fn exif_orientation(exif: &[u8]) -> u8 {
    let exif = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
    let exif = exif.get(..MAX_EXIF).unwrap_or(exif);
    Tiff::open(exif).and_then(|tiff| tiff.number(tiff.first()?, ORIENTATION)).map_or(1, orientation)
}

/// A stored orientation value, where only 1..=8 mean anything.
pub(super) fn orientation(value: u64) -> u8 {
    u8::try_from(value).ok().filter(|value| (1..=8).contains(value)).unwrap_or(1)
}

/// A TIFF structure and its byte order.
#[derive(Clone, Copy)]
pub(super) struct Tiff<'a> {
    bytes: &'a [u8],
    big_endian: bool,
    /// BigTIFF: 64-bit offsets.
    wide: bool,
}

impl<'a> Tiff<'a> {
    pub(super) fn open(bytes: &'a [u8]) -> Option<Self> {
        let big_endian = match bytes.get(..2)? {
            b"MM" => true,
            b"II" => false,
            _ => return None,
        };
        let mut tiff = Self { bytes, big_endian, wide: false };
        tiff.wide = match tiff.u16(2)? {
            42 => false,
            43 => true,
            _ => return None,
        };
        Some(tiff)
    }

    /// Offset of the first directory.
    pub(super) fn first(&self) -> Option<u64> {
        if self.wide { self.u64(8) } else { self.u32(4).map(u64::from) }.filter(|at| *at != 0)
    }

    /// Offset of the directory after the one at `ifd`; `None` at the last.
    pub(super) fn next(&self, ifd: u64) -> Option<u64> {
        let (count, entries, entry) = self.shape(ifd)?;
        let at = entries.checked_add(count.checked_mul(entry)?)?;
        if self.wide { self.u64(at) } else { self.u32(at).map(u64::from) }.filter(|at| *at != 0)
    }

    /// Why the directory at `ifd` cannot be trusted: a tag stands in it twice (readers differ in which of the two they take,
    /// and what one of them admits another would decode), or it has more entries than are looked at.
    pub(super) fn ambiguity(&self, ifd: u64) -> Option<String> {
        let (count, entries, entry) = self.shape(ifd)?;
        if count > MAX_ENTRIES {
            return Some(format!("a directory of {count} entries, over the limit of {MAX_ENTRIES}"));
        }
        let mut tags = Vec::with_capacity(usize::try_from(count).ok()?);
        for index in 0..count {
            tags.push(self.u16(entries.checked_add(index * entry)?)?);
        }
        tags.sort_unstable();
        let repeated = tags.array_windows().find(|[one, next]| one == next).map(|[tag, _]| tag);
        repeated.map(|tag| format!("the tag {tag} stands twice in its directory"))
    }

    /// The first value of `tag` in the directory at `ifd`, when it is a whole number.
    pub(super) fn number(&self, ifd: u64, tag: u16) -> Option<u64> {
        self.value(self.entry(ifd, tag)?)
    }

    /// Where the value of `tag` in the directory at `ifd` is, for values that are bytes or short integers.
    pub(super) fn place(&self, ifd: u64, tag: u16) -> Option<Range<usize>> {
        let entry = self.entry(ifd, tag)?;
        let size = match self.u16(entry + 2)? {
            1 | 2 | 6 | 7 => 1,
            3 => 2,
            _ => return None,
        };
        let (count, at) = self.extent(entry, size)?;
        let start = usize::try_from(at).ok()?;
        Some(start..start.checked_add(usize::try_from(count.checked_mul(size)?).ok()?)?)
    }

    /// Where the first value of `tag` stands, when that is a short integer.
    pub(super) fn short_at(&self, ifd: u64, tag: u16) -> Option<usize> {
        self.place(ifd, tag).filter(|place| place.len() >= 2).map(|place| place.start)
    }

    /// A short integer in the file's byte order.
    pub(super) fn short(&self, at: usize) -> Option<u16> {
        self.u16(at as u64)
    }

    pub(super) fn is_big_endian(&self) -> bool {
        self.big_endian
    }

    /// Offset of the entry of `tag`.
    fn entry(&self, ifd: u64, tag: u16) -> Option<u64> {
        let (count, entries, entry) = self.shape(ifd)?;
        for index in 0..count.min(MAX_ENTRIES) {
            let at = entries.checked_add(index * entry)?;
            if self.u16(at)? == tag {
                return Some(at);
            }
        }
        None
    }

    /// Number of entries, offset of the first, and bytes of each.
    fn shape(&self, ifd: u64) -> Option<(u64, u64, u64)> {
        if self.wide {
            Some((self.u64(ifd)?, ifd.checked_add(8)?, 20))
        } else {
            Some((u64::from(self.u16(ifd)?), ifd.checked_add(2)?, 12))
        }
    }

    fn value(&self, entry: u64) -> Option<u64> {
        let kind = self.u16(entry + 2)?;
        let size = match kind {
            1 => 1,
            3 => 2,
            4 | 13 => 4,
            16 | 18 => 8,
            _ => return None,
        };
        let (_, at) = self.extent(entry, size)?;
        match size {
            1 => self.bytes.get(usize::try_from(at).ok()?).map(|byte| u64::from(*byte)),
            2 => self.u16(at).map(u64::from),
            4 => self.u32(at).map(u64::from),
            _ => self.u64(at),
        }
    }

    /// Number of values of an entry, `size` bytes each, and the offset of the first.
    fn extent(&self, entry: u64, size: u64) -> Option<(u64, u64)> {
        let (count, inline, room) =
            if self.wide { (self.u64(entry + 4)?, entry + 12, 8) } else { (u64::from(self.u32(entry + 4)?), entry + 8, 4) };
        let fits = count.checked_mul(size)? <= room;
        let at = match (fits, self.wide) {
            (true, _) => inline,
            (false, true) => self.u64(inline)?,
            (false, false) => u64::from(self.u32(inline)?),
        };
        Some((count, at))
    }

    fn u16(&self, at: u64) -> Option<u16> {
        let at = usize::try_from(at).ok()?;
        if self.big_endian { be16(self.bytes, at) } else { le16(self.bytes, at) }
    }

    fn u32(&self, at: u64) -> Option<u32> {
        let at = usize::try_from(at).ok()?;
        if self.big_endian { be32(self.bytes, at) } else { le32(self.bytes, at) }
    }

    fn u64(&self, at: u64) -> Option<u64> {
        let (first, second) = (u64::from(self.u32(at)?), u64::from(self.u32(at.checked_add(4)?)?));
        Some(if self.big_endian { first << 32 | second } else { second << 32 | first })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// EXIF data with one entry: the orientation, of any type.
    fn exif(order: &[u8; 2], kind: u16, value: u32) -> Vec<u8> {
        let big = order == b"MM";
        let short = |v: u16| if big { v.to_be_bytes() } else { v.to_le_bytes() };
        let long = |v: u32| if big { v.to_be_bytes() } else { v.to_le_bytes() };
        // A short or a byte stands at the start of its four bytes, whatever the byte order.
        let field = match kind {
            1 => [value as u8, 0, 0, 0],
            3 => [short(value as u16), [0, 0]].concat().try_into().expect("four bytes"),
            _ => long(value),
        };
        let mut bytes = [order.as_slice(), &short(42), &long(8), &short(1)].concat();
        bytes.extend([short(ORIENTATION), short(kind)].concat());
        bytes.extend([long(1), field, long(0)].concat());
        bytes
    }

    #[test]
    fn orientation_is_1_to_8_or_else_1() {
        #[rustfmt::skip]
        let cases = [
            (b"II", 3, 1, 1), (b"II", 3, 6, 6), (b"MM", 3, 6, 6), (b"MM", 3, 8, 8),
            (b"II", 3, 0, 1), (b"II", 3, 9, 1), (b"MM", 3, 256, 1), (b"II", 3, 65535, 1),
            (b"II", 4, 5, 5), (b"MM", 4, 5, 5), (b"II", 1, 3, 3), (b"MM", 1, 3, 3),
            (b"II", 2, 6, 1), // text
            (b"II", 4, 0x0001_0006, 1),
        ];
        for (order, kind, value, expected) in cases {
            let bytes = exif(order, kind, value);
            assert_eq!(exif_orientation(&bytes), expected, "{} type {kind} value {value}", order.escape_ascii());
            assert_eq!(exif_orientation(&[b"Exif\0\0", bytes.as_slice()].concat()), expected);
            for cut in 0..bytes.len() {
                let got = exif_orientation(&bytes[..cut]);
                assert!(got == 1 || got == expected, "cut at {cut}");
            }
        }
    }

    #[test]
    fn offsets_at_the_end_of_the_number_range_are_no_panic() {
        let mut wide = b"II+\0\x08\0\0\0".to_vec();
        wide.extend(u64::MAX.to_le_bytes());
        let tiff = Tiff::open(&wide).expect("a BigTIFF header");
        assert_eq!(tiff.first().and_then(|ifd| tiff.number(ifd, 256)), None);
        assert_eq!(tiff.first().and_then(|ifd| tiff.next(ifd)), None);
    }
}
