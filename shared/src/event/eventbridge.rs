//! S3 events as EventBridge carries them.
//!
//! Source: S3 user guide, "EventBridge event message structure" and "EventBridge mapping and troubleshooting".

use super::decode::KeyReading;
use super::notification::{etag, time};
use super::read::{Node, quoted};
use super::{BucketName, EventKind, Malformed, ObjectEvent, ObjectKey, Sequencer};

/// Reads an event of source `aws.s3`. Details that only resemble one (CloudTrail's API calls come with the same source)
/// lack the bucket or the object and are refused there.
pub(super) fn object_event(document: &Node<'_>, keys: KeyReading) -> Result<ObjectEvent, Malformed> {
    if let Some(source) = document.field("source") {
        match source.text()? {
            "aws.s3" => {}
            other => return Err(source.refuse(format!("an event of {}, not of aws.s3", quoted(other)))),
        }
    }
    let detail_type = document.need_text("detail-type")?;
    let detail = document.need("detail")?;
    let bucket = detail.need("bucket")?;
    let object = detail.need("object")?;
    let (key, other_key) = key(&object, keys)?;
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

/// The reading that is asked for first, and the other one where it differs and is a key at all.
fn key(object: &Node<'_>, keys: KeyReading) -> Result<(ObjectKey, Option<ObjectKey>), Malformed> {
    let node = object.need("key")?;
    let text = node.text()?;
    let raw = ObjectKey::new(text);
    let decoded = ObjectKey::from_form_encoded(text);
    let (first, second) = match keys {
        KeyReading::Raw => (raw, decoded),
        KeyReading::FormEncoded => (decoded, raw),
    };
    match (first, second) {
        (Ok(first), second) => {
            let other = second.ok().filter(|second| *second != first);
            Ok((first, other))
        }
        // The first reading is no key at all, so the other one must be meant.
        (Err(_), Ok(second)) => Ok((second, None)),
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
