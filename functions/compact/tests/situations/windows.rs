//! What is collected, by the window in whose ledger document it is accounted for.

use std::collections::BTreeSet;
use std::time::Duration;

use brigade::event::{BucketName, ObjectKey};
use brigade::storage::{Delete, Location, PutOptions, Store};
use bytes::Bytes;
use serde_json::json;

use crate::stage::{Stage, after_a_bundle, codes, handle, on_schedule};

const DAILY: &[(&str, &str)] = &[("BRIGADE_FLUSH", "day"), ("BRIGADE_RAW", "delete")];
const LATER: Duration = Duration::from_secs(1_000);
const TWO_DAYS_LATER: Duration = Duration::from_secs(50 * 3600);

fn at(key: &str) -> Location {
    Location::new(BucketName::new("state"), ObjectKey::new(key).unwrap())
}

async fn put(stage: &Stage, key: &str, body: Bytes) {
    stage.store.put(&at(key), body, PutOptions::default()).await.unwrap();
}

/// What is collected goes to another window of its day. Answers its new keys.
async fn move_to(stage: &Stage, window: &str) -> Vec<String> {
    let mut keys = Vec::new();
    for (key, bundle) in stage.below("state", "compact/v1/_open/").await {
        let name = key.rsplit('/').next().unwrap();
        keys.push(format!("compact/v1/_open/{window}/{name}"));
        put(stage, keys.last().unwrap(), bundle).await;
        stage.store.delete(&at(&key), Delete::default()).await.unwrap();
    }
    keys
}

#[tokio::test]
async fn the_sources_of_a_day_are_accounted_for_in_sixteen_documents() {
    let stage = Stage::new();
    let mut events = Vec::new();
    for source in 0..40 {
        let mut event = stage.log(10, "A", &[]).await;
        event.key = ObjectKey::new(format!("{source}/{}", event.key)).unwrap();
        stage.write(&event.key, &[&format!("r{source:02}")], None).await;
        events.push(event);
    }
    assert!(codes(&handle(&stage.function(DAILY, 1), &events).await).iter().all(|code| code == "done"));
    stage.let_pass(TWO_DAYS_LATER);
    assert_eq!(on_schedule(&stage.function(DAILY, 2)).await.verdict.name(), "done");
    let windows: BTreeSet<String> = stage.below("state", "compact/v1/windows/").await.into_keys().collect();
    assert!((12..=16).contains(&windows.len()), "{windows:?}");
    assert!(windows.iter().all(|key| key.starts_with("compact/v1/windows/2026-11-22.")), "{windows:?}");
    assert_eq!(stage.lines().await.len(), 40);
}

#[tokio::test]
async fn what_was_collected_before_is_published_from_where_it_lies() {
    let stage = Stage::new();
    let events = [stage.log(10, "A", &["a"]).await];
    assert_eq!(codes(&handle(&stage.function(DAILY, 1), &events).await), ["done"]);
    move_to(&stage, "2026-11-22").await;
    on_schedule(&stage.function(DAILY, 2)).await;
    assert!(stage.lines().await.is_empty(), "its day is not over");
    stage.let_pass(TWO_DAYS_LATER);
    assert_eq!(on_schedule(&stage.function(DAILY, 2)).await.verdict.name(), "done");
    assert_eq!(stage.lines().await, ["a"]);
    let windows: Vec<String> = stage.below("state", "compact/v1/windows/").await.into_keys().collect();
    assert_eq!(windows, ["compact/v1/windows/2026-11-22"]);
}

