//! Bytes as lower-case hexadecimal digits, two for each.

use std::borrow::Borrow;
use std::fmt::Write;

/// The digits of these bytes: of a whole digest, or of its beginning (`hex(digest.iter().take(8))`).
pub fn hex(bytes: impl IntoIterator<Item: Borrow<u8>>) -> String {
    bytes.into_iter().fold(String::new(), |mut digits, byte| {
        // Writing to a String can't fail.
        let _ = write!(digits, "{:02x}", byte.borrow());
        digits
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_is_two_digits() {
        assert_eq!(hex([0_u8, 1, 0xab, 0xff]), "0001abff");
        assert_eq!(hex([0x12_u8, 0x34].iter().take(1)), "12");
        assert_eq!(hex(b""), "");
    }
}
