//! Whole batches on an embedded store and a queue that does what the test says.

use std::collections::VecDeque;
use std::sync::Mutex;

use brigade::config::Environment;
use brigade::event::{BucketName, EventKind, ObjectKey, Sequencer};
use brigade::storage::embedded::Versioning;
use brigade::storage::faulty::{Faults, Moment, Pause};
use brigade::storage::{EmbeddedStore, FaultyStore, PutOptions};
use brigade::worker::Queue;
use futures::FutureExt;
use time::OffsetDateTime;

use super::*;

/// What becomes of a message; afterwards all is sent.
#[derive(Clone, Copy)]
enum Fate {
    Refused,
    Unanswered,
    Never,
}

#[derive(Default)]
struct Target {
    fates: Mutex<VecDeque<Fate>>,
    got: Mutex<Vec<serde_json::Value>>,
}

#[async_trait]
impl Queue for Target {
    async fn send(&self, queue_url: &str, message: Outgoing) -> Result<(), QueueError> {
        let later = QueueError::later("SendMessage", queue_url, "Scripted", "");
        match self.fates.lock().unwrap().pop_front() {
            None => {
                self.got.lock().unwrap().push(serde_json::from_str(&message.body).unwrap());
                Ok(())
            }
            Some(Fate::Refused) => Err(QueueError { may_have_landed: false, ..later }),
            Some(Fate::Unanswered) => Err(later),
            Some(Fate::Never) => Err(QueueError::refused("SendMessage", queue_url, "Scripted", "")),
        }
    }

    async fn set_visibility(&self, _: &str, _: Vec<(String, u32)>) -> Vec<Result<(), QueueError>> {
        Vec::new()
    }
}

struct World {
    store: FaultyStore<EmbeddedStore>,
    target: Arc<Target>,
    now: Arc<Mutex<OffsetDateTime>>,
    dedupe: Dedupe,
}

fn at(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_800_000_000 + seconds).unwrap()
}

impl World {
    fn new(own: &[(&str, &str)]) -> Self {
        let now = Arc::new(Mutex::new(at(0)));
        let clock = Arc::clone(&now);
        let inside = EmbeddedStore::new().with_seed(1).with_clock(Arc::new(move || *clock.lock().unwrap()));
        ["photos", "state"].iter().for_each(|name| inside.create_bucket(&BucketName::new(*name), "us-east-1").unwrap());
        Self::on(FaultyStore::new(inside, Faults::default(), 1), now, own)
    }

    fn on(store: FaultyStore<EmbeddedStore>, now: Arc<Mutex<OffsetDateTime>>, own: &[(&str, &str)]) -> Self {
        let usual = [
            ("BRIGADE_INPUT", "s3://photos/*"),
            ("BRIGADE_STATE", "s3://state/brigade/"),
            ("BRIGADE_TARGET", "arn:aws:sqs:us-east-1:000000000000:once.fifo"),
        ];
        let environment: Environment = usual.iter().chain(own).copied().collect();
        let target = Arc::new(Target::default());
        let outlet = Outlet::Queue(Arc::clone(&target) as Arc<dyn Queue>, "once".to_owned());
        let nonces = Nonces::new(fastrand::Rng::with_seed(1));
        let dedupe = Dedupe::new(Config::read(&environment).unwrap(), Arc::new(store.clone()), outlet, nonces);
        Self { store, target, now, dedupe }
    }

    async fn deliver(&self, events: &[ObjectEvent]) -> Vec<String> {
        let events: Vec<&ObjectEvent> = events.iter().collect();
        let outcomes = self.dedupe.handle_all(&events, Deadline::after(Duration::from_secs(30))).await;
        let word = |o: &Outcome| match o.verdict.reason() {
            Some(reason) => format!("{} {}", o.verdict.name(), reason.code),
            None => o.verdict.name().to_owned(),
        };
        outcomes.iter().map(word).collect()
    }

    /// Key, sequencer and token of what the target got since the last look.
    fn got(&self) -> Vec<(String, String, u64)> {
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let got = std::mem::take(&mut *self.target.got.lock().unwrap());
        got.iter()
            .map(|body| {
                let object = &body["Records"][0]["s3"]["object"];
                (text(&object["key"]), text(&object["sequencer"]), body["brigade"]["token"].as_u64().unwrap())
            })
            .collect()
    }

    async fn put(&self, key: &str, body: &'static str) {
        self.store.put(&photo(key), body.into(), PutOptions::default()).await.unwrap();
    }

