//! WebP, GIF, BMP and TIFF, through the `image` crate's decoders, always with limits.

use super::super::header::Header;
use super::super::picture::{Layout, Picture};
use super::super::reject::Reject;
use super::super::sniff::SourceFormat;
use super::narrow;
use image::codecs::{bmp::BmpDecoder, gif::GifDecoder, tiff::TiffDecoder, webp::WebPDecoder};
use image::{ColorType, ImageDecoder, ImageError, ImageResult, Limits};
use std::io::Cursor;

pub(super) fn decode(bytes: &[u8], header: &Header, memory: u64) -> Result<Picture, Reject> {
    let reader = Cursor::new(bytes);
    let decoded = match header.format {
        SourceFormat::Webp => WebPDecoder::new(reader).and_then(|decoder| samples(decoder, header, memory)),
        SourceFormat::Gif => GifDecoder::new(reader).and_then(|decoder| samples(decoder, header, memory)),
        SourceFormat::Bmp => BmpDecoder::new(reader).and_then(|decoder| samples(decoder, header, memory)),
        SourceFormat::Tiff => TiffDecoder::new(reader).and_then(|decoder| samples(decoder, header, memory)),
        SourceFormat::Jpeg | SourceFormat::Png => return Err(Reject::corrupt(header.format, "has its own decoder")),
    };
    let (colour, samples) = decoded.map_err(|error| reject(header.format, error))?;
    let (layout, pixels) =
        to_8_bits(colour, samples).ok_or_else(|| Reject::corrupt(header.format, format!("samples of type {colour:?}")))?;
    Picture::new(header.width, header.height, layout, pixels)
        .ok_or_else(|| Reject::corrupt(header.format, "the pixels are not of the size that the header says"))
}

/// All samples of the first frame, in the machine's byte order.
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

fn to_8_bits(colour: ColorType, samples: Vec<u8>) -> Option<(Layout, Vec<u8>)> {
    let from_16 = |samples: Vec<u8>| {
        let pairs = samples.as_chunks::<2>().0;
        pairs.iter().map(|pair| narrow(u16::from_ne_bytes(*pair))).collect()
    };
    let from_float = |samples: Vec<u8>| {
        let fours = samples.as_chunks::<4>().0;
        // A float cast saturates, and turns what is no number into 0.
        fours.iter().map(|four| (f32::from_ne_bytes(*four) * 255.0).round() as u8).collect()
    };
    Some(match colour {
        ColorType::L8 => (Layout::Gray, samples),
        ColorType::La8 => (Layout::GrayAlpha, samples),
        ColorType::Rgb8 => (Layout::Rgb, samples),
        ColorType::Rgba8 => (Layout::Rgba, samples),
        ColorType::L16 => (Layout::Gray, from_16(samples)),
        ColorType::La16 => (Layout::GrayAlpha, from_16(samples)),
        ColorType::Rgb16 => (Layout::Rgb, from_16(samples)),
        ColorType::Rgba16 => (Layout::Rgba, from_16(samples)),
        ColorType::Rgb32F => (Layout::Rgb, from_float(samples)),
        ColorType::Rgba32F => (Layout::Rgba, from_float(samples)),
        _ => return None,
    })
}

fn reject(format: SourceFormat, error: ImageError) -> Reject {
    match error {
        ImageError::Unsupported(_) => Reject::Unsupported {
            format: match format {
                SourceFormat::Webp => "webp (an uncommon variant)",
                SourceFormat::Gif => "gif (an uncommon variant)",
                SourceFormat::Bmp => "bmp (an uncommon variant)",
                _ => "tiff (an uncommon variant)",
            },
        },
        other => Reject::corrupt(format, other),
    }
}
