//! Where a file keeps its colour profile (ICC.1:2022 annex B says how each format embeds one).

use super::super::reject::Reject;
use std::borrow::Cow;
use std::ops::Range;

/// Bytes of the largest colour profile that is read, and the most that one may inflate to. Profiles of displays have a
/// few hundred bytes, those of printing presses up to about 3 MB.
pub const MAX_PROFILE: usize = 4 << 20;

/// How much DEFLATE can expand at most (RFC 1951: 258 bytes for two bits).
const MAX_EXPANSION: usize = 1032;

/// An embedded profile, as places in the file: nothing is copied until the limits are known to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Embedded {
    pieces: Vec<Range<usize>>,
    deflated: bool,
    /// What is wrong with the way it is embedded, so that it can't be read.
    damage: Option<&'static str>,
}

impl Embedded {
    /// A profile in one piece.
    pub(super) fn plain(place: Range<usize>) -> Self {
        Self { pieces: vec![place], ..Self::default() }
    }

    /// A profile in one piece, compressed with zlib.
    pub(super) fn deflated(place: Range<usize>) -> Self {
        Self { pieces: vec![place], deflated: true, ..Self::default() }
    }

    /// Pieces with the number and the count that each of them tells, in any order.
    pub(super) fn numbered(mut pieces: Vec<(u8, u8, Range<usize>)>) -> Self {
        pieces.sort_by_key(|(number, _, _)| *number);
        let count = pieces.len();
        let complete =
            pieces.iter().zip(1..).all(|((number, of, _), due)| (usize::from(*number), usize::from(*of)) == (due, count));
        let damage = (!complete).then_some("its pieces are not complete");
        Self { pieces: pieces.into_iter().map(|(_, _, place)| place).collect(), deflated: false, damage }
    }

    /// Bytes that it has, or can inflate to, at most [`MAX_PROFILE`].
    pub(in super::super) fn most(&self) -> u64 {
        let expansion = if self.deflated { MAX_EXPANSION } else { 1 };
        self.stored().saturating_mul(expansion).min(MAX_PROFILE) as u64
    }

    /// The profile's bytes; the inner error says why there are none.
    ///
    /// # Errors
    ///
    /// More bytes than [`MAX_PROFILE`], told before they are copied.
    pub(in super::super) fn bytes<'a>(&self, file: &'a [u8]) -> Result<Result<Cow<'a, [u8]>, &'static str>, Reject> {
        self.check()?;
        if let Some(damage) = self.damage {
            return Ok(Err(damage));
        }
        let pieces = self.pieces.iter().map(|place| file.get(place.clone()));
        let Some(pieces) = pieces.collect::<Option<Vec<&[u8]>>>() else { return Ok(Err("it is cut off")) };
        match pieces.as_slice() {
            [deflated] if self.deflated => inflate(deflated),
            [plain] => Ok(Ok(Cow::Borrowed(plain))),
            _ => Ok(Ok(Cow::Owned(pieces.concat()))),
        }
    }

    /// The limit on stored bytes, for admission.
    pub(in super::super) fn check(&self) -> Result<(), Reject> {
        match self.stored() {
            stored if stored > MAX_PROFILE => Err(too_large(stored)),
            _ => Ok(()),
        }
    }

    fn stored(&self) -> usize {
        self.pieces.iter().map(|piece| piece.len()).fold(0, usize::saturating_add)
    }
}

fn inflate(deflated: &[u8]) -> Result<Result<Cow<'static, [u8]>, &'static str>, Reject> {
    use miniz_oxide::inflate::{TINFLStatus, decompress_to_vec_zlib_with_limit};
    match decompress_to_vec_zlib_with_limit(deflated, MAX_PROFILE) {
        Ok(bytes) => Ok(Ok(Cow::Owned(bytes))),
        Err(error) if error.status == TINFLStatus::HasMoreOutput => Err(too_large(MAX_PROFILE + 1)),
        Err(_) => Ok(Err("it does not inflate")),
    }
}

fn too_large(bytes: usize) -> Reject {
    Reject::ProfileTooLarge { bytes: bytes as u64, limit: MAX_PROFILE as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_put_together_by_their_numbers() {
        let file = b"..world..hello ";
        #[rustfmt::skip]
        let cases = [
            (vec![(1, 1, 2..7)],                           Ok("world")),
            (vec![(2, 2, 2..7), (1, 2, 9..15)],            Ok("hello world")),
            (vec![(1, 2, 9..15)],                          Err("its pieces are not complete")),
            (vec![(1, 2, 9..15), (1, 2, 9..15)],           Err("its pieces are not complete")),
            (vec![(0, 0, 9..15)],                          Err("its pieces are not complete")),
            (vec![(1, 1, 9..99)],                          Err("it is cut off")),
        ];
        for (pieces, expected) in cases {
            let got = Embedded::numbered(pieces.clone()).bytes(file).expect("small");
            assert_eq!(got.map(|bytes| bytes.into_owned()), expected.map(|text| text.as_bytes().to_vec()), "{pieces:?}");
        }
    }

    #[test]
    fn a_profile_over_the_limit_is_told_before_it_is_copied() {
        let limit = MAX_PROFILE as u64;
        let stored = Embedded::plain(0..MAX_PROFILE + 1).bytes(b"");
        assert_eq!(stored, Err(Reject::ProfileTooLarge { bytes: limit + 1, limit }));
        let bomb = miniz_oxide::deflate::compress_to_vec_zlib(&vec![0; 3 * MAX_PROFILE], 9);
        assert!(bomb.len() < 32 * 1024, "{} bytes", bomb.len());
        let inflated = Embedded::deflated(0..bomb.len()).bytes(&bomb);
        assert_eq!(inflated, Err(Reject::ProfileTooLarge { bytes: limit + 1, limit }));
        let exact = miniz_oxide::deflate::compress_to_vec_zlib(&vec![7; MAX_PROFILE], 9);
        let inflated = Embedded::deflated(0..exact.len()).bytes(&exact).expect("at the limit");
        assert_eq!(inflated.map(|bytes| bytes.len()), Ok(MAX_PROFILE));
    }
}
