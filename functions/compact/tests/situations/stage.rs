//! A small world for one situation: log objects, the function under some configuration, a clock that is set, a death at a
//! request.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use brigade::budget::Deadline;
use brigade::event::{BucketName, EventKind, ObjectEvent, ObjectKey};
use brigade::storage::faulty::{Faults, Moment, Point};
use brigade::storage::{EmbeddedStore, FaultyStore, Get, List, Location, Nonces, PutOptions, Store};
use brigade::verdict::Outcome;
use brigade::worker::{Lines, Together, Worker};
use brigade_compact::{Compact, Config, invariants};
use bytes::Bytes;
use futures::{FutureExt, TryStreamExt};
use serde_json::Value;
use time::OffsetDateTime;
use tokio::sync::Notify;

/// 2026-11-22T10:30:00Z.
const BEGIN: i64 = 1_795_343_400;

/// Describes requests.
pub(crate) type At = fn(&Point) -> bool;

/// What lies where.
pub(crate) struct Stage {
    pub(crate) store: EmbeddedStore,
    clock: Arc<AtomicI64>,
    /// What the function has logged.
    pub(crate) told: Arc<Told>,
}

#[derive(Default)]
pub(crate) struct Told(Mutex<Vec<Value>>);

impl Lines for Told {
    fn line(&self, line: &Value) {
        self.0.lock().unwrap().push(line.clone());
    }
}

impl Told {
    /// The lines that have this reason.
    pub(crate) fn lines(&self, reason: &str) -> Vec<Value> {
        self.0.lock().unwrap().iter().filter(|line| line["reason"] == reason).cloned().collect()
    }
}

impl Stage {
    pub(crate) fn new() -> Self {
        let clock = Arc::new(AtomicI64::new(BEGIN));
        let store = EmbeddedStore::new().with_clock(Arc::new({
            let clock = Arc::clone(&clock);
            move || OffsetDateTime::from_unix_timestamp(clock.load(Ordering::Relaxed)).unwrap()
        }));
        for bucket in ["logs", "tables", "state"] {
            store.create_bucket(&BucketName::new(bucket), "us-east-1").unwrap();
        }
        Self { store, clock, told: Arc::default() }
    }

    pub(crate) fn let_pass(&self, time: Duration) {
        self.clock.fetch_add(i64::try_from(time.as_secs()).unwrap(), Ordering::Relaxed);
    }

    /// The function, with these variables beside the places.
    pub(crate) fn function(&self, variables: &[(&str, &str)], seed: u64) -> Compact {
        self.function_on(Arc::new(self.store.clone()), variables, seed)
    }

    fn function_on(&self, store: Arc<dyn Store>, variables: &[(&str, &str)], seed: u64) -> Compact {
        let mut all = BTreeMap::from([
            ("BRIGADE_INPUT", "s3://logs/*"),
            ("BRIGADE_OUTPUT", "s3://tables/t/"),
            ("BRIGADE_STATE", "s3://state/"),
        ]);
        all.extend(variables.iter().copied());
        let config = Config::read(&all.into_iter().collect()).unwrap();
        let lines: Arc<dyn Lines> = Arc::<Told>::clone(&self.told);
        Compact::new(&config, store, Nonces::new(fastrand::Rng::with_seed(seed)), lines)
    }

    /// The function's invocation with these events, held at the `n`th request that `at` describes.
    pub(crate) async fn held(&self, variables: &[(&str, &str)], events: &[ObjectEvent], n: usize, at: At) -> Held {
        let (store, reached, release) = self.holding(n, at);
        let (function, events) = (self.function_on(store, variables, 1), events.to_vec());
        let work = tokio::spawn(async move { codes(&handle(&function, &events).await) });
        reached.notified().await;
        Held { work, release }
    }

    /// The same on the schedule.
    pub(crate) async fn held_on_schedule(&self, variables: &[(&str, &str)], n: usize, at: At) -> Held {
        let (store, reached, release) = self.holding(n, at);
        let function = self.function_on(store, variables, 1);
        let work = tokio::spawn(async move { codes(&[on_schedule(&function).await]) });
        reached.notified().await;
        Held { work, release }
    }

    /// The function, for which each request that `at` describes takes so long.
    pub(crate) fn slow(&self, variables: &[(&str, &str)], at: At, time: Duration) -> Compact {
        let pause = move |point: &Point| match at(point) {
            true => tokio::time::sleep(time).boxed(),
            false => futures::future::ready(()).boxed(),
        };
        let store = FaultyStore::new(self.store.clone(), Faults::default(), 0).with_pause(Arc::new(pause));
        self.function_on(Arc::new(store), variables, 1)
    }

