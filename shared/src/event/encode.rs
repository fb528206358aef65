//! S3's notification document, written from an event: what the local cloud sends, and what a worker queues once more.

use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::macros::format_description;

use super::{BucketName, ObjectEvent};

/// What a notification tells beyond the event itself. Texts that are empty are written as empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The id of the notification configuration that matched.
    pub configuration_id: String,
    /// Who caused the change, such as `AWS:AIDACKCEVSQ6C2EXAMPLE`.
    pub principal_id: String,
    /// The bucket's owner.
    pub owner_id: String,
    /// Where the request came from.
    pub source_ip: String,
    /// `x-amz-request-id` of the request.
    pub request_id: String,
    /// `x-amz-id-2` of the request.
    pub host_id: String,
}

/// The event as S3's notification document (event version 2.5) of one record.
///
/// [`decode`](super::decode) reads it back to the same event, but for `other_key`, which it does not carry, and for the
/// time, which S3 writes in whole milliseconds of UTC.
pub fn to_notification(event: &ObjectEvent) -> Value {
    to_notification_from(event, &Origin::default())
}

/// [`to_notification`] with what the local cloud knows beyond the event.
pub fn to_notification_from(event: &ObjectEvent, origin: &Origin) -> Value {
    let mut record = Map::new();
    let mut put = |name: &str, value: Value| record.insert(name.to_owned(), value);
    put("eventVersion", json!("2.5"));
    put("eventSource", json!("aws:s3"));
    if let Some(region) = &event.region {
        put("awsRegion", json!(region));
    }
    if let Some(time) = event.time.and_then(to_text) {
        put("eventTime", json!(time));
    }
    put("eventName", json!(event.kind.as_str()));
    put("userIdentity", json!({"principalId": origin.principal_id}));
    put("requestParameters", json!({"sourceIPAddress": origin.source_ip}));
    put("responseElements", json!({"x-amz-request-id": origin.request_id, "x-amz-id-2": origin.host_id}));
    put(
        "s3",
        json!({
            "s3SchemaVersion": "1.0",
            "configurationId": origin.configuration_id,
            "bucket": {
                "name": event.bucket.as_str(),
                "ownerIdentity": {"principalId": origin.owner_id},
                "arn": event.bucket.to_arn(),
            },
            "object": object(event),
        }),
    );
    json!({"Records": [record]})
}

/// The document that S3 sends to the destination of a new notification configuration.
pub fn to_test_event(bucket: &BucketName, time: OffsetDateTime, origin: &Origin) -> Value {
    json!({
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": to_text(time),
        "Bucket": bucket.as_str(),
        "RequestId": origin.request_id,
        "HostId": origin.host_id,
    })
}

fn object(event: &ObjectEvent) -> Value {
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
    put("key", json!(event.key.to_form_encoded()));
    if let Some(size) = event.size {
        put("size", json!(size));
    }
    if let Some(etag) = &event.etag {
        put("eTag", json!(etag));
    }
    if let Some(version) = &event.version_id {
        put("versionId", json!(version));
    }
    if let Some(sequencer) = &event.sequencer {
        put("sequencer", json!(sequencer.as_str()));
    }
    Value::Object(object)
}

