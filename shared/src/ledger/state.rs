//! Where a change stands by the object's own state, when the ledger can't tell.

use time::Duration;

use super::Standing;
use crate::event::ObjectEvent;
use crate::storage::ObjectMeta;

/// `LastModified` has whole seconds and is the beginning of the request, the event's time is its end.
const SLACK: Duration = Duration::milliseconds(SLACK_MS);
pub(super) const SLACK_MS: i64 = 2_000;

/// Where the change of content that `event` tells of stands to the object as it is (`None`: gone).
///
/// An object that was written after the event's time was overwritten, even with the same bytes. Where neither version nor
/// etag fit, a newer change has been made, and S3 tells of each at least once: this one may go. That it fits proves it the
/// newest only where an object has but one version, whose date tells when it was written: what is gone may have come back
/// meanwhile and gone again, and a version is the current one again when what was above it went for good.
pub fn standing(event: &ObjectEvent, object: Option<&ObjectMeta>) -> Standing {
    match object {
        None if event.kind.is_removed() => Standing::Fits,
        Some(object) if event.kind.is_removed() && removes_one_version(event, object) => Standing::Fits,
        Some(object) if event.kind.is_created() => creation(event, object),
        _ => Standing::Overtaken,
    }
}

fn creation(event: &ObjectEvent, object: &ObjectMeta) -> Standing {
    match (version(event.version_id.as_deref()), version(object.version_id.as_deref())) {
        (Some(told), Some(found)) if told == found => Standing::Fits,
        (Some(_), Some(_)) => Standing::Overtaken,
        (None, None) if is_as_written(event, object) && !has_versions(event, object) => Standing::Current,
        _ if is_as_written(event, object) => Standing::Fits,
        _ => Standing::Overtaken,
    }
}

/// A version, or a delete marker, went for good: what is current now need not have come after that. If the null version
/// went and there is one, it has.
///
/// Source: S3 user guide, "Deleting object versions from a versioning-enabled bucket".
fn removes_one_version(event: &ObjectEvent, object: &ObjectMeta) -> bool {
    let another = version(event.version_id.as_deref()).or(version(object.version_id.as_deref()));
    event.version_id.is_some() && another.is_some() && !event.kind.as_str().ends_with(":DeleteMarkerCreated")
}

/// The null version is overwritten in place, so it identifies nothing.
fn version(id: Option<&str>) -> Option<&str> {
    id.filter(|id| *id != "null")
}

/// Its bytes are there, and were not written after the event.
fn is_as_written(event: &ObjectEvent, object: &ObjectMeta) -> bool {
    let is_later = event.time.is_some_and(|time| object.last_modified > time + SLACK);
    event.etag.as_ref() == Some(&object.etag) && !is_later
}

/// The bucket keeps, or kept, more than one version of an object.
fn has_versions(event: &ObjectEvent, object: &ObjectMeta) -> bool {
    event.version_id.is_some() || object.version_id.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{BucketName, EventKind, ObjectKey};
    use time::OffsetDateTime;

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(1_800_000_000 + seconds).unwrap()
    }

    fn event(kind: &str, version: Option<&str>) -> ObjectEvent {
        ObjectEvent {
            kind: EventKind::new(kind),
            bucket: BucketName::new("b"),
            region: None,
            key: ObjectKey::new("k").unwrap(),
            other_key: None,
            version_id: version.map(str::to_owned),
            etag: kind.starts_with("ObjectCreated").then(|| "e1".to_owned()),
            size: None,
            sequencer: None,
            time: Some(at(10)),
        }
    }

    fn object(etag: &str, version: Option<&str>, modified: i64) -> ObjectMeta {
        ObjectMeta {
            etag: etag.to_owned(),
            size: 1,
            last_modified: at(modified),
            version_id: version.map(str::to_owned),
            storage_class: "STANDARD".to_owned(),
            content_type: None,
            cache_control: None,
            metadata: Default::default(),
            checksum: None,
            tag_count: None,
            encryption: None,
            date: None,
        }
    }

    #[test]
    fn the_state_tells_who_was_overtaken() {
        let (put, removed, expired) = ("ObjectCreated:Put", "ObjectRemoved:Delete", "LifecycleExpiration:Delete");
        let marker = "ObjectRemoved:DeleteMarkerCreated";
        let (is, fits, not) = (Standing::Current, Standing::Fits, Standing::Overtaken);
        let rows = [
            ("a put, and its bytes are there", event(put, None), Some(object("e1", None, 9)), is),
            ("an upload that began long ago", event(put, None), Some(object("e1", None, -900)), is),
            ("other bytes are there", event(put, None), Some(object("e2", None, 9)), not),
            ("the same bytes, written later", event(put, None), Some(object("e1", None, 13)), not),
            ("a put, and nothing is there", event(put, None), None, not),
            ("its version is there", event(put, Some("v1")), Some(object("e1", Some("v1"), 13)), fits),
            ("the same bytes as another version", event(put, Some("v1")), Some(object("e1", Some("v2"), 9)), not),
            ("the null version by its bytes", event(put, Some("null")), Some(object("e1", Some("null"), 9)), fits),
            ("a bucket that got versions since", event(put, None), Some(object("e1", Some("null"), 9)), fits),
            ("a removal, and nothing is there", event(removed, None), None, fits),
            ("an expiry, and nothing is there", event(expired, None), None, fits),
            ("an older version went for good", event(expired, Some("v1")), Some(object("e1", Some("v2"), 9)), fits),
            ("a delete marker went", event(removed, Some("m1")), Some(object("e1", Some("v2"), 9)), fits),
            ("a delete marker was made, and it is back", event(marker, Some("m1")), Some(object("e1", Some("v2"), 9)), not),
            ("the null version went from under another", event(removed, Some("null")), Some(object("e1", Some("v2"), 9)), fits),
            ("the null version went, and it is back", event(removed, Some("null")), Some(object("e1", None, 9)), not),
            ("a removal, and it is back", event(removed, None), Some(object("e1", None, 9)), not),
        ];
        for (situation, event, object, expected) in rows {
            assert_eq!(standing(&event, object.as_ref()), expected, "{situation}");
        }
    }
}
