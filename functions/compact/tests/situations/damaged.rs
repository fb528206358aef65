//! What is collected, and can't be read when its window has closed.

use std::time::Duration;

use brigade::event::{BucketName, ObjectKey};
use brigade::storage::faulty::{Moment, Point};
use brigade::storage::{Location, PutOptions, Store};
use bytes::Bytes;

use crate::stage::{Stage, before_a_part, codes, handle, on_schedule};

const HOURLY: &[(&str, &str)] = &[("BRIGADE_FLUSH", "hour"), ("BRIGADE_RAW", "delete")];

/// What becomes of a bundle.
type Damage = fn(&[u8]) -> Vec<u8>;

/// Three bundles of one window and one of the next, of which the second one (by name) of the first is replaced by what
/// `damage` makes of it. Answers its key, and the lines of the others.
async fn collected(stage: &Stage, damage: impl Fn(&[u8]) -> Vec<u8>) -> (String, Vec<String>) {
    for (hour, ids) in [(10, ["a1", "a2"]), (10, ["b1", "b2"]), (10, ["c1", "c2"]), (11, ["d1", "d2"])] {
        let event = stage.log(hour, &ids[0].to_uppercase(), &ids).await;
        assert_eq!(codes(&handle(&stage.function(HOURLY, u64::from(ids[0].as_bytes()[0])), &[event]).await), ["done"]);
    }
    let bundles = stage.below("state", "compact/v1/_open/2026-11-22-10.").await;
    let (key, bundle) = bundles.into_iter().nth(1).unwrap();
    put(stage, &key, damage(&bundle).into()).await;
    // Which lines it had is told by what is published without it.
    stage.let_pass(Duration::from_secs(26 * 3600));
    let all = ["a1", "a2", "b1", "b2", "c1", "c2", "d1", "d2"];
    let inside = String::from_utf8_lossy(&zstd::decode_all(bundle.as_ref()).unwrap()).into_owned();
    (key, all.iter().filter(|id| !inside.contains(&format!(" {id} "))).map(|id| (*id).to_owned()).collect())
}

async fn put(stage: &Stage, key: &str, body: Bytes) {
    let at = Location::new(BucketName::new("state"), ObjectKey::new(key).unwrap());
    stage.store.put(&at, body, PutOptions::default()).await.unwrap();
}

#[tokio::test]
async fn a_damaged_bundle_is_set_aside_once_and_the_others_of_its_window_are_published() {
    let cases: [(&str, Damage); 4] = [
        ("empty", |_| Vec::new()),
        ("no bundle", |_| b"something else".to_vec()),
        ("cut off", |whole| whole[..whole.len() - 6].to_vec()),
        ("cut off between log objects", |whole| {
            let text = zstd::decode_all(whole).unwrap();
            zstd::encode_all(&text[..text.len() - 1], 3).unwrap()
        }),
    ];
    for (situation, damage) in cases {
        let stage = Stage::new();
        let (key, others) = collected(&stage, damage).await;
        assert_eq!(others.len(), 6);
        let outcome = on_schedule(&stage.function(HOURLY, 1)).await;
        let reason = outcome.verdict.reason().unwrap();
        assert_eq!((outcome.verdict.name(), reason.code.as_ref()), ("park", "damaged"), "{situation}: {reason:?}");
        assert!(reason.detail.contains(&key), "{situation}: {reason:?}");
        assert_eq!(stage.lines().await, others, "{situation}");
        assert!(stage.below("state", &key).await.contains_key(&key), "{situation}: somebody may want to look at it");
        for seed in 2..4 {
            let outcome = on_schedule(&stage.function(HOURLY, seed)).await;
            assert_eq!(outcome.verdict.name(), "done", "{situation}: {outcome:?}");
            assert!(outcome.figures.contains(&("set_aside", 1)), "{situation}: {outcome:?}");
        }
        assert_eq!(stage.lines().await, others, "{situation}");
    }
}

