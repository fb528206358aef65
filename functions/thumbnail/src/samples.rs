//! Photos drawn by arithmetic, for tests and demonstrations: no file of anybody's is needed to try the thing out.
//!
//! Every scene has its sky up, and a block of colour in each corner of the upright picture: red at the top left, green
//! at the top right, blue at the bottom left, yellow at the bottom right. So whether orientation was applied shows at
//! a glance, and to a test.

use image::codecs::gif::GifEncoder;
use image::{DynamicImage, Frame, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage, imageops};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use std::io::{self, Cursor};

/// One sample photo.
#[derive(Clone, Debug)]
pub struct Sample {
    /// A file name.
    pub name: &'static str,
    /// What is special about it, in a few words.
    pub describe: &'static str,
    /// Width in pixels, upright.
    pub width: u32,
    /// Height in pixels, upright.
    pub height: u32,
    /// Whether parts of it are transparent.
    pub has_alpha: bool,
    /// The file.
    pub bytes: Vec<u8>,
}

/// The four corner colours of the upright picture: top left, top right, bottom left, bottom right.
pub const CORNERS: [[u8; 3]; 4] = [[220, 30, 40], [30, 170, 60], [40, 60, 210], [245, 200, 30]];

/// Draws all samples. An error would be an encoder's; none is expected.
pub fn samples() -> io::Result<Vec<Sample>> {
    let sample = |name, describe, (width, height), has_alpha, bytes: io::Result<Vec<u8>>| {
        Ok::<_, io::Error>(Sample { name, describe, width, height, has_alpha, bytes: bytes? })
    };
    let wide = (1600, 1200);
    let tall = (900, 1200);
    let small = (640, 427);
    Ok(vec![
        sample("mountains.jpg", "JPEG, upright", wide, false, jpeg(scene(wide, Light::Day), 1, Kind::Baseline))?,
        sample(
            "phone.jpg",
            "progressive JPEG, orientation 6",
            tall,
            false,
            jpeg(scene(tall, Light::Day), 6, Kind::Progressive),
        )?,
        sample("upside-down.jpg", "JPEG, orientation 3", small, false, jpeg(scene(small, Light::Dusk), 3, Kind::Baseline))?,
        sample("mirrored.jpg", "JPEG, orientation 5", small, false, jpeg(scene(small, Light::Day), 5, Kind::Baseline))?,
        sample("old-photo.jpg", "gray JPEG", small, false, jpeg(scene(small, Light::Dusk), 1, Kind::Gray))?,
        sample("badge.png", "PNG with alpha", (512, 512), true, badge(512))?,
        sample("lake.webp", "WebP, lossless", small, false, encode(scene(small, Light::Dusk).into(), ImageFormat::WebP))?,
        sample("day-and-night.gif", "animated GIF", (320, 240), false, animation((320, 240)))?,
        sample("paint.bmp", "BMP", (333, 250), false, encode(scene((333, 250), Light::Day).into(), ImageFormat::Bmp))?,
        sample("scan.tiff", "TIFF", small, false, encode(scene(small, Light::Day).into(), ImageFormat::Tiff))?,
    ])
}

/// Time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Light {
    /// Blue sky.
    Day,
    /// Orange sky.
    Dusk,
    /// Dark sky.
    Night,
}

/// Sky, sun, three rows of hills, and the corner blocks, upright.
pub fn scene((width, height): (u32, u32), light: Light) -> RgbImage {
    let (high, low, sun, hill) = match light {
        Light::Day => ([52.0, 112.0, 196.0], [196.0, 222.0, 240.0], [255.0, 246.0, 214.0], [44.0, 92.0, 62.0]),
        Light::Dusk => ([64.0, 52.0, 110.0], [250.0, 164.0, 96.0], [255.0, 226.0, 150.0], [52.0, 40.0, 66.0]),
        Light::Night => ([8.0, 10.0, 30.0], [34.0, 44.0, 84.0], [230.0, 232.0, 240.0], [10.0, 18.0, 26.0]),
    };
    let aspect = width as f32 / height.max(1) as f32;
    RgbImage::from_fn(width, height, |x, y| {
        let (u, v) = ((x as f32 + 0.5) / width as f32, (y as f32 + 0.5) / height as f32);
        if let Some(corner) = corner(u, v) {
            return Rgb(corner);
        }
        let mut colour = mix(high, low, (v / 0.7).min(1.0));
        let distance = ((u - 0.68) * aspect).hypot(v - 0.3);
        colour = mix(colour, sun, (0.32 - distance).max(0.0) * 1.2);
        colour = mix(colour, sun, ((0.075 - distance) * height as f32).clamp(0.0, 1.0));
        for row in 0..3 {
            let row = row as f32;
            let wave = (u * (5.0 + 3.0 * row) + row * 1.7).sin() * 0.06 + (u * 17.0 + row * 4.1).sin() * 0.018;
            let edge = 0.56 + 0.13 * row + wave;
            let inside = ((v - edge) * height as f32).clamp(0.0, 1.0);
            colour = mix(colour, mix(hill, low, 0.45 - 0.2 * row), inside);
        }
        let grain = grain(x, y);
        Rgb(colour.map(|channel| (channel + grain).round().clamp(0.0, 255.0) as u8))
    })
}

