//! Somebody else is at work on the same key, between two requests of cleanup's.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use brigade::storage::faulty::{Faults, Moment, Pause};
use brigade::storage::{EmbeddedStore, FaultyStore, PutOptions};
use bytes::Bytes;
use futures::FutureExt;

use crate::world::{World, at, photo, removed, told};

/// Cleanup's store, in which `happens` once before the first request of that name.
fn before(
    store: &EmbeddedStore,
    operation: &'static str,
    happens: impl Fn(&EmbeddedStore) + Send + Sync + 'static,
) -> FaultyStore<EmbeddedStore> {
    let (world, count) = (store.clone(), AtomicU32::new(0));
    let pause: Pause = Arc::new(move |point| {
        let now = point.operation == operation && point.moment == Moment::BeforeEffect;
        if now && count.fetch_add(1, Ordering::SeqCst) == 0 {
            happens(&world);
        }
        std::future::ready(()).boxed()
    });
    FaultyStore::new(store.clone(), Faults::default(), 0).with_pause(pause)
}

fn put(store: &EmbeddedStore, bucket: &str, key: &str, text: &'static str) {
    let kind = brigade::event::EventKind::new("ObjectCreated:Put");
    store.put_object(&at(bucket, key), Bytes::from(text), PutOptions::default(), kind).unwrap();
}

#[tokio::test]
async fn a_source_that_comes_back_before_the_removal_is_made_again() {
    let w = World::new();
    let a = photo("a");
    w.put(&a, "x").await;
    w.make(&a).await;
    w.remove(&a).await;
    // The other worker finds everything right, for the bytes are the same, and acknowledges.
    let store = before(&w.store, "DeleteObjects", |world| put(world, "photos", "a", "x"));
    let outcome = removed(&w.cleanup_on(Arc::new(store), &[]), &a).await;
    assert_eq!(told(&outcome), "done, removed 3, announced 1");
    assert_eq!(w.announced(), ["a"]);
}

#[tokio::test]
async fn an_output_that_was_replaced_meanwhile_is_looked_at_again() {
    let w = World::new();
    let a = photo("a");
    w.put(&a, "x").await;
    w.make(&a).await;
    w.remove(&a).await;
    // Without the mark it is somebody else's now.
    let store = before(&w.store, "DeleteObjects", |world| put(world, "derived", "t/photos/a/2.txt", "other"));
    let outcome = removed(&w.cleanup_on(Arc::new(store), &[]), &a).await;
    assert_eq!(told(&outcome), "done, removed 2");
    assert_eq!(w.keys("derived").await, ["t/photos/a/2.txt"]);
}

#[tokio::test]
async fn a_removal_whose_reply_is_lost_is_looked_at_once_more_later() {
    let w = World::new();
    let a = photo("a");
    w.put(&a, "x").await;
    w.make(&a).await;
    w.remove(&a).await;
    let faults = Faults { reply_lost: 1.0, ..Faults::default() };
    let store = FaultyStore::new(w.store.clone(), faults, 0);
    let outcome = removed(&w.cleanup_on(Arc::new(store), &[]), &a).await;
    assert_eq!(told(&outcome), "retry unavailable");
    assert!(outcome.look_again);
    assert_eq!(told(&removed(&w.cleanup(&[]), &a).await), "done, removed 1", "the sidecar alone is left");
}