    /// Puts an object, and tells of it as S3 does.
    async fn made(&self, key: &str, number: u32, body: &'static str) -> ObjectEvent {
        let put = self.store.put(&photo(key), body.into(), PutOptions::default()).await.unwrap();
        ObjectEvent { etag: Some(put.etag), version_id: put.version_id, ..event(key, number) }
    }

    /// What the messages since the last look say of contents.
    fn told(&self) -> Vec<serde_json::Value> {
        let got = std::mem::take(&mut *self.target.got.lock().unwrap());
        got.iter().map(|body| body["brigade"]["duplicateOf"].clone()).collect()
    }
}

fn photo(key: &str) -> Location {
    Location::new(BucketName::new("photos"), ObjectKey::new(key).unwrap())
}

fn event(key: &str, number: u32) -> ObjectEvent {
    ObjectEvent {
        kind: EventKind::new("ObjectCreated:Put"),
        bucket: BucketName::new("photos"),
        region: None,
        key: ObjectKey::new(key).unwrap(),
        other_key: None,
        version_id: None,
        etag: Some(format!("e{number}")),
        size: Some(1),
        sequencer: Sequencer::new(&format!("{number:018X}")),
        time: Some(at(0)),
    }
}

fn got(key: &str, number: u32, token: u64) -> (String, String, u64) {
    (key.to_owned(), format!("{number:018X}"), token)
}

#[tokio::test]
async fn each_change_is_forwarded_once_and_the_newest_wins() {
    let world = World::new(&[]);
    let batch = [event("a", 1), event("b", 1), event("a", 2), event("a", 2)];
    assert_eq!(world.deliver(&batch).await, ["skip superseded", "done", "done", "skip duplicate"]);
    assert_eq!(world.got(), [got("b", 1, 1), got("a", 2, 2)]);
    assert_eq!(world.deliver(&batch).await, ["skip superseded", "skip duplicate", "skip duplicate", "skip duplicate"]);
    assert_eq!(world.deliver(&[event("a", 1), event("a", 3)]).await, ["skip superseded", "done"]);
    assert_eq!(world.got(), [got("a", 3, 3)]);
}

#[tokio::test]
async fn a_batch_costs_one_conditional_write_to_claim_and_one_to_end() {
    let world = World::new(&[]);
    let batch: Vec<ObjectEvent> = (0..1_000).map(|key| event(&key.to_string(), 1)).collect();
    assert!(world.deliver(&batch).await.iter().all(|word| word == "done"));
    assert_eq!(world.store.fired().requests, 4, "{:?}", world.store.timeline());
    assert!(world.deliver(&batch).await.iter().all(|word| word == "skip duplicate"));
    assert_eq!(world.store.fired().requests, 5, "what is all known is read once and not written");
}

#[tokio::test]
async fn what_certainly_was_not_sent_is_tried_again_at_once() {
    let world = World::new(&[]);
    world.target.fates.lock().unwrap().push_back(Fate::Refused);
    assert_eq!(world.deliver(&[event("a", 1), event("b", 1)]).await, ["retry not-forwarded", "done"]);
    assert_eq!(world.deliver(&[event("a", 1)]).await, ["done"]);
    assert_eq!(world.got(), [got("b", 1, 2), got("a", 1, 1)]);
}

#[tokio::test]
async fn what_may_have_been_sent_waits_for_its_lease_and_keeps_its_number() {
    let world = World::new(&[]);
    world.target.fates.lock().unwrap().push_back(Fate::Unanswered);
    assert_eq!(world.deliver(&[event("a", 2)]).await, ["retry not-forwarded"]);
    assert_eq!(world.deliver(&[event("a", 2)]).await, ["retry claimed"]);
    assert_eq!(world.deliver(&[event("a", 3)]).await, ["retry claimed"], "nor may a newer one pass");
    *world.now.lock().unwrap() = at(60);
    assert_eq!(world.deliver(&[event("a", 1)]).await, ["skip superseded"], "an older one never takes over");
    assert_eq!(world.deliver(&[event("a", 2)]).await, ["done"]);
    assert_eq!(world.deliver(&[event("a", 3)]).await, ["done"]);
    assert_eq!(world.got(), [got("a", 2, 1), got("a", 3, 2)]);
}

#[tokio::test]
async fn what_can_never_be_sent_is_parked_and_holds_nothing_up() {
    let world = World::new(&[]);
    world.target.fates.lock().unwrap().push_back(Fate::Never);
    assert_eq!(world.deliver(&[event("a", 1)]).await, ["park not-forwardable"]);
    // It could not be parked, so its message came back.
    world.target.fates.lock().unwrap().push_back(Fate::Never);
    assert_eq!(world.deliver(&[event("a", 1)]).await, ["park not-forwardable"]);
    assert_eq!(world.deliver(&[event("a", 1), event("a", 2)]).await, ["skip superseded", "done"]);
}

