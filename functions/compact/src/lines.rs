//! Any reader into pieces of whole lines, over one buffer that is used again and again.

use std::io::{self, Read};

use memchr::{memchr, memrchr};

/// Bytes of a line, without its break. A longer one is a reject, of which the first `MAX_LINE` bytes are kept. (S3 bounds
/// neither line nor header; its whole request head is far below this.)
pub const MAX_LINE: usize = 128 << 10;

/// How much is asked of the reader at once.
const PIECE: usize = 1 << 20;

/// What the reader gave next.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Whole lines, each ended by `\n` but perhaps the last one of all. Those that fit the buffer may be too long as well.
    Lines(&'a [u8]),
    /// The first `MAX_LINE` bytes of a longer line, of which nothing else comes.
    TooLong(&'a [u8]),
}

/// Splits readers at line breaks. Keeps `MAX_LINE` and one piece in memory, whatever the reader gives.
#[derive(Debug, Default)]
pub struct LineReader {
    buffer: Vec<u8>,
}

impl LineReader {
    /// Reads to the end, and hands over every line exactly once, in order. Stops at the first error of `take`; and at the first
    /// one of the reader, when the whole lines before it are handed over.
    pub fn read<E: From<io::Error>>(
        &mut self,
        mut reader: impl Read,
        mut take: impl FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.buffer.resize(MAX_LINE + PIECE, 0);
        // `filled` bytes wait for the end of their line; or the rest of a line that was too long is being skipped.
        let (mut filled, mut skipping) = (0, false);
        loop {
            let room = self.buffer.get_mut(filled..).unwrap_or_default();
            let (got, failed) = fill(&mut reader, room);
            let at_end = got == 0 && failed.is_none();
            let mut text = self.buffer.get(..filled + got).unwrap_or_default();
            if skipping {
                // While a line is skipped nothing else is kept, so all of `text` is new.
                match memchr(b'\n', text) {
                    Some(at) => (text, skipping) = (text.get(at + 1..).unwrap_or_default(), false),
                    None => text = &[],
                }
            }
            let ended = if at_end { text.len() } else { memrchr(b'\n', text).map_or(0, |at| at + 1) };
            let (lines, rest) = text.split_at_checked(ended).unwrap_or((text, &[]));
            if !lines.is_empty() {
                take(Piece::Lines(lines))?;
            }
            if let Some(error) = failed {
                return Err(error.into());
            }
            if at_end {
                return Ok(());
            }
            let mut kept = rest.len();
            if kept > MAX_LINE + 1 {
                take(Piece::TooLong(rest.get(..MAX_LINE).unwrap_or(rest)))?;
                (kept, skipping) = (0, true);
            }
            let from = filled + got - rest.len();
            self.buffer.copy_within(from..from + kept, 0);
            filled = kept;
        }
    }
}

/// Reads until there is no room or no more, so that pieces are the same however the reader hands over its bytes. How many bytes
/// came, and the error behind them.
fn fill(reader: &mut impl Read, mut room: &mut [u8]) -> (usize, Option<io::Error>) {
    let all = room.len();
    while !room.is_empty() {
        match reader.read(room) {
            Ok(0) => break,
            Ok(got) => room = room.get_mut(got..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (all - room.len(), Some(error)),
        }
    }
    (all - room.len(), None)
}

/// The lines of a piece, without their `\n`.
pub fn split(piece: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = piece;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (line, after) = match memchr(b'\n', rest).and_then(|at| rest.split_at_checked(at)) {
            Some((line, after)) => (line, after.get(1..).unwrap_or_default()),
            None => (rest, &[][..]),
        };
        rest = after;
        Some(line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a few bytes at a time, and is interrupted now and then.
    struct Dripping<'a>(&'a [u8], usize, bool);

    impl Read for Dripping<'_> {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            self.2 = !self.2;
            if self.2 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let n = self.0.len().min(self.1).min(room.len());
            let (now, later) = self.0.split_at(n);
            room[..n].copy_from_slice(now);
            self.0 = later;
            Ok(n)
        }
    }

    fn lines(text: &[u8], step: usize) -> Vec<(bool, Vec<u8>)> {
        let mut found = Vec::new();
        let mut reader = LineReader::default();
        for _ in 0..2 {
            // The second time over a buffer that the first one has filled.
            found.clear();
            let take = |piece: Piece<'_>| {
                match piece {
                    Piece::Lines(piece) => found.extend(split(piece).map(|line| (true, line.to_vec()))),
                    Piece::TooLong(line) => found.push((false, line.to_vec())),
                }
                Ok::<_, io::Error>(())
            };
            reader.read(Dripping(text, step, false), take).unwrap();
        }
        found
    }

    #[test]
    fn lines_are_the_same_however_the_reader_gives_them() {
        let text = b"one\n\ntwo\r\n\xff\xfe\nlast without an end";
        let expected: Vec<_> = text.split(|b| *b == b'\n').map(|line| (true, line.to_vec())).collect();
        for step in [1, 2, 3, 7, 1000] {
            assert_eq!(lines(text, step), expected, "{step} bytes at a time");
        }
        assert!(lines(b"", 1).is_empty());
        assert_eq!(lines(b"\n", 1), [(true, vec![])]);
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_and_the_next_one_is_whole() {
        let long = vec![b'x'; 3 * (MAX_LINE + PIECE)];
        let text = [b"before\n", &long[..], b"\nafter\n", &long[..]].concat();
        for step in [4096, PIECE, usize::MAX] {
            let found: Vec<_> = lines(&text, step).into_iter().map(|(whole, line)| (whole, line.len())).collect();
            assert_eq!(found, [(true, 6), (false, MAX_LINE), (true, 5), (false, MAX_LINE)], "{step} bytes at a time");
        }
    }

    #[test]
    fn an_error_of_the_reader_comes_behind_the_whole_lines_before_it() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("gone"))
            }
        }
        for (text, expected) in [("", 0), ("cut", 0), ("one\ntwo\ncut", 2), ("one\ntwo\n", 2)] {
            let mut found = 0;
            let read = LineReader::default().read(text.as_bytes().chain(Broken), |piece| {
                found += if let Piece::Lines(lines) = piece { split(lines).count() } else { 0 };
                Ok::<_, io::Error>(())
            });
            assert_eq!((read.unwrap_err().to_string(), found), ("gone".to_owned(), expected), "{text:?}");
        }
    }
}
