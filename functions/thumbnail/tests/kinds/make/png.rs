//! PNG: every colour type and depth, interlacing, and chunks of any kind.

use png::{BitDepth, ColorType, Encoder};

/// A PNG of 16 equal rows, of any colour type and depth.
pub(crate) fn rows(colour: ColorType, depth: BitDepth, row: &[u8], palette: &[u8], transparent: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, 16, 16);
    encoder.set_color(colour);
    encoder.set_depth(depth);
    if !palette.is_empty() {
        encoder.set_palette(palette.to_vec());
    }
    if !transparent.is_empty() {
        encoder.set_trns(transparent.to_vec());
    }
    encoder.write_header().expect("header").write_image_data(&row.repeat(16)).expect("rows");
    out
}

/// Two frames, the first of one colour and the second of another.
pub(crate) fn animation(first: [u8; 3], second: [u8; 3]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, 16, 16);
    encoder.set_color(ColorType::Rgb);
    encoder.set_animated(2, 0).expect("two frames");
    let mut writer = encoder.write_header().expect("header");
    for colour in [first, second] {
        writer.write_image_data(&colour.repeat(16 * 16)).expect("a frame");
    }
    writer.finish().expect("end");
    out
}

pub(crate) fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let covered = [name.as_slice(), data].concat();
    let sum = covered.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    });
    [&(data.len() as u32).to_be_bytes(), covered.as_slice(), &(!sum).to_be_bytes()].concat()
}

/// The same PNG with a chunk more, after its header.
pub(crate) fn with_chunk(png: &[u8], name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    [&png[..33], &chunk(name, data), &png[33..]].concat()
}

/// The same PNG with a colour profile.
pub(crate) fn with_profile(png: &[u8], profile: &[u8]) -> Vec<u8> {
    with_chunk(png, b"iCCP", &[b"profile\0\0".as_slice(), &zlib(profile)].concat())
}

pub(crate) fn zlib(bytes: &[u8]) -> Vec<u8> {
    miniz_oxide::deflate::compress_to_vec_zlib(bytes, 6)
}

/// A PNG whose header is followed by nothing but this image data.
pub(crate) fn bare((width, height): (u32, u32), colour: u8, interlaced: bool, depth: u8, raw: &[u8]) -> Vec<u8> {
    let flags = [depth, colour, 0, 0, u8::from(interlaced)];
    let header = [width.to_be_bytes().as_slice(), &height.to_be_bytes(), &flags].concat();
    let signature = b"\x89PNG\r\n\x1A\n".to_vec();
    [signature, chunk(b"IHDR", &header), chunk(b"IDAT", &zlib(raw)), chunk(b"IEND", b"")].concat()
}

/// An Adam7-interlaced RGB PNG with the pixels of `pixel(x, y)`.
pub(crate) fn adam7(side: u32, sixteen: bool, pixel: impl Fn(u32, u32) -> [u8; 3]) -> Vec<u8> {
    let passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];
    let mut raw = Vec::new();
    for (x0, y0, dx, dy) in passes {
        for y in (y0..side).step_by(dy) {
            raw.push(0);
            for x in (x0..side).step_by(dx) {
                raw.extend(pixel(x, y).into_iter().flat_map(|s| if sixteen { vec![s, s] } else { vec![s] }));
            }
        }
    }
    bare((side, side), 2, true, if sixteen { 16 } else { 8 }, &raw)
}
