//! TIFF, page 1: what the decoder gives is samples as they are stored; what they mean is told here.

use super::super::header::Header;
use super::super::header::tiff::{Alpha, Colour, Samples};
use super::super::picture::{Layout, Picture};
use super::super::reject::Reject;
use super::super::sniff::SourceFormat;
use super::narrow;
use std::io::{Cursor, Read, Result as IoResult, Seek, SeekFrom};
use tiff::decoder::{BufferLayoutPreference, Decoder, DecodingSampleType, Limits};
use tiff::{TiffError, TiffUnsupportedError};

/// Bytes of one value of the directory, such as the offsets of all strips.
const MAX_VALUE: usize = 4 << 20;

pub(super) fn decode(bytes: &[u8], header: &Header, samples: &Samples, memory: u64) -> Result<Picture, Reject> {
    let mut decoder = Decoder::new(Plain::new(bytes, samples)).map_err(reject)?;
    let memory = usize::try_from(memory).unwrap_or(usize::MAX);
    let mut limits = Limits::default();
    (limits.decoding_buffer_size, limits.intermediate_buffer_size, limits.ifd_value_size) = (memory, memory, MAX_VALUE);
    decoder = decoder.with_limits(limits);
    if decoder.dimensions().map_err(reject)? != (header.width, header.height) {
        return Err(Reject::corrupt(SourceFormat::Tiff, "the page is not of the size that its header says"));
    }
    let layout = decoder.image_buffer_layout().map_err(reject)?;
    if layout.complete_len > memory {
        return Err(Reject::TooMuchMemory { bytes: layout.complete_len as u64, limit: memory as u64 });
    }
    let mut raw = vec![0; layout.complete_len];
    decoder.read_image_bytes(&mut raw).map_err(reject)?;
    let rows = Rows::new(&raw, &layout, header, samples)?;
    let meaning = Meaning::new(bytes, samples);
    let mut pixels = Vec::with_capacity(header.width as usize * header.height as usize * meaning.layout.channels());
    let mut row = Vec::new();
    for y in 0..header.height as usize {
        rows.read(y, &mut row).ok_or_else(|| Reject::corrupt(SourceFormat::Tiff, "fewer rows than the header says"))?;
        row.chunks_exact(rows.count).for_each(|pixel| meaning.tell(pixel, &mut pixels));
    }
    Picture::new(header.width, header.height, meaning.layout, pixels)
        .ok_or_else(|| Reject::corrupt(SourceFormat::Tiff, "the pixels are not of the size that the header says"))
}

/// The file, but a negative or a palette image calls itself a gray one: the decoder then gives its samples as they are,
/// where it would refuse them or turn only some of them round.
struct Plain<'a> {
    file: Cursor<&'a [u8]>,
    at: u64,
    value: Option<[u8; 2]>,
}

impl<'a> Plain<'a> {
    fn new(bytes: &'a [u8], samples: &Samples) -> Self {
        const BLACK_IS_ZERO: u16 = 1;
        let value = if samples.big_endian { BLACK_IS_ZERO.to_be_bytes() } else { BLACK_IS_ZERO.to_le_bytes() };
        let is_other = matches!(samples.colour, Colour::Negative | Colour::Palette(_));
        Self { file: Cursor::new(bytes), at: samples.photometric_at as u64, value: is_other.then_some(value) }
    }
}

impl Read for Plain<'_> {
    fn read(&mut self, into: &mut [u8]) -> IoResult<usize> {
        let start = self.file.position();
        let read = self.file.read(into)?;
        for (offset, byte) in self.value.iter().flatten().enumerate() {
            let at = (self.at + offset as u64).checked_sub(start).and_then(|at| usize::try_from(at).ok());
            if let Some(place) = at.filter(|at| *at < read).and_then(|at| into.get_mut(at)) {
                *place = *byte;
            }
        }
        Ok(read)
    }
}

impl Seek for Plain<'_> {
    fn seek(&mut self, to: SeekFrom) -> IoResult<u64> {
        self.file.seek(to)
    }
}

/// The decoder's samples, row by row as 8 bits each.
struct Rows<'a> {
    raw: &'a [u8],
    kind: DecodingSampleType,
    /// Bits of a stored sample where several share a byte.
    packed: Option<u32>,
    /// Packed samples are numbers in a palette, not shares of white.
    are_indices: bool,
    width: usize,
    /// Samples of a pixel that the decoder gives: all, or only those that it knows a meaning of.
    count: usize,
    /// Bytes of a row, and of a plane where each sample has its own.
    row: usize,
    plane: Option<usize>,
}

