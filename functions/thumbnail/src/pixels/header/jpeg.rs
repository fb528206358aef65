//! JPEG: a walk over the markers (ITU-T T.81 annex B), through scans too, so that they can be counted.

use super::super::at::{be16, is_at, u8_at};
use super::super::ifd::exif_orientation;
use super::super::reject::Reject;
use super::super::sniff::SourceFormat;
use super::{Coding, Embedded, Header};
use std::ops::Range;

/// The frame header, and how its samples mean colours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Frame {
    pub(in super::super) progressive: bool,
    /// 1, 3 or 4 of them.
    pub(in super::super) components: Vec<Component>,
    pub(in super::super) colour: Colour,
    /// Adobe's software stores CMYK inverted and says so with its marker.
    pub(in super::super) adobe: bool,
    pub(in super::super) scans: u32,
}

/// One component: its identifier, and its share of the samples along each side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Component {
    pub(in super::super) id: u8,
    pub(in super::super) horizontal: u8,
    pub(in super::super) vertical: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Colour {
    Gray,
    YCbCr,
    Rgb,
    Cmyk,
    Ycck,
}

/// A segment with a piece of a colour profile begins so; the piece's number and the count of pieces follow.
const PROFILE: &[u8] = b"ICC_PROFILE\0";

#[derive(Default)]
struct Walk {
    frame: Option<(Header, Frame)>,
    orientation: Option<u8>,
    jfif: bool,
    adobe: Option<u8>,
    scans: u32,
    /// Number, count and place of each piece of the colour profile.
    profile: Vec<(u8, u8, Range<usize>)>,
}

pub(super) fn read(bytes: &[u8]) -> Result<Option<Header>, Reject> {
    let mut walk = Walk::default();
    let mut at = 2;
    while let Some((marker, data)) = next_marker(bytes, at) {
        at = data;
        match marker {
            0x01 | 0xD0..=0xD8 => continue,
            0xD9 => break,
            _ => {}
        }
        let Some(length) = be16(bytes, data) else { break };
        if length < 2 {
            return Err(Reject::corrupt(SourceFormat::Jpeg, format!("segment {marker:02X} of {length} bytes")));
        }
        at = data + usize::from(length);
        let segment = bytes.get(data + 2..at);
        match marker {
            0xC4 | 0xC8 | 0xCC => {}
            0xC0..=0xCF if walk.frame.is_none() => match segment {
                Some(segment) => walk.frame = Some(frame(marker, segment)?),
                None => return Ok(None),
            },
            0xDA if walk.frame.is_none() => {
                return Err(Reject::corrupt(SourceFormat::Jpeg, "a scan before the frame header"));
            }
            0xDA => walk.scans = walk.scans.saturating_add(1),
            // What follows the first scan belongs to another picture (a gain map), or to nobody.
            0xE0..=0xEF if walk.scans == 0 => walk.application(marker, segment.unwrap_or_default(), data + 2),
            _ => {}
        }
    }
    if walk.frame.is_none() && is_at(bytes, bytes.len().saturating_sub(2), b"\xFF\xD9") {
        return Err(Reject::corrupt(SourceFormat::Jpeg, "no frame header"));
    }
    Ok(walk.finish())
}

impl Walk {
    /// An application segment, and where its data begins in the file.
    fn application(&mut self, marker: u8, segment: &[u8], at: usize) {
        match marker {
            0xE0 if segment.starts_with(b"JFIF\0") => self.jfif = true,
            0xE1 if segment.starts_with(b"Exif\0\0") && self.orientation.is_none() => {
                self.orientation = Some(exif_orientation(segment));
            }
            0xE2 if segment.starts_with(PROFILE) => {
                if let (Some(number), Some(count)) = (u8_at(segment, PROFILE.len()), u8_at(segment, PROFILE.len() + 1)) {
                    self.profile.push((number, count, at + PROFILE.len() + 2..at + segment.len()));
                }
            }
            0xEE if segment.starts_with(b"Adobe") => self.adobe = u8_at(segment, 11).or(self.adobe),
            _ => {}
        }
    }

