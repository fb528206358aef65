//! Right colours: every way in which the formats store them, probed in the output.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "the functions around the tests are tests too"
)]

use brigade_thumbnail::pixels::{Enlarge, Fit, Format, Limits, Rendered, Settings, render};
use brigade_thumbnail::samples::{CORNERS, Light, encode, exif, scene};
use image::{DynamicImage, ImageFormat, RgbaImage};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

fn settings() -> Settings {
    Settings {
        sizes: vec![32],
        fit: Fit::Inside,
        format: Format::Png,
        quality: 80,
        enlarge: Enlarge::Never,
        limits: Limits { bytes: 1 << 24, pixels: 1 << 20, frames: 10, memory: 1 << 28 },
    }
}

fn rendered(source: &[u8], name: &str) -> (Rendered, RgbaImage) {
    let rendered = render(source, &settings()).unwrap_or_else(|reject| panic!("{name}: {reject}"));
    let picture = image::load_from_memory(&rendered.outputs[0].bytes).expect("an output decodes").into_rgba8();
    (rendered, picture)
}

/// The middle pixel of a source of one colour.
fn middle(source: &[u8], name: &str) -> [u8; 4] {
    let (_, picture) = rendered(source, name);
    picture.get_pixel(picture.width() / 2, picture.height() / 2).0
}

#[track_caller]
fn assert_close(got: [u8; 4], expected: [u8; 4], tolerance: u8, name: &str) {
    let far = got.iter().zip(expected).any(|(a, b)| a.abs_diff(b) > tolerance);
    assert!(!far, "{name}: {got:?} where {expected:?} was expected");
}

/// A JPEG of one colour, its samples given as `colour` says.
fn jpeg(pixel: &[u8], colour: ColorType) -> Vec<u8> {
    let mut out = Vec::new();
    let encoder = Encoder::new(&mut out, 95);
    encoder.encode(&pixel.repeat(48 * 48), 48, 48, colour).expect("a JPEG");
    out
}

/// The same JPEG without its segments of one kind.
fn without(jpeg: &[u8], marker: u8) -> Vec<u8> {
    let (mut out, mut at) = (jpeg[..2].to_vec(), 2);
    while jpeg[at + 1] != 0xDA {
        let end = at + 2 + usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
        if jpeg[at + 1] != marker {
            out.extend(&jpeg[at..end]);
        }
        at = end;
    }
    out.extend(&jpeg[at..]);
    out
}

/// The same JPEG with other component identifiers, in the frame header and in the scan header.
fn with_ids(mut jpeg: Vec<u8>, ids: [u8; 3]) -> Vec<u8> {
    let find = |jpeg: &[u8], marker| jpeg.windows(2).position(|two| two == [0xFF, marker]).expect("present");
    let (frame, scan) = (find(&jpeg, 0xC0), find(&jpeg, 0xDA));
    for (index, id) in ids.into_iter().enumerate() {
        jpeg[frame + 10 + 3 * index] = id;
        jpeg[scan + 5 + 2 * index] = id;
    }
    jpeg
}

/// Adobe's segment, with its colour transform.
fn with_adobe(jpeg: &[u8], transform: u8) -> Vec<u8> {
    [&jpeg[..2], b"\xFF\xEE\0\x0EAdobe\0\x64\0\0\0\0", &[transform], &jpeg[2..]].concat()
}

#[test]
fn jpeg_colours_follow_the_markers() {
    // Half cyan and a little black: light is (1 - ink) times (1 - black).
    let inks = [128, 20, 200, 40];
    let light = [107, 198, 46, 255];
    let rgb = [200, 90, 30];
    let raw = jpeg(&rgb, ColorType::Ycbcr); // Samples stored as they are.
    let bare = without(&raw, 0xE0);
    let plain_inks = inks.map(|ink| 255 - ink); // The encoder inverts; without Adobe's marker nobody must.
    #[rustfmt::skip]
    let cases = [
        ("gray",                         jpeg(&[77], ColorType::Luma),                            [77, 77, 77, 255]),
        ("YCbCr",                        jpeg(&rgb, ColorType::Rgb),                              [200, 90, 30, 255]),
        ("YCbCr without JFIF",           without(&jpeg(&rgb, ColorType::Rgb), 0xE0),              [200, 90, 30, 255]),
        ("RGB by Adobe's marker",        with_adobe(&bare, 0),                                    [200, 90, 30, 255]),
        ("RGB by its identifiers",       with_ids(bare, *b"RGB"),                                 [200, 90, 30, 255]),
        ("YCbCr by Adobe's marker",      with_adobe(&without(&jpeg(&rgb, ColorType::Rgb), 0xE0), 1), [200, 90, 30, 255]),
        ("CMYK, inverted as by Adobe",   jpeg(&inks, ColorType::Cmyk),                            light),
        ("YCCK",                         jpeg(&inks, ColorType::CmykAsYcck),                      light),
        ("CMYK without Adobe's marker",  without(&jpeg(&plain_inks, ColorType::Cmyk), 0xEE),      light),
    ];
    for (name, source, expected) in cases {
        assert_close(middle(&source, name), expected, 4, name);
    }
}

