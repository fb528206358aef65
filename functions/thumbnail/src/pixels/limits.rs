//! Bounds, and the memory that a decode will hold. All of it is arithmetic on the header.

use super::decode::jpeg::{self, Reduction};
use super::fit::Plan;
use super::header::{Coding, Embedded, Header};
use super::reject::Reject;
use super::settings::{Fit, Limits, Settings};
use super::sniff::SourceFormat;

/// Scans that a JPEG may have. Ordinary progressive files have about 10; a hostile one packs thousands into a few
/// kilobytes, and each is a pass over all pixels (libjpeg-turbo's advice on "decompression bombs").
pub const MAX_SCANS: u32 = 64;

impl Limits {
    /// Everything that must hold before decoding.
    pub(super) fn check(&self, header: &Header, settings: &Settings) -> Result<(), Reject> {
        let pixels = u64::from(header.width) * u64::from(header.height);
        if pixels > self.pixels {
            return Err(Reject::TooManyPixels { width: header.width, height: header.height, limit: self.pixels });
        }
        if header.frames > self.frames {
            return Err(Reject::TooManyFrames { frames: header.frames, limit: self.frames });
        }
        if let Coding::Jpeg(frame) = &header.coding
            && frame.scans > MAX_SCANS
        {
            return Err(Reject::TooManyScans { scans: frame.scans, limit: MAX_SCANS });
        }
        header.profile.as_ref().map_or(Ok(()), Embedded::check)?;
        let bytes = memory_estimate(header, settings);
        if bytes > self.memory {
            return Err(Reject::TooMuchMemory { bytes, limit: self.memory });
        }
        Ok(())
    }
}

/// Bytes that [`render`](super::render) will hold at its peak, beside the source bytes that the caller holds: the
/// decoder's own buffers, the decoded picture, and the largest output with its encoder. An upper estimate for
/// admission, not a measurement.
pub fn memory_estimate(header: &Header, settings: &Settings) -> u64 {
    const FIXED: u64 = 1 << 20;
    const PROFILE_FIXED: u64 = 4 << 20;
    // A header may claim anything; a million million pixels is more than any memory, and what follows can't overflow.
    let pixels = (u64::from(header.width) * u64::from(header.height)).min(1 << 40);
    let depth = u64::from(header.depth.div_ceil(8).max(1));
    let channels = u64::from(header.channels);
    let decode = match (&header.coding, header.format) {
        (Coding::Jpeg(frame), _) => {
            let plan = Plan::largest(header, settings);
            jpeg::memory(frame, header, Reduction::for_plan(header, plan))
        }
        // Rows are narrowed to 8 bits as they come; an interlaced file has to be held whole at its own depth.
        (Coding::Png { interlaced: false }, _) => pixels * channels,
        (Coding::Png { interlaced: true }, _) => pixels * channels * depth,
        // Planes of the lossy format, or the lossless format's pixels, beside the output.
        (_, SourceFormat::Webp) => pixels * 8,
        // A frame that does not fill the screen is decoded on its own, then placed.
        (_, SourceFormat::Gif) => pixels * 8,
        // All samples as they are stored, one strip or tile of them once more, and the pixels made of them.
        (Coding::Tiff(samples), _) => pixels * (2 * samples.count as u64 * depth + channels),
        (_, _) => pixels * channels,
    };
    let outputs: u64 = settings.sizes.iter().map(|size| canvas(header, settings, *size) * 4).sum();
    let widest = settings.sizes.iter().map(|size| canvas(header, settings, *size)).max().unwrap_or(0);
    // Resizing holds its source with multiplied alpha where there is alpha, and a band of half-resized rows.
    let alpha = if matches!(header.channels, 2 | 4) { pixels * channels } else { 0 };
    // A profile as it is stored, as tables, and as the grid that those are turned into.
    let profile = header.profile.as_ref().map_or(0, |profile| 6 * profile.most() + PROFILE_FIXED);
    decode
        .saturating_add(alpha)
        .saturating_add(profile)
        .saturating_add(outputs)
        .saturating_add(widest * 12)
        .saturating_add(FIXED)
}

/// Pixels of the output of one size.
fn canvas(header: &Header, settings: &Settings, size: u32) -> u64 {
    let plan = Plan::new(header.width, header.height, size, settings.fit, settings.enlarge);
    match settings.fit {
        Fit::Contain => u64::from(plan.canvas.0) * u64::from(plan.canvas.1),
        Fit::Inside | Fit::Cover => u64::from(plan.inner.0) * u64::from(plan.inner.1),
    }
}
