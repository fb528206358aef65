//! The thumbnail function in a simulated world, seed by seed.

use std::collections::BTreeMap;
use std::time::Instant;

use brigade_tests::simulation::{Report, Sabotage, Scenario, run};

/// Seeds of an ordinary test run; `BRIGADE_SIMULATION_SEEDS` asks for more.
const SEEDS: u64 = 300;

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
    let mut changes = 0;
    for seed in first..first + number {
        let report = simulate(&Scenario::of_seed(seed), None);
        assert!(report.divergences.is_empty(), "{}", report.explain());
        changes += u64::from(report.changes);
        report.fired.iter().for_each(|(kind, count)| *fired.entry(kind).or_default() += count);
    }
    let rate = number as f64 / begun.elapsed().as_secs_f64();
    println!("{number} seeds, {changes} changes, {rate:.1} seeds/s, faults: {fired:?}");
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
