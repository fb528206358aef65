//! What must hold of dedupe's target: each is asked after every delivery, or when all is quiet. Each answers what is not so.

use std::collections::{BTreeMap, BTreeSet};

use brigade::event::{Message, ObjectEvent, Record};
use brigade::ledger::{Change, Id, Relation};
use brigade::worker::queue::{MAX_BATCH, Outgoing};
use brigade::worker::topic::MAX_ANNOUNCEMENT_BYTES;
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

/// What a target has got so far, as far as the next delivery is judged by it.
#[derive(Debug, Default)]
pub struct Consumer {
    /// Of each object's sides (its content, its tags, …), the newest change that came for the first time, and its number.
    newest: BTreeMap<(String, Id), (Change, u64)>,
    /// Of each change: how often it came, and under which number and id.
    came: BTreeMap<String, Came>,
}

#[derive(Debug)]
struct Came {
    times: usize,
    token: u64,
    deduplication_id: Option<String>,
}

impl Consumer {
    /// After every delivery: whether it is in order, and may be a repetition. `unended` are the earlier holders of the
    /// change whose claim had no end: they died, or were not answered.
    pub fn gets(&mut self, one: &Forwarded, unended: usize) -> Vec<String> {
        let is_first = !self.came.contains_key(&one.change);
        let mut wrong = self.repeats(one, unended);
        if is_first {
            wrong.extend(self.orders(one));
        }
        wrong
    }

    /// How often this change came.
    pub fn times(&self, change: &str) -> usize {
        self.came.get(change).map(|came| came.times).unwrap_or_default()
    }

    fn orders(&mut self, one: &Forwarded) -> Vec<String> {
        let mut wrong = Vec::new();
        let change = Change::of(&one.event, "");
        let Some((before, token)) = self.newest.get(&(one.object.clone(), change.key)) else {
            self.newest.insert((one.object.clone(), change.key), (change, one.token));
            return wrong;
        };
        if change.relation_to(before) == Relation::Older {
            wrong.push(format!("order: {} after {token} of {}", one.token, one.event.key));
        }
        if one.token <= *token {
            wrong.push(format!("number: {} after {token} of {}", one.token, one.event.key));
        }
        self.newest.insert((one.object.clone(), change.key), (change, one.token));
        wrong
    }

    fn repeats(&mut self, one: &Forwarded, unended: usize) -> Vec<String> {
        let mut wrong = Vec::new();
        let first = || Came { times: 0, token: one.token, deduplication_id: one.deduplication_id.clone() };
        let came = self.came.entry(one.change.clone()).or_insert_with(first);
        came.times += 1;
        if came.times > 1 + unended {
            let (times, change) = (came.times, &one.change);
            wrong.push(format!("single delivery: {change} came {times} times, and {unended} holders died"));
        }
        if (came.token, &came.deduplication_id) != (one.token, &one.deduplication_id) {
            wrong.push(format!("same id: {} came again under another id or number", one.change));
        }
        wrong
    }
}

/// After every delivery: the first deliveries of a key's changes are in the order of the changes, and so are their numbers.
pub fn consumer_sees_only_newer(delivered: &[Forwarded]) -> Vec<String> {
    let (mut consumer, mut seen) = (Consumer::default(), BTreeSet::new());
    let first = delivered.iter().filter(|one| seen.insert(one.change.as_str()));
    first.flat_map(|one| consumer.orders(one)).collect()
}

/// After every delivery: a change that comes again does so under the same id and number, and no more often than its holders
/// died. `deaths` are those of invocations that may have held the change; a FIFO target within its window shows none again.
pub fn repeated_only_after_a_death(delivered: &[Forwarded], deaths: usize) -> Vec<String> {
    let mut consumer = Consumer::default();
    delivered.iter().flat_map(|one| consumer.repeats(one, deaths)).collect()
}

/// When all is quiet: the newest change of each key was forwarded, and nothing else after it. `newest` is by key.
///
/// An announcement that a source is there (cleanup's, which has no sequencer since nothing has happened) is no change; but
/// it must be of the source as the newest change has left it.
pub fn newest_is_forwarded(newest: &BTreeMap<String, ObjectEvent>, delivered: &[Forwarded]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (key, event) in newest {
        let id = Change::of(event, "").id;
        let is_newest = |one: &&Forwarded| Change::of(&one.event, "").id == id;
        let is_of_its_state = |one: &Forwarded| one.event.sequencer.is_none() && one.event.etag == event.etag;
        let of_key: Vec<&Forwarded> = delivered.iter().filter(|one| one.event.key.as_str() == key).collect();
        if !of_key.iter().any(is_newest) {
            wrong.push(format!("newest: {} of {key} was not forwarded", event.kind));
        } else if !of_key.last().is_some_and(|last| is_newest(last) || is_of_its_state(last)) {
            wrong.push(format!("last: {} of {key} is not the last that was forwarded", event.kind));
        }
    }
    wrong
}

