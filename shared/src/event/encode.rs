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
