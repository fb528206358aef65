//! Colour profiles, and one that no eye can mistake.

use moxcms::ColorProfile;

/// Display P3, as phones embed it.
pub(crate) fn display_p3() -> Vec<u8> {
    ColorProfile::new_display_p3().encode().expect("a profile")
}

/// Adobe RGB (1998).
pub(crate) fn adobe_rgb() -> Vec<u8> {
    ColorProfile::new_adobe_rgb().encode().expect("a profile")
}

/// sRGB itself.
pub(crate) fn srgb() -> Vec<u8> {
    ColorProfile::new_srgb().encode().expect("a profile")
}

/// Gray of a gamma.
pub(crate) fn gray(gamma: f32) -> Vec<u8> {
    ColorProfile::new_gray_with_gamma(gamma).encode().expect("a profile")
}

/// A press whose cyan is red: a table of two points along each ink, to Lab (ICC.1:2022 §10.10, lut8Type).
pub(crate) fn red_cyan() -> Vec<u8> {
    const RED: [u8; 3] = [136, 208, 195];
    const WHITE: [u8; 3] = [255, 128, 128];
    let ramp = || (0..=255u8).collect::<Vec<u8>>();
    let mut table = b"mft1\0\0\0\0\x04\x03\x02\0".to_vec();
    let one = 65_536i32.to_be_bytes();
    table.extend([one, [0; 4], [0; 4], [0; 4], one, [0; 4], [0; 4], [0; 4], one].concat());
    table.extend((0..4).flat_map(|_| ramp()));
    // The first ink varies slowest.
    table.extend((0..16).flat_map(|node| if node >= 8 { RED } else { WHITE }));
    table.extend((0..3).flat_map(|_| ramp()));
    let white = b"XYZ \0\0\0\0\0\0\xF6\xD6\0\x01\0\0\0\0\xD3\x2D";
    let tags: [(&[u8; 4], &[u8]); 2] = [(b"A2B0", &table), (b"wtpt", white)];
    let mut profile = vec![0; 128];
    profile[8..12].copy_from_slice(b"\x02\x40\0\0");
    profile[12..24].copy_from_slice(b"prtrCMYKLab ");
    profile[36..40].copy_from_slice(b"acsp");
    profile[68..80].copy_from_slice(b"\0\0\xF6\xD6\0\x01\0\0\0\0\xD3\x2D");
    profile.extend((tags.len() as u32).to_be_bytes());
    let mut at = 128 + 4 + 12 * tags.len();
    for (name, data) in tags {
        profile.extend([*name, (at as u32).to_be_bytes(), (data.len() as u32).to_be_bytes()].concat());
        at += data.len();
    }
    tags.iter().for_each(|(_, data)| profile.extend(*data));
    let size = (profile.len() as u32).to_be_bytes();
    profile[..4].copy_from_slice(&size);
    profile
}
