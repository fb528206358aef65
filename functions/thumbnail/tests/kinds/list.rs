//! Every kind of picture that becomes thumbnails, with what must be seen in them; and every kind of file that must not.

use super::make::jpeg::{self as jpg, with_adobe, with_ids, with_profile, with_segment, without};
use super::make::tiff::{Tiff, Values};
use super::make::{bmp, find, gif, patched, png as pngs, profile, webp};
use brigade_thumbnail::samples::{Kind, Light, encode, exif, jpeg, scene};
use image::{DynamicImage, ImageFormat};
use jpeg_encoder::{ColorType, SamplingFactor};
use png::BitDepth::{Eight, Four, One, Sixteen, Two};
use png::ColorType::{Grayscale, GrayscaleAlpha, Indexed, Rgb, Rgba};
use std::sync::LazyLock;

/// A picture, and what is in it.
pub(crate) struct Good {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    /// Upright.
    pub(crate) size: (u32, u32),
    pub(crate) seen: Seen,
}

/// What must be seen in an output.
pub(crate) enum Seen {
    /// The four corners of [`scene`].
    Corners,
    /// This pixel in the middle, every sample of it at most so far away.
    Middle([u8; 4], u8),
    /// These pixels at these places, in shares of width and height.
    At(Vec<((f64, f64), [u8; 4])>),
}

/// A file that gets no thumbnails, the code of the reject, and a part of what it says.
pub(crate) struct Bad {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) code: &'static str,
    pub(crate) says: &'static str,
}

const ORANGE: [u8; 3] = [200, 90, 30];
const SEEN: [u8; 4] = [200, 90, 30, 255];
const MAGENTA: [u8; 3] = [255, 0, 255];
/// Of the scenes.
const SIZE: (u32, u32) = (90, 60);

fn day() -> image::RgbImage {
    scene(SIZE, Light::Day)
}

fn corners(name: impl Into<String>, bytes: Vec<u8>) -> Good {
    Good { name: name.into(), bytes, size: SIZE, seen: Seen::Corners }
}

/// A picture of one colour.
fn plain(name: &str, bytes: Vec<u8>, side: u32, pixel: [u8; 4]) -> Good {
    Good { name: name.to_owned(), bytes, size: (side, side), seen: Seen::Middle(pixel, 4) }
}

/// All kinds that become thumbnails.
pub(crate) static GOOD: LazyLock<Vec<Good>> = LazyLock::new(|| {
    let kinds = [jpegs(), jpegs_by_colour(), pngs_(), webps(), gifs_and_bmps(), tiffs(), profiles()];
    kinds.into_iter().flatten().collect()
});

/// All kinds that get no thumbnails.
pub(crate) static BAD: LazyLock<Vec<Bad>> =
    LazyLock::new(|| [foreign(), broken(), oversized()].into_iter().flatten().collect());

fn jpegs() -> Vec<Good> {
    let photo = || jpeg(day(), 1, Kind::Baseline).expect("jpeg");
    let encoded = |set_up: &dyn Fn(&mut jpeg_encoder::Encoder<&mut Vec<u8>>)| {
        jpg::encoded(day().as_raw(), (SIZE.0 as u16, SIZE.1 as u16), ColorType::Rgb, set_up)
    };
    let preview = jpg::plain(&MAGENTA, ColorType::Rgb);
    let second = jpg::with_segment(&preview, 0xE2, b"MPF\0MM\0*\0\0\0\x08\0\0");
    let (width, height) = (300u16, 1u16);
    let line = scene((300, 1), Light::Day);
    let image::Rgb([r, g, b]) = *line.get_pixel(150, 0);
    let strip = jpg::encoded(line.as_raw(), (width, height), ColorType::Rgb, |_| {});
    let mut all = vec![
        corners("jpeg, progressive", jpeg(day(), 1, Kind::Progressive).expect("jpeg")),
        corners("jpeg, trailing bytes", [photo(), b"\xFF\xD8\xFF\xDA of a phone".repeat(99)].concat()),
        corners("jpeg, gain map behind it", [jpg::with_segment(&photo(), 0xE2, b"MPF\0II*\0"), second].concat()),
        corners("jpeg, fill bytes", [&photo()[..2], b"\xFF\xFF\xFF", &photo()[2..]].concat()),
        corners("jpeg, a comment of 65,533 bytes", with_segment(&photo(), 0xFE, &[b'c'; 65_533])),
        corners("jpeg, orientation 9", with_segment(&photo(), 0xE1, &[b"Exif\0\0".to_vec(), exif(9)].concat())),
        corners("jpeg, embedded preview", with_segment(&photo(), 0xE1, &jpg::exif_with_preview(1, &preview))),
        plain("jpeg, 1x1", jpg::encoded(&ORANGE, (1, 1), ColorType::Rgb, |_| {}), 1, SEEN),
        Good {
            name: "jpeg, one line".into(),
            bytes: strip,
            size: (300, 1),
            seen: Seen::At(vec![((0.5, 0.5), [r, g, b, 255])]),
        },
    ];
    for orientation in 1..=8 {
        all.push(corners(format!("jpeg, orientation {orientation}"), jpeg(day(), orientation, Kind::Baseline).expect("jpeg")));
    }
    use SamplingFactor::{F_1_1, F_1_2, F_1_4, F_2_1, F_2_2, F_2_4, F_4_1, F_4_2, R_4_1_0};
    let samplings =
        [F_1_1, F_2_1, F_1_2, F_2_2, F_4_1, F_4_2, F_1_4, F_2_4, R_4_1_0].map(|sampling| (format!("{sampling:?}"), sampling));
    for (name, sampling) in samplings {
        for (kind, progressive, restarts) in [("", false, 0), (", restarts", false, 3), (", progressive, restarts", true, 5)] {
            let bytes = encoded(&|encoder| {
                encoder.set_sampling_factor(sampling);
                encoder.set_progressive(progressive);
                encoder.set_restart_interval(restarts);
            });
            all.push(corners(format!("jpeg, sampling {name}{kind}"), bytes));
        }
    }
    // With optimised tables this encoder writes one scan for each component.
    all.push(corners("jpeg, not interleaved", encoded(&|encoder| encoder.set_optimized_huffman_tables(true))));
    all
}

