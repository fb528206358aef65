//! BMP: the second header, of whichever generation (Microsoft: "Bitmap Header Types").

use super::super::at::{le16, le32};
use super::super::reject::Reject;
use super::super::sniff::SourceFormat;
use super::{Embedded, Header};

pub(super) fn read(bytes: &[u8]) -> Result<Option<Header>, Reject> {
    let old = le32(bytes, 14) == Some(12);
    let sides = if old {
        (le16(bytes, 18).map(i32::from), le16(bytes, 20).map(i32::from), le16(bytes, 24))
    } else {
        (le32(bytes, 18).map(u32::cast_signed), le32(bytes, 22).map(u32::cast_signed), le16(bytes, 28))
    };
    let (Some(width), Some(height), Some(bits)) = sides else { return Ok(None) };
    // A negative height means that rows start at the top.
    let mut header = Header::new(SourceFormat::Bmp, width.max(0).unsigned_abs(), height.unsigned_abs())?;
    header.channels = if bits == 32 { 4 } else { 3 };
    header.profile = profile(bytes);
    Ok(Some(header))
}

/// A profile inside the file, of which only the fifth generation of the header tells: its offset counts from that header.
fn profile(bytes: &[u8]) -> Option<Embedded> {
    const SECOND_HEADER: usize = 14;
    let is_embedded = le32(bytes, 14) == Some(124) && le32(bytes, SECOND_HEADER + 56) == Some(u32::from_be_bytes(*b"MBED"));
    let (offset, size) = (le32(bytes, SECOND_HEADER + 112)?, le32(bytes, SECOND_HEADER + 116)?);
    let start = SECOND_HEADER.checked_add(offset as usize)?;
    is_embedded.then(|| Embedded::plain(start..start.saturating_add(size as usize)))
}
