//! WebP: RIFF chunks around bitstreams. The lossy ones are files of 16x16 pixels by libwebp, since nothing here writes any.

/// One colour, about (200, 90, 30).
pub(crate) const LOSSY: &[u8] = b"RIFF>\0\0\0WEBPVP8 2\0\0\0\x10\x02\0\x9D\x01*\x10\0\x10\0\0\xC0\x12%\xA0\x02t\xBA\x01\xF8\
    \x01\xFA\0\x03\xC8\0\xFE\xEB\x8E_\xFD\xFE\x98\xDDA\x9F\xFB\xAF\xFF\xF3.q\x0F\xC1?\xE6&\0\0\0";
/// The same, half transparent.
pub(crate) const LOSSY_ALPHA: &[u8] = b"RIFFb\0\0\0WEBPVP8X\x0A\0\0\0\x10\0\0\0\x0F\0\0\x0F\0\0ALPH\x0A\0\0\0\x01\x07P\xC0\
    \x88\x08DD\xFF\x03VP8 2\0\0\0\x10\x02\0\x9D\x01*\x10\0\x10\0\0\xC0\x12%\xA0\x02t\xBA\x01\xF8\x01\xFA\0\x03\xC8\0\xFE\
    \xEB\x8E_\xFD\xFE\x98\xDDA\x9F\xFB\xAF\xFF\xF3.q\x0F\xC1?\xE6&\0\0\0";

/// What an extended file's header announces.
pub(crate) const ANIMATION: u8 = 0x02;
pub(crate) const EXIF: u8 = 0x08;
pub(crate) const PROFILE: u8 = 0x20;

pub(crate) fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    [name.as_slice(), &(data.len() as u32).to_le_bytes(), data, &vec![0; data.len() % 2]].concat()
}

/// A file with an extended header and these chunks.
pub(crate) fn extended((width, height): (u32, u32), flags: u8, chunks: &[Vec<u8>]) -> Vec<u8> {
    let side = |side: u32| (side - 1).to_le_bytes()[..3].to_vec();
    let header = chunk(b"VP8X", &[vec![flags, 0, 0, 0], side(width), side(height)].concat());
    chunk(b"RIFF", &[b"WEBP".to_vec(), header, chunks.concat()].concat())
}

/// The bitstream's chunk of a simple file.
pub(crate) fn bitstream(simple: &[u8]) -> Vec<u8> {
    simple[12..].to_vec()
}

/// The chunk with an animation's background and repetitions.
pub(crate) fn animation() -> Vec<u8> {
    chunk(b"ANIM", &[255, 0, 255, 255, 0, 0])
}

/// A frame at an even place.
pub(crate) fn frame((x, y): (u32, u32), (width, height): (u32, u32), simple: &[u8]) -> Vec<u8> {
    let number = |number: u32| number.to_le_bytes()[..3].to_vec();
    let place = [number(x / 2), number(y / 2), number(width - 1), number(height - 1), number(100), vec![0]];
    chunk(b"ANMF", &[place.concat(), bitstream(simple)].concat())
}
