//! Versioned buckets, of sources and of derived objects.

use std::sync::Arc;

use brigade::event::{BucketName, EventKind};
use brigade::storage::embedded::Versioning;
use brigade::storage::faulty::{Faults, Moment, Pause};
use brigade::storage::{Delete, FaultyStore, ListVersions, PutOptions, Store};
use futures::FutureExt;

use crate::world::{World, at, photo, removed, told};

const DELETE: [(&str, &str); 1] = [("BRIGADE_NONCURRENT", "delete")];

fn versioned(buckets: &[&str]) -> World {
    let w = World::new();
    buckets.iter().for_each(|name| w.store.set_versioning(&BucketName::new(*name), Versioning::Enabled).unwrap());
    w
}

async fn versions(w: &World) -> usize {
    w.store.list_versions(&BucketName::new("derived"), ListVersions::default()).await.unwrap().versions.len()
}

#[tokio::test]
async fn a_delete_marker_is_a_removal_and_its_own_removal_brings_everything_back() {
    let w = versioned(&["photos"]);
    let a = photo("a");
    w.put(&a, "x").await;
    w.make(&a).await;
    let marker = w.store.delete(&a, Delete::default()).await.unwrap();
    let cleanup = w.cleanup(&[]);
    assert_eq!(told(&removed(&cleanup, &a).await), "done, removed 3");
    let undo = Delete { version_id: marker.version_id, ..Delete::default() };
    w.store.delete(&a, undo).await.unwrap();
    assert_eq!(told(&removed(&cleanup, &a).await), "done, announced 1");
}

#[tokio::test]
async fn when_an_older_version_is_current_again_nothing_is_removed() {
    let w = versioned(&["photos"]);
    let a = photo("a");
    w.put(&a, "old").await;
    let new = w.store.put(&a, "new".into(), Default::default()).await.unwrap();
    w.make(&a).await;
    w.store.delete(&a, Delete { version_id: new.version_id, ..Delete::default() }).await.unwrap();
    assert_eq!(told(&removed(&w.cleanup(&[]), &a).await), "done, announced 1");
    assert_eq!(w.keys("derived").await.len(), 3);
}

#[tokio::test]
async fn older_versions_of_derived_objects_stay_by_default() {
    let w = versioned(&["derived"]);
    let a = photo("a");
    w.put(&a, "x").await;
    w.make(&a).await;
    w.remove(&a).await;
    assert_eq!(told(&removed(&w.cleanup(&[]), &a).await), "done, removed 3");
    assert_eq!(versions(&w).await, 6, "three objects and three delete markers");
}

#[tokio::test]
async fn older_versions_go_where_that_was_asked_for() {
    let w = versioned(&["derived"]);
    let a = photo("a");
    for text in ["x", "y"] {
        w.put(&a, text).await;
        w.make(&a).await;
    }
    w.put(&at("derived", "t/photos/a/notes.txt"), "mine").await;
    w.remove(&at("derived", "t/photos/a/notes.txt")).await;
    w.remove(&a).await;
    let cleanup = w.cleanup(&DELETE);
    let outcome = removed(&cleanup, &a).await;
    assert_eq!(told(&outcome), "done, removed 12", "three current ones, then six versions and three delete markers");
    assert_eq!(versions(&w).await, 2, "the notes and their marker");
    assert_eq!(told(&removed(&cleanup, &a).await), "done", "the same event again");
}

#[tokio::test]
async fn what_a_worker_left_that_died_in_between_goes_with_the_next_look() {
    let w = versioned(&["derived"]);
    let a = photo("a");
    w.put(&a, "x").await;
    w.make(&a).await;
    w.remove(&a).await;
    removed(&w.cleanup(&[]), &a).await;
    assert_eq!(told(&removed(&w.cleanup(&DELETE), &a).await), "done, removed 6");
    assert_eq!(versions(&w).await, 0);
}

#[tokio::test]
async fn markers_of_a_key_that_has_nothing_else_are_nobodys() {
    let w = versioned(&["derived"]);
    let a = photo("a");
    w.put(&a, "x").await;
    w.make(&a).await;
    // Somebody has removed what was not there, or a rule the version below.
    w.remove(&at("derived", "t/photos/a/notes.txt")).await;
    w.remove(&a).await;
    assert_eq!(told(&removed(&w.cleanup(&DELETE), &a).await), "done, removed 9");
    assert_eq!(versions(&w).await, 1, "the marker");
}

#[tokio::test]
async fn where_versioning_is_suspended_what_is_put_meanwhile_stays() {
    let w = versioned(&["derived"]);
    let a = photo("a");
    w.put(&a, "x").await;
    w.make(&a).await;
    w.store.set_versioning(&BucketName::new("derived"), Versioning::Suspended).unwrap();
    w.remove(&a).await;
    let world = w.store.clone();
    let pause: Pause = Arc::new(move |point| {
        if point.operation == "ListObjectVersions" && point.moment == Moment::AfterEffect {
            let kind = EventKind::new("ObjectCreated:Put");
            world.put_object(&at("derived", "t/photos/a/1.txt"), "new".into(), PutOptions::default(), kind).unwrap();
        }
        std::future::ready(()).boxed()
    });
    let store = FaultyStore::new(w.store.clone(), Faults::default(), 0).with_pause(pause);
    let outcome = removed(&w.cleanup_on(Arc::new(store), &DELETE), &a).await;
    assert_eq!(told(&outcome), "done, removed 6", "three current ones, then the three versions below");
    assert_eq!(w.keys("derived").await, ["t/photos/a/1.txt"]);
    assert_eq!(versions(&w).await, 3, "it, and two markers with nothing below");
}