#[tokio::test]
async fn where_sequencers_do_not_compare_the_object_decides() {
    let world = World::new(&[]);
    world.put("a", "now").await;
    assert_eq!(world.deliver(&[event("a", 1)]).await, ["done"]);
    let other = |etag: &str| ObjectEvent {
        sequencer: Sequencer::new("617f08299329d189"),
        etag: Some(etag.to_owned()),
        ..event("a", 1)
    };
    assert_eq!(world.deliver(&[other("stale")]).await, ["skip superseded"]);
    let at = Location::new(BucketName::new("photos"), ObjectKey::new("a").unwrap());
    let etag = world.store.head(&at, Head::default()).await.unwrap().etag;
    assert_eq!(world.deliver(&[other(&etag)]).await, ["done"]);
    assert_eq!(
        world.deliver(&[event("b", 1), ObjectEvent { sequencer: None, ..event("b", 2) }]).await,
        ["done", "retry order-unknown"]
    );
}

#[tokio::test]
async fn an_object_that_may_not_be_looked_at_holds_back_its_own_change_alone() {
    // A sequencer of another length compares with none of the first ones.
    let other = |key: &str| ObjectEvent {
        kind: EventKind::new("ObjectRemoved:Delete"),
        sequencer: Sequencer::new("617f08299329d189"),
        ..event(key, 2)
    };
    let batch = [other("a"), other("b"), other("c"), event("d", 1)];
    let b = Location::new(BucketName::new("photos"), ObjectKey::new("b").unwrap());
    for (kind, verdict) in [
        (ErrorKind::AccessDenied, "retry access-denied"),
        (ErrorKind::KmsDenied, "retry kms-denied"),
        (ErrorKind::Invalid, "park invalid-request"),
        (ErrorKind::Archived, "retry archived"),
    ] {
        let world = World::new(&[]);
        world.deliver(&["a", "b", "c"].map(|key| event(key, 1))).await;
        world.got();
        world.store.refuse(&b, kind);
        assert_eq!(world.deliver(&batch).await, ["done", verdict, "done", "done"]);
        assert_eq!(world.got().iter().map(|(key, ..)| key.as_str()).collect::<Vec<_>>(), ["a", "c", "d"]);
        world.store.allow(&b);
        assert_eq!(world.deliver(&batch[1..2]).await, ["done"], "{kind:?}");
    }
}

#[tokio::test]
async fn an_object_under_a_customers_key_can_not_be_judged_and_is_forwarded() {
    let world = World::new(&[]);
    world.put("a", "now").await;
    assert_eq!(world.deliver(&[event("a", 1)]).await, ["done"]);
    let at = Location::new(BucketName::new("photos"), ObjectKey::new("a").unwrap());
    world.store.refuse(&at, ErrorKind::CustomerKey);
    let other = ObjectEvent { sequencer: Sequencer::new("617f08299329d189"), etag: Some("stale".to_owned()), ..event("a", 1) };
    let other = [other];
    assert_eq!(world.deliver(&other).await, ["done"]);
    assert_eq!(world.store.fired().refused, 1, "it was looked at");
    assert_eq!(world.deliver(&other).await, ["skip duplicate"]);
}

#[tokio::test]
async fn a_plan_writes_nothing_and_sends_nothing() {
    let world = World::new(&[("BRIGADE_MODE", "plan")]);
    assert_eq!(world.deliver(&[event("a", 1), event("a", 2)]).await, ["skip superseded", "skip plan"]);
    assert_eq!((world.got().len(), world.store.fired().requests), (0, 1));
    assert_eq!(world.deliver(&[event("a", 1)]).await, ["skip plan"]);
}

#[tokio::test]
async fn keys_with_the_same_content_are_told_and_tagged() {
    for (mode, tagged) in [("report", false), ("tag", true)] {
        let world = World::new(&[("BRIGADE_CONTENT", mode)]);
        for (key, body) in [("a", "same"), ("b", "same"), ("c", "other")] {
            let made = world.made(key, 1, body).await;
            assert_eq!(world.deliver(&[made]).await, ["done"]);
        }
        assert_eq!(world.told(), [serde_json::Value::Null, "s3://photos/a".into(), serde_json::Value::Null], "{mode}");
        assert_eq!(world.store.get_tags(&photo("b"), None).await.unwrap().contains_key(TAG), tagged, "{mode}");
    }
}

