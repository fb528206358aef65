//! GIF: the logical screen and a walk over the blocks (GIF89a §17 to §27).

use super::super::at::{le16, u8_at};
use super::super::reject::Reject;
use super::super::sniff::SourceFormat;
use super::Header;

pub(super) fn read(bytes: &[u8]) -> Result<Option<Header>, Reject> {
    let (Some(width), Some(height), Some(flags)) = (le16(bytes, 6), le16(bytes, 8), u8_at(bytes, 10)) else {
        return Ok(None);
    };
    let mut header = Header::new(SourceFormat::Gif, u32::from(width), u32::from(height))?;
    // The decoder always gives an alpha channel.
    header.channels = 4;
    let mut frames = 0u32;
    let mut at = 13 + table(flags);
    loop {
        match u8_at(bytes, at) {
            Some(0x2C) => {
                frames = frames.saturating_add(1);
                if frames == 1 {
                    first_frame(bytes, at, &header)?;
                }
                let Some(flags) = u8_at(bytes, at + 9) else { break };
                at = after_blocks(bytes, at + 10 + table(flags) + 1);
            }
            Some(0x21) => at = after_blocks(bytes, at + 2),
            _ => break,
        }
    }
    header.frames = frames.max(1);
    Ok(Some(header))
}

/// A frame that is larger than the screen would make the decoder allocate what the screen size doesn't show.
fn first_frame(bytes: &[u8], at: usize, screen: &Header) -> Result<(), Reject> {
    let (Some(width), Some(height)) = (le16(bytes, at + 5), le16(bytes, at + 7)) else { return Ok(()) };
    let (width, height) = (u32::from(width), u32::from(height));
    if u64::from(width) * u64::from(height) > u64::from(screen.width) * u64::from(screen.height) {
        let detail = format!("a frame of {width}x{height} pixels on a screen of {}x{}", screen.width, screen.height);
        return Err(Reject::corrupt(SourceFormat::Gif, detail));
    }
    Ok(())
}

/// Bytes of the colour table that the flags announce.
fn table(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

/// The offset after a chain of data blocks, which ends with an empty one.
fn after_blocks(bytes: &[u8], mut at: usize) -> usize {
    while let Some(length) = u8_at(bytes, at) {
        at += 1 + usize::from(length);
        if length == 0 {
            break;
        }
    }
    at
}
