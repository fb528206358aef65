//! S3's own notification records, and its test event.
//!
//! Source: S3 user guide, "Event message structure". Fields are absent by event type: removals have no size and no
//! etag, transitions no sequencer, unversioned buckets no version id.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::read::{Node, quoted};
use super::{BucketName, EventKind, Malformed, ObjectEvent, ObjectKey, Sequencer, TestEvent};

/// Reads one of `Records`. Bucket, key and event name are required; an optional field of a wrong JSON type is refused,
/// while a time or a sequencer that cannot be read counts as absent, since no worker depends on either.
pub(super) fn object_event(record: &Node<'_>) -> Result<ObjectEvent, Malformed> {
    check_version(record)?;
    let s3 = record.need("s3")?;
    let bucket = s3.need("bucket")?;
    let object = s3.need("object")?;
    Ok(ObjectEvent {
        kind: event_kind(record, "eventName")?,
        bucket: bucket_name(&bucket)?,
        region: record.opt_text("awsRegion")?.map(str::to_owned),
        key: form_encoded_key(&object, "key")?,
        other_key: None,
        version_id: object.opt_text("versionId")?.map(str::to_owned),
        etag: etag(&object, "eTag")?,
        size: object.opt_bytes("size")?,
        sequencer: object.opt_text("sequencer")?.and_then(Sequencer::new),
        time: time(record, "eventTime")?,
    })
}

/// Reads the document that S3 sends once for every new notification configuration.
pub(super) fn test_event(document: &Node<'_>) -> Result<TestEvent, Malformed> {
    Ok(TestEvent { bucket: document.opt_text("Bucket")?.map(BucketName::from_name_or_arn) })
}

/// Minor versions only add fields, so any 2.x is read; a sender that leaves the version out is believed.
fn check_version(record: &Node<'_>) -> Result<(), Malformed> {
    let Some(version) = record.field("eventVersion") else { return Ok(()) };
    let text = match version.value() {
        serde_json::Value::Number(number) => number.to_string(),
        _ => version.text()?.to_owned(),
    };
    if text.split('.').next() == Some("2") {
        return Ok(());
    }
    Err(version.refuse(format!("event version {}, of which only 2.x is known", quoted(&text))))
}

fn event_kind(record: &Node<'_>, name: &str) -> Result<EventKind, Malformed> {
    let kind = EventKind::new(record.need_text(name)?);
    if kind.as_str().is_empty() { Err(record.need(name)?.refuse("empty".into())) } else { Ok(kind) }
}

/// The bucket's name, or its ARN where a sender gives only that.
fn bucket_name(bucket: &Node<'_>) -> Result<BucketName, Malformed> {
    let name = match bucket.opt_text("name")? {
        Some(name) => name,
        None => bucket.opt_text("arn")?.ok_or_else(|| bucket.missing("name"))?,
    };
    Ok(BucketName::from_name_or_arn(name))
}

pub(super) fn form_encoded_key(object: &Node<'_>, name: &str) -> Result<ObjectKey, Malformed> {
    let node = object.need(name)?;
    ObjectKey::from_form_encoded(node.text()?).map_err(|error| node.refuse(error.to_string()))
}

/// An etag without the quotes that some senders leave on.
pub(super) fn etag(object: &Node<'_>, name: &str) -> Result<Option<String>, Malformed> {
    let text = object.opt_text(name)?.map(|text| text.trim_matches('"'));
    Ok(text.filter(|text| !text.is_empty()).map(str::to_owned))
}

pub(super) fn time(record: &Node<'_>, name: &str) -> Result<Option<OffsetDateTime>, Malformed> {
    Ok(record.opt_text(name)?.and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn record() -> Value {
        json!({
            "eventVersion": "2.5", "awsRegion": "eu-central-1", "eventTime": "2026-11-20T09:14:04.852Z",
            "eventName": "ObjectCreated:Put",
            "s3": {
                "bucket": {"name": "photos", "arn": "arn:aws:s3:::photos"},
                "object": {"key": "a.jpg", "size": 5, "eTag": "b1946ac9", "versionId": "v1", "sequencer": "00ab"},
            },
        })
    }

    fn read_with(pointer: &str, value: Value) -> Result<ObjectEvent, String> {
        let mut record = record();
        *record.pointer_mut(pointer).unwrap() = value;
        object_event(&Node::root(&record)).map_err(|malformed| malformed.to_string())
    }

    #[test]
    fn a_bad_field_is_named() {
        let cases = [
            ("/eventVersion", json!("3.0"), "/eventVersion: event version \"3.0\", of which only 2.x is known"),
            ("/eventVersion", json!("20.1"), "/eventVersion: event version \"20.1\", of which only 2.x is known"),
            ("/eventVersion", json!([]), "/eventVersion: expected a text, found a list"),
            ("/eventName", json!(null), "/eventName: missing"),
            ("/eventName", json!("s3:"), "/eventName: empty"),
            ("/s3", json!(null), "/s3: missing"),
            ("/s3", json!("x"), "/s3: expected an object, found a text"),
            ("/s3/bucket", json!({}), "/s3/bucket/name: missing"),
            ("/s3/object", json!(null), "/s3/object: missing"),
            ("/s3/object/key", json!("%FF"), "/s3/object/key: the key is not UTF-8 after percent-decoding"),
            ("/s3/object/key", json!(""), "/s3/object/key: the key is empty"),
            ("/s3/object/size", json!(-1), "/s3/object/size: expected a whole number of bytes"),
            ("/s3/object/size", json!(1.5), "/s3/object/size: expected a whole number of bytes"),
            ("/s3/object/size", json!("many"), "/s3/object/size: expected a whole number of bytes"),
            ("/s3/object/size", json!("18446744073709551616"), "/s3/object/size: expected a whole number of bytes"),
            ("/s3/object/versionId", json!(7), "/s3/object/versionId: expected a text, found a number"),
            ("/awsRegion", json!(true), "/awsRegion: expected a text, found a boolean"),
        ];
        for (pointer, value, reason) in cases {
            assert_eq!(read_with(pointer, value.clone()).unwrap_err(), reason, "{pointer} = {value}");
        }
    }

    #[test]
    fn optional_fields_may_be_null_empty_or_unreadable() {
        let absent = |pointer, value| {
            let event = read_with(pointer, value).unwrap();
            (event.region, event.version_id, event.etag, event.size, event.sequencer.is_some(), event.time.is_some())
        };
        let whole = (Some("eu-central-1".into()), Some("v1".into()), Some("b1946ac9".into()), Some(5), true, true);
        assert_eq!(absent("/eventVersion", json!(null)), whole);
        assert_eq!(absent("/eventVersion", json!("2")), whole);
        assert_eq!(absent("/eventVersion", json!(2.1)), whole);
        assert_eq!(absent("/s3/object/eTag", json!("\"b1946ac9\"")), whole);
        assert_eq!(absent("/s3/object/size", json!("5")), whole);
        assert_eq!(absent("/s3/bucket/name", json!(null)), whole);
        for value in [json!(null), json!("")] {
            assert_eq!(absent("/awsRegion", value.clone()).0, None);
            assert_eq!(absent("/s3/object/versionId", value.clone()).1, None);
            assert_eq!(absent("/s3/object/eTag", value.clone()).2, None);
            assert_eq!(absent("/s3/object/size", value.clone()).3, None);
            assert!(!absent("/s3/object/sequencer", value.clone()).4);
            assert!(!absent("/eventTime", value).5);
        }
        assert!(!absent("/s3/object/sequencer", json!("no hex")).4);
        assert!(!absent("/eventTime", json!("yesterday")).5);
    }
}