fn jpegs_by_colour() -> Vec<Good> {
    // Half cyan and a little black: light is (1 - ink) times (1 - black).
    let inks = [128, 20, 200, 40];
    let light = [107, 198, 46, 255];
    let raw = jpg::plain(&ORANGE, ColorType::Ycbcr); // Samples stored as they are.
    let bare = without(&raw, 0xE0);
    let converted = jpg::plain(&ORANGE, ColorType::Rgb);
    let plain_inks = inks.map(|ink| 255 - ink); // The encoder inverts; without Adobe's marker nobody must.
    #[rustfmt::skip]
    let all = [
        ("jpeg, gray",                        jpg::plain(&[77], ColorType::Luma),                      [77, 77, 77, 255]),
        ("jpeg, YCbCr",                       converted.clone(),                                       SEEN),
        ("jpeg, YCbCr without JFIF",          without(&converted, 0xE0),                               SEEN),
        ("jpeg, YCbCr by Adobe's marker",     with_adobe(&without(&converted, 0xE0), 1),               SEEN),
        ("jpeg, RGB by Adobe's marker",       with_adobe(&bare, 0),                                    SEEN),
        ("jpeg, RGB by its identifiers",      with_ids(bare, *b"RGB"),                                 SEEN),
        ("jpeg, CMYK, inverted as by Adobe",  jpg::plain(&inks, ColorType::Cmyk),                      light),
        ("jpeg, YCCK",                        jpg::plain(&inks, ColorType::CmykAsYcck),                light),
        ("jpeg, CMYK without Adobe's marker", without(&jpg::plain(&plain_inks, ColorType::Cmyk), 0xEE), light),
    ];
    all.into_iter().map(|(name, bytes, pixel)| plain(name, bytes, 48, pixel)).collect()
}

