//! From what a source means by its samples to sRGB, which is what every output is.
//!
//! Colours are converted after resizing: of a photo with millions of pixels only those of its thumbnails go through the
//! profile. The profile's own rendering intent is followed, except that "absolute" is taken as "relative", so that paper
//! white stays white.

use super::header::{Embedded, MAX_PROFILE};
use super::picture::{Layout, Picture};
use super::reject::Reject;
use moxcms::{
    ColorProfile, DataColorSpace, ParsingOptions, ProfileClass, RenderingIntent, Transform8BitExecutor, TransformOptions,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// What became of a source's colour profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Profile {
    /// The source has none; its samples count as sRGB, and its inks are converted plainly.
    None,
    /// It says sRGB, so that there is nothing to convert.
    Srgb,
    /// Colours were converted from it to sRGB.
    Applied,
    /// It can't be used, for this reason; the source is treated as if it had none.
    Ignored(String),
}

impl Profile {
    /// A short stable word for sidecars and logs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Srgb => "srgb",
            Self::Applied => "applied",
            Self::Ignored(_) => "ignored",
        }
    }
}

/// Samples may differ by this much between a profile that says sRGB and sRGB itself: rounding in tables of curves.
const SAME: u8 = 2;
/// Samples along each axis of the colours by which a profile is compared with sRGB.
const PROBES: u8 = 6;

/// The way from a source's colours to sRGB.
pub(super) struct ToSrgb {
    /// For the sidecar.
    pub(super) profile: Profile,
    conversion: Option<Conversion>,
}

enum Conversion {
    /// Gray levels to gray levels.
    Levels(Box<[u8; 256]>),
    /// RGB to RGB, or inks to RGB.
    Colours(Arc<Transform8BitExecutor>),
}

impl ToSrgb {
    /// Reads the profile of a source whose pictures have this layout.
    ///
    /// # Errors
    ///
    /// Only a profile over [`MAX_PROFILE`]: what can't be used otherwise is ignored, and says so.
    pub(super) fn new(file: &[u8], embedded: Option<&Embedded>, layout: Layout) -> Result<Self, Reject> {
        let Some(embedded) = embedded else { return Ok(Self { profile: Profile::None, conversion: None }) };
        let read = embedded.bytes(file)?.map_err(str::to_owned).and_then(|bytes| {
            // Profiles are as hostile as pictures, and their reader is other people's code too.
            catch_unwind(AssertUnwindSafe(|| conversion(&bytes, layout)))
                .unwrap_or_else(|_| Err("its reader gave up in the middle".to_owned()))
        });
        Ok(match read {
            Ok(Some(conversion)) => Self { profile: Profile::Applied, conversion: Some(conversion) },
            Ok(None) => Self { profile: Profile::Srgb, conversion: None },
            Err(reason) => Self { profile: Profile::Ignored(reason), conversion: None },
        })
    }

    /// The picture in sRGB: gray stays gray, inks become RGB, alpha stays as it is.
    pub(super) fn apply(&self, picture: Picture) -> Result<Picture, String> {
        match (&self.conversion, picture.layout) {
            (None, Layout::Cmyk) => Ok(plain_light(picture)),
            (None, _) => Ok(picture),
            (Some(Conversion::Levels(levels)), _) => Ok(with_levels(picture, levels)),
            (Some(Conversion::Colours(transform)), layout) => {
                let into = if layout == Layout::Cmyk { Layout::Rgb } else { layout };
                let mut pixels = vec![0; picture.pixels.len() / layout.channels() * into.channels()];
                transform.transform(&picture.pixels, &mut pixels).map_err(|error| format!("the colour profile: {error}"))?;
                Ok(Picture { layout: into, pixels, ..picture })
            }
        }
    }
}

