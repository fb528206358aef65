//! JPEG: what the encoder writes, and what is done to its segments afterwards.

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

/// A JPEG of one colour, its samples given as `colour` says.
pub(crate) fn plain(pixel: &[u8], colour: ColorType) -> Vec<u8> {
    encoded(&pixel.repeat(48 * 48), (48, 48), colour, |_| {})
}

/// A JPEG of these samples, the encoder set up by the caller.
pub(crate) fn encoded(
    samples: &[u8],
    (width, height): (u16, u16),
    colour: ColorType,
    set_up: impl Fn(&mut Encoder<&mut Vec<u8>>),
) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, 95);
    encoder.set_sampling_factor(SamplingFactor::F_1_1);
    set_up(&mut encoder);
    encoder.encode(samples, width, height, colour).expect("a JPEG");
    out
}

/// The same JPEG without its segments of one kind.
pub(crate) fn without(jpeg: &[u8], marker: u8) -> Vec<u8> {
    let (mut out, mut at) = (jpeg[..2].to_vec(), 2);
    while jpeg[at + 1] != 0xDA {
        let end = at + 2 + usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
        if jpeg[at + 1] != marker {
            out.extend(&jpeg[at..end]);
        }
        at = end;
    }
    out.extend(&jpeg[at..]);
    out
}

/// The same JPEG with a segment more, at its start.
pub(crate) fn with_segment(jpeg: &[u8], marker: u8, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len() + 2).expect("fits a segment").to_be_bytes();
    [&jpeg[..2], &[0xFF, marker], &length, data, &jpeg[2..]].concat()
}

/// Adobe's segment, with its colour transform.
pub(crate) fn with_adobe(jpeg: &[u8], transform: u8) -> Vec<u8> {
    with_segment(jpeg, 0xEE, &[b"Adobe\0\x64\0\0\0\0".as_slice(), &[transform]].concat())
}

/// The same JPEG with a colour profile in pieces of at most `piece` bytes, the last one first.
pub(crate) fn with_profile(jpeg: &[u8], profile: &[u8], piece: usize) -> Vec<u8> {
    let pieces: Vec<&[u8]> = profile.chunks(piece).collect();
    pieces.iter().zip(1u8..).fold(jpeg.to_vec(), |jpeg, (piece, number)| {
        with_segment(&jpeg, 0xE2, &[b"ICC_PROFILE\0".as_slice(), &[number, pieces.len() as u8], piece].concat())
    })
}

/// The same JPEG with other component identifiers, in the frame header and in the scan header.
pub(crate) fn with_ids(mut jpeg: Vec<u8>, ids: [u8; 3]) -> Vec<u8> {
    let (frame, scan) = (super::find(&jpeg, b"\xFF\xC0"), super::find(&jpeg, b"\xFF\xDA"));
    for (index, id) in ids.into_iter().enumerate() {
        jpeg[frame + 10 + 3 * index] = id;
        jpeg[scan + 5 + 2 * index] = id;
    }
    jpeg
}

/// EXIF data with an orientation, and a preview in its second directory that shows something else.
pub(crate) fn exif_with_preview(orientation: u8, preview: &[u8]) -> Vec<u8> {
    let entry = |tag: u16, kind: u16, value: u32| {
        let value = if kind == 3 { value << 16 } else { value };
        [&tag.to_be_bytes()[..], &kind.to_be_bytes(), &1u32.to_be_bytes(), &value.to_be_bytes()].concat()
    };
    let mut exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01".to_vec();
    exif.extend([entry(0x112, 3, orientation.into()), 26u32.to_be_bytes().to_vec()].concat());
    let at = 26 + 2 + 3 * 12 + 4;
    exif.extend(b"\0\x03");
    exif.extend([entry(0x103, 3, 6), entry(0x201, 4, at), entry(0x202, 4, preview.len() as u32), vec![0; 4]].concat());
    exif.extend(preview);
    exif
}
