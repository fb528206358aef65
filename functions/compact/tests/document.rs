//! What a large ledger document takes in memory, counted by the allocator. One test, since the count is the process's.

use std::sync::Arc;
use std::time::Duration;

use brigade::budget::Deadline;
use brigade::event::{BucketName, EventKind, ObjectEvent, ObjectKey};
use brigade::storage::{EmbeddedStore, Location, Nonces, PutOptions, Store};
use brigade::verdict::Verdict;
use brigade::worker::{StandardOutput, Together};
use brigade_compact::{Compact, Config};
use peak_alloc::PeakAlloc;
use serde_json::json;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// What the README accounts for, in bytes a name.
const NAME: usize = 256;
/// What a batch of nothing takes.
const BATCH: usize = 8 << 20;

#[tokio::test]
async fn a_name_in_a_ledger_document_takes_what_is_accounted_for() {
    let store = EmbeddedStore::new();
    for bucket in ["logs", "tables", "state"] {
        store.create_bucket(&BucketName::new(bucket), "us-east-1").unwrap();
    }
    let put = async |bucket: &str, key: &str, body: String| {
        let at = Location::new(BucketName::new(bucket), ObjectKey::new(key).unwrap());
        store.put(&at, body.into(), PutOptions::default()).await.unwrap();
    };
    let variables = [("BRIGADE_INPUT", "s3://logs/*"), ("BRIGADE_OUTPUT", "s3://tables/t/"), ("BRIGADE_STATE", "s3://state/")];
    let config = Config::read(&variables.into_iter().collect()).unwrap();
    let nonces = || Nonces::new(fastrand::Rng::with_seed(1));
    let compact = Compact::new(&config, Arc::new(store.clone()), nonces(), Arc::new(StandardOutput));
    // As many as a document holds.
    let names = 320_000;
    let stem = "2026-11-22-10-";
    let done: Vec<String> = (0..names).map(|n| format!("{:02}-{:02}-{n:016X}", n / 60 % 60, n % 60)).collect();
    let document = json!({"v": 2, "nonce": "0", "bucket": "logs", "stem": stem, "done": done, "open": []}).to_string();
    let place = config.places.shard(&BucketName::new("logs"), stem).unwrap();
    put("state", place.key.as_str(), document).await;
    drop(done);
    let event = ObjectEvent {
        size: Some(100),
        ..ObjectEvent::new(
            EventKind::new("ObjectCreated:Put"),
            BucketName::new("logs"),
            ObjectKey::new(format!("{stem}00-00-A")).unwrap(),
        )
    };
    put("logs", event.key.as_str(), "no record\n".to_owned()).await;
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let outcomes = compact.handle_all(&[&event], Deadline::after(Duration::from_secs(300))).await;
    let peak = ALLOCATOR.peak_usage() - before;
    assert!(outcomes.iter().all(|outcome| outcome.verdict == Verdict::Done), "{outcomes:?}");
    eprintln!("{names} names: {peak} bytes at the peak, {} a name", peak / names);
    assert!(peak <= names * NAME + BATCH, "{peak}");
}
