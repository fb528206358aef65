//! Colour profiles: what becomes of them, what is said of it, and that only those that are applied show.

use super::list;
use super::settings;
use brigade_thumbnail::pixels::{Format, Profile, Rendered, Settings, render};

fn of(name: &str) -> Rendered {
    let kind = list::GOOD.iter().find(|kind| kind.name == name).unwrap_or_else(|| panic!("no kind {name}"));
    render(&kind.bytes, &settings(&[32])).unwrap_or_else(|reject| panic!("{name}: {reject}"))
}

#[test]
fn what_became_of_a_profile_is_told() {
    #[rustfmt::skip]
    let cases = [
        ("jpeg, YCbCr",                        "none",    ""),
        ("jpeg, sRGB",                         "srgb",    ""),
        ("jpeg, Display P3",                   "applied", ""),
        ("jpeg, Display P3 in pieces",         "applied", ""),
        ("png, Display P3 with alpha",         "applied", ""),
        ("webp, Display P3",                   "applied", ""),
        ("tiff, CMYK with a profile",          "applied", ""),
        ("bmp, Display P3",                    "applied", ""),
        ("jpeg, linear gray",                  "applied", ""),
        ("jpeg, gray with the profile of RGB", "srgb",    ""),
        ("jpeg, a garbage profile",            "ignored", "can't be read"),
        ("jpeg, a profile cut off",            "ignored", "can't be read"),
        ("jpeg, a profile of inks for RGB",    "ignored", "it is for Cmyk, and the samples are Rgb"),
        ("png, a garbage profile",             "ignored", "does not inflate"),
    ];
    for (name, code, says) in cases {
        let rendered = of(name);
        assert_eq!(rendered.profile.code(), code, "{name}: {:?}", rendered.profile);
        let warnings = rendered.warnings();
        assert_eq!(warnings.len(), usize::from(code == "ignored"), "{name}: {warnings:?}");
        assert!(warnings.iter().all(|warning| warning.contains(says)), "{name}: {warnings:?}");
        assert_eq!(matches!(rendered.profile, Profile::Ignored(_)), code == "ignored", "{name}");
    }
}

#[test]
fn a_profile_that_is_not_applied_changes_no_pixel() {
    let plain = of("jpeg, YCbCr").outputs;
    for name in ["jpeg, sRGB", "jpeg, a garbage profile", "jpeg, a profile of inks for RGB", "jpeg, a profile cut off"] {
        assert_eq!(of(name).outputs, plain, "{name}");
    }
    assert_ne!(of("jpeg, Adobe RGB").outputs, of("jpeg, the same without a profile").outputs);
}

#[test]
fn no_output_carries_a_profile() {
    for kind in list::GOOD.iter().filter(|kind| kind.name.contains("P3")) {
        for format in [Format::Jpeg, Format::Png, Format::Webp] {
            let rendered = render(&kind.bytes, &Settings { format, ..settings(&[32]) }).expect("rendered");
            let bytes = &rendered.outputs[0].bytes;
            for mark in [b"ICC_".as_slice(), b"iCCP", b"ICCP", b"acsp"] {
                assert!(!bytes.windows(4).any(|four| four == mark), "{}: {format:?} has {}", kind.name, mark.escape_ascii());
            }
        }
    }
}
