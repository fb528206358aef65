//! Why a source gets no thumbnails. A reject is a property of the bytes (and of the configured limits): trying again
//! gives the same answer, so the worker parks it with this reason.

use super::sniff::SourceFormat;

/// Why these bytes have no thumbnails. `Display` gives the figure and the limit; [`Reject::code`] the short word.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reject {
    /// The object has no bytes at all.
    #[error("the object is empty (0 bytes)")]
    Empty,
    /// No known image signature at the start.
    #[error("the first bytes are those of no image format that is known here")]
    NotAnImage,
    /// A format, or a variant of one, that is recognised and not decoded.
    #[error("{format} is recognised but not supported")]
    Unsupported {
        /// The format's short name, with the variant in brackets where the format as such is supported.
        format: &'static str,
    },
    /// The format is supported but the bytes break its rules, or end too early.
    #[error("{format}: {detail}")]
    Corrupt {
        /// What the signature promised.
        format: SourceFormat,
        /// What the decoder met; at most 200 bytes, without contents of the object.
        detail: String,
    },
    /// More bytes than `Limits::bytes`.
    #[error("{bytes} bytes, over the limit of {limit}")]
    TooManyBytes {
        /// Size of the source in bytes.
        bytes: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// More pixels than `Limits::pixels`, told from the header before anything is decoded.
    #[error("{width}x{height} pixels, over the limit of {limit} pixels")]
    TooManyPixels {
        /// Declared width in pixels.
        width: u32,
        /// Declared height in pixels.
        height: u32,
        /// The limit in pixels.
        limit: u64,
    },
    /// More frames or pages than `Limits::frames`.
    #[error("{frames} frames or more, over the limit of {limit}")]
    TooManyFrames {
        /// Frames counted or declared, at least.
        frames: u32,
        /// The limit in frames.
        limit: u32,
    },
    /// More scans in a JPEG than [`MAX_SCANS`](super::MAX_SCANS): such files cost minutes for a few kilobytes.
    #[error("{scans} scans or more, over the limit of {limit}")]
    TooManyScans {
        /// Scans counted, at least.
        scans: u32,
        /// The limit in scans.
        limit: u32,
    },
    /// A colour profile of more bytes than [`MAX_PROFILE`](super::MAX_PROFILE), as stored or inflated.
    #[error("a colour profile of {bytes} bytes or more, over the limit of {limit}")]
    ProfileTooLarge {
        /// Its size in bytes, at least.
        bytes: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// Decoding would hold more bytes than `Limits::memory`.
    #[error("decoding needs about {bytes} bytes of memory, over the limit of {limit}")]
    TooMuchMemory {
        /// The estimate of [`memory_estimate`](super::memory_estimate), in bytes.
        bytes: u64,
        /// The limit in bytes.
        limit: u64,
    },
}

impl Reject {
    /// A short stable word for metrics, sidecars and filters.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::NotAnImage => "not-an-image",
            Self::Unsupported { .. } => "unsupported",
            Self::Corrupt { .. } => "corrupt",
            Self::TooManyBytes { .. } => "too-many-bytes",
            Self::TooManyPixels { .. } => "too-many-pixels",
            Self::TooManyFrames { .. } => "too-many-frames",
            Self::TooManyScans { .. } => "too-many-scans",
            Self::ProfileTooLarge { .. } => "profile-too-large",
            Self::TooMuchMemory { .. } => "too-much-memory",
        }
    }

    /// A `Corrupt` whose detail is cut to 200 bytes, since decoders quote what they met.
    pub(super) fn corrupt(format: SourceFormat, detail: impl std::fmt::Display) -> Self {
        let mut detail = detail.to_string();
        if let Some((cut, _)) = detail.char_indices().find(|(at, _)| *at >= 197) {
            detail.truncate(cut);
            detail.push_str("...");
        }
        Self::Corrupt { format, detail }
    }
}
