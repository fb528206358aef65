//! The thumbnail function in a simulated world, seed by seed.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that panics is a test that fails")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use brigade::budget::Deadline;
use brigade::config::Environment;
use brigade::event::{BucketName, EventKind, ObjectEvent, ObjectKey};
use brigade::storage::faulty::{Faults, Moment, Pause};
use brigade::storage::{EmbeddedStore, FaultyStore, List, Location, PutOptions, Store};
use brigade::verdict::Verdict;
use brigade::worker::Worker;
use brigade_simulation::{Report, Sabotage, Scenario, run};
use brigade_thumbnail::{Config, Thumbnail};
use futures::FutureExt;

/// Seeds of an ordinary test run; `BRIGADE_SIMULATION_SEEDS` asks for more.
const SEEDS: u64 = 150;

/// Every kind of fault that a whole run of the suite must have seen.
const KINDS: &[&str] = &[
    "acknowledgement lost",
    "body cut",
    "crash",
    "delete marker removed",
    "deployment",
    "event duplicated",
    "event reordered",
    "late landing",
    "late look",
    "message dead-lettered",
    "message redelivered",
    "re-sent",
    "reply lost",
    "send refused",
    "send reply lost",
    "throttled",
    "timeout",
    "unavailable",
    "version removed",
    "visibility refused",
];

fn simulate(scenario: &Scenario, sabotage: Option<Sabotage>) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(run(scenario, sabotage))
}

fn seeds() -> u64 {
    std::env::var("BRIGADE_SIMULATION_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(SEEDS)
}

fn first_seed() -> u64 {
    std::env::var("BRIGADE_SIMULATION_FIRST").ok().and_then(|n| n.parse().ok()).unwrap_or(0)
}

#[test]
fn derived_state_is_f_of_source_whatever_fails() {
    let begun = Instant::now();
    let (first, number) = (first_seed(), seeds());
    let mut fired = BTreeMap::<&str, u64>::new();
    let (mut changes, mut wrong) = (0, None);
    for seed in first..first + number {
        let report = simulate(&Scenario::of_seed(seed), None);
        if !report.divergences.is_empty() {
            println!("seed {seed}: {}", report.divergences.join("; "));
            wrong.get_or_insert(report.explain());
        } else {
            assert!(report.changes >= 20, "seed {seed} has {} changes", report.changes);
        }
        changes += u64::from(report.changes);
        report.fired.iter().for_each(|(kind, count)| *fired.entry(kind).or_default() += count);
    }
    let rate = number as f64 / begun.elapsed().as_secs_f64();
    println!("{number} seeds, {changes} changes, {rate:.1} seeds/s, faults: {fired:?}");
    assert!(wrong.is_none(), "{}", wrong.unwrap_or_default());
    let never: Vec<_> = KINDS.iter().filter(|kind| fired.get(*kind).is_none_or(|n| *n == 0)).collect();
    assert!(never.is_empty(), "faults that never happened in {number} seeds: {never:?}");
}

#[test]
fn a_world_without_faults_converges() {
    for seed in 0..20 {
        let report = simulate(&Scenario::of_seed(seed).without_faults(), None);
        assert!(report.divergences.is_empty(), "{}", report.explain());
    }
}

#[test]
fn crashes_and_duplicates_alone_do_no_harm() {
    for seed in 0..20 {
        let report = simulate(&Scenario::of_seed(seed).with_crashes_and_duplicates_only(), None);
        assert!(report.divergences.is_empty(), "{}", report.explain());
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in [1, 2, 3, 5, 8] {
        let scenario = Scenario::of_seed(seed);
        let (first, second) = (simulate(&scenario, None), simulate(&scenario, None));
        assert!(first.timeline.len() > 100, "seed {seed} does too little");
        assert_eq!(first.timeline, second.timeline, "seed {seed}");
        assert_eq!(first.fired, second.fired, "seed {seed}");
    }
}

/// Within how many seeds each sabotage must show.
const SABOTAGE_SEEDS: u64 = 1000;

fn is_caught(sabotage: Sabotage) {
    let caught = (0..SABOTAGE_SEEDS).map(|seed| simulate(&Scenario::of_seed(seed), Some(sabotage)));
    let report = caught.into_iter().find(|report| !report.divergences.is_empty());
    let report = report.unwrap_or_else(|| panic!("{sabotage:?} was not caught within {SABOTAGE_SEEDS} seeds"));
    println!("{sabotage:?} is caught by seed {}: {}", report.seed, report.divergences.join("; "));
}

macro_rules! sabotages {
    ($($name:ident: $sabotage:ident,)*) => {
        $(#[test] fn $name() { is_caught(Sabotage::$sabotage); })*

        #[test]
        fn every_sabotage_is_in_the_table() {
            assert_eq!([$(Sabotage::$sabotage),*], Sabotage::ALL);
        }
    };
}

sabotages! {
    no_look_after_a_put_is_caught: NoLookAfterPut,
    no_look_after_a_delete_is_caught: NoLookAfterDelete,
    source_first_is_caught: SourceFirst,
    unconditional_writes_are_caught: Unconditional,
    a_refused_condition_taken_as_done_is_caught: RefusedIsDone,
    no_late_look_is_caught: NoLateLook,
    the_sidecar_as_the_only_test_is_caught: SidecarAlone,
    removal_of_own_writes_only_is_caught: OnlyOwnWrites,
}

/// What the simulation found at first: a worker with the earlier configuration had written one size and ended before its
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
    let event = ObjectEvent {
        kind: EventKind::new("ObjectCreated:Put"),
        bucket: photos,
        region: None,
        key: source.key,
        other_key: None,
        version_id: None,
        etag: None,
        size: None,
        sequencer: None,
        time: None,
    };
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
