//! Sweeps over the embedded store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use brigade::budget::Deadline;
use brigade::config::{Environment, Place};
use brigade::derived::{CONFIG, SOURCE, VERSION, owner_mark};
use brigade::event::{BucketName, ObjectKey};
use brigade::storage::faulty::{Faults, Moment, Pause};
use brigade::storage::{EmbeddedStore, FaultyStore, List, Location, PutOptions, Store};
use brigade::worker::Worker;
use brigade::worker::queue::{Outgoing, QueueError};
use brigade::worker::topic::Topic;
use bytes::Bytes;
use futures::FutureExt;
use proptest::prelude::*;

use super::*;
use crate::Config;

mod brakes;
mod place;

struct Nowhere;

#[async_trait]
impl Topic for Nowhere {
    async fn publish(&self, _: &str, _: Outgoing) -> Result<(), QueueError> {
        Ok(())
    }
}

#[derive(Default)]
struct Seen {
    orphans: Vec<(String, Vec<String>, String)>,
    counted: u64,
}

impl Watch for Seen {
    fn looked(&mut self, stage: Stage, _: u64, orphaned: u64) {
        if stage == Stage::Count {
            self.counted = orphaned;
        }
    }

    fn orphan(&mut self, orphan: &Orphan) {
        let objects = orphan.objects.iter().map(|at| at.key.to_string()).collect();
        self.orphans.push((orphan.source.key.to_string(), objects, orphan.verdict.name().to_owned()));
    }
}

impl Seen {
    /// What was removed, or would be.
    fn objects(&self) -> Vec<String> {
        self.orphans.iter().flat_map(|(_, objects, _)| objects.clone()).collect()
    }
}

fn world() -> EmbeddedStore {
    let store = EmbeddedStore::new().with_seed(1);
    for name in ["photos", "derived", "state"] {
        store.create_bucket(&BucketName::new(name), "us-east-1").unwrap();
    }
    store
}

fn cleanup(store: &EmbeddedStore, own: &[(&str, &str)]) -> Cleanup {
    cleanup_on(Arc::new(store.clone()), own)
}

fn cleanup_on(store: Arc<dyn Store>, own: &[(&str, &str)]) -> Cleanup {
    let usual = [("BRIGADE_INPUT", "s3://photos/*"), ("BRIGADE_OUTPUT", "s3://derived/t/{bucket}/{key}/{size}.{ext}")];
    let variables: BTreeMap<&str, &str> = usual.into_iter().chain(own.iter().copied()).collect();
    let environment: Environment = variables.into_iter().collect();
    Cleanup::new(&Config::read(&environment).unwrap(), store, Arc::new(Nowhere))
}

fn at(bucket: &str, key: &str) -> Location {
    Location::new(BucketName::new(bucket), ObjectKey::new(key).unwrap())
}

async fn put(store: &EmbeddedStore, bucket: &str, key: &str) {
    store.put(&at(bucket, key), Bytes::from("x"), PutOptions::default()).await.unwrap();
}

/// A derived object of a source, with its mark.
async fn derive(store: &EmbeddedStore, key: &str, segment: &str) {
    let source = at("photos", key);
    let marks = [(SOURCE, owner_mark(&source)), (VERSION, "v".to_owned()), (CONFIG, "1-x".to_owned())];
    let metadata = marks.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let options = PutOptions { metadata, ..PutOptions::default() };
    let derived = at("derived", &format!("t/photos/{key}/{segment}"));
    store.put(&derived, Bytes::from("x"), options).await.unwrap();
}

async fn keys(store: &EmbeddedStore, bucket: &str) -> Vec<String> {
    let page = store.list(&BucketName::new(bucket), List::default()).await.unwrap();
    page.objects.into_iter().map(|object| object.key.into()).collect()
}

const PLAN: Order<'_> = Order { place: None, apply: false, max_deletes: 1000, start_after: None };
/// Where the sweep of the usual templates and inputs keeps its place, with `s3://state/brigade/`.
const KEPT: &str = "brigade/cleanup/v1/sweep-6332ea1537157f12.json";
const APPLY: Order<'_> = Order { apply: true, ..PLAN };

