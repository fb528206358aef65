//! The MD5 digests that SQS returns and its clients verify.
//!
//! Rule: Amazon SQS Developer Guide, "Calculating the MD5 message digest for message attributes".

use std::collections::BTreeMap;

use brigade::hex;
use md5::{Digest, Md5};

use super::message::{AttributeValue, MessageAttribute};

/// The digest of a message's body, in lower-case hex.
#[must_use]
pub fn md5_of_body(body: &str) -> String {
    hex(Md5::digest(body.as_bytes()))
}

/// The digest of message attributes, in lower-case hex; `None` where there are none, as SQS then omits the field.
///
/// Sorted by name, each is its name, its type and its value, all preceded by their length (four bytes, big endian), with
/// one byte between type and value: 1 for text, 2 for binary.
#[must_use]
pub fn md5_of_attributes(attributes: &BTreeMap<String, MessageAttribute>) -> Option<String> {
    if attributes.is_empty() {
        return None;
    }
    let mut digest = Md5::new();
    for (name, attribute) in attributes {
        part(&mut digest, name.as_bytes());
        part(&mut digest, attribute.data_type.as_bytes());
        let (transport, value): (u8, &[u8]) = match &attribute.value {
            AttributeValue::Text(text) => (1, text.as_bytes()),
            AttributeValue::Binary(bytes) => (2, bytes),
        };
        digest.update([transport]);
        part(&mut digest, value);
    }
    Some(hex(digest.finalize()))
}

fn part(digest: &mut Md5, bytes: &[u8]) {
    // A message is at most 1 MiB, so a length always fits.
    digest.update(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    digest.update(bytes);
}
