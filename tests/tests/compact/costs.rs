//! What a million log objects cost, by counting the requests of one batch at S3's and SQS's list prices.
//!
//! Source: the price pages of Amazon S3 (S3 Standard) and Amazon SQS (standard queues), us-east-1.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use brigade::budget::Deadline;
use brigade::event::{BucketName, EventKind, ObjectEvent, ObjectKey};
use brigade::storage::faulty::{Faults, Moment, Point};
use brigade::storage::{EmbeddedStore, FaultyStore, Location, Nonces, PutOptions, Store};
use brigade::verdict::Verdict;
use brigade::worker::{StandardOutput, Together, Worker};
use brigade_compact::{Compact, Config};
use futures::FutureExt;
use time::macros::datetime;

use crate::table::{LOGS, STATE, TABLES, log_line};

/// Dollars for a million requests.
const READS: f64 = 0.40;
const WRITES: f64 = 5.00;
/// SQS: a receive and a delete for each ten messages, at $0.40; S3 and Lambda's mapping pay nothing for sending and polling
/// is by the receive.
const MESSAGE: f64 = 0.40;

/// Requests by name.
type Requests = BTreeMap<&'static str, u64>;

fn dollars(requests: &Requests) -> f64 {
    let price = |operation: &str| match operation {
        "GetObject" | "HeadObject" | "GetObjectTagging" => READS,
        "DeleteObjects" | "DeleteObject" => 0.0,
        "PutObject" | "ListObjectsV2" | "PutObjectTagging" => WRITES,
        other => panic!("{other} has no price here"),
    };
    requests.iter().map(|(operation, count)| price(operation) * *count as f64).sum::<f64>() / 1_000_000.0
}

/// A world in which requests are counted.
struct Counted {
    store: FaultyStore<EmbeddedStore>,
    requests: Arc<Mutex<Requests>>,
    compact: Compact,
    /// Seconds since noon.
    clock: Arc<AtomicI64>,
}

impl Counted {
    fn new(flush: &str, raw: &str) -> Self {
        let clock: Arc<AtomicI64> = Arc::default();
        let embedded = EmbeddedStore::new().with_clock(Arc::new({
            let clock = Arc::clone(&clock);
            move || datetime!(2026-11-23 12:00 UTC) + time::Duration::seconds(clock.load(Ordering::Relaxed))
        }));
        for bucket in [LOGS, TABLES, STATE] {
            embedded.create_bucket(&BucketName::new(bucket), "us-east-1").unwrap();
        }
        let requests: Arc<Mutex<Requests>> = Arc::default();
        let counter = Arc::clone(&requests);
        let count = move |point: &Point| {
            if point.moment == Moment::BeforeEffect {
                *counter.lock().unwrap().entry(point.operation).or_default() += 1;
            }
            futures::future::ready(()).boxed()
        };
        let store = FaultyStore::new(embedded, Faults::default(), 0).with_pause(Arc::new(count));
        let variables = [
            ("BRIGADE_INPUT", "s3://logs/*"),
            ("BRIGADE_OUTPUT", "s3://tables/access_logs/"),
            ("BRIGADE_STATE", "s3://state/brigade/"),
            ("BRIGADE_FLUSH", flush),
            ("BRIGADE_RAW", raw),
        ];
        let config = Config::read(&variables.into_iter().collect()).unwrap();
        let nonces = Nonces::new(fastrand::Rng::with_seed(1));
        let compact = Compact::new(&config, Arc::new(store.clone()), nonces, Arc::new(StandardOutput));
        Self { store, requests, compact, clock }
    }

    /// So many log objects of one source and hour, whose records are of two days, in one batch of messages.
    async fn batch(&self, logs: usize) {
        let mut events = Vec::new();
        for n in 0..logs {
            let key = ObjectKey::new(format!("photos/2026-11-22-10-{:02}-00-{n:016X}", n % 60)).unwrap();
            let text = log_line(&format!("{n:016X}"), 21 + n % 2);
            let at = Location::new(BucketName::new(LOGS), key.clone());
            self.store.inner().put(&at, text.into(), PutOptions::default()).await.unwrap();
            events.push(ObjectEvent {
                size: Some(500),
                ..ObjectEvent::new(EventKind::new("ObjectCreated:Put"), BucketName::new(LOGS), key)
            });
        }
        let outcomes = self.compact.handle_all(&events.iter().collect::<Vec<_>>(), deadline()).await;
        assert!(outcomes.iter().all(|outcome| outcome.verdict == Verdict::Done), "{:?}", outcomes.first());
    }

    fn taken(&self) -> Requests {
        std::mem::take(&mut *self.requests.lock().unwrap())
    }
}

fn deadline() -> Deadline {
    Deadline::after(Duration::from_secs(600))
}

/// Dollars for a million log objects, messages included.
async fn per_million(flush: &str, raw: &str, logs: usize) -> (Requests, f64) {
    let world = Counted::new(flush, raw);
    world.batch(logs).await;
    if flush != "arrival" {
        // The schedule's next run.
        world.clock.fetch_add(15 * 60, Ordering::Relaxed);
        assert_eq!(world.compact.on_schedule(deadline()).await.verdict, Verdict::Done);
    }
    let requests = world.taken();
    let messages = 2.0 / 10.0 * MESSAGE;
    let total = dollars(&requests) / logs as f64 * 1_000_000.0 + messages;
    (requests, total)
}

#[tokio::test]
async fn a_million_log_objects_cost_what_the_readme_says() {
    let mut rows = Vec::new();
    for (flush, raw, logs) in [
        ("arrival", "keep", 1_000),
        ("arrival", "delete", 1_000),
        ("arrival", "delete", 100),
        ("arrival", "tag", 1_000),
        ("hour", "delete", 1_000),
    ] {
        let (requests, total) = per_million(flush, raw, logs).await;
        let count = |operation: &str| requests.get(operation).copied().unwrap_or_default();
        let (reads, writes) = (count("GetObject") + count("GetObjectTagging"), count("PutObject") + count("PutObjectTagging"));
        let (lists, deletes) = (count("ListObjectsV2"), count("DeleteObjects"));
        rows.push(format!("| {flush} | {raw} | {logs} | {reads} | {writes} | {lists} | {deletes} | ${total:.2} |"));
        if raw != "tag" && logs == 1_000 {
            assert!(total <= 0.60, "{flush}, {raw}: ${total:.3} a million: {requests:?}");
        }
    }
    let readme = include_str!("../../../functions/compact/README.md");
    for row in &rows {
        assert!(readme.contains(row.as_str()), "functions/compact/README.md should have\n{}", rows.join("\n"));
    }
}
