//! TIFF: the first directory, and how many follow it (TIFF 6.0 §2, §8).

use super::super::ifd::{ORIENTATION, Tiff, orientation};
use super::super::reject::Reject;
use super::super::sniff::SourceFormat;
use super::Header;

const WIDTH: u16 = 256;
const HEIGHT: u16 = 257;
const BITS_PER_SAMPLE: u16 = 258;
const SAMPLES_PER_PIXEL: u16 = 277;
const DNG_VERSION: u16 = 50_706;

/// Directories that are counted. A chain may loop; this is where the count ends.
const MAX_PAGES: u32 = 65_536;

pub(super) fn read(bytes: &[u8]) -> Result<Option<Header>, Reject> {
    let Some(tiff) = Tiff::open(bytes) else { return Ok(None) };
    let Some(ifd) = tiff.first() else { return Ok(None) };
    let (Some(width), Some(height)) = (tiff.number(ifd, WIDTH), tiff.number(ifd, HEIGHT)) else { return Ok(None) };
    if tiff.number(ifd, DNG_VERSION).is_some() {
        return Err(Reject::Unsupported { format: "dng" });
    }
    let side = |side: u64| u32::try_from(side).unwrap_or(u32::MAX);
    let mut header = Header::new(SourceFormat::Tiff, side(width), side(height))?;
    header.orientation = tiff.number(ifd, ORIENTATION).map_or(1, orientation);
    header.channels = tiff.number(ifd, SAMPLES_PER_PIXEL).unwrap_or(1).clamp(1, 4) as u8;
    header.depth = match tiff.number(ifd, BITS_PER_SAMPLE).unwrap_or(1) {
        0..=8 => 8,
        9..=16 => 16,
        _ => 32,
    };
    let mut page = ifd;
    while let Some(next) = tiff.next(page)
        && header.frames < MAX_PAGES
    {
        header.frames += 1;
        page = next;
    }
    Ok(Some(header))
}
