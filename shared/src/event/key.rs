//! Names of buckets and objects, and the one place where an event's key is decoded.

use std::borrow::Borrow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// S3's limit on an object key, in bytes of UTF-8.
pub const MAX_KEY_BYTES: usize = 1024;

/// What addresses a bucket in a request: a bucket name, an access point ARN or an access point alias.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BucketName(String);

impl BucketName {
    /// Takes the name as it is; S3 is the judge of whether it exists.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// Takes a bucket's ARN as its name, and any other text as it is: an access point is addressed by its ARN.
    ///
    /// S3 Batch Operations' documents show bucket ARNs both as `arn:aws:s3:::photos` and with region and account.
    pub fn from_name_or_arn(text: &str) -> Self {
        let mut parts = text.splitn(6, ':');
        let is_s3 = parts.next() == Some("arn") && parts.nth(1) == Some("s3");
        match parts.nth(2) {
            Some(resource) if is_s3 && !resource.is_empty() && !resource.contains([':', '/']) => Self::new(resource),
            _ => Self::new(text),
        }
    }

    /// The bucket's ARN in the commercial partition, or the access point's as it was given.
    pub fn to_arn(&self) -> String {
        if self.0.starts_with("arn:") { self.0.clone() } else { format!("arn:aws:s3:::{}", self.0) }
    }

    /// The name as requests carry it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BucketName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An object's key as S3 stores it: decoded, 1 to [`MAX_KEY_BYTES`] bytes of UTF-8.
///
/// Invariants:
/// - never form-encoded: a `+` in it is a plus, a `%41` in it is those three characters;
/// - never normalised: `a//b`, `./a` and a trailing `/` are keys like any other.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ObjectKey(String);

/// Why a text is no object key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// S3 has no object with an empty key.
    #[error("the key is empty")]
    Empty,
    /// Longer than [`MAX_KEY_BYTES`].
    #[error("the key has {0} bytes; S3 allows {MAX_KEY_BYTES}")]
    TooLong(usize),
    /// The percent-decoded bytes are no UTF-8.
    #[error("the key is not UTF-8 after percent-decoding")]
    NotUtf8,
}

impl ObjectKey {
    /// A key that is already in S3's stored form.
    pub fn new(key: impl Into<String>) -> Result<Self, KeyError> {
        let key = key.into();
        match key.len() {
            0 => Err(KeyError::Empty),
            n if n > MAX_KEY_BYTES => Err(KeyError::TooLong(n)),
            _ => Ok(Self(key)),
        }
    }

    /// A key as notifications and S3 Batch Operations carry it: `+` is a space, then `%XX` is a byte, once.
    ///
    /// Source: S3 user guide, "Event message structure"; a `%` that no two hex digits follow stands for itself.
    pub fn from_form_encoded(encoded: &str) -> Result<Self, KeyError> {
        // `+` must go first: afterwards a decoded `%2B` could not be told from a space.
        let spaced = encoded.replace('+', " ");
        let bytes = percent_encoding::percent_decode_str(&spaced).collect::<Vec<u8>>();
        Self::new(String::from_utf8(bytes).map_err(|_| KeyError::NotUtf8)?)
    }

