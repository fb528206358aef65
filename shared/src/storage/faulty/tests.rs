//! Each fault does what the fault model says, and no more.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::{FutureExt, TryStreamExt};

use super::super::{Condition, EmbeddedStore, ErrorKind, Get, Head, Location, PutOptions, Store};
use super::*;
use crate::event::{BucketName, ObjectKey};

fn at(key: &str) -> Location {
    Location::new(BucketName::new("photos"), ObjectKey::new(key).unwrap())
}

fn store(faults: Faults) -> FaultyStore<EmbeddedStore> {
    seeded(faults, 1)
}

fn seeded(faults: Faults, seed: u64) -> FaultyStore<EmbeddedStore> {
    let inner = EmbeddedStore::new();
    inner.create_bucket(&BucketName::new("photos"), "us-east-1").unwrap();
    FaultyStore::new(inner, faults, seed)
}

async fn create(store: &dyn Store, key: &str) -> Option<ErrorKind> {
    let options = PutOptions { condition: Condition::IfAbsent, ..PutOptions::default() };
    store.put(&at(key), Bytes::from_static(b"1"), options).await.err().map(|error| error.kind)
}

async fn exists(store: &FaultyStore<EmbeddedStore>, key: &str) -> bool {
    store.inner().head(&at(key), Head::default()).await.is_ok()
}

#[tokio::test]
async fn each_fault_of_a_write_shows_what_the_model_says() {
    let none = Faults::default();
    // One line per case: faults, what the caller sees, whether the object is there.
    let cases = [
        (none, None, true),
        (Faults { throttle: 1.0, ..none }, Some(ErrorKind::Throttled), false),
        (Faults { unavailable: 1.0, ..none }, Some(ErrorKind::Unavailable), false),
        (Faults { reply_lost: 1.0, ..none }, Some(ErrorKind::Unavailable), true),
        (Faults { resent: 1.0, ..none }, Some(ErrorKind::PreconditionFailed), true),
        (Faults { late: 1.0, ..none }, Some(ErrorKind::Unavailable), false),
        (Faults { cut: 1.0, ..none }, None, true),
    ];
    for (faults, seen, there) in cases {
        let store = store(faults);
        assert_eq!(create(&store, "k").await, seen, "{faults:?}");
        assert_eq!(exists(&store, "k").await, there, "{faults:?}");
        let counts = store.fired();
        let fired = [counts.throttled, counts.unavailable, counts.reply_lost, counts.resent, counts.late].iter().sum::<u64>();
        assert_eq!(fired, u64::from(faults != none && faults.cut == 0.0), "{counts:?}");
    }
}

#[tokio::test]
async fn what_is_refused_does_nothing_until_it_is_allowed() {
    let store = store(Faults::default());
    store.refuse(&at("k"), ErrorKind::AccessDenied);
    assert_eq!((create(&store, "k").await, create(&store, "other").await), (Some(ErrorKind::AccessDenied), None));
    let head = store.head(&at("k"), Head::default()).await.err().map(|error| error.kind);
    assert_eq!((head, exists(&store, "k").await, store.fired().refused), (Some(ErrorKind::AccessDenied), false, 2));
    store.allow(&at("k"));
    assert_eq!(create(&store, "k").await, None);
}

#[tokio::test]
async fn a_reply_whose_write_was_refused_is_not_lost() {
    let store = store(Faults::default());
    create(&store, "k").await;
    store.set_faults(Faults { reply_lost: 1.0, ..Faults::default() });
    assert_eq!(create(&store, "k").await, Some(ErrorKind::PreconditionFailed));
    assert_eq!(store.fired().reply_lost, 0);
}

#[tokio::test]
async fn a_late_write_lands_when_it_is_told_to_and_its_condition_is_judged_then() {
    let store = store(Faults { late: 1.0, ..Faults::default() });
    create(&store, "a").await;
    create(&store, "b").await;
    store.set_faults(Faults::default());
    create(&store, "b").await;
    assert_eq!((store.waiting(), exists(&store, "a").await), (2, false));
    assert_eq!(store.land_late().await, 2);
    assert!(exists(&store, "a").await);
    let timeline = store.timeline();
    assert_eq!(timeline.last().map(String::as_str), Some("2 PutObject s3://photos/b: landed late, PreconditionFailed"));
}

#[tokio::test]
async fn a_late_write_lands_by_itself_within_some_requests() {
    let store = store(Faults { late: 1.0, late_within: 3, ..Faults::default() });
    create(&store, "k").await;
    store.set_faults(Faults::default());
    for _ in 0..3 {
        let _ = store.head(&at("other"), Head::default()).await;
    }
    assert_eq!((store.fired().landed_late, exists(&store, "k").await), (1, true));
}

#[tokio::test]
async fn a_late_write_lands_after_its_sender_died() {
    let store = store(Faults { late: 1.0, ..Faults::default() });
    let sender = store.clone();
    tokio::spawn(async move { create(&sender, "k").await }).await.unwrap();
    store.land_late().await;
    assert!(exists(&store, "k").await);
}

#[tokio::test]
async fn a_cut_body_ends_with_an_error() {
    let store = store(Faults { cut: 1.0, ..Faults::default() });
    create(&store, "k").await;
    let body = store.get(&at("k"), Get::default()).await.unwrap().body;
    let error = body.try_collect::<Vec<Bytes>>().await.unwrap_err();
    assert_eq!((error.kind, store.fired().cut), (ErrorKind::Unavailable, 1));
}

#[tokio::test]
async fn a_crash_at_a_point_leaves_the_effect_or_not() {
    for (moment, there) in [(Moment::BeforeEffect, false), (Moment::AfterEffect, true)] {
        let crash: Pause = Arc::new(move |point| {
            if point.moment == moment { futures::future::pending().boxed() } else { futures::future::ready(()).boxed() }
        });
        let store = store(Faults::default()).with_pause(crash);
        // The future is dropped where it stands.
        assert_eq!(create(&store, "k").now_or_never(), None);
        assert_eq!(exists(&store, "k").await, there, "{moment:?}");
    }
}

#[tokio::test]
async fn every_request_passes_both_points() {
    let points = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&points);
    let note: Pause = Arc::new(move |point| {
        seen.lock().unwrap().push((point.request, point.operation, point.moment));
        futures::future::ready(()).boxed()
    });
    let store = store(Faults::default()).with_pause(note);
    create(&store, "k").await;
    store.head(&at("k"), Head::default()).await.unwrap();
    let expected = [
        (1, "PutObject", Moment::BeforeEffect),
        (1, "PutObject", Moment::AfterEffect),
        (2, "HeadObject", Moment::BeforeEffect),
        (2, "HeadObject", Moment::AfterEffect),
    ];
    assert_eq!(*points.lock().unwrap(), expected);
}

#[tokio::test]
async fn the_same_seed_gives_the_same_faults_and_every_fault_comes() {
    let all = Faults { throttle: 0.1, unavailable: 0.1, reply_lost: 0.1, resent: 0.1, late: 0.1, late_within: 5, cut: 0.1 };
    let mut runs = Vec::new();
    for seed in [1, 1, 2] {
        let store = seeded(all, seed);
        for i in 0..200 {
            create(&store, &format!("k{i}")).await;
            drop(store.get(&at("k0"), Get::default()).await);
        }
        store.land_late().await;
        let c = store.fired();
        assert!([c.throttled, c.unavailable, c.reply_lost, c.resent, c.late, c.cut].iter().all(|n| *n > 0), "{c:?}");
        assert_eq!((c.requests, c.late), (400, c.landed_late));
        runs.push((c, store.timeline()));
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
}
