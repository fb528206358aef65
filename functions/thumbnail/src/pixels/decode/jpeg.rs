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

/// Bytes that [`decode`] holds at its peak: the planes, the picture made of them, and coefficients: of one row of blocks,
/// or of a progressive file all, since each scan refines them, and those of one component once more while it is
/// transformed.
pub(in super::super) fn memory(frame: &Frame, header: &Header, reduction: Reduction) -> u64 {
    let widest = frame.components.iter().map(|c| u32::from(c.horizontal)).max().unwrap_or(1);
    let tallest = frame.components.iter().map(|c| u32::from(c.vertical)).max().unwrap_or(1);
    let across = u64::from(header.width.div_ceil(8 * widest));
    let units = across * u64::from(header.height.div_ceil(8 * tallest));
    let samplings = || frame.components.iter().map(|c| u64::from(c.horizontal) * u64::from(c.vertical));
    let (together, largest) = (samplings().sum::<u64>(), samplings().max().unwrap_or(1));
    let planes = units * together * u64::from(reduction.0) * u64::from(reduction.0);
    let coefficients = 128 * if frame.progressive { units * (together + largest) } else { 2 * across * together };
    let sides = u64::from(reduction.side(header.width)) * u64::from(reduction.side(header.height));
    planes + coefficients + sides * frame.components.len() as u64
}

/// Does the engine's work in one thread. By itself it takes one for each component, and hands them rows through a queue
/// without a bound; in a pool of one it transforms each row before it reads the next.
fn in_one_thread<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    match rayon::ThreadPoolBuilder::new().num_threads(1).build() {
        Ok(pool) => pool.install(work),
        // No thread is to be had at the moment. That says nothing about the file, so the engine tries by itself.
        Err(_) => work(),
    }
}

/// Decodes to gray, RGB or inks at the given reduction.
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
    let mut pixels = in_one_thread(|| decoder.decode()).map_err(reject)?;
    let info = decoder.info().ok_or_else(|| Reject::corrupt(SourceFormat::Jpeg, "no frame"))?;
    let layout = match info.pixel_format {
        PixelFormat::L8 => Layout::Gray,
        PixelFormat::RGB24 => Layout::Rgb,
        PixelFormat::CMYK32 => {
            // The engine inverts all four samples, which makes amounts of ink of what Adobe's software stores. A file
            // without Adobe's marker stores amounts to begin with.
            if !frame.adobe {
                pixels.iter_mut().for_each(|sample| *sample = 255 - *sample);
            }
            Layout::Cmyk
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
