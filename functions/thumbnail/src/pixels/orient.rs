//! EXIF orientation: Exif 2.32 §4.6.4, tag 0x0112. The value says where row 0 and column 0 of the stored picture belong.

use super::picture::Picture;

/// Turns a stored picture so that it stands upright. Any value outside 2..=8 leaves it alone.
pub(super) fn orient(picture: Picture, orientation: u8) -> Picture {
    if !(2..=8).contains(&orientation) {
        return picture;
    }
    let (w, h, channels) = (picture.width as usize, picture.height as usize, picture.layout.channels());
    let (width, height) = if swaps(orientation) { (h, w) } else { (w, h) };
    let mut pixels = Vec::with_capacity(picture.pixels.len());
    for y in 0..height {
        for x in 0..width {
            // Which stored pixel belongs at (x, y). All differences stay at 0 or above since x and y are in range.
            let (sx, sy) = match orientation {
                2 => (w - 1 - x, y),
                3 => (w - 1 - x, h - 1 - y),
                4 => (x, h - 1 - y),
                5 => (y, x),
                6 => (y, h - 1 - x),
                7 => (w - 1 - y, h - 1 - x),
                _ => (w - 1 - y, x),
            };
            let at = (sy * w + sx) * channels;
            pixels.extend_from_slice(picture.pixels.get(at..at + channels).unwrap_or_default());
        }
    }
    Picture { width: width as u32, height: height as u32, pixels, ..picture }
}

/// Whether width and height change places.
pub(super) fn swaps(orientation: u8) -> bool {
    (5..=8).contains(&orientation)
}

#[cfg(test)]
mod tests {
    use super::super::picture::Layout;
    use super::*;

    /// The picture `1 2 3 / 4 5 6` as a camera would store it for each orientation, and back.
    #[test]
    fn all_eight_orientations_give_the_same_upright_picture() {
        #[rustfmt::skip]
        let cases: [(u8, u32, &[u8]); 10] = [
            (1, 3, &[1, 2, 3, 4, 5, 6]),
            (2, 3, &[3, 2, 1, 6, 5, 4]),
            (3, 3, &[6, 5, 4, 3, 2, 1]),
            (4, 3, &[4, 5, 6, 1, 2, 3]),
            (5, 2, &[1, 4, 2, 5, 3, 6]),
            (6, 2, &[3, 6, 2, 5, 1, 4]),
            (7, 2, &[6, 3, 5, 2, 4, 1]),
            (8, 2, &[4, 1, 5, 2, 6, 3]),
            (0, 3, &[1, 2, 3, 4, 5, 6]),
            (9, 3, &[1, 2, 3, 4, 5, 6]),
        ];
        for (orientation, width, stored) in cases {
            let stored = Picture::new(width, 6 / width, Layout::Gray, stored.to_vec()).expect("six bytes");
            let upright = orient(stored, orientation);
            assert_eq!((upright.width, upright.height), (3, 2), "orientation {orientation}");
            assert_eq!(upright.pixels, [1, 2, 3, 4, 5, 6], "orientation {orientation}");
        }
    }
}
