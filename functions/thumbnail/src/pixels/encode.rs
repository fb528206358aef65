//! Encoders. Nothing but pixels is written: no metadata of the source, no times, no software names.

use super::picture::{Layout, Picture};
use super::settings::Format;
use bytes::Bytes;
use image::{ExtendedColorType, ImageEncoder, codecs::webp::WebPEncoder};
use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, Encoder, SamplingFactor};

/// What an output is written as; `Format::Auto` is settled by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Jpeg,
    Png,
    Webp,
}

impl Target {
    pub(super) fn choose(format: Format, see_through: bool) -> Self {
        match format {
            Format::Auto if see_through => Self::Png,
            Format::Auto | Format::Jpeg => Self::Jpeg,
            Format::Png => Self::Png,
            Format::Webp => Self::Webp,
        }
    }

    pub(super) fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Webp => "webp",
        }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
        }
    }

    pub(super) fn encode(self, picture: &Picture, quality: u8) -> Result<Bytes, String> {
        match self {
            Self::Jpeg => jpeg(picture, quality),
            Self::Png => png(picture),
            Self::Webp => webp(picture),
        }
    }
}

fn jpeg(picture: &Picture, quality: u8) -> Result<Bytes, String> {
    let side = |side: u32| u16::try_from(side).map_err(|e| e.to_string());
    let (width, height) = (side(picture.width)?, side(picture.height)?);
    let colour = match picture.layout {
        Layout::Gray => ColorType::Luma,
        Layout::Rgb => ColorType::Rgb,
        layout => return Err(format!("a JPEG has no {layout:?}")),
    };
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, quality.clamp(1, 100));
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
    // No optimised Huffman tables: this encoder then writes one scan for each component, which is legal but which some
    // decoders (zune-jpeg 0.5) turn into wrong colours. That costs about 5 % of bytes.
    encoder.encode(&picture.pixels, width, height, colour).map_err(|e| e.to_string())?;
    Ok(out.into())
}

fn png(picture: &Picture) -> Result<Bytes, String> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, picture.width, picture.height);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_color(match picture.layout {
        Layout::Gray => png::ColorType::Grayscale,
        Layout::GrayAlpha => png::ColorType::GrayscaleAlpha,
        Layout::Rgb => png::ColorType::Rgb,
        Layout::Rgba => png::ColorType::Rgba,
        Layout::Cmyk => return Err("a PNG has no inks".to_owned()),
    });
    encoder.set_compression(png::Compression::Balanced);
    let mut writer = encoder.write_header().map_err(|e| e.to_string())?;
    writer.write_image_data(&picture.pixels).map_err(|e| e.to_string())?;
    writer.finish().map_err(|e| e.to_string())?;
    Ok(out.into())
}

fn webp(picture: &Picture) -> Result<Bytes, String> {
    let colour = match picture.layout {
        Layout::Gray => ExtendedColorType::L8,
        Layout::GrayAlpha => ExtendedColorType::La8,
        Layout::Rgb => ExtendedColorType::Rgb8,
        Layout::Rgba => ExtendedColorType::Rgba8,
        Layout::Cmyk => return Err("a WebP has no inks".to_owned()),
    };
    let mut out = Vec::new();
    WebPEncoder::new_lossless(&mut out)
        .write_image(&picture.pixels, picture.width, picture.height, colour)
        .map_err(|e| e.to_string())?;
    Ok(out.into())
}
