//! S3 events as EventBridge carries them.
//!
//! Source: S3 user guide, "EventBridge event message structure" and "EventBridge mapping and troubleshooting".

use super::notification::{etag, time};
use super::read::{Node, quoted};
use super::{BucketName, EventKind, Malformed, ObjectEvent, ObjectKey, Sequencer};

/// Reads an event of source `aws.s3`. Details that only resemble one (CloudTrail's API calls come with the same source)
/// lack the bucket or the object and are refused there.
pub(super) fn object_event(document: &Node<'_>) -> Result<ObjectEvent, Malformed> {
    if let Some(source) = document.field("source") {
        match source.text()? {
            "aws.s3" => {}
            other => return Err(source.refuse(format!("an event of {}, not of aws.s3", quoted(other)))),
        }
    }
    let detail_type = document.need_text("detail-type")?;
    if EventKind::new(detail_type).as_str().is_empty() {
        return Err(document.need("detail-type")?.refuse("empty".into()));
    }
    let detail = document.need("detail")?;
    let bucket = detail.need("bucket")?;
    let object = detail.need("object")?;
    let (key, other_key) = key(&object)?;
    Ok(ObjectEvent {
        kind: kind(detail_type, detail.opt_text("reason")?, detail.opt_text("deletion-type")?),
        bucket: BucketName::from_name_or_arn(bucket.need_text("name")?),
        region: document.opt_text("region")?.map(str::to_owned),
        key,
        other_key,
        version_id: object.opt_text("version-id")?.map(str::to_owned),
        etag: etag(&object, "etag")?,
        size: object.opt_bytes("size")?,
        sequencer: object.opt_text("sequencer")?.and_then(Sequencer::new),
        time: time(document, "time")?,
    })
}

/// The key as it stands, and its form-decoded reading where that differs and is a key at all. AWS documents form encoding for
/// notifications and says nothing for EventBridge: this function is where the one or the other comes first.
fn key(object: &Node<'_>) -> Result<(ObjectKey, Option<ObjectKey>), Malformed> {
    let node = object.need("key")?;
    let text = node.text()?;
    match (ObjectKey::new(text), ObjectKey::from_form_encoded(text)) {
        (Ok(raw), decoded) => {
            let other = decoded.ok().filter(|decoded| *decoded != raw);
            Ok((raw, other))
        }
        // Longer than a key can be as it stands, so it is encoded.
        (Err(_), Ok(decoded)) => Ok((decoded, None)),
        (Err(error), Err(_)) => Err(node.refuse(error.to_string())),
    }
}