impl<'a> Rows<'a> {
    fn new(raw: &'a [u8], layout: &BufferLayoutPreference, header: &Header, samples: &Samples) -> Result<Self, Reject> {
        let uncommon = || Reject::Unsupported { format: "tiff (samples of an uncommon type)" };
        use DecodingSampleType::{F16, F32, F64, U8, U16, U32, U64};
        let kind =
            layout.sample_type.filter(|kind| matches!(kind, U8 | U16 | U32 | U64 | F16 | F32 | F64)).ok_or_else(uncommon)?;
        let packed = match samples.bits {
            bits @ (1 | 2 | 4) => Some(bits as u32),
            8 | 16 | 32 | 64 => None,
            _ => return Err(uncommon()),
        };
        let are_indices = matches!(samples.colour, Colour::Palette(_));
        if are_indices && kind != U8 {
            return Err(uncommon());
        }
        let plane = (layout.planes > 1).then_some(layout.plane_stride).flatten().map(|bytes| bytes.get());
        let row = layout.row_stride.ok_or_else(uncommon)?.get();
        let width = header.width as usize;
        let count = match (plane, usize::try_from(samples.bits / 8)) {
            (Some(_), _) => layout.planes,
            (None, Ok(bytes @ 1..)) => row / bytes / width.max(1),
            (None, _) => samples.count,
        };
        let needed = samples.colour.samples() + usize::from(samples.alpha.is_some());
        if !(needed..=samples.count).contains(&count) {
            return Err(uncommon());
        }
        Ok(Self { raw, kind, packed, are_indices, width, count, row, plane })
    }

    /// Fills `row` with the samples of row `y`, pixel by pixel.
    fn read(&self, y: usize, row: &mut Vec<u8>) -> Option<()> {
        row.clear();
        let Some(plane) = self.plane else { return self.append(y * self.row, self.width * self.count, row) };
        let mut planes = Vec::with_capacity(self.width * self.count);
        for sample in 0..self.count {
            self.append(sample * plane + y * self.row, self.width, &mut planes)?;
        }
        row.extend((0..self.width).flat_map(|x| planes.iter().skip(x).step_by(self.width.max(1)).copied()));
        Some(())
    }

    /// Appends `count` samples that begin at a byte.
    fn append(&self, start: usize, count: usize, row: &mut Vec<u8>) -> Option<()> {
        let bytes = self.raw.get(start..start.checked_add(self.row)?)?;
        let before = row.len();
        match (self.kind, self.packed) {
            (DecodingSampleType::U8, Some(bits)) => row.extend(unpacked(bytes, bits, self.are_indices).take(count)),
            (DecodingSampleType::U8, None) => row.extend(bytes.iter().take(count)),
            (DecodingSampleType::U16, _) => row.extend(values(bytes, u16::from_ne_bytes).take(count).map(narrow)),
            (DecodingSampleType::U32, _) => {
                row.extend(values(bytes, u32::from_ne_bytes).take(count).map(|value| narrow((value >> 16) as u16)));
            }
            (DecodingSampleType::U64, _) => {
                row.extend(values(bytes, u64::from_ne_bytes).take(count).map(|value| narrow((value >> 48) as u16)));
            }
            (DecodingSampleType::F16, _) => {
                row.extend(values(bytes, u16::from_ne_bytes).take(count).map(|half| of_float(wide(half))))
            }
            (DecodingSampleType::F32, _) => row.extend(values(bytes, f32::from_ne_bytes).take(count).map(of_float)),
            (DecodingSampleType::F64, _) => {
                row.extend(values(bytes, f64::from_ne_bytes).take(count).map(|value| of_float(value as f32)));
            }
            _ => return None,
        }
        (row.len() - before == count).then_some(())
    }
}

/// Numbers of `N` bytes in the machine's byte order.
fn values<T: 'static, const N: usize>(bytes: &[u8], read: fn([u8; N]) -> T) -> impl Iterator<Item = T> + '_ {
    bytes.as_chunks::<N>().0.iter().map(move |value| read(*value))
}

/// Samples of `bits` each, the first in the highest bits; as they are, or spread over 0 to 255.
fn unpacked(bytes: &[u8], bits: u32, as_they_are: bool) -> impl Iterator<Item = u8> + '_ {
    let most = (1u32 << bits) - 1;
    let spread = if as_they_are { 1 } else { 255 / most };
    bytes.iter().flat_map(move |byte| {
        (0..8 / bits).map(move |index| ((u32::from(*byte) >> (8 - bits * (index + 1)) & most) * spread) as u8)
    })
}

