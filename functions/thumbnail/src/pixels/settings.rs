//! What is asked for: sizes, fit, output format.

use std::ops::RangeInclusive;

/// Sizes that configuration may ask for, in pixels. The upper end keeps a `contain` canvas within 268 MB.
pub const SIZE_RANGE: RangeInclusive<u32> = 1..=8192;

/// How one source becomes thumbnails. There is no default here: configuration owns the defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Edge lengths in pixels, in any order; each outside [`SIZE_RANGE`] is taken as the nearest end of it.
    pub sizes: Vec<u32>,
    /// How a picture meets the square of each size.
    pub fit: Fit,
    /// The output format.
    pub format: Format,
    /// JPEG quality, 1 to 100; taken as the nearest end outside. PNG and WebP outputs are lossless and ignore it.
    pub quality: u8,
    /// What happens to a source smaller than a size.
    pub enlarge: Enlarge,
    /// Bounds, all checked before decoding.
    pub limits: Limits,
}

/// What a source may cost. Every bound is checked against the header, before a decoder sees the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the source.
    pub bytes: u64,
    /// Pixels of one frame, width times height as declared.
    pub pixels: u64,
    /// Frames or pages; all are counted though only the first is decoded.
    pub frames: u32,
    /// Bytes that decoding and resizing may hold at once, beside the source itself, by
    /// [`memory_estimate`](super::memory_estimate).
    pub memory: u64,
}

/// How a picture meets the square of a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// Both sides at most the size, ratio kept: the longer side equals the size and the shorter one is rounded to the
    /// nearest pixel, at least 1.
    Inside,
    /// The size exactly, square: the centre of the picture, cropped.
    Cover,
    /// The size exactly, square: the whole picture in the middle, the rest white (JPEG) or transparent (PNG, WebP).
    Contain,
}

/// The output format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// PNG when at least one pixel of the source is not opaque, else JPEG.
    Auto,
    /// JPEG, 4:2:0; transparency is laid over white.
    Jpeg,
    /// PNG.
    Png,
    /// WebP, lossless: pure Rust has no lossy encoder, so photos are several times the size of a JPEG.
    Webp,
}

/// What happens to a source smaller than a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enlarge {
    /// It keeps its own size (`cover`: the largest centred square that it has; `contain`: unscaled on the full canvas).
    /// Each configured size still gets its output.
    Never,
    /// It is enlarged to the size.
    Always,
}
