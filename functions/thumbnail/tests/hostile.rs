//! Files that are broken, oversized or foreign: each gets its named reject, and none a panic.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "the functions around the tests are tests too")]

use brigade_thumbnail::pixels::{Enlarge, Fit, Format, Limits, Reject, Rendered, Settings, peek, render};
use brigade_thumbnail::samples::{Kind, Light, encode, jpeg, scene};
use image::ImageFormat;

fn settings() -> Settings {
    Settings {
        sizes: vec![32, 16],
        fit: Fit::Inside,
        format: Format::Auto,
        quality: 80,
        enlarge: Enlarge::Never,
        limits: Limits { bytes: 1_000_000, pixels: 1_000_000, frames: 1000, memory: 64_000_000 },
    }
}

fn small(format: ImageFormat) -> Vec<u8> {
    encode(scene((48, 32), Light::Day).into(), format).expect("encoded")
}

fn code(result: &Result<Rendered, Reject>) -> &'static str {
    result.as_ref().map_or_else(Reject::code, |_| "ok")
}

/// Where `what` begins.
fn find(bytes: &[u8], what: &[u8]) -> usize {
    bytes.windows(what.len()).position(|window| window == what).expect("present")
}

fn patched(mut bytes: Vec<u8>, at: usize, with: &[u8]) -> Vec<u8> {
    bytes[at..at + with.len()].copy_from_slice(with);
    bytes
}

fn gif_with_frames(frames: usize) -> Vec<u8> {
    let mut gif = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xFF\xFF\xFF".to_vec();
    for _ in 0..frames {
        gif.extend(b"\x2C\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0");
    }
    gif.push(0x3B);
    gif
}

/// Every format, its header changed to announce more pixels than the limit.
fn oversized() -> Vec<(&'static str, Vec<u8>)> {
    let big = 20_000u32;
    let jpg = small(ImageFormat::Jpeg);
    let frame = find(&jpg, b"\xFF\xC0") + 5;
    let tiff = small(ImageFormat::Tiff);
    let width = find(&tiff, b"\x00\x01\x04\x00\x01\0\0\0") + 8;
    let height = find(&tiff, b"\x01\x01\x04\x00\x01\0\0\0") + 8;
    let webp = small(ImageFormat::WebP);
    let lossless = find(&webp, b"VP8L") + 9;
    vec![
        ("png", patched(small(ImageFormat::Png), 16, &[big.to_be_bytes(), big.to_be_bytes()].concat())),
        ("jpeg", patched(jpg, frame, b"\xFF\xFF\xFF\xFF")),
        ("gif", patched(small(ImageFormat::Gif), 6, b"\xFF\xFF\xFF\xFF")),
        ("bmp", patched(small(ImageFormat::Bmp), 18, &[big.to_le_bytes(), big.to_le_bytes()].concat())),
        ("tiff", patched(patched(tiff, width, &big.to_le_bytes()), height, &big.to_le_bytes())),
        ("webp", patched(webp, lossless, b"\xFF\xFF\xFF\x0F")),
    ]
}

#[test]
fn too_many_pixels_are_told_from_the_header() {
    for (name, source) in oversized() {
        let result = render(&source, &settings());
        assert_eq!(code(&result), "too-many-pixels", "{name}: {result:?}");
    }
}

