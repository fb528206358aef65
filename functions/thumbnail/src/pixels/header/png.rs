//! PNG: the image header and a walk over the chunk lengths (W3C PNG third edition §5.3, §11).

use super::super::at::{be32, is_at, u8_at};
use super::super::ifd::exif_orientation;
use super::super::reject::Reject;
use super::super::sniff::SourceFormat;
use super::{Coding, Embedded, Header};

pub(super) fn read(bytes: &[u8]) -> Result<Option<Header>, Reject> {
    if bytes.len() < 33 {
        return Ok(None);
    }
    if !is_at(bytes, 12, b"IHDR") {
        return Err(Reject::corrupt(SourceFormat::Png, "the first chunk is not IHDR"));
    }
    let (width, height) = (be32(bytes, 16).unwrap_or(0), be32(bytes, 20).unwrap_or(0));
    let mut header = Header::new(SourceFormat::Png, width, height)?;
    header.depth = if u8_at(bytes, 24) == Some(16) { 16 } else { 8 };
    header.channels = match u8_at(bytes, 25) {
        Some(0) => 1,
        Some(2 | 3) => 3,
        Some(4) => 2,
        Some(6) => 4,
        other => return Err(Reject::corrupt(SourceFormat::Png, format!("colour type {other:?}"))),
    };
    header.coding = Coding::Png { interlaced: u8_at(bytes, 28) == Some(1) };
    let mut at = 33;
    while let (Some(length), Some(name)) = (be32(bytes, at), bytes.get(at.saturating_add(4)..at.saturating_add(8))) {
        let data = at + 8;
        let end = data.saturating_add(length as usize);
        match name {
            // A transparent colour becomes an alpha channel.
            b"tRNS" if matches!(header.channels, 1 | 3) => header.channels += 1,
            b"iCCP" if header.profile.is_none() => header.profile = profile(bytes, data, end),
            b"acTL" => header.frames = be32(bytes, data).unwrap_or(1).max(1),
            b"eXIf" => header.orientation = bytes.get(data..end).map_or(1, exif_orientation),
            b"IEND" => break,
            _ => {}
        }
        at = end.saturating_add(4);
    }
    Ok(Some(header))
}

/// The profile in an iCCP chunk (PNG §11.3.2.3): a name of at most 79 bytes, a zero, the method (zero), and zlib data.
fn profile(bytes: &[u8], data: usize, end: usize) -> Option<Embedded> {
    let name = bytes.get(data..end.min(data.saturating_add(80)).min(bytes.len()))?.iter().position(|byte| *byte == 0)?;
    let zlib = data + name + 2;
    (zlib < end).then(|| Embedded::deflated(zlib..end))
}