/// The outcome of a run has one verdict, and a worse one hides a `Park`; and who dies has none.
#[tokio::test]
async fn what_is_set_aside_is_told_whatever_else_the_schedule_meets() {
    let stage = Stage::new();
    let (key, others) = collected(&stage, |_| Vec::new()).await;
    // The ledger's document of another window can't be read.
    put(&stage, "compact/v1/_open/2026-11-22-09.0/x.zst", Bytes::new()).await;
    put(&stage, "compact/v1/windows/2026-11-22-09.0", Bytes::from_static(b"{}")).await;
    for seed in 1..3 {
        let outcome = on_schedule(&stage.function(HOURLY, seed)).await;
        assert_eq!(codes(std::slice::from_ref(&outcome)), ["ledger-damaged"]);
        assert!(outcome.figures.contains(&("set_aside", 1)), "{outcome:?}");
        let told: Vec<_> = stage.told.lines("damaged");
        assert_eq!(told.len(), 1, "once: {told:?}");
        assert_eq!((&told[0]["event"], &told[0]["key"]), (&"SetAside".into(), &key.as_str().into()));
    }
    assert_eq!(stage.lines().await, others);
}

#[tokio::test]
async fn what_is_set_aside_is_told_when_the_process_dies_right_after() {
    let stage = Stage::new();
    let (_, others) = collected(&stage, |_| Vec::new()).await;
    stage.held_on_schedule(HOURLY, 1, before_a_part).await.die().await;
    assert_eq!(stage.told.lines("damaged").len(), 1);
    stage.let_pass(Duration::from_secs(1_000));
    let outcome = on_schedule(&stage.function(HOURLY, 2)).await;
    assert!(outcome.figures.contains(&("set_aside", 1)), "{outcome:?}");
    assert_eq!(stage.lines().await, others);
}

#[tokio::test]
async fn a_bundle_that_was_mended_is_published_under_another_name() {
    let stage = Stage::new();
    let whole = std::sync::Mutex::new(Vec::new());
    let (key, _) = collected(&stage, |bundle| {
        *whole.lock().unwrap() = bundle.to_vec();
        Vec::new()
    })
    .await;
    on_schedule(&stage.function(HOURLY, 1)).await;
    let whole = whole.into_inner().unwrap();
    put(&stage, &key.replace(".zst", "-mended.zst"), whole.into()).await;
    assert_eq!(on_schedule(&stage.function(HOURLY, 2)).await.verdict.name(), "done");
    assert_eq!(stage.lines().await.len(), 8);
}

/// Each round of requests takes ten seconds, and a run of the schedule has less than a minute for publishing.
#[tokio::test(start_paused = true)]
async fn many_damaged_bundles_are_found_in_one_round() {
    let stage = Stage::new();
    for n in 0..12 {
        let event = stage.log(10, &format!("{n:02}"), &[&format!("r{n:02}")]).await;
        assert_eq!(codes(&handle(&stage.function(HOURLY, 100 + n), &[event]).await), ["done"]);
    }
    let bundles = stage.below("state", "compact/v1/_open/").await;
    let damages: [Damage; 2] = [|_| Vec::new(), |whole| whole[..whole.len() - 6].to_vec()];
    for (n, (key, bundle)) in bundles.iter().enumerate().filter(|(n, _)| n % 3 != 1) {
        put(&stage, key, damages[n % 2](bundle).into()).await;
    }
    stage.let_pass(Duration::from_secs(26 * 3600));
    let of_bundles = |point: &Point| {
        point.operation == "GetObject" && point.place.contains("/_open/") && point.moment == Moment::BeforeEffect
    };
    let function = stage.slow(&[HOURLY, &[("BRIGADE_CONCURRENCY", "16")]].concat(), of_bundles, Duration::from_secs(10));
    let outcome = on_schedule(&function).await;
    assert_eq!(outcome.verdict.name(), "park", "{outcome:?}");
    assert!(outcome.figures.contains(&("set_aside", 8)), "{outcome:?}");
    assert_eq!(stage.told.lines("damaged").len(), 8);
    assert_eq!(stage.lines().await.len(), 4);
}

#[tokio::test]
async fn a_bundle_of_a_newer_version_waits_and_the_others_do_not() {
    let stage = Stage::new();
    let newer = |whole: &[u8]| {
        let text = zstd::decode_all(whole).unwrap();
        let at = text.windows(4).position(|four| four == b"\"v\":").unwrap() + 4;
        zstd::encode_all([&text[..at], b"9", &text[at + 1..]].concat().as_slice(), 3).unwrap()
    };
    let (_, others) = collected(&stage, newer).await;
    for seed in 1..3 {
        let outcome = on_schedule(&stage.function(HOURLY, seed)).await;
        assert_eq!((outcome.verdict.name(), codes(&[outcome])[0].as_str()), ("retry", "newer"));
        assert_eq!(stage.lines().await, others);
    }
}