#[tokio::test]
async fn orphans_are_listed_and_then_removed_and_nothing_else() {
    let store = world();
    for key in ["a", "a/b", "a-b", "kept"] {
        put(&store, "photos", key).await;
    }
    for key in ["a", "a/b", "a-b", "kept", "gone", "gone/too", "gone-too"] {
        derive(&store, key, "1.jpg").await;
        derive(&store, key, "info.json").await;
    }
    // No mark, no slash, and another template's directory.
    for key in ["t/photos/gone/notes.txt", "t/photos/stray", "t/other/gone/1.jpg", "elsewhere"] {
        put(&store, "derived", key).await;
    }
    let before = keys(&store, "derived").await;
    let cleanup = cleanup(&store, &[]);
    let (mut plan, mut apply) = (Seen::default(), Seen::default());
    let planned = cleanup.sweep(PLAN, &mut plan).await.unwrap();
    assert_eq!(keys(&store, "derived").await, before, "a plan changes nothing");
    assert_eq!((planned.sources, planned.objects, planned.failed, planned.over), (3, 6, 0, None));
    let applied = cleanup.sweep(APPLY, &mut apply).await.unwrap();
    assert_eq!((applied.sources, applied.objects, applied.failed, applied.over), (3, 6, 0, None));
    assert_eq!(plan.objects(), apply.objects(), "what a plan lists is what is removed");
    let left: Vec<String> = before.into_iter().filter(|key| !plan.objects().contains(key)).collect();
    assert_eq!(keys(&store, "derived").await, left);
    assert!(left.contains(&"t/photos/gone/notes.txt".to_owned()));
    let again = cleanup.sweep(APPLY, &mut Seen::default()).await.unwrap();
    assert_eq!((again.sources, again.objects), (0, 0));
}

#[tokio::test]
async fn above_the_brake_nothing_is_removed() {
    let store = world();
    for n in 0..5 {
        derive(&store, &format!("gone-{n}"), "1.jpg").await;
    }
    let before = keys(&store, "derived").await;
    let cleanup = cleanup(&store, &[]);
    let mut seen = Seen::default();
    let summary = cleanup.sweep(Order { max_deletes: 4, ..APPLY }, &mut seen).await.unwrap();
    assert_eq!((summary.over, summary.objects, seen.counted), (Some(5), 0, 5));
    assert_eq!(keys(&store, "derived").await, before);
    let summary = cleanup.sweep(Order { max_deletes: 4, ..PLAN }, &mut Seen::default()).await.unwrap();
    assert_eq!((summary.over, summary.objects), (Some(5), 5), "the plan lists all of it, and says that it would be refused");
    let summary = cleanup.sweep(Order { max_deletes: 5, ..APPLY }, &mut Seen::default()).await.unwrap();
    assert_eq!((summary.over, summary.objects), (None, 5));
}

#[tokio::test]
async fn what_is_never_removed_does_not_count_for_the_brake() {
    let store = world();
    for n in 0..4 {
        derive(&store, &format!("gone-{n}"), "1.jpg").await;
        put(&store, "derived", &format!("t/photos/gone-{n}/notes.txt")).await;
    }
    let deadline = || Deadline::after(Duration::from_secs(60));
    let three = cleanup(&store, &[("BRIGADE_MAX_DELETES", "3")]).on_schedule(deadline()).await;
    assert_eq!(three.verdict.reason().unwrap().code, BRAKE);
    let summary = cleanup(&store, &[]).sweep(Order { max_deletes: 3, ..APPLY }, &mut Seen::default()).await.unwrap();
    assert_eq!((summary.over, summary.objects), (Some(4), 0));
    let four = cleanup(&store, &[("BRIGADE_MAX_DELETES", "4")]).on_schedule(deadline()).await;
    assert_eq!((four.verdict, four.figures[2]), (Verdict::Done, ("removed", 4)));
    assert_eq!(keys(&store, "derived").await.len(), 4, "the notes are somebody's");
}