/// 0.0 to 1.0 as 0 to 255. The cast saturates, and turns what is no number into 0.
fn of_float(value: f32) -> u8 {
    (value * 255.0).round() as u8
}

/// IEEE 754 half precision.
fn wide(half: u16) -> f32 {
    let (exponent, fraction) = (half >> 10 & 31, f32::from(half & 1023));
    let magnitude = match exponent {
        0 => fraction / 1024.0 * 2f32.powi(-14),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1.0 + fraction / 1024.0) * 2f32.powi(i32::from(exponent) - 15),
    };
    if half >> 15 == 1 { -magnitude } else { magnitude }
}

/// What the samples of a pixel mean.
struct Meaning<'a> {
    colour: &'a Colour,
    alpha: Option<Alpha>,
    layout: Layout,
    palette: Vec<[u8; 3]>,
}

impl<'a> Meaning<'a> {
    fn new(file: &[u8], samples: &'a Samples) -> Self {
        let layout = match (&samples.colour, samples.alpha) {
            (Colour::Negative | Colour::Gray, None) => Layout::Gray,
            (Colour::Negative | Colour::Gray, Some(_)) => Layout::GrayAlpha,
            (Colour::Cmyk, _) => Layout::Cmyk,
            (_, None) => Layout::Rgb,
            (_, Some(_)) => Layout::Rgba,
        };
        let palette = match &samples.colour {
            Colour::Palette(place) => palette(file.get(place.clone()).unwrap_or_default(), samples),
            _ => Vec::new(),
        };
        Self { colour: &samples.colour, alpha: samples.alpha, layout, palette }
    }

    /// Appends the pixel's colours and its alpha.
    fn tell(&self, pixel: &[u8], into: &mut Vec<u8>) {
        let start = into.len();
        match (self.colour, pixel) {
            (Colour::Negative, [gray, ..]) => into.push(255 - gray),
            (Colour::Gray, [gray, ..]) => into.push(*gray),
            // A number past the palette's end is black.
            (Colour::Palette(_), [index, ..]) => {
                into.extend(self.palette.get(usize::from(*index)).copied().unwrap_or_default());
            }
            (Colour::Rgb, [r, g, b, ..]) => into.extend([*r, *g, *b]),
            (Colour::YCbCr, [y, cb, cr, ..]) => into.extend(rgb(*y, *cb, *cr)),
            (Colour::Cmyk, [c, m, y, k, ..]) => into.extend([*c, *m, *y, *k]),
            _ => {}
        }
        let Some(alpha) = self.alpha.and_then(|_| pixel.get(self.colour.samples()).copied()) else { return };
        if self.alpha == Some(Alpha::Associated) && alpha > 0 {
            let straight = |colour: u8| ((u32::from(colour) * 255 + u32::from(alpha) / 2) / u32::from(alpha)).min(255) as u8;
            into.iter_mut().skip(start).for_each(|colour| *colour = straight(*colour));
        }
        into.push(alpha);
    }
}

/// The colour map as pixels: first all reds, then all greens, then all blues, of 16 bits each (TIFF 6.0 §5).
fn palette(map: &[u8], samples: &Samples) -> Vec<[u8; 3]> {
    let number = |pair: &[u8; 2]| if samples.big_endian { u16::from_be_bytes(*pair) } else { u16::from_le_bytes(*pair) };
    let numbers: Vec<u16> = map.as_chunks::<2>().0.iter().map(number).collect();
    let colours = numbers.len() / 3;
    // Some writers fill only the lower halves.
    let of_map = |value: u16| if numbers.iter().all(|value| *value < 256) { value as u8 } else { narrow(value) };
    let at = |index: usize| numbers.get(index).copied().map(of_map).unwrap_or_default();
    (0..colours).map(|index| [at(index), at(colours + index), at(2 * colours + index)]).collect()
}

/// Luma and chroma over the whole range (ITU-T T.871 §7), as JPEG has them.
fn rgb(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    let (y, cb, cr) = (f32::from(y), f32::from(cb) - 128.0, f32::from(cr) - 128.0);
    [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb].map(|light| light.round() as u8)
}

fn reject(error: TiffError) -> Reject {
    match error {
        TiffError::UnsupportedError(TiffUnsupportedError::UnsupportedCompressionMethod(_)) => {
            Reject::Unsupported { format: "tiff (an uncommon compression)" }
        }
        TiffError::UnsupportedError(_) => Reject::Unsupported { format: "tiff (an uncommon variant)" },
        other => Reject::corrupt(SourceFormat::Tiff, other),
    }
}