    /// A store; what it notifies when that request comes; and what lets it through.
    fn holding(&self, n: usize, at: At) -> (Arc<dyn Store>, Arc<Notify>, Arc<Notify>) {
        let (reached, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (tell, wait) = (Arc::clone(&reached), Arc::clone(&release));
        let left = AtomicUsize::new(n);
        let pause = move |point: &Point| {
            if !at(point) || left.fetch_sub(1, Ordering::Relaxed) != 1 {
                return futures::future::ready(()).boxed();
            }
            let (tell, wait) = (Arc::clone(&tell), Arc::clone(&wait));
            async move {
                tell.notify_one();
                wait.notified().await;
            }
            .boxed()
        };
        let store = FaultyStore::new(self.store.clone(), Faults::default(), 0).with_pause(Arc::new(pause));
        (Arc::new(store), reached, release)
    }

    /// A log object in `hour` of 2026-11-22 with these lines (request ids), by turns of two days; and the event about it.
    pub(crate) async fn log(&self, hour: u8, name: &str, ids: &[&str]) -> ObjectEvent {
        let key = ObjectKey::new(format!("2026-11-22-{hour:02}-00-00-{name}")).unwrap();
        self.write(&key, ids, None).await;
        ObjectEvent { size: Some(500), ..ObjectEvent::new(EventKind::new("ObjectCreated:Put"), BucketName::new("logs"), key) }
    }

    pub(crate) async fn write(&self, key: &ObjectKey, ids: &[&str], storage_class: Option<&str>) {
        let line = |(n, id): (usize, &&str)| {
            format!("o photos [{}/Nov/2026:23:30:00 +0000] - - {id} OP k - 204 - - 57 - - - - v\n", 20 + n % 2)
        };
        let text: String = ids.iter().enumerate().map(line).collect();
        let options = PutOptions { storage_class: storage_class.map(str::to_owned), ..PutOptions::default() };
        self.store.put(&Location::new(BucketName::new("logs"), key.clone()), text.into(), options).await.unwrap();
    }

    /// All objects of a bucket below a prefix.
    pub(crate) async fn below(&self, bucket: &str, prefix: &str) -> BTreeMap<String, Bytes> {
        let bucket = BucketName::new(bucket);
        let options = List { prefix: prefix.to_owned(), ..List::default() };
        let mut found = BTreeMap::new();
        for entry in self.store.list(&bucket, options).await.unwrap().objects {
            let got = self.store.get(&Location::new(bucket.clone(), entry.key.clone()), Get::default()).await.unwrap();
            let body: Vec<Bytes> = got.body.try_collect().await.unwrap();
            found.insert(entry.key.to_string(), body.concat().into());
        }
        found
    }

    /// The request ids of all lines in all tables, sorted.
    pub(crate) async fn lines(&self) -> Vec<String> {
        let parts = self.below("tables", "").await;
        let mut lines: Vec<String> = parts.into_values().flat_map(|part| invariants::lines_of(part).unwrap()).collect();
        lines.sort();
        lines
    }
}

/// An invocation that stands at a request.
pub(crate) struct Held {
    work: tokio::task::JoinHandle<Vec<String>>,
    release: Arc<Notify>,
}

impl Held {
    /// Its process is killed.
    pub(crate) async fn die(self) {
        self.work.abort();
        let _ = self.work.await;
    }

    /// It goes on to its end: the codes of its verdicts.
    pub(crate) async fn go_on(self) -> Vec<String> {
        self.release.notify_one();
        self.work.await.unwrap()
    }
}

/// Before the `PutObject` of a part takes effect.
pub(crate) fn before_a_part(point: &Point) -> bool {
    point.operation == "PutObject" && point.place.starts_with("s3://tables/") && point.moment == Moment::BeforeEffect
}

/// Before a write of the ledger takes effect.
pub(crate) fn before_the_ledger(point: &Point) -> bool {
    point.operation == "PutObject" && point.place.contains("/logs/") && point.moment == Moment::BeforeEffect
}

/// After the `PutObject` of a bundle.
pub(crate) fn after_a_bundle(point: &Point) -> bool {
    point.operation == "PutObject" && point.place.contains("/_open/") && point.moment == Moment::AfterEffect
}

fn deadline() -> Deadline {
    Deadline::after(Duration::from_secs(60))
}

pub(crate) async fn handle(function: &Compact, events: &[ObjectEvent]) -> Vec<Outcome> {
    function.handle_all(&events.iter().collect::<Vec<_>>(), deadline()).await
}

pub(crate) async fn on_schedule(function: &Compact) -> Outcome {
    function.on_schedule(deadline()).await
}

/// `done`, or the code of each reason.
pub(crate) fn codes(outcomes: &[Outcome]) -> Vec<String> {
    let code = |outcome: &Outcome| outcome.verdict.reason().map_or("done".to_owned(), |reason| reason.code.to_string());
    outcomes.iter().map(code).collect()
}