#[tokio::test]
async fn no_source_outside_of_the_input_is_looked_at() {
    let store = world();
    for key in ["uploads", "uploads/there", "uploads/gone"] {
        derive(&store, key, "1.jpg").await;
    }
    put(&store, "photos", "uploads/there").await;
    let looks = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = Arc::clone(&looks);
    let pause: Pause = Arc::new(move |point| {
        if point.operation == "HeadObject" {
            seen.lock().unwrap().push(point.place.to_string());
        }
        std::future::ready(()).boxed()
    });
    let watched = Arc::new(FaultyStore::new(store.clone(), Faults::default(), 0).with_pause(pause));
    let cleanup = cleanup_on(watched, &[("BRIGADE_INPUT", "s3://photos/uploads/*")]);
    let mut found = Seen::default();
    cleanup.sweep(PLAN, &mut found).await.unwrap();
    assert_eq!(found.objects(), ["t/photos/uploads/gone/1.jpg"]);
    let looks = looks.lock().unwrap();
    let outside: Vec<&String> = looks.iter().filter(|place| place.ends_with("photos/uploads")).collect();
    assert!(!looks.is_empty() && outside.is_empty(), "{outside:?}");
}

#[tokio::test]
async fn a_place_narrows_the_sweep_down() {
    let places = [
        ("s3://derived/", "gone gone/too other/gone"),
        ("s3://derived/t/photos/", "gone gone/too other/gone"),
        ("s3://derived/t/photos/other/", "other/gone"),
        ("s3://derived/t/photos/gone/", "gone gone/too"),
        ("s3://derived/t/photos/gone/too/", "gone/too"),
        ("s3://derived/t/photos/there/", ""),
        ("s3://derived/t/photos/gone/i", "gone"),
        ("s3://derived/t/elsewhere/", "no place"),
        ("s3://photos/", "no place"),
    ];
    for (place, expected) in places {
        let store = world();
        put(&store, "photos", "there").await;
        for key in ["gone", "gone/too", "other/gone", "there"] {
            derive(&store, key, "1.jpg").await;
            derive(&store, key, "info.json").await;
        }
        let cleanup = cleanup(&store, &[]);
        let place = Place::parse(place).unwrap();
        let mut seen = Seen::default();
        cleanup.sweep(Order { place: Some(&place), ..PLAN }, &mut seen).await.unwrap();
        let found: Vec<&str> = seen.orphans.iter().map(|(key, _, _)| key.as_str()).collect();
        let found = if cleanup.has_derived_below(&place) { found.join(" ") } else { "no place".to_owned() };
        assert_eq!(found, expected, "{place}");
    }
}

#[tokio::test]
async fn sources_outside_of_the_input_are_no_reason_to_remove_anything() {
    let store = world();
    for key in ["in/gone.jpg", "in/gone.png", "out/gone.jpg"] {
        derive(&store, key, "1.jpg").await;
    }
    let cleanup = cleanup(&store, &[("BRIGADE_INPUT", "s3://photos/in/*.jpg,s3://photos/in/more/*.jpg")]);
    let mut seen = Seen::default();
    cleanup.sweep(APPLY, &mut seen).await.unwrap();
    assert_eq!(seen.objects(), ["t/photos/in/gone.jpg/1.jpg"]);
}

#[tokio::test]
async fn a_schedule_sweeps_and_the_brake_is_told() {
    let store = world();
    for n in 0..3 {
        derive(&store, &format!("gone-{n}"), "1.jpg").await;
    }
    let deadline = || Deadline::after(Duration::from_secs(60));
    let braked = cleanup(&store, &[("BRIGADE_MAX_DELETES", "2")]).on_schedule(deadline()).await;
    assert_eq!(braked.verdict.reason().unwrap().code, BRAKE);
    assert_eq!(keys(&store, "derived").await.len(), 3);
    let planned = cleanup(&store, &[("BRIGADE_MODE", "plan")]).on_schedule(deadline()).await;
    assert_eq!((planned.verdict, planned.figures[2]), (Verdict::Done, ("would_remove", 3)));
    let swept = cleanup(&store, &[]).on_schedule(deadline()).await;
    assert_eq!((swept.verdict, swept.figures[2]), (Verdict::Done, ("removed", 3)));
    assert!(keys(&store, "derived").await.is_empty());
}

