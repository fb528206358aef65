//! What the simulation found, as a test of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use brigade::budget::Deadline;
use brigade::config::Environment;
use brigade::event::{BucketName, EventKind, ObjectEvent, ObjectKey};
use brigade::storage::faulty::{Faults, Moment, Pause};
use brigade::storage::{EmbeddedStore, FaultyStore, List, Location, PutOptions, Store};
use brigade::verdict::Verdict;
use brigade::worker::Worker;
use brigade_thumbnail::{Config, Thumbnail};
use futures::FutureExt;

/// A worker with the earlier configuration had written one size and ended before its
/// sidecar. No sidecar named that object, so no worker with the new configuration ever looked at it.
#[tokio::test(start_paused = true)]
async fn what_an_earlier_configuration_left_without_a_sidecar_goes() {
    let config = |sizes: &str, generation: &str| {
        let environment: Environment = [
            ("BRIGADE_INPUT", "s3://photos/*"),
            ("BRIGADE_OUTPUT", "s3://derived/t/{bucket}/{key}/{size}.{ext}"),
            ("BRIGADE_SIZES", sizes),
            ("BRIGADE_GENERATION", generation),
        ]
        .into_iter()
        .collect();
        Config::read(&environment).unwrap()
    };
    let store = EmbeddedStore::new();
    let (photos, derived) = (BucketName::new("photos"), BucketName::new("derived"));
    store.create_bucket(&photos, "us-east-1").unwrap();
    store.create_bucket(&derived, "us-east-1").unwrap();
    let source = Location::new(photos.clone(), ObjectKey::new("a").unwrap());
    let bytes = brigade_thumbnail::samples::samples().unwrap().remove(5).bytes;
    store.put_object(&source, bytes.into(), PutOptions::default(), EventKind::new("ObjectCreated:Put")).unwrap();
    let event = ObjectEvent::new(EventKind::new("ObjectCreated:Put"), photos, source.key);
    let puts = AtomicU32::new(0);
    let ends_at_the_second_put: Pause = Arc::new(move |point| {
        let second =
            point.operation == "PutObject" && point.moment == Moment::BeforeEffect && puts.fetch_add(1, Ordering::SeqCst) == 1;
        if second { futures::future::pending().boxed() } else { futures::future::ready(()).boxed() }
    });
    let deadline = Deadline::after(Duration::from_secs(60));
    let dying = FaultyStore::new(store.clone(), Faults::default(), 0).with_pause(ends_at_the_second_put);
    let old = Thumbnail::new(&config("64,32", "1"), Arc::new(dying));
    assert!(tokio::time::timeout(Duration::from_secs(30), old.handle(&event, deadline)).await.is_err());
    let keys = async || {
        let page = store.list(&derived, List::default()).await.unwrap();
        page.objects.iter().map(|object| object.key.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(keys().await, ["t/photos/a/64.png"]);
    let new = Thumbnail::new(&config("16", "2"), Arc::new(store.clone()));
    assert_eq!(new.handle(&event, deadline).await.verdict, Verdict::Done);
    assert_eq!(keys().await, ["t/photos/a/16.png", "t/photos/a/info.json"]);
}
