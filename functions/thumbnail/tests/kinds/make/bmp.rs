//! BMP: headers of several generations.

/// 2x2 pixels, the upper row red, the lower one blue; with a negative height the rows are stored from the top.
pub(crate) fn rows(top_down: bool) -> Vec<u8> {
    let (red, blue) = ([0, 0, 255].repeat(2), [255, 0, 0].repeat(2));
    let row = |row: &[u8]| [row, &[0, 0]].concat();
    let rows = if top_down { [row(&red), row(&blue)] } else { [row(&blue), row(&red)] };
    file(&header(40, if top_down { -2 } else { 2 }, 24, 0), &[], &rows.concat())
}

/// 2x2 pixels of one colour by a palette of 256 entries, run-length encoded.
pub(crate) fn run_lengths(colour: [u8; 3]) -> Vec<u8> {
    let [r, g, b] = colour;
    let palette: Vec<u8> = (0..256).flat_map(|index| if index == 7 { [b, g, r, 0] } else { [0; 4] }).collect();
    file(&header(40, 2, 8, 1), &palette, b"\x02\x07\0\0\x02\x07\0\x01")
}

/// 2x2 pixels of one colour, with a profile behind them.
pub(crate) fn with_profile(colour: [u8; 3], profile: &[u8]) -> Vec<u8> {
    let [r, g, b] = colour;
    let row = [[b, g, r].repeat(2), vec![0, 0]].concat();
    let mut second = header(124, 2, 24, 0);
    second.resize(124, 0);
    second[56..60].copy_from_slice(b"DEBM");
    second[112..116].copy_from_slice(&(124u32 + 16).to_le_bytes());
    second[116..120].copy_from_slice(&(profile.len() as u32).to_le_bytes());
    [file(&second, &[], &row.repeat(2)), profile.to_vec()].concat()
}

fn header(size: u32, height: i32, bits: u16, compression: u32) -> Vec<u8> {
    let mut header = [size.to_le_bytes(), 2u32.to_le_bytes(), height.to_le_bytes()].concat();
    header.extend([1u16.to_le_bytes(), bits.to_le_bytes()].concat());
    header.extend([compression.to_le_bytes(), [0; 4], [0; 4], [0; 4], [0; 4], [0; 4]].concat());
    header
}

fn file(header: &[u8], palette: &[u8], pixels: &[u8]) -> Vec<u8> {
    let start = (14 + header.len() + palette.len()) as u32;
    let size = start + pixels.len() as u32;
    [b"BM".as_slice(), &size.to_le_bytes(), &[0; 4], &start.to_le_bytes(), header, palette, pixels].concat()
}
