//! What a file says about itself, read by hand from its header: constant memory, and no decoder involved.

pub(super) mod jpeg;
pub(super) mod tiff;

mod bmp;
mod gif;
mod png;
mod profile;
mod webp;

use super::orient::swaps;
use super::reject::Reject;
use super::sniff::{SourceFormat, sniff};

pub(super) use profile::Embedded;
pub use profile::MAX_PROFILE;

/// What the header of a source says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header {
    /// The format, told by content.
    pub format: SourceFormat,
    /// Width in pixels as stored, before orientation.
    pub width: u32,
    /// Height in pixels as stored, before orientation.
    pub height: u32,
    /// EXIF orientation, 1..=8; 1 where there is none.
    pub orientation: u8,
    /// Samples of a decoded pixel, 1 to 4; 2 and 4 have alpha.
    pub channels: u8,
    /// Bits of a sample as the decoder gives it: 8, 16, 32 or 64.
    pub depth: u8,
    /// Frames or pages, as far as the given bytes show.
    pub frames: u32,
    /// Where the colour profile is, if there is one.
    pub(super) profile: Option<Embedded>,
    /// Facts that only one format has.
    pub(super) coding: Coding,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Jpeg(jpeg::Frame),
    Png { interlaced: bool },
    Tiff(tiff::Samples),
    Other,
}

impl Header {
    /// Width and height in pixels once the picture stands upright.
    pub fn upright_size(&self) -> (u32, u32) {
        if swaps(self.orientation) { (self.height, self.width) } else { (self.width, self.height) }
    }

    fn new(format: SourceFormat, width: u32, height: u32) -> Result<Self, Reject> {
        if width == 0 || height == 0 {
            return Err(Reject::corrupt(format, format!("the header says {width}x{height} pixels")));
        }
        let coding = Coding::Other;
        Ok(Self { format, width, height, orientation: 1, channels: 3, depth: 8, frames: 1, profile: None, coding })
    }
}

/// Reads the header of a source, or of its first bytes. `Ok(None)`: more bytes are needed to tell. What comes late in
/// a file (frames, scans, a PNG's or WebP's orientation) is known as far as the given bytes reach.
pub fn peek(source: &[u8]) -> Result<Option<Header>, Reject> {
    match sniff(source)? {
        SourceFormat::Jpeg => jpeg::read(source),
        SourceFormat::Png => png::read(source),
        SourceFormat::Webp => webp::read(source),
        SourceFormat::Gif => gif::read(source),
        SourceFormat::Bmp => bmp::read(source),
        SourceFormat::Tiff => tiff::read(source),
    }
}
