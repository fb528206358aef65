//! The JPEG engine, behind [`decode`] alone so that it can be exchanged.
//!
//! A thumbnail needs few of a photo's pixels, and JPEG's transform can give an eighth, a quarter or half of them
//! directly. Such sizes are rounded up to whole pixels; the picture's `extent` says what part of the grid is real.

use super::super::fit::Plan;
use super::super::header::Header;
use super::super::header::jpeg::{Colour, Frame};
use super::super::picture::{Layout, Picture};
use super::super::reject::Reject;
use super::super::sniff::SourceFormat;
use jpeg_decoder::{ColorTransform, Decoder, Error, PixelFormat};

/// How many eighths of each side are decoded: 1, 2, 4 or 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Reduction(u32);

impl Reduction {
    /// Pixels along a side that the resizer gets for each one it makes. With fewer than two, fine textures turn into
    /// false patterns.
    const OVERSAMPLING: u64 = 2;

    /// The strongest reduction that leaves enough pixels for `plan`.
    pub(in super::super) fn for_plan(header: &Header, plan: Plan) -> Self {
        let enough =
            |eighths: u64, have: u32, want: u32| u64::from(have) * eighths >= 8 * Self::OVERSAMPLING * u64::from(want.max(1));
        // Cropping happens after decoding, on the same grid, so both sides of the crop must keep enough.
        let fits = |eighths: u64| {
            enough(eighths, plan.crop.0, plan.inner.0)
                && (enough(eighths, plan.crop.1, plan.inner.1) || header.width.min(header.height) == 1)
        };
        Self([1, 2, 4].into_iter().find(|eighths| fits(*eighths)).unwrap_or(8) as u32)
    }

    fn side(self, side: u32) -> u32 {
        (side * self.0).div_ceil(8)
    }
}

/// Bytes that [`decode`] holds at its peak: the planes, the picture made of them, and coefficients. The engine hands
/// rows of coefficients to worker threads through a queue without a bound; in the worst case all of them wait there. A
/// progressive file holds all its coefficients besides, since each scan refines them.
pub(in super::super) fn memory(frame: &Frame, header: &Header, reduction: Reduction) -> u64 {
    let widest = frame.components.iter().map(|c| u32::from(c.horizontal)).max().unwrap_or(1);
    let tallest = frame.components.iter().map(|c| u32::from(c.vertical)).max().unwrap_or(1);
    let units = u64::from(header.width.div_ceil(8 * widest)) * u64::from(header.height.div_ceil(8 * tallest));
    let blocks: u64 = frame.components.iter().map(|c| units * u64::from(c.horizontal) * u64::from(c.vertical)).sum();
    let planes = blocks * u64::from(reduction.0) * u64::from(reduction.0);
    let coefficients = blocks * 64 * 2 * if frame.progressive { 2 } else { 1 };
    let sides = u64::from(reduction.side(header.width)) * u64::from(reduction.side(header.height));
    planes + coefficients + sides * frame.components.len() as u64
}

/// Decodes to gray or RGB at the given reduction.
pub(in super::super) fn decode(bytes: &[u8], header: &Header, frame: &Frame, reduction: Reduction) -> Result<Picture, Reject> {
    let mut decoder = Decoder::new(bytes);
    decoder.set_color_transform(match frame.colour {
        Colour::Gray => ColorTransform::Grayscale,
        Colour::YCbCr => ColorTransform::YCbCr,
        Colour::Rgb => ColorTransform::RGB,
        Colour::Cmyk => ColorTransform::CMYK,
        Colour::Ycck => ColorTransform::YCCK,
    });
    let (width, height) = (reduction.side(header.width), reduction.side(header.height));
    if reduction.0 < 8 {
        // The engine takes the smallest reduction of which one side is large enough; asking too much of the other
        // side leaves the choice to the longer one, where the reductions differ.
        let short = |side: u32| u16::try_from(side).unwrap_or(u16::MAX);
        let wide = header.width >= header.height;
        let request = if wide { (short(width), u16::MAX) } else { (u16::MAX, short(height)) };
        decoder.scale(request.0, request.1).map_err(reject)?;
    }
    let mut pixels = decoder.decode().map_err(reject)?;
    let info = decoder.info().ok_or_else(|| Reject::corrupt(SourceFormat::Jpeg, "no frame"))?;
    let layout = match info.pixel_format {
        PixelFormat::L8 => Layout::Gray,
        PixelFormat::RGB24 => Layout::Rgb,
        PixelFormat::CMYK32 => {
            cmyk_to_rgb(&mut pixels, frame.adobe);
            Layout::Rgb
        }
        PixelFormat::L16 => return Err(Reject::Unsupported { format: "jpeg (lossless)" }),
    };
    let mut picture = Some((u32::from(info.width), u32::from(info.height)))
        .filter(|got| *got == (width, height))
        .and_then(|_| Picture::new(width, height, layout, pixels))
        .ok_or_else(|| Reject::corrupt(SourceFormat::Jpeg, "the frame is not of the size that its header says"))?;
    let eighths = f64::from(reduction.0) / 8.0;
    picture.extent = (f64::from(header.width) * eighths, f64::from(header.height) * eighths);
    Ok(picture)
}

/// Turns inks into light, in place, without a colour profile: each ink takes its share of each primary.
///
/// The engine inverts all four samples, which makes ink amounts of what Adobe's software stores. A file without
/// Adobe's marker stores ink amounts to begin with, so that here they arrive as light.
fn cmyk_to_rgb(pixels: &mut Vec<u8>, adobe: bool) {
    let count = pixels.len() / 4;
    let light = |sample: u8| u32::from(if adobe { 255 - sample } else { sample });
    for index in 0..count {
        let Some(&[c, m, y, k]) = pixels.get(index * 4..).and_then(|rest| rest.first_chunk::<4>()) else { break };
        let through = |ink: u8| ((light(ink) * light(k) + 127) / 255) as u8;
        if let Some(rgb) = pixels.get_mut(index * 3..index * 3 + 3) {
            rgb.copy_from_slice(&[through(c), through(m), through(y)]);
        }
    }
    pixels.truncate(count * 3);
}

fn reject(error: Error) -> Reject {
    match error {
        Error::Unsupported(feature) => {
            use jpeg_decoder::UnsupportedFeature::{DNL, NonIntegerSubsamplingRatio};
            let format = match feature {
                DNL => "jpeg (height in a DNL marker)",
                NonIntegerSubsamplingRatio => "jpeg (fractional sampling ratio)",
                _ => "jpeg (an uncommon variant)",
            };
            Reject::Unsupported { format }
        }
        other => Reject::corrupt(SourceFormat::Jpeg, other),
    }
}
