//! Right pictures: sizes, orientation, formats and colours, probed in the encoded outputs by an independent decoder.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "the functions around the tests are tests too")]

use brigade_thumbnail::pixels::{Enlarge, Fit, Format, Limits, Rendered, Settings, SourceFormat, render};
use brigade_thumbnail::samples::{self, CORNERS, Kind, Light, jpeg, scene};
use image::{DynamicImage, ImageFormat, Rgba, RgbaImage};

fn settings(sizes: &[u32]) -> Settings {
    Settings {
        sizes: sizes.to_vec(),
        fit: Fit::Inside,
        format: Format::Auto,
        quality: 80,
        enlarge: Enlarge::Never,
        limits: Limits { bytes: 100_000_000, pixels: 100_000_000, frames: 1000, memory: 1_000_000_000 },
    }
}

fn decoded(rendered: &Rendered, index: usize) -> RgbaImage {
    image::load_from_memory(&rendered.outputs[index].bytes).expect("an output decodes").into_rgba8()
}

/// The pixel at a place given in shares of width and height.
fn at(picture: &RgbaImage, u: f64, v: f64) -> [u8; 4] {
    let place = |share: f64, side: u32| ((share * f64::from(side)) as u32).min(side - 1);
    picture.get_pixel(place(u, picture.width()), place(v, picture.height())).0
}

#[track_caller]
fn assert_close(got: [u8; 4], expected: [u8; 3], tolerance: u8, what: &str) {
    let far = got.iter().zip(expected).any(|(a, b)| a.abs_diff(b) > tolerance);
    assert!(!far, "{what}: {got:?} where {expected:?} was expected");
}

#[track_caller]
fn assert_corners(picture: &RgbaImage, tolerance: u8, what: &str) {
    let places = [(0.06, 0.06), (0.94, 0.06), (0.06, 0.94), (0.94, 0.94)];
    for ((u, v), expected) in places.into_iter().zip(CORNERS) {
        assert_close(at(picture, u, v), expected, tolerance, &format!("{what} at {u},{v}"));
    }
}

#[test]
fn every_orientation_comes_out_upright() {
    for kind in [Kind::Baseline, Kind::Progressive] {
        for orientation in 1..=8 {
            let source = jpeg(scene((600, 401), Light::Day), orientation, kind).expect("a JPEG");
            let rendered = render(&source, &settings(&[256, 64])).expect("rendered");
            assert_eq!((rendered.width, rendered.height, rendered.orientation), (600, 401, orientation));
            for (index, expected) in [(256, 171), (64, 43)].into_iter().enumerate() {
                let picture = decoded(&rendered, index);
                assert_eq!(picture.dimensions(), expected, "orientation {orientation}");
                assert_corners(&picture, 16, &format!("{kind:?} orientation {orientation}"));
            }
        }
    }
}

#[test]
fn every_sample_gives_each_size_upright() {
    for sample in samples::samples().expect("samples") {
        let rendered = render(&sample.bytes, &settings(&[128, 256, 512])).expect(sample.name);
        assert_eq!((rendered.width, rendered.height), (sample.width, sample.height), "{}", sample.name);
        assert_eq!(rendered.has_alpha, sample.has_alpha, "{}", sample.name);
        let sizes: Vec<u32> = rendered.outputs.iter().map(|output| output.size).collect();
        assert_eq!(sizes, [128, 256, 512], "{}", sample.name);
        for (index, output) in rendered.outputs.iter().enumerate() {
            let picture = decoded(&rendered, index);
            assert_eq!((output.width, output.height), picture.dimensions(), "{}", sample.name);
            let long = sample.width.max(sample.height).min(output.size);
            assert_eq!(output.width.max(output.height), long, "{}", sample.name);
            let expected = if sample.has_alpha { ("png", "image/png") } else { ("jpg", "image/jpeg") };
            assert_eq!((output.ext, output.content_type), expected, "{}", sample.name);
            match sample.name {
                "badge.png" => assert_eq!(at(&picture, 0.0, 0.0)[3], 0, "outside the badge"),
                "old-photo.jpg" => assert_close(at(&picture, 0.06, 0.06), [71; 3], 12, sample.name),
                name => assert_corners(&picture, 20, name),
            }
        }
    }
}

