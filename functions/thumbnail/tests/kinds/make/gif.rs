//! GIF: blocks written by hand.

/// Black, white, red.
const TABLE: &[u8] = b"\0\0\0\xFF\xFF\xFF\xFF\0\0\0\0\0";

/// A file of 1x1 pixel with so many frames.
pub(crate) fn with_frames(frames: usize) -> Vec<u8> {
    let mut gif = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xFF\xFF\xFF".to_vec();
    for _ in 0..frames {
        gif.extend(b"\x2C\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0");
    }
    gif.push(0x3B);
    gif
}

/// A screen of 3x3 pixels with one red pixel in its middle, by a frame of 1x1; then a frame that is white all over.
pub(crate) fn with_offset_frame() -> Vec<u8> {
    let mut gif = b"GIF89a\x03\0\x03\0\x81\0\0".to_vec();
    gif.extend(TABLE);
    gif.extend(b"\x2C\x01\0\x01\0\x01\0\x01\0\0");
    gif.extend(pixels(&[2]));
    gif.extend(b"\x2C\0\0\0\0\x03\0\x03\0\0");
    gif.extend(pixels(&[1; 9]));
    gif.push(0x3B);
    gif
}

/// Four rows, black, white, red, black, stored interlaced; with `transparent` a palette entry that is invisible.
pub(crate) fn interlaced(transparent: Option<u8>) -> Vec<u8> {
    let mut gif = b"GIF89a\x04\0\x04\0\x81\0\0".to_vec();
    gif.extend(TABLE);
    if let Some(index) = transparent {
        gif.extend([b"\x21\xF9\x04\x01\0\0".as_slice(), &[index, 0]].concat());
    }
    gif.extend(b"\x2C\0\0\0\0\x04\0\x04\0\x40");
    // Every fourth row first, then the row between, then the odd ones.
    gif.extend(pixels(&[[0; 4], [2; 4], [1; 4], [0; 4]].concat()));
    gif.push(0x3B);
    gif
}

/// LZW without compression: codes of 3 bits, and a clear code after each pair, so that they stay so short.
fn pixels(indices: &[u8]) -> Vec<u8> {
    const CLEAR: u8 = 4;
    const END: u8 = 5;
    let mut codes = Vec::new();
    for pair in indices.chunks(2) {
        codes.push(CLEAR);
        codes.extend(pair);
    }
    codes.push(END);
    let mut bytes = vec![0u8; (codes.len() * 3).div_ceil(8)];
    for (index, code) in codes.into_iter().enumerate() {
        for bit in 0..3 {
            let at = index * 3 + bit;
            bytes[at / 8] |= (code >> bit & 1) << (at % 8);
        }
    }
    [&[2, bytes.len() as u8], bytes.as_slice(), &[0]].concat()
}