/// The colour of the corner block at a place given as shares of width and height.
fn corner(u: f32, v: f32) -> Option<[u8; 3]> {
    const BLOCK: f32 = 0.14;
    let [top_left, top_right, bottom_left, bottom_right] = CORNERS;
    match (u < BLOCK, u > 1.0 - BLOCK, v < BLOCK, v > 1.0 - BLOCK) {
        (true, _, true, _) => Some(top_left),
        (_, true, true, _) => Some(top_right),
        (true, _, _, true) => Some(bottom_left),
        (_, true, _, true) => Some(bottom_right),
        _ => None,
    }
}

fn mix(from: [f32; 3], to: [f32; 3], share: f32) -> [f32; 3] {
    let [a, b, c] = from;
    let [d, e, f] = to;
    [a + (d - a) * share, b + (e - b) * share, c + (f - c) * share]
}

/// Film grain of up to 3 levels, the same for the same place.
fn grain(x: u32, y: u32) -> f32 {
    let hash = x.wrapping_mul(0x9E37_79B1) ^ y.wrapping_mul(0x85EB_CA77);
    let hash = (hash ^ hash >> 15).wrapping_mul(0x2C1B_3C6D);
    (hash >> 24) as f32 / 42.5 - 3.0
}

/// How a JPEG is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Sequential, 4:2:0.
    Baseline,
    /// Progressive, 4:2:0.
    Progressive,
    /// One component.
    Gray,
}

/// Stores an upright picture as a camera does that was held otherwise: turned, with the orientation in EXIF data.
pub fn jpeg(upright: RgbImage, orientation: u8, kind: Kind) -> io::Result<Vec<u8>> {
    let stored = stored(upright, orientation);
    let side = |side| u16::try_from(side).map_err(io::Error::other);
    let (width, height) = (side(stored.width())?, side(stored.height())?);
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, 92);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.set_progressive(kind == Kind::Progressive);
    if orientation != 1 {
        encoder.add_exif_metadata(&exif(orientation)).map_err(io::Error::other)?;
    }
    let encoded = if kind == Kind::Gray {
        let gray = imageops::grayscale(&stored);
        encoder.encode(gray.as_raw(), width, height, ColorType::Luma)
    } else {
        encoder.encode(stored.as_raw(), width, height, ColorType::Rgb)
    };
    encoded.map_err(io::Error::other)?;
    Ok(out)
}

/// The inverse of what an orientation value asks a viewer to do.
fn stored(upright: RgbImage, orientation: u8) -> RgbImage {
    match orientation {
        2 => imageops::flip_horizontal(&upright),
        3 => imageops::rotate180(&upright),
        4 => imageops::flip_vertical(&upright),
        5 => imageops::flip_horizontal(&imageops::rotate90(&upright)),
        6 => imageops::rotate270(&upright),
        7 => imageops::flip_horizontal(&imageops::rotate270(&upright)),
        8 => imageops::rotate90(&upright),
        _ => upright,
    }
}

/// EXIF data with nothing but an orientation (Exif 2.32 §4.6).
pub fn exif(orientation: u8) -> Vec<u8> {
    let mut exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    exif
}

/// A round picture with a soft edge; what lies outside is transparent, and a loud pink that must never show.
fn badge(side: u32) -> io::Result<Vec<u8>> {
    let scene = scene((side, side), Light::Day);
    let middle = side as f32 / 2.0;
    let round = RgbaImage::from_fn(side, side, |x, y| {
        let distance = (x as f32 + 0.5 - middle).hypot(y as f32 + 0.5 - middle);
        let alpha = ((middle * 0.96 - distance) / 3.0).clamp(0.0, 1.0) * 255.0;
        let Rgb([r, g, b]) = *scene.get_pixel(x, y);
        if alpha == 0.0 { Rgba([255, 0, 255, 0]) } else { Rgba([r, g, b, alpha as u8]) }
    });
    encode(round.into(), ImageFormat::Png)
}

/// Two frames, day first.
fn animation(size: (u32, u32)) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut encoder = GifEncoder::new_with_speed(&mut out, 20);
    for light in [Light::Day, Light::Night] {
        let frame = DynamicImage::ImageRgb8(scene(size, light)).into_rgba8();
        encoder.encode_frame(Frame::new(frame)).map_err(io::Error::other)?;
    }
    drop(encoder);
    Ok(out)
}

/// Any picture in any format that `image` writes.
pub fn encode(picture: DynamicImage, format: ImageFormat) -> io::Result<Vec<u8>> {
    let mut out = Cursor::new(Vec::new());
    picture.write_to(&mut out, format).map_err(io::Error::other)?;
    Ok(out.into_inner())
}
