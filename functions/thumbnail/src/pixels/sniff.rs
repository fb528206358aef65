//! Which format a file has, told by its first bytes alone.
//!
//! Rules: the signatures of PNG (W3C PNG §5.2), JPEG (ITU-T T.81 B.1.1.3), GIF89a §17, RIFF/WebP (RFC 9649 §2.3), BMP,
//! TIFF 6.0 §2, BigTIFF, and the `ftyp` box of ISO/IEC 14496-12 §4.3 for HEIC and AVIF.

use super::at::{is_at, le32, u8_at};
use super::reject::Reject;

/// The formats that become thumbnails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SourceFormat {
    /// JPEG, baseline or progressive, 8 bits.
    Jpeg,
    /// PNG, all colour types and depths, interlaced or not; of an APNG the default image.
    Png,
    /// WebP, lossy or lossless; of an animation the first frame.
    Webp,
    /// GIF; of an animation the first frame.
    Gif,
    /// Windows bitmap.
    Bmp,
    /// TIFF; of several pages the first.
    Tiff,
}

impl SourceFormat {
    /// The short lower-case name, as sidecars and logs show it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::Webp => "webp",
            Self::Gif => "gif",
            Self::Bmp => "bmp",
            Self::Tiff => "tiff",
        }
    }
}

impl std::fmt::Display for SourceFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Tells the format of a file from its first bytes; 64 are enough, except for SVG behind a long prologue (4,096).
pub(super) fn sniff(bytes: &[u8]) -> Result<SourceFormat, Reject> {
    if bytes.is_empty() {
        return Err(Reject::Empty);
    }
    if let Some(format) = supported(bytes) {
        return Ok(format);
    }
    match foreign(bytes) {
        Some(format) => Err(Reject::Unsupported { format }),
        None => Err(Reject::NotAnImage),
    }
}

fn supported(bytes: &[u8]) -> Option<SourceFormat> {
    let starts = |what: &[u8]| bytes.starts_with(what);
    if starts(b"\xFF\xD8\xFF") {
        Some(SourceFormat::Jpeg)
    } else if starts(b"\x89PNG\r\n\x1A\n") {
        Some(SourceFormat::Png)
    } else if starts(b"RIFF") && is_at(bytes, 8, b"WEBP") {
        Some(SourceFormat::Webp)
    } else if starts(b"GIF87a") || starts(b"GIF89a") {
        Some(SourceFormat::Gif)
    } else if starts(b"BM") && is_bitmap_header(bytes) {
        Some(SourceFormat::Bmp)
    } else if is_tiff(bytes) && !is_at(bytes, 8, b"CR\x02") {
        Some(SourceFormat::Tiff)
    } else {
        None
    }
}

/// "BM" alone also begins words; a bitmap's second header has one of a few sizes.
fn is_bitmap_header(bytes: &[u8]) -> bool {
    le32(bytes, 14).is_some_and(|size| matches!(size, 12 | 16 | 40 | 52 | 56 | 64 | 108 | 124))
}

fn is_tiff(bytes: &[u8]) -> bool {
    [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"].iter().any(|magic| bytes.starts_with(*magic))
}

/// Formats that are known by name and not decoded.
const FOREIGN: &[(usize, &[u8], &str)] = &[
    (8, b"CR\x02", "cr2"),
    (0, b"%PDF-", "pdf"),
    (0, b"%!PS", "postscript"),
    (0, b"8BPS", "psd"),
    (0, b"gimp xcf", "xcf"),
    (0, b"\0\0\0\x0CJXL \r\n\x87\n", "jxl"),
    (0, b"\xFF\x0A", "jxl"),
    (0, b"\0\0\0\x0CjP  \r\n\x87\n", "jp2"),
    (0, b"\xFF\x4F\xFF\x51", "jp2"),
    (0, b"II\xBC\x01", "jxr"),
    (0, b"\0\0\x01\0", "ico"),
    (0, b"\0\0\x02\0\0\0", "tga"),
    (0, b"\0\0\x0A\0\0\0", "tga"),
    (0, b"\0\0\x02\0", "cur"),
    (0, b"icns", "icns"),
    (0, b"qoif", "qoi"),
    (0, b"DDS ", "dds"),
    (0, b"v/1\x01", "exr"),
    (0, b"#?RADIANCE", "hdr"),
    (0, b"farbfeld", "farbfeld"),
    (0, b"SIMPLE  =", "fits"),
    (0, b"\x01\xDA\0", "sgi"),
    (0, b"\x01\xDA\x01", "sgi"),
    (0, b"/* XPM */", "xpm"),
    (0, b"SDPX", "dpx"),
    (0, b"XPDS", "dpx"),
    (0, b"\x80\x2A\x5F\xD7", "cineon"),
    (0, b"\x0A\x05\x01\x08", "pcx"),
    (0, b"\xFF\xD8\xFF\xF7", "jpeg-ls"),
    (0, b"AT&TFORM", "djvu"),
    (0, b"BPG\xFB", "bpg"),
    (0, b"FUJIFILMCCD-RAW", "raf"),
    (0, b"IIRO", "orf"),
    (0, b"IIU\0", "rw2"),
    (0, b"\x1A\x45\xDF\xA3", "matroska"),
];

fn foreign(bytes: &[u8]) -> Option<&'static str> {
    let listed = FOREIGN.iter().find(|(at, magic, _)| is_at(bytes, *at, magic)).map(|(_, _, name)| *name);
    listed.or_else(|| iso_media(bytes)).or_else(|| netpbm(bytes)).or_else(|| svg(bytes))
}