/// The same store, in which each page of a listing takes three seconds.
fn slow(store: &EmbeddedStore) -> Arc<dyn Store> {
    let pause: Pause = Arc::new(|point| {
        let listing = point.operation == "ListObjectsV2" && point.moment == Moment::BeforeEffect;
        tokio::time::sleep(Duration::from_secs(if listing { 3 } else { 0 })).boxed()
    });
    Arc::new(FaultyStore::new(store.clone(), Faults::default(), 0).with_pause(pause))
}

/// As the batch loop does it: what is not done when work must end is dropped.
async fn in_time(cleanup: &Cleanup, time: Duration) -> brigade::verdict::Outcome {
    let deadline = Deadline::after(time);
    tokio::time::timeout_at(deadline.work_ends(), cleanup.on_schedule(deadline)).await.expect("it ends by itself, in time")
}

#[tokio::test(start_paused = true)]
async fn a_sweep_that_had_no_time_goes_on_where_it_ended() {
    let store = world();
    for n in 0..3000 {
        derive(&store, &format!("gone-{n:04}"), "1.jpg").await;
    }
    let many = ("BRIGADE_MAX_DELETES", "10k");
    let kept = [many, ("BRIGADE_STATE", "s3://state/brigade/")];
    let (little, plenty) = (Duration::from_secs(30), Duration::from_secs(900_000));
    let planning = [kept[0], kept[1], ("BRIGADE_MODE", "plan")];
    assert_eq!(in_time(&cleanup_on(slow(&store), &planning), little).await.verdict, Verdict::Done);
    assert!(keys(&store, "state").await.is_empty(), "a plan writes nothing");
    let first = in_time(&cleanup_on(slow(&store), &kept), little).await;
    assert_eq!(first.verdict, Verdict::Done);
    assert_eq!(keys(&store, "state").await, [KEPT]);
    let removed = first.figures[2].1;
    assert!(removed > 0 && removed < 2000, "it counted, and had time for a few: {removed}");
    // Behind the place where it has ended, so this one is not found before the sweep after the next.
    derive(&store, "a", "1.jpg").await;
    let second = cleanup(&store, &kept).on_schedule(Deadline::after(plenty)).await;
    assert_eq!((second.verdict, second.figures[2].1), (Verdict::Done, 3000 - removed));
    assert!(keys(&store, "state").await.is_empty(), "it has come to the end");
    assert_eq!(keys(&store, "derived").await, ["t/photos/a/1.jpg"]);
    let third = cleanup(&store, &kept).on_schedule(Deadline::after(plenty)).await;
    assert_eq!(third.figures[2].1, 1);
    // Without a place for it, nobody knows where to go on.
    for n in 0..3000 {
        derive(&store, &format!("gone-{n:04}"), "1.jpg").await;
    }
    let forgetful = cleanup_on(slow(&store), &[many]).on_schedule(Deadline::after(little)).await;
    assert_eq!(forgetful.verdict.reason().unwrap().code, "sweep-unfinished");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_sweep_finds_what_has_no_source_whatever_the_keys(
        there in prop::collection::btree_set("[ab./ !-]{1,6}", 0..12),
        gone in prop::collection::btree_set("[ab./ !-]{1,6}", 0..12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let store = world();
            for key in &there {
                put(&store, "photos", key).await;
            }
            for key in there.iter().chain(&gone) {
                derive(&store, key, "1.jpg").await;
                derive(&store, key, "info.json").await;
            }
            let cleanup = cleanup(&store, &[]);
            let (mut plan, mut apply) = (Seen::default(), Seen::default());
            cleanup.sweep(PLAN, &mut plan).await.unwrap();
            cleanup.sweep(APPLY, &mut apply).await.unwrap();
            let mut planned: Vec<&String> = plan.orphans.iter().map(|(key, _, _)| key).collect();
            planned.sort();
            let expected: Vec<&String> = gone.difference(&there).collect();
            prop_assert_eq!(planned, expected);
            prop_assert_eq!(plan.objects(), apply.objects());
            let left = keys(&store, "derived").await;
            prop_assert_eq!(left.len(), 2 * there.len());
            Ok(())
        })?;
    }
}
