//! One source, all its sizes, from one decode.

use super::colour::{Profile, ToSrgb};
use super::decode::{self, jpeg::Reduction};
use super::encode::Target;
use super::fit::Plan;
use super::header::{Header, peek};
use super::orient::orient;
use super::picture::Picture;
use super::placeholder::{self, Placeholder};
use super::reject::Reject;
use super::resize::resize;
use super::settings::{Enlarge, Fit, Settings};
use super::sniff::{SourceFormat, sniff};
use bytes::Bytes;
use fast_image_resize::Resizer;

/// What became of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The source's format, told by content.
    pub format: SourceFormat,
    /// The source's width in pixels, upright.
    pub width: u32,
    /// The source's height in pixels, upright.
    pub height: u32,
    /// Whether at least one pixel of the source is not opaque.
    pub has_alpha: bool,
    /// The EXIF orientation that was applied, 1..=8.
    pub orientation: u8,
    /// What became of the source's colour profile.
    pub profile: Profile,
    /// Of the smallest output, before it is padded.
    pub placeholder: Placeholder,
    /// One for each of `Settings::sizes`, in that order.
    pub outputs: Vec<Output>,
}

/// One thumbnail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The configured size that this is for.
    pub size: u32,
    /// File extension without a dot: `jpg`, `png` or `webp`.
    pub ext: &'static str,
    /// The content type of the bytes.
    pub content_type: &'static str,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// The encoded file.
    pub bytes: Bytes,
}

impl Rendered {
    /// What somebody may want to know about a source that was rendered nevertheless, each as a sentence.
    pub fn warnings(&self) -> Vec<String> {
        match &self.profile {
            Profile::Ignored(reason) => vec![format!("the colour profile is ignored: {reason}")],
            Profile::None | Profile::Srgb | Profile::Applied => Vec::new(),
        }
    }
}

/// Makes all thumbnails of one source.
///
/// # Errors
///
/// A [`Reject`] is final for these bytes and these limits; nothing partial is returned.
pub fn render(source: &[u8], settings: &Settings) -> Result<Rendered, Reject> {
    let header = admit(source, settings)?;
    let reduction = Reduction::for_plan(&header, Plan::largest(&header, settings));
    let picture = decode::decode(source, &header, reduction, settings.limits.memory)?;
    let has_alpha = picture.is_see_through();
    let target = Target::choose(settings.format, has_alpha);
    let picture = picture.without_idle_alpha();
    let to_srgb = ToSrgb::new(source, header.profile.as_ref(), picture.layout)?;
    let mut cascade = Cascade::new(picture, &header, settings, target, &to_srgb);
    let outputs = cascade.outputs()?;
    let placeholder = cascade.placeholder().map_err(|detail| Reject::corrupt(header.format, detail))?;
    let (width, height) = header.upright_size();
    let Header { format, orientation, .. } = header;
    Ok(Rendered { format, width, height, has_alpha, orientation, profile: to_srgb.profile, placeholder, outputs })
}

/// The header of a source that is within all limits.
fn admit(source: &[u8], settings: &Settings) -> Result<Header, Reject> {
    let bytes = source.len() as u64;
    if bytes > settings.limits.bytes {
        return Err(Reject::TooManyBytes { bytes, limit: settings.limits.bytes });
    }
    let Some(header) = peek(source)? else {
        return Err(Reject::corrupt(sniff(source)?, "the file ends before its header does"));
    };
    settings.limits.check(&header, settings)?;
    Ok(header)
}

/// Sizes made from the largest down, each from the nearest larger one that still has enough pixels.
struct Cascade<'a> {
    source: Picture,
    header: &'a Header,
    settings: &'a Settings,
    target: Target,
    to_srgb: &'a ToSrgb,
    resizer: Resizer,
    /// Resized pictures, in the source's own colours, not yet turned or padded, the smallest last.
    made: Vec<Picture>,
}

impl<'a> Cascade<'a> {
    fn new(source: Picture, header: &'a Header, settings: &'a Settings, target: Target, to_srgb: &'a ToSrgb) -> Self {
        Self { source, header, settings, target, to_srgb, resizer: Resizer::new(), made: Vec::new() }
    }

    fn outputs(&mut self) -> Result<Vec<Output>, Reject> {
        let mut order: Vec<usize> = (0..self.settings.sizes.len()).collect();
        order.sort_by_key(|index| std::cmp::Reverse(self.settings.sizes.get(*index)));
        let mut done: Vec<(usize, Plan, Output)> = Vec::with_capacity(order.len());
        for index in order {
            let size = self.settings.sizes.get(index).copied().unwrap_or(1);
            let plan = Plan::new(self.header.width, self.header.height, size, self.settings.fit, self.settings.enlarge);
            // A source smaller than several sizes gives the same output for each of them.
            let same = done.iter().find(|(_, other, _)| *other == plan).map(|(_, _, output)| output.clone());
            let output = match same {
                Some(output) => Output { size, ..output },
                None => self.output(size, plan).map_err(|detail| Reject::corrupt(self.header.format, detail))?,
            };
            done.push((index, plan, output));
        }
        done.sort_by_key(|(index, _, _)| *index);
        Ok(done.into_iter().map(|(_, _, output)| output).collect())
    }

    fn output(&mut self, size: u32, plan: Plan) -> Result<Output, String> {
        let resized = self.resized(plan)?;
        self.made.push(resized.clone());
        let upright = orient(self.to_srgb.apply(resized)?, self.header.orientation);
        let canvas = if (upright.width, upright.height) == plan.inner { plan.canvas } else { (plan.canvas.1, plan.canvas.0) };
        let padded = canvas != (upright.width, upright.height);
        let finished = match self.target {
            Target::Jpeg => upright.over_white().centred(canvas, 255),
            Target::Png | Target::Webp if padded => upright.with_alpha().centred(canvas, 0),
            Target::Png | Target::Webp => upright,
        };
        let bytes = self.target.encode(&finished, self.settings.quality)?;
        let (ext, content_type) = (self.target.extension(), self.target.content_type());
        Ok(Output { size, ext, content_type, width: finished.width, height: finished.height, bytes })
    }

    /// From the smallest output, since a blur needs no more.
    fn placeholder(&mut self) -> Result<Placeholder, String> {
        let smallest = self.made.last().unwrap_or(&self.source);
        let small = Plan::new(smallest.width, smallest.height, placeholder::SIDE, Fit::Inside, Enlarge::Never);
        let small = resize(&mut self.resizer, smallest, (1.0, 1.0), small.inner)?;
        Ok(Placeholder::of(orient(self.to_srgb.apply(small)?, self.header.orientation)))
    }

    fn resized(&mut self, plan: Plan) -> Result<Picture, String> {
        // A picture only a little larger would be blurred by being resampled twice; from half as large again upwards
        // the second pass costs nothing that the eye or the figures show.
        let enough = |have: u32, want: u32| 2 * u64::from(have) >= 3 * u64::from(want);
        let nearest = self.made.iter().rev().find(|made| enough(made.width, plan.inner.0) && enough(made.height, plan.inner.1));
        match nearest {
            // What was made before is cut already.
            Some(made) => resize(&mut self.resizer, made, (1.0, 1.0), plan.inner),
            None => {
                let share = |part: u32, whole: u32| f64::from(part) / f64::from(whole);
                let share = (share(plan.crop.0, self.header.width), share(plan.crop.1, self.header.height));
                resize(&mut self.resizer, &self.source, share, plan.inner)
            }
        }
    }
}
