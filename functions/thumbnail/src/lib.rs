//! Thumbnails.

pub mod pixels;
pub mod samples;
