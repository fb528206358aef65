//! A change as the ledger knows it: whose key, which change, after and before which others.

use super::plan::relate;
use super::{Digest, Id, Order, Relation};
use crate::event::ObjectEvent;

/// A change of an object that is to be claimed.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Names the object: SHA-256 of bucket and key.
    pub object: Digest,
    /// Names the change, whatever message told it: SHA-256 of bucket, key, version (or etag and sequencer), kind and scope.
    pub identity: Digest,
    /// What is claimed, one change at a time: the object's content, or another side of it (its tags, its ACL, …).
    pub key: Id,
    /// [`Change::identity`] as documents carry it.
    pub id: Id,
    /// Its place among those of its key.
    pub order: Order,
    /// The event's time in milliseconds since 1970.
    pub time: Option<i64>,
    /// It changed the object's content or existence, so that the object's state can tell whether it was overtaken.
    pub of_content: bool,
}

impl Change {
    /// The change that an event tells of. `scope` is what else makes the effect another one, such as its target.
    ///
    /// Contents are ordered by sequencer. What has none (tags, ACLs, restores, transitions) is ordered by the event's time,
    /// and only among changes of the same family.
    pub fn of(event: &ObjectEvent, scope: &str) -> Self {
        let (bucket, key) = (event.bucket.as_str(), event.key.as_str());
        let of_content = event.kind.is_created() || event.kind.is_removed();
        let time = event.time.and_then(|time| i64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok());
        let side = if of_content { "content" } else { event.kind.family() };
        let order = match (of_content, time) {
            (true, _) => Order::of_sequencer(event.sequencer.as_ref()),
            (false, Some(ms)) => Order::Time(ms),
            (false, None) => Order::Unknown,
        };
        let identity = Digest::of(&[bucket, key, &occasion(event, of_content, time), event.kind.as_str(), scope]);
        Self {
            object: Digest::of(&[bucket, key]),
            identity,
            key: Digest::of(&[bucket, key, side]).id(),
            id: identity.id(),
            order,
            time,
            of_content,
        }
    }

    /// Where it stands to another change of its key.
    pub fn relation_to(&self, other: &Self) -> Relation {
        relate((self.id, &self.order), (other.id, &other.order))
    }
}

/// What tells one change of a key from the next: the version that it made or removed; else content and sequencer. Anything
/// but a change of content can happen to one version again and again, and is told by its time.
fn occasion(event: &ObjectEvent, of_content: bool, time: Option<i64>) -> String {
    let version = event.version_id.as_deref().filter(|version| *version != "null");
    // EventBridge gives a removal an etag, and a notification does not.
    let etag = event.etag.as_deref().filter(|_| !event.kind.is_removed()).unwrap_or_default();
    let sequencer = event.sequencer.as_ref().map(|s| s.as_str().to_ascii_uppercase());
    let moment = || time.map(|ms| format!("t{ms}")).unwrap_or_default();
    match (of_content, version) {
        (true, Some(version)) => format!("v{version}"),
        (true, None) => format!("e{etag} {}", sequencer.unwrap_or_else(moment)),
        (false, version) => format!("v{} e{etag} {}", version.unwrap_or_default(), moment()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{BucketName, EventKind, ObjectKey, Sequencer};
    use time::{Duration, OffsetDateTime};

    fn event(kind: &str) -> ObjectEvent {
        ObjectEvent {
            kind: EventKind::new(kind),
            bucket: BucketName::new("photos"),
            region: None,
            key: ObjectKey::new("cat.jpg").unwrap(),
            other_key: None,
            version_id: None,
            etag: Some("e1".to_owned()),
            size: Some(1),
            sequencer: Sequencer::new("0065B2CB162FC1AC3B"),
            time: OffsetDateTime::from_unix_timestamp(1_800_000_000).ok(),
        }
    }

    #[test]
    fn what_makes_a_change_another_one() {
        let one = event("ObjectCreated:Put");
        let same = |other: &ObjectEvent, scope: &str| Change::of(other, scope).identity == Change::of(&one, "t").identity;
        let with = |edit: fn(&mut ObjectEvent)| {
            let mut other = one.clone();
            edit(&mut other);
            other
        };
        let rows: [(&str, ObjectEvent, &str, bool); 9] = [
            ("the same", one.clone(), "t", true),
            ("told in another region's words", with(|e| e.region = Some("eu-west-1".to_owned())), "t", true),
            ("a sequencer in the other case", with(|e| e.sequencer = Sequencer::new("0065b2cb162fc1ac3b")), "t", true),
            ("delivered with another time", with(|e| e.time = e.time.map(|t| t + Duration::seconds(1))), "t", true),
            ("the same bytes again", with(|e| e.sequencer = Sequencer::new("0065B2CB162FC1AC3C")), "t", false),
            ("another kind", with(|e| e.kind = EventKind::new("ObjectCreated:Copy")), "t", false),
            ("another key", with(|e| e.key = ObjectKey::new("dog.jpg").unwrap()), "t", false),
            ("another version", with(|e| e.version_id = Some("v1".to_owned())), "t", false),
            ("another target", one.clone(), "u", false),
        ];
        for (situation, other, scope, expected) in rows {
            assert_eq!(same(&other, scope), expected, "{situation}");
        }
    }

    #[test]
    fn a_version_is_one_change_whatever_transport_told_it() {
        let version = |sequencer| ObjectEvent {
            version_id: Some("v1".to_owned()),
            sequencer: Sequencer::new(sequencer),
            ..event("ObjectCreated:Put")
        };
        let (s3, eventbridge) = (version("0065B2CB162FC1AC3B"), version("65b2cb162fc1ac3b"));
        assert_eq!(Change::of(&s3, "t").identity, Change::of(&eventbridge, "t").identity);
        assert_eq!(Change::of(&s3, "t").order.compare(&Change::of(&eventbridge, "t").order), None);
    }

    #[test]
    fn a_removal_is_one_change_with_an_etag_and_without() {
        let removal = |kind, etag: Option<&str>| Change::of(&ObjectEvent { etag: etag.map(str::to_owned), ..event(kind) }, "t");
        for kind in ["ObjectRemoved:Delete", "ObjectRemoved:DeleteMarkerCreated", "LifecycleExpiration:Delete"] {
            let (s3, eventbridge) = (removal(kind, None), removal(kind, Some("d41d8cd98f00b204e9800998ecf8427e")));
            assert_eq!(s3.identity, eventbridge.identity, "{kind}");
        }
    }

    #[test]
    fn the_null_version_is_no_version() {
        let null = |sequencer| ObjectEvent {
            version_id: Some("null".to_owned()),
            sequencer: Sequencer::new(sequencer),
            ..event("ObjectCreated:Put")
        };
        assert_ne!(Change::of(&null("0A"), "t").identity, Change::of(&null("0B"), "t").identity);
    }

    #[test]
    fn content_and_tags_are_claimed_apart() {
        let (put, removed) = (event("ObjectCreated:Put"), event("ObjectRemoved:Delete"));
        let (tagged, untagged) = (event("ObjectTagging:Put"), event("ObjectTagging:Delete"));
        let key = |event: &ObjectEvent| Change::of(event, "t").key;
        assert_eq!(key(&put), key(&removed));
        assert_eq!(key(&tagged), key(&untagged));
        assert_ne!(key(&put), key(&tagged));
        assert_eq!(Change::of(&put, "t").object, Change::of(&tagged, "t").object);
        assert_eq!(Change::of(&tagged, "t").order, Order::Time(1_800_000_000_000));
    }
}
