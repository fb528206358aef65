//! Resampling: Lanczos 3 with alpha multiplied in, so that the colour of invisible pixels never bleeds.

use super::picture::{Layout, Picture};
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{PixelType, ResizeAlg, ResizeOptions, Resizer};

/// Resizes the centred part of `source` that covers `share` (of its width, of its height) to `width` x `height`.
pub(super) fn resize(
    resizer: &mut Resizer,
    source: &Picture,
    share: (f64, f64),
    (width, height): (u32, u32),
) -> Result<Picture, String> {
    let pixel_type = match source.layout {
        Layout::Gray => PixelType::U8,
        Layout::GrayAlpha => PixelType::U8x2,
        Layout::Rgb => PixelType::U8x3,
        Layout::Rgba | Layout::Cmyk => PixelType::U8x4,
    };
    let (left, crop_width) = centred(source.extent.0, share.0);
    let (top, crop_height) = centred(source.extent.1, share.1);
    let from = ImageRef::new(source.width, source.height, &source.pixels, pixel_type).map_err(|e| e.to_string())?;
    let mut into = Image::new(width, height, pixel_type);
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(fast_image_resize::FilterType::Lanczos3))
        // The fourth ink is no alpha.
        .use_alpha(source.layout.has_alpha())
        .crop(left, top, crop_width, crop_height);
    resizer.resize(&from, &mut into, &options).map_err(|e| e.to_string())?;
    Picture::new(width, height, source.layout, into.into_vec()).ok_or_else(|| "resized to another size".to_owned())
}

/// Start and length of the centred part. The length never passes the end, whatever the last bit of a division does.
fn centred(extent: f64, share: f64) -> (f64, f64) {
    let length = (extent * share).min(extent);
    let start = ((extent - length) / 2.0).max(0.0);
    (start, length.min(extent - start))
}