/// ISO base media files say in their `ftyp` box what they hold; HEIC and AVIF may do so among the compatible brands.
fn iso_media(bytes: &[u8]) -> Option<&'static str> {
    if !is_at(bytes, 4, b"ftyp") {
        return None;
    }
    let brands = bytes.get(8..)?.chunks_exact(4).take(12);
    let mut found = "mp4";
    for (index, brand) in brands.enumerate() {
        match brand {
            b"avif" | b"avis" => return Some("avif"),
            b"heic" | b"heix" | b"hevc" | b"hevx" | b"heim" | b"heis" => return Some("heic"),
            b"mif1" | b"msf1" => found = "heif",
            b"crx " if index == 0 => return Some("cr3"),
            b"qt  " if index == 0 => found = "quicktime",
            _ => {}
        }
    }
    Some(found)
}

fn netpbm(bytes: &[u8]) -> Option<&'static str> {
    let digit = u8_at(bytes, 1)?;
    let space = u8_at(bytes, 2)?;
    (bytes.starts_with(b"P") && (b'1'..=b'7').contains(&digit) && space.is_ascii_whitespace()).then_some("pnm")
}

/// SVG is text: an optional byte order mark, XML prologue, comments or doctype, then `<svg`.
fn svg(bytes: &[u8]) -> Option<&'static str> {
    let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes).trim_ascii_start();
    let window = text.get(..4096).unwrap_or(text);
    (text.starts_with(b"<") && window.windows(4).any(|four| four.eq_ignore_ascii_case(b"<svg"))).then_some("svg")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signature_is_told_by_content() {
        let bmp = [b"BM".as_slice(), &[0; 12], &40u32.to_le_bytes()].concat();
        #[rustfmt::skip]
        let cases: &[(&[u8], Result<&str, &str>)] = &[
            (b"",                                        Err("empty")),
            (b"\xFF",                                    Err("not-an-image")),
            (b"hello, world",                            Err("not-an-image")),
            (b"BMW is a word, not a bitmap",             Err("not-an-image")),
            (b"PK\x03\x04 zip",                          Err("not-an-image")),
            (b"\xFF\xD8\xFF\xE0",                        Ok("jpeg")),
            (b"\x89PNG\r\n\x1A\n",                       Ok("png")),
            (b"RIFF\x10\0\0\0WEBPVP8 ",                  Ok("webp")),
            (b"RIFF\x10\0\0\0WAVEfmt ",                  Err("not-an-image")),
            (b"GIF87a",                                  Ok("gif")),
            (b"GIF89a",                                  Ok("gif")),
            (&bmp,                                       Ok("bmp")),
            (b"II*\0\x08\0\0\0",                         Ok("tiff")),
            (b"MM\0*\0\0\0\x08",                         Ok("tiff")),
            (b"MM\0+\0\x08\0\0",                         Ok("tiff")),
            (b"II*\0\x10\0\0\0CR\x02\0",                 Err("unsupported: cr2")),
            (b"\0\0\0\x18ftypheic\0\0\0\0",              Err("unsupported: heic")),
            (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic",      Err("unsupported: heic")),
            (b"\0\0\0\x18ftypmif1\0\0\0\0miafavif",      Err("unsupported: avif")),
            (b"\0\0\0\x18ftypisom\0\0\0\0",              Err("unsupported: mp4")),
            (b"<?xml version=\"1.0\"?>\n<svg>",          Err("unsupported: svg")),
            (b"\xEF\xBB\xBF  <SVG xmlns=''>",            Err("unsupported: svg")),
            (b"<html><body>",                            Err("not-an-image")),
            (b"%PDF-1.7",                                Err("unsupported: pdf")),
            (b"P6\n1 1\n255\n",                          Err("unsupported: pnm")),
            (b"\0\0\x01\0\x01\0",                        Err("unsupported: ico")),
            (b"\xFF\x0A",                                Err("unsupported: jxl")),
        ];
        for (bytes, expected) in cases {
            let got = match sniff(bytes) {
                Ok(format) => Ok(format.as_str().to_owned()),
                Err(Reject::Unsupported { format }) => Err(format!("unsupported: {format}")),
                Err(other) => Err(other.code().to_owned()),
            };
            assert_eq!(got, expected.map(str::to_owned).map_err(str::to_owned), "{}", bytes.escape_ascii());
        }
    }
}