/// S3 writes milliseconds, always three digits. Years beyond 9999 have no such text and are left out.
fn to_text(time: OffsetDateTime) -> Option<String> {
    let utc = time.checked_to_offset(time::UtcOffset::UTC).filter(|utc| (0..=9999).contains(&utc.year()))?;
    utc.format(format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z")).ok()
}

#[cfg(test)]
mod tests {
    use proptest::option;
    use proptest::prelude::*;

    use super::super::{Decoded, EventKind, ObjectKey, Record, Sequencer, decode, decode_value};
    use super::*;

    fn events() -> impl Strategy<Value = ObjectEvent> {
        let key = "\\PC{1,200}|[ +%/a-f0-9]{1,200}".prop_filter_map("no key", |text| ObjectKey::new(text).ok());
        let bucket = prop_oneof!["[a-z0-9.-]{3,63}", Just("arn:aws:s3:eu-central-1:123456789012:accesspoint/a".to_owned())];
        // Whole milliseconds from 1970 to 9999: what a notification can carry.
        let time = (0..253_402_300_799_999_i64)
            .prop_map(|millis| OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).unwrap());
        let texts = (option::of("[a-z0-9-]{1,20}"), option::of("[ -~]{1,40}"), option::of("[0-9a-f]{32}(-[0-9]{1,4})?"));
        let numbers = (option::of(any::<u64>()), option::of("[0-9A-F]{1,20}"), option::of(time));
        ("[A-Za-z]{1,20}(:[A-Za-z]{1,20})?", bucket, key, texts, numbers).prop_map(|(kind, bucket, key, texts, numbers)| {
            ObjectEvent {
                kind: EventKind::new(&kind),
                bucket: BucketName::new(bucket),
                region: texts.0,
                key,
                other_key: None,
                version_id: texts.1,
                etag: texts.2,
                size: numbers.0,
                sequencer: numbers.1.as_deref().and_then(Sequencer::new),
                time: numbers.2,
            }
        })
    }

    proptest! {
        #[test]
        fn a_notification_reads_back_to_its_event(event in events()) {
            let document = to_notification(&event);
            let decoded = decode(&document.to_string());
            prop_assert_eq!(&decoded, &decode_value(&document));
            let [Decoded { envelope, record: Ok(Record::Object(back)) }] = &decoded[..] else {
                return Err(TestCaseError::fail(format!("{decoded:?}")));
            };
            prop_assert_eq!(envelope.to_string(), "s3");
            prop_assert_eq!(back, &event);
        }
    }

    #[test]
    fn a_notification_looks_like_s3s_own() {
        let event = ObjectEvent {
            kind: EventKind::new("ObjectCreated:Put"),
            bucket: BucketName::new("photos"),
            region: Some("eu-central-1".into()),
            key: ObjectKey::new("uploads/cat at night.jpg").unwrap(),
            other_key: None,
            version_id: None,
            etag: Some("b1946ac92492d2347c6235b4d2611184".into()),
            size: Some(5),
            sequencer: Sequencer::new("0065B2CB162FC1AC3B"),
            time: Some(OffsetDateTime::from_unix_timestamp(1_795_166_043).unwrap()),
        };
        let expected = json!({"Records": [{
            "eventVersion": "2.5", "eventSource": "aws:s3", "awsRegion": "eu-central-1",
            "eventTime": "2026-11-20T09:14:03.000Z", "eventName": "ObjectCreated:Put",
            "userIdentity": {"principalId": ""}, "requestParameters": {"sourceIPAddress": ""},
            "responseElements": {"x-amz-request-id": "", "x-amz-id-2": ""},
            "s3": {
                "s3SchemaVersion": "1.0", "configurationId": "",
                "bucket": {"name": "photos", "ownerIdentity": {"principalId": ""}, "arn": "arn:aws:s3:::photos"},
                "object": {
                    "key": "uploads/cat+at+night.jpg", "size": 5, "eTag": "b1946ac92492d2347c6235b4d2611184",
                    "sequencer": "0065B2CB162FC1AC3B",
                },
            },
        }]});
        assert_eq!(to_notification(&event), expected);
    }

    #[test]
    fn a_time_that_s3_could_not_write_is_left_out() {
        let late = time::macros::datetime!(9999-12-31 23:59:59.999 -1);
        let east = time::macros::datetime!(2026-11-20 10:14:03.4829 +1);
        assert_eq!(to_text(late), None);
        assert_eq!(to_text(east).as_deref(), Some("2026-11-20T09:14:03.482Z"));
    }

    #[test]
    fn a_test_event_reads_back() {
        let document = to_test_event(&BucketName::new("photos"), OffsetDateTime::UNIX_EPOCH, &Origin::default());
        let decoded = decode_value(&document);
        let [Decoded { record: Ok(Record::Test(test)), .. }] = &decoded[..] else { panic!("{decoded:?}") };
        assert_eq!(test.bucket, Some(BucketName::new("photos")));
    }
}
