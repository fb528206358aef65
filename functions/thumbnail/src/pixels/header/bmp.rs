//! BMP: the second header, of whichever generation (Microsoft: "Bitmap Header Types").

use super::super::at::{le16, le32};
use super::super::reject::Reject;
use super::super::sniff::SourceFormat;
use super::Header;

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
    Ok(Some(header))
}