#[tokio::test]
async fn what_is_there_by_now_is_not_taken_for_what_a_change_has_made() {
    for versioned in [false, true] {
        let world = World::new(&[("BRIGADE_CONTENT", "tag")]);
        if versioned {
            world.store.inner().set_versioning(&BucketName::new("photos"), Versioning::Enabled).unwrap();
        }
        let (a, b) = (world.made("a", 1, "same").await, world.made("b", 1, "own").await);
        world.made("b", 2, "same").await;
        assert_eq!(world.deliver(&[a, b.clone()]).await, ["done", "done"]);
        assert_eq!(world.told(), [serde_json::Value::Null, serde_json::Value::Null], "versioned: {versioned}");
        let tags = world.store.get_tags(&photo("b"), b.version_id.as_deref()).await.unwrap();
        assert!(tags.is_empty(), "versioned: {versioned}: {tags:?}");
    }
}

#[tokio::test]
async fn a_content_that_nobody_can_know_is_counted_and_holds_no_change_back() {
    let world = World::new(&[("BRIGADE_CONTENT", "tag")]);
    let own = |n: usize| (format!("own-{n}"), "x".to_owned());
    let (first, full, denied) =
        (world.made("a", 1, "same").await, world.made("b", 1, "same").await, world.made("c", 1, "same").await);
    world.store.put_tags(&photo("b"), None, (0..10).map(own).collect()).await.unwrap();
    world.store.refuse(&photo("c"), ErrorKind::CustomerKey);
    let events = [&first, &full, &denied];
    let mut figures = Vec::new();
    for event in events {
        let outcome = world.dedupe.handle(event, Deadline::after(Duration::from_secs(30))).await;
        assert_eq!(outcome.verdict, Verdict::Done);
        figures.push(outcome.figures);
    }
    assert_eq!(figures, [vec![], vec![("duplicate_content", 1), ("untagged", 1)], vec![("content_unknown", 1)]]);
    assert_eq!(world.store.get_tags(&photo("b"), None).await.unwrap().len(), 10, "its own tags stay");
    // The first is hidden now as well, and is no longer named.
    world.store.refuse(&photo("a"), ErrorKind::CustomerKey);
    let next = world.made("d", 1, "same").await;
    world.told();
    assert_eq!(world.deliver(&[next]).await, ["done"]);
    assert_eq!(world.told(), ["s3://photos/b"]);
}

#[test]
fn what_somebody_asks_for_is_no_change() {
    let refused = |kind: EventKind| World::new(&[]).dedupe.refuses(&kind).map(|reason| reason.code.into_owned());
    assert_eq!(refused(EventKind::announced()).as_deref(), Some("announced"));
    assert_eq!(refused(EventKind::batch_task()).as_deref(), Some("batch-task"));
    for kind in ["ObjectCreated:Put", "ObjectCreated", "ObjectTagging:Put", "Object Teleported"] {
        assert_eq!(refused(EventKind::new(kind)), None, "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_at_contents_that_never_ends_holds_no_change_back() {
    let pause: Pause = Arc::new(|point| {
        let never = point.operation == "HeadObject" && point.moment == Moment::BeforeEffect;
        if never { std::future::pending().boxed() } else { std::future::ready(()).boxed() }
    });
    let World { store, now, .. } = World::new(&[]);
    let world = World::on(store.with_pause(pause), now, &[("BRIGADE_CONTENT", "report")]);
    let events: Vec<ObjectEvent> = (1..=10).map(|n| event(&format!("k{n}"), n)).collect();
    assert_eq!(world.deliver(&events).await, ["done"; 10]);
    assert_eq!(world.got().len(), 10);
}

#[tokio::test]
async fn a_longer_timeout_than_the_guarantee_allows_for_is_refused() {
    let world = World::new(&[]);
    for (seconds, verdict) in [(30, "done"), (60, "retry timeout-too-long"), (900, "retry timeout-too-long")] {
        let outcome = world.dedupe.handle(&event("a", seconds), Deadline::after(Duration::from_secs(seconds.into()))).await;
        let code = outcome.verdict.reason().map(|reason| format!(" {}", reason.code)).unwrap_or_default();
        assert_eq!(format!("{}{code}", outcome.verdict.name()), verdict, "{seconds} s");
    }
    assert_eq!(world.got().len(), 1);
}

#[tokio::test]
async fn without_time_nothing_is_begun() {
    let world = World::new(&[]);
    let outcomes = world.dedupe.handle_all(&[&event("a", 1)], Deadline::after(Duration::from_secs(5))).await;
    assert!(outcomes.is_empty() && world.store.fired().requests == 0);
}