fn pngs_() -> Vec<Good> {
    let wide = |samples: &[u16]| samples.iter().flat_map(|s| s.to_be_bytes()).collect::<Vec<u8>>().repeat(16);
    let palette = [10, 20, 30, 200, 90, 30];
    let orange = pngs::rows(Rgb, Eight, &ORANGE.repeat(16), &[], &[]);
    let turned = encode(day().into(), ImageFormat::Png).expect("png");
    let bomb = [b"Comment\0\0".to_vec(), pngs::zlib(&vec![b' '; 64 << 20])].concat();
    #[rustfmt::skip]
    let all = vec![
        ("png, gray 1",              pngs::rows(Grayscale, One, &[0xFF; 2], &[], &[]),                       [255, 255, 255, 255]),
        ("png, gray 2",              pngs::rows(Grayscale, Two, &[0b1010_1010; 4], &[], &[]),                [170, 170, 170, 255]),
        ("png, gray 4",              pngs::rows(Grayscale, Four, &[0x33; 8], &[], &[]),                      [51, 51, 51, 255]),
        ("png, gray 16",             pngs::rows(Grayscale, Sixteen, &wide(&[0x80FF]), &[], &[]),             [129, 129, 129, 255]),
        ("png, gray, transparent",   pngs::rows(Grayscale, Eight, &[9; 16], &[], &[0, 9]),                   [9, 9, 9, 0]),
        ("png, gray, another transparent", pngs::rows(Grayscale, Eight, &[9; 16], &[], &[0, 8]),             [9, 9, 9, 255]),
        ("png, gray and alpha",      pngs::rows(GrayscaleAlpha, Eight, &[90, 128].repeat(16), &[], &[]),     [90, 90, 90, 128]),
        ("png, gray and alpha 16",   pngs::rows(GrayscaleAlpha, Sixteen, &wide(&[0x4040, 0x8080]), &[], &[]), [64, 64, 64, 128]),
        ("png, RGB, transparent",    pngs::rows(Rgb, Eight, &ORANGE.repeat(16), &[], &[0, 200, 0, 90, 0, 30]), [200, 90, 30, 0]),
        ("png, RGB 16",              pngs::rows(Rgb, Sixteen, &wide(&[0xFFFF, 0x0101, 0x8080]), &[], &[]),   [255, 1, 128, 255]),
        ("png, RGBA",                pngs::rows(Rgba, Eight, &[200, 90, 30, 128].repeat(16), &[], &[]),      [200, 90, 30, 128]),
        ("png, RGBA 16",             pngs::rows(Rgba, Sixteen, &wide(&[0xC8C8, 0x5A5A, 0x1E1E, 0x8080]), &[], &[]), [200, 90, 30, 128]),
        ("png, palette",             pngs::rows(Indexed, Eight, &[1; 16], &palette, &[]),                    SEEN),
        ("png, palette 1",           pngs::rows(Indexed, One, &[0xFF; 2], &palette, &[]),                    SEEN),
        ("png, palette 2",           pngs::rows(Indexed, Two, &[0x55; 4], &palette, &[]),                    SEEN),
        ("png, palette, transparent", pngs::rows(Indexed, Four, &[0x11; 8], &palette, &[255, 128]),          [200, 90, 30, 128]),
        ("png, animated",            pngs::animation(ORANGE, MAGENTA),                                       SEEN),
        ("png, a text that inflates to 64 MB", pngs::with_chunk(&orange, b"zTXt", &bomb),                    SEEN),
        ("png, an unknown chunk",    pngs::with_chunk(&orange, b"prVt", &[0; 9999]),                         SEEN),
        ("png, trailing bytes",      [orange.clone(), vec![7; 999]].concat(),                                SEEN),
        ("png, more data than rows", pngs::bare((16, 16), 2, false, 8, &[vec![0], ORANGE.repeat(16)].concat().repeat(99)), SEEN),
    ];
    let mut all: Vec<Good> = all.into_iter().map(|(name, bytes, pixel)| plain(name, bytes, 16, pixel)).collect();
    for sixteen in [false, true] {
        let pixel = |x: u32, y: u32| [(x * 8) as u8, (y * 8) as u8, 77];
        let at = |x: u32, y: u32| ((f64::from(x) / 32.0, f64::from(y) / 32.0), [(x * 8) as u8, (y * 8) as u8, 77, 255]);
        let seen = Seen::At(vec![at(0, 0), at(31, 0), at(0, 31), at(17, 5), at(6, 29)]);
        let bytes = pngs::adam7(32, sixteen, pixel);
        all.push(Good { name: format!("png, interlaced, 16 bits: {sixteen}"), bytes, size: (32, 32), seen });
    }
    let stored = image::imageops::rotate270(&day());
    let turned_by_exif = encode(stored.into(), ImageFormat::Png).expect("png");
    all.push(corners("png, orientation 6", pngs::with_chunk(&turned_by_exif, b"eXIf", &exif(6))));
    all.push(corners("png, RGB", turned));
    all
}