#[test]
fn the_format_is_told_by_content() {
    #[rustfmt::skip]
    let cases = [
        (ImageFormat::Png,  SourceFormat::Png), (ImageFormat::Jpeg, SourceFormat::Jpeg),
        (ImageFormat::WebP, SourceFormat::Webp), (ImageFormat::Gif, SourceFormat::Gif),
        (ImageFormat::Bmp,  SourceFormat::Bmp), (ImageFormat::Tiff, SourceFormat::Tiff),
    ];
    for (format, expected) in cases {
        let source = samples::encode(scene((90, 60), Light::Day).into(), format).expect("encoded");
        let rendered = render(&source, &Settings { format: Format::Png, ..settings(&[64]) }).expect("rendered");
        assert_eq!(rendered.format, expected);
        assert_corners(&decoded(&rendered, 0), 24, expected.as_str());
    }
}

#[test]
fn output_formats_are_what_is_configured() {
    let opaque = samples::encode(scene((300, 200), Light::Day).into(), ImageFormat::Png).expect("png");
    let see_through = samples::samples().expect("samples").into_iter().find(|s| s.has_alpha).expect("one").bytes;
    #[rustfmt::skip]
    let cases = [
        (&opaque, Format::Auto, "jpg"),      (&see_through, Format::Auto, "png"),
        (&opaque, Format::Jpeg, "jpg"),      (&see_through, Format::Jpeg, "jpg"),
        (&opaque, Format::Png,  "png"),      (&see_through, Format::Png,  "png"),
        (&opaque, Format::Webp, "webp"),     (&see_through, Format::Webp, "webp"),
    ];
    for (source, format, ext) in cases {
        let rendered = render(source, &Settings { format, ..settings(&[128]) }).expect("rendered");
        assert_eq!(rendered.outputs[0].ext, ext);
        let told = image::guess_format(&rendered.outputs[0].bytes).expect("told");
        assert_eq!(told.to_mime_type(), rendered.outputs[0].content_type);
        let corner = at(&decoded(&rendered, 0), 0.0, 0.0);
        match (rendered.has_alpha, format) {
            (true, Format::Jpeg) => assert_close(corner, [255; 3], 6, "transparency is laid over white"),
            (true, _) => assert_eq!(corner[3], 0),
            (false, _) => assert_close(corner, CORNERS[0], 16, "opaque"),
        }
    }
}

#[test]
fn transparent_pixels_give_no_colour_to_their_neighbours() {
    // Opaque white on the left, invisible pure red on the right: straight-alpha resizing would make a pink edge.
    let source = RgbaImage::from_fn(401, 301, |x, _| if x < 203 { Rgba([255; 4]) } else { Rgba([255, 0, 0, 0]) });
    let source = samples::encode(source.into(), ImageFormat::Png).expect("png");
    let rendered = render(&source, &settings(&[200, 100, 33])).expect("rendered");
    for index in 0..3 {
        for Rgba([_, green, blue, alpha]) in decoded(&rendered, index).pixels().filter(|pixel| pixel.0[3] > 8) {
            assert!(*green > 240 && *blue > 240, "a fringe of {green},{blue} at alpha {alpha}");
        }
    }
}

#[test]
fn cover_crops_the_middle_and_contain_pads_around_it() {
    for orientation in [1, 6, 7] {
        let source = jpeg(scene((600, 300), Light::Day), orientation, Kind::Baseline).expect("jpeg");
        let cover = render(&source, &Settings { fit: Fit::Cover, ..settings(&[128, 50]) }).expect("cover");
        let reference = scene((600, 300), Light::Day);
        for (index, side) in [128, 50].into_iter().enumerate() {
            let picture = decoded(&cover, index);
            assert_eq!(picture.dimensions(), (side, side));
            // The crop is the columns from 150 to 450; the sky and the nearest hill don't depend on the grain.
            for (u, v) in [(0.1, 0.05), (0.9, 0.05), (0.1, 0.95), (0.5, 0.95)] {
                let expected = reference.get_pixel(150 + (u * 300.0) as u32, (v * 300.0) as u32).0;
                assert_close(at(&picture, u, v), expected, 20, &format!("cover {side}, orientation {orientation}"));
            }
        }
        for (format, around) in [(Format::Jpeg, [255, 255, 255, 255]), (Format::Png, [0, 0, 0, 0])] {
            let contain = Settings { fit: Fit::Contain, format, ..settings(&[128]) };
            let picture = decoded(&render(&source, &contain).expect("contain"), 0);
            assert_eq!(picture.dimensions(), (128, 128));
            assert_eq!(at(&picture, 0.5, 0.1), around);
            assert_eq!(at(&picture, 0.5, 0.9), around);
            assert_close(at(&picture, 0.05, 0.27), CORNERS[0], 20, "top left of the inner picture");
            assert_close(at(&picture, 0.95, 0.72), CORNERS[3], 20, "bottom right of the inner picture");
        }
    }
}

