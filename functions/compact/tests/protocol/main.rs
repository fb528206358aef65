//! The protocol in a seeded world: several workers whose requests interleave one by one, crashes at any request, lost and late
//! replies, duplicates, foreign deletions, leases that run out. After every request the table is looked at.
//!
//! `BRIGADE_COMPACT_SEEDS=5000 cargo test -p brigade-compact --no-default-features --test protocol`; a failure names its seed,
//! which `BRIGADE_COMPACT_FIRST=seed BRIGADE_COMPACT_SEEDS=1` runs again.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise; clippy.toml lets only functions marked as tests do so"
)]

mod gate;
mod sabotage;
mod world;

use sabotage::Sabotage;
use world::{Setting, World};

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap())
}

/// Runs one seed; the worlds differ in how they flush and in what becomes of log objects.
fn run(seed: u64, sabotage: Sabotage) -> Result<world::Told, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async { World::new(Setting::of(seed), sabotage).run().await })
}

#[test]
fn each_line_is_published_once_whatever_happens() {
    let first = number("BRIGADE_COMPACT_FIRST", 0);
    let mut all = world::Told::default();
    for seed in first..first + number("BRIGADE_COMPACT_SEEDS", 120) {
        match run(seed, Sabotage::None) {
            Ok(told) => all += told,
            Err(problem) => panic!("seed {seed}: {problem}"),
        }
    }
    eprintln!("{all:?}");
    // A world in which nothing goes wrong shows nothing.
    if number("BRIGADE_COMPACT_SEEDS", 120) >= 100 {
        for (name, count) in all.faults() {
            assert!(count > 0, "{name} never happened: {all:?}");
        }
    }
}

/// A seed that is named by a failure must show it again.
#[test]
fn the_same_seed_is_the_same_world() {
    for seed in 0..20 {
        let (once, again) = (run(seed, Sabotage::None).unwrap(), run(seed, Sabotage::None).unwrap());
        assert_eq!(once, again, "seed {seed}");
    }
}

/// Each guard of the protocol, removed in turn, is missed by the invariant that it serves.
#[test]
fn every_guard_is_needed() {
    for (sabotage, invariants) in [
        (Sabotage::NoClaim, &["at-most-once"][..]),
        (Sabotage::ReadBeforeClaim, &["at-most-once"]),
        (Sabotage::Regroup, &["at-most-once"]),
        (Sabotage::DeleteBeforeCommit, &["deleted-after-published"]),
        (Sabotage::ForgetWithoutLooking, &["at-most-once"]),
        (Sabotage::AcknowledgeOthers, &["exactly-once", "rest"]),
        (Sabotage::Overwrite, &["published-stays", "at-most-once"]),
    ] {
        let caught = (0..2_000).find_map(|seed| run(seed, sabotage).err().map(|problem| (seed, problem)));
        let (seed, problem) = caught.unwrap_or_else(|| panic!("{sabotage:?} went unnoticed"));
        assert!(invariants.iter().any(|name| problem.contains(name)), "{sabotage:?}, seed {seed}: {problem}");
        eprintln!("{sabotage:?} is caught by seed {seed}: {}", problem.lines().next().unwrap_or_default());
    }
}
