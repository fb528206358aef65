//! Photos in, thumbnails out; photos changed, thumbnails changed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use brigade::event::{BucketName, ObjectKey};
use brigade::storage::{Head, Location, Store};
use brigade_local::lambda::HostEvent;
use brigade_tests::rig::{DERIVED, DLQ, PARKED, QUEUE, Rig, Setting};
use brigade_thumbnail::samples::samples;
use bytes::Bytes;

use crate::world::{event, photo, put_all, small_sizes};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_sample_becomes_what_the_pure_core_makes_of_it() {
    let rig = Rig::start(Setting::default()).await;
    let drawn = samples().unwrap();
    let sources: BTreeMap<String, Bytes> =
        drawn.into_iter().map(|sample| (format!("in/é {}", sample.name), sample.bytes.into())).collect();
    put_all(&rig, &sources).await;
    rig.rest().await;
    rig.derived_is_f_of(&sources).await;
    rig.empty(&[QUEUE, DLQ, PARKED]);
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thumbnails_follow_their_source() {
    let rig = Rig::start(Setting { environment: small_sizes(), ..Setting::default() }).await;
    let mut sources = BTreeMap::from([("a.jpg".to_owned(), photo(200)), ("b.jpg".to_owned(), photo(210))]);
    put_all(&rig, &sources).await;
    rig.rest().await;
    rig.derived_is_f_of(&sources).await;
    let first = rig.etags().await;
    assert_eq!(first.len(), 6, "two sizes and a sidecar of each");

    put_all(&rig, &sources).await;
    rig.rest().await;
    assert_eq!(rig.etags().await, first, "the same bytes again change nothing");

    sources.insert("a.jpg".to_owned(), photo(220));
    put_all(&rig, &sources).await;
    rig.rest().await;
    rig.derived_is_f_of(&sources).await;
    assert_ne!(rig.etags().await, first, "other bytes make other thumbnails");

    rig.remove("a.jpg").await;
    sources.remove("a.jpg");
    rig.rest().await;
    rig.derived_is_f_of(&sources).await;
    rig.remove("b.jpg").await;
    rig.rest().await;
    rig.derived_is_f_of(&BTreeMap::new()).await;
    rig.empty(&[QUEUE, DLQ, PARKED]);
    rig.end().await;
}

/// How long it takes is printed and not asserted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_is_answered_at_once() {
    let rig = Rig::start(Setting::default()).await;
    rig.rest().await;
    let mut events = rig.cloud.host().events();
    let bytes = Bytes::from(samples().unwrap().swap_remove(2).bytes);
    let mut took: Vec<Duration> = Vec::new();
    let mut sources = BTreeMap::new();
    for n in 0..20 {
        let key = format!("{n}.jpg");
        let begun = Instant::now();
        rig.put(&key, bytes.clone()).await;
        // The sidecar is written last, and the reply comes after it. (A reply before may be that to S3's test event.)
        let sidecar =
            Location::new(BucketName::new(DERIVED), ObjectKey::new(format!("thumbnails/photos/{key}/info.json")).unwrap());
        while rig.store.head(&sidecar, Head::default()).await.is_err() {
            event(&rig, &mut events, "a reply", |event| matches!(event, HostEvent::Replied { .. })).await;
        }
        took.push(begun.elapsed());
        sources.insert(key, bytes.clone());
    }
    took.sort();
    eprintln!("from an upload to the reply after its sidecar: median {:?}, slowest {:?}", took[10], took[19]);
    rig.derived_is_f_of(&sources).await;
    rig.end().await;
}
