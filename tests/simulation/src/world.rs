//! The world of one run, and its episodes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use brigade::storage::faulty::Faults;
use brigade::storage::{EmbeddedStore, FaultyStore};
use time::OffsetDateTime;
use tokio::time::Instant;

use super::compaction::Compacted;
use super::function::Function;
use super::invariants::nothing_is_left;
use super::invocation::Invocation;
use super::part::{Ground, Part};
use super::photos::Photos;
use super::report::Report;
use super::sabotage::Sabotage;
use super::scenario::{Company, Scenario};
use super::stream::Streamed;
use super::timeline::Timeline;
use super::topic::Topic;

/// Steps of an episode; one that needs more does not come to rest.
const MAX_STEPS: u64 = 60_000;
/// How long invocations with the old configuration still begin after a deployment. Were it longer than a late look waits,
/// the old one could take that look, and leave an output that only the new one knows.
const OVERLAP: Duration = Duration::from_secs(300);

/// Runs a scenario to its end. The same scenario gives the same report.
pub(super) async fn run(scenario: &Scenario, sabotage: Option<Sabotage>) -> Report {
    // Tokio's own fairness would interrupt the scheduler at places that depend on what ran before.
    tokio::task::unconstrained(async { World::new(scenario.clone(), sabotage).run().await }).await
}

pub(super) struct World {
    pub(super) scenario: Scenario,
    pub(super) random: fastrand::Rng,
    pub(super) faulty: FaultyStore<EmbeddedStore>,
    pub(super) functions: Vec<Function>,
    pub(super) topic: Arc<Topic>,
    pub(super) parts: Vec<Box<dyn Part>>,
    pub(super) timeline: Arc<Timeline>,
    pub(super) invocations: Vec<Invocation>,
    pub(super) invoked: u64,
    pub(super) step: u64,
    pub(super) changes: u32,
    /// The moment up to which all that time brings has happened.
    pub(super) caught_up: Instant,
    /// The new configuration is deployed; the old one still serves some invocations until it has drained.
    pub(super) deployed: bool,
    /// From then on no new invocation has the old configuration.
    pub(super) overlap_ends: Instant,
    pub(super) drained: bool,
    /// Faults have ceased, until all is at rest.
    pub(super) quiet: bool,
    /// Changes at whose end the world comes to rest; then it is checked, and the next episode begins.
    pub(super) episode_ends: u32,
    /// Write that waits to land, by when it must have.
    pub(super) late: Option<Instant>,
    pub(super) stop: Option<String>,
    fired: BTreeMap<&'static str, u64>,
}

impl World {
    fn new(scenario: Scenario, sabotage: Option<Sabotage>) -> Self {
        let seed = scenario.seed;
        let timeline = Arc::new(Timeline::new());
        let store = store(&scenario, &timeline);
        let topic = Arc::new(Topic::new(&scenario, &timeline));
        let mut ground = Ground { scenario, sabotage, store, topic, timeline, functions: Vec::new() };
        let parts = parts(&mut ground);
        let Ground { scenario, store, topic, timeline, functions, .. } = ground;
        Self {
            random: fastrand::Rng::with_seed(seed.wrapping_mul(0x9e37_79b9).wrapping_add(1)),
            drained: scenario.deploy_after.is_none(),
            deployed: false,
            caught_up: Instant::now(),
            overlap_ends: Instant::now(),
            faulty: FaultyStore::new(store, scenario.faults, seed),
            scenario,
            functions,
            topic,
            parts,
            timeline,
            invocations: Vec::new(),
            invoked: 0,
            step: 0,
            changes: 0,
            quiet: false,
            episode_ends: 0,
            late: None,
            stop: None,
            fired: BTreeMap::new(),
        }
    }

    async fn run(mut self) -> Report {
        let mut divergences = Vec::new();
        while divergences.is_empty() && self.goes_on() {
            self.begin_episode();
            self.run_episode().await;
            divergences = match self.stop.take() {
                Some(stop) => vec![stop],
                None => self.check().await,
            };
        }
        let timeline = self.timeline.render(&self.faulty.timeline());
        Report { seed: self.scenario.seed, divergences, timeline, fired: self.fired(), changes: self.changes }
    }

    /// A mild seed goes on, in harsher weather, until it has had the faults that every run must have.
    fn goes_on(&mut self) -> bool {
        if self.changes < self.scenario.changes {
            return true;
        }
        let mild = Report::count_faults(&self.fired()) < self.scenario.least_faults;
        if mild {
            self.scenario = self.scenario.clone().harsher();
        }
        mild
    }

