//! What stops a sweep, and what it tells then.

use std::sync::Mutex;

use brigade::budget::LONGEST_REQUEST;
use brigade::derived::{STATE, WITHDRAWN};
use brigade::event::EventKind;
use brigade::storage::paging;
use futures::StreamExt;

use super::*;

/// The store, in which each request of that name takes so many seconds.
fn slow_at(store: &EmbeddedStore, operation: &'static str, seconds: u64) -> Arc<dyn Store> {
    let pause: Pause = Arc::new(move |point| {
        let slow = point.operation == operation && point.moment == Moment::BeforeEffect;
        tokio::time::sleep(Duration::from_secs(if slow { seconds } else { 0 })).boxed()
    });
    Arc::new(FaultyStore::new(store.clone(), Faults::default(), 0).with_pause(pause))
}

/// The store, and the names of its requests.
fn counted(store: &EmbeddedStore) -> (Arc<dyn Store>, Arc<Mutex<Vec<&'static str>>>) {
    let asked: Arc<Mutex<Vec<&'static str>>> = Arc::default();
    let asks = Arc::clone(&asked);
    let pause: Pause = Arc::new(move |point| {
        if point.moment == Moment::BeforeEffect {
            asks.lock().unwrap().push(point.operation);
        }
        std::future::ready(()).boxed()
    });
    (Arc::new(FaultyStore::new(store.clone(), Faults::default(), 0).with_pause(pause)), asked)
}

async fn orphans(number: u32) -> EmbeddedStore {
    let store = world();
    for n in 0..number {
        derive(&store, &format!("gone-{n:04}"), "1.jpg").await;
    }
    store
}

async fn number(store: &EmbeddedStore) -> usize {
    paging::list_all(store, &BucketName::new("derived"), List::default()).count().await
}

#[tokio::test(start_paused = true)]
async fn the_brake_holds_where_there_is_no_time_to_look_at_all_that_was_counted() {
    let store = orphans(3000).await;
    let own = [("BRIGADE_MAX_DELETES", "1000"), ("BRIGADE_STATE", "s3://state/brigade/"), ("BRIGADE_CONCURRENCY", "4")];
    // Some time for it, and none at all.
    for seconds in [1, 600] {
        let cleanup = cleanup_on(slow_at(&store, "HeadObject", seconds), &own);
        for _ in 0..3 {
            let outcome = cleanup.on_schedule(Deadline::after(Duration::from_secs(60))).await;
            let reason = outcome.verdict.reason().expect("a reason");
            assert_eq!((outcome.verdict.name(), reason.code.as_ref()), ("park", BRAKE));
            assert!(reason.detail.contains("3000 derived objects seem") && reason.detail.contains("not all"), "{reason}");
            assert_eq!((outcome.figures[0], outcome.figures[2]), (("looked", 3000), ("removed", 0)));
        }
    }
    assert_eq!((number(&store).await, keys(&store, "state").await.len()), (3000, 0));
}

#[derive(Default)]
struct Stages(Vec<Stage>, usize);

impl Watch for Stages {
    fn looked(&mut self, stage: Stage, _: u64, _: u64) {
        self.0.push(stage);
    }

    fn orphan(&mut self, _: &Orphan) {
        self.1 += 1;
    }
}

#[tokio::test]
async fn a_braked_sweep_looks_at_no_more_than_it_must() {
    let store = orphans(3000).await;
    let (watched, asked) = counted(&store);
    let cleanup = cleanup_on(watched, &[("BRIGADE_CONCURRENCY", "4"), ("BRIGADE_MAX_DELETES", "10")]);
    let mut stages = Stages::default();
    let summary = cleanup.sweep(Order { max_deletes: 10, ..APPLY }, &mut stages).await.unwrap();
    assert!(summary.over.is_some_and(|over| (11..=14).contains(&over)), "{summary:?}");
    assert_eq!((summary.objects, stages.1, number(&store).await), (0, 0, 3000));
    assert!(stages.0.contains(&Stage::Check), "its progress is told: {:?}", stages.0);
    let heads = asked.lock().unwrap().iter().filter(|name| **name == "HeadObject").count();
    assert!((22..=28).contains(&heads), "an object and its source each: {heads}");
    let scheduled = cleanup.on_schedule(Deadline::after(Duration::from_secs(600))).await;
    let reason = scheduled.verdict.reason().expect("a reason").to_string();
    assert!(
        reason.contains("more than BRIGADE_MAX_DELETES=10") && reason.contains("`brigade sweep s3://derived/`"),
        "{reason}"
    );
}