fn webps() -> Vec<Good> {
    let lossless = |picture: DynamicImage| encode(picture, ImageFormat::WebP).expect("webp");
    let one = |pixel: [u8; 4]| lossless(image::RgbaImage::from_pixel(16, 16, image::Rgba(pixel)).into());
    let stored = lossless(image::imageops::rotate270(&day()).into());
    let (orange, magenta) = (one(SEEN), one([255, 0, 255, 255]));
    let turned = webp::extended((60, 90), webp::EXIF, &[webp::bitstream(&stored), webp::chunk(b"EXIF", &exif(6))]);
    let frames = [webp::frame((0, 0), (16, 16), &orange), webp::frame((0, 0), (16, 16), &magenta)].concat();
    let animated = webp::extended((16, 16), webp::ANIMATION, &[webp::animation(), frames]);
    let offset = webp::frame((24, 24), (16, 16), &orange);
    let placed = webp::extended((64, 64), webp::ANIMATION | 0x10, &[webp::animation(), offset]);
    let seen = Seen::At(vec![((0.5, 0.5), SEEN), ((0.1, 0.1), [0, 0, 0, 0]), ((0.9, 0.9), [0, 0, 0, 0])]);
    vec![
        corners("webp, lossless", lossless(day().into())),
        plain("webp, lossy", webp::LOSSY.to_vec(), 16, SEEN),
        plain("webp, lossy with alpha", webp::LOSSY_ALPHA.to_vec(), 16, [200, 90, 30, 128]),
        plain("webp, lossless with alpha", one([200, 90, 30, 128]), 16, [200, 90, 30, 128]),
        corners("webp, orientation 6", turned),
        plain("webp, animated", animated, 16, SEEN),
        Good { name: "webp, a frame smaller than its canvas".into(), bytes: placed, size: (64, 64), seen },
    ]
}

fn gifs_and_bmps() -> Vec<Good> {
    let (black, white, red, clear) = ([0, 0, 0, 255], [255; 4], [255, 0, 0, 255], [0; 4]);
    let square = |name: &str, bytes, side, at: &[((f64, f64), [u8; 4])]| Good {
        name: name.into(),
        bytes,
        size: (side, side),
        seen: Seen::At(at.to_vec()),
    };
    let interlaced = [((0.1, 0.1), black), ((0.1, 0.3), white), ((0.1, 0.6), red), ((0.1, 0.9), black)];
    let see_through = [((0.1, 0.1), black), ((0.1, 0.3), white), ((0.1, 0.6), clear), ((0.1, 0.9), black)];
    let red_over_blue = [((0.1, 0.1), red), ((0.9, 0.9), [0, 0, 255, 255])];
    vec![
        corners("gif", encode(day().into(), ImageFormat::Gif).expect("gif")),
        square("gif, interlaced", gif::interlaced(None), 4, &interlaced),
        square("gif, transparent", gif::interlaced(Some(2)), 4, &see_through),
        square("gif, a frame smaller than its screen", gif::with_offset_frame(), 3, &[((0.5, 0.5), red), ((0.1, 0.1), clear)]),
        plain("gif, 1,000 frames", gif::with_frames(1000), 1, black),
        corners("bmp", encode(day().into(), ImageFormat::Bmp).expect("bmp")),
        square("bmp, from the bottom", bmp::rows(false), 2, &red_over_blue),
        square("bmp, from the top", bmp::rows(true), 2, &red_over_blue),
        plain("bmp, run lengths", bmp::run_lengths(ORANGE), 2, SEEN),
    ]
}