    fn begin_episode(&mut self) {
        self.episode_ends = (self.changes + self.random.u32(1..=self.scenario.burst)).min(self.scenario.changes);
        self.timeline.note(format!("changes {} to {}, faults begin", self.changes + 1, self.episode_ends));
        self.set_faults(true);
    }

    /// Faults begin, or cease until all is at rest.
    pub(super) fn set_faults(&mut self, faults: bool) {
        self.quiet = !faults;
        self.faulty.set_faults(if faults { self.scenario.faults } else { Faults::default() });
        self.functions.iter().for_each(|function| function.queues.set_faults(faults));
        self.topic.set_faults(faults);
        self.parts.iter_mut().for_each(|part| part.set_faults(faults));
    }

    async fn run_episode(&mut self) {
        let begun = self.step;
        while self.stop.is_none() && self.make_step().await {
            self.step += 1;
            for part in &mut self.parts {
                part.step().await;
            }
            if let Some(violation) = self.parts.iter().find_map(|part| part.violation()) {
                self.stop = Some(violation);
            } else if self.step - begun == MAX_STEPS {
                self.stop = Some(format!("no rest after {MAX_STEPS} steps"));
            }
        }
    }

    /// What must hold at rest.
    async fn check(&self) -> Vec<String> {
        let mut divergences = Vec::new();
        for part in &self.parts {
            divergences.extend(part.check().await);
        }
        for function in &self.functions {
            let (waiting, dead) = function.queues.left();
            let left = nothing_is_left(waiting, dead).into_iter();
            divergences.extend(left.map(|what| format!("{}: {what}", function.name())));
        }
        divergences
    }

    pub(super) fn fire(&mut self, what: &'static str) {
        *self.fired.entry(what).or_default() += 1;
    }

    /// How often each fault, and what else not every run has, happened.
    fn fired(&self) -> BTreeMap<&'static str, u64> {
        let counts = self.faulty.fired();
        let of_store = [
            ("throttled", counts.throttled),
            ("unavailable", counts.unavailable),
            ("reply lost", counts.reply_lost),
            ("re-sent", counts.resent),
            ("late landing", counts.landed_late),
            ("body cut", counts.cut),
        ];
        let mut fired = self.fired.clone();
        let of_queues = self.functions.iter().flat_map(|function| function.queues.fired());
        of_queues
            .chain(of_store)
            .chain(self.topic.fired())
            .chain(self.parts.iter().flat_map(|part| part.fired()))
            .chain(self.timeline.ends())
            .for_each(|(what, number)| *fired.entry(what).or_default() += number);
        fired
    }

    /// The actor changes something.
    pub(super) fn change(&mut self) {
        self.changes += 1;
        let random = &mut self.random;
        let happened: Vec<_> = self.parts.iter_mut().filter_map(|part| part.change(random)).collect();
        happened.into_iter().for_each(|what| self.fire(what));
        if Some(self.changes) == self.scenario.deploy_after {
            self.timeline.note("another configuration is deployed".to_owned());
            self.fire("deployment");
            self.deployed = true;
            self.parts.iter_mut().for_each(|part| part.deploy());
            self.overlap_ends = Instant::now() + OVERLAP;
        }
    }

    /// From now on no new invocation has the old configuration, once the last one with it has ended.
    pub(super) fn drain(&mut self) {
        let has_old = self.invocations.iter().any(|one| one.has_generations && one.generation == 1);
        if self.deployed && !self.drained && !has_old {
            self.end_overlap();
        }
    }

    /// The old version has drained.
    pub(super) fn end_overlap(&mut self) {
        self.drained = true;
        self.timeline.note("backfill and sweep".to_owned());
        self.parts.iter_mut().for_each(|part| part.drain());
    }
}

/// The parts of the company's functions.
fn parts(ground: &mut Ground) -> Vec<Box<dyn Part>> {
    let mut parts: Vec<Box<dyn Part>> = Vec::new();
    if !ground.scenario.alone {
        parts.push(Box::new(Photos::lay(ground)));
        if ground.scenario.company >= Company::Dedupe {
            parts.push(Box::new(Streamed::lay(ground)));
        }
    }
    if ground.scenario.company >= Company::Compact {
        parts.push(Box::new(Compacted::lay(ground)));
    }
    parts
}

/// The store, in simulated time.
fn store(scenario: &Scenario, timeline: &Arc<Timeline>) -> EmbeddedStore {
    let clock = Arc::clone(timeline);
    let now = move || OffsetDateTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000) + clock.now();
    EmbeddedStore::new().with_clock(Arc::new(now)).with_seed(scenario.seed)
}
