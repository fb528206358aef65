//! Limits, told from the header; and files that are cut anywhere.

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
