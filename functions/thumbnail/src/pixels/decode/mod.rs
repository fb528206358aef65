//! Decoders behind one door. Only sources whose header passed the limits come here.

pub(super) mod jpeg;

mod png;
mod rest;
mod tiff;

use super::header::{Coding, Header};
use super::picture::Picture;
use super::reject::Reject;
use super::sniff::SourceFormat;
use jpeg::Reduction;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Decodes the first frame, a JPEG at the given reduction. `memory` bounds what a decoder may allocate in bytes.
pub(super) fn decode(bytes: &[u8], header: &Header, reduction: Reduction, memory: u64) -> Result<Picture, Reject> {
    let format = header.format;
    // Decoders are other people's code, and input is hostile: a panic in one is an answer about this file.
    let result = catch_unwind(AssertUnwindSafe(|| match (&header.coding, format) {
        (Coding::Jpeg(frame), _) => jpeg::decode(bytes, header, frame, reduction),
        (Coding::Tiff(samples), _) => tiff::decode(bytes, header, samples, memory),
        (_, SourceFormat::Png) => png::decode(bytes, header, memory),
        (_, _) => rest::decode(bytes, header, memory),
    }));
    result.unwrap_or_else(|_| Err(Reject::corrupt(format, "the decoder gave up in the middle")))
}

/// A 16-bit sample as 8 bits, rounded to the nearest.
fn narrow(sample: u16) -> u8 {
    ((u32::from(sample) * 255 + 32_767) / 65_535) as u8
}