    /// The key as S3 writes it into a notification: the reverse of [`ObjectKey::from_form_encoded`].
    pub fn to_form_encoded(&self) -> String {
        // What AWS leaves as it is: unreserved characters and the slash.
        const KEEP: &percent_encoding::AsciiSet =
            &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'*').remove(b'/').remove(b' ');
        percent_encoding::utf8_percent_encode(&self.0, KEEP).to_string().replace(' ', "+")
    }

    /// The key as requests carry it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A zero-byte object whose key ends in a slash is a console's folder marker.
    pub fn is_folder_marker(&self) -> bool {
        self.0.ends_with('/')
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl TryFrom<String> for ObjectKey {
    type Error = KeyError;

    fn try_from(key: String) -> Result<Self, KeyError> {
        Self::new(key)
    }
}

/// Keys are ordered as their text is, so that a map of them can be searched by a prefix.
impl Borrow<str> for ObjectKey {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<ObjectKey> for String {
    fn from(key: ObjectKey) -> Self {
        key.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn form_encoded_keys_decode() {
        let cases = [
            ("uploads/cat.jpg", "uploads/cat.jpg"),
            ("in/a+b%2B%C3%A9.csv", "in/a b+é.csv"),
            ("in%2Fa%20b", "in/a b"),
            ("%252B", "%2B"),
            ("100%", "100%"),
            ("100%+sure", "100% sure"),
            ("%zz%4", "%zz%4"),
            ("%f0%9f%90%88", "🐈"),
            ("é", "é"),
            ("/", "/"),
        ];
        for (encoded, key) in cases {
            assert_eq!(ObjectKey::from_form_encoded(encoded).unwrap().as_str(), key, "{encoded}");
        }
    }

    #[test]
    fn keys_are_encoded_as_s3_writes_them() {
        let cases = [
            ("in/a b+é.csv", "in/a+b%2B%C3%A9.csv"),
            ("uploads/(1) a&b=c~.jpg", "uploads/%281%29+a%26b%3Dc%7E.jpg"),
            ("a-b_c.d*e", "a-b_c.d*e"),
            ("100%", "100%25"),
            ("year=2026/month=01", "year%3D2026/month%3D01"),
        ];
        for (key, encoded) in cases {
            assert_eq!(ObjectKey::new(key).unwrap().to_form_encoded(), encoded, "{key}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused_with_its_reason() {
        let cases = [
            ("", KeyError::Empty),
            ("%FF", KeyError::NotUtf8),
            ("a%C3", KeyError::NotUtf8),
            (&"a".repeat(1025), KeyError::TooLong(1025)),
            (&"%C3%A9".repeat(513), KeyError::TooLong(1026)),
        ];
        for (encoded, error) in cases {
            assert_eq!(ObjectKey::from_form_encoded(encoded), Err(error), "{encoded}");
        }
        assert!(ObjectKey::from_form_encoded(&"%C3%A9".repeat(512)).is_ok());
    }

    #[test]
    fn buckets_are_named_by_name_or_arn() {
        let access_point = "arn:aws:s3:eu-central-1:123456789012:accesspoint/uploaders";
        let cases = [
            ("photos", "photos", "arn:aws:s3:::photos"),
            ("arn:aws:s3:::photos", "photos", "arn:aws:s3:::photos"),
            ("arn:aws-cn:s3:::photos", "photos", "arn:aws:s3:::photos"),
            ("arn:aws:s3:us-east-1:0123456788:photos", "photos", "arn:aws:s3:::photos"),
            (access_point, access_point, access_point),
            ("arn:aws:s3:::", "arn:aws:s3:::", "arn:aws:s3:::"),
            ("arn:aws:sqs:::photos", "arn:aws:sqs:::photos", "arn:aws:sqs:::photos"),
        ];
        for (text, name, arn) in cases {
            let bucket = BucketName::from_name_or_arn(text);
            assert_eq!((bucket.as_str(), bucket.to_arn().as_str()), (name, arn), "{text}");
        }
    }

    proptest! {
        #[test]
        fn encoding_is_undone_by_decoding(text in "\\PC{1,300}|[ +%/a-f0-9]{1,300}|.{1,200}") {
            if let Ok(key) = ObjectKey::new(text) {
                let encoded = key.to_form_encoded();
                prop_assert!(encoded.is_ascii() && !encoded.contains(' '));
                prop_assert_eq!(ObjectKey::from_form_encoded(&encoded), Ok(key));
            }
        }

        #[test]
        fn decoding_takes_any_text(text in ".{0,300}|[+%a-fA-F0-9]{0,3000}") {
            if let Ok(key) = ObjectKey::from_form_encoded(&text) {
                prop_assert!((1..=MAX_KEY_BYTES).contains(&key.as_str().len()));
            }
        }
    }
}