#[test]
fn each_reject_has_its_code_figure_and_limit() {
    let png = small(ImageFormat::Png);
    let mut scans = small(ImageFormat::Jpeg);
    scans.truncate(scans.len() - 2);
    scans.extend(b"\xFF\xDA\0\x08\x01\x01\0\0\x3F\0".repeat(70));
    scans.extend(b"\xFF\xD9");
    let jpg = small(ImageFormat::Jpeg);
    let start_of_frame = find(&jpg, b"\xFF\xC0") + 1;
    let frame_screen = patched(gif_with_frames(1), 24, b"\xFF\xFF\xFF\xFF");
    #[rustfmt::skip]
    let cases: Vec<(&str, Vec<u8>, &str, &str)> = vec![
        ("no bytes",             vec![],                                           "empty",           "0 bytes"),
        ("text",                 b"hello".to_vec(),                                "not-an-image",    "no image format"),
        ("heic",                 b"\0\0\0\x18ftypheic\0\0\0\0".to_vec(),           "unsupported",     "heic"),
        ("svg",                  b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec(), "unsupported", "svg"),
        ("arithmetic coding",    patched(jpg.clone(), start_of_frame, b"\xC9"),    "unsupported",     "arithmetic"),
        ("lossless jpeg",        patched(jpg.clone(), start_of_frame, b"\xC3"),    "unsupported",     "lossless"),
        ("12 bits",              patched(jpg.clone(), start_of_frame + 3, b"\x0C"), "unsupported",    "12 bits"),
        ("no height",            patched(jpg.clone(), start_of_frame + 4, b"\0\0"), "unsupported",    "DNL"),
        ("no width",             patched(jpg, start_of_frame + 6, b"\0\0"),        "corrupt",         "0x32"),
        ("frames",               gif_with_frames(1001),                            "too-many-frames", "limit of 1000"),
        ("frame over screen",    frame_screen,                                     "corrupt",         "65535x65535"),
        ("scans",                scans,                                            "too-many-scans",  "limit of 64"),
        ("bytes",                [png.clone(), vec![0; 1_000_000]].concat(),       "too-many-bytes",  "limit of 1000000"),
        ("signature alone",      png[..8].to_vec(),                                "corrupt",         "header"),
        ("half a png",           png[..png.len() / 2].to_vec(),                    "corrupt",         "png"),
    ];
    for (name, source, expected, figure) in cases {
        let result = render(&source, &settings());
        assert_eq!(code(&result), expected, "{name}: {result:?}");
        let shown = result.expect_err("a reject").to_string();
        assert!(shown.contains(figure), "{name}: {shown}");
    }
    assert_eq!(code(&render(&gif_with_frames(1000), &settings())), "ok", "frames at the limit");
}

#[test]
fn too_much_memory_is_told_from_the_header() {
    let limits = Limits { memory: 1_000_000, ..settings().limits };
    let result = render(&small(ImageFormat::Png), &Settings { limits, ..settings() });
    assert_eq!(code(&result), "too-much-memory", "the fixed part alone is more");
}

#[test]
fn what_follows_the_picture_is_ignored() {
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Gif, ImageFormat::Bmp, ImageFormat::WebP] {
        let clean = small(format);
        let trailed = [clean.clone(), b"trailing data \xFF\xD8\xFF\xDA of a phone".repeat(9)].concat();
        assert_eq!(render(&trailed, &settings()), render(&clean, &settings()), "{format:?}");
    }
}

fn formats() -> Vec<(&'static str, Vec<u8>)> {
    let photo = || scene((48, 32), Light::Day);
    vec![
        ("jpeg", jpeg(photo(), 6, Kind::Baseline).expect("jpeg")),
        ("progressive jpeg", jpeg(photo(), 3, Kind::Progressive).expect("jpeg")),
        ("gray jpeg", jpeg(photo(), 1, Kind::Gray).expect("jpeg")),
        ("png", small(ImageFormat::Png)),
        ("webp", small(ImageFormat::WebP)),
        ("gif", small(ImageFormat::Gif)),
        ("bmp", small(ImageFormat::Bmp)),
        ("tiff", small(ImageFormat::Tiff)),
    ]
}

#[test]
fn a_file_cut_anywhere_is_rendered_or_rejected() {
    for (name, source) in formats() {
        let mut rejected = 0;
        for cut in 0..source.len() {
            let result = render(&source[..cut], &settings());
            rejected += usize::from(result.is_err());
            assert!(peek(&source[..cut]).is_ok() || result.is_err(), "{name} cut at {cut}");
        }
        assert!(rejected * 10 > source.len() * 8, "{name}: only {rejected} of {} cuts rejected", source.len());
        assert_eq!(code(&render(&source, &settings())), "ok", "{name} whole");
    }
}

#[test]
fn a_file_changed_anywhere_is_rendered_or_rejected() {
    let mut random = 0x2545_F491_4F6C_DD1Du64;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % below as u64) as usize
    };
    for (name, source) in formats() {
        let mut outcomes = std::collections::BTreeSet::new();
        for _ in 0..300 {
            let mut changed = source.clone();
            for _ in 0..=next(4) {
                let at = next(changed.len());
                changed[at] = next(256) as u8;
            }
            outcomes.insert(code(&render(&changed, &settings())));
        }
        assert!(outcomes.contains("ok") && outcomes.len() > 1, "{name}: {outcomes:?}");
    }
}
