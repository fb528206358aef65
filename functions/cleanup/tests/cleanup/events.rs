//! What becomes of derived objects, event by event.

use brigade::event::{BucketName, EventKind};
use brigade::storage::{Copy, CopySource, PutOptions, Store};
use brigade::worker::Worker;

use crate::world::{World, at, deadline, event, photo, removed, told};

const A: [&str; 3] = ["t/photos/a/1.txt", "t/photos/a/2.txt", "t/photos/a/info.json"];

#[tokio::test]
async fn what_belonged_to_a_deleted_object_goes_and_nothing_else() {
    let w = World::new();
    let (a, b) = (photo("a"), photo("a/b"));
    for source in [&a, &b] {
        w.put(source, "x").await;
        w.make(source).await;
    }
    // Somebody's notes, in the directory of a's derived objects.
    w.put(&at("derived", "t/photos/a/notes.txt"), "mine").await;
    w.remove(&a).await;
    let cleanup = w.cleanup(&[]);
    assert_eq!(told(&removed(&cleanup, &a).await), "done, removed 3");
    let left = ["t/photos/a/b/1.txt", "t/photos/a/b/2.txt", "t/photos/a/b/info.json", "t/photos/a/notes.txt"];
    assert_eq!(w.keys("derived").await, left);
    assert_eq!(told(&removed(&cleanup, &a).await), "done", "the same event again");
    assert_eq!(w.keys("derived").await, left);
    assert!(w.announced().is_empty());
}

#[tokio::test]
async fn every_way_of_going_counts() {
    for kind in [
        "ObjectRemoved:Delete",
        "ObjectRemoved:DeleteMarkerCreated",
        "LifecycleExpiration:Delete",
        "LifecycleExpiration:DeleteMarkerCreated",
        EventKind::BATCH_TASK,
    ] {
        let w = World::new();
        let a = photo("a");
        w.put(&a, "x").await;
        w.make(&a).await;
        w.remove(&a).await;
        let outcome = w.cleanup(&[]).handle(&event(kind, &a), deadline()).await;
        assert_eq!(told(&outcome), "done, removed 3", "{kind}");
    }
}

#[tokio::test]
async fn creations_are_left_to_those_who_know_what_to_make() {
    let w = World::new();
    let a = photo("a");
    w.put(&a, "x").await;
    for kind in ["ObjectCreated:Put", "ObjectTagging:Put", "LifecycleTransition"] {
        let outcome = w.cleanup(&[]).handle(&event(kind, &a), deadline()).await;
        assert_eq!(told(&outcome), "skip not-a-removal", "{kind}");
    }
    assert!(w.announced().is_empty());
}

#[tokio::test]
async fn a_source_that_is_there_keeps_its_derived_objects_and_what_is_missing_is_announced() {
    let w = World::new();
    let a = photo("a");
    let cleanup = w.cleanup(&[]);
    w.put(&a, "x").await;
    assert_eq!(told(&removed(&cleanup, &a).await), "done, announced 1", "missing");
    w.make(&a).await;
    assert_eq!(told(&removed(&cleanup, &a).await), "done", "an older version was deleted");
    w.put(&a, "y").await;
    assert_eq!(told(&removed(&cleanup, &a).await), "done, announced 1", "stale");
    w.make(&a).await;
    w.remove(&at("derived", A[1])).await;
    assert_eq!(told(&removed(&cleanup, &a).await), "done, announced 1", "incomplete");
    assert_eq!(w.announced(), ["a", "a", "a"]);
    w.make(&a).await;
    assert_eq!(w.keys("derived").await, A);
    assert_eq!(told(&removed(&cleanup, &a).await), "done");
}

#[tokio::test]
async fn without_a_topic_a_rebuild_is_parked_and_never_forgotten() {
    let w = World::new();
    let a = photo("a");
    w.put(&a, "x").await;
    assert_eq!(told(&removed(&w.cleanup(&[("BRIGADE_ANNOUNCE", "")]), &a).await), "park not-announced");
}

#[tokio::test]
async fn what_nothing_is_derived_from_is_not_announced() {
    let w = World::new();
    let (folder, a) = (photo("folder/"), photo("a"));
    w.put(&folder, "").await;
    assert_eq!(told(&removed(&w.cleanup(&[]), &folder).await), "skip folder-marker");
    w.put(&a, "x").await;
    assert_eq!(told(&removed(&w.cleanup(&[("BRIGADE_INPUT", "s3://photos/uploads/*")]), &a).await), "skip not-mine");
    let long = photo(&"k".repeat(1020));
    assert_eq!(told(&removed(&w.cleanup(&[]), &long).await), "done");
    w.put(&long, "x").await;
    assert_eq!(told(&removed(&w.cleanup(&[]), &long).await), "skip derived-key-too-long");
    assert!(w.announced().is_empty());
}

