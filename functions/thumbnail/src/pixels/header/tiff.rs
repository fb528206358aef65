//! TIFF: the first directory, and how many follow it (TIFF 6.0 §2, §8, §18 to §21).

use super::super::ifd::{ORIENTATION, Tiff, orientation};
use super::super::reject::Reject;
use super::super::sniff::SourceFormat;
use super::{Coding, Embedded, Header};
use std::ops::Range;

const WIDTH: u16 = 256;
const HEIGHT: u16 = 257;
const BITS_PER_SAMPLE: u16 = 258;
const COMPRESSION: u16 = 259;
const PHOTOMETRIC: u16 = 262;
const FILL_ORDER: u16 = 266;
const SAMPLES_PER_PIXEL: u16 = 277;
const COLOUR_MAP: u16 = 320;
const INK_SET: u16 = 332;
const EXTRA_SAMPLES: u16 = 338;
const SUBSAMPLING: u16 = 530;
const PROFILE: u16 = 34_675;
const DNG_VERSION: u16 = 50_706;

const JPEG: u64 = 7;
const CMYK: u64 = 1;

/// Directories that are counted. A chain may loop; this is where the count ends.
const MAX_PAGES: u32 = 65_536;
/// Samples of a pixel, those that are skipped included.
const MAX_SAMPLES: u64 = 16;

/// What the samples of the first page mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Samples {
    pub(in super::super) colour: Colour,
    /// Where the number stands that says so, and the byte order.
    pub(in super::super) photometric_at: usize,
    pub(in super::super) big_endian: bool,
    pub(in super::super) alpha: Option<Alpha>,
    /// Samples of a pixel, 1 to [`MAX_SAMPLES`]; what comes after colours and alpha means nothing here.
    pub(in super::super) count: usize,
    /// Bits of a sample as stored.
    pub(in super::super) bits: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Colour {
    /// 0 is white.
    Negative,
    Gray,
    Rgb,
    /// Where the palette is: all reds, all greens, all blues, 16 bits each.
    Palette(Range<usize>),
    Cmyk,
    YCbCr,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Alpha {
    /// The colours are multiplied by it.
    Associated,
    Straight,
}

pub(super) fn read(bytes: &[u8]) -> Result<Option<Header>, Reject> {
    let Some(tiff) = Tiff::open(bytes) else { return Ok(None) };
    let Some(ifd) = tiff.first() else { return Ok(None) };
    let (Some(width), Some(height)) = (tiff.number(ifd, WIDTH), tiff.number(ifd, HEIGHT)) else { return Ok(None) };
    if let Some(ambiguity) = tiff.ambiguity(ifd) {
        return Err(Reject::corrupt(SourceFormat::Tiff, ambiguity));
    }
    if tiff.number(ifd, DNG_VERSION).is_some() {
        return Err(Reject::Unsupported { format: "dng" });
    }
    let side = |side: u64| u32::try_from(side).unwrap_or(u32::MAX);
    let mut header = Header::new(SourceFormat::Tiff, side(width), side(height))?;
    let Some(samples) = samples(&tiff, ifd)? else { return Ok(None) };
    header.orientation = tiff.number(ifd, ORIENTATION).map_or(1, orientation);
    header.channels = samples.colour.channels() + u8::from(samples.alpha.is_some());
    header.depth = match samples.bits {
        0..=8 => 8,
        9..=16 => 16,
        17..=32 => 32,
        _ => 64,
    };
    header.coding = Coding::Tiff(samples);
    header.profile = tiff.place(ifd, PROFILE).map(Embedded::plain);
    let mut page = ifd;
    while let Some(next) = tiff.next(page)
        && header.frames < MAX_PAGES
    {
        header.frames += 1;
        page = next;
    }
    Ok(Some(header))
}

impl Colour {
    /// Samples that it has in the file.
    pub(in super::super) fn samples(&self) -> usize {
        match self {
            Self::Negative | Self::Gray | Self::Palette(_) => 1,
            Self::Rgb | Self::YCbCr => 3,
            Self::Cmyk => 4,
        }
    }

    /// Samples that it has when decoded, without alpha.
    fn channels(&self) -> u8 {
        match self {
            Self::Negative | Self::Gray => 1,
            Self::Rgb | Self::YCbCr | Self::Palette(_) => 3,
            Self::Cmyk => 4,
        }
    }
}

/// `Ok(None)`: the given bytes don't reach as far as the directory's entries do.
fn samples(tiff: &Tiff<'_>, ifd: u64) -> Result<Option<Samples>, Reject> {
    let number = |tag, absent| tiff.number(ifd, tag).unwrap_or(absent);
    let unsupported = |format| Err(Reject::Unsupported { format });
    let Some(photometric_at) = tiff.short_at(ifd, PHOTOMETRIC) else { return Ok(None) };
    let Some(photometric) = tiff.short(photometric_at) else { return Ok(None) };
    let colour = match photometric {
        0 => Colour::Negative,
        1 => Colour::Gray,
        2 => Colour::Rgb,
        3 => match tiff.place(ifd, COLOUR_MAP) {
            Some(palette) => Colour::Palette(palette),
            None => return Err(Reject::corrupt(SourceFormat::Tiff, "a palette image without a palette")),
        },
        5 if number(INK_SET, CMYK) == CMYK => Colour::Cmyk,
        6 if number(COMPRESSION, 1) == JPEG || tiff.number(ifd, SUBSAMPLING) == Some(1) => Colour::YCbCr,
        5 => return unsupported("tiff (inks other than CMYK)"),
        6 => return unsupported("tiff (subsampled YCbCr outside of JPEG)"),
        8..=10 => return unsupported("tiff (Lab)"),
        32_803 | 34_892 => return unsupported("tiff (raw sensor data)"),
        32_844 | 32_845 => return unsupported("tiff (LogLuv)"),
        _ => return unsupported("tiff (colours of an uncommon kind)"),
    };
    if number(FILL_ORDER, 1) != 1 {
        return unsupported("tiff (bits in reverse order)");
    }
    let count = number(SAMPLES_PER_PIXEL, 1);
    if count < colour.samples() as u64 || count > MAX_SAMPLES {
        return Err(Reject::corrupt(SourceFormat::Tiff, format!("{count} samples for photometric {photometric}")));
    }
    let alpha = match tiff.number(ifd, EXTRA_SAMPLES) {
        Some(1) => Some(Alpha::Associated),
        Some(2) => Some(Alpha::Straight),
        _ => None,
    };
    // Inks with alpha keep their inks.
    let alpha = alpha.filter(|_| count > colour.samples() as u64 && colour != Colour::Cmyk);
    let (big_endian, bits) = (tiff.is_big_endian(), number(BITS_PER_SAMPLE, 1));
    Ok(Some(Samples { colour, photometric_at, big_endian, alpha, count: count as usize, bits }))
}
