//! The contact sheet: every photo as a print on a table, upright, with its name.

use std::io::Cursor;

use image::{ImageFormat, ImageResult, Rgb, RgbImage, RgbaImage, imageops};

use super::font;
use super::outcome::Outcome;
use super::photo::{Expected, Photo};
use super::report::{Report, reason, upright};

/// The square that a thumbnail is centred in, in pixels.
const SQUARE: u32 = 256;
/// White around it.
const MAT: u32 = 14;
/// Room for the caption below.
const CAPTION: u32 = 48;
/// Between prints, and around all.
const GAP: u32 = 30;
/// A print.
const PRINT: (u32, u32) = (SQUARE + 2 * MAT, SQUARE + 2 * MAT + CAPTION);
/// How far a shadow reaches.
const SHADOW: u32 = 14;
/// Pixels of a dot of the captions.
const DOT: u32 = 2;
/// Prints on one sheet; a sheet of more would be no picture for people.
const MAX_PRINTS: usize = 200;

const TABLE: [u8; 3] = [226, 221, 212];
const PAPER: [u8; 3] = [253, 252, 249];
const WELL: [u8; 3] = [241, 238, 232];
const INK: [u8; 3] = [58, 54, 50];
const FAINT: [u8; 3] = [142, 135, 126];
const ALARM: [u8; 3] = [186, 54, 44];

/// Draws the sheet. Folder markers have no print.
pub(super) fn png(report: &Report<'_>) -> ImageResult<Vec<u8>> {
    let prints = report.photos.iter().zip(report.outcomes).filter(|(photo, _)| photo.expected != Expected::Skipped);
    let prints: Vec<(&Photo, &Outcome)> = prints.take(MAX_PRINTS).collect();
    let columns = columns(prints.len());
    let rows = u32::try_from(prints.len()).unwrap_or(u32::MAX).div_ceil(columns).max(1);
    let extent = |count: u32, print: u32| GAP + count * (print + GAP);
    let mut sheet = RgbImage::from_pixel(extent(columns, PRINT.0), extent(rows, PRINT.1), Rgb(TABLE));
    for (index, (photo, outcome)) in (0_u32..).zip(prints) {
        let (column, row) = (index % columns, index / columns);
        draw(&mut sheet, (GAP + column * (PRINT.0 + GAP), GAP + row * (PRINT.1 + GAP)), photo, outcome)?;
    }
    let mut bytes = Cursor::new(Vec::new());
    sheet.write_to(&mut bytes, ImageFormat::Png)?;
    Ok(bytes.into_inner())
}

/// As many columns as make the sheet about as wide as high, 1 to 8; rather one row less than a last one that is almost
/// empty.
fn columns(prints: usize) -> u32 {
    let fits = |columns: &u32| (*columns as usize).pow(2) >= prints;
    (1..=8).find(fits).unwrap_or(8)
}

fn draw(sheet: &mut RgbImage, (x, y): (u32, u32), photo: &Photo, outcome: &Outcome) -> ImageResult<()> {
    shadow(sheet, (x, y), PRINT);
    fill(sheet, (x, y), PRINT, PAPER);
    fill(sheet, (x + MAT, y + MAT), (SQUARE, SQUARE), WELL);
    let middle = x + PRINT.0 / 2;
    match thumbnail(outcome)? {
        Some(picture) => place(sheet, (x + MAT, y + MAT), &picture),
        None => {
            let line = y + MAT + SQUARE / 2;
            write(sheet, (middle, line - 22), "no thumbnails:", FAINT);
            write(sheet, (middle, line), reason(outcome).unwrap_or("no verdict"), ALARM);
        }
    }
    let caption = y + 2 * MAT + SQUARE;
    write(sheet, (middle, caption), &photo.name, INK);
    let below = if outcome.outputs.is_empty() { photo.about.clone() } else { upright(outcome) };
    write(sheet, (middle, caption + 21), &below, FAINT);
    Ok(())
}

/// The output that fills the square best, no larger than it.
fn thumbnail(outcome: &Outcome) -> ImageResult<Option<RgbaImage>> {
    let mut best: Option<RgbaImage> = None;
    for bytes in outcome.outputs.values() {
        let picture = image::load_from_memory(bytes)?.into_rgba8();
        let fits = picture.width() <= SQUARE && picture.height() <= SQUARE;
        if fits && best.as_ref().is_none_or(|best| picture.width() > best.width()) {
            best = Some(picture);
        }
    }
    Ok(best)
}

