//! Many seeds, on every core, and what they came to together.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::report::Report;
use super::sabotage::Sabotage;
use super::scenario::Scenario;
use super::world::run;

/// What a range of seeds came to.
#[derive(Debug, Default)]
pub struct Found {
    /// Runs.
    pub seeds: u64,
    /// Changes of all of them.
    pub changes: u64,
    /// The fewest changes that one had.
    pub least_changes: u64,
    /// Faults of all of them.
    pub faults: u64,
    /// The fewest faults that one had.
    pub least_faults: u64,
    /// How often each kind of fault happened.
    pub fired: BTreeMap<&'static str, u64>,
    /// Runs in which something was not as it must be.
    pub wrong: u64,
    /// The first of them, by seed.
    pub first_wrong: Option<Report>,
    took: Duration,
}

/// One run, in simulated time of its own.
pub fn simulate(scenario: &Scenario, sabotage: Option<Sabotage>) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime is built").block_on(run(scenario, sabotage))
}

/// A search says how far it is after so many seeds.
const PROGRESS: u64 = 1_000;

/// Runs each of these seeds.
pub fn search(seeds: Range<u64>, scenario: impl Fn(u64) -> Scenario + Sync) -> Found {
    let begun = Instant::now();
    let next = AtomicU64::new(seeds.start);
    let work = || {
        let mut found = Found::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return found;
            }
            let report = simulate(&scenario(seed), None);
            if !report.divergences.is_empty() {
                eprintln!("seed {seed} is wrong: {}", report.divergences.join("; "));
            }
            found.add(Found::of(report));
            let done = seed - seeds.start;
            if done > 0 && done.is_multiple_of(PROGRESS) {
                eprintln!("{done} of {} seeds, {} s", seeds.end - seeds.start, begun.elapsed().as_secs());
            }
        }
    };
    let mut found = Found::default();
    thread::scope(|scope| {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().for_each(|one| found.add(one.join().expect("no run panics")));
    });
    found.took = begun.elapsed();
    found
}

/// The first of these seeds in which a sabotage shows; with names, by what one of those invariants says.
pub fn first_caught(seeds: Range<u64>, scenario: impl Fn(u64) -> Scenario, sabotage: Sabotage, by: &[&str]) -> Option<Report> {
    let mut runs = seeds.map(|seed| simulate(&scenario(seed), Some(sabotage)));
    runs.find(|report| report.divergences.iter().any(|what| by.is_empty() || by.iter().any(|by| what.starts_with(by))))
}

impl Found {
    fn of(report: Report) -> Self {
        let (changes, faults) = (u64::from(report.changes), report.faults());
        let is_wrong = !report.divergences.is_empty();
        Self {
            seeds: 1,
            changes,
            // A run that is wrong ends at once, so that its counts say nothing.
            least_changes: if is_wrong { u64::MAX } else { changes },
            faults,
            least_faults: if is_wrong { u64::MAX } else { faults },
            fired: report.fired.clone(),
            wrong: is_wrong.into(),
            first_wrong: is_wrong.then_some(report),
            took: Duration::ZERO,
        }
    }

    fn add(&mut self, other: Self) {
        if other.seeds == 0 {
            return;
        }
        let least = |mine: u64, others: u64| if self.seeds == 0 { others } else { mine.min(others) };
        (self.least_changes, self.least_faults) =
            (least(self.least_changes, other.least_changes), least(self.least_faults, other.least_faults));
        self.seeds += other.seeds;
        self.changes += other.changes;
        self.faults += other.faults;
        self.wrong += other.wrong;
        other.fired.iter().for_each(|(kind, count)| *self.fired.entry(kind).or_default() += count);
        let both = [self.first_wrong.take(), other.first_wrong];
        self.first_wrong = both.into_iter().flatten().min_by_key(|report| report.seed);
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seeds, changes, least_changes, faults, least_faults, fired, wrong, .. } = self;
        let (seconds, rate) = (self.took.as_secs_f64(), *seeds as f64 / self.took.as_secs_f64());
        writeln!(f, "{seeds} seeds, {wrong} wrong, in {seconds:.0} s ({rate:.0} a second)")?;
        writeln!(f, "{changes} changes, at least {least_changes} in a run; {faults} faults, at least {least_faults}")?;
        let kinds: Vec<String> = fired.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        write!(f, "{}", kinds.join(", "))
    }
}
