//! PNG, row by row: a 16-bit file never exists whole at 16 bits unless it is interlaced, and text and colour profile
//! chunks, which can inflate to any size, are not read at all.

use super::super::header::Header;
use super::super::picture::{Layout, Picture};
use super::super::reject::Reject;
use super::super::sniff::SourceFormat;
use super::narrow;
use png::{BitDepth, ColorType, DecodingError, Limits, Transformations};
use std::io::Cursor;

pub(super) fn decode(bytes: &[u8], header: &Header, memory: u64) -> Result<Picture, Reject> {
    let limit = usize::try_from(memory).unwrap_or(usize::MAX);
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: limit });
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder.set_transformations(Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(reject)?;
    let (colour, depth) = reader.output_color_type();
    let layout = match colour {
        ColorType::Grayscale => Layout::Gray,
        ColorType::GrayscaleAlpha => Layout::GrayAlpha,
        ColorType::Rgb => Layout::Rgb,
        ColorType::Rgba => Layout::Rgba,
        ColorType::Indexed => return Err(Reject::corrupt(SourceFormat::Png, "a palette image without a palette")),
    };
    let row = header.width as usize * layout.channels();
    let mut pixels = Vec::new();
    if reader.info().interlaced {
        let size = reader.output_buffer_size().ok_or_else(|| reject(DecodingError::LimitsExceeded))?;
        pixels = vec![0; size];
        reader.next_frame(&mut pixels).map_err(reject)?;
        if depth == BitDepth::Sixteen {
            pixels = narrowed(&pixels).collect();
        }
    } else {
        pixels.reserve_exact(row * header.height as usize);
        while let Some(line) = reader.next_row().map_err(reject)? {
            match depth {
                BitDepth::Sixteen => pixels.extend(narrowed(line.data())),
                _ => pixels.extend_from_slice(line.data()),
            }
            if pixels.len() >= row * header.height as usize {
                break;
            }
        }
    }
    Picture::new(header.width, header.height, layout, pixels)
        .ok_or_else(|| Reject::corrupt(SourceFormat::Png, "fewer rows than the header says"))
}

/// PNG keeps 16-bit samples with the high byte first.
fn narrowed(bytes: &[u8]) -> impl Iterator<Item = u8> + '_ {
    bytes.as_chunks::<2>().0.iter().map(|pair| narrow(u16::from_be_bytes(*pair)))
}

fn reject(error: DecodingError) -> Reject {
    Reject::corrupt(SourceFormat::Png, error)
}
