//! What keys and changes are known by in the ledger: the beginnings of their digests.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use crate::hex;

const BYTES: usize = 12;

/// A SHA-256 of some texts, told apart by their lengths.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Of these texts, in this order.
    pub fn of(parts: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }

    /// 64 lower-case hexadecimal digits.
    pub fn to_hex(&self) -> String {
        hex(self.0)
    }

    /// Its beginning.
    pub fn id(&self) -> Id {
        let mut id = [0; BYTES];
        id.iter_mut().zip(self.0).for_each(|(to, from)| *to = from);
        Id(id)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

/// The first 96 bits of a digest: 16 characters in a document. Two of a shard's 1,800 keys share one with a probability of
/// 2⁻⁷⁵.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id([u8; BYTES]);

impl Id {
    /// The bit at this place, the highest first; `false` beyond the end.
    pub(super) fn bit(&self, place: usize) -> bool {
        self.0.get(place / 8).is_some_and(|byte| byte >> (7 - place % 8) & 1 == 1)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = [0; BYTES / 3 * 4];
        let length = URL_SAFE_NO_PAD.encode_slice(self.0, &mut text).unwrap_or_default();
        let text = text.get(..length).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default();
        serializer.serialize_str(text)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Id;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("16 characters of base64url")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Id, E> {
                let mut id = [0; BYTES];
                match URL_SAFE_NO_PAD.decode_slice(text, &mut id) {
                    Ok(BYTES) => Ok(Id(id)),
                    _ => Err(E::custom("not 16 characters of base64url")),
                }
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_sixteen_characters_and_reads_back() {
        let digest = Digest::of(&["photos", "cat.jpg"]);
        let text = serde_json::to_string(&digest.id()).unwrap();
        assert_eq!(text.len(), 18);
        assert_eq!(serde_json::from_str::<Id>(&text).unwrap(), digest.id());
        for bad in ["\"\"", "\"AAAA\"", "\"AAAAAAAAAAAAAAAAAAAA\"", "\"AAAAAAAAAAAAAAA!\"", "1"] {
            assert!(serde_json::from_str::<Id>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(Digest::of(&["a", "bc"]), Digest::of(&["ab", "c"]));
        assert_eq!(Digest::of(&[]).to_hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    #[test]
    fn bits_are_counted_from_the_highest() {
        let id = Id([0b1010_0000, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let bits: Vec<bool> = (0..17).map(|place| id.bit(place)).collect();
        assert_eq!(bits.iter().enumerate().filter(|(_, bit)| **bit).map(|(at, _)| at).collect::<Vec<_>>(), [0, 2, 15]);
        assert!(!id.bit(1000));
    }
}
