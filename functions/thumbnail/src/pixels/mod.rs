//! The picture core: bytes of one image in, bytes of its thumbnails out.
//!
//! Pure: no store, no clock, no environment, no randomness. The same bytes and the same [`Settings`] give the same
//! output within one release of this crate.
//!
//! The order of work, each step a file of its own:
//!
//! 1. [`sniff`](SourceFormat) tells the format by content; names and content types are never believed.
//! 2. [`peek`] reads the header by hand, without allocating for pixels.
//! 3. [`Limits`] are checked against that header. Only what passes reaches a decoder.
//! 4. The decoder makes a picture, a JPEG already at reduced scale (`decode::jpeg` is the one door to that engine).
//! 5. Each size is cut and resized, its colours become sRGB, orientation is applied, and the result is encoded without
//!    any metadata.

mod at;
mod colour;
mod decode;
mod encode;
mod fit;
mod header;
mod ifd;
mod limits;
mod orient;
mod picture;
mod placeholder;
mod reject;
mod render;
mod resize;
mod settings;
mod sniff;
mod thumbhash;

pub use colour::Profile;
pub use header::{Header, MAX_PROFILE, peek};
pub use limits::{MAX_SCANS, memory_estimate};
pub use placeholder::Placeholder;
pub use reject::Reject;
pub use render::{Output, Rendered, render};
pub use settings::{Enlarge, Fit, Format, Limits, SIZE_RANGE, Settings};
pub use sniff::SourceFormat;