/// The notification's name for the same change. A reason that is not known leaves the family alone, without a colon;
/// a detail type that is not known stays as it came.
fn kind(detail_type: &str, reason: Option<&str>, deletion_type: Option<&str>) -> EventKind {
    let name = match detail_type {
        "Object Created" => match reason {
            Some("PutObject") => "ObjectCreated:Put",
            Some("POST Object") => "ObjectCreated:Post",
            Some("CopyObject") => "ObjectCreated:Copy",
            Some("CompleteMultipartUpload") => "ObjectCreated:CompleteMultipartUpload",
            _ => "ObjectCreated",
        },
        "Object Deleted" => match (reason == Some("Lifecycle Expiration"), deletion_type) {
            (false, Some("Permanently Deleted")) => "ObjectRemoved:Delete",
            (false, Some("Delete Marker Created")) => "ObjectRemoved:DeleteMarkerCreated",
            (false, _) => "ObjectRemoved",
            (true, Some("Permanently Deleted")) => "LifecycleExpiration:Delete",
            (true, Some("Delete Marker Created")) => "LifecycleExpiration:DeleteMarkerCreated",
            (true, _) => "LifecycleExpiration",
        },
        "Object Restore Initiated" => "ObjectRestore:Post",
        "Object Restore Completed" => "ObjectRestore:Completed",
        "Object Restore Expired" => "ObjectRestore:Delete",
        "Object Storage Class Changed" => "LifecycleTransition",
        "Object Access Tier Changed" => "IntelligentTiering",
        "Object ACL Updated" => "ObjectAcl:Put",
        "Object Tags Added" => "ObjectTagging:Put",
        "Object Tags Deleted" => "ObjectTagging:Delete",
        other => other,
    };
    EventKind::new(name)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn detail_types_take_the_notifications_names() {
        let (gone, marker) = (Some("Permanently Deleted"), Some("Delete Marker Created"));
        let cases = [
            ("Object Created", Some("PutObject"), None, "ObjectCreated:Put"),
            ("Object Created", Some("POST Object"), None, "ObjectCreated:Post"),
            ("Object Created", Some("CopyObject"), None, "ObjectCreated:Copy"),
            ("Object Created", Some("CompleteMultipartUpload"), None, "ObjectCreated:CompleteMultipartUpload"),
            ("Object Created", Some("Teleport"), None, "ObjectCreated"),
            ("Object Created", None, None, "ObjectCreated"),
            ("Object Deleted", Some("DeleteObject"), gone, "ObjectRemoved:Delete"),
            ("Object Deleted", Some("DeleteObject"), marker, "ObjectRemoved:DeleteMarkerCreated"),
            ("Object Deleted", None, None, "ObjectRemoved"),
            ("Object Deleted", Some("Lifecycle Expiration"), gone, "LifecycleExpiration:Delete"),
            ("Object Deleted", Some("Lifecycle Expiration"), marker, "LifecycleExpiration:DeleteMarkerCreated"),
            ("Object Deleted", Some("Lifecycle Expiration"), None, "LifecycleExpiration"),
            ("Object Restore Initiated", None, None, "ObjectRestore:Post"),
            ("Object Restore Completed", None, None, "ObjectRestore:Completed"),
            ("Object Restore Expired", None, None, "ObjectRestore:Delete"),
            ("Object Storage Class Changed", None, None, "LifecycleTransition"),
            ("Object Access Tier Changed", None, None, "IntelligentTiering"),
            ("Object ACL Updated", None, None, "ObjectAcl:Put"),
            ("Object Tags Added", None, None, "ObjectTagging:Put"),
            ("Object Tags Deleted", None, None, "ObjectTagging:Delete"),
            ("Object Teleported", None, None, "Object Teleported"),
        ];
        for (detail_type, reason, deletion_type, name) in cases {
            assert_eq!(kind(detail_type, reason, deletion_type).as_str(), name, "{detail_type} {reason:?} {deletion_type:?}");
        }
    }

    #[test]
    fn keys_have_two_readings_where_they_differ() {
        let (long, encoded) = ("é".repeat(300), "%C3%A9".repeat(300));
        let cases = [
            ("uploads/cat.jpg", Ok(("uploads/cat.jpg", None))),
            ("a+b%20c", Ok(("a+b%20c", Some("a b c")))),
            ("%FF", Ok(("%FF", None))),
            (&encoded, Ok((&*long, None))),
            ("", Err("the key is empty")),
        ];
        for (text, expected) in cases {
            let object = json!({"key": text});
            let read = key(&Node::root(&object));
            let read = read.as_ref().map(|(key, other)| (key.as_str(), other.as_ref().map(ObjectKey::as_str)));
            assert_eq!(read.map_err(|malformed| malformed.reason.as_str()), expected, "{text}");
        }
    }

    #[test]
    fn what_only_resembles_an_event_is_refused_at_its_field() {
        let event = json!({
            "detail-type": "Object Created", "source": "aws.s3",
            "detail": {"bucket": {"name": "photos"}, "object": {"key": "a.jpg"}},
        });
        let cases: [(&str, Value, &str); 9] = [
            ("/source", json!("aws.ec2"), "/source: an event of \"aws.ec2\", not of aws.s3"),
            ("/detail-type", json!(null), "/detail-type: missing"),
            ("/detail-type", json!("s3:"), "/detail-type: empty"),
            ("/detail", json!("text"), "/detail: expected an object, found a text"),
            ("/detail/bucket", json!(null), "/detail/bucket: missing"),
            ("/detail/bucket/name", json!(""), "/detail/bucket/name: empty"),
            ("/detail/object", json!([]), "/detail/object: expected an object, found a list"),
            ("/detail/object/key", json!(1), "/detail/object/key: expected a text, found a number"),
            ("/source", json!(null), ""),
        ];
        for (pointer, value, reason) in cases {
            let mut event = event.clone();
            *event.pointer_mut(pointer).unwrap() = value;
            let read = object_event(&Node::root(&event)).map_err(|malformed| malformed.to_string());
            assert_eq!(read.err().unwrap_or_default(), reason, "{pointer}");
        }
    }
}