#[test]
fn jpeg_samplings_and_restarts_decode_alike() {
    let photo = scene((321, 243), Light::Day);
    for sampling in [
        SamplingFactor::F_1_1,
        SamplingFactor::F_2_1,
        SamplingFactor::F_1_2,
        SamplingFactor::F_2_2,
        SamplingFactor::F_4_1,
        SamplingFactor::F_4_2,
    ] {
        for (progressive, restarts) in [(false, 0), (false, 3), (true, 0), (true, 5)] {
            let mut source = Vec::new();
            let mut encoder = Encoder::new(&mut source, 95);
            encoder.set_sampling_factor(sampling);
            encoder.set_progressive(progressive);
            encoder.set_restart_interval(restarts);
            encoder.encode(photo.as_raw(), 321, 243, ColorType::Rgb).expect("a JPEG");
            let name = format!("{sampling:?}, progressive {progressive}, restarts {restarts}");
            let (_, picture) = rendered(&source, &name);
            assert_eq!(picture.dimensions(), (32, 24), "{name}");
            let places = [(1, 1), (30, 1), (1, 22), (30, 22)];
            for ((x, y), [r, g, b]) in places.into_iter().zip(CORNERS) {
                assert_close(picture.get_pixel(x, y).0, [r, g, b, 255], 12, &name);
            }
        }
    }
}

/// A PNG of one colour, of any colour type and depth.
fn png(colour: png::ColorType, depth: png::BitDepth, row: &[u8], palette: &[u8], transparent: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, 16, 16);
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

#[test]
fn png_colours_of_every_type_and_depth() {
    use png::BitDepth::{Eight, Four, One, Sixteen, Two};
    use png::ColorType::{Grayscale, GrayscaleAlpha, Indexed, Rgb, Rgba};
    let wide = |samples: &[u16]| samples.iter().flat_map(|s| s.to_be_bytes()).collect::<Vec<u8>>().repeat(16);
    let palette = [10, 20, 30, 200, 100, 50];
    #[rustfmt::skip]
    let cases = [
        ("gray 1",             png(Grayscale, One, &[0xFF; 2], &[], &[]),                        [255, 255, 255, 255]),
        ("gray 2",             png(Grayscale, Two, &[0b1010_1010; 4], &[], &[]),                 [170, 170, 170, 255]),
        ("gray 4",             png(Grayscale, Four, &[0x33; 8], &[], &[]),                       [51, 51, 51, 255]),
        ("gray 16",            png(Grayscale, Sixteen, &wide(&[0x80FF]), &[], &[]),              [129, 129, 129, 255]),
        ("gray, transparent",  png(Grayscale, Eight, &[9; 16], &[], &[0, 9]),                    [9, 9, 9, 0]),
        ("gray, other transparent", png(Grayscale, Eight, &[9; 16], &[], &[0, 8]),               [9, 9, 9, 255]),
        ("gray and alpha",     png(GrayscaleAlpha, Eight, &[90, 128].repeat(16), &[], &[]),      [90, 90, 90, 128]),
        ("gray and alpha 16",  png(GrayscaleAlpha, Sixteen, &wide(&[0x4040, 0x8080]), &[], &[]), [64, 64, 64, 128]),
        ("RGB",                png(Rgb, Eight, &[1, 2, 3].repeat(16), &[], &[]),                 [1, 2, 3, 255]),
        ("RGB 16",             png(Rgb, Sixteen, &wide(&[0xFFFF, 0x0101, 0x8080]), &[], &[]),    [255, 1, 128, 255]),
        ("RGBA",               png(Rgba, Eight, &[200, 100, 50, 128].repeat(16), &[], &[]),      [200, 100, 50, 128]),
        ("RGBA 16",            png(Rgba, Sixteen, &wide(&[0xC8C8, 0x6464, 0x3232, 0x8080]), &[], &[]), [200, 100, 50, 128]),
        ("palette",            png(Indexed, Eight, &[1; 16], &palette, &[]),                     [200, 100, 50, 255]),
        ("palette 1",          png(Indexed, One, &[0; 2], &palette, &[]),                        [10, 20, 30, 255]),
        ("palette, transparent", png(Indexed, Four, &[0x11; 8], &palette, &[255, 128]),          [200, 100, 50, 128]),
    ];
    for (name, source, expected) in cases {
        assert_close(middle(&source, name), expected, 1, name);
    }
}

fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let covered = [name.as_slice(), data].concat();
    let sum = covered.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    });
    [&(data.len() as u32).to_be_bytes(), covered.as_slice(), &(!sum).to_be_bytes()].concat()
}

/// An Adam7-interlaced RGB PNG with the pixels of `pixel(x, y)`, its data stored uncompressed.
fn adam7(side: u32, sixteen: bool, pixel: impl Fn(u32, u32) -> [u8; 3]) -> Vec<u8> {
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
    let (a, b) = raw.iter().fold((1u32, 0u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    let length = u16::try_from(raw.len()).expect("one stored block");
    let mut data = b"\x78\x01\x01".to_vec();
    data.extend([length.to_le_bytes(), (!length).to_le_bytes()].concat());
    data.extend(raw);
    data.extend((b << 16 | a).to_be_bytes());
    let header = [side.to_be_bytes(), side.to_be_bytes(), [if sixteen { 16 } else { 8 }, 2, 0, 0]].concat();
    let signature = b"\x89PNG\r\n\x1A\n".to_vec();
    [signature, chunk(b"IHDR", &[header, vec![1]].concat()), chunk(b"IDAT", &data), chunk(b"IEND", b"")].concat()
}

#[test]
fn interlaced_png_at_both_depths() {
    let pixel = |x: u32, y: u32| [(x * 8) as u8, (y * 8) as u8, 77];
    for sixteen in [false, true] {
        let (_, picture) = rendered(&adam7(32, sixteen, pixel), "adam7");
        for (x, y) in [(0, 0), (31, 0), (0, 31), (17, 5), (6, 29)] {
            let [r, g, b] = pixel(x, y);
            assert_eq!(picture.get_pixel(x, y).0, [r, g, b, 255], "16 bits: {sixteen}, at {x},{y}");
        }
    }
}

#[test]
fn tiff_samples_of_every_width() {
    let photo = DynamicImage::ImageRgb8(scene((90, 60), Light::Day));
    let cases = [
        ("gray", DynamicImage::from(photo.to_luma8())),
        ("gray 16", DynamicImage::from(photo.to_luma16())),
        ("RGB", photo.clone()),
        ("RGBA", DynamicImage::from(photo.to_rgba8())),
        ("RGB 16", DynamicImage::from(photo.to_rgb16())),
        ("RGBA 16", DynamicImage::from(photo.to_rgba16())),
        ("RGB float", DynamicImage::from(photo.to_rgb32f())),
    ];
    for (name, picture) in cases {
        let source = encode(picture.clone(), ImageFormat::Tiff).expect(name);
        let expected = picture.to_rgba8().get_pixel(2, 2).0;
        let (_, got) = rendered(&source, name);
        assert_close(got.get_pixel(1, 1).0, expected, 12, name);
    }
}

#[test]
fn png_and_webp_carry_an_orientation_too() {
    let photo = scene((64, 48), Light::Day);
    let png = encode(photo.clone().into(), ImageFormat::Png).expect("png");
    let png = [&png[..33], &chunk(b"eXIf", &exif(6)), &png[33..]].concat();
    let plain = encode(photo.into(), ImageFormat::WebP).expect("webp");
    let riff = |name: &[u8; 4], data: &[u8]| {
        let padding = vec![0; data.len() % 2];
        [name.as_slice(), &(data.len() as u32).to_le_bytes(), data, &padding].concat()
    };
    let canvas = riff(b"VP8X", &[0x08, 0, 0, 0, 63, 0, 0, 47, 0, 0]);
    let body = [b"WEBP", canvas.as_slice(), &plain[12..], &riff(b"EXIF", &exif(6))].concat();
    for (name, source) in [("png", png), ("webp", riff(b"RIFF", &body))] {
        let (rendered, picture) = rendered(&source, name);
        assert_eq!((rendered.orientation, rendered.width, rendered.height), (6, 48, 64), "{name}");
        // Turned clockwise, the stored top left is at the top right.
        let [r, g, b] = CORNERS[0];
        assert_close(picture.get_pixel(picture.width() - 2, 1).0, [r, g, b, 255], 12, name);
    }
}

#[test]
fn an_animation_gives_its_first_frame() {
    let source = brigade_thumbnail::samples::samples().expect("samples");
    let gif = source.into_iter().find(|sample| sample.name.ends_with(".gif")).expect("an animation");
    let (_, picture) = rendered(&gif.bytes, gif.name);
    let [red, _, blue, _] = picture.get_pixel(16, 2).0;
    assert!(blue > 150 && red < 150, "a day's sky, not the night of the second frame: {red}, {blue}");
}
