//! An object's bytes: shared slices, never copied on their way in or out.

use bytes::Bytes;
use futures::StreamExt;

use super::super::{Body, Range, Result};
use super::refusal::{Ask, INVALID_RANGE};

/// A body arrives in pieces of this many bytes at most, so that consumers meet chunk borders.
const PIECE: usize = 64 * 1024;

/// The bytes of an object or of a part, as the chunks in which they were uploaded.
#[derive(Clone, Default)]
pub(super) struct Content {
    chunks: Vec<Bytes>,
    size: u64,
}

impl Content {
    /// All of `parts` in their order.
    pub(super) fn concat<'a>(parts: impl IntoIterator<Item = &'a Content>) -> Self {
        let mut all = Self::default();
        for part in parts {
            all.size += part.size;
            all.chunks.extend(part.chunks.iter().cloned());
        }
        all
    }

    /// In bytes.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// For digests.
    pub(super) fn chunks(&self) -> &[Bytes] {
        &self.chunks
    }

    /// The bytes from `first` to `last`, both inclusive and inside of the content.
    pub(super) fn slice(&self, first: u64, last: u64) -> Self {
        let mut begin = 0;
        let mut slice = Self::default();
        for chunk in &self.chunks {
            let end = begin + chunk.len() as u64;
            let (from, to) = (first.max(begin), last.saturating_add(1).min(end));
            if from < to {
                slice.chunks.push(chunk.slice((from - begin) as usize..(to - begin) as usize));
                slice.size += to - from;
            }
            begin = end;
        }
        slice
    }

    /// The bytes as a stream of pieces.
    pub(super) fn into_body(self) -> Body {
        let pieces = self.chunks.into_iter().flat_map(|mut chunk| {
            std::iter::from_fn(move || (!chunk.is_empty()).then(|| chunk.split_to(chunk.len().min(PIECE))))
        });
        futures::stream::iter(pieces.map(Ok)).boxed()
    }
}

impl From<Bytes> for Content {
    fn from(bytes: Bytes) -> Self {
        Self { size: bytes.len() as u64, chunks: vec![bytes] }
    }
}

/// First and last byte of what `range` asks for in an object of `size` bytes; `None` is the whole object.
///
/// A range whose last byte is before its first is no range and is ignored (RFC 9110, 14.1.1); one that begins behind the
/// end, or asks for the last 0 bytes, cannot be satisfied.
pub(super) fn resolve(ask: Ask<'_>, range: Option<Range>, size: u64) -> Result<Option<(u64, u64)>> {
    let (first, last) = match range {
        None => return Ok(None),
        Some(Range::FromTo(first, last)) if last < first => return Ok(None),
        Some(Range::FromTo(first, last)) => (first, last),
        Some(Range::From(first)) => (first, u64::MAX),
        Some(Range::Last(0)) => return Err(ask.refused(INVALID_RANGE)),
        Some(Range::Last(n)) => (size.saturating_sub(n), u64::MAX),
    };
    if first >= size {
        return Err(ask.refused(INVALID_RANGE));
    }
    Ok(Some((first, last.min(size - 1))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_resolve_as_http_has_them() {
        // One line per case: range, size, expected (None = 416).
        let cases = [
            (Range::FromTo(0, 0), 10, Some(Some((0, 0)))),
            (Range::FromTo(2, 99), 10, Some(Some((2, 9)))),
            (Range::FromTo(5, 2), 10, Some(None)),
            (Range::FromTo(10, 12), 10, None),
            (Range::From(9), 10, Some(Some((9, 9)))),
            (Range::From(10), 10, None),
            (Range::Last(3), 10, Some(Some((7, 9)))),
            (Range::Last(30), 10, Some(Some((0, 9)))),
            (Range::Last(0), 10, None),
            (Range::Last(1), 0, None),
            (Range::From(0), 0, None),
        ];
        for (range, size, expected) in cases {
            assert_eq!(resolve(Ask::new("GetObject", &"s3://b/k"), Some(range), size).ok(), expected, "{range} of {size}");
        }
    }

    #[test]
    fn a_slice_crosses_chunk_borders() {
        let parts = ["abc", "", "defg", "h"].map(|text| Content::from(Bytes::from_static(text.as_bytes())));
        let all = Content::concat(&parts);
        let text = |c: &Content| String::from_utf8(c.chunks().concat()).unwrap();
        assert_eq!((all.size(), text(&all).as_str()), (8, "abcdefgh"));
        assert_eq!(text(&all.slice(2, 3)), "cd");
        assert_eq!(text(&all.slice(0, 7)), "abcdefgh");
        assert_eq!(all.slice(2, 7).size(), 6);
    }
}
