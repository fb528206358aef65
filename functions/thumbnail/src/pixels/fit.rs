//! The arithmetic of sizes. Whole numbers throughout, so that no output is ever one pixel off.

use super::header::Header;
use super::settings::{Enlarge, Fit, SIZE_RANGE, Settings};

/// What one size means for a source: cut `crop` out of it, resize that to `inner`, lay it in the middle of `canvas`.
/// All in the source's own orientation; since crop and canvas are centred, turning the result later is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// Width and height, in source pixels, of the centred part that is used.
    pub(super) crop: (u32, u32),
    /// Width and height of the resized part.
    pub(super) inner: (u32, u32),
    /// Width and height of the output.
    pub(super) canvas: (u32, u32),
}

impl Plan {
    pub(super) fn new(width: u32, height: u32, size: u32, fit: Fit, enlarge: Enlarge) -> Self {
        let (width, height) = (width.max(1), height.max(1));
        let size = size.clamp(*SIZE_RANGE.start(), *SIZE_RANGE.end());
        match fit {
            Fit::Inside => {
                let inner = inside(width, height, size, enlarge);
                Self { crop: (width, height), inner, canvas: inner }
            }
            Fit::Cover => {
                let side = width.min(height);
                let edge = if enlarge == Enlarge::Never { size.min(side) } else { size };
                Self { crop: (side, side), inner: (edge, edge), canvas: (edge, edge) }
            }
            Fit::Contain => Self { crop: (width, height), inner: inside(width, height, size, enlarge), canvas: (size, size) },
        }
    }

    /// The plan of the largest size, which decides how much of a JPEG has to be decoded.
    pub(super) fn largest(header: &Header, settings: &Settings) -> Self {
        let size = settings.sizes.iter().copied().max().unwrap_or(1);
        Self::new(header.width, header.height, size, settings.fit, settings.enlarge)
    }
}

/// The largest picture of the same ratio whose sides are at most `size`.
fn inside(width: u32, height: u32, size: u32, enlarge: Enlarge) -> (u32, u32) {
    let long = width.max(height);
    if enlarge == Enlarge::Never && long <= size {
        return (width, height);
    }
    (scaled(width, size, long), scaled(height, size, long))
}

/// `side * size / long`, rounded to the nearest (halves up), at least 1.
fn scaled(side: u32, size: u32, long: u32) -> u32 {
    let (side, size, long) = (u64::from(side), u64::from(size), u64::from(long));
    let rounded = (2 * side * size + long) / (2 * long);
    u32::try_from(rounded.clamp(1, size)).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Enlarge::{Always, Never};

    #[test]
    fn inside_sizes_are_never_one_pixel_off() {
        #[rustfmt::skip]
        let cases = [
            // width, height, size, enlarge, expected
            (4032, 3024,  256, Never,  (256, 192)),
            (3024, 4032,  256, Never,  (192, 256)),
            (4000, 2297,  256, Never,  (256, 147)), // a shrink-on-load that rounds gives 146
            (2725, 2225,  256, Never,  (256, 209)),
            (1000,  667,  512, Never,  (512, 342)), // 341.5 goes up
            (1000,    1,  256, Never,  (256, 1)),   // never 0
            (65535,   1,  128, Never,  (128, 1)),
            ( 100,   50,  256, Never,  (100, 50)),
            ( 100,   50,  256, Always, (256, 128)),
            ( 256,  256,  256, Never,  (256, 256)),
            ( 257,  256,  256, Never,  (256, 255)),
            ( 257,  257,  256, Never,  (256, 256)),
            (   1,    1,  256, Always, (256, 256)),
            (   3,    7,   10, Always, (4, 10)),
        ];
        for (width, height, size, enlarge, expected) in cases {
            let plan = Plan::new(width, height, size, Fit::Inside, enlarge);
            assert_eq!(plan.canvas, expected, "{width}x{height} inside {size} {enlarge:?}");
            assert_eq!((plan.inner, plan.crop), (expected, (width, height)), "{width}x{height}");
        }
    }

    #[test]
    fn cover_is_square_and_contain_fills_its_canvas() {
        #[rustfmt::skip]
        let cases = [
            // width, height, size, fit, enlarge, crop, inner, canvas
            (400, 300, 128, Fit::Cover,   Never,  (300, 300), (128, 128), (128, 128)),
            (400,  60, 128, Fit::Cover,   Never,  ( 60,  60), ( 60,  60), ( 60,  60)),
            (400,  60, 128, Fit::Cover,   Always, ( 60,  60), (128, 128), (128, 128)),
            (400, 300, 128, Fit::Contain, Never,  (400, 300), (128,  96), (128, 128)),
            ( 40,  30, 128, Fit::Contain, Never,  ( 40,  30), ( 40,  30), (128, 128)),
            ( 40,  30, 128, Fit::Contain, Always, ( 40,  30), (128,  96), (128, 128)),
        ];
        for (width, height, size, fit, enlarge, crop, inner, canvas) in cases {
            let plan = Plan::new(width, height, size, fit, enlarge);
            assert_eq!(plan, Plan { crop, inner, canvas }, "{width}x{height} {fit:?} {size} {enlarge:?}");
        }
    }
}
