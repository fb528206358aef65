//! A decoded picture: 8 bits a sample, rows from the top, no padding.

/// The samples of a pixel. Alpha is straight (not multiplied in).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    Gray,
    GrayAlpha,
    Rgb,
    Rgba,
    /// Amounts of ink, 0 for none: a source's, never an output's.
    Cmyk,
}

impl Layout {
    pub(super) fn channels(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::GrayAlpha => 2,
            Self::Rgb => 3,
            Self::Rgba | Self::Cmyk => 4,
        }
    }

    pub(super) fn has_alpha(self) -> bool {
        matches!(self, Self::GrayAlpha | Self::Rgba)
    }

    pub(super) fn opaque(self) -> Self {
        match self {
            Self::Gray | Self::GrayAlpha => Self::Gray,
            Self::Rgb | Self::Rgba => Self::Rgb,
            Self::Cmyk => Self::Cmyk,
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Picture {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) layout: Layout,
    pub(super) pixels: Vec<u8>,
    /// The part of the grid that the source really covers, from the top left corner, in pixels of this grid. A JPEG
    /// decoded at n/8 is rounded up to whole pixels: a width of 1001 at 1/8 covers 125.125 of 126 columns.
    pub(super) extent: (f64, f64),
}

impl Picture {
    /// `None` when the number of bytes is not what width, height and layout demand.
    pub(super) fn new(width: u32, height: u32, layout: Layout, pixels: Vec<u8>) -> Option<Self> {
        let bytes = (width as usize).checked_mul(height as usize)?.checked_mul(layout.channels())?;
        let extent = (f64::from(width), f64::from(height));
        (width > 0 && height > 0 && pixels.len() == bytes).then_some(Self { width, height, layout, pixels, extent })
    }

    /// Whether at least one pixel is not fully opaque.
    pub(super) fn is_see_through(&self) -> bool {
        let channels = self.layout.channels();
        self.layout.has_alpha() && self.pixels.chunks_exact(channels).any(|pixel| pixel.last() != Some(&255))
    }

    /// Drops an alpha channel that says nothing, in place.
    pub(super) fn without_idle_alpha(mut self) -> Self {
        if !self.layout.has_alpha() || self.is_see_through() {
            return self;
        }
        let channels = self.layout.channels();
        let count = self.pixels.len() / channels;
        for index in 0..count {
            let from = index * channels;
            self.pixels.copy_within(from..from + channels - 1, index * (channels - 1));
        }
        self.pixels.truncate(count * (channels - 1));
        self.layout = self.layout.opaque();
        self
    }

    /// Lays the picture over white, for formats without alpha.
    pub(super) fn over_white(self) -> Self {
        if !self.layout.has_alpha() {
            return self;
        }
        let mut pixels = Vec::with_capacity(self.pixels.len());
        for pixel in self.pixels.chunks_exact(self.layout.channels()) {
            let Some((alpha, colours)) = pixel.split_last() else { continue };
            let alpha = u32::from(*alpha);
            let blend = |colour: &u8| ((u32::from(*colour) * alpha + 255 * (255 - alpha) + 127) / 255) as u8;
            pixels.extend(colours.iter().map(blend));
        }
        Self { layout: self.layout.opaque(), pixels, ..self }
    }

    /// Adds a fully opaque alpha channel where there is none.
    pub(super) fn with_alpha(self) -> Self {
        let layout = match self.layout {
            Layout::Gray => Layout::GrayAlpha,
            Layout::Rgb => Layout::Rgba,
            Layout::GrayAlpha | Layout::Rgba | Layout::Cmyk => return self,
        };
        let mut pixels = Vec::with_capacity(self.pixels.len() / self.layout.channels() * layout.channels());
        for pixel in self.pixels.chunks_exact(self.layout.channels()) {
            pixels.extend_from_slice(pixel);
            pixels.push(255);
        }
        Self { layout, pixels, ..self }
    }

    /// Puts the picture in the middle of a larger canvas; an odd pixel goes to the right and to the bottom. `fill` is
    /// the value of every sample around it.
    pub(super) fn centred(self, (width, height): (u32, u32), fill: u8) -> Self {
        if (width, height) == (self.width, self.height) || width < self.width || height < self.height {
            return self;
        }
        let channels = self.layout.channels();
        let row = width as usize * channels;
        let left = (width - self.width) as usize / 2 * channels;
        let top = (height - self.height) as usize / 2;
        let inner = self.width as usize * channels;
        let mut pixels = vec![fill; row * height as usize];
        for (into, from) in pixels.chunks_exact_mut(row).skip(top).zip(self.pixels.chunks_exact(inner)) {
            if let Some(part) = into.get_mut(left..left + inner) {
                part.copy_from_slice(from);
            }
        }
        Self { width, height, layout: self.layout, pixels, extent: (f64::from(width), f64::from(height)) }
    }
}
