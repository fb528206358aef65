//! The ledger forgets what is gone, in the time that it has.

use std::collections::BTreeSet;
use std::time::Duration;

use brigade::budget::Deadline;
use brigade::event::{BucketName, ObjectKey};
use brigade::storage::faulty::{Moment, Point};
use brigade::storage::{Delete, Location, PutOptions, Store};
use brigade::verdict::Outcome;
use brigade::worker::Worker;
use brigade_compact::Compact;
use serde_json::{Value, json};
use tokio::time::timeout_at;

use crate::stage::{Stage, codes, handle, on_schedule};

/// No document is fresh any more.
const LATER: Duration = Duration::from_secs(1_000);
const DELETE: &[(&str, &str)] = &[("BRIGADE_RAW", "delete")];

/// Log objects of so many hours, two of each, published.
async fn published(stage: &Stage, hours: u8, variables: &[(&str, &str)]) {
    let mut events = Vec::new();
    for hour in 0..hours {
        events.push(stage.log(hour, "A", &[&format!("a{hour:02}")]).await);
        events.push(stage.log(hour, "B", &[&format!("b{hour:02}")]).await);
    }
    assert!(codes(&handle(&stage.function(variables, 99), &events).await).iter().all(|code| code == "done"));
}

fn forgotten(outcome: &Outcome) -> u64 {
    outcome.figures.iter().find(|(name, _)| *name == "forgotten").unwrap().1
}

/// What all ledger documents know to be done.
async fn known(stage: &Stage) -> BTreeSet<String> {
    let documents = stage.below("state", "compact/v1/logs/").await;
    let done = |document: &bytes::Bytes| -> Vec<String> {
        serde_json::from_value(serde_json::from_slice::<Value>(document).unwrap()["done"].clone()).unwrap()
    };
    documents.values().flat_map(done).collect()
}

#[tokio::test]
async fn a_document_that_is_being_written_is_left_alone() {
    let stage = Stage::new();
    published(&stage, 3, DELETE).await;
    assert_eq!(forgotten(&on_schedule(&stage.function(DELETE, 1)).await), 0);
    stage.let_pass(LATER);
    assert_eq!(forgotten(&on_schedule(&stage.function(DELETE, 2)).await), 6);
    assert!(known(&stage).await.is_empty());
}

#[tokio::test]
async fn of_a_bucket_that_is_gone_all_is_forgotten() {
    let stage = Stage::new();
    published(&stage, 3, &[]).await;
    stage.let_pass(LATER);
    let logs = BucketName::new("logs");
    for key in stage.below("logs", "").await.into_keys() {
        stage.store.delete(&Location::new(logs.clone(), ObjectKey::new(key).unwrap()), Delete::default()).await.unwrap();
    }
    stage.store.delete_bucket(&logs).unwrap();
    let outcome = on_schedule(&stage.function(&[], 1)).await;
    assert_eq!((outcome.verdict.name(), forgotten(&outcome)), ("done", 6), "{outcome:?}");
    assert!(known(&stage).await.is_empty());
}

/// On the schedule, with a minute, and behind the fence of the shell.
async fn in_a_minute(function: &Compact) -> Outcome {
    let deadline = Deadline::after(Duration::from_secs(60));
    timeout_at(deadline.work_ends(), function.on_schedule(deadline)).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_takes_longer_than_a_run_is_forgotten_in_the_next_ones() {
    let stage = Stage::new();
    published(&stage, 9, DELETE).await;
    stage.let_pass(LATER);
    let slow =
        |point: &Point| point.operation == "ListObjectsV2" && point.place == "logs" && point.moment == Moment::BeforeEffect;
    let function = stage.slow(DELETE, slow, Duration::from_secs(20));
    let (mut runs, mut all) = (0, 0);
    while all < 18 && runs < 100 {
        let outcome = in_a_minute(&function).await;
        assert_eq!(outcome.verdict.name(), "done", "{outcome:?}");
        assert!(forgotten(&outcome) <= 4, "two documents in 58 seconds");
        (runs, all) = (runs + 1, all + forgotten(&outcome));
    }
    assert_eq!(all, 18);
    assert!(known(&stage).await.is_empty());
}

#[tokio::test]
async fn of_many_log_objects_a_part_has_its_turn_in_each_run() {
    let stage = Stage::new();
    // The document of a source and hour with more than one run looks at. Every hundredth log object is gone.
    let names: Vec<String> = (0..60_000).map(|n| format!("{:02}-{:02}-{n:016X}", n / 60 % 60, n % 60)).collect();
    let gone: BTreeSet<String> = names.iter().step_by(100).cloned().collect();
    let (logs, state) = (BucketName::new("logs"), BucketName::new("state"));
    for name in names.iter().filter(|name| !gone.contains(*name)) {
        let key = ObjectKey::new(format!("2026-11-22-10-{name}")).unwrap();
        stage.store.put(&Location::new(logs.clone(), key), "".into(), PutOptions::default()).await.unwrap();
    }
    let document = json!({"v": 2, "nonce": "0", "bucket": "logs", "stem": "2026-11-22-10-", "done": names});
    let at = Location::new(state, ObjectKey::new("compact/v1/logs/0123456789abcdef0123456789abcdef").unwrap());
    stage.store.put(&at, document.to_string().into(), PutOptions::default()).await.unwrap();
    let mut runs = Vec::new();
    while runs.iter().sum::<u64>() < 600 && runs.len() < 30 {
        stage.let_pass(LATER);
        let outcome = on_schedule(&stage.function(&[], runs.len() as u64)).await;
        assert_eq!(outcome.verdict.name(), "done", "{outcome:?}");
        runs.push(forgotten(&outcome));
    }
    assert_eq!(runs.iter().sum::<u64>(), 600, "{runs:?}");
    assert!(runs.iter().all(|one| *one <= 510), "{runs:?}");
    let known = known(&stage).await;
    assert!(known.len() == 59_400 && known.is_disjoint(&gone));
}
