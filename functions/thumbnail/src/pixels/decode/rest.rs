//! WebP, GIF and BMP, through the `image` crate's decoders, always with limits.

use super::super::header::Header;
use super::super::picture::{Layout, Picture};
use super::super::reject::Reject;
use super::super::sniff::SourceFormat;
use image::codecs::{bmp::BmpDecoder, gif::GifDecoder, webp::WebPDecoder};
use image::{ColorType, ImageDecoder, ImageError, ImageResult, Limits};
use std::io::Cursor;

pub(super) fn decode(bytes: &[u8], header: &Header, memory: u64) -> Result<Picture, Reject> {
    let reader = Cursor::new(bytes);
    let decoded = match header.format {
        SourceFormat::Webp => WebPDecoder::new(reader).and_then(|decoder| samples(decoder, header, memory)),
        SourceFormat::Gif => GifDecoder::new(reader).and_then(|decoder| samples(decoder, header, memory)),
        SourceFormat::Bmp => BmpDecoder::new(reader).and_then(|decoder| samples(decoder, header, memory)),
        SourceFormat::Jpeg | SourceFormat::Png | SourceFormat::Tiff => {
            return Err(Reject::corrupt(header.format, "has its own decoder"));
        }
    };
    let (colour, samples) = decoded.map_err(|error| reject(header.format, error))?;
    let layout = layout(colour).ok_or_else(|| Reject::corrupt(header.format, format!("samples of type {colour:?}")))?;
    Picture::new(header.width, header.height, layout, samples)
        .ok_or_else(|| Reject::corrupt(header.format, "the pixels are not of the size that the header says"))
}

/// All samples of the first frame.
fn samples(mut decoder: impl ImageDecoder, header: &Header, memory: u64) -> ImageResult<(ColorType, Vec<u8>)> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(header.width);
    limits.max_image_height = Some(header.height);
    limits.max_alloc = Some(memory);
    decoder.set_limits(limits.clone())?;
    let bytes = decoder.total_bytes();
    // Not every decoder counts the picture itself.
    limits.reserve(bytes)?;
    let colour = decoder.color_type();
    let mut samples = vec![0; usize::try_from(bytes).unwrap_or(0)];
    decoder.read_image(&mut samples)?;
    Ok((colour, samples))
}

fn layout(colour: ColorType) -> Option<Layout> {
    Some(match colour {
        ColorType::L8 => Layout::Gray,
        ColorType::La8 => Layout::GrayAlpha,
        ColorType::Rgb8 => Layout::Rgb,
        ColorType::Rgba8 => Layout::Rgba,
        _ => return None,
    })
}

fn reject(format: SourceFormat, error: ImageError) -> Reject {
    match error {
        ImageError::Unsupported(_) => Reject::Unsupported {
            format: match format {
                SourceFormat::Webp => "webp (an uncommon variant)",
                SourceFormat::Gif => "gif (an uncommon variant)",
                _ => "bmp (an uncommon variant)",
            },
        },
        other => Reject::corrupt(format, other),
    }
}
