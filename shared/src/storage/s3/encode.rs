//! The texts that S3 wants encoded and the SDK leaves to its caller.

use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types::EncodingType;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use time::OffsetDateTime;

use crate::event::ObjectKey;
use crate::storage::{Condition, CopySource, ErrorKind, Result, StoreError, Tags};

/// RFC 3986's unreserved characters are all that stays.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const PATH: &AsciiSet = &VALUE.remove(b'/');

/// `x-amz-copy-source`: `BUCKET/KEY`, or `ARN/object/KEY` for an access point, percent-encoded.
pub(super) fn copy_source(source: &CopySource) -> String {
    let bucket = source.at.bucket.as_str();
    let between = if bucket.starts_with("arn:") { "/object/" } else { "/" };
    let mut text = format!("{}{between}{}", encoded(bucket, PATH), encoded(source.at.key.as_str(), PATH));
    if let Some(version_id) = &source.version_id {
        text.push_str("?versionId=");
        text.push_str(&encoded(version_id, VALUE));
    }
    text
}

/// `x-amz-tagging`: a query string. `None` where there are no tags.
pub(super) fn tagging(tags: &Tags) -> Option<String> {
    let pairs: Vec<_> = tags.iter().map(|(k, v)| format!("{}={}", encoded(k, VALUE), encoded(v, VALUE))).collect();
    (!pairs.is_empty()).then(|| pairs.join("&"))
}

fn encoded(text: &str, keep: &'static AsciiSet) -> String {
    utf8_percent_encode(text, keep).to_string()
}

/// An etag as the headers carry it. `*` is no etag and stays bare.
pub(super) fn quoted(etag: &str) -> String {
    if etag == "*" { etag.to_owned() } else { format!("\"{etag}\"") }
}

/// An etag as the store's answers carry it.
pub(super) fn unquoted(etag: Option<&str>) -> String {
    etag.unwrap_or_default().trim_matches('"').to_owned()
}

/// `If-None-Match` and `If-Match` of a write.
pub(super) fn write_condition(condition: &Condition) -> (Option<String>, Option<String>) {
    match condition {
        Condition::None => (None, None),
        Condition::IfAbsent => (Some("*".to_owned()), None),
        Condition::IfMatch(etag) => (None, Some(quoted(etag))),
    }
}

/// Listings are asked for with `encoding-type=url`, since XML cannot carry every key. The texts are form-encoded then: a
/// `+` is a space. A service that ignores the wish says so by leaving the encoding out of its answer.
#[derive(Clone, Copy)]
pub(super) struct Decoder {
    pub(super) operation: &'static str,
    is_url: bool,
}

impl Decoder {
    pub(super) fn new(operation: &'static str, answered: Option<&EncodingType>) -> Self {
        Self { operation, is_url: answered == Some(&EncodingType::Url) }
    }

    pub(super) fn text(self, raw: Option<&str>) -> Result<String> {
        let raw = raw.unwrap_or_default();
        if !self.is_url {
            return Ok(raw.to_owned());
        }
        let spaced = raw.replace('+', " ");
        let bytes: Vec<u8> = percent_encoding::percent_decode_str(&spaced).collect();
        String::from_utf8(bytes).map_err(|_| self.not_a_key(raw, "not UTF-8 after decoding"))
    }

    pub(super) fn key(self, raw: Option<&str>) -> Result<ObjectKey> {
        let text = self.text(raw)?;
        ObjectKey::new(text).map_err(|error| self.not_a_key(raw.unwrap_or_default(), error))
    }

    fn not_a_key(self, raw: &str, why: impl ToString) -> StoreError {
        StoreError::new(ErrorKind::Invalid, self.operation, raw, "BadListing", why.to_string())
    }
}

/// To the second, as the store's answers are. A missing time is the epoch: S3 always sends one.
pub(super) fn seconds(time: Option<&DateTime>) -> OffsetDateTime {
    let seconds = time.map(DateTime::secs).unwrap_or_default();
    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// Bytes and counts that S3 sends as signed numbers.
pub(super) fn size(bytes: Option<i64>) -> u64 {
    bytes.and_then(|n| u64::try_from(n).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::BucketName;
    use crate::storage::Location;

    #[test]
    fn a_copy_source_survives_a_header_and_a_url() {
        let rows = [
            ("b", "a b", None, "b/a%20b"),
            ("b", "100%+1/é", None, "b/100%25%2B1/%C3%A9"),
            ("b", "a?versionId=1&b#c", Some("v/1+2"), "b/a%3FversionId%3D1%26b%23c?versionId=v%2F1%2B2"),
            ("b", "/a//b/", None, "b//a//b/"),
            (
                "arn:aws:s3:us-west-2:1:accesspoint/ap",
                "r/x.pdf",
                None,
                "arn%3Aaws%3As3%3Aus-west-2%3A1%3Aaccesspoint/ap/object/r/x.pdf",
            ),
        ];
        for (bucket, key, version, header) in rows {
            let at = Location::new(BucketName::new(bucket), ObjectKey::new(key).unwrap());
            let source = CopySource { at, version_id: version.map(str::to_owned), if_match: None };
            assert_eq!(copy_source(&source), header);
        }
    }

    #[test]
    fn tags_are_a_query() {
        let tags = Tags::from([("a b".to_owned(), "x=y&z".to_owned()), ("é".to_owned(), String::new())]);
        assert_eq!(tagging(&tags).as_deref(), Some("a%20b=x%3Dy%26z&%C3%A9="));
        assert_eq!(tagging(&Tags::new()), None);
    }

    #[test]
    fn listed_keys_are_decoded_once_and_only_when_the_answer_says_so() {
        let url = Decoder::new("ListObjectsV2", Some(&EncodingType::Url));
        let plain = Decoder::new("ListObjectsV2", None);
        assert_eq!(url.text(Some("a+b%2Bc%2541%01")).unwrap(), "a b+c%41\u{1}");
        assert_eq!(plain.text(Some("a+b%2B")).unwrap(), "a+b%2B");
        assert_eq!(url.key(Some("%FF")).unwrap_err().kind, ErrorKind::Invalid);
        assert_eq!(url.key(None).unwrap_err().kind, ErrorKind::Invalid);
    }
}