#[tokio::test]
async fn a_batch_that_was_begun_before_is_collected_where_it_was_begun() {
    let stage = Stage::new();
    let events = [stage.log(10, "A", &["a"]).await];
    stage.held(DAILY, &events, 1, after_a_bundle).await.die().await;
    // As an earlier version wrote it: the day alone is the window, in the open batch and in the bundle's place.
    let (ledger, document) = stage.below("state", "compact/v1/logs/").await.pop_first().unwrap();
    let document = String::from_utf8(document.to_vec()).unwrap();
    let earlier = document.split("2026-11-22.").map(|rest| rest.trim_start_matches(|c: char| c.is_ascii_hexdigit()));
    put(&stage, &ledger, earlier.collect::<Vec<_>>().join("2026-11-22").into()).await;
    let bundles = move_to(&stage, "2026-11-22").await;
    stage.let_pass(LATER);
    assert_eq!(codes(&handle(&stage.function(DAILY, 2), &events).await), ["done"]);
    let collected: Vec<String> = stage.below("state", "compact/v1/_open/").await.into_keys().collect();
    assert_eq!(collected, bundles, "no second one beside it");
    stage.let_pass(TWO_DAYS_LATER);
    on_schedule(&stage.function(DAILY, 3)).await;
    assert_eq!(stage.lines().await, ["a"]);
}

#[tokio::test]
async fn at_a_documents_bound_what_is_over_it_stays_collected() {
    let stage = Stage::new();
    let events = [stage.log(10, "A", &["a"]).await];
    assert_eq!(codes(&handle(&stage.function(DAILY, 1), &events).await), ["done"]);
    let (key, _) = stage.below("state", "compact/v1/_open/").await.pop_first().unwrap();
    let window = key.strip_prefix("compact/v1/_open/").unwrap().split('/').next().unwrap();
    let stem = format!("compact/v1/_open/{window}/");
    let known = |count: usize| {
        let done: Vec<String> = (0..count).map(|n| format!("{n:032x}.zst")).collect();
        json!({"v": 2, "nonce": "0", "bucket": "state", "stem": stem, "done": done, "open": []}).to_string()
    };
    let one = known(2).len() - known(1).len();
    let most = ((8 << 20) - known(0).len()) / one;
    assert!(most > 215_000, "{most}");
    put(&stage, &format!("compact/v1/windows/{window}"), known(most).into()).await;
    stage.let_pass(TWO_DAYS_LATER);
    // Another day, which is later.
    let mut later = stage.log(10, "B", &["b"]).await;
    later.key = ObjectKey::new("2026-11-23-10-00-00-B").unwrap();
    stage.write(&later.key, &["b"], None).await;
    assert_eq!(codes(&handle(&stage.function(DAILY, 2), &[later]).await), ["done"]);
    for seed in 3..5 {
        let outcome = on_schedule(&stage.function(DAILY, seed)).await;
        assert_eq!(codes(&[outcome]), ["ledger-full"]);
        assert!(stage.below("state", &key).await.contains_key(&key));
        assert_eq!(stage.lines().await, ["b"]);
    }
    // What the README says to do.
    move_to(&stage, &format!("{window}-more")).await;
    assert_eq!(on_schedule(&stage.function(DAILY, 5)).await.verdict.name(), "done");
    assert_eq!(stage.lines().await, ["a", "b"]);
}

/// More than one run looks at, of a window whose document is full, and older than the other.
#[tokio::test]
async fn a_window_that_is_full_keeps_no_bundles_of_others() {
    let stage = Stage::new();
    let events = [stage.log(10, "A", &["a"]).await];
    assert_eq!(codes(&handle(&stage.function(DAILY, 1), &events).await), ["done"]);
    // Set aside, or over the bound: for the listing it is the same.
    let names = (0..50_000).map(|n| format!("{n:032x}.zst"));
    let mut set_aside = serde_json::Map::new();
    for name in names {
        put(&stage, &format!("compact/v1/_open/2026-11-20/{name}"), Bytes::new()).await;
        set_aside.insert(name, "damaged".into());
    }
    let document =
        json!({"v": 2, "nonce": "0", "bucket": "state", "stem": "compact/v1/_open/2026-11-20/", "set_aside": set_aside});
    put(&stage, "compact/v1/windows/2026-11-20", document.to_string().into()).await;
    stage.let_pass(TWO_DAYS_LATER);
    let outcome = on_schedule(&stage.function(DAILY, 2)).await;
    assert_eq!(outcome.verdict.name(), "done", "{outcome:?}");
    assert!(outcome.figures.contains(&("set_aside", 50_000)), "{outcome:?}");
    assert_eq!(stage.lines().await, ["a"]);
}
