//! What a source may allocate, counted by the allocator. One test, since the count is the process's.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "the functions around the tests are tests too")]

#[path = "kinds/list.rs"]
#[expect(dead_code, reason = "what must be seen in them is checked elsewhere")]
mod list;
#[path = "kinds/make/mod.rs"]
mod make;

use brigade_thumbnail::pixels::{Enlarge, Fit, Format, Limits, Settings, memory_estimate, peek, render};
use brigade_thumbnail::samples::{Kind, Light, encode, jpeg, scene};
use image::ImageFormat;
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const MB: usize = 1 << 20;
/// What a picture may hold in these tests.
const LIMIT: u64 = 128 << 20;

fn settings(limits: Limits) -> Settings {
    Settings { sizes: vec![256, 128], fit: Fit::Inside, format: Format::Auto, quality: 80, enlarge: Enlarge::Never, limits }
}

/// Bytes allocated at the peak of a render, beyond what was there before, and the outcome's code.
fn peak(source: &[u8], settings: &Settings) -> (usize, &'static str) {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let result = render(source, settings);
    let peak = ALLOCATOR.peak_usage().saturating_sub(before);
    (peak, result.map_or_else(|reject| reject.code(), |_| "ok"))
}

/// A PNG of 400 megapixels in a few bytes.
fn bomb() -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1A\n\0\0\0\x0DIHDR".to_vec();
    png.extend([20_000u32.to_be_bytes(), 20_000u32.to_be_bytes()].concat());
    png.extend(b"\x08\x06\0\0\0\0\0\0\0\0\0\0\0IDAT");
    png
}

/// A small PNG with a text chunk of a few kilobytes that inflates to 64 MB.
fn inflating() -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, 4, 4);
    encoder.add_ztxt_chunk("Comment".to_owned(), " ".repeat(64 * MB)).expect("text");
    encoder.write_header().expect("header").write_image_data(&[128; 16]).expect("pixels");
    out
}

#[test]
fn no_source_allocates_more_than_its_header_admits() {
    let usual = Limits { bytes: 100_000_000, pixels: 100_000_000, frames: 1000, memory: 400_000_000 };
    let generous = Limits { pixels: u64::MAX, ..usual };
    let photo = || scene((2400, 1600), Light::Day);
    #[rustfmt::skip]
    let rejected = [
        ("a PNG of 400 megapixels",           bomb(), usual,    "too-many-pixels"),
        ("the same, only bounded in memory",  bomb(), generous, "too-much-memory"),
    ];
    for (name, source, limits, expected) in rejected {
        let (bytes, outcome) = peak(&source, &settings(limits));
        assert_eq!(outcome, expected, "{name}");
        assert!(bytes < 64 * 1024, "{name} allocated {bytes} bytes");
    }
    let (bytes, outcome) = peak(&inflating(), &settings(usual));
    assert_eq!(outcome, "ok", "text is skipped");
    assert!(bytes < MB, "a text chunk made {bytes} bytes");

    #[rustfmt::skip]
    let rendered = [
        ("baseline jpeg",    jpeg(photo(), 6, Kind::Baseline).expect("jpeg")),
        ("progressive jpeg", jpeg(photo(), 1, Kind::Progressive).expect("jpeg")),
        ("gray jpeg",        jpeg(photo(), 1, Kind::Gray).expect("jpeg")),
        ("png",              encode(photo().into(), ImageFormat::Png).expect("png")),
        ("bmp",              encode(photo().into(), ImageFormat::Bmp).expect("bmp")),
        ("tiff",             encode(photo().into(), ImageFormat::Tiff).expect("tiff")),
        ("webp",             encode(photo().into(), ImageFormat::WebP).expect("webp")),
    ];
    for (name, source) in rendered {
        let settings = settings(usual);
        let header = peek(&source).expect(name).expect(name);
        let estimate = memory_estimate(&header, &settings);
        let (bytes, outcome) = peak(&source, &settings);
        assert_eq!(outcome, "ok", "{name}");
        eprintln!("{name}: {bytes} bytes at the peak, {estimate} estimated");
        assert!(bytes as u64 <= estimate, "{name}: {bytes} bytes at the peak, {estimate} estimated");
        assert!(estimate <= 8 * bytes as u64 + MB as u64 * 30, "{name}: an estimate of {estimate} for {bytes}");
    }
    every_kind_stays_within_what_its_header_admits();
}

/// Small pictures have small estimates, so that whatever a decoder takes beside them shows here.
fn every_kind_stays_within_what_its_header_admits() {
    let settings = settings(Limits { bytes: 100_000_000, pixels: 100_000_000, frames: 1000, memory: LIMIT });
    let mut most = (0, String::new());
    for kind in list::GOOD.iter() {
        let header = peek(&kind.bytes).expect("a header").expect("a whole header");
        let estimate = memory_estimate(&header, &settings);
        let (bytes, outcome) = peak(&kind.bytes, &settings);
        assert_eq!(outcome, "ok", "{}", kind.name);
        assert!(bytes as u64 <= estimate, "{}: {bytes} bytes at the peak, {estimate} estimated", kind.name);
        most = most.max((bytes, kind.name.clone()));
    }
    for kind in list::BAD.iter() {
        let (bytes, outcome) = peak(&kind.bytes, &settings);
        assert_eq!(outcome, kind.code, "{}", kind.name);
        // A profile inflates up to its limit, in a vector that grows by doubling; all else is told from the header.
        assert!(bytes <= 16 * MB, "{}: {bytes} bytes at the peak for a reject", kind.name);
        most = most.max((bytes, kind.name.clone()));
    }
    eprintln!("of all small kinds the most is {} bytes, by {}", most.0, most.1);
}