/// The conversion that a profile asks for; `None` where it says sRGB.
fn conversion(bytes: &[u8], layout: Layout) -> Result<Option<Conversion>, String> {
    let options =
        ParsingOptions { max_profile_size: MAX_PROFILE + 1, max_allowed_clut_size: MAX_PROFILE, ..ParsingOptions::default() };
    let profile =
        ColorProfile::new_from_slice_with_options(bytes, options).map_err(|error| format!("it can't be read: {error}"))?;
    use ProfileClass::{ColorSpace, DisplayDevice, InputDevice, OutputDevice};
    if !matches!(profile.profile_class, InputDevice | DisplayDevice | OutputDevice | ColorSpace) {
        return Err(format!("it is of class {:?}, which describes no samples", profile.profile_class));
    }
    match (layout.opaque(), profile.color_space) {
        (Layout::Gray, DataColorSpace::Gray) => levels(&profile, moxcms::Layout::Gray),
        // Some software drops the colours of a gray photo and keeps its RGB profile.
        (Layout::Gray, DataColorSpace::Rgb) => levels(&profile, moxcms::Layout::Rgb),
        (Layout::Rgb, DataColorSpace::Rgb) => {
            let opaque = transform(&profile, moxcms::Layout::Rgb, moxcms::Layout::Rgb)?;
            if says_srgb(opaque.as_ref())? {
                return Ok(None);
            }
            Ok(Some(Conversion::Colours(match layout {
                Layout::Rgba => transform(&profile, moxcms::Layout::Rgba, moxcms::Layout::Rgba)?,
                _ => opaque,
            })))
        }
        // Four inks go where RGB with alpha goes otherwise.
        (Layout::Cmyk, DataColorSpace::Cmyk) => {
            transform(&profile, moxcms::Layout::Rgba, moxcms::Layout::Rgb).map(|inks| Some(Conversion::Colours(inks)))
        }
        (has, says) => Err(format!("it is for {says:?}, and the samples are {has:?}")),
    }
}

fn transform(profile: &ColorProfile, from: moxcms::Layout, into: moxcms::Layout) -> Result<Arc<Transform8BitExecutor>, String> {
    let rendering_intent = match profile.rendering_intent {
        RenderingIntent::AbsoluteColorimetric => RenderingIntent::RelativeColorimetric,
        intent => intent,
    };
    let options = TransformOptions { rendering_intent, ..TransformOptions::default() };
    profile
        .create_transform_8bit(from, &ColorProfile::new_srgb(), into, options)
        .map_err(|error| format!("it can't be applied: {error}"))
}

/// What becomes of each level of gray; `None` where none changes.
fn levels(profile: &ColorProfile, from: moxcms::Layout) -> Result<Option<Conversion>, String> {
    let transform = transform(profile, from, moxcms::Layout::Rgb)?;
    let samples: Vec<u8> = (0..=255).flat_map(|level| std::iter::repeat_n(level, from.channels())).collect();
    let mut light = [0; 3 * 256];
    transform.transform(&samples, &mut light).map_err(|error| format!("it can't be applied: {error}"))?;
    let mut levels = Box::new([0; 256]);
    // Gray stays gray: of what a profile with a tint makes of it, the green is nearest to its lightness.
    for (level, [_, green, _]) in levels.iter_mut().zip(light.as_chunks::<3>().0) {
        *level = *green;
    }
    let same = levels.iter().zip(0..=255u8).all(|(level, was)| level.abs_diff(was) <= SAME);
    Ok((!same).then_some(Conversion::Levels(levels)))
}

/// Whether a profile leaves colours from all over the cube as they are.
fn says_srgb(transform: &Transform8BitExecutor) -> Result<bool, String> {
    let axis = || (0..PROBES).map(|step| step * (255 / (PROBES - 1)));
    let probes: Vec<u8> = axis().flat_map(|r| axis().flat_map(move |g| axis().flat_map(move |b| [r, g, b]))).collect();
    let mut light = vec![0; probes.len()];
    transform.transform(&probes, &mut light).map_err(|error| format!("it can't be applied: {error}"))?;
    Ok(probes.iter().zip(&light).all(|(was, is)| was.abs_diff(*is) <= SAME))
}

fn with_levels(mut picture: Picture, levels: &[u8; 256]) -> Picture {
    let channels = picture.layout.channels();
    for level in picture.pixels.iter_mut().step_by(channels) {
        *level = levels.get(usize::from(*level)).copied().unwrap_or(*level);
    }
    picture
}

/// Inks to light without a profile: each ink takes its share of each primary.
fn plain_light(picture: Picture) -> Picture {
    let through = |ink: u8, black: u8| ((u32::from(255 - ink) * u32::from(255 - black) + 127) / 255) as u8;
    let pixels = picture.pixels.as_chunks::<4>().0.iter().flat_map(|[c, m, y, k]| [c, m, y].map(|ink| through(*ink, *k)));
    let pixels = pixels.collect();
    Picture { layout: Layout::Rgb, pixels, ..picture }
}
