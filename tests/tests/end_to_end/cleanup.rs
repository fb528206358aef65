//! Cleanup beside thumbnail: what one makes the other removes, whatever happens to messages and processes.

use std::collections::BTreeMap;
use std::time::Duration;

use brigade::event::BucketName;
use brigade::storage::embedded::Versioning;
use brigade::storage::{Delete, Get, ListVersions, Store};
use brigade_local::lambda::{Faults, HostEvent};
use brigade_local::notify::NotifyFaults;
use brigade_local::sqs;
use brigade_tests::rig::{CLEANUP, CLEANUP_DLQ, CLEANUP_PARKED, DLQ, PARKED, QUEUE, Rig, SOURCE, Setting, source};
use bytes::Bytes;
use futures::TryStreamExt;

use crate::world::{Size, event, hours, hurried, photo, size, small_sizes};

const ALL: [&str; 2] = [QUEUE, CLEANUP];
const NEVER: [&str; 4] = [DLQ, PARKED, CLEANUP_DLQ, CLEANUP_PARKED];

/// The families that the template lets through to the thumbnail function: removals are cleanup's.
fn families() -> Vec<String> {
    brigade_thumbnail::EVENTS.iter().map(|family| (*family).to_owned()).collect()
}

async fn both(setting: impl Fn() -> Setting, own: &[(&str, &str)]) -> Rig {
    let rig = Rig::start(setting()).await;
    rig.join_cleanup(&setting(), own).await;
    rig
}

/// All that is there, by key.
async fn sources(rig: &Rig, keys: u32) -> BTreeMap<String, Bytes> {
    let mut found = BTreeMap::new();
    for n in 0..keys {
        let key = key(n);
        let Ok(object) = rig.store.get(&source(&key), Get::default()).await else { continue };
        let chunks: Vec<Bytes> = object.body.try_collect().await.unwrap();
        found.insert(key, chunks.concat().into());
    }
    found
}

fn key(n: u32) -> String {
    format!("in/{n:02}.jpg")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thumbnails_go_with_their_photo_and_come_back_with_it() {
    let setting = || Setting { environment: small_sizes(), families: families(), ..Setting::default() };
    let rig = both(setting, &[]).await;
    rig.cloud.store().set_versioning(&BucketName::new(SOURCE), Versioning::Enabled).unwrap();
    for n in 0..3 {
        rig.put(&key(n), photo(200 + n)).await;
    }
    rig.rest_of(&ALL).await;
    rig.derived_is_f_of(&sources(&rig, 3).await).await;
    let marker = rig.store.delete(&source(&key(1)), Delete::default()).await.unwrap();
    rig.rest_of(&ALL).await;
    let left = sources(&rig, 3).await;
    assert_eq!(left.len(), 2);
    rig.derived_is_f_of(&left).await;
    // Only a removal is told of, that of the marker: cleanup announces what thumbnail then makes.
    rig.store.delete(&source(&key(1)), Delete { version_id: marker.version_id, if_match: None }).await.unwrap();
    rig.rest_of(&ALL).await;
    rig.rest_of(&ALL).await;
    let back = sources(&rig, 3).await;
    assert_eq!(back.len(), 3);
    rig.derived_is_f_of(&back).await;
    rig.empty(&NEVER);
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_are_killed_again_and_again_and_every_thumbnail_is_that_of_its_photo() {
    let Size { changes, keys } = size(120);
    let setting = || Setting {
        // Each change is told once to four times, and in any order; processes are killed, and replies are lost.
        options: hurried(400.0)
            .notify_faults(NotifyFaults { seed: 3, duplicate: 0.5, delay_max: Duration::from_millis(200), reorder: true })
            .queue_faults(sqs::Faults { seed: 5, duplicate: 0.5, delay_max: Duration::from_secs(60), reorder: true })
            .host_faults(Faults { seed: 7, kill_during: 0.2, reply_lost: 0.05 }),
        environment: small_sizes(),
        families: families(),
        visibility: Duration::from_secs(1600),
        max_receive_count: 1000,
        batch_size: 5,
        patience: Duration::from_secs(600),
        ..Setting::default()
    };
    let rig = both(setting, &[]).await;
    rig.cloud.store().set_versioning(&BucketName::new(SOURCE), Versioning::Enabled).unwrap();
    let mut events = rig.cloud.host().events();
    let mut random = fastrand::Rng::with_seed(11);
    let photos: Vec<Bytes> = (0..8).map(|n| photo(200 + n)).collect();
    for n in 0..changes {
        change(&rig, &key(random.u32(0..keys)), &photos, &mut random).await;
        // Changes and work go on side by side: some changes for each invocation.
        if n % 4 == 3 {
            event(&rig, &mut events, "an invocation", |event| matches!(event, HostEvent::Invoked { .. })).await;
        }
    }
    // What cleanup announces in its last moments is work once more.
    rig.rest_of(&ALL).await;
    rig.rest_of(&ALL).await;
    let there = sources(&rig, keys).await;
    assert!(!there.is_empty() && there.len() < keys as usize, "{} of {keys} are there", there.len());
    rig.derived_is_f_of(&there).await;
    rig.empty(&[QUEUE, CLEANUP]);
    rig.empty(&NEVER);
    let (host, queues) = (rig.cloud.host().fault_counts(), rig.cloud.queues().fault_counts());
    eprintln!("{changes} changes over {keys} keys, {} there at the end: {host:?}, {queues:?}", there.len());
    assert!(host.killed >= 5 && host.replies_lost > 0, "{host:?}");
    assert!(queues.duplicated_new_id + queues.duplicated_same_id > 0 && queues.reordered > 0, "{queues:?}");
    rig.end().await;
}

/// One change of a source: an upload, one of the same bytes again, a removal, or the removal of the newest version.
async fn change(rig: &Rig, key: &str, photos: &[Bytes], random: &mut fastrand::Rng) {
    match random.u8(0..10) {
        0..6 => drop(rig.put(key, photos[random.usize(0..photos.len())].clone()).await),
        6..9 => rig.remove(key).await,
        _ => {
            let options = ListVersions { prefix: key.to_owned(), ..ListVersions::default() };
            let versions = rig.store.list_versions(&BucketName::new(SOURCE), options).await.unwrap().versions;
            let Some(newest) = versions.into_iter().find(|version| version.is_latest) else { return };
            let undo = Delete { version_id: Some(newest.version_id), if_match: None };
            rig.store.delete(&source(key), undo).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn withdrawn_thumbnails_stay_and_are_in_use_again_when_the_photo_is_back() {
    let setting = || Setting { environment: small_sizes(), families: families(), visibility: hours(1), ..Setting::default() };
    let rig = both(setting, &[("BRIGADE_ON_DELETE", "tag")]).await;
    rig.put(&key(0), photo(200)).await;
    rig.rest_of(&ALL).await;
    let before = rig.etags().await;
    rig.remove(&key(0)).await;
    rig.rest_of(&ALL).await;
    assert_eq!(rig.etags().await, before, "the same bytes");
    let withdrawn = rig.derived().await.into_values().all(|(object, _)| brigade::derived::is_withdrawn(&object.meta));
    assert!(withdrawn);
    rig.put(&key(0), photo(200)).await;
    rig.rest_of(&ALL).await;
    rig.derived_is_f_of(&sources(&rig, 1).await).await;
    let in_use = rig.derived().await.into_values().all(|(object, _)| !brigade::derived::is_withdrawn(&object.meta));
    assert!(in_use);
    rig.empty(&NEVER);
    rig.end().await;
}
