//! WebP: the RIFF chunks (RFC 9649 §2) and the sizes inside the bitstreams (RFC 6386 §9.1, RFC 9649 §3.4).

use super::super::at::{is_at, le16, le24, le32, u8_at};
use super::super::ifd::exif_orientation;
use super::super::reject::Reject;
use super::super::sniff::SourceFormat;
use super::{Embedded, Header};
use std::ops::Range;

pub(super) fn read(bytes: &[u8]) -> Result<Option<Header>, Reject> {
    let mut header: Option<Header> = None;
    let mut frames = 0u32;
    let mut chunks = Chunks::new(bytes, 12);
    while let Some((name, data)) = chunks.next() {
        match name {
            b"VP8X" if header.is_none() => {
                let (Some(width), Some(height)) = (le24(data, 4), le24(data, 7)) else { return Ok(None) };
                let mut canvas = Header::new(SourceFormat::Webp, width + 1, height + 1)?;
                canvas.channels = if u8_at(data, 0).unwrap_or(0) & 0x10 != 0 { 4 } else { 3 };
                header = Some(canvas);
            }
            b"VP8 " | b"VP8L" => {
                let Some((width, height, alpha)) = bitstream(name, data) else { break };
                header = Some(within(header, width, height, alpha)?);
            }
            b"ANMF" => {
                frames = frames.saturating_add(1);
                if frames == 1 {
                    header = first_frame(header, data)?;
                }
            }
            b"ICCP" => {
                if let Some(header) = &mut header {
                    header.profile.get_or_insert_with(|| Embedded::plain(chunks.place.clone()));
                }
            }
            b"EXIF" => {
                if let Some(header) = &mut header {
                    header.orientation = exif_orientation(data);
                }
            }
            _ => {}
        }
    }
    if let Some(header) = &mut header {
        header.frames = frames.max(1);
    }
    Ok(header)
}

/// The bitstreams inside an animation frame, after its 16 bytes of position and size.
fn first_frame(mut header: Option<Header>, data: &[u8]) -> Result<Option<Header>, Reject> {
    for (name, data) in Chunks::new(data, 16) {
        if let b"VP8 " | b"VP8L" = name
            && let Some((width, height, alpha)) = bitstream(name, data)
        {
            header = Some(within(header, width, height, alpha)?);
        }
    }
    Ok(header)
}

/// A bitstream must fit the canvas that was announced; without one it is the canvas.
fn within(header: Option<Header>, width: u32, height: u32, alpha: bool) -> Result<Header, Reject> {
    let mut header = match header {
        Some(canvas) if width > canvas.width || height > canvas.height => {
            let detail = format!("{width}x{height} pixels in a canvas of {}x{}", canvas.width, canvas.height);
            return Err(Reject::corrupt(SourceFormat::Webp, detail));
        }
        Some(canvas) => canvas,
        None => Header::new(SourceFormat::Webp, width, height)?,
    };
    if alpha {
        header.channels = 4;
    }
    Ok(header)
}

/// Width, height and whether there may be alpha.
fn bitstream(name: &[u8; 4], data: &[u8]) -> Option<(u32, u32, bool)> {
    if name == b"VP8L" {
        let bits = le32(data, 1).filter(|_| is_at(data, 0, b"\x2F"))?;
        return Some(((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bits >> 28 & 1 == 1));
    }
    let side = |at| le16(data, at).map(|side| u32::from(side & 0x3FFF));
    is_at(data, 3, b"\x9D\x01\x2A").then(|| Some((side(6)?, side(8)?, false))).flatten()
}

struct Chunks<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where the data of the chunk that was given last should be, whether or not the file reaches so far.
    place: Range<usize>,
}

impl<'a> Chunks<'a> {
    fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at, place: 0..0 }
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = (&'a [u8; 4], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let name = self.bytes.get(self.at..)?.first_chunk::<4>()?;
        let length = le32(self.bytes, self.at + 4)? as usize;
        let start = self.at + 8;
        let end = start.saturating_add(length);
        // A chunk that runs past the end is given as far as it goes: a prefix is enough to peek.
        let data = self.bytes.get(start..end.min(self.bytes.len()))?;
        self.place = start..end;
        self.at = end.saturating_add(length & 1);
        Some((name, data))
    }
}