fn tiffs() -> Vec<Good> {
    let of = Tiff::of;
    let shorts = |values: [u16; 3], big: bool| -> Vec<u8> {
        values.iter().flat_map(|value| if big { value.to_be_bytes() } else { value.to_le_bytes() }).collect()
    };
    let sixteen = [0xC8C8, 0x5A5A, 0x1E1E];
    let floats: Vec<u8> = ORANGE.iter().flat_map(|sample| (f32::from(*sample) / 255.0).to_le_bytes()).collect();
    // 200/255, 90/255 and 30/255 in half precision.
    let halves = shorts([0x3A46, 0x35A6, 0x2F88], false);
    let mut map = vec![0u16; 3 * 256];
    (map[7], map[256 + 7], map[512 + 7]) = (0xC8C8, 0x5A5A, 0x1E1E);
    let palette = |bits: u16, colours: Vec<u16>, pixel: &[u8]| Tiff {
        bits,
        others: vec![(320, Values::Shorts(colours))],
        ..of(3, 1, pixel)
    };
    let small_map = [0, 0xC8C8, 0, 0x5A5A, 0, 0x1E1E].to_vec();
    let packed =
        |photometric, bits, byte: u8, bytes: usize| Tiff { bits, strips: vec![vec![byte; bytes]], ..of(photometric, 1, &[]) };
    let planes = ORANGE.iter().map(|sample| vec![*sample; 256]).collect();
    // PackBits: 48 equal rows would not show a mistake in a run's length, 256 equal pixels by runs of three literals do.
    let literals = [&[2u8], ORANGE.as_slice()].concat();
    let ycbcr = [116, 80, 188]; // Orange by ITU-T T.871.
    let full = DynamicImage::ImageRgb8(day());
    #[rustfmt::skip]
    let all = vec![
        ("tiff, white is zero, 1 bit",     packed(0, 1, 0, 32),                                       [255, 255, 255, 255]),
        ("tiff, black is zero, 1 bit",     packed(1, 1, 0, 32),                                       [0, 0, 0, 255]),
        ("tiff, gray 2",                   packed(1, 2, 0b1010_1010, 64),                             [170, 170, 170, 255]),
        ("tiff, gray 4",                   packed(1, 4, 0x33, 128),                                   [51, 51, 51, 255]),
        ("tiff, gray, negative",           of(0, 1, &[55]),                                           [200, 200, 200, 255]),
        ("tiff, gray and alpha",           Tiff { extra: Some(2), ..of(1, 2, &[90, 128]) },           [90, 90, 90, 128]),
        ("tiff, RGB, big-endian",          Tiff { big_endian: true, ..of(2, 3, &ORANGE) },            SEEN),
        ("tiff, RGB in planes",            Tiff { planar: true, strips: planes, ..of(2, 3, &[]) },    SEEN),
        ("tiff, RGB 16",                   Tiff { bits: 16, ..of(2, 3, &shorts(sixteen, false)) },    SEEN),
        ("tiff, RGB 16, big-endian",       Tiff { bits: 16, big_endian: true, ..of(2, 3, &shorts(sixteen, true)) }, SEEN),
        ("tiff, RGB float",                Tiff { bits: 32, format: 3, ..of(2, 3, &floats) },         SEEN),
        ("tiff, RGB half float",           Tiff { bits: 16, format: 3, ..of(2, 3, &halves) },         SEEN),
        ("tiff, RGB packed",               Tiff { compression: 32_773, ..of(2, 3, &literals) },       SEEN),
        ("tiff, straight alpha",           Tiff { extra: Some(2), ..of(2, 4, &[200, 90, 30, 128]) },  [200, 90, 30, 128]),
        ("tiff, multiplied alpha",         Tiff { extra: Some(1), ..of(2, 4, &[100, 45, 15, 128]) },  [200, 90, 30, 128]),
        ("tiff, a fifth sample",           Tiff { extra: Some(2), ..of(2, 5, &[200, 90, 30, 128, 9]) }, [200, 90, 30, 128]),
        ("tiff, a fourth sample that is no alpha", Tiff { extra: Some(0), ..of(2, 4, &[200, 90, 30, 9]) }, SEEN),
        ("tiff, palette",                  palette(8, map, &[7]),                                     SEEN),
        ("tiff, palette 1",                Tiff { strips: vec![vec![0xFF; 32]], ..palette(1, small_map, &[]) }, SEEN),
        ("tiff, CMYK",                     of(5, 4, &[128, 20, 200, 40]),                             [107, 198, 46, 255]),
        ("tiff, YCbCr",                    Tiff { others: vec![(530, Values::Shorts(vec![1, 1]))], ..of(6, 3, &ycbcr) }, SEEN),
    ];
    let mut all: Vec<Good> = all.into_iter().map(|(name, tiff, pixel)| plain(name, tiff.bytes(), 16, pixel)).collect();
    for (name, picture) in [
        ("tiff, by an encoder", full.clone()),
        ("tiff, 16 bits, by an encoder", DynamicImage::from(full.to_rgb16())),
        ("tiff, RGBA 16, by an encoder", DynamicImage::from(full.to_rgba16())),
        ("tiff, float, by an encoder", DynamicImage::from(full.to_rgb32f())),
    ] {
        all.push(corners(name, encode(picture, ImageFormat::Tiff).expect("tiff")));
    }
    let stored = image::imageops::rotate270(&day());
    let turned =
        Tiff { size: (60, 90), strips: vec![stored.into_raw()], others: vec![(274, Values::Shorts(vec![6]))], ..of(2, 3, &[]) };
    all.push(corners("tiff, orientation 6", turned.bytes()));
    all
}