#[test]
fn a_small_source_is_enlarged_only_on_request() {
    let source = samples::encode(scene((90, 60), Light::Day).into(), ImageFormat::Png).expect("png");
    let never = render(&source, &settings(&[64, 128, 256])).expect("never");
    let sides: Vec<_> = never.outputs.iter().map(|o| (o.size, o.width, o.height)).collect();
    assert_eq!(sides, [(64, 64, 43), (128, 90, 60), (256, 90, 60)]);
    let always = render(&source, &Settings { enlarge: Enlarge::Always, ..settings(&[64, 128, 256]) }).expect("always");
    let sides: Vec<_> = always.outputs.iter().map(|o| (o.size, o.width, o.height)).collect();
    assert_eq!(sides, [(64, 64, 43), (128, 128, 85), (256, 256, 171)]);
    assert_corners(&decoded(&always, 2), 16, "enlarged");
}

#[test]
fn the_same_source_gives_the_same_bytes() {
    for sample in samples::samples().expect("samples") {
        for format in [Format::Auto, Format::Png, Format::Webp] {
            let settings = Settings { format, ..settings(&[200, 90]) };
            let (once, twice) = (render(&sample.bytes, &settings), render(&sample.bytes, &settings));
            assert_eq!(once.expect("once"), twice.expect("twice"), "{}", sample.name);
        }
    }
}

#[test]
fn metadata_of_the_source_is_gone() {
    let source = jpeg(scene((400, 300), Light::Day), 6, Kind::Baseline).expect("jpeg");
    assert!(source.windows(4).any(|four| four == b"Exif"));
    for format in [Format::Jpeg, Format::Png, Format::Webp] {
        let rendered = render(&source, &Settings { format, ..settings(&[128]) }).expect("rendered");
        let bytes = &rendered.outputs[0].bytes;
        for name in [b"Exif", b"eXIf", b"EXIF", b"iCCP", b"tIME", b"tEXt"] {
            assert!(!bytes.windows(4).any(|four| four == name), "{format:?} has {}", name.escape_ascii());
        }
    }
}

/// Peak signal-to-noise ratio in dB.
fn psnr(a: &RgbaImage, b: &RgbaImage) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions());
    let colours = |picture: &RgbaImage| picture.pixels().flat_map(|p| [p.0[0], p.0[1], p.0[2]]).collect::<Vec<_>>();
    let (a, b) = (colours(a), colours(b));
    let squares: f64 = a.iter().zip(&b).map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2)).sum();
    10.0 * (255.0f64.powi(2) * a.len() as f64 / squares.max(1.0)).log10()
}

#[test]
fn a_size_made_from_a_larger_one_is_as_good_as_one_made_directly() {
    let source = samples::encode(scene((1511, 1007), Light::Day).into(), ImageFormat::Bmp).expect("bmp");
    let png = |sizes: &[u32]| render(&source, &Settings { format: Format::Png, ..settings(sizes) }).expect("rendered");
    let cascade = png(&[600, 590, 300, 128, 64]);
    for (index, output) in cascade.outputs.iter().enumerate() {
        let direct = png(&[output.size]);
        let figure = psnr(&decoded(&cascade, index), &decoded(&direct, 0));
        assert!(figure > 40.0, "{} px: {figure:.1} dB", output.size);
    }
}

#[test]
fn a_jpeg_decoded_at_reduced_scale_is_as_good_as_one_decoded_whole() {
    // Sides that no power of two divides: a source box in whole pixels would shift the picture.
    for (width, height) in [(1511, 1007), (1025, 777), (2001, 641)] {
        let photo = scene((width, height), Light::Day);
        let source = jpeg(photo, 1, Kind::Baseline).expect("jpeg");
        let whole = image::load_from_memory(&source).expect("decodes");
        let whole = samples::encode(DynamicImage::ImageRgb8(whole.into_rgb8()), ImageFormat::Bmp).expect("bmp");
        for size in [333, 128, 60] {
            let settings = Settings { format: Format::Png, ..settings(&[size]) };
            let reduced = decoded(&render(&source, &settings).expect("jpeg"), 0);
            let direct = decoded(&render(&whole, &settings).expect("bmp"), 0);
            let figure = psnr(&reduced, &direct);
            assert!(figure > 38.0, "{width}x{height} to {size}: {figure:.1} dB");
        }
    }
}