    fn finish(self) -> Option<Header> {
        let (mut header, mut frame) = self.frame?;
        frame.colour = colour(&frame.components, self.jfif, self.adobe);
        frame.adobe = self.adobe.is_some();
        frame.scans = self.scans;
        header.orientation = self.orientation.unwrap_or(1);
        // Inks stay inks until they are resized, since their profile is applied after that.
        header.channels = match frame.colour {
            Colour::Gray => 1,
            Colour::YCbCr | Colour::Rgb => 3,
            Colour::Cmyk | Colour::Ycck => 4,
        };
        header.profile = (!self.profile.is_empty()).then(|| Embedded::numbered(self.profile));
        header.coding = Coding::Jpeg(frame);
        Some(header)
    }
}

/// The marker at or after `at`, and where its data begins. Passes over entropy-coded bytes, stuffed zeros, restart
/// markers and fill bytes.
fn next_marker(bytes: &[u8], mut at: usize) -> Option<(u8, usize)> {
    loop {
        at += bytes.get(at..)?.iter().position(|byte| *byte == 0xFF)?;
        match u8_at(bytes, at + 1)? {
            0xFF => at += 1,
            0x00 | 0xD0..=0xD7 => at += 2,
            marker => return Some((marker, at + 2)),
        }
    }
}

/// A frame header (T.81 B.2.2): precision, lines, samples a line, then three bytes for each component.
fn frame(marker: u8, segment: &[u8]) -> Result<(Header, Frame), Reject> {
    let unsupported = |format| Err(Reject::Unsupported { format });
    match marker {
        0xC0..=0xC2 => {}
        0xC3 => return unsupported("jpeg (lossless)"),
        0xC9..=0xCB => return unsupported("jpeg (arithmetic coding)"),
        _ => return unsupported("jpeg (hierarchical)"),
    }
    let cut = || Reject::corrupt(SourceFormat::Jpeg, "the frame header is cut off");
    let height = u32::from(be16(segment, 1).ok_or_else(cut)?);
    let width = u32::from(be16(segment, 3).ok_or_else(cut)?);
    if u8_at(segment, 0) != Some(8) {
        return unsupported("jpeg (12 bits)");
    }
    if height == 0 {
        return unsupported("jpeg (height in a DNL marker)");
    }
    let count = usize::from(u8_at(segment, 5).ok_or_else(cut)?);
    if !matches!(count, 1 | 3 | 4) {
        return unsupported("jpeg (other than 1, 3 or 4 components)");
    }
    let specifications = segment.get(6..6 + 3 * count).ok_or_else(cut)?;
    let mut components = Vec::with_capacity(count);
    for specification in specifications.chunks_exact(3) {
        let &[id, factors, _] = specification else { continue };
        let (horizontal, vertical) = (factors >> 4, factors & 15);
        if !(1..=4).contains(&horizontal) || !(1..=4).contains(&vertical) {
            return Err(Reject::corrupt(SourceFormat::Jpeg, format!("sampling factors {horizontal}x{vertical}")));
        }
        components.push(Component { id, horizontal, vertical });
    }
    let header = Header::new(SourceFormat::Jpeg, width, height)?;
    // What the colours are and how many scans there are shows when the walk is over.
    Ok((header, Frame { progressive: marker == 0xC2, components, colour: Colour::Gray, adobe: false, scans: 0 }))
}

/// Which colours the components are. JPEG itself doesn't say; this is libjpeg's rule (`default_decompress_parms`),
/// which all else follows.
fn colour(components: &[Component], jfif: bool, adobe: Option<u8>) -> Colour {
    let ids: Vec<u8> = components.iter().map(|component| component.id).collect();
    match (ids.as_slice(), adobe) {
        ([_], _) => Colour::Gray,
        ([_, _, _, _], Some(0) | None) => Colour::Cmyk,
        ([_, _, _, _], Some(_)) => Colour::Ycck,
        (_, _) if jfif => Colour::YCbCr,
        (_, Some(0)) | (b"RGB", None) => Colour::Rgb,
        (_, _) => Colour::YCbCr,
    }
}
