//! What consumers get: S3's own notification of one record, with a member `brigade` beside it.

use brigade::event::{ObjectEvent, to_notification};
use brigade::ledger::Change;
use brigade::worker::queue::Outgoing;
use serde_json::json;

/// The `"v"` of the member `brigade`.
pub const MESSAGE_VERSION: u32 = 1;

/// The message that forwards a change.
///
/// `brigade.token` grows with each change of a key and stays the same when one is forwarded again: a consumer that keeps the
/// last one for each `brigade.object` takes each change once. Group and deduplication id are hexadecimal, since a key may
/// have characters that they may not, and may be longer.
pub(crate) fn message(event: &ObjectEvent, change: &Change, token: u64, duplicate_of: Option<&str>, fifo: bool) -> Outgoing {
    let mut body = to_notification(event);
    if let Some(document) = body.as_object_mut() {
        let mut brigade = json!({
            "v": MESSAGE_VERSION,
            "object": change.object.to_hex(),
            "change": change.identity.to_hex(),
            "token": token,
        });
        if let (Some(place), Some(members)) = (duplicate_of, brigade.as_object_mut()) {
            members.insert("duplicateOf".to_owned(), json!(place));
        }
        document.insert("brigade".to_owned(), brigade);
    }
    Outgoing {
        body: body.to_string(),
        group_id: Some(change.object.to_hex()),
        deduplication_id: fifo.then(|| change.identity.to_hex()),
        ..Outgoing::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use brigade::event::{BucketName, EventKind, MAX_KEY_BYTES, ObjectKey, Record, Sequencer, decode};

    fn event(key: &str) -> ObjectEvent {
        ObjectEvent {
            kind: EventKind::new("ObjectCreated:Put"),
            bucket: BucketName::new("photos"),
            region: Some("eu-west-1".to_owned()),
            key: ObjectKey::new(key).unwrap(),
            other_key: None,
            version_id: None,
            etag: Some("e1".to_owned()),
            size: Some(3),
            sequencer: Sequencer::new("0065B2CB162FC1AC3B"),
            time: None,
        }
    }

    #[test]
    fn a_consumer_reads_it_as_s3s_own() {
        let event = event("a b/ü+.jpg");
        let change = Change::of(&event, "target");
        let message = message(&event, &change, 7, Some("s3://photos/first"), true);
        let decoded = decode(&message.body);
        assert_eq!(decoded.first().and_then(|one| one.record.clone().ok()), Some(Record::Object(event)));
        let body: serde_json::Value = serde_json::from_str(&message.body).unwrap();
        let member = &body["brigade"];
        assert_eq!((member["v"].as_u64(), member["token"].as_u64()), (Some(1), Some(7)));
        assert_eq!(member["duplicateOf"], "s3://photos/first");
        let id = message.deduplication_id.unwrap();
        assert_eq!((member["change"].as_str(), id.len()), (Some(id.as_str()), 64));
        assert_eq!(
            (member["object"].as_str(), message.group_id.as_deref()),
            (Some(change.object.to_hex().as_str()), Some(change.object.to_hex().as_str()))
        );
    }

    #[test]
    fn a_standard_target_gets_a_group_and_no_deduplication_id() {
        let event = event("k");
        let message = message(&event, &Change::of(&event, "t"), 1, None, false);
        assert!(message.group_id.is_some() && message.deduplication_id.is_none());
    }

    #[test]
    fn the_longest_key_leaves_room_for_ten_in_a_request() {
        let event = event(&"\u{7}".repeat(MAX_KEY_BYTES));
        let message =
            message(&event, &Change::of(&event, "t"), u64::MAX, Some(&format!("s3://b/{}", event.key.to_form_encoded())), true);
        assert!(message.check("q").is_ok() && message.bytes() < 25 * 1024, "{}", message.bytes());
    }
}
