//! What an invocation allocates, counted by the allocator. One test, since the count is the process's.
//!
//! `BRIGADE_TEST_FUNCTION_MB=512 cargo test --release -p brigade-compact --no-default-features --test memory -- --nocapture`
//! measures a larger function; without optimisation it takes minutes.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise; clippy exempts test functions alone")]

use std::sync::Arc;
use std::time::Duration;

use brigade::budget::Deadline;
use brigade::event::{BucketName, EventKind, ObjectEvent, ObjectKey};
use brigade::storage::faulty::{Faults, Moment, Point};
use brigade::storage::{Delete, EmbeddedStore, FaultyStore, Location, Nonces, PutOptions, Store};
use brigade::verdict::Verdict;
use brigade::worker::{StandardOutput, Together};
use brigade_compact::samples::{Lines, Traffic};
use brigade_compact::{Compact, Config};
use futures::FutureExt;
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const MB: usize = 1 << 20;
/// What the function takes for the process itself: no client and no SDK is here.
const PROCESS: usize = 96 * MB;
/// Log objects are small; these are large for ones.
const LOG: usize = MB;

/// A log object of the `n`th of so many hours, with lines of its own, and the event about it.
async fn log(store: &EmbeddedStore, hour: usize, n: usize) -> ObjectEvent {
    let (mut lines, mut text) = (Lines::new(Traffic { seed: (hour * 1000 + n) as u64, ..Traffic::default() }), String::new());
    while text.len() < LOG {
        lines.write(&mut text);
        text.push('\n');
    }
    let key = ObjectKey::new(format!("photos/2026-11-22-{hour:02}-00-00-{n:016X}")).unwrap();
    let size = text.len() as u64;
    store.put(&Location::new(BucketName::new("logs"), key.clone()), text.into(), PutOptions::default()).await.unwrap();
    ObjectEvent { size: Some(size), ..ObjectEvent::new(EventKind::new("ObjectCreated:Put"), BucketName::new("logs"), key) }
}

/// A store that keeps no part: what it would hold is not the function's.
fn forgetting(store: &EmbeddedStore) -> FaultyStore<EmbeddedStore> {
    let inner = store.clone();
    let forget = move |point: &Point| {
        let part = point.place.strip_prefix("s3://tables/").filter(|_| point.moment == Moment::AfterEffect);
        let Some(key) = part.and_then(|key| ObjectKey::new(key).ok()) else { return futures::future::ready(()).boxed() };
        let inner = inner.clone();
        async move { drop(inner.delete(&Location::new(BucketName::new("tables"), key), Delete::default()).await) }.boxed()
    };
    FaultyStore::new(store.clone(), Faults::default(), 0).with_pause(Arc::new(forget))
}

#[tokio::test]
async fn four_shards_at_once_take_no_more_than_the_functions_memory() {
    let memory = std::env::var("BRIGADE_TEST_FUNCTION_MB").ok().map_or(128, |text| text.parse().unwrap());
    let bound = (memory * MB - PROCESS).max(32 * MB);
    let store = EmbeddedStore::new();
    for bucket in ["logs", "tables", "state"] {
        store.create_bucket(&BucketName::new(bucket), "us-east-1").unwrap();
    }
    let variables = [
        ("BRIGADE_INPUT", "s3://logs/*".to_owned()),
        ("BRIGADE_OUTPUT", "s3://tables/t/".to_owned()),
        ("BRIGADE_STATE", "s3://state/".to_owned()),
        ("BRIGADE_CONCURRENCY", "8".to_owned()),
        ("BRIGADE_FILE_SIZE", format!("{}MB", memory / 4)),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory.to_string()),
    ];
    let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let config = Config::read(&variables.into_iter().collect()).unwrap();
    let nonces = Nonces::new(fastrand::Rng::with_seed(1));
    let compact = Compact::new(&config, Arc::new(forgetting(&store)), nonces, Arc::new(StandardOutput));
    // Four shards, each with more than one batch: together far more than fits.
    let logs = usize::try_from(config.batch_of_logs().bytes).unwrap() / LOG * 3 / 2;
    let mut events = Vec::new();
    for hour in 0..4 {
        for n in 0..logs {
            events.push(log(&store, hour, n).await);
        }
    }
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let outcomes = compact.handle_all(&events.iter().collect::<Vec<_>>(), Deadline::after(Duration::from_secs(900))).await;
    let peak = ALLOCATOR.peak_usage() - before;
    assert!(outcomes.iter().all(|outcome| outcome.verdict == Verdict::Done), "{:?}", outcomes.first());
    eprintln!("{memory} MB: {} logs of {} MB in 4 shards, peak {} of {} MB", events.len(), LOG / MB, peak / MB, bound / MB);
    assert!(peak <= bound, "{} MB at the peak, {} MB are there", peak / MB, bound / MB);
}
