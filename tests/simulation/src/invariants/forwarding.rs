//! What must hold of dedupe's target: each is asked after every delivery, or when all is quiet. Each answers what is not so.

use std::collections::{BTreeMap, BTreeSet};

use brigade::event::{Message, ObjectEvent, Record};
use brigade::ledger::{Change, Relation};
use serde_json::Value;

/// A message as its consumer sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Forwarded {
    /// The event that it tells of.
    pub event: ObjectEvent,
    /// SHA-256 of bucket and key, in hexadecimal.
    pub object: String,
    /// Names the change.
    pub change: String,
    /// The number that grows with each change of a key.
    pub token: u64,
    /// As the target got it.
    pub deduplication_id: Option<String>,
}

impl Forwarded {
    /// Reads a message; `Err` says what is wrong with it.
    pub fn read(body: &str, deduplication_id: Option<&str>) -> Result<Self, String> {
        let message = Message { body: Some(body.to_owned()), ..Message::default() };
        let event = message.decode().into_iter().find_map(|one| match one.record {
            Ok(Record::Object(event)) => Some(event),
            _ => None,
        });
        let document: Value = serde_json::from_str(body).map_err(|error| error.to_string())?;
        let member = document.get("brigade").ok_or("no member brigade")?;
        let text = |name: &str| member.get(name).and_then(Value::as_str).map(str::to_owned).ok_or(format!("no {name}"));
        let token = member.get("token").and_then(Value::as_u64).ok_or("no token")?;
        Ok(Self {
            event: event.ok_or("no record")?,
            object: text("object")?,
            change: text("change")?,
            token,
            deduplication_id: deduplication_id.map(str::to_owned),
        })
    }
}

/// After every delivery: the first deliveries of a key's changes are in the order of the changes, and so are their numbers.
pub fn consumer_sees_only_newer(delivered: &[Forwarded]) -> Vec<String> {
    let mut newest: BTreeMap<&str, &Forwarded> = BTreeMap::new();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut wrong = Vec::new();
    for one in delivered.iter().filter(|one| seen.insert(&one.change)) {
        if let Some(before) = newest.insert(&one.object, one) {
            let (later, earlier) = (Change::of(&one.event, ""), Change::of(&before.event, ""));
            if later.relation_to(&earlier) == Relation::Older {
                wrong.push(format!("order: {} after {} of {}", one.token, before.token, one.event.key));
            }
            if one.token <= before.token {
                wrong.push(format!("number: {} after {} of {}", one.token, before.token, one.event.key));
            }
        }
    }
    wrong
}

/// After every delivery: a change that comes again does so under the same id and number, and no more often than its holders
/// died. `deaths` are those of invocations that may have held the change; a FIFO target within its window shows none again.
pub fn repeated_only_after_a_death(delivered: &[Forwarded], deaths: usize) -> Vec<String> {
    let mut by_change: BTreeMap<&str, Vec<&Forwarded>> = BTreeMap::new();
    delivered.iter().for_each(|one| by_change.entry(&one.change).or_default().push(one));
    let mut wrong = Vec::new();
    for (change, times) in by_change {
        if times.len() > 1 + deaths {
            wrong.push(format!("single delivery: {change} came {} times, and {deaths} holders died", times.len()));
        }
        if times
            .windows(2)
            .any(|pair| matches!(pair, [a, b] if (a.token, &a.deduplication_id) != (b.token, &b.deduplication_id)))
        {
            wrong.push(format!("same id: {change} came again under another id or number"));
        }
    }
    wrong
}

/// When all is quiet: the newest change of each key was forwarded. `newest` is by key.
pub fn newest_is_forwarded(newest: &BTreeMap<String, ObjectEvent>, delivered: &[Forwarded]) -> Vec<String> {
    let last: BTreeMap<&str, &Forwarded> = delivered.iter().map(|one| (one.event.key.as_str(), one)).collect();
    let is_last = |key: &str, event: &ObjectEvent| {
        last.get(key).is_some_and(|one| one.event.sequencer == event.sequencer && one.event.kind == event.kind)
    };
    newest
        .iter()
        .filter(|(key, event)| !is_last(key, event))
        .map(|(key, event)| format!("newest: {} of {key} is not the last that was forwarded", event.kind))
        .collect()
}

#[cfg(test)]
mod tests {
    use brigade::event::{BucketName, EventKind, ObjectKey, Sequencer};

    use super::*;

    fn forwarded(number: u32, token: u64) -> Forwarded {
        let event = ObjectEvent {
            kind: EventKind::new("ObjectCreated:Put"),
            bucket: BucketName::new("b"),
            region: None,
            key: ObjectKey::new("k").unwrap(),
            other_key: None,
            version_id: None,
            etag: None,
            size: None,
            sequencer: Sequencer::new(&format!("{number:018X}")),
            time: None,
        };
        let change = Change::of(&event, "").identity.to_hex();
        Forwarded { object: "o".to_owned(), deduplication_id: Some(change.clone()), change, event, token }
    }

    #[test]
    fn each_invariant_catches_what_it_is_named_after() {
        let (first, second) = (forwarded(1, 1), forwarded(2, 2));
        let caught = |wrong: Vec<String>| wrong.first().and_then(|text| text.split(':').next().map(str::to_owned));
        let rows: [(Vec<Forwarded>, Option<&str>); 5] = [
            (vec![first.clone(), second.clone()], None),
            (vec![first.clone(), second.clone(), first.clone()], None),
            (vec![second.clone(), first.clone()], Some("order")),
            (vec![first.clone(), forwarded(2, 1)], Some("number")),
            (vec![first.clone(), first.clone()], None),
        ];
        for (delivered, expected) in rows {
            assert_eq!(caught(consumer_sees_only_newer(&delivered)).as_deref(), expected, "{delivered:?}");
        }
        let twice = [first.clone(), first.clone()];
        assert_eq!(caught(repeated_only_after_a_death(&twice, 0)).as_deref(), Some("single delivery"));
        assert_eq!(caught(repeated_only_after_a_death(&twice, 1)), None);
        let renamed = [first.clone(), forwarded(1, 9)];
        assert_eq!(caught(repeated_only_after_a_death(&renamed, 1)).as_deref(), Some("same id"));
        let newest = BTreeMap::from([("k".to_owned(), second.event.clone())]);
        assert_eq!(caught(newest_is_forwarded(&newest, std::slice::from_ref(&first))).as_deref(), Some("newest"));
        assert_eq!(caught(newest_is_forwarded(&newest, &[first, second])), None);
    }
}
