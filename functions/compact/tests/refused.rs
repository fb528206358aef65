//! Log objects that can't be read, and invocations that end too soon.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise; clippy exempts test functions alone")]

use std::sync::Arc;
use std::time::Duration;

use brigade::budget::Deadline;
use brigade::event::{BucketName, EventKind, ObjectEvent, ObjectKey};
use brigade::storage::{EmbeddedStore, Head, List, Location, Nonces, PutOptions, Store};
use brigade::worker::{StandardOutput, Together};
use brigade_compact::{Compact, Config};
use bytes::Bytes;

const LINE: &str = "o photos [22/Nov/2026:10:00:00 +0000] - - R OP k - 204 - - 57 - - - - v\n";

fn store() -> EmbeddedStore {
    let store = EmbeddedStore::new();
    for bucket in ["logs", "tables", "state"] {
        store.create_bucket(&BucketName::new(bucket), "us-east-1").unwrap();
    }
    store
}

fn function(store: &EmbeddedStore, memory: &str, seed: u64) -> Compact {
    let variables = [
        ("BRIGADE_INPUT", "s3://logs/*"),
        ("BRIGADE_OUTPUT", "s3://tables/t/"),
        ("BRIGADE_STATE", "s3://state/"),
        ("BRIGADE_RAW", "delete"),
        ("BRIGADE_FILE_SIZE", "1MB"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory),
    ];
    let config = Config::read(&variables.into_iter().collect()).unwrap();
    Compact::new(&config, Arc::new(store.clone()), Nonces::new(fastrand::Rng::with_seed(seed)), Arc::new(StandardOutput))
}

async fn log(store: &EmbeddedStore, name: &str, bytes: usize) -> ObjectEvent {
    let at = Location::new(BucketName::new("logs"), ObjectKey::new(format!("2026-11-22-10-00-00-{name}")).unwrap());
    let body = LINE.repeat(bytes.div_ceil(LINE.len()));
    store.put(&at, Bytes::from(body), PutOptions::default()).await.unwrap();
    ObjectEvent { size: Some(500), ..ObjectEvent::new(EventKind::new("ObjectCreated:Put"), at.bucket, at.key) }
}

async fn codes(function: &Compact, events: &[&ObjectEvent], seconds: u64) -> Vec<String> {
    let outcomes = function.handle_all(events, Deadline::after(Duration::from_secs(seconds))).await;
    let code = |reason: Option<&brigade::verdict::Reason>| reason.map_or("done".to_owned(), |reason| reason.code.to_string());
    outcomes.iter().map(|outcome| code(outcome.verdict.reason())).collect()
}

#[tokio::test]
async fn a_log_object_that_is_too_large_stays_until_it_is_published() {
    let store = store();
    let (small, large) = (log(&store, "A", 100).await, log(&store, "B", 17 << 20).await);
    let function_128 = function(&store, "128", 1);
    assert_eq!(codes(&function_128, &[&small, &large], 60).await, ["done", "too-large"]);
    // The message comes once more, as messages do.
    assert_eq!(codes(&function_128, &[&large], 60).await, ["too-large"]);
    let at = Location::new(large.bucket.clone(), large.key.clone());
    assert!(store.head(&at, Head::default()).await.is_ok(), "its lines are nowhere else");
    // With more memory it is published.
    assert_eq!(codes(&function(&store, "1024", 2), &[&large], 60).await, ["done"]);
    assert!(store.head(&at, Head::default()).await.is_err());
    assert_eq!(store.list(&BucketName::new("tables"), List::default()).await.unwrap().objects.len(), 2);
}

#[tokio::test]
async fn nothing_is_claimed_when_there_is_no_time_to_work() {
    let store = store();
    let event = log(&store, "A", 100).await;
    assert_eq!(codes(&function(&store, "128", 1), &[&event], 4).await, ["unstarted"]);
    assert!(store.list(&BucketName::new("state"), List::default()).await.unwrap().objects.is_empty());
}