/// Lays a picture in the middle of the square, see-through parts over the well.
fn place(sheet: &mut RgbImage, (x, y): (u32, u32), picture: &RgbaImage) {
    let left = x + SQUARE.saturating_sub(picture.width()) / 2;
    let top = y + SQUARE.saturating_sub(picture.height()) / 2;
    let mut flat = RgbImage::from_pixel(picture.width(), picture.height(), Rgb(WELL));
    for (under, over) in flat.pixels_mut().zip(picture.pixels()) {
        let [r, g, b, alpha] = over.0;
        under.0 = mix(under.0, [r, g, b], f32::from(alpha) / 255.0);
    }
    imageops::replace(sheet, &flat, left.into(), top.into());
}

fn mix(from: [u8; 3], to: [u8; 3], share: f32) -> [u8; 3] {
    let [a, b, c] = from;
    let [d, e, f] = to;
    let channel = |from: u8, to: u8| (f32::from(from) + (f32::from(to) - f32::from(from)) * share).round() as u8;
    [channel(a, d), channel(b, e), channel(c, f)]
}

fn fill(sheet: &mut RgbImage, (x, y): (u32, u32), (width, height): (u32, u32), colour: [u8; 3]) {
    imageops::replace(sheet, &RgbImage::from_pixel(width, height, Rgb(colour)), x.into(), y.into());
}

/// A soft shadow around where a print will lie, a little lower than the print.
fn shadow(sheet: &mut RgbImage, (x, y): (u32, u32), (width, height): (u32, u32)) {
    let drop = 4;
    for row in (y + drop).saturating_sub(SHADOW)..y + drop + height + SHADOW {
        for column in x.saturating_sub(SHADOW)..x + width + SHADOW {
            let outside = |at: u32, from: u32, to: u32| from.saturating_sub(at).max((at + 1).saturating_sub(to)) as f32;
            let distance = outside(column, x, x + width).hypot(outside(row, y + drop, y + drop + height));
            let depth = (1.0 - distance / SHADOW as f32).max(0.0).powi(2) * 0.28;
            if let Some(pixel) = sheet.get_pixel_mut_checked(column, row) {
                pixel.0 = mix(pixel.0, [60, 50, 40], depth);
            }
        }
    }
}

/// Writes one line, centred, cut where it would leave the print.
fn write(sheet: &mut RgbImage, (middle, top): (u32, u32), text: &str, colour: [u8; 3]) {
    let step = (font::WIDTH + 1) * DOT;
    let room = ((PRINT.0 - MAT) / step) as usize;
    let mut letters: Vec<char> = text.chars().collect();
    if letters.len() > room {
        letters.truncate(room.saturating_sub(2));
        letters.extend("..".chars());
    }
    let width = (u32::try_from(letters.len()).unwrap_or(0) * step).saturating_sub(DOT);
    let mut left = middle.saturating_sub(width / 2);
    for letter in letters {
        for (row, dots) in (0_u32..font::HEIGHT).zip(font::rows(letter)) {
            for column in (0..font::WIDTH).filter(|column| dots >> (font::WIDTH - 1 - column) & 1 == 1) {
                fill(sheet, (left + column * DOT, top + row * DOT), (DOT, DOT), colour);
            }
        }
        left += step;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sheets_are_about_square() {
        for (prints, expected) in [(0, 1), (1, 1), (2, 2), (4, 2), (5, 3), (11, 4), (12, 4), (17, 5), (200, 8)] {
            assert_eq!(columns(prints), expected, "{prints}");
        }
    }

    #[test]
    fn a_caption_stays_on_its_print() {
        let mut sheet = RgbImage::from_pixel(400, 40, Rgb(PAPER));
        write(&mut sheet, (200, 10), &"W".repeat(100), INK);
        let inked: Vec<u32> = sheet.enumerate_pixels().filter(|(_, _, pixel)| pixel.0 == INK).map(|(x, _, _)| x).collect();
        assert!(inked.iter().all(|x| (200 - PRINT.0 / 2..200 + PRINT.0 / 2).contains(x)));
        assert!(inked.len() > 1000);
        write(&mut sheet, (200, 10), "", INK);
    }
}