/// The same samples mean another colour by a profile. The colours are those of lcms 2, to a few levels.
fn profiles() -> Vec<Good> {
    let (p3, adobe) = (profile::display_p3(), profile::adobe_rgb());
    // What these are in sRGB.
    let (p3_pixel, red) = ([234, 51, 35], [255, 0, 0, 255]);
    let (adobe_pixel, adobe_seen) = ([180, 101, 60], [203, 101, 55, 255]);
    let rgb = |pixel: &[u8; 3]| jpg::plain(pixel, ColorType::Rgb);
    let gray = jpg::plain(&[55], ColorType::Luma);
    let cyan = || jpg::plain(&[255, 0, 0, 0], ColorType::Cmyk);
    let png = |pixel: &[u8; 3]| pngs::rows(Rgb, Eight, &pixel.repeat(16), &[], &[]);
    let lossless = encode(image::RgbImage::from_pixel(16, 16, image::Rgb(p3_pixel)).into(), ImageFormat::WebP).expect("webp");
    let with_icc = [webp::chunk(b"ICCP", &p3), webp::bitstream(&lossless)];
    let tagged = |profile: &[u8]| vec![(34_675, Values::Bytes(profile.to_vec()))];
    let see_through = pngs::rows(Rgba, Eight, &[234, 51, 35, 128].repeat(16), &[], &[]);
    let (press, press_red) = (profile::red_cyan(), [251, 0, 8, 255]);
    let ignored = b"no profile at all, but long enough to be one, had it another beginning".repeat(9);
    #[rustfmt::skip]
    let all = vec![
        ("jpeg, Display P3",                 with_profile(&rgb(&p3_pixel), &p3, 60_000),              48, red),
        ("jpeg, Display P3 in pieces",       with_profile(&rgb(&p3_pixel), &p3, 100),                 48, red),
        ("jpeg, Adobe RGB",                  with_profile(&rgb(&adobe_pixel), &adobe, 60_000),        48, adobe_seen),
        ("jpeg, the same without a profile", rgb(&adobe_pixel),                                       48, [180, 101, 60, 255]),
        ("jpeg, sRGB",                       with_profile(&rgb(&ORANGE), &profile::srgb(), 60_000),   48, SEEN),
        ("jpeg, a garbage profile",          with_profile(&rgb(&ORANGE), &ignored, 60_000),           48, SEEN),
        ("jpeg, a profile of inks for RGB",  with_profile(&rgb(&ORANGE), &press, 60_000),             48, SEEN),
        ("jpeg, a profile cut off",          with_profile(&rgb(&ORANGE), &p3[..200], 60_000),         48, SEEN),
        ("jpeg, linear gray",                with_profile(&gray, &profile::gray(1.0), 60_000),        48, [128, 128, 128, 255]),
        ("jpeg, gray with the profile of RGB", with_profile(&gray, &p3, 60_000),                      48, [55, 55, 55, 255]),
        ("jpeg, CMYK with a profile",        with_profile(&cyan(), &press, 60_000),                   48, press_red),
        ("jpeg, the same CMYK without one",  cyan(),                                                  48, [0, 255, 255, 255]),
        ("png, Display P3",                  pngs::with_profile(&png(&p3_pixel), &p3),                16, red),
        ("png, Display P3 with alpha",       pngs::with_profile(&see_through, &p3),                   16, [255, 0, 0, 128]),
        ("png, a garbage profile",           pngs::with_chunk(&png(&ORANGE), b"iCCP", b"p\0\0no zlib data"), 16, SEEN),
        ("webp, Display P3",                 webp::extended((16, 16), webp::PROFILE, &with_icc),      16, red),
        ("tiff, Display P3",                 Tiff { others: tagged(&p3), ..Tiff::of(2, 3, &p3_pixel) }.bytes(), 16, red),
        ("tiff, CMYK with a profile",        Tiff { others: tagged(&press), ..Tiff::of(5, 4, &[255, 0, 0, 0]) }.bytes(), 16, press_red),
        ("bmp, Display P3",                  bmp::with_profile(p3_pixel, &p3),                        2,  red),
    ];
    all.into_iter().map(|(name, bytes, side, pixel)| plain(name, bytes, side, pixel)).collect()
}

fn bad_of(list: Vec<(&str, Vec<u8>, &'static str, &'static str)>) -> Vec<Bad> {
    list.into_iter().map(|(name, bytes, code, says)| Bad { name: name.to_owned(), bytes, code, says }).collect()
}