/// `gone` with an output that can't be copied before it is restored.
async fn with_an_archived_one() -> EmbeddedStore {
    let store = orphans(2).await;
    let at = at("derived", "t/photos/gone-0000/1.jpg");
    let metadata = store.head_object(&at, &Default::default()).unwrap().metadata;
    let options = PutOptions { storage_class: Some("GLACIER".to_owned()), metadata, ..PutOptions::default() };
    store.put(&at, Bytes::from("x"), options).await.unwrap();
    store
}

#[tokio::test]
async fn what_could_not_be_removed_is_told() {
    let store = with_an_archived_one().await;
    let outcome = cleanup(&store, &[("BRIGADE_ON_DELETE", "tag")]).on_schedule(Deadline::after(Duration::from_secs(60))).await;
    let reason = outcome.verdict.reason().expect("a reason");
    assert_eq!((outcome.verdict.name(), reason.code.as_ref()), ("park", "sweep-failed"));
    assert!(reason.detail.contains("1 sources") && reason.detail.contains("s3://photos/gone-0000: archived"), "{reason}");
    assert_eq!((outcome.figures[2], outcome.figures[3]), (("removed", 1), ("failed", 1)));
    let other = store.head_object(&at("derived", "t/photos/gone-0001/1.jpg"), &Default::default()).unwrap();
    assert_eq!(other.metadata.get(STATE).map(String::as_str), Some(WITHDRAWN));
}

#[tokio::test(start_paused = true)]
async fn what_was_removed_without_an_answer_is_looked_at_when_nothing_can_land_any_more() {
    let store = orphans(1).await;
    let begun = tokio::time::Instant::now();
    // The removal lands, and the source comes back before anybody knows.
    let (world, looks) = (store.clone(), Arc::new(Mutex::new(Vec::new())));
    let seen = Arc::clone(&looks);
    let pause: Pause = Arc::new(move |point| {
        match (point.operation, point.moment) {
            ("DeleteObject", Moment::AfterEffect) => {
                let kind = EventKind::new("ObjectCreated:Put");
                world.put_object(&at("photos", "gone-0000"), Bytes::from("x"), PutOptions::default(), kind).unwrap();
            }
            ("HeadObject", Moment::BeforeEffect) => seen.lock().unwrap().push(begun.elapsed()),
            _ => {}
        }
        std::future::ready(()).boxed()
    });
    let faults = Faults { reply_lost: 1.0, ..Faults::default() };
    let faulty = Arc::new(FaultyStore::new(store.clone(), faults, 0).with_pause(pause));
    let mut found = Seen::default();
    cleanup_on(faulty, &[]).sweep(APPLY, &mut found).await.unwrap();
    assert!(keys(&store, "derived").await.is_empty());
    assert!(looks.lock().unwrap().last().is_some_and(|last| *last >= LONGEST_REQUEST), "{looks:?}");
    // There is no topic here: with one it would have been announced.
    assert_eq!(found.orphans, [("gone-0000".to_owned(), vec![], "park".to_owned())]);
}

#[tokio::test]
async fn a_source_bucket_that_is_not_there_ends_the_sweep() {
    let store = orphans(2).await;
    store.delete_bucket(&BucketName::new("photos")).unwrap();
    let outcome = cleanup(&store, &[]).on_schedule(Deadline::after(Duration::from_secs(60))).await;
    assert_eq!((outcome.verdict.name(), outcome.verdict.reason().unwrap().code.as_ref()), ("retry", "no-such-bucket"));
    assert_eq!(number(&store).await, 2);
}