/// Of every request to the target: it is one that SQS and SNS take, and no key is twice in it, since its entries fail one
/// by one.
///
/// Source: SQS API reference, "SendMessageBatch"; SNS API reference, "PublishBatch" and its smaller limit of 256 KiB.
pub fn request_is_within_limits(messages: &[Outgoing], fifo: bool) -> Vec<String> {
    let groups: BTreeSet<&str> = messages.iter().filter_map(|message| message.group_id.as_deref()).collect();
    let bytes: usize = messages.iter().map(Outgoing::bytes).sum();
    let rules = [
        ("it has no entry or more than ten", (1..=MAX_BATCH).contains(&messages.len())),
        ("it has more than 256 KiB", bytes <= MAX_ANNOUNCEMENT_BYTES),
        ("an entry can't be sent", messages.iter().all(|message| message.check("").is_ok())),
        ("a key is twice in it, or in no group", groups.len() == messages.len()),
        ("ids are for FIFO, and all of it", messages.iter().all(|message| message.deduplication_id.is_some() == fifo)),
        ("a FIFO queue takes no delay", !fifo || messages.iter().all(|message| message.delay_seconds == 0)),
    ];
    rules.iter().filter(|(_, holds)| !holds).map(|(what, _)| format!("limits: {what}")).collect()
}

/// Of every change that is given back until a lease runs out: the lease is another's. `holder` is the owner of the claim.
pub fn nobody_waits_for_itself(owner: &str, key: &str, holder: Option<&str>) -> Vec<String> {
    let waits = holder == Some(owner);
    waits.then(|| format!("own claim: {key} waits for the lease of the invocation that gives it back")).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use brigade::event::{BucketName, EventKind, ObjectKey, Sequencer};

    use super::*;

    fn forwarded(number: u32, token: u64) -> Forwarded {
        let event = ObjectEvent {
            sequencer: Sequencer::new(&format!("{number:018X}")),
            ..ObjectEvent::new(EventKind::new("ObjectCreated:Put"), BucketName::new("b"), ObjectKey::new("k").unwrap())
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
        let inverted = [second.clone(), first.clone()];
        assert_eq!(caught(newest_is_forwarded(&newest, &inverted)).as_deref(), Some("last"));
        assert_eq!(caught(newest_is_forwarded(&newest, &[first.clone(), second.clone()])), None);
        assert_eq!(nobody_waits_for_itself("me", "k", Some("another")), Vec::<String>::new());
        assert_eq!(caught(nobody_waits_for_itself("me", "k", Some("me"))).as_deref(), Some("own claim"));
    }

    #[test]
    fn a_delivery_is_judged_by_those_before_it() {
        let mut consumer = Consumer::default();
        let (first, second, third) = (forwarded(1, 1), forwarded(2, 2), forwarded(3, 3));
        assert_eq!(consumer.gets(&second, 0), Vec::<String>::new());
        assert_eq!(consumer.gets(&second, 1), Vec::<String>::new(), "its holder died");
        assert_eq!(consumer.gets(&first, 0), ["order: 1 after 2 of k", "number: 1 after 2 of k"]);
        assert_eq!(consumer.gets(&third, 0), Vec::<String>::new());
        assert!(consumer.gets(&third, 0).iter().all(|wrong| wrong.starts_with("single delivery: ")));
        assert_eq!(consumer.times(&third.change), 2);
    }

    #[test]
    fn a_request_that_no_service_takes_is_named() {
        let message = |group: &str, id: Option<&str>, bytes: usize| Outgoing {
            body: "x".repeat(bytes),
            group_id: Some(group.to_owned()),
            deduplication_id: id.map(str::to_owned),
            ..Outgoing::default()
        };
        let many = |number: usize| (0..number).map(|n| message(&n.to_string(), None, 1)).collect::<Vec<_>>();
        let rows: [(Vec<Outgoing>, bool, usize); 8] = [
            (many(10), false, 0),
            (many(11), false, 1),
            (Vec::new(), false, 1),
            (vec![message("a", None, 1), message("a", None, 1)], false, 1),
            (vec![message("a", Some("1"), 1), message("b", None, 1)], true, 1),
            (vec![message("a", Some("1"), 1)], false, 1),
            (vec![message("a", None, 200_000), message("b", None, 100_000)], false, 1),
            (vec![message("a", None, 0)], false, 1),
        ];
        for (messages, fifo, wrong) in rows {
            let found = request_is_within_limits(&messages, fifo);
            assert_eq!(found.len(), wrong, "{} messages: {found:?}", messages.len());
        }
    }
}