#[tokio::test]
async fn several_templates_are_cleaned_and_announced_once() {
    let w = World::new();
    let a = photo("a");
    let both = "s3://derived/t/{bucket}/{key}/{size}.{ext},s3://more/{bucket}/{key}/{size}";
    let cleanup = w.cleanup(&[("BRIGADE_OUTPUT", both)]);
    w.put(&a, "x").await;
    assert_eq!(told(&removed(&cleanup, &a).await), "done, announced 1");
    w.make(&a).await;
    w.remove(&a).await;
    assert_eq!(told(&removed(&cleanup, &a).await), "done, removed 3");
    assert!(w.keys("derived").await.is_empty());
}

#[tokio::test]
async fn a_plan_changes_nothing() {
    let w = World::new();
    let (a, b) = (photo("a"), photo("b"));
    let cleanup = w.cleanup(&[("BRIGADE_MODE", "plan")]);
    w.put(&a, "x").await;
    w.make(&a).await;
    w.remove(&a).await;
    w.put(&b, "x").await;
    for source in [&a, &b] {
        assert_eq!(told(&removed(&cleanup, source).await), "skip plan");
    }
    assert_eq!(w.keys("derived").await, A);
    assert!(w.announced().is_empty());
}

#[tokio::test]
async fn both_readings_of_an_ambiguous_key_are_looked_at() {
    let w = World::new();
    let (raw, decoded) = (photo("a+b"), photo("a b"));
    for source in [&raw, &decoded] {
        w.put(source, "x").await;
        w.make(source).await;
        w.remove(source).await;
    }
    let mut event = event("ObjectRemoved:Delete", &raw);
    event.other_key = Some(decoded.key);
    assert_eq!(told(&w.cleanup(&[]).handle(&event, deadline()).await), "done, removed 6");
    assert!(w.keys("derived").await.is_empty());
}

#[tokio::test]
async fn a_bucket_that_is_not_there_says_nothing_of_its_objects() {
    let w = World::new();
    let bucket = BucketName::new("misspelt");
    let a = at("misspelt", "a");
    w.store.create_bucket(&bucket, "us-east-1").unwrap();
    w.put(&a, "x").await;
    w.make(&a).await;
    w.remove(&a).await;
    w.store.delete_bucket(&bucket).unwrap();
    let cleanup = w.cleanup(&[("BRIGADE_INPUT", "s3://misspelt/*")]);
    assert_eq!(told(&removed(&cleanup, &a).await), "retry no-such-bucket");
    assert_eq!(w.keys("derived").await.len(), 3);
}

/// A photo whose sidecar a rule has archived.
async fn with_an_archived_sidecar() -> World {
    let w = World::new();
    let a = photo("a");
    w.put(&a, "x").await;
    w.make(&a).await;
    let sidecar = at("derived", A[2]);
    let metadata = w.head(&sidecar).await.metadata;
    let replace = PutOptions { storage_class: Some("GLACIER".to_owned()), metadata, ..PutOptions::default() };
    let source = CopySource { at: sidecar.clone(), version_id: None, if_match: None };
    w.store.copy(&sidecar, Copy { source, replace: Some(replace) }).await.unwrap();
    w
}

#[tokio::test]
async fn an_archived_sidecar_keeps_nothing_from_going_and_is_made_again_while_its_source_is_there() {
    let w = with_an_archived_sidecar().await;
    let a = photo("a");
    assert_eq!(told(&removed(&w.cleanup(&[]), &a).await), "done, announced 1");
    assert_eq!(told(&w.make(&a).await), "done, wrote 1");
    assert_eq!(told(&removed(&w.cleanup(&[]), &a).await), "done", "it can be read again");
    let w = with_an_archived_sidecar().await;
    w.remove(&a).await;
    assert_eq!(told(&removed(&w.cleanup(&[]), &a).await), "done, removed 3");
}

#[tokio::test]
async fn what_must_be_restored_before_it_is_withdrawn_is_parked() {
    let w = with_an_archived_sidecar().await;
    let a = photo("a");
    w.remove(&a).await;
    let outcome = removed(&w.cleanup(&[("BRIGADE_ON_DELETE", "tag")]), &a).await;
    assert_eq!(told(&outcome), "park archived, wrote 2, withdrawn 2");
}
