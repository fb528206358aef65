//! Every kind of file through the picture core: what must be seen in the outputs, or why there are none.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "the functions around the tests are tests too"
)]

mod colours;
mod hostile;
mod list;
mod make;
mod mutations;

use brigade_thumbnail::pixels::{Enlarge, Fit, Format, Limits, Rendered, Settings, render};
use brigade_thumbnail::samples::CORNERS;
use image::RgbaImage;
use list::Seen;

fn settings(sizes: &[u32]) -> Settings {
    Settings {
        sizes: sizes.to_vec(),
        fit: Fit::Inside,
        format: Format::Png,
        quality: 80,
        enlarge: Enlarge::Never,
        limits: Limits { bytes: 100_000_000, pixels: 100_000_000, frames: 1000, memory: 128 << 20 },
    }
}

fn decoded(rendered: &Rendered, index: usize) -> RgbaImage {
    image::load_from_memory(&rendered.outputs[index].bytes).expect("an output decodes").into_rgba8()
}

/// The pixel at a place given in shares of width and height.
fn at(picture: &RgbaImage, (u, v): (f64, f64)) -> [u8; 4] {
    let place = |share: f64, side: u32| ((share * f64::from(side)) as u32).min(side - 1);
    picture.get_pixel(place(u, picture.width()), place(v, picture.height())).0
}

#[track_caller]
fn assert_close(got: [u8; 4], expected: [u8; 4], tolerance: u8, what: &str) {
    let far = got.iter().zip(expected).any(|(a, b)| a.abs_diff(b) > tolerance);
    assert!(!far, "{what}: {got:?} where {expected:?} was expected");
}

fn check(picture: &RgbaImage, seen: &Seen, name: &str) {
    match seen {
        Seen::Corners => {
            for (place, [r, g, b]) in [(0.06, 0.06), (0.94, 0.06), (0.06, 0.94), (0.94, 0.94)].into_iter().zip(CORNERS) {
                assert_close(at(picture, place), [r, g, b, 255], 24, &format!("{name} at {place:?}"));
            }
        }
        Seen::Middle(expected, tolerance) => assert_close(at(picture, (0.5, 0.5)), *expected, *tolerance, name),
        Seen::At(places) => {
            for (place, expected) in places {
                let got = at(picture, *place);
                // Of what is invisible no colour is promised.
                let got = if expected[3] == 0 && got[3] == 0 { *expected } else { got };
                assert_close(got, *expected, 8, &format!("{name} at {place:?}"));
            }
        }
    }
}

#[test]
fn every_kind_of_picture_has_its_size_orientation_and_colours() {
    assert!(list::GOOD.len() > 100, "{} kinds", list::GOOD.len());
    for kind in list::GOOD.iter() {
        let rendered = render(&kind.bytes, &settings(&[64, 32])).unwrap_or_else(|reject| panic!("{}: {reject}", kind.name));
        assert_eq!((rendered.width, rendered.height), kind.size, "{}", kind.name);
        let whole = decoded(&rendered, 0);
        let long = kind.size.0.max(kind.size.1).min(64);
        assert_eq!(whole.width().max(whole.height()), long, "{}", kind.name);
        check(&whole, &kind.seen, &kind.name);
        if let Seen::Corners | Seen::Middle(..) = kind.seen {
            check(&decoded(&rendered, 1), &kind.seen, &kind.name);
        }
    }
}

#[test]
fn every_other_kind_of_file_is_rejected_with_figure_and_limit() {
    assert!(list::BAD.len() > 40, "{} kinds", list::BAD.len());
    for kind in list::BAD.iter() {
        let result = render(&kind.bytes, &settings(&[64, 32]));
        let reject = result.err().unwrap_or_else(|| panic!("{} was rendered", kind.name));
        assert_eq!(reject.code(), kind.code, "{}: {reject}", kind.name);
        assert!(reject.to_string().contains(kind.says), "{}: {reject}", kind.name);
    }
}
