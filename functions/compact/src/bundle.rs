//! A bundle: log objects as they came, one after the other, compressed. What is collected until a window closes.
//!
//! One ZSTD frame: a header (its length as u32, then JSON with `"v"`), then for each log object the length of its place as
//! u32, the place (`bucket/key`), the length of its bytes as u64, the bytes. Numbers are little-endian.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};
use zstd::stream::{read::Decoder, write::Encoder};

/// The format's version, and the newest that is read.
const VERSION: u32 = 1;
/// ZSTD's level: the default is a fifth smaller than 1, and faster than what reads it again.
const LEVEL: i32 = 3;
/// A place has a bucket's name (or an access point's ARN) and a key of 1,024 bytes.
const PLACE_MAX: u32 = 4096;
/// Of the header.
const HEADER_MAX: u32 = 64 * 1024;

#[derive(Serialize, Deserialize)]
struct Header {
    v: u32,
}

/// Writes a bundle into memory.
pub(crate) struct BundleWriter(Encoder<'static, Vec<u8>>);

impl BundleWriter {
    /// An empty bundle.
    ///
    /// # Errors
    /// ZSTD has no memory.
    pub(crate) fn new() -> io::Result<Self> {
        let mut encoder = Encoder::new(Vec::new(), LEVEL)?;
        let header = serde_json::to_vec(&Header { v: VERSION })?;
        encoder.write_all(&length(header.len())?.to_le_bytes())?;
        encoder.write_all(&header)?;
        Ok(Self(encoder))
    }

    /// Adds a log object; `place` is its bucket, a slash and its key.
    ///
    /// # Errors
    /// As [`BundleWriter::new`].
    pub(crate) fn add(&mut self, place: &str, body: &[u8]) -> io::Result<()> {
        self.0.write_all(&length(place.len())?.to_le_bytes())?;
        self.0.write_all(place.as_bytes())?;
        self.0.write_all(&(body.len() as u64).to_le_bytes())?;
        self.0.write_all(body)
    }

    /// The bundle's bytes.
    ///
    /// # Errors
    /// As [`BundleWriter::new`].
    pub(crate) fn finish(self) -> io::Result<Vec<u8>> {
        self.0.finish()
    }
}

fn length(bytes: usize) -> io::Result<u32> {
    u32::try_from(bytes).map_err(|_| damaged("a length over 4 GiB"))
}

/// Why a bundle was not read to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BundleError<E> {
    /// It is none, or not all of one. Log objects before the damage were handed over.
    #[error("not a readable bundle: {0}")]
    Damaged(#[from] io::Error),
    /// A newer version wrote it.
    #[error("a bundle of format {0}; {VERSION} is the newest that is known here")]
    Newer(u32),
    /// What was called with a log object has failed.
    #[error(transparent)]
    Each(E),
}

/// Calls `each` with the place and the bytes of every log object, in their order. What `each` leaves unread is passed over.
///
/// # Errors
/// What is read is no bundle, or a newer one, or `each` has failed.
pub(crate) fn read_bundle<E>(
    bundle: &[u8],
    mut each: impl FnMut(&str, &mut dyn Read) -> Result<(), E>,
) -> Result<(), BundleError<E>> {
    let mut reader = Decoder::new(bundle)?;
    let header = bytes(&mut reader, HEADER_MAX)?.ok_or_else(|| damaged("no header"))?;
    let header: Header = serde_json::from_slice(&header).map_err(|_| damaged("no header"))?;
    if header.v > VERSION {
        return Err(BundleError::Newer(header.v));
    }
    while let Some(place) = bytes(&mut reader, PLACE_MAX)? {
        let place = String::from_utf8(place).map_err(|_| damaged("a place that is not UTF-8"))?;
        let mut length = [0; 8];
        reader.read_exact(&mut length)?;
        let mut body = (&mut reader).take(u64::from_le_bytes(length));
        each(&place, &mut body).map_err(BundleError::Each)?;
        io::copy(&mut body, &mut io::sink())?;
        if body.limit() > 0 {
            return Err(damaged("cut off").into());
        }
    }
    Ok(())
}

/// Bytes with their length before them; `None` at the end of the bundle.
fn bytes(reader: &mut impl Read, max: u32) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match reader.read(&mut length)? {
        0 => return Ok(None),
        n => reader.read_exact(length.get_mut(n..).unwrap_or_default())?,
    }
    let length = u32::from_le_bytes(length);
    if length > max {
        return Err(damaged("a length beyond its bound"));
    }
    let mut bytes = vec![0; length as usize];
    reader.read_exact(&mut bytes)?;
    Ok(Some(bytes))
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bundle as version 1 wrote it, with the log object `logs/a` of the bytes `one\n`.
    const VERSION_1: &[u8] = include_bytes!("../tests/fixtures/bundle-v1.zst");

    fn read(bundle: &[u8]) -> Result<Vec<(String, Vec<u8>)>, BundleError<io::Error>> {
        let mut found = Vec::new();
        read_bundle(bundle, |place, body| {
            let mut bytes = Vec::new();
            body.read_to_end(&mut bytes)?;
            found.push((place.to_owned(), bytes));
            Ok(())
        })?;
        Ok(found)
    }

    fn bundle(logs: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = BundleWriter::new().unwrap();
        logs.iter().for_each(|(place, body)| writer.add(place, body).unwrap());
        writer.finish().unwrap()
    }

    #[test]
    fn what_is_put_in_comes_out() {
        for logs in
            [vec![], vec![("logs/a", b"".as_slice())], vec![("logs/a", b"one\n".as_slice()), ("logs/b c", b"two\n\xff")]]
        {
            let expected: Vec<(String, Vec<u8>)> =
                logs.iter().map(|(place, body)| ((*place).to_owned(), body.to_vec())).collect();
            assert_eq!(read(&bundle(&logs)).unwrap(), expected);
        }
    }

    #[test]
    fn what_a_reader_leaves_is_passed_over() {
        let mut places = Vec::new();
        read_bundle(&bundle(&[("a", b"long"), ("b", b"")]), |place, _| {
            places.push(place.to_owned());
            Ok::<_, io::Error>(())
        })
        .unwrap();
        assert_eq!(places, ["a", "b"]);
    }

    #[test]
    fn what_version_1_wrote_is_read() {
        assert_eq!(read(VERSION_1).unwrap(), [("logs/a".to_owned(), b"one\n".to_vec())]);
    }

    #[test]
    fn what_a_newer_version_wrote_is_not_taken_for_damage() {
        let header = br#"{"v":2}"#;
        let text = [(header.len() as u32).to_le_bytes().as_slice(), header].concat();
        let error = read(&zstd::encode_all(text.as_slice(), 1).unwrap()).unwrap_err();
        assert!(matches!(error, BundleError::Newer(2)), "{error}");
    }

    #[test]
    fn damage_is_an_error_wherever_it_is() {
        let whole = bundle(&[("logs/a", b"one\n"), ("logs/b", b"two\n")]);
        for cut in 0..whole.len() {
            assert!(read(&whole[..cut]).is_err(), "cut at {cut} of {}", whole.len());
        }
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x55;
            // Without a panic; what ZSTD can't tell is still bounded.
            let _ = read(&damaged);
        }
    }
}