fn foreign() -> Vec<Bad> {
    let jpg = jpeg(day(), 1, Kind::Baseline).expect("jpeg");
    let frame = find(&jpg, b"\xFF\xC0") + 1;
    let as_frame = |marker: u8| patched(jpg.clone(), frame, &[marker]);
    let prologue = [b"<?xml version='1.0'?><!-- ".to_vec(), vec![b'-'; 3000], b" --><svg/>".to_vec()].concat();
    let tiff = |photometric, samples| Tiff::of(photometric, samples, &vec![0; usize::from(samples)]);
    #[rustfmt::skip]
    let list = vec![
        ("text",                        b"hello".repeat(99),                                      "not-an-image", "no image format"),
        ("zeros",                       vec![0; 9999],                                            "not-an-image", "no image format"),
        ("heic",                        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".to_vec(),           "unsupported", "heic"),
        ("avif",                        b"\0\0\0\x18ftypavif\0\0\0\0mif1miaf".to_vec(),           "unsupported", "avif"),
        ("svg",                         b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec(),    "unsupported", "svg"),
        ("svg after a long comment",    prologue,                                                 "unsupported", "svg"),
        ("jxl",                         b"\xFF\x0A\0\0".to_vec(),                                 "unsupported", "jxl"),
        ("pdf",                         b"%PDF-1.7\n".to_vec(),                                   "unsupported", "pdf"),
        ("psd",                         b"8BPS\0\x01".to_vec(),                                   "unsupported", "psd"),
        ("tga",                         b"\0\0\x02\0\0\0\0\0\0\0\0\0\x10\0\x10\0\x18\0".to_vec(), "unsupported", "tga"),
        ("jpeg, arithmetic coding",     as_frame(0xC9),                                           "unsupported", "arithmetic"),
        ("jpeg, lossless",              as_frame(0xC3),                                           "unsupported", "lossless"),
        ("jpeg, hierarchical",          as_frame(0xC5),                                           "unsupported", "hierarchical"),
        ("jpeg, 12 bits",               patched(jpg.clone(), frame + 3, b"\x0C"),                 "unsupported", "12 bits"),
        ("jpeg, height to come later",  patched(jpg.clone(), frame + 4, b"\0\0"),                 "unsupported", "DNL"),
        ("tiff, Lab",                   tiff(8, 3).bytes(),                                       "unsupported", "Lab"),
        ("tiff, sensor data",           tiff(32_803, 1).bytes(),                                  "unsupported", "raw sensor"),
        ("tiff, other inks",            Tiff { others: vec![(332, Values::Shorts(vec![2]))], ..tiff(5, 4) }.bytes(), "unsupported", "inks"),
        ("tiff, bits in reverse order", Tiff { others: vec![(266, Values::Shorts(vec![2]))], ..tiff(2, 3) }.bytes(), "unsupported", "reverse"),
        ("tiff, an unknown compression", Tiff { compression: 34_887, ..tiff(2, 3) }.bytes(),      "unsupported", "compression"),
    ];
    bad_of(list)
}

fn broken() -> Vec<Bad> {
    let jpg = jpeg(day(), 1, Kind::Baseline).expect("jpeg");
    let png = encode(day().into(), ImageFormat::Png).expect("png");
    let half = |bytes: Vec<u8>| bytes[..bytes.len() / 2].to_vec();
    let of = |format| encode(day().into(), format).expect("encoded");
    let mut changed = png.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 0x55;
    let width = find(&jpg, b"\xFF\xC0") + 7;
    let frame_over_screen = patched(gif::with_frames(1), 24, b"\xFF\xFF\xFF\xFF");
    let over_canvas = webp::extended((8, 8), 0, &[webp::bitstream(webp::LOSSY)]);
    let no_palette = Tiff::of(3, 1, &[0]).bytes();
    #[rustfmt::skip]
    let list = vec![
        ("nothing",                     vec![],                                                  "empty",   "0 bytes"),
        ("png, its signature alone",    png[..8].to_vec(),                                       "corrupt", "header"),
        ("png, cut in half",            half(png.clone()),                                       "corrupt", "png"),
        ("png, a changed byte",         changed,                                                 "corrupt", "png"),
        ("png, no columns",             patched(png, 16, &[0; 4]),                               "corrupt", "0x60"),
        ("png, fewer rows than said",   pngs::bare((16, 16), 2, false, 8, &[0; 49]),             "corrupt", "png"),
        ("jpeg, cut in half",           half(jpg.clone()),                                       "corrupt", "jpeg"),
        ("jpeg, progressive, cut in half", half(jpeg(day(), 1, Kind::Progressive).expect("jpeg")), "corrupt", "jpeg"),
        ("jpeg, no columns",            patched(jpg, width, b"\0\0"),                            "corrupt", "0x60"),
        ("webp, cut in half",           half(of(ImageFormat::WebP)),                             "corrupt", "webp"),
        ("webp, larger than its canvas", over_canvas,                                            "corrupt", "16x16"),
        ("gif, cut in half",            half(of(ImageFormat::Gif)),                              "corrupt", "gif"),
        ("gif, a frame over its screen", frame_over_screen,                                      "corrupt", "65535x65535"),
        ("bmp, cut in half",            half(of(ImageFormat::Bmp)),                              "corrupt", "bmp"),
        ("tiff, cut in half",           half(Tiff::of(2, 3, &ORANGE).bytes()),                   "corrupt", "tiff"),
        ("tiff, a palette without one", no_palette,                                              "corrupt", "palette"),
    ];
    bad_of(list)
}

/// Bombs: little to send, much to do.
fn oversized() -> Vec<Bad> {
    let big = 20_000u32;
    let of = |format| encode(day().into(), format).expect("encoded");
    let jpg = jpeg(day(), 1, Kind::Baseline).expect("jpeg");
    let frame = find(&jpg, b"\xFF\xC0") + 5;
    let lossless = of(ImageFormat::WebP);
    let bitstream = find(&lossless, b"VP8L") + 9;
    let mut scans = jpeg(day(), 1, Kind::Progressive).expect("jpeg");
    scans.truncate(scans.len() - 2);
    scans.extend(b"\xFF\xDA\0\x08\x01\x01\0\x01\x3F\0\0".repeat(5000));
    scans.extend(b"\xFF\xD9");
    let orange = pngs::rows(Rgb, Eight, &ORANGE.repeat(16), &[], &[]);
    let inflating = pngs::with_profile(&orange, &vec![0; 64 << 20]);
    let stored = with_profile(&jpg::plain(&ORANGE, ColorType::Rgb), &vec![0; 5 << 20], 65_000);
    let rows = pngs::bare((30_000, 30_000), 6, false, 8, &vec![0; 1 << 20]);
    let tiff = Tiff { size: (big, big), ..Tiff::of(2, 3, &ORANGE) }.bytes();
    let mut looped = Tiff::of(2, 3, &ORANGE).bytes();
    let directory = u32::from_le_bytes([looped[4], looped[5], looped[6], looped[7]]);
    let end = looped.len() - 4;
    looped[end..].copy_from_slice(&directory.to_le_bytes());
    // 4,000 million strips.
    let strips = [find(&looped, b"\x11\x01\x04\0"), find(&looped, b"\x17\x01\x04\0")];
    let many =
        strips.into_iter().fold(Tiff::of(2, 3, &ORANGE).bytes(), |file, at| patched(file, at + 4, &[0xF0, 0xFF, 0xFF, 0xFF]));
    // The first value admits 38 MB, the second decodes to 100.
    let twice = Tiff { size: (3000, 1400), others: vec![(258, Values::Shorts(vec![64; 3]))], ..Tiff::of(2, 3, &ORANGE) };
    let crowded = (40_000..44_096).map(|tag| (tag, Values::Shorts(vec![0]))).collect();
    let crowded = Tiff { others: crowded, ..Tiff::of(2, 3, &ORANGE) };
    #[rustfmt::skip]
    let list = vec![
        ("png, 900 megapixels of zeros",    rows,                                                       "too-many-pixels", "30000x30000"),
        ("jpeg, 65,535 squared",            patched(jpg, frame, b"\xFF\xFF\xFF\xFF"),                   "too-many-pixels", "65535x65535"),
        ("gif, 65,535 squared",             patched(of(ImageFormat::Gif), 6, b"\xFF\xFF\xFF\xFF"),      "too-many-pixels", "65535x65535"),
        ("bmp, 20,000 squared",             patched(of(ImageFormat::Bmp), 18, &[big.to_le_bytes(), big.to_le_bytes()].concat()), "too-many-pixels", "20000x20000"),
        ("webp, 16,384 squared",            patched(lossless, bitstream, b"\xFF\xFF\xFF\x0F"),          "too-many-pixels", "16384x16384"),
        ("tiff, 20,000 squared",            tiff,                                                       "too-many-pixels", "limit of 100000000"),
        ("tiff, directories in a circle",   looped,                                                     "too-many-frames", "limit of 1000"),
        ("tiff, 4,000 million strips",      many,                                                       "corrupt", "tiff"),
        ("tiff, a tag twice",               twice.bytes(),                                              "corrupt", "the tag 258 stands twice"),
        ("tiff, more tags than are looked at", crowded.bytes(),                                         "corrupt", "limit of 4096"),
        ("gif, 1,001 frames",               gif::with_frames(1001),                                     "too-many-frames", "limit of 1000"),
        ("jpeg, 5,000 scans",               scans,                                                      "too-many-scans", "limit of 64"),
        ("png, a profile that inflates to 64 MB", inflating,                                            "profile-too-large", "limit of 4194304"),
        ("jpeg, a profile of 5 MB",         stored,                                                     "profile-too-large", "5242880 bytes"),
    ];
    bad_of(list)
}
