//! What a page shows until a thumbnail has come: one colour, and a blur in about 25 bytes.

use super::picture::{Layout, Picture};
use super::thumbhash::thumbhash;

/// Stands in for a picture that has not arrived yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placeholder {
    /// The colour that most of the picture is near to, as red, green and blue; white where all of it is invisible.
    pub dominant: [u8; 3],
    /// The picture as a ThumbHash (<https://evanw.github.io/thumbhash/>), 5 to 25 bytes.
    pub thumbhash: Vec<u8>,
}

/// The longest side that a ThumbHash is made from; more detail would not show.
pub(super) const SIDE: u32 = 100;
/// Levels of each primary that colours are counted by.
const LEVELS: usize = 16;

impl Placeholder {
    /// The dominant colour as CSS writes it: `#rrggbb`.
    pub fn dominant_hex(&self) -> String {
        let [red, green, blue] = self.dominant;
        format!("#{red:02x}{green:02x}{blue:02x}")
    }

    /// Of a picture in sRGB, no side longer than [`SIDE`].
    pub(super) fn of(picture: Picture) -> Self {
        let (width, height) = (picture.width as usize, picture.height as usize);
        let rgba = rgba(picture);
        Self { dominant: dominant(&rgba), thumbhash: thumbhash(width, height, &rgba) }
    }
}

fn rgba(picture: Picture) -> Vec<[u8; 4]> {
    let picture = picture.with_alpha();
    match picture.layout {
        Layout::GrayAlpha => {
            picture.pixels.as_chunks::<2>().0.iter().map(|[gray, alpha]| [*gray, *gray, *gray, *alpha]).collect()
        }
        _ => picture.pixels.as_chunks::<4>().0.to_vec(),
    }
}

/// The mean colour of the fullest of [`LEVELS`]³ boxes, each pixel counted by its alpha; of equally full ones the darkest.
fn dominant(rgba: &[[u8; 4]]) -> [u8; 3] {
    let mut boxes = vec![[0u64; 4]; LEVELS * LEVELS * LEVELS];
    for [r, g, b, alpha] in rgba {
        let level = |sample: &u8| usize::from(*sample) * LEVELS / 256;
        if let Some([red, green, blue, weight]) = boxes.get_mut((level(r) * LEVELS + level(g)) * LEVELS + level(b)) {
            let alpha = u64::from(*alpha);
            *red += u64::from(*r) * alpha;
            *green += u64::from(*g) * alpha;
            *blue += u64::from(*b) * alpha;
            *weight += alpha;
        }
    }
    // Of equal ones `max_by_key` would give the last.
    let fullest = boxes.into_iter().rev().max_by_key(|[_, _, _, weight]| *weight);
    match fullest {
        Some([red, green, blue, weight]) if weight > 0 => [red, green, blue].map(|sum| ((sum + weight / 2) / weight) as u8),
        _ => [255; 3],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dominant_colour_is_that_of_the_most_pixels_that_are_seen() {
        let (red, blue, ghost) = ([200, 10, 10, 255], [10, 10, 200, 255], [0, 255, 0, 0]);
        #[rustfmt::skip]
        let cases: [(&[[u8; 4]], [u8; 3]); 6] = [
            (&[red],                                     [200, 10, 10]),
            (&[red, blue, blue],                         [10, 10, 200]),
            (&[red, [202, 12, 10, 255], blue],           [201, 11, 10]),
            (&[ghost, ghost, ghost, red],                [200, 10, 10]),
            (&[[9, 9, 9, 100], [9, 9, 9, 100], red],     [200, 10, 10]),
            (&[ghost],                                   [255, 255, 255]),
        ];
        for (pixels, expected) in cases {
            assert_eq!(dominant(pixels), expected, "{pixels:?}");
        }
    }
}
